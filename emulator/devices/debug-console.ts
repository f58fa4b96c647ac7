/** Port E9h: bytes written there are the guest's debugging output, as on Bochs and with QEMU's isa-debugcon. */
import type { Bus } from './bus';

export const DEBUG_CONSOLE_PORT = 0xe9;

export function attachDebugConsole(bus: Bus, output: (byte: number) => void): void {
  bus.claimPorts(DEBUG_CONSOLE_PORT, DEBUG_CONSOLE_PORT, {
    widest: 1,
    // By this a guest tells that the console is there.
    read: () => DEBUG_CONSOLE_PORT,
    write: (_port, _size, value) => output(value),
  });
}
