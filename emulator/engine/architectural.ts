/** Carries out architectural routines for generated code, and decides whether it may go on by itself afterwards. */
import { missingEndbranch } from '../cpu/cet';
import type { ArchitecturalRoutine } from '../cpu/cpu';
import { instructionBreakpointsEnabled } from '../cpu/debug';
import { GuestException, Vector } from '../cpu/exceptions';
import { acceptsInterrupt } from '../cpu/interrupts';
import { requireStringPortAccess } from '../cpu/port-io';
import { architecturalRoutines } from '../cpu/routines';
import { Flag } from '../cpu/state';
import { Gpr, type Instruction } from '../isa/instruction';
import { vectorUnit, type VectorUnit } from '../isa/features';
import { softwareRoutines } from '../isa/semantics/software';
import type { Stop, StopConditions, SystemCallGate } from '../machine';
import { unitFault } from './mode';
import type { GeneratedCode } from './generated-code';
import { ControlFlow, endsIndirectBranch } from './control-flow';
import * as layout from './layout';
import { uncheckedAccess } from './lowering';
import { STEP_NEEDED } from './memory-access';
import type { Environment, Processor } from './processor';
import { ExitReason } from './records';
import { modelShortcuts, shortcuts } from './shortcuts';

const SYSTEM_CALL_ENTRIES: Readonly<Record<string, SystemCallGate | undefined>> = {
  SYSCALL: 'syscall',
  SYSENTER: 'sysenter',
  INT: 'int',
};
const SYSTEM_CALL_EXITS: Readonly<Record<string, SystemCallGate | undefined>> = {
  SYSRET: 'sysret',
  SYSEXIT: 'sysexit',
  IRET: 'iret',
  ERETU: 'eretu',
};

/** A routine and the unit that must be enabled for it; there may be none of either. */
interface UnitRoutine {
  readonly unit: VectorUnit | undefined;
  readonly execute: ArchitecturalRoutine | undefined;
}

const REPEATED_IO = new Set(['INS', 'OUTS']);

export class ArchitecturalInstructions {
  readonly stopOn: StopConditions = {
    exceptions: new Set(),
    systemCallEntry: false,
    systemCallExit: false,
    idle: false,
  };
  /** Why the engine should stop after the instruction. */
  stopRequest: Stop | undefined;
  /** The last one executed, for the traps that follow it. */
  lastMnemonic = '';
  /** RIP of a repeated string instruction that has stopped between two iterations. */
  pausedAt: bigint | undefined;
  /** DR6 bits of data breakpoints that MOV SS holds back. */
  heldBreakpoints = 0;
  /** Virtual time at which generated code now running returns at the latest. */
  sliceEnd = 0;

  /** Routines of instructions the CPU model has, as far as they have been used, and the units they work on. */
  private readonly routines = new Map<string, UnitRoutine>();
  private readonly i32: Int32Array;
  private readonly u64: BigUint64Array;
  /** Shortcuts that depend on the CPU model alone. */
  private readonly ofModel: number;

  constructor(
    private readonly processor: Processor,
    private readonly environment: Environment,
    /** Asked only once generated code is running. */
    private readonly generated: () => GeneratedCode,
  ) {
    const { buffer } = processor.memory.linear;
    this.i32 = new Int32Array(buffer, 0, 256);
    this.u64 = new BigUint64Array(buffer, 0, 128);
    this.ofModel = modelShortcuts(processor.model);
  }

  /** See `EngineImports.architectural`. */
  execute(record: number): number {
    const { processor } = this;
    const generated = this.generated();
    const at = generated.instructionAt(record);
    if (!at) throw new Error('a record without its block');
    const { instruction, rip, next } = at;
    const { state } = processor;
    this.i32[layout.EXIT_REASON >> 2] = ExitReason.ENGINE;
    this.i32[layout.CURRENT_RECORD >> 2] = record;
    state.rip = rip;
    processor.instructionAddress = rip;
    processor.nextAddress = next;
    processor.unchecked = uncheckedAccess(instruction, processor.mode);
    this.lastMnemonic = instruction.mnemonic;
    const cplBefore = state.cpl;
    try {
      if (processor.mode.controlFlow === ControlFlow.WAITING && !endsIndirectBranch(instruction, state.mode64)) {
        missingEndbranch(processor);
        // Legacy code: the instruction is executed once tracking is suppressed.
        processor.nextAddress = rip;
        this.i32[layout.BUDGET >> 2]++;
      } else if (processor.watch.any && !processor.stepping) {
        generated.fault = STEP_NEEDED;
      } else if (instruction.repeat !== 'none' && REPEATED_IO.has(instruction.mnemonic)) {
        this.repeatedIo(instruction);
      } else {
        this.routine(instruction)(processor, instruction);
      }
    } catch (error) {
      if (!(error instanceof GuestException)) throw error;
      generated.fault = error;
    }
    if (generated.fault) {
      // It was charged with its block, but did not retire.
      this.i32[layout.BUDGET >> 2]++;
      return 0;
    }
    state.rip = processor.nextAddress;
    if (processor.modeDirty) processor.refreshMode();
    if (cplBefore !== state.cpl) this.noteSystemCall(instruction.mnemonic, cplBefore);
    if (processor.stepping) return 0;
    const pending = this.environment.interruptPending();
    if (this.needsAttention(pending)) return 0;
    this.allowShortcuts(pending);
    // RF, which IRET has restored, is for one instruction; generated code is about to execute that.
    if (this.i32[layout.BUDGET >> 2] >= 0) state.setControlFlags(Flag.RF, false);
    return generated.recordForGenerated();
  }

  /** The routine of an instruction. Throws what stands before all else: #UD, or #NM if its unit is not available. */
  private routine(instruction: Instruction): ArchitecturalRoutine {
    const { unit, execute } = this.routines.get(instruction.mnemonic) ?? this.find(instruction);
    // Control registers change: this is asked each time.
    const fault = unit && unitFault(this.processor.mode, unit);
    if (fault !== undefined) throw new GuestException(fault);
    if (!execute) throw new GuestException(Vector.UD);
    return execute;
  }

  /** What has a routine is kept by its mnemonic; the rest, here because its unit is off, may name several units by one. */
  private find(instruction: Instruction): UnitRoutine {
    const { mnemonic } = instruction;
    if (!this.processor.supports(instruction)) throw new GuestException(Vector.UD);
    const execute = mnemonic in architecturalRoutines ? architecturalRoutines[mnemonic] : softwareRoutines[mnemonic];
    const found = { unit: vectorUnit(instruction), execute };
    if (execute) this.routines.set(mnemonic, found);
    return found;
  }

  /** REP INS and REP OUTS: one iteration; until the last one, control stays at the instruction. */
  private repeatedIo(instruction: Instruction): void {
    const { processor } = this;
    const { gpr } = processor.state;
    const bits = 8 * instruction.addressSize;
    const count = BigInt.asUintN(bits, gpr[Gpr.RCX]);
    requireStringPortAccess(processor, instruction);
    if (count === 0n) return;
    this.routine(instruction)(processor, instruction);
    const left = count - 1n;
    gpr[Gpr.RCX] = instruction.addressSize === 2 ? (gpr[Gpr.RCX] & ~0xffffn) | left : left;
    if (left === 0n) return;
    processor.nextAddress = processor.instructionAddress;
    this.pausedAt = processor.instructionAddress;
    this.i32[layout.BUDGET >> 2]++;
  }

  private noteSystemCall(mnemonic: string, cplBefore: number): void {
    const entered = this.processor.state.cpl < cplBefore;
    const gate = (entered ? SYSTEM_CALL_ENTRIES : SYSTEM_CALL_EXITS)[mnemonic];
    if (!gate) return;
    if (entered ? this.stopOn.systemCallEntry : this.stopOn.systemCallExit) {
      this.stopRequest = { reason: 'system-call', phase: entered ? 'entry' : 'exit', gate };
    }
  }

  /** Lets generated code do without routines, as far as nobody would notice; `pending`: an interrupt waits. */
  allowShortcuts(pending: boolean): void {
    const { processor, i32 } = this;
    const { state } = processor;
    // What is executed alone, or may touch watched memory, shows the engine all it does.
    const none = processor.stepping || processor.watch.any;
    i32[layout.SHORTCUTS >> 2] = none ? 0 : this.ofModel | shortcuts(state, this.stopOn, pending);
    this.u64[layout.GDTR_BASE >> 3] = state.gdtr.base;
    i32[layout.GDTR_LIMIT >> 2] = state.gdtr.limit;
  }

  /** Whether the engine must look before the instruction after an architectural one; `pending`: an interrupt waits. */
  private needsAttention(pending: boolean): boolean {
    const { environment, processor } = this;
    const { state } = processor;
    if (this.stopRequest || state.halted || environment.end || state.flag(Flag.TF)) return true;
    if (this.heldBreakpoints || state.pendingDebugTraps || instructionBreakpointsEnabled(state)) return true;
    const due = environment.clock.nextEventAt;
    if (due < this.sliceEnd) return true;
    if (environment.nmiPending()) return true;
    if (state.interruptShadow !== 'none') {
      // Nothing can arrive before the next instruction is over: the shadow need not be modelled.
      if (pending || processor.watch.any || state.fred.enabled || due <= environment.clock.now + 2) return true;
      state.interruptShadow = 'none';
    }
    return pending && acceptsInterrupt(state);
  }
}
