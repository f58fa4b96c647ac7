/** One timer of the HPET (IA-PC HPET specification 1.0a, sections 2.3.8 and 2.3.9): one-shot or periodic, 32 or 64 bits. */
import { eventTime, type Clock, type ClockEvent, type Time } from '../clock';

/** IO-APIC pins a timer may use: 20 to 23, which nobody else does. */
export const TIMER_ROUTES = 0x00f00000;

/** Registers, from the start of the timer's. */
const CONFIGURATION = 0x00;
const COMPARATOR = 0x08;

/** Configuration and capabilities. */
const enum Config {
  LEVEL_TRIGGERED = 1 << 1,
  INTERRUPT_ENABLE = 1 << 2,
  PERIODIC = 1 << 3,
  PERIODIC_CAPABLE = 1 << 4,
  SIZE_64_CAPABLE = 1 << 5,
  SET_VALUE = 1 << 6,
  FORCE_32 = 1 << 8,
  ROUTE_SHIFT = 9,
  ROUTE = 0x1f << 9,
}
const WRITABLE = BigInt(
  Config.LEVEL_TRIGGERED |
    Config.INTERRUPT_ENABLE |
    Config.PERIODIC |
    Config.SET_VALUE |
    Config.FORCE_32 |
    Config.ROUTE,
);
const CAPABILITIES = (BigInt(TIMER_ROUTES) << 32n) | BigInt(Config.PERIODIC_CAPABLE) | BigInt(Config.SIZE_64_CAPABLE);

/** Farther away than the virtual clock reaches, in ticks. */
const NEVER = 2 ** 48;

/** The main counter. */
export interface HpetCounter {
  running(): boolean;
  read(): bigint;
  timeAfter(ticks: number): Time;
}

export class HpetTimer {
  /** A level-triggered interrupt waits to be cleared. */
  status = false;
  private configuration = 0;
  private comparator = (1n << 64n) - 1n;
  private period = 0n;
  private event: ClockEvent | undefined;

  /** `setLine` gets the level of the timer's interrupt and the IO-APIC pin it is configured for. */
  constructor(
    private readonly clock: Clock,
    private readonly counter: HpetCounter,
    private readonly setLine: (level: boolean, route: number) => void,
  ) {}

  save() {
    const { status, configuration, comparator, period } = this;
    return { status, configuration, comparator, period, event: eventTime(this.event) };
  }

  restore({ event, ...rest }: ReturnType<HpetTimer['save']>): void {
    Object.assign(this, rest);
    this.event = event && this.clock.reschedule(event, this.match);
  }

  read(register: number): bigint {
    if (register === CONFIGURATION) return BigInt(this.configuration) | CAPABILITIES;
    return register === COMPARATOR ? this.comparator : 0n;
  }

  /** `mask` has the bits that are written. */
  write(register: number, value: bigint, mask: bigint): void {
    if (register === CONFIGURATION)
      this.configure(Number((BigInt(this.configuration) & ~mask) | (value & mask & WRITABLE)));
    else if (register === COMPARATOR) this.writeComparator(value, mask);
  }

  /** The guest has seen to the interrupt. */
  clearStatus(): void {
    this.status = false;
    if (this.configuration & Config.LEVEL_TRIGGERED) this.lower();
  }

  lower(): void {
    this.setLine(false, this.route);
  }

  /** Looks anew when the comparator will match. */
  schedule(): void {
    if (this.event) this.clock.cancel(this.event);
    this.event = undefined;
    if (!this.counter.running()) return;
    // A match now is over: the next one is when the counter comes round.
    const ticks = Number(BigInt.asUintN(this.bits, this.comparator - this.counter.read()) || 1n << BigInt(this.bits));
    if (ticks >= NEVER) return;
    this.event = this.clock.schedule(this.counter.timeAfter(ticks), this.match);
  }

  private get route(): number {
    return (this.configuration & Config.ROUTE) >> Config.ROUTE_SHIFT;
  }

  private get bits(): 32 | 64 {
    return this.configuration & Config.FORCE_32 ? 32 : 64;
  }

  private configure(value: number): void {
    const before = this.configuration;
    const silenced = (before & ~value & Config.INTERRUPT_ENABLE) !== 0;
    if (silenced || ((before ^ value) & (Config.ROUTE | Config.LEVEL_TRIGGERED)) !== 0) this.lower();
    this.configuration = value;
    if (this.bits === 32) {
      this.comparator = BigInt.asUintN(32, this.comparator);
      this.period = BigInt.asUintN(32, this.period);
    }
    this.schedule();
  }

  /** A periodic timer takes what is written as its period, and with SET_VALUE also as the next match. */
  private writeComparator(value: bigint, mask: bigint): void {
    const merged = (old: bigint): bigint => BigInt.asUintN(this.bits, (old & ~mask) | (value & mask));
    const periodic = (this.configuration & Config.PERIODIC) !== 0;
    if (!periodic || this.configuration & Config.SET_VALUE) this.comparator = merged(this.comparator);
    if (periodic) this.period = merged(this.period);
    this.configuration &= ~Config.SET_VALUE;
    this.schedule();
  }

  private readonly match = (): void => {
    this.event = undefined;
    if (this.configuration & Config.PERIODIC && this.period > 0n) {
      this.comparator = BigInt.asUintN(this.bits, this.comparator + this.period);
    }
    if (this.configuration & Config.LEVEL_TRIGGERED) {
      this.status = true;
      if (this.configuration & Config.INTERRUPT_ENABLE) this.setLine(true, this.route);
    } else if (this.configuration & Config.INTERRUPT_ENABLE) {
      // An edge. The line stays high until the next one, so that an 8259 finds it so when it is acknowledged.
      this.lower();
      this.setLine(true, this.route);
    }
    this.schedule();
  };
}
