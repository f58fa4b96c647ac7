/**
 * MC146818 real-time clock with CMOS memory (Motorola data sheet), without its interrupts. The time is the virtual
 * clock's, counted from a start the machine is given, so that runs repeat exactly.
 */
import { INSTRUCTIONS_PER_SECOND, type Clock } from '../clock';
import type { Bus, PortDevice } from './bus';

const INDEX_PORT = 0x70;
const CMOS_BYTES = 128;

const enum Register {
  SECONDS = 0x00,
  MINUTES = 0x02,
  HOURS = 0x04,
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

/** Register B. */
const enum B {
  HOURS_24 = 1 << 1,
  BINARY = 1 << 2,
}
/** Register D: RAM and time are valid. */
const VALID = 0x80;
/** Register A: 32.768 kHz time base. */
const TIME_BASE = 0x26;
const PM = 0x80;

export class Rtc implements PortDevice {
  readonly widest = 1;
  private readonly cmos = new Uint8Array(CMOS_BYTES);
  private index = 0;

  /** `startSeconds` is the time at reset, in seconds since 1970 (UTC). */
  constructor(
    private readonly clock: Clock,
    private readonly startSeconds: number,
  ) {
    this.cmos[Register.A] = TIME_BASE;
    this.cmos[Register.B] = B.HOURS_24;
    this.cmos[Register.D] = VALID;
  }

  static attach(bus: Bus, clock: Clock, startSeconds: number): Rtc {
    const rtc = new Rtc(clock, startSeconds);
    bus.claimPorts(INDEX_PORT, INDEX_PORT + 1, rtc);
    return rtc;
  }

  read(port: number, _size: 1 | 2 | 4): number {
    if (port === INDEX_PORT) return 0xff;
    return this.timeRegister(this.index) ?? this.cmos[this.index];
  }

  write(port: number, _size: 1 | 2 | 4, value: number): void {
    // Bit 7 of the index port masks NMIs, of which this machine has no source.
    const index: Register = this.index;
    if (port === INDEX_PORT) this.index = value & (CMOS_BYTES - 1);
    else if (index !== Register.C && index !== Register.D) this.cmos[this.index] = value;
  }

  /** A register that shows the time; undefined for the others. */
  private timeRegister(index: Register): number | undefined {
    const date = new Date((this.startSeconds + Math.floor(this.clock.now / INSTRUCTIONS_PER_SECOND)) * 1000);
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
      case Register.CENTURY:
        return this.encode(Math.floor(date.getUTCFullYear() / 100));
      default:
        return undefined;
    }
  }

  private encode(value: number): number {
    return this.cmos[Register.B] & B.BINARY ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }

  private encodeHours(hours: number): number {
    if (this.cmos[Register.B] & B.HOURS_24) return this.encode(hours);
    return this.encode(hours % 12 || 12) | (hours >= 12 ? PM : 0);
  }
}
