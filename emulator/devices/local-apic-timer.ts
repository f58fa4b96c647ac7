/**
 * The timer of a local APIC (SDM vol. 3, section 11.5.4): one-shot, periodic and TSC-deadline. The count is worked out
 * from the virtual clock when it is read.
 */
import { eventTime, Frequency, type Clock, type ClockEvent } from '../clock';

/** The clock that the divide configuration divides, in hertz. */
export const APIC_TIMER_HERTZ = 1_000_000_000;

export type TimerMode = 'one-shot' | 'periodic' | 'deadline';

/** One for each power of two that can divide the clock, 1 to 128. */
const FREQUENCIES = [0, 1, 2, 3, 4, 5, 6, 7].map((shift) => new Frequency(APIC_TIMER_HERTZ / 2 ** shift));

/** Farther away than the virtual clock reaches. */
const NEVER = 2 ** 53;

export class LocalApicTimer {
  private mode: TimerMode = 'one-shot';
  private initial = 0;
  /** Bits 0, 1 and 3 of the divide configuration register. */
  private divide = 0;
  /** Tick of the divided clock at which the count reaches 0; undefined when the timer is stopped. */
  private endTick: number | undefined;
  /** Time-stamp counter value; 0 when disarmed. */
  private armedDeadline = 0n;
  private event: ClockEvent | undefined;

  constructor(
    private readonly clock: Clock,
    /** The time-stamp counter as the guest reads it. */
    private readonly timestamp: () => bigint,
    /** The count reached 0, or the time-stamp counter the deadline. */
    private readonly expired: () => void,
  ) {}

  reset(): void {
    this.mode = 'one-shot';
    this.initial = 0;
    this.divide = 0;
    this.disarm();
  }

  save() {
    const { mode, initial, divide, endTick, armedDeadline } = this;
    return { mode, initial, divide, endTick, armedDeadline, event: eventTime(this.event) };
  }

  restore({ event, ...rest }: ReturnType<LocalApicTimer['save']>): void {
    Object.assign(this, rest);
    this.event = event && this.clock.reschedule(event, this.expire);
  }

  /** Going to TSC-deadline mode or leaving it stops the timer; other changes take effect at the end of the count. */
  setMode(mode: TimerMode): void {
    if ((mode === 'deadline') !== (this.mode === 'deadline')) {
      this.disarm();
      this.initial = 0;
    }
    this.mode = mode;
  }

  get divideConfiguration(): number {
    return this.divide;
  }

  /** The count goes on from where it is. */
  set divideConfiguration(value: number) {
    const left = this.currentCount;
    this.divide = value & 0xb;
    if (this.endTick === undefined) return;
    this.endTick = this.ticks + left;
    this.schedule();
  }

  get initialCount(): number {
    return this.initial;
  }

  /** Starts the timer; 0 stops it. Ignored in TSC-deadline mode. */
  set initialCount(value: number) {
    if (this.mode === 'deadline') return;
    this.initial = value;
    this.endTick = value === 0 ? undefined : this.ticks + value;
    this.schedule();
  }

  get currentCount(): number {
    if (this.endTick === undefined) return 0;
    const left = this.endTick - this.ticks;
    if (left > 0 || this.mode !== 'periodic') return Math.max(0, left);
    // The event for the end of this period is due but has not run yet.
    return this.initial - (-left % this.initial);
  }

  get deadline(): bigint {
    return this.armedDeadline;
  }

  /** 0 disarms. Ignored in other modes. */
  set deadline(value: bigint) {
    if (this.mode !== 'deadline') return;
    this.armedDeadline = value;
    this.schedule();
  }

  /** The time-stamp counter was written. */
  timestampWritten(): void {
    if (this.armedDeadline !== 0n) this.schedule();
  }

  private get frequency(): Frequency {
    // Bits 3, 1, 0 encode 2, 4 … 128 and, all ones, 1.
    const code = (this.divide & 3) | ((this.divide >> 1) & 4);
    return FREQUENCIES[(code + 1) & 7];
  }

  private get ticks(): number {
    return this.frequency.ticksAt(this.clock.now);
  }

  private disarm(): void {
    this.endTick = undefined;
    this.armedDeadline = 0n;
    this.schedule();
  }

  private schedule(): void {
    if (this.event) this.clock.cancel(this.event);
    this.event = undefined;
    const at = this.expiry();
    if (at >= NEVER) return;
    this.event = this.clock.schedule(at, this.expire);
  }

  private expiry(): number {
    if (this.armedDeadline !== 0n) {
      // The time-stamp counter counts instructions, the unit of the virtual clock.
      const left = this.armedDeadline - this.timestamp();
      return left <= 0n ? this.clock.now : this.clock.now + Number(left);
    }
    return this.endTick === undefined ? NEVER : this.frequency.timeOf(this.endTick);
  }

  private readonly expire = (): void => {
    this.event = undefined;
    this.armedDeadline = 0n;
    if (this.endTick !== undefined) this.endTick = this.mode === 'periodic' ? this.endTick + this.initial : undefined;
    this.schedule();
    this.expired();
  };
}
