/**
 * The run loop: drives the machine in short slices so that requests such as pause are heard meanwhile, meets the demands
 * of a step, and decides which stops of the machine are stops for the user.
 */
import { Flag, type Stop } from '../emulator';
import type { MachineBreakpoints } from './machine-breakpoints';
import { RealTime } from './real-time';
import type { Demand, Met, SpontaneousStop, Step } from './stepping/demands';
import type { StepEnd } from './stepping/line-step';
import type { Target } from './target';

/** How a run ended, for the user. */
export type RunEnd =
  | { readonly kind: 'step'; readonly hiddenExpansions: number }
  | { readonly kind: 'pause' }
  /** The machine stopped and `judge` says it matters. */
  | { readonly kind: 'stop'; readonly stop: SpontaneousStop; readonly verdict: Verdict };

/** What a stop of the machine means: `undefined` from a judge is "go on". */
export interface Verdict {
  readonly hitBreakpointIds?: readonly number[];
  /** Macro expansions starting at RIP that are shown as not entered yet. */
  readonly hiddenExpansions: number;
}

export interface ExecutionListener {
  /** Whether the user wants the machine to stop where system calls return; a step may want it too. */
  readonly stopsAtSystemCallExit: boolean;
  /** A mistake in the emulator or adapter ended the run. */
  failed(error: unknown): void;
  /** Whether the user wants to stop here: breakpoint conditions, log points, exception filters. */
  judge(stop: SpontaneousStop): Verdict | undefined;
  ended(end: RunEnd): void;
  /** The guest waits for time to pass, or for input. */
  idle(): void;
  /** Whether the guest has told meanwhile that it cannot go on. */
  given(): SpontaneousStop | undefined;
}

/** Instructions per call of `Machine.run` at first; then as many as take about `RUN_MS`. */
const FIRST_RUN_INSTRUCTIONS = 100_000;
const MOST_RUN_INSTRUCTIONS = 8_000_000;
const RUN_MS = 10;
/** How long one slice may keep the process from hearing requests. */
const SLICE_MS = 15;

export class Execution {
  private step: Step<StepEnd> | undefined;
  private demand: Demand | undefined;
  private pauseRequested = false;
  private running = false;
  /** The guest halted: wakes it. */
  private rouse: (() => void) | undefined;
  private disposed = false;
  private runLength = FIRST_RUN_INSTRUCTIONS;
  private readonly realTime: RealTime;

  constructor(
    private readonly target: Target,
    private readonly breakpoints: MachineBreakpoints,
    private readonly listener: ExecutionListener,
  ) {
    this.realTime = new RealTime(target.machine, (milliseconds) => this.sleep(milliseconds));
  }

  get isRunning(): boolean {
    return this.running;
  }

  /** Starts running, or the step; `ended` is called later, never from within. */
  start(step?: Step<StepEnd>): void {
    this.step = step;
    this.running = true;
    this.pauseRequested = false;
    this.runLength = FIRST_RUN_INSTRUCTIONS;
    setImmediate(() => this.begin());
  }

  pause(): void {
    this.pauseRequested = true;
    this.wake();
  }

  /** Serial input arrived: a guest that sleeps in HLT may go on. */
  wake(): void {
    this.rouse?.();
  }

  /** Nothing runs any more after this, and `ended` is not called. */
  dispose(): void {
    this.disposed = true;
    this.setDemand(undefined);
    this.wake();
  }

  private begin(): void {
    this.guarded(() => {
      if (!this.step || !this.advance(this.step, undefined)) this.slice();
    });
  }

  /** Does `work` unless the guest was given up; the session outlives a mistake in it. */
  private guarded(work: () => void): void {
    if (this.disposed) return;
    try {
      work();
    } catch (error) {
      this.listener.failed(error);
      this.end({ kind: 'pause' });
    }
  }

  private slice(): void {
    const deadline = performance.now() + SLICE_MS;
    do {
      if (this.pauseRequested) {
        this.end({ kind: 'pause' });
        return;
      }
      if (this.demand?.kind === 'instruction') this.executeInstruction(this.demand.holdInterrupts);
      else this.run();
      // Once the run is over, no slice may be pending: the next command starts its own.
      if (this.disposed || !this.running || this.rouse) return;
    } while (performance.now() < deadline);
    setImmediate(() => this.guarded(() => this.slice()));
  }

  private executeInstruction(holdInterrupts: boolean): void {
    const { stop, delivered } = this.target.machine.step({ holdInterrupts });
    if (stop.reason !== 'limit' && this.stops(stop)) return;
    if (!this.step || this.advance(this.step, { delivered })) return;
    // The step goes on; a breakpoint it has come to counts as if the machine had run into it.
    const { rip } = this.target.state;
    const verdict = this.listener.judge({ reason: 'breakpoint', address: rip });
    if (verdict) this.end({ kind: 'stop', stop: { reason: 'breakpoint', address: rip }, verdict });
  }

  private run(): void {
    const start = performance.now();
    const stop = this.target.machine.run(this.runLength);
    const given = stop.reason === 'limit' || stop.reason === 'idle' ? this.listener.given() : undefined;
    if (given) {
      this.stops(given);
      return;
    }
    if (stop.reason === 'limit') {
      const elapsed = performance.now() - start;
      const factor = elapsed < RUN_MS / 2 ? 2 : elapsed > RUN_MS * 2 ? 0.5 : 1;
      this.runLength = Math.min(MOST_RUN_INSTRUCTIONS, Math.ceil(this.runLength * factor));
      return;
    }
    if (this.demand?.kind === 'run' && this.arrives(this.demand, stop)) {
      if (this.step) this.advance(this.step, { delivered: undefined });
      return;
    }
    this.stops(stop);
  }

  private arrives(demand: Demand & { kind: 'run' }, stop: Stop): boolean {
    if (stop.reason === 'breakpoint') return demand.addresses.includes(stop.address) && demand.arrived();
    return stop.reason === 'system-call' && stop.phase === 'exit' && demand.untilUser;
  }

  /** Ends the run if the stop matters; true if the run is over (or sleeps). */
  private stops(stop: Stop | SpontaneousStop): boolean {
    if (stop.reason === 'limit') return false;
    if (stop.reason === 'idle') {
      this.listener.idle();
      this.suspend(() => this.realTime.wait(stop.duration));
      return true;
    }
    if (stop.reason === 'halt' && this.target.state.flag(Flag.IF)) {
      this.listener.idle();
      this.suspend(() => this.sleep());
      return true;
    }
    const verdict = this.listener.judge(stop);
    if (!verdict) return false;
    this.end({ kind: 'stop', stop, verdict });
    return true;
  }

  /** Goes on when `wait` is over. */
  private suspend(wait: () => Promise<void>): void {
    this.rouse = () => {};
    void wait().then(() => {
      this.rouse = undefined;
      setImmediate(() => this.guarded(() => this.slice()));
    });
  }

  /** Until somebody wakes the guest, or so many milliseconds are over. */
  private async sleep(milliseconds?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.rouse = resolve;
      if (milliseconds !== undefined) timer = setTimeout(resolve, milliseconds);
    });
    clearTimeout(timer);
  }

  /** Lets the step go on to its next demand; true if it is done. */
  private advance(step: Step<StepEnd>, met: Met | undefined): boolean {
    const result = met ? step.next(met) : step.next();
    if (result.done) {
      this.end({ kind: 'step', hiddenExpansions: result.value.hiddenExpansions });
      return true;
    }
    this.setDemand(result.value);
    return false;
  }

  private setDemand(demand: Demand | undefined): void {
    if (this.demand?.kind === 'run') for (const va of this.demand.addresses) this.breakpoints.release(va);
    this.demand = demand;
    if (demand?.kind === 'run') for (const va of demand.addresses) this.breakpoints.acquire(va);
    const untilUser = demand?.kind === 'run' && demand.untilUser;
    this.target.machine.stopOn.systemCallExit = untilUser || this.listener.stopsAtSystemCallExit;
  }

  private end(end: RunEnd): void {
    this.running = false;
    this.setDemand(undefined);
    this.step = undefined;
    this.listener.ended(end);
  }
}
