/** A clock that tests move by hand. */
import { Clock } from '../../../emulator/clock';

export interface VirtualTime {
  readonly clock: Clock;
  /** Lets so many nanoseconds pass and everything happen that is due in them. */
  readonly pass: (nanoseconds: number) => void;
}

export function virtualTime(): VirtualTime {
  let now = 0;
  const clock = new Clock(() => now);
  return {
    clock,
    pass(nanoseconds) {
      const end = now + nanoseconds;
      while (clock.nextEventAt <= end) {
        now = Math.max(now, clock.nextEventAt);
        clock.runDue();
      }
      now = end;
    },
  };
}
