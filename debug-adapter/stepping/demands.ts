import type { Stop } from '../../emulator';

/**
 * What a step asks of the run loop next. A step is a generator of demands: it is resumed when a demand is met, and not at
 * all if something else (a breakpoint, the end of the guest) stops the machine first.
 */
export type Demand =
  /** Execute one instruction. Resumed with what was delivered meanwhile, if anything. */
  | { readonly kind: 'instruction'; readonly holdInterrupts: boolean }
  /** Run until RIP is one of `addresses` and `arrived` agrees, or ring 3 is back if `untilUser`. */
  | {
      readonly kind: 'run';
      readonly addresses: readonly bigint[];
      readonly arrived: () => boolean;
      readonly untilUser: boolean;
    };

/** `delivered` is the vector of an interrupt or exception whose handler is next. */
export interface Met {
  readonly delivered: number | undefined;
}

export type Step<Result> = Generator<Demand, Result, Met>;

/** The machine stopped by itself, not because a step was done; or the guest has told that it cannot go on. */
export type SpontaneousStop =
  Exclude<Stop, { reason: 'limit' | 'idle' }> | { readonly reason: 'kernel-panic'; readonly message: string };
