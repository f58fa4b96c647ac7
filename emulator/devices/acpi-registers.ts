/**
 * Fixed hardware of ACPI (ACPI 6.4, section 4.8): the PM1a event and control registers and the power management timer.
 * The machine is always in ACPI mode; there is no system-management mode to come from.
 */
import { eventTime, Frequency, type Clock, type ClockEvent } from '../clock';
import type { Bus, PortDevice } from './bus';

/** Ports, as the FADT names them (boot/acpi.ts). */
export const PM1A_EVENT_PORT = 0x600;
export const PM1A_EVENT_BYTES = 4;
export const PM1A_CONTROL_PORT = 0x604;
export const PM1A_CONTROL_BYTES = 2;
export const PM_TIMER_PORT = 0x608;
export const PM_TIMER_BYTES = 4;
/** The interrupt of all this. */
export const SCI_IRQ = 9;
/** What SLP_TYPa must be for soft-off, as \_S5 in the DSDT says. */
export const SLEEP_TYPE_S5 = 5;

export const PM_TIMER_HERTZ = 3_579_545;
/** TMR_STS is set when the top bit of 24 changes. */
const CARRY_TICKS = 2 ** 23;

/** PM1 status and enable bit of the timer. */
const TIMER = 1 << 0;
/** PM1 events that may be enabled: timer, global lock, power and sleep button, real-time clock. */
const ENABLE_BITS = 0x0721;

/** PM1 control. */
const enum Control {
  SCI_EN = 1 << 0,
  BUS_MASTER_RELOAD = 1 << 1,
  SLEEP_TYPE_SHIFT = 10,
  SLEEP_TYPE = 7 << 10,
  SLEEP_ENABLE = 1 << 13,
}

export class AcpiRegisters implements PortDevice {
  readonly widest = 1;
  private readonly frequency = new Frequency(PM_TIMER_HERTZ);
  private enable = 0;
  private control = Control.SCI_EN as number;
  /** Changes of the timer's top bit up to when TMR_STS was cleared last. */
  private carriesSeen = 0;
  private event: ClockEvent | undefined;

  /** `setInterrupt`: level of the SCI. `powerOff`: the guest entered S5. */
  constructor(
    private readonly clock: Clock,
    private readonly setInterrupt: (level: boolean) => void,
    private readonly powerOff: () => void,
  ) {}

  static attach(bus: Bus, clock: Clock, setInterrupt: (level: boolean) => void, powerOff: () => void): AcpiRegisters {
    const registers = new AcpiRegisters(clock, setInterrupt, powerOff);
    bus.claimPorts(PM1A_EVENT_PORT, PM1A_CONTROL_PORT + PM1A_CONTROL_BYTES - 1, registers);
    bus.claimPorts(PM_TIMER_PORT, PM_TIMER_PORT + PM_TIMER_BYTES - 1, {
      read: (port, size) => {
        const shifted = Math.floor(registers.timer / 2 ** (8 * (port - PM_TIMER_PORT)));
        return shifted % 2 ** (8 * size);
      },
      write: () => undefined,
    });
    return registers;
  }

  save() {
    const { enable, control, carriesSeen } = this;
    return { enable, control, carriesSeen, event: eventTime(this.event) };
  }

  restore({ event, ...rest }: ReturnType<AcpiRegisters['save']>): void {
    Object.assign(this, rest);
    this.event = event && this.clock.reschedule(event, this.carry);
  }

  read(port: number, _size: 1 | 2 | 4): number {
    const at = port - PM1A_EVENT_PORT;
    const value = at < 2 ? this.status : at < PM1A_EVENT_BYTES ? this.enable : this.control;
    return (value >> (8 * (at & 1))) & 0xff;
  }

  write(port: number, _size: 1 | 2 | 4, value: number): void {
    const at = port - PM1A_EVENT_PORT;
    const shift = 8 * (at & 1);
    const replaced = (old: number): number => (old & ~(0xff << shift)) | (value << shift);
    if (at < 2) {
      // Writing 1 clears.
      if ((value << shift) & TIMER) this.carriesSeen = this.carries;
    } else if (at < PM1A_EVENT_BYTES) {
      this.enable = replaced(this.enable) & ENABLE_BITS;
    } else {
      this.writeControl(replaced(this.control));
    }
    this.update();
  }

  private writeControl(value: number): void {
    this.control = (value & (Control.BUS_MASTER_RELOAD | Control.SLEEP_TYPE)) | Control.SCI_EN;
    const sleepType = (value & Control.SLEEP_TYPE) >> Control.SLEEP_TYPE_SHIFT;
    if (value & Control.SLEEP_ENABLE && sleepType === SLEEP_TYPE_S5) this.powerOff();
  }

  /** The timer has 32 bits. */
  private get timer(): number {
    return this.frequency.ticksAt(this.clock.now) % 2 ** 32;
  }

  private get carries(): number {
    return Math.floor(this.frequency.ticksAt(this.clock.now) / CARRY_TICKS);
  }

  private get status(): number {
    return this.carries !== this.carriesSeen ? TIMER : 0;
  }

  private update(): void {
    if (this.event) this.clock.cancel(this.event);
    this.event = undefined;
    this.setInterrupt((this.status & this.enable) !== 0);
    if (!(this.enable & TIMER) || this.status & TIMER) return;
    this.event = this.clock.schedule(this.frequency.timeOf((this.carries + 1) * CARRY_TICKS), this.carry);
  }

  /** The timer's top bit changes. */
  private readonly carry = (): void => {
    this.event = undefined;
    this.update();
  };
}
