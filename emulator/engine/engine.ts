/**
 * Runs guest code: picks what to execute next, lets generated code run for an exact number of instructions, and does what
 * generated code leaves to it: faults, interrupts, traps and stops.
 */
import type { CpuModel } from '../cpu/cpuid';
import {
  breakpointsEnabled,
  dataBreakpoints,
  debugTrapAfter,
  DebugFault,
  instructionBreakpoints,
  instructionBreakpointsEnabled,
  recordDebugException,
} from '../cpu/debug';
import { GuestException, Vector } from '../cpu/exceptions';
import {
  acceptsInterrupt,
  acceptsNmi,
  deliverDebugTrap,
  deliverException,
  deliverInterrupt,
  deliverNmi,
  TripleFault,
} from '../cpu/interrupts';
import type { ProcessorApic } from '../cpu/local-apic';
import { Flag, type CpuState } from '../cpu/state';
import type { Bus } from '../devices/bus';
import { Gpr, Seg, type Instruction } from '../isa/instruction';
import type { DataBreakpoint, Stop, StopConditions, StepResult } from '../machine';
import type { PhysicalMemory } from '../memory';
import { ArchitecturalInstructions } from './architectural';
import type { Block } from './block';
import { LONGEST_BLOCK } from './code-cache';
import { GeneratedCode, type EngineStages } from './generated-code';
import type { Interpreter } from './interpreter';
import * as layout from './layout';
import { NOT_CANONICAL, STEP_NEEDED, type AccessFault } from './memory-access';
import { Processor, type Environment } from './processor';
import { ExitReason } from './records';

/**
 * Generated code returns after so many instructions at the latest: that samples where time goes, and lets V8 replace its
 * first, slow version of a loop.
 */
const SLICE = 1 << 15;

/** So many pauses of a repeated string instruction end a `run`, so that a user can interrupt it. */
const MOST_PAUSES = 16;

export class Engine {
  readonly processor: Processor;
  readonly stopOn: StopConditions;

  private readonly state: CpuState;
  private readonly architectural: ArchitecturalInstructions;
  private readonly generated: GeneratedCode;
  private readonly i32: Int32Array;
  private readonly breakpoints = new Set<bigint>();

  /** How often a repeated string instruction has paused since `run` began: it retires nothing while it goes on. */
  private pauses = 0;
  /** The processor shut down; nothing runs any more. */
  private shutdown: Stop | undefined;
  /** Exceptions of the instruction at this address do not stop again: the user has seen them. */
  private exceptionSeenAt: bigint | undefined;
  /** Exception or interrupt delivered during the current step. */
  private deliveredVector: number | undefined;
  /** The instruction being executed alone ran to its end. */
  private completed = true;

  constructor(
    memory: PhysicalMemory,
    bus: Bus,
    model: CpuModel,
    private readonly environment: Environment,
    interpreter: Interpreter,
    decoderFeatures: number,
    stages: EngineStages = 'tiered',
    localApic?: ProcessorApic,
  ) {
    this.processor = new Processor(memory, bus, model, environment.clock, localApic);
    this.state = this.processor.state;
    this.i32 = new Int32Array(memory.linear.buffer, 0, 256);
    this.architectural = new ArchitecturalInstructions(this.processor, environment, () => this.generated);
    this.stopOn = this.architectural.stopOn;
    this.generated = new GeneratedCode(this.processor, interpreter, decoderFeatures, stages, (record) =>
      this.architectural.execute(record),
    );
  }

  /** Regions of code that are compiled now. */
  get compiledRegions(): number {
    return this.generated.compiledRegions;
  }

  /**
   * The processor's state between two instructions. Cached translations are dropped here as in `restore`, so that the
   * saved and the resumed machine go on alike even if the guest changed page tables without an INVLPG.
   */
  save() {
    this.processor.flush(false);
    const { pausedAt, heldBreakpoints } = this.architectural;
    const shutdown = this.shutdown?.reason === 'shutdown' ? this.shutdown.vector : undefined;
    return { registers: this.state.save(), retired: this.processor.retired, pausedAt, heldBreakpoints, shutdown };
  }

  /** After `PhysicalMemory` has got its contents. What the debugger asked for stays: stop conditions, breakpoints. */
  restore({ registers, retired, pausedAt, heldBreakpoints, shutdown }: ReturnType<Engine['save']>): void {
    this.state.restore(registers);
    this.processor.retired = retired;
    this.architectural.pausedAt = pausedAt;
    this.architectural.heldBreakpoints = heldBreakpoints;
    this.architectural.stopRequest = undefined;
    this.shutdown = shutdown === undefined ? undefined : { reason: 'shutdown', vector: shutdown };
    this.exceptionSeenAt = undefined;
    this.generated.code.clear();
    this.processor.stateReplaced();
  }

  addBreakpoint(va: bigint): void {
    this.breakpoints.add(va);
    this.generated.code.addBreakpoint(va);
  }

  removeBreakpoint(va: bigint): void {
    this.breakpoints.delete(va);
    this.generated.code.removeBreakpoint(va);
  }

  addDataBreakpoint(breakpoint: DataBreakpoint): void {
    this.processor.watch.add(breakpoint);
    this.processor.spaces.flushTlbs();
  }

  removeDataBreakpoint(breakpoint: DataBreakpoint): void {
    this.processor.watch.remove(breakpoint);
    this.processor.spaces.flushTlbs();
  }

  /** See `Machine.run`. */
  run(maxInstructions: number): Stop {
    const end = this.processor.instructionCount + maxInstructions;
    this.processor.refreshMode();
    const { clock } = this.environment;
    let first = true;
    this.pauses = 0;
    for (;;) {
      const stop = this.shutdown ?? this.attend(false).stop;
      if (stop) return stop;
      const count = this.processor.instructionCount;
      if (count >= end || this.pauses > MOST_PAUSES) return { reason: 'limit' };
      const linear = this.processor.mode.codeBase + this.state.rip;
      if (this.breakpoints.has(linear) && !first) return { reason: 'breakpoint', address: linear };
      const room = Math.min(end - count, clock.nextEventAt - clock.now, SLICE);
      const single = first || room <= LONGEST_BLOCK || this.mustStep();
      first = false;
      const result = single ? this.executeOne() : this.executeMany(room - LONGEST_BLOCK);
      if (result) return result;
      if (this.architectural.stopRequest) return this.takeStopRequest();
    }
  }

  /** See `Machine.step`. */
  step(options: { readonly holdInterrupts?: boolean } = {}): StepResult {
    this.processor.refreshMode();
    const attended = this.shutdown ? { stop: this.shutdown } : this.attend(options.holdInterrupts === true);
    if (attended.stop) return { stop: attended.stop, delivered: undefined };
    if (attended.delivered !== undefined) return { stop: { reason: 'limit' }, delivered: attended.delivered };
    this.deliveredVector = undefined;
    let stop: Stop | undefined;
    // A repeated instruction may pause on its own account; it is one step all the same.
    const rip = this.state.rip;
    const before = this.processor.instructionCount;
    do {
      stop = this.executeOne();
    } while (
      !stop &&
      this.processor.instructionCount === before &&
      this.deliveredVector === undefined &&
      this.state.rip === rip &&
      !this.state.flag(Flag.TF)
    );
    if (!stop && this.architectural.stopRequest) stop = this.takeStopRequest();
    return { stop: stop ?? this.environment.end ?? { reason: 'limit' }, delivered: this.deliveredVector };
  }

  private takeStopRequest(): Stop {
    const stop = this.architectural.stopRequest;
    this.architectural.stopRequest = undefined;
    return stop ?? { reason: 'limit' };
  }

  /** Between instructions: exits, events, idling, interrupts. */
  private attend(holdInterrupts: boolean): { stop?: Stop; delivered?: number } {
    const { environment, state } = this;
    if (environment.end) return { stop: environment.end };
    environment.clock.runDue();
    while (state.halted) {
      const nmi = environment.nmiPending() && !state.nmiBlocked;
      if (nmi || (environment.interruptPending() && state.flag(Flag.IF))) {
        state.halted = false;
        break;
      }
      const { timeToNextEvent } = environment.clock;
      if (!state.flag(Flag.IF) || timeToNextEvent === Infinity) return { stop: { reason: 'halt' } };
      if (this.stopOn.idle) return { stop: { reason: 'idle', duration: timeToNextEvent } };
      environment.clock.pass(timeToNextEvent);
      environment.clock.runDue();
    }
    if (holdInterrupts) return {};
    if (environment.nmiPending() && acceptsNmi(state)) {
      environment.acknowledgeNmi();
      return this.interrupt(Vector.NMI, () => deliverNmi(this.processor));
    }
    if (environment.interruptPending() && acceptsInterrupt(state)) {
      const vector = environment.acknowledgeInterrupt();
      const betweenIterations = this.architectural.pausedAt === state.rip;
      return this.interrupt(vector, () => deliverInterrupt(this.processor, vector, betweenIterations));
    }
    return {};
  }

  private interrupt(vector: number, deliver: () => void): { stop?: Stop; delivered?: number } {
    const stop = this.orShutdown(deliver);
    this.processor.refreshMode();
    return stop ? { stop } : { delivered: vector };
  }

  /** Runs a delivery; a triple fault shuts the processor down. */
  private orShutdown(deliver: () => void): Stop | undefined {
    try {
      deliver();
    } catch (error) {
      if (!(error instanceof TripleFault)) throw error;
      this.shutdown = { reason: 'shutdown', vector: error.vector };
    }
    this.processor.modeDirty = true;
    return this.shutdown;
  }

  /** Whether every instruction has to be looked at on its own. */
  private mustStep(): boolean {
    const { state } = this;
    if (state.flag(Flag.TF) || instructionBreakpointsEnabled(state) || this.architectural.heldBreakpoints) return true;
    if (state.flag(Flag.RF)) return true;
    return state.interruptShadow !== 'none';
  }

  /** Runs up to `budget` instructions and what remains of the block then. */
  private executeMany(budget: number): Stop | undefined {
    if (this.generated.code.full) this.generated.code.clear();
    let record: number;
    try {
      record = this.generated.recordAtRip();
    } catch (error) {
      return this.raise(error);
    }
    return this.execute(record, budget);
  }

  /** Executes the instruction at RIP and delivers what it traps into. */
  private executeOne(): Stop | undefined {
    const { state } = this;
    const linear = this.processor.mode.codeBase + state.rip;
    const resume = state.flag(Flag.RF);
    // After MOV SS and POP SS too, an instruction breakpoint is disregarded (SDM vol. 3, section 6.8.3).
    if (!resume && state.interruptShadow !== 'ss') {
      const hit = instructionBreakpoints(state, linear);
      if (hit) return this.raise(new DebugFault(hit));
    }
    let block: Block;
    try {
      block = this.generated.code.step(state.rip, this.processor.mode);
    } catch (error) {
      return this.raise(error);
    }
    const trapFlagBefore = state.flag(Flag.TF);
    state.stiBlocking = state.interruptShadow === 'sti';
    state.interruptShadow = 'none';
    this.processor.watch.noted.length = 0;
    this.processor.stepping = true;
    this.i32[layout.ONE_ITERATION >> 2] = trapFlagBefore ? 1 : 0;
    this.architectural.lastMnemonic = block.instructions[0].mnemonic;
    this.completed = true;
    const rip = state.rip;
    let stop: Stop | undefined;
    try {
      stop = this.execute(block.record, 0);
    } finally {
      this.processor.stepping = false;
      this.i32[layout.ONE_ITERATION >> 2] = 0;
    }
    if (!this.completed || stop) return stop;
    this.exceptionSeenAt = undefined;
    state.stiBlocking = false;
    if (resume && !RESTORES_RF.has(this.architectural.lastMnemonic)) state.rflags &= ~Flag.RF;
    const following = BigInt.asUintN(64, rip + BigInt(block.length));
    return this.trapAfter(trapFlagBefore, state.rip !== following) ?? this.dataBreakpointStop(rip);
  }

  /** Delivers the #DB that follows an instruction, if any. */
  private trapAfter(trapFlagBefore: boolean, branched: boolean): Stop | undefined {
    const { state } = this;
    let touched = state.pendingDebugTraps;
    state.pendingDebugTraps = 0;
    if (breakpointsEnabled(state)) {
      for (const { va, size, access } of this.processor.watch.noted)
        touched |= dataBreakpoints(state, va, size, access);
    }
    const decision = debugTrapAfter({
      mnemonic: this.architectural.lastMnemonic,
      trapFlagBefore,
      trapFlagAfter: state.flag(Flag.TF),
      inStackShadow: state.interruptShadow === 'ss',
      branched,
      branchTrapFlag: ((state.otherMsrs.get(DEBUGCTL) ?? 0n) & DEBUGCTL_BTF) !== 0n,
      dataBreakpoints: touched,
      heldBreakpoints: this.architectural.heldBreakpoints,
    });
    this.architectural.heldBreakpoints = decision.hold;
    if (decision.join) recordDebugException(state, decision.join);
    if (!decision.deliver) return undefined;
    if (this.stopOn.exceptions.has(Vector.DB) && !this.architectural.stopRequest) {
      this.architectural.stopRequest = { reason: 'exception', vector: Vector.DB, delivered: true };
    }
    this.deliveredVector = Vector.DB;
    const stop = this.orShutdown(() =>
      deliverDebugTrap(this.processor, decision.deliver, this.architectural.pausedAt === state.rip),
    );
    this.processor.refreshMode();
    return stop;
  }

  private dataBreakpointStop(instruction: bigint): Stop | undefined {
    const hit = this.processor.watch.noted.length > 0 ? this.processor.watch.hit() : undefined;
    return hit && { reason: 'data-breakpoint', ...hit, instruction };
  }

  /** Lets generated code run from `record` and deals with how it came back. */
  private execute(record: number, budget: number): Stop | undefined {
    const { i32 } = this;
    this.generated.fault = undefined;
    this.generated.access.fault = undefined;
    this.architectural.pausedAt = undefined;
    i32[layout.BUDGET >> 2] = budget;
    this.processor.sliceBudget = budget;
    this.architectural.sliceEnd = this.environment.clock.now + budget + LONGEST_BLOCK;
    this.architectural.allowShortcuts(this.environment.interruptPending());
    this.generated.run(record);
    this.processor.retired += this.processor.sliceBudget - i32[layout.BUDGET >> 2];
    this.processor.sliceBudget = i32[layout.BUDGET >> 2] = 0;

    const current = i32[layout.CURRENT_RECORD >> 2];
    switch (i32[layout.EXIT_REASON >> 2] as ExitReason) {
      case ExitReason.BUDGET:
        if (current !== 0) this.state.rip = this.generated.addressOf(current);
        if (budget > 0) this.generated.sampleAt(current);
        return undefined;
      case ExitReason.ENGINE:
        return this.afterRoutine();
      case ExitReason.BREAKPOINT:
        this.locate(current);
        return undefined;
      case ExitReason.BETWEEN_ITERATIONS:
        this.pauses++;
        this.locate(current);
        this.architectural.pausedAt = this.state.rip;
        return undefined;
      case ExitReason.EXCEPTION: {
        this.locate(current);
        const vector = i32[layout.EXIT_DETAIL >> 2];
        return this.raise(new GuestException(vector, vector === Number(Vector.GP) ? 0 : undefined));
      }
      case ExitReason.FAULT: {
        const instruction = this.locate(current);
        return this.resolveFault(this.generated.access.fault, instruction);
      }
    }
  }

  /** An architectural routine or a look-up left: RIP is exact. */
  private afterRoutine(): Stop | undefined {
    if (this.generated.fault) {
      const fault = this.generated.fault;
      this.generated.fault = undefined;
      return this.resolveFault(fault, undefined);
    }
    // SYSCALL and SYSRET trap by the TF they have just set, IN and OUT by I/O breakpoints; executeOne looks for itself.
    const { state } = this;
    if (!this.processor.stepping && (state.flag(Flag.TF) || state.pendingDebugTraps))
      return this.trapAfter(false, true);
    return undefined;
  }

  private resolveFault(fault: AccessFault | undefined, instruction: Instruction | undefined): Stop | undefined {
    if (fault === STEP_NEEDED) return this.executeOne();
    if (fault === NOT_CANONICAL) {
      return this.raise(
        this.generated.access.notCanonical(instruction !== undefined && this.refersToStack(instruction)),
      );
    }
    return this.raise(fault);
  }

  /** Whether the address that was not canonical is a stack reference of the instruction. */
  private refersToStack(instruction: Instruction): boolean {
    const memory = instruction.operands.find(({ kind }) => kind === 'memory' || kind === 'gather');
    if (memory?.kind === 'gather') return memory.segment === Seg.SS;
    if (memory?.kind === 'memory' && !STACK_USERS.has(instruction.mnemonic)) return memory.segment === Seg.SS;
    if (memory?.kind === 'memory') {
      // PUSH and POP of memory: their operand counts unless the address is that of the stack itself.
      const distance = BigInt.asIntN(64, this.generated.access.faultAddress - this.state.gpr[Gpr.RSP]);
      return memory.segment === Seg.SS || (distance >= -8n && distance <= 0n);
    }
    return STACK_USERS.has(instruction.mnemonic);
  }

  /** Sets RIP to the instruction of a record in the middle of its block, and counts those before it. */
  private locate(record: number): Instruction | undefined {
    const at = this.generated.instructionAt(record);
    if (!at) return undefined;
    this.processor.retired += at.index;
    this.state.rip = at.rip;
    return at.instruction;
  }

  /** Delivers an exception of the instruction at RIP, or stops before that if the user wants to. */
  private raise(error: unknown): Stop | undefined {
    if (!(error instanceof GuestException)) throw error;
    this.completed = false;
    const { vector, errorCode, faultAddress } = error;
    const { rip } = this.state;
    if (this.stopOn.exceptions.has(vector) && this.exceptionSeenAt !== rip) {
      this.exceptionSeenAt = rip;
      // The instruction will be executed once more, still in the shadow of STI.
      if (this.state.stiBlocking) this.state.interruptShadow = 'sti';
      return { reason: 'exception', vector, errorCode, faultAddress };
    }
    this.exceptionSeenAt = undefined;
    this.deliveredVector = vector;
    const stop = this.orShutdown(() => deliverException(this.processor, error));
    this.processor.refreshMode();
    return stop;
  }
}

const STACK_USERS = new Set([
  ...['PUSH', 'POP', 'CALL', 'RET', 'PUSHF', 'POPF', 'LEAVE', 'ENTER', 'PUSHA', 'POPA', 'PUSH_SREG', 'POP_SREG'],
  ...['IRET', 'RET_FAR', 'CALL_FAR'],
]);
/** They load RFLAGS with RF. */
const RESTORES_RF = new Set(['IRET', 'ERETS', 'ERETU']);
const DEBUGCTL = 0x1d9;
const DEBUGCTL_BTF = 2n;
