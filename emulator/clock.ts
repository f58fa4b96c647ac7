/**
 * Virtual time. It is the number of retired instructions plus what idle skipping adds, so everything that happens does
 * so at an exact instruction, run after run.
 */

/** Virtual time in instructions; exact in a double for 28 years of guest time at the default rate. */
export type Time = number;

/** How many instructions one virtual second has. */
export const INSTRUCTIONS_PER_SECOND = 1_000_000_000;

/** When something scheduled happens: what a snapshot has of it. */
export interface EventTime {
  readonly at: Time;
  /** Events of the same time happen in the order they were scheduled. */
  readonly order: number;
}

/** Something scheduled; keep it to cancel it. */
export interface ClockEvent extends EventTime {
  readonly action: () => void;
}

export class Clock {
  /** Time at which the next event is due; Infinity if none is scheduled. */
  nextEventAt: Time = Infinity;

  private readonly queue: ClockEvent[] = [];
  private scheduled = 0;
  private skipped: Time = 0;

  /** `retired` gives the number of instructions retired since reset. */
  constructor(private readonly retired: () => number) {}

  get now(): Time {
    return this.retired() + this.skipped;
  }

  /** Calls `action` from `runDue` once `now` has reached `at`. */
  schedule(at: Time, action: () => void): ClockEvent {
    return this.enqueue({ at, action, order: this.scheduled++ });
  }

  private enqueue(event: ClockEvent): ClockEvent {
    let index = this.queue.length;
    while (index > 0 && isBefore(event, this.queue[index - 1])) index--;
    this.queue.splice(index, 0, event);
    this.nextEventAt = this.queue[0].at;
    return event;
  }

  save() {
    const { scheduled, skipped } = this;
    return { scheduled, skipped };
  }

  /** Forgets all events: whoever had scheduled one schedules it anew with `reschedule`. */
  restore({ scheduled, skipped }: ReturnType<Clock['save']>): void {
    this.queue.length = 0;
    this.nextEventAt = Infinity;
    this.scheduled = scheduled;
    this.skipped = skipped;
  }

  /** Schedules what was scheduled when the clock was saved, in the same order. */
  reschedule({ at, order }: EventTime, action: () => void): ClockEvent {
    return this.enqueue({ at, order, action });
  }

  /** Forgets an event; nothing happens if it is over. */
  cancel(event: ClockEvent): void {
    const index = this.queue.findIndex((queued) => queued === event);
    if (index < 0) return;
    this.queue.splice(index, 1);
    this.nextEventAt = this.queue.length > 0 ? this.queue[0].at : Infinity;
  }

  /** Runs the events that are due, by time and then by order of scheduling; also those they schedule for now. */
  runDue(): void {
    while (this.nextEventAt <= this.now) {
      const event = this.queue.shift();
      this.nextEventAt = this.queue.length > 0 ? this.queue[0].at : Infinity;
      event?.action();
    }
  }

  /** How far away the next event is; 0 if it is due, Infinity if there is none. */
  get timeToNextEvent(): Time {
    return Math.max(0, this.nextEventAt - this.now);
  }

  /** An idle processor lets time pass, at most until the next event. */
  pass(duration: Time): void {
    this.skipped += Math.floor(Math.min(duration, this.timeToNextEvent));
  }
}

/** What a snapshot has of an event that may be there. */
export function eventTime(event: ClockEvent | undefined) {
  return event && { at: event.at, order: event.order };
}

function isBefore(a: EventTime, b: EventTime): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Converts between virtual time and the ticks of a counter, by integer arithmetic: it never drifts. */
export class Frequency {
  /** Ticks per `denominator` instructions, in lowest terms. */
  private readonly numerator: number;
  private readonly denominator: number;

  /** `hertz`, an integer, is the counter's frequency. The product of both rates must be below 2^53 in lowest terms. */
  constructor(hertz: number, instructionsPerSecond = INSTRUCTIONS_PER_SECOND) {
    const divisor = greatestCommonDivisor(hertz, instructionsPerSecond);
    this.numerator = hertz / divisor;
    this.denominator = instructionsPerSecond / divisor;
  }

  /** Whole ticks since time 0. */
  ticksAt(time: Time): number {
    const rest = time % this.denominator;
    const whole = (time - rest) / this.denominator;
    return whole * this.numerator + Math.floor((rest * this.numerator) / this.denominator);
  }

  /** The first time at which `ticks` ticks have passed. */
  timeOf(ticks: number): Time {
    const rest = ticks % this.numerator;
    const whole = (ticks - rest) / this.numerator;
    return whole * this.denominator + Math.ceil((rest * this.denominator) / this.numerator);
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
