import type { Machine } from '../emulator';

/** Nanoseconds the guest idles before the host does: shorter waits add up first, timers are not finer. */
const LEAST_WAIT = 2_000_000;
/** The host wakes this often. */
const LONGEST_WAIT = 50_000_000;
const NANOSECONDS = 1_000_000;

/** Keeps the guest's clock in step with the host's while the guest idles. */
export class RealTime {
  /** Nanoseconds the guest is ahead. */
  private ahead = 0;

  constructor(
    private readonly machine: Machine,
    /** Waits so many milliseconds, or until something happens that the guest shall hear of. */
    private readonly sleep: (milliseconds: number) => Promise<void>,
  ) {}

  /** The guest has nothing to do for so many nanoseconds: waits for them to pass, or for less if it is woken. */
  async wait(duration: number): Promise<void> {
    const step = Math.min(duration, LONGEST_WAIT);
    this.ahead += step;
    if (this.ahead < LEAST_WAIT) {
      this.machine.passTime(step);
      return;
    }
    const start = performance.now();
    await this.sleep(this.ahead / NANOSECONDS);
    const elapsed = (performance.now() - start) * NANOSECONDS;
    // Woken early, less time has passed; woken late, the guest must catch up.
    const unused = Math.max(0, this.ahead - elapsed);
    const passed = Math.max(0, step - unused);
    this.machine.passTime(passed);
    this.ahead = this.ahead - (step - passed) - elapsed;
    if (this.ahead < -LONGEST_WAIT) this.ahead = 0;
  }
}
