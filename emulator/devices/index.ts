/** The devices every machine has, attached to its bus. */
import type { Clock } from '../clock';
import type { Bus } from './bus';
import { DebugExit } from './debug-exit';
import { Pic } from './pic';
import { PostCode } from './post-code';
import { COM1_IRQ, Uart } from './uart';

export interface Devices {
  readonly pic: Pic;
  readonly serial: Uart;
}

export interface DeviceConnections {
  /** A byte the guest sent to its first serial port. */
  readonly serial: (byte: number) => void;
  /** The guest wrote to the debug-exit port. */
  readonly exit: (code: number) => void;
}

export function attachDevices(bus: Bus, _clock: Clock, { serial, exit }: DeviceConnections): Devices {
  const pic = Pic.attach(bus);
  const uart = Uart.attach(bus, {
    transmit: serial,
    setInterrupt: (level) => pic.setLine(COM1_IRQ, level),
  });
  DebugExit.attach(bus, exit);
  PostCode.attach(bus);
  return { pic, serial: uart };
}
