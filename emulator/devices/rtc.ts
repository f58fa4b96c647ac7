/**
 * MC146818 real-time clock with CMOS memory (Motorola data sheet). The time is the virtual clock's, counted from a start the
 * machine is given, so that runs repeat exactly.
 */
import { eventTime, Frequency, INSTRUCTIONS_PER_SECOND, type Clock, type ClockEvent } from '../clock';
import { fromBcd, toBcd } from './bcd';
import type { Bus, PortDevice } from './bus';
import { describeMemory } from './cmos-memory-size';

const INDEX_PORT = 0x70;
const CMOS_BYTES = 128;
export const RTC_IRQ = 8;

const enum Register {
  SECONDS = 0x00,
  SECONDS_ALARM = 0x01,
  MINUTES = 0x02,
  MINUTES_ALARM = 0x03,
  HOURS = 0x04,
  HOURS_ALARM = 0x05,
  DAY_OF_WEEK = 0x06,
  DAY = 0x07,
  MONTH = 0x08,
  YEAR = 0x09,
  A = 0x0a,
  B = 0x0b,
  C = 0x0c,
  D = 0x0d,
  /** A PC's century byte. */
  CENTURY = 0x32,
}

/** The registers that together show the time. */
const TIME_REGISTERS: ReadonlySet<number> = new Set([
  ...[Register.SECONDS, Register.MINUTES, Register.HOURS, Register.DAY_OF_WEEK],
  ...[Register.DAY, Register.MONTH, Register.YEAR, Register.CENTURY],
]);

/** Register A: 32.768 kHz time base, rate of the periodic interrupt 1024 Hz. */
const TIME_BASE = 0x26;
const RATE = 0x0f;
const UPDATE_IN_PROGRESS = 1 << 7;
/** For so long before each update the time is about to change. */
const UPDATE_WARNING = (244 * INSTRUCTIONS_PER_SECOND) / 1_000_000;

/** Register B. */
const enum B {
  HOURS_24 = 1 << 1,
  BINARY = 1 << 2,
  UPDATE_INTERRUPT = 1 << 4,
  ALARM_INTERRUPT = 1 << 5,
  PERIODIC_INTERRUPT = 1 << 6,
  /** The time stands still while software sets it. */
  SET = 1 << 7,
}

/** Register C: what happened since it was read; each bit is enabled by the same bit of register B. */
const enum C {
  UPDATE_ENDED = 1 << 4,
  ALARM = 1 << 5,
  PERIODIC = 1 << 6,
  INTERRUPT_REQUEST = 1 << 7,
}
const CAUSES = C.UPDATE_ENDED | C.ALARM | C.PERIODIC;

/** Register D: RAM and time are valid. */
const VALID = 0x80;
const PM = 0x80;
/** An alarm register with these bits set matches anything. */
const ANY = 0xc0;

export interface RtcOptions {
  /** What CMOS memory says about the size of RAM. */
  readonly memoryBytes?: number;
  /** Level of IRQ 8. */
  readonly setInterrupt?: (level: boolean) => void;
}

export class Rtc implements PortDevice {
  readonly widest = 1;
  private readonly cmos = new Uint8Array(CMOS_BYTES);
  private readonly setInterrupt: (level: boolean) => void;
  private index = 0;
  /** Flags of register C that are up. */
  private flags = 0;
  /** Seconds and periods up to which `flags` has been brought up to date. */
  private secondsSeen = 0;
  private periodsSeen = 0;
  private event: ClockEvent | undefined;

  /** `startSeconds` is the time at virtual time 0, in seconds since 1970 (UTC). */
  constructor(
    private readonly clock: Clock,
    private startSeconds: number,
    { memoryBytes = 0, setInterrupt = () => {} }: RtcOptions = {},
  ) {
    this.setInterrupt = setInterrupt;
    this.cmos[Register.A] = TIME_BASE;
    this.cmos[Register.B] = B.HOURS_24;
    this.cmos[Register.D] = VALID;
    describeMemory(this.cmos, memoryBytes);
  }

  static attach(bus: Bus, clock: Clock, startSeconds: number, options?: RtcOptions): Rtc {
    const rtc = new Rtc(clock, startSeconds, options);
    bus.claimPorts(INDEX_PORT, INDEX_PORT + 1, rtc);
    return rtc;
  }

  save() {
    const { index, flags, secondsSeen, periodsSeen, startSeconds } = this;
    return {
      ...{ index, flags, secondsSeen, periodsSeen, startSeconds },
      cmos: [...this.cmos],
      event: eventTime(this.event),
    };
  }

  restore({ cmos, event, ...rest }: ReturnType<Rtc['save']>): void {
    Object.assign(this, rest);
    this.cmos.set(cmos);
    this.event = event && this.clock.reschedule(event, this.somethingDue);
  }

  read(port: number, _size: 1 | 2 | 4): number {
    if (port === INDEX_PORT) return 0xff;
    const register: Register = this.index;
    if (register === Register.A) return this.cmos[Register.A] | (this.updating ? UPDATE_IN_PROGRESS : 0);
    if (register === Register.C) return this.readFlags();
    return this.setting ? this.cmos[this.index] : (this.timeRegister(this.index) ?? this.cmos[this.index]);
  }

  write(port: number, _size: 1 | 2 | 4, value: number): void {
    // Bit 7 of the index port masks NMIs, of which this machine has no source.
    if (port === INDEX_PORT) this.index = value & (CMOS_BYTES - 1);
    else this.writeRegister(this.index, value);
  }

  private writeRegister(register: Register, value: number): void {
    if (register === Register.C || register === Register.D) return;
    this.note();
    if (TIME_REGISTERS.has(register)) {
      if (!this.setting) this.holdTime();
      this.cmos[register] = value;
      if (!this.setting) this.takeTime();
      return;
    }
    const wasSetting = this.setting;
    if (register === Register.B && value & B.SET && !wasSetting) this.holdTime();
    this.cmos[register] = register === Register.A ? value & ~UPDATE_IN_PROGRESS : value;
    if (wasSetting && !this.setting) this.takeTime();
    this.periodsSeen = this.periods;
    this.update();
  }

  private get setting(): boolean {
    return (this.cmos[Register.B] & B.SET) !== 0;
  }

  private get updating(): boolean {
    return !this.setting && this.clock.now % INSTRUCTIONS_PER_SECOND >= INSTRUCTIONS_PER_SECOND - UPDATE_WARNING;
  }

  // Time.

  /** Seconds since 1970. */
  private get seconds(): number {
    return this.startSeconds + this.secondsPassed;
  }

  private get secondsPassed(): number {
    return Math.floor(this.clock.now / INSTRUCTIONS_PER_SECOND);
  }

  /** A register that shows the time; undefined for the others. */
  private timeRegister(index: Register): number | undefined {
    return TIME_REGISTERS.has(index) ? this.show(index, new Date(this.seconds * 1000)) : undefined;
  }

  private show(index: Register, date: Date): number {
    switch (index) {
      case Register.SECONDS:
        return this.encode(date.getUTCSeconds());
      case Register.MINUTES:
        return this.encode(date.getUTCMinutes());
      case Register.HOURS:
        return this.encodeHours(date.getUTCHours());
      case Register.DAY_OF_WEEK:
        return this.encode(date.getUTCDay() + 1);
      case Register.DAY:
        return this.encode(date.getUTCDate());
      case Register.MONTH:
        return this.encode(date.getUTCMonth() + 1);
      case Register.YEAR:
        return this.encode(date.getUTCFullYear() % 100);
      default:
        return this.encode(Math.floor(date.getUTCFullYear() / 100));
    }
  }

  /** Puts the time into the registers, where software can change it. */
  private holdTime(): void {
    const date = new Date(this.seconds * 1000);
    for (const index of TIME_REGISTERS) this.cmos[index] = this.show(index, date);
  }

  /** Goes on from the time in the registers. */
  private takeTime(): void {
    const [second, minute, day, month] = [Register.SECONDS, Register.MINUTES, Register.DAY, Register.MONTH].map(
      (register) => this.decode(this.cmos[register]),
    );
    const year = 100 * this.decode(this.cmos[Register.CENTURY]) + this.decode(this.cmos[Register.YEAR]);
    const hour = this.decodeHours(this.cmos[Register.HOURS]);
    this.startSeconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - this.secondsPassed;
  }

  private encode(value: number): number {
    return this.cmos[Register.B] & B.BINARY ? value : toBcd(value);
  }

  private decode(value: number): number {
    return this.cmos[Register.B] & B.BINARY ? value : fromBcd(value);
  }

  private encodeHours(hours: number): number {
    if (this.cmos[Register.B] & B.HOURS_24) return this.encode(hours);
    return this.encode(hours % 12 || 12) | (hours >= 12 ? PM : 0);
  }

  private decodeHours(value: number): number {
    if (this.cmos[Register.B] & B.HOURS_24) return this.decode(value);
    return (this.decode(value & ~PM) % 12) + (value & PM ? 12 : 0);
  }

  // Interrupts.

  private readFlags(): number {
    this.note();
    const value = this.flags | (this.requested ? C.INTERRUPT_REQUEST : 0);
    this.flags = 0;
    this.update();
    return value;
  }

  private get requested(): boolean {
    return (this.flags & this.cmos[Register.B] & CAUSES) !== 0;
  }

  /** Rates of the periodic interrupt; 0 is none, the first two are those of 8 and 9. */
  private get frequency(): Frequency | undefined {
    const rate = this.cmos[Register.A] & RATE;
    if (rate === 0) return undefined;
    return new Frequency(32_768 >> ((rate < 3 ? rate + 7 : rate) - 1));
  }

  private get periods(): number {
    return this.frequency?.ticksAt(this.clock.now) ?? 0;
  }

  /** Brings the flags up to date. */
  private note(): void {
    const { periods, secondsPassed } = this;
    if (periods !== this.periodsSeen) this.flags |= C.PERIODIC;
    if (secondsPassed !== this.secondsSeen && !this.setting) {
      this.flags |= C.UPDATE_ENDED;
      if (this.alarmSince(Math.max(this.secondsSeen, secondsPassed - DAY))) this.flags |= C.ALARM;
    }
    this.periodsSeen = periods;
    this.secondsSeen = secondsPassed;
  }

  /** Whether the alarm went off in a second after `from`. */
  private alarmSince(from: number): boolean {
    for (let second = from + 1; second <= this.secondsPassed; second++) {
      const date = new Date((this.startSeconds + second) * 1000);
      const matches = ALARMS.every(([alarm, register]) => {
        const wanted = this.cmos[alarm];
        return (wanted & ANY) === ANY || wanted === this.show(register, date);
      });
      if (matches) return true;
    }
    return false;
  }

  /** Sets the interrupt line and arranges for its next change. */
  private update(): void {
    if (this.event) this.clock.cancel(this.event);
    this.event = undefined;
    this.setInterrupt(this.requested);
    if (this.requested) return;
    const enabled = this.cmos[Register.B];
    let at = Infinity;
    if (enabled & B.PERIODIC_INTERRUPT && this.frequency) at = this.frequency.timeOf(this.periodsSeen + 1);
    if (enabled & (B.UPDATE_INTERRUPT | B.ALARM_INTERRUPT) && !this.setting) {
      at = Math.min(at, (this.secondsPassed + 1) * INSTRUCTIONS_PER_SECOND);
    }
    if (at === Infinity) return;
    this.event = this.clock.schedule(at, this.somethingDue);
  }

  private readonly somethingDue = (): void => {
    this.event = undefined;
    this.note();
    this.update();
  };
}

const DAY = 86_400;
const ALARMS = [
  [Register.SECONDS_ALARM, Register.SECONDS],
  [Register.MINUTES_ALARM, Register.MINUTES],
  [Register.HOURS_ALARM, Register.HOURS],
] as const;
