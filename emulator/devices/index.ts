/** The devices every machine has, attached to its bus. */
import type { Clock } from '../clock';
import type { Bus } from './bus';
import { DebugExit } from './debug-exit';
import { Pic } from './pic';
import { Pit, PIT_IRQ } from './pit';
import { PostCode } from './post-code';
import { Rtc } from './rtc';
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
  /** Time the real-time clock shows at reset, in seconds since 1970 (UTC); default the start of the year 2000. */
  readonly startSeconds?: number;
}

const YEAR_2000 = 946_684_800;

export function attachDevices(bus: Bus, clock: Clock, connections: DeviceConnections): Devices {
  const { serial, exit, startSeconds = YEAR_2000 } = connections;
  const pic = Pic.attach(bus);
  const uart = Uart.attach(bus, {
    transmit: serial,
    setInterrupt: (level) => pic.setLine(COM1_IRQ, level),
  });
  DebugExit.attach(bus, exit);
  PostCode.attach(bus);
  Pit.attach(bus, clock, (level) => pic.setLine(PIT_IRQ, level));
  Rtc.attach(bus, clock, startSeconds);
  return { pic, serial: uart };
}
