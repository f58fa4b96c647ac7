/** A port through which the guest ends the run, like QEMU's isa-debug-exit: the exit code is (value << 1) | 1. */
import type { Bus, PortDevice } from './bus';

export const DEBUG_EXIT_PORT = 0xf4;

export class DebugExit implements PortDevice {
  /** `exit` receives the exit code. */
  constructor(private readonly exit: (code: number) => void) {}

  static attach(bus: Bus, exit: (code: number) => void): DebugExit {
    const device = new DebugExit(exit);
    bus.claimPorts(DEBUG_EXIT_PORT, DEBUG_EXIT_PORT + 3, device);
    return device;
  }

  read(_port: number, _size: 1 | 2 | 4): number {
    return 0;
  }

  write(_port: number, _size: 1 | 2 | 4, value: number): void {
    this.exit(((value << 1) | 1) >>> 0);
  }
}
