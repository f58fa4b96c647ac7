/**
 * A booted machine under debugging: joins the run loop with breakpoints, exceptions, stack and variables. A restart makes
 * a new one.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { CodeBreakpoints } from './breakpoints/code-breakpoints';
import { DataBreakpoints } from './breakpoints/data-breakpoints';
import { recordInstruction, type InstructionRecord } from './effects';
import { AdapterError, NotStoppedError } from './errors';
import { describeExit } from './exit-status';
import { describeShutdown, Exceptions, type ExceptionText } from './exceptions';
import { Execution, type RunEnd, type Verdict } from './execution';
import { describePanic, linuxEnd, type SessionEnd } from './linux/ends';
import { Listings } from './listing';
import { MachineBreakpoints } from './machine-breakpoints';
import { msrSnapshot, type MsrSnapshot } from './msrs';
import { ptRegsSnapshot, type PtRegsSnapshot } from './pt-regs';
import { Sources } from './sources';
import { stackRows, type StackRow } from './stack';
import type { SpontaneousStop, Step } from './stepping/demands';
import { stepInstruction, type StepOptions } from './stepping/instruction-step';
import { stepLine, type StepEnd } from './stepping/line-step';
import { stepOut } from './stepping/step-out';
import { stoppedBody, type StopFacts } from './stops';
import type { Target } from './target';
import { Variables } from './variables';

/** What the session does with what happens. */
export interface DebuggeeListener {
  stopped(body: DebugProtocol.StoppedEvent['body']): void;
  /** The guest ended by itself. */
  exited(end: SessionEnd): void;
  /** The guest waits for time to pass, or for input. */
  idle(): void;
  /** A Linux guest has booted, and nobody has touched it yet. */
  booted(): void;
  /** The guest has rewritten code that a listing shows. */
  listingChanged(path: string): void;
  /** Text for the debug console. */
  log(text: string, location?: { path: string; line: number }): void;
}

/** Values at a stop, to tell at the next one what changed. */
interface Snapshot {
  readonly msrs: MsrSnapshot;
  readonly ptRegs: PtRegsSnapshot;
}

export class Debuggee {
  readonly listings: Listings;
  readonly sources: Sources;
  readonly breakpoints: CodeBreakpoints;
  readonly dataBreakpoints: DataBreakpoints;
  readonly exceptions: Exceptions;
  readonly variables: Variables;
  /** What the last single step did, for `ringside/cpu`. */
  lastInstruction: InstructionRecord | undefined;
  /** The exception or boundary of the current stop. */
  exception: ExceptionText | undefined;
  previous: Snapshot | undefined;

  private readonly execution: Execution;
  private hiddenExpansions = 0;
  private commanded: 'step' | 'entry' = 'step';
  private entryAwaited = false;
  private facts: StopFacts = {};
  private rows: StackRow[] | undefined;
  private ended = false;
  /** The processor has shut down: the user looks at what is left, and anything that would run it ends the session. */
  private shutDown = false;
  private panicTold = false;
  /** Nobody has stopped the guest, changed it or typed anything: another boot would be the same. */
  private untouched = true;

  constructor(
    readonly target: Target,
    private readonly options: StepOptions,
    private readonly listener: DebuggeeListener,
    nextBreakpointId: () => number,
    readSource: (path: string) => string | undefined,
  ) {
    const machineBreakpoints = new MachineBreakpoints(target.machine);
    const log = listener.log.bind(listener);
    this.listings = new Listings(target, (path) => listener.listingChanged(path));
    this.sources = new Sources(target, this.listings, readSource);
    this.breakpoints = new CodeBreakpoints(target, machineBreakpoints, this.listings, nextBreakpointId, log);
    this.dataBreakpoints = new DataBreakpoints(target, nextBreakpointId, log);
    this.exceptions = new Exceptions(target, log);
    this.variables = new Variables(target);
    const { exceptions } = this;
    this.execution = new Execution(target, machineBreakpoints, {
      get stopsAtSystemCallExit() {
        return exceptions.stopsAtSystemCallExit;
      },
      judge: (stop) => this.judge(stop),
      failed: (error) => log(`Internal error: ${error instanceof Error ? error.message : String(error)}`),
      ended: (end) => this.runEnded(end),
      idle: () => this.idle(),
      given: () => this.panic(),
    });
  }

  /** Runs the freshly booted machine; with `stopOnEntry` to the program's first instruction. */
  start(stopOnEntry: boolean): void {
    this.entryAwaited = stopOnEntry;
    this.goOn();
  }

  continue(): void {
    this.requireStopped();
    this.goOn();
  }

  /** A breakpoint in the kernel's boot does not make a program lose its stop on entry. */
  private goOn(): void {
    this.commanded = this.entryAwaited ? 'entry' : 'step';
    this.resume(this.entryAwaited ? toEntry(this.target) : undefined);
  }

  pause(): void {
    this.execution.pause();
  }

  next(granularity: DebugProtocol.SteppingGranularity | undefined): void {
    this.step(true, granularity);
  }

  stepIn(granularity: DebugProtocol.SteppingGranularity | undefined): void {
    this.step(false, granularity);
  }

  stepOut(): void {
    this.requireStopped();
    this.resume(stepOut(this.target, this.hiddenExpansions, this.options));
  }

  /** The call stack of this stop. */
  get stack(): readonly StackRow[] {
    this.requireStopped();
    this.rows ??= stackRows(this.target, this.hiddenExpansions);
    return this.rows;
  }

  /** The stack row a client means; the innermost one without an id. */
  row(frameId: number | undefined): StackRow {
    const rows = this.stack;
    return rows.find(({ id }) => id === frameId) ?? rows[0];
  }

  /** Memory or registers were changed from outside: the stack may be another. */
  stateChanged(): void {
    this.rows = undefined;
  }

  requireStopped(): void {
    if (this.ended) throw new AdapterError('The guest has ended. Restart it to go on.', false);
    if (this.execution.isRunning) throw new NotStoppedError();
  }

  get isRunning(): boolean {
    return this.execution.isRunning;
  }

  sendSerial(data: Uint8Array): void {
    this.untouched = false;
    this.target.machine.sendSerial(data);
    this.execution.wake();
  }

  dispose(): void {
    this.ended = true;
    this.execution.dispose();
  }

  private step(over: boolean, granularity: DebugProtocol.SteppingGranularity | undefined): void {
    this.requireStopped();
    const step = granularity === 'instruction' ? this.singleStep(over) : this.lineStep(over);
    this.resume(step);
  }

  /** A line step that executes one instruction only is worth telling what it did. */
  private *lineStep(over: boolean): Step<StepEnd> {
    const count = this.target.machine.instructionCount;
    const record = recordInstruction(this.target);
    const end = yield* stepLine(this.target, over, this.hiddenExpansions, this.options);
    const executed = this.target.machine.instructionCount - count;
    if (executed === 1) this.lastInstruction = record();
    return end;
  }

  private *singleStep(over: boolean): Step<StepEnd> {
    const record = recordInstruction(this.target);
    yield* stepInstruction(this.target, over, this.options);
    this.lastInstruction = record();
    return { hiddenExpansions: 0 };
  }

  private resume(step: Step<StepEnd> | undefined): void {
    this.previous = { msrs: msrSnapshot(this.target.machine), ptRegs: ptRegsSnapshot(this.target) };
    this.rows = undefined;
    this.variables.clear();
    this.lastInstruction = undefined;
    this.exception = undefined;
    this.facts = {};
    if (this.shutDown) {
      this.ended = true;
      setImmediate(() => this.listener.exited({ text: 'The machine has shut down.' }));
      return;
    }
    this.execution.start(step);
  }

  /** A kernel that has told why it gave up is stopped once; going on is the user's choice. */
  private panic(): SpontaneousStop | undefined {
    const messages = this.target.linux?.messages;
    if (!messages?.panicReported || this.panicTold) return undefined;
    this.panicTold = true;
    return { reason: 'kernel-panic', message: messages.panic ?? '' };
  }

  private idle(): void {
    const { linux } = this.target;
    if (linux?.messages.isAtPrompt && !linux.hasProgram) this.booted();
    this.listener.idle();
  }

  private booted(): void {
    if (this.untouched) this.listener.booted();
    this.untouched = false;
  }

  private sessionEnd(stop: SpontaneousStop): SessionEnd | undefined {
    if (stop.reason === 'exit') {
      // The debug-exit port makes code 2 * value + 1 of the value written, which is the program's status.
      const status = stop.code >> 1;
      return { status, text: describeExit(status) };
    }
    return this.target.linux && linuxEnd(stop, this.target.linux);
  }

  private judge(stop: SpontaneousStop): Verdict | undefined {
    const hiddenExpansions = this.target.lines.expansionsStartingAt(this.target.state.rip);
    switch (stop.reason) {
      case 'breakpoint': {
        const hit = this.breakpoints.hit(stop.address);
        if (!hit) return undefined;
        this.facts = { breakpointKind: hit.kind };
        return { hitBreakpointIds: hit.ids, hiddenExpansions: hit.hiddenExpansions };
      }
      case 'data-breakpoint': {
        const ids = this.dataBreakpoints.hit(stop.breakpoint);
        return ids.length > 0 ? { hitBreakpointIds: ids, hiddenExpansions } : undefined;
      }
      case 'exception':
      case 'system-call': {
        const exception = this.exceptions.judge(stop);
        if (!exception) return undefined;
        this.facts = { exception };
        return { hiddenExpansions };
      }
      case 'kernel-panic':
        this.facts = { exception: describePanic(this.target, stop.message) };
        return { hiddenExpansions };
      case 'shutdown':
        this.facts = { exception: describeShutdown(this.target, stop.vector) };
        return { hiddenExpansions };
      default:
        return { hiddenExpansions };
    }
  }

  private runEnded(end: RunEnd): void {
    if (this.ended) return;
    this.hiddenExpansions =
      end.kind === 'step' ? end.hiddenExpansions : end.kind === 'stop' ? end.verdict.hiddenExpansions : 0;
    const over = end.kind === 'stop' ? this.sessionEnd(end.stop) : undefined;
    if (over) {
      this.ended = true;
      this.listener.exited(over);
      return;
    }
    if (this.commanded === 'entry' && end.kind === 'step' && this.target.linux?.hasProgram) this.booted();
    this.untouched = false;
    if (end.kind === 'step') this.breakpoints.log(this.target.state.rip);
    this.shutDown = end.kind === 'stop' && end.stop.reason === 'shutdown';
    this.exception = this.facts.exception;
    const body = stoppedBody(this.target, end, this.commanded, this.facts);
    if (this.commanded === 'entry' && end.kind === 'step') this.entryAwaited = false;
    if (this.target.state.cpl === 3) this.entryAwaited = false;
    this.commanded = 'step';
    this.listener.stopped(body);
  }
}

/** To the program's first instruction: in ring 3 where there is a kernel to get it there. */
function* toEntry(target: Target): Step<StepEnd> {
  const { state, entry } = target;
  if (state.rip !== entry) {
    yield { kind: 'run', addresses: [entry], arrived: () => target.executes(entry), untilUser: false };
  }
  return { hiddenExpansions: target.lines.expansionsStartingAt(entry) };
}
