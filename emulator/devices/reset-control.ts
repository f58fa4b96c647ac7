/**
 * The ways a guest resets a PC: the pulse command of the keyboard controller (there is none, but its reset line exists),
 * system control port A, and the reset control register of the chip set.
 */
import type { Bus } from './bus';

const KEYBOARD_COMMAND_PORT = 0x64;
const SYSTEM_CONTROL_PORT_A = 0x92;
export const RESET_CONTROL_PORT = 0xcf9;

/**
 * Status: data that never ends, as where nothing answers, by which guests tell that there is no keyboard controller; but
 * ready for a command, so that a guest that wants to reset does not wait for the buffer to become free.
 */
const NO_KEYBOARD_CONTROLLER = 0xfd;

/** Pulse output lines: a 0 in bits 3..0 pulses that line; line 0 is the reset. */
const PULSE = 0xf0;
const RESET_LINE = 1;

/** Port 92h. The A20 gate can be switched, of no consequence: all addresses always exist. */
const FAST_RESET = 1 << 0;
const A20 = 1 << 1;

/** Reset control register: a rise of RST_CPU resets. Values 06h (hard) and 04h (soft) are customary. */
const RST_CPU = 1 << 2;
const KEPT = 0x0a;

export class ResetControl {
  /** Port 92h, and the reset control register. */
  private controlA = A20;
  private resetControl = 0;

  save() {
    const { controlA, resetControl } = this;
    return { controlA, resetControl };
  }

  restore(saved: ReturnType<ResetControl['save']>): void {
    Object.assign(this, saved);
  }

  /** `reset` is called once the guest has asked for it; until then everything goes on. */
  static attach(bus: Bus, reset: () => void): ResetControl {
    const device = new ResetControl();
    bus.claimPorts(KEYBOARD_COMMAND_PORT, KEYBOARD_COMMAND_PORT, {
      widest: 1,
      read: () => NO_KEYBOARD_CONTROLLER,
      write: (_port, _size, value) => {
        if (value >= PULSE && !(value & RESET_LINE)) reset();
      },
    });
    bus.claimPorts(SYSTEM_CONTROL_PORT_A, SYSTEM_CONTROL_PORT_A, {
      widest: 1,
      read: () => device.controlA,
      write: (_port, _size, value) => {
        device.controlA = value & A20;
        if (value & FAST_RESET) reset();
      },
    });
    bus.claimPorts(RESET_CONTROL_PORT, RESET_CONTROL_PORT, {
      widest: 1,
      read: () => device.resetControl,
      write: (_port, _size, value) => {
        device.resetControl = value & KEPT;
        if (value & RST_CPU) reset();
      },
    });
    return device;
  }
}
