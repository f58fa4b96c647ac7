/**
 * Runs guest code: picks what to execute next, lets generated code run for an exact number of instructions, and does what
 * generated code leaves to it: faults, interrupts, architectural routines, traps and stops.
 */
import type { Cpu, TranslationCache } from '../cpu/cpu';
import type { CpuModel } from '../cpu/cpuid';
import {
  breakpointsEnabled,
  dataBreakpointRanges,
  dataBreakpoints,
  debugTrapAfter,
  DebugFault,
  instructionBreakpoints,
  instructionBreakpointsEnabled,
} from '../cpu/debug';
import { GuestException, Vector } from '../cpu/exceptions';
import { acceptsInterrupt, deliverDebugTrap, deliverException, deliverInterrupt, TripleFault } from '../cpu/interrupts';
import { Paging } from '../cpu/paging';
import { requireStringPortAccess } from '../cpu/port-io';
import { architecturalRoutines } from '../cpu/routines';
import { segmentAddress } from '../cpu/segmentation';
import { Cr0, Cr4, CpuState, Flag } from '../cpu/state';
import type { Clock } from '../clock';
import type { Bus } from '../devices/bus';
import { requiredFeature } from '../isa/features';
import { Gpr, Seg, type Instruction } from '../isa/instruction';
import { softwareRoutines } from '../isa/semantics/software';
import type { DataBreakpoint, Stop, StopConditions, StepResult, SystemCallGate } from '../machine';
import type { PhysicalMemory } from '../memory';
import { BulkString } from './bulk-string';
import { CodeCache, LONGEST_BLOCK, type Block } from './code-cache';
import { Compiler } from './compiler';
import { Fetcher } from './fetch';
import { Builtin } from './handlers';
import type { EngineImports, Interpreter } from './interpreter';
import { JumpCache } from './jump-cache';
import * as layout from './layout';
import { Lowering } from './lowering';
import { MemoryAccess, NOT_CANONICAL, STEP_NEEDED, type AccessFault } from './memory-access';
import { Modes, type Mode } from './mode';
import { ExitReason } from './records';
import { Tlb, TlbPair } from './tlb';
import { Watch } from './watch';

/** What the engine needs to know of clocks and devices. */
export interface Environment {
  readonly clock: Clock;
  /** Level of the interrupt request line. */
  interruptPending(): boolean;
  /** Vector of the pending interrupt, which counts as taken. */
  acknowledgeInterrupt(): number;
  /** Exit code the guest asked for. */
  readonly exitCode: number | undefined;
}

/**
 * Generated code returns after so many instructions at the latest: that samples where time goes, and lets V8 replace its
 * first, slow version of a loop.
 */
const SLICE = 1 << 15;

/** So many pauses of a repeated string instruction end a `run`, so that a user can interrupt it. */
const MOST_PAUSES = 16;

const SYSTEM_CALL_ENTRIES: Readonly<Record<string, SystemCallGate | undefined>> = {
  SYSCALL: 'syscall',
  SYSENTER: 'sysenter',
  INT: 'int',
};
const SYSTEM_CALL_EXITS: Readonly<Record<string, SystemCallGate | undefined>> = {
  SYSRET: 'sysret',
  SYSEXIT: 'sysexit',
  IRET: 'iret',
};

/** Whether hot code is compiled, or all is interpreted. */
export type EngineStages = 'tiered' | 'interpreter';

export class Engine implements Cpu, TranslationCache {
  readonly state: CpuState;
  readonly paging: Paging;
  readonly translations: TranslationCache = this;
  readonly stopOn: StopConditions = { exceptions: new Set(), systemCallEntry: false, systemCallExit: false };
  instructionAddress = 0n;
  nextAddress = 0n;

  private readonly i32: Int32Array;
  private readonly u64: BigUint64Array;
  private readonly runGenerated: (record: number) => void;
  private readonly modes = new Modes();
  private readonly tlb: Tlb;
  private readonly jumps: JumpCache;
  private readonly fetcher: Fetcher;
  private readonly lowering: Lowering;
  private readonly code: CodeCache;
  private readonly access: MemoryAccess;
  private readonly bulk: BulkString;
  private readonly watch = new Watch();
  private readonly breakpoints = new Set<bigint>();
  private readonly compiler: Compiler | undefined;

  private mode: Mode;
  private modeDirty = true;
  private jumpCache = 0;
  /** What each jump cache holds code of: mode and privilege. */
  private readonly jumpCacheOwner: number[] = [];
  /** The control registers that the cached translations go by; a debugger may set them as well as the guest. */
  private translated = { cr3: 0n, cr0: -1, cr4: -1, efer: -1 };

  /** Retired before the generated code now running began. */
  private retired = 0;
  private sliceBudget = 0;
  /** Virtual time at which generated code now running returns at the latest. */
  private sliceEnd = 0;

  /** RIP of a repeated string instruction that has stopped between two iterations. */
  private pausedAt: bigint | undefined;
  /** How often a repeated string instruction has paused since `run` began: it retires nothing while it goes on. */
  private pauses = 0;

  /** What the routine or look-up that made generated code leave has to report. */
  private fault: AccessFault | undefined;
  private stopRequest: Stop | undefined;
  /** The processor shut down; nothing runs any more. */
  private shutdown: Stop | undefined;
  /** Exceptions of the instruction at this address do not stop again: the user has seen them. */
  private exceptionSeenAt: bigint | undefined;
  /** The architectural instruction just executed, for the traps that follow it. */
  private lastMnemonic = '';
  private heldBreakpoints = 0;

  constructor(
    readonly memory: PhysicalMemory,
    readonly bus: Bus,
    readonly model: CpuModel,
    private readonly environment: Environment,
    interpreter: Interpreter,
    decoderFeatures: number,
    stages: EngineStages = 'tiered',
  ) {
    const { linear } = memory;
    this.state = new CpuState(linear);
    this.i32 = new Int32Array(linear.buffer, 0, 256);
    this.u64 = new BigUint64Array(linear.buffer, 0, 128);
    this.paging = new Paging(this.state, memory, bus, model);
    this.tlb = new Tlb(linear);
    this.jumps = new JumpCache(linear);
    this.fetcher = new Fetcher(this, this.tlb, decoderFeatures);
    this.lowering = new Lowering(linear, interpreter.table, (mnemonic) => this.supports(mnemonic));
    this.code = new CodeCache(memory, this.lowering, this.fetcher, {
      pageHoldsCode: (page) => this.tlb.forbidWrites(page * 4096),
      blockDropped: (rip, record) => this.jumps.forget(rip, record),
      everythingDropped: () => {
        this.jumps.flush();
        this.compiler?.forget();
      },
      regionBroken: (region) => this.compiler?.drop(region),
    });
    memory.codeWritten = (pa, length) => {
      for (const block of this.code.overlapping(pa, length)) this.code.drop(block);
    };
    this.access = new MemoryAccess(this, this.tlb, this.code, this.watch, linear);
    this.bulk = new BulkString(this, this.watch, linear);
    const imports = this.imports();
    const functions = new WebAssembly.Table({ element: 'anyfunc', initial: 64 });
    const { exports } = new WebAssembly.Instance(interpreter.module, {
      env: { memory: linear, table: functions, ...imports },
    });
    this.runGenerated = exports.run as (record: number) => void;
    if (stages !== 'interpreter') {
      const { multiplyHigh, packFlags, unpackFlags } = exports;
      const supports = (mnemonic: string): boolean => this.supports(mnemonic);
      const routines = { multiplyHigh, packFlags, unpackFlags };
      this.compiler = new Compiler(
        linear,
        functions,
        this.code,
        this.lowering,
        interpreter.table,
        supports,
        imports,
        routines,
      );
    }
    this.mode = this.modes.of(this.state);
  }

  private supports(mnemonic: string): boolean {
    const feature = requiredFeature(mnemonic);
    return feature === undefined || this.model.features.has(feature);
  }

  // What architectural routines see

  get operandAddress(): bigint {
    return this.u64[layout.ADDRESS >> 3];
  }
  set operandAddress(va: bigint) {
    this.u64[layout.ADDRESS >> 3] = va;
  }

  get instructionCount(): number {
    return this.retired + this.sliceBudget - this.i32[layout.BUDGET >> 2];
  }

  get timestamp(): bigint {
    return BigInt(this.environment.clock.now);
  }

  modeChanged(): void {
    this.modeDirty = true;
  }

  accessed(va: bigint, size: number, access: 'read' | 'write'): void {
    if (!this.watch.any || !this.access.stepping) return;
    if (this.watch.touches(Number(va & 0xffffffffn), Number((va >> 32n) & 0xffffffffn), size)) {
      this.watch.note(va, size, access);
    }
  }

  flush(_keepGlobal: boolean): void {
    this.tlb.flush();
    this.jumps.flush();
  }

  flushPage(va: bigint): void {
    this.tlb.flushPage(Number((va >> 32n) & 0xffffffffn), Number(va & 0xffffffffn));
    this.jumps.flush();
  }

  flushPcid(_pcid: number): void {
    this.flush(true);
  }

  // Modes

  /** Makes everything that depends on the processor's mode agree with the state. */
  private refreshMode(): void {
    this.modeDirty = false;
    const { state } = this;
    this.mode = this.modes.of(state);
    const { translated } = this;
    const same =
      state.cr3 === translated.cr3 &&
      state.cr0 === translated.cr0 &&
      state.cr4 === translated.cr4 &&
      state.efer === translated.efer;
    if (!same) {
      this.translated = { cr3: state.cr3, cr0: state.cr0, cr4: state.cr4, efer: state.efer };
      this.flush(false);
    }
    const alignmentChecked = state.cpl === 3 && (state.cr0 & Cr0.AM) !== 0;
    const ac = (alignmentChecked || (state.cr4 & Cr4.SMAP) !== 0) && state.flag(Flag.AC);
    let pair: TlbPair;
    if (state.cpl === 3) pair = ac && alignmentChecked ? TlbPair.CHECKED : TlbPair.USER;
    else pair = ac ? TlbPair.SUPERVISOR_AC : TlbPair.SUPERVISOR;
    this.access.pair = pair;
    this.i32[layout.TLB_BASE >> 2] = Tlb.base(pair);

    const user = state.cpl === 3;
    if (this.mode.codeSize === 64) this.jumpCache = user ? 0 : 1;
    else this.jumpCache = user ? 2 : 3;
    const owner = this.mode.id * 4 + state.cpl;
    if (this.jumpCacheOwner[this.jumpCache] !== owner) {
      this.jumpCacheOwner[this.jumpCache] = owner;
      this.jumps.flushOne(this.jumpCache);
    }
    this.i32[layout.JUMP_CACHE_BASE >> 2] = JumpCache.base(this.jumpCache);
    this.u64[layout.STACK_MASK >> 3] = state.segments[Seg.SS].big ? 0xffffffffn : 0xffffn;
    if (this.watch.setGuestRanges(breakpointsEnabled(state) ? dataBreakpointRanges(state) : [])) this.tlb.flush();
  }

  // Blocks

  /** The record at which `rip` is executed. Throws GuestException if it cannot be fetched. */
  private recordAt(rip: bigint): number {
    const { mode } = this;
    const linear = mode.codeSize === 64 ? rip : BigInt.asUintN(32, mode.codeBase + rip);
    const page = this.fetcher.page(linear, mode);
    const block = this.code.at(rip, page + Number(linear & 0xfffn), mode);
    this.jumps.enter(this.jumpCache, rip, block.record);
    return block.record;
  }

  /** `recordAt` for generated code: 0 if the engine has to see to it first. */
  private recordForGenerated(rip: bigint): number {
    if (this.code.full) return 0;
    try {
      return this.recordAt(rip);
    } catch (error) {
      if (!(error instanceof GuestException)) throw error;
      this.fault = error;
      return 0;
    }
  }

  private imports(): EngineImports {
    return {
      slowRead: (low, high, size) => this.access.slowRead(low, high, size),
      slowWrite: (low, high, size, record) => this.access.slowWrite(low, high, size, record),
      commitWrite: () => this.access.commitWrite(),
      checkSegment: (segment, size, write) => this.checkSegment(segment, size, write),
      divideWide: (divisor, signed) => this.divideWide(divisor, signed !== 0),
      bulkString: (record) => this.bulkString(record),
      architectural: (record) => this.architectural(record),
      resolve: (stub) => this.resolve(stub),
      lookUp: () => this.recordForGenerated(this.state.rip),
    };
  }

  /** Links the branch that owns the stub to the block it stands for. */
  private resolve(stub: number): number {
    const target = this.lowering.stubAddress(stub);
    this.state.rip = target;
    const record = this.recordForGenerated(target);
    if (record === 0) return 0;
    if (this.code.owner(record)?.secondPage !== undefined) {
      // Its second page may be mapped differently next time: it has to be looked up each time.
      this.lowering.setHandler(stub, Builtin.LOOK_UP);
      return record;
    }
    this.lowering.link(this.lowering.stubOwner(stub), stub, record);
    return record;
  }

  private checkSegment(segment: Seg, size: number, write: number): number {
    try {
      this.operandAddress = segmentAddress(this, segment, this.operandAddress, size, write ? 'write' : 'read');
      return 1;
    } catch (error) {
      if (!(error instanceof GuestException)) throw error;
      this.access.fault = error;
      return 0;
    }
  }

  /** DIV and IDIV of 128 by 64 bits; 0 if the quotient does not fit. */
  private divideWide(divisor: bigint, signed: boolean): number {
    const { gpr } = this.state;
    const cut = (value: bigint, bits: number): bigint =>
      signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
    const dividend = cut((gpr[Gpr.RDX] << 64n) | gpr[Gpr.RAX], 128);
    const by = cut(divisor, 64);
    const quotient = dividend / by;
    if (cut(quotient, 64) !== quotient) return 0;
    gpr[Gpr.RAX] = BigInt.asUintN(64, quotient);
    gpr[Gpr.RDX] = BigInt.asUintN(64, dividend % by);
    return 1;
  }

  private bulkString(record: number): number {
    if (this.i32[layout.ONE_ITERATION >> 2]) return 0;
    const instruction = this.instructionAt(record);
    return instruction ? this.bulk.run(instruction.instruction, this.mode) : 0;
  }

  private instructionAt(record: number): { block: Block; index: number; instruction: Instruction } | undefined {
    const block = this.code.owner(record);
    if (!block) return undefined;
    const index = block.recordInstruction[(record - block.record) / layout.RECORD_BYTES];
    return { block, index, instruction: block.instructions[index] };
  }

  /** See `EngineImports.architectural`. */
  private architectural(record: number): number {
    const at = this.instructionAt(record);
    if (!at) throw new Error('a record without its block');
    const { block, index, instruction } = at;
    const { state } = this;
    const rip = BigInt.asUintN(this.mode.codeSize === 64 ? 64 : 32, block.rip + BigInt(block.offsets[index]));
    this.i32[layout.EXIT_REASON >> 2] = ExitReason.ENGINE;
    this.i32[layout.CURRENT_RECORD >> 2] = record;
    state.rip = rip;
    this.instructionAddress = rip;
    this.nextAddress = BigInt.asUintN(this.mode.codeSize === 64 ? 64 : 32, rip + BigInt(instruction.length));
    this.lastMnemonic = instruction.mnemonic;
    const cplBefore = state.cpl;
    try {
      if (this.watch.any && !this.access.stepping) {
        this.fault = STEP_NEEDED;
      } else if (instruction.repeat !== 'none' && REPEATED_IO.has(instruction.mnemonic)) {
        this.repeatedIo(instruction);
      } else {
        this.routine(instruction.mnemonic)(this, instruction);
      }
    } catch (error) {
      if (!(error instanceof GuestException)) throw error;
      this.fault = error;
    }
    if (this.fault) {
      // It was charged with its block, but did not retire.
      this.i32[layout.BUDGET >> 2]++;
      return 0;
    }
    state.rip = this.nextAddress;
    if (this.modeDirty) this.refreshMode();
    if (cplBefore !== state.cpl) this.noteSystemCall(instruction.mnemonic, cplBefore);
    return this.needsAttention() ? 0 : this.recordForGenerated(state.rip);
  }

  private routine(mnemonic: string): (cpu: Cpu, instruction: Instruction) => void {
    const routine = this.supports(mnemonic)
      ? (architecturalRoutines[mnemonic] ?? softwareRoutines[mnemonic])
      : undefined;
    if (!routine) throw new GuestException(Vector.UD);
    return routine;
  }

  /** REP INS and REP OUTS: one iteration; until the last one, control stays at the instruction. */
  private repeatedIo(instruction: Instruction): void {
    const { gpr } = this.state;
    const bits = 8 * instruction.addressSize;
    const count = BigInt.asUintN(bits, gpr[Gpr.RCX]);
    requireStringPortAccess(this, instruction);
    if (count === 0n) return;
    this.routine(instruction.mnemonic)(this, instruction);
    const left = count - 1n;
    gpr[Gpr.RCX] = instruction.addressSize === 2 ? (gpr[Gpr.RCX] & ~0xffffn) | left : left;
    if (left === 0n) return;
    this.nextAddress = this.instructionAddress;
    this.pausedAt = this.instructionAddress;
    this.i32[layout.BUDGET >> 2]++;
  }

  private noteSystemCall(mnemonic: string, cplBefore: number): void {
    const entered = this.state.cpl < cplBefore;
    const gate = (entered ? SYSTEM_CALL_ENTRIES : SYSTEM_CALL_EXITS)[mnemonic];
    if (!gate) return;
    if (entered ? this.stopOn.systemCallEntry : this.stopOn.systemCallExit) {
      this.stopRequest = { reason: 'system-call', phase: entered ? 'entry' : 'exit', gate };
    }
  }

  /** Whether the engine must look before the instruction after an architectural one. */
  private needsAttention(): boolean {
    const { state, environment } = this;
    if (this.stopRequest || state.halted || environment.exitCode !== undefined || state.flag(Flag.TF)) return true;
    if (this.heldBreakpoints || state.pendingDebugTraps || instructionBreakpointsEnabled(state)) return true;
    const due = environment.clock.nextEventAt;
    if (due < this.sliceEnd) return true;
    const pending = environment.interruptPending();
    if (state.interruptShadow !== 'none') {
      // Nothing can arrive before the next instruction is over: the shadow need not be modelled.
      if (pending || this.watch.any || due <= environment.clock.now + 2) return true;
      state.interruptShadow = 'none';
    }
    return pending && acceptsInterrupt(state);
  }

  /** Regions of code that are compiled now. */
  get compiledRegions(): number {
    return this.compiler?.size ?? 0;
  }

  // Running

  addBreakpoint(va: bigint): void {
    this.breakpoints.add(va);
    this.code.addBreakpoint(va);
  }

  removeBreakpoint(va: bigint): void {
    this.breakpoints.delete(va);
    this.code.removeBreakpoint(va);
  }

  addDataBreakpoint(breakpoint: DataBreakpoint): void {
    this.watch.add(breakpoint);
    this.tlb.flush();
  }

  removeDataBreakpoint(breakpoint: DataBreakpoint): void {
    this.watch.remove(breakpoint);
    this.tlb.flush();
  }

  /** See `Machine.run`. */
  run(maxInstructions: number): Stop {
    const end = this.instructionCount + maxInstructions;
    this.refreshMode();
    const { clock } = this.environment;
    let first = true;
    this.pauses = 0;
    for (;;) {
      const stop = this.shutdown ?? this.attend(false).stop;
      if (stop) return stop;
      const count = this.instructionCount;
      if (count >= end || this.pauses > MOST_PAUSES) return { reason: 'limit' };
      const linear = this.mode.codeBase + this.state.rip;
      if (this.breakpoints.has(linear) && !first) return { reason: 'breakpoint', address: linear };
      const room = Math.min(end - count, clock.nextEventAt - clock.now, SLICE);
      const single = first || room <= LONGEST_BLOCK || this.mustStep();
      first = false;
      const result = single ? this.executeOne() : this.executeMany(room - LONGEST_BLOCK);
      if (result) return result;
      if (this.stopRequest) return this.takeStopRequest();
    }
  }

  /** See `Machine.step`. */
  step(options: { readonly holdInterrupts?: boolean } = {}): StepResult {
    this.refreshMode();
    const attended = this.shutdown ? { stop: this.shutdown } : this.attend(options.holdInterrupts === true);
    if (attended.stop) return { stop: attended.stop, delivered: undefined };
    if (attended.delivered !== undefined) return { stop: { reason: 'limit' }, delivered: attended.delivered };
    this.deliveredVector = undefined;
    let stop: Stop | undefined;
    // A repeated instruction may pause on its own account; it is one step all the same.
    const rip = this.state.rip;
    const before = this.instructionCount;
    do {
      stop = this.executeOne();
    } while (
      !stop &&
      this.instructionCount === before &&
      this.deliveredVector === undefined &&
      this.state.rip === rip &&
      !this.state.flag(Flag.TF)
    );
    if (!stop && this.stopRequest) stop = this.takeStopRequest();
    if (!stop && this.environment.exitCode !== undefined) stop = { reason: 'exit', code: this.environment.exitCode };
    return { stop: stop ?? { reason: 'limit' }, delivered: this.deliveredVector };
  }

  private deliveredVector: number | undefined;

  private takeStopRequest(): Stop {
    const stop = this.stopRequest;
    this.stopRequest = undefined;
    return stop ?? { reason: 'limit' };
  }

  /** Between instructions: exits, events, idling, interrupts. */
  private attend(holdInterrupts: boolean): { stop?: Stop; delivered?: number } {
    const { environment, state } = this;
    if (environment.exitCode !== undefined) return { stop: { reason: 'exit', code: environment.exitCode } };
    environment.clock.runDue();
    while (state.halted) {
      if (environment.interruptPending() && state.flag(Flag.IF)) {
        state.halted = false;
        break;
      }
      if (!state.flag(Flag.IF) || !environment.clock.skipToNextEvent()) return { stop: { reason: 'halt' } };
      environment.clock.runDue();
    }
    if (!holdInterrupts && environment.interruptPending() && acceptsInterrupt(state)) {
      const vector = environment.acknowledgeInterrupt();
      const stop = this.orShutdown(() => deliverInterrupt(this, vector, this.pausedAt === state.rip));
      this.refreshMode();
      return stop ? { stop } : { delivered: vector };
    }
    return {};
  }

  /** Runs a delivery; a triple fault shuts the processor down. */
  private orShutdown(deliver: () => void): Stop | undefined {
    try {
      deliver();
    } catch (error) {
      if (!(error instanceof TripleFault)) throw error;
      this.shutdown = { reason: 'shutdown', vector: error.vector };
    }
    this.modeDirty = true;
    return this.shutdown;
  }

  /** Whether every instruction has to be looked at on its own. */
  private mustStep(): boolean {
    const { state } = this;
    if (state.flag(Flag.TF) || instructionBreakpointsEnabled(state) || this.heldBreakpoints) return true;
    if (state.flag(Flag.RF)) return true;
    return state.interruptShadow !== 'none';
  }

  /** Runs up to `budget` instructions and what remains of the block then. */
  private executeMany(budget: number): Stop | undefined {
    if (this.code.full) this.code.clear();
    let record: number;
    try {
      record = this.recordAt(this.state.rip);
    } catch (error) {
      return this.raise(error);
    }
    return this.execute(record, budget);
  }

  /** Executes the instruction at RIP and delivers what it traps into. */
  private executeOne(): Stop | undefined {
    const { state } = this;
    const linear = this.mode.codeBase + state.rip;
    const resume = state.flag(Flag.RF);
    if (!resume) {
      const hit = instructionBreakpoints(state, linear);
      if (hit) return this.raise(new DebugFault(hit));
    }
    let block: Block;
    try {
      block = this.code.step(state.rip, this.mode);
    } catch (error) {
      return this.raise(error);
    }
    const trapFlagBefore = state.flag(Flag.TF);
    state.interruptShadow = 'none';
    this.watch.noted.length = 0;
    this.access.stepping = true;
    this.i32[layout.ONE_ITERATION >> 2] = trapFlagBefore ? 1 : 0;
    this.lastMnemonic = block.instructions[0].mnemonic;
    this.completed = true;
    const rip = state.rip;
    let stop: Stop | undefined;
    try {
      stop = this.execute(block.record, 0);
    } finally {
      this.access.stepping = false;
      this.i32[layout.ONE_ITERATION >> 2] = 0;
    }
    if (!this.completed || stop) return stop;
    this.exceptionSeenAt = undefined;
    if (resume && this.lastMnemonic !== 'IRET') state.rflags &= ~Flag.RF;
    const following = BigInt.asUintN(64, rip + BigInt(block.length));
    return this.trapAfter(trapFlagBefore, state.rip !== following) ?? this.dataBreakpointStop(rip);
  }

  /** The instruction being executed alone ran to its end. */
  private completed = true;

  /** Delivers the #DB that follows an instruction, if any. */
  private trapAfter(trapFlagBefore: boolean, branched: boolean): Stop | undefined {
    const { state } = this;
    let touched = state.pendingDebugTraps;
    state.pendingDebugTraps = 0;
    if (breakpointsEnabled(state)) {
      for (const { va, size, access } of this.watch.noted) touched |= dataBreakpoints(state, va, size, access);
    }
    const decision = debugTrapAfter({
      mnemonic: this.lastMnemonic,
      trapFlagBefore,
      trapFlagAfter: state.flag(Flag.TF),
      inStackShadow: state.interruptShadow === 'ss',
      branched,
      branchTrapFlag: ((state.otherMsrs.get(DEBUGCTL) ?? 0n) & DEBUGCTL_BTF) !== 0n,
      dataBreakpoints: touched,
      heldBreakpoints: this.heldBreakpoints,
    });
    this.heldBreakpoints = decision.hold;
    if (!decision.deliver) return undefined;
    if (this.stopOn.exceptions.has(Vector.DB) && !this.stopRequest) {
      this.stopRequest = { reason: 'exception', vector: Vector.DB };
    }
    this.deliveredVector = Vector.DB;
    const stop = this.orShutdown(() => deliverDebugTrap(this, decision.deliver, this.pausedAt === state.rip));
    this.refreshMode();
    return stop;
  }

  private dataBreakpointStop(instruction: bigint): Stop | undefined {
    const hit = this.watch.noted.length > 0 ? this.watch.hit() : undefined;
    return hit && { reason: 'data-breakpoint', ...hit, instruction };
  }

  /** Lets generated code run from `record` and deals with how it came back. */
  private execute(record: number, budget: number): Stop | undefined {
    const { i32 } = this;
    this.fault = undefined;
    this.access.fault = undefined;
    this.pausedAt = undefined;
    i32[layout.BUDGET >> 2] = budget;
    this.sliceBudget = budget;
    this.sliceEnd = this.environment.clock.now + budget + LONGEST_BLOCK;
    this.runGenerated(record);
    this.retired += this.sliceBudget - i32[layout.BUDGET >> 2];
    this.sliceBudget = i32[layout.BUDGET >> 2] = 0;

    const current = i32[layout.CURRENT_RECORD >> 2];
    switch (i32[layout.EXIT_REASON >> 2] as ExitReason) {
      case ExitReason.BUDGET:
        if (current !== 0) this.state.rip = this.addressOf(current);
        if (budget > 0) this.sampleAt(current);
        return undefined;
      case ExitReason.ENGINE:
        return this.afterRoutine();
      case ExitReason.BREAKPOINT:
        this.locate(current);
        return undefined;
      case ExitReason.BETWEEN_ITERATIONS:
        this.pauses++;
        this.locate(current);
        this.pausedAt = this.state.rip;
        return undefined;
      case ExitReason.EXCEPTION: {
        this.locate(current);
        const vector = i32[layout.EXIT_DETAIL >> 2];
        return this.raise(new GuestException(vector, vector === Number(Vector.GP) ? 0 : undefined));
      }
      case ExitReason.FAULT: {
        const instruction = this.locate(current);
        return this.resolveFault(this.access.fault, instruction);
      }
    }
  }

  /** Tells the compiler where a slice ended, and lets it compile what that made hot. */
  private sampleAt(record: number): void {
    const block = record !== 0 && this.compiler ? this.code.owner(record) : undefined;
    if (!block || block.record !== record) return;
    this.compiler?.sample(block);
    this.compiler?.compileQueued();
  }

  /** An architectural routine or a look-up left: RIP is exact. */
  private afterRoutine(): Stop | undefined {
    if (this.fault) {
      const fault = this.fault;
      this.fault = undefined;
      return this.resolveFault(fault, undefined);
    }
    // SYSCALL and SYSRET trap by the TF they have just set, IN and OUT by I/O breakpoints; executeOne looks for itself.
    const { state } = this;
    if (!this.access.stepping && (state.flag(Flag.TF) || state.pendingDebugTraps)) return this.trapAfter(false, true);
    return undefined;
  }

  private resolveFault(fault: AccessFault | undefined, instruction: Instruction | undefined): Stop | undefined {
    if (fault === STEP_NEEDED) return this.executeOne();
    if (fault === NOT_CANONICAL) {
      return this.raise(this.access.notCanonical(instruction !== undefined && this.refersToStack(instruction)));
    }
    return this.raise(fault);
  }

  /** Whether the address that was not canonical is a stack reference of the instruction. */
  private refersToStack(instruction: Instruction): boolean {
    const memory = instruction.operands.find((operand) => operand.kind === 'memory');
    if (memory?.kind === 'memory' && !STACK_USERS.has(instruction.mnemonic)) return memory.segment === Seg.SS;
    if (memory?.kind === 'memory') {
      // PUSH and POP of memory: their operand counts unless the address is that of the stack itself.
      const distance = BigInt.asIntN(64, this.access.faultAddress - this.state.gpr[Gpr.RSP]);
      return memory.segment === Seg.SS || (distance >= -8n && distance <= 0n);
    }
    return STACK_USERS.has(instruction.mnemonic);
  }

  /** Address a branch record leads to: the start of its block, or what a stub stands for. */
  private addressOf(record: number): bigint {
    const handler = this.lowering.handlerOf(record);
    if (handler === Number(Builtin.RESOLVE) || handler === Number(Builtin.LOOK_UP)) {
      return this.lowering.stubAddress(record);
    }
    return this.code.owner(record)?.rip ?? this.state.rip;
  }

  /** Sets RIP to the instruction of a record in the middle of its block, and counts those before it. */
  private locate(record: number): Instruction | undefined {
    const at = this.instructionAt(record);
    if (!at) return undefined;
    this.retired += at.index;
    const bits = at.block.mode.codeSize === 64 ? 64 : 32;
    this.state.rip = BigInt.asUintN(bits, at.block.rip + BigInt(at.block.offsets[at.index]));
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
      return { reason: 'exception', vector, errorCode, faultAddress };
    }
    this.exceptionSeenAt = undefined;
    this.deliveredVector = vector;
    const stop = this.orShutdown(() => deliverException(this, error));
    this.refreshMode();
    return stop;
  }
}

const REPEATED_IO = new Set(['INS', 'OUTS']);
const STACK_USERS = new Set([
  ...['PUSH', 'POP', 'CALL', 'RET', 'PUSHF', 'POPF', 'LEAVE', 'ENTER', 'PUSHA', 'POPA', 'PUSH_SREG', 'POP_SREG'],
  ...['IRET', 'RET_FAR', 'CALL_FAR'],
]);
const DEBUGCTL = 0x1d9;
const DEBUGCTL_BTF = 2n;
