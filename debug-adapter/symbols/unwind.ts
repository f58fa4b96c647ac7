/** The chain of frames from the current instruction outwards, from ring 0 into ring 3. */
import { isCanonical, type CpuState } from '../../emulator';
import type { Symbol } from '../../toolchain';
import { GENERAL_NAMES } from '../registers';
import { kernelEntryGroups } from './kernel-entries';
import {
  ENTRY_STACK,
  analyseStack,
  cell,
  type AbstractState,
  type CellKey,
  type EntryKind,
  type EntryPoint,
  type InitialRegister,
} from './stack-analysis';
import type { SymbolTable } from './symbols';

/** The unwinder's view of a machine. */
export interface UnwindTarget {
  readonly state: CpuState;
  readLinear(va: bigint, length: number): Uint8Array;
  /** Like `readLinear`, but code that is not mapped now (a kernel under user page tables) comes from its image. */
  readCode(va: bigint, length: number): Uint8Array;
  /** Size of the code at `va`: only 64-bit code is unwound. */
  bitness(va: bigint): number;
}

/** A register of an outer frame: its value there, and where it is kept now. */
export interface SavedRegister {
  readonly value: bigint;
  /** Address of the memory that holds it; undefined if it is in a register. */
  readonly va?: bigint;
}

export interface UnwoundFrame {
  readonly rip: bigint;
  readonly ring: number;
  /** How the frame inside this one was entered: this is the current frame, or it made a call, or it was left for ring 0. */
  readonly kind: 'current' | 'call' | 'kernel-entry';
  /** Registers as they will be when control is back here, by SDM name; those missing are unknown. */
  readonly registers: ReadonlyMap<string, SavedRegister>;
  /** What the code analysis knows at `rip`, if `rip` is in entry code. */
  readonly entry?: EntryFrame;
}

/** A frame of kernel entry code: which stacks it uses and where they are. */
export interface EntryFrame {
  readonly kind: EntryKind;
  readonly state: AbstractState;
  /** Top address of each stack whose place is known. */
  readonly stacks: ReadonlyMap<string, bigint>;
}

const RSP = 4;
const MAX_FRAMES = 64;
/** Bytes of struct pt_regs. */
export const PT_REGS_BYTES = 168;
/** Names of the 21 slots of pt_regs from the lowest address (include/uapi/asm/ptrace.h). */
export const PT_REGS_NAMES = 'r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss'.split(' ');

/** SDM name of the register a slot of pt_regs holds; undefined for orig_ax. */
export function ptRegsRegister(slot: string): string | undefined {
  if (slot === 'orig_ax') return undefined;
  if (slot === 'ip') return 'rip';
  if (slot === 'flags') return 'rflags';
  return /^(r\d|cs$|ss$)/.test(slot) ? slot : `r${slot}`;
}

interface Frame {
  rip: bigint;
  ring: number;
  /** General registers; undefined is unknown. */
  gpr: (bigint | undefined)[];
}

export class Unwinder {
  private readonly functions = new Map<bigint, ReadonlyMap<bigint, AbstractState>>();
  private entryKey = '';
  private entryAnalyses: { kind: EntryKind; states: ReadonlyMap<bigint, AbstractState> }[] = [];

  constructor(
    private readonly target: UnwindTarget,
    private readonly symbols: Pick<SymbolTable, 'functionAt' | 'named'>,
    /** Functions nothing calls, such as a program's _start: unwinding ends there. */
    private readonly outermost: ReadonlySet<bigint>,
  ) {}

  /** Code was changed: what was worked out from it no longer holds. */
  codeChanged(): void {
    this.functions.clear();
    this.entryKey = '';
  }

  /** Frames from the innermost outwards; at least the current one. */
  unwind(): UnwoundFrame[] {
    const { state } = this.target;
    let frame: Frame = { rip: state.rip, ring: state.cpl, gpr: Array.from(state.gpr) };
    const current = new Map<string, SavedRegister>(
      GENERAL_NAMES.map((name, index) => [name, { value: state.gpr[index] }]),
    );
    current.set('rip', { value: state.rip });
    const frames: UnwoundFrame[] = [
      { rip: state.rip, ring: state.cpl, kind: 'current', registers: current, ...this.entryAt(frame) },
    ];
    while (frames.length < MAX_FRAMES) {
      const outer = this.caller(frame);
      if (!outer) break;
      const { kind, registers } = outer;
      frame = {
        rip: registers.get('rip')?.value ?? 0n,
        ring: outer.ring,
        gpr: GENERAL_NAMES.map((name) => registers.get(name)?.value),
      };
      frames.push({ rip: frame.rip, ring: frame.ring, kind, registers, ...this.entryAt(frame) });
    }
    return frames;
  }

  private caller(frame: Frame): Pick<UnwoundFrame, 'ring' | 'kind' | 'registers'> | undefined {
    if (!this.target.state.longMode) return undefined;
    if (frame.ring !== 3) {
      const { entry } = this.entryAt(frame);
      const interrupted = entry && this.leaveEntry(frame, entry);
      if (interrupted) return interrupted;
    }
    const symbol = this.functionAround(frame.rip);
    if (symbol && !this.outermost.has(symbol.value) && this.target.bitness(frame.rip) === 64) {
      const called = this.leaveFunction(frame, symbol);
      if (called) return called;
    }
    return frame.ring === 0 ? this.fromTaskState(frame) : undefined;
  }

  /** What is known at `rip` if it is in code reached from a kernel entry point. */
  private entryAt(frame: Frame): { entry?: EntryFrame } {
    if (frame.ring === 3 || !this.target.state.longMode) return {};
    for (const { kind, states } of this.entries()) {
      const state = states.get(frame.rip);
      if (state) return { entry: { kind, state, stacks: stackTops(state, frame.gpr) } };
    }
    return {};
  }

  private entries(): { kind: EntryKind; states: ReadonlyMap<bigint, AbstractState> }[] {
    const { state } = this.target;
    const key = [state.lstar, state.cstar, state.sysenterEip, state.idtr.base, state.idtr.limit].join();
    if (key === this.entryKey) return this.entryAnalyses;
    const read = (va: bigint, length: number): Uint8Array => this.target.readCode(va, length);
    this.entryAnalyses = kernelEntryGroups(state, read).map((group) => ({
      kind: group[0].kind,
      states: analyseStack(group, read),
    }));
    this.entryKey = key;
    return this.entryAnalyses;
  }

  /** The code that was left for the kernel: mostly user code, or kernel code an interrupt came upon. */
  private leaveEntry(
    frame: Frame,
    { kind, state, stacks }: EntryFrame,
  ): Pick<UnwoundFrame, 'ring' | 'kind' | 'registers'> | undefined {
    const registers = this.initialRegisters(frame, state, stacks);
    this.addHardwareFrame(registers, state, stacks);
    const rip = registers.get('rip');
    // A frame that IRET refuses may hold anything, but it says where it was meant to lead.
    const leadsToUser = ((registers.get('cs')?.value ?? 0n) & 3n) === 3n;
    if (!rip || (!isCanonical(this.target.state, rip.value) && !leadsToUser)) return undefined;
    const interrupt = kind === 'interrupt' || kind === 'interrupt-with-error-code';
    const ring = interrupt ? Number((registers.get('cs')?.value ?? 0n) & 3n) : 3;
    return { ring, kind: 'kernel-entry', registers };
  }

  /** RIP, RSP and the others from the top five words of a stack, where entry code pushed them itself. */
  private addHardwareFrame(
    registers: Map<string, SavedRegister>,
    state: AbstractState,
    stacks: ReadonlyMap<string, bigint>,
  ): void {
    for (const [name, top] of stacks) {
      if (!state.cells.has(cell(name, -40))) continue;
      ['ss', 'rsp', 'rflags', 'cs', 'rip'].forEach((register, index) => {
        if (!registers.has(register)) this.addWord(registers, register, top - 8n * BigInt(index + 1));
      });
    }
  }

  /** The function `va` belongs to: what compilers move out of it as unlikely is reached from its start alone. */
  private functionAround(va: bigint): Symbol | undefined {
    const symbol = this.symbols.functionAt(va)?.symbol;
    const [whole, ofPart] = /^(.*)\.cold(?:\.\d+)?$/.exec(symbol?.name ?? '') ?? [];
    return (whole === undefined ? undefined : this.symbols.named(ofPart)) ?? symbol;
  }

  private leaveFunction(
    frame: Frame,
    { value: start, size }: Symbol,
  ): Pick<UnwoundFrame, 'ring' | 'kind' | 'registers'> | undefined {
    let states = this.functions.get(start);
    if (!states) {
      const entry: EntryPoint = { va: start, kind: 'call' };
      const end = size > 0n ? start + size : undefined;
      states = analyseStack([entry], (va, length) => this.target.readCode(va, length), end);
      this.functions.set(start, states);
    }
    const state = states.get(frame.rip);
    if (!state) return undefined;
    const stacks = stackTops(state, frame.gpr);
    const registers = this.initialRegisters(frame, state, stacks);
    const rip = registers.get('rip');
    const top = stacks.get(ENTRY_STACK);
    if (!rip || top === undefined || !this.followsCall(rip.value)) return undefined;
    registers.set('rsp', { value: top });
    return { ring: frame.ring, kind: 'call', registers };
  }

  /** User registers from the task's pt_regs at the top of the kernel stack, whose address the TSS holds. */
  private fromTaskState(frame: Frame): Pick<UnwoundFrame, 'ring' | 'kind' | 'registers'> | undefined {
    const base = taskPtRegs(this.target, frame.gpr[RSP]);
    if (base === undefined) return undefined;
    const registers = new Map<string, SavedRegister>();
    PT_REGS_NAMES.forEach((slot, index) => {
      const register = ptRegsRegister(slot);
      if (register) this.addWord(registers, register, base + BigInt(8 * index));
    });
    return { ring: 3, kind: 'kernel-entry', registers };
  }

  /** The values registers had on entry, wherever the analysis says they are now. */
  private initialRegisters(
    frame: Frame,
    state: AbstractState,
    stacks: ReadonlyMap<string, bigint>,
  ): Map<string, SavedRegister> {
    const found = new Map<string, SavedRegister>();
    state.registers.forEach((value, register) => {
      const held = frame.gpr[register];
      if (value?.kind === 'initial' && held !== undefined) found.set(nameOf(value.register), { value: held });
    });
    for (const [key, value] of state.cells) {
      const va = value.kind === 'initial' ? this.cellAddress(key, stacks) : undefined;
      if (value.kind === 'initial' && va !== undefined && !found.has(nameOf(value.register))) {
        this.addWord(found, nameOf(value.register), va);
      }
    }
    return found;
  }

  private cellAddress(key: CellKey, stacks: ReadonlyMap<string, bigint>): bigint | undefined {
    const [where, name, offset] = key.split(':');
    if (where === 'absolute') return BigInt(name);
    if (where === 'gs') return BigInt.asUintN(64, this.target.state.segments[5].base + BigInt(name));
    const top = stacks.get(name);
    return top === undefined ? undefined : BigInt.asUintN(64, top + BigInt(offset));
  }

  private addWord(registers: Map<string, SavedRegister>, name: string, va: bigint): void {
    const value = readWord(this.target, va);
    if (value !== undefined) registers.set(name, { value, va });
  }

  /** Whether the bytes before `va` are a CALL, so that `va` can be a return address. */
  private followsCall(va: bigint): boolean {
    const before = this.target.readCode(va - 7n, 7);
    if (before.length < 7) return false;
    if (before[2] === 0xe8) return true;
    // FF /2 with 2 to 7 bytes.
    return [0, 1, 2, 3, 4, 5].some((at) => before[at] === 0xff && ((before[at + 1] >> 3) & 7) === 2);
  }
}

function nameOf(register: InitialRegister): string {
  return typeof register === 'number' ? GENERAL_NAMES[register] : register;
}

/** The top of each stack that some register points into. */
function stackTops(state: AbstractState, gpr: readonly (bigint | undefined)[]): Map<string, bigint> {
  const tops = new Map<string, bigint>();
  state.registers.forEach((value, register) => {
    const pointer = gpr[register];
    if (value?.kind === 'stack' && pointer !== undefined && !tops.has(value.stack)) {
      tops.set(value.stack, BigInt.asUintN(64, pointer - BigInt(value.offset)));
    }
  });
  return tops;
}

/** 8 bytes at `va`; undefined if they are not mapped. */
export function readWord(target: Pick<UnwindTarget, 'readLinear'>, va: bigint): bigint | undefined {
  const bytes = target.readLinear(va, 8);
  if (bytes.length < 8) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}

/** Sizes of a task's stack in Linux, which is aligned to its size: THREAD_SIZE without and with KASAN. */
const STACK_SIZES = [1n << 14n, 1n << 15n];

/**
 * Address of the pt_regs at the top of a stack the TSS names (sp1, which Linux kept the task's stack top in, then sp0), or
 * of the task's stack RSP is on, if RSP is below it on that stack and the frame holds user selectors. SDM vol. 3, figure
 * 8-11.
 */
export function taskPtRegs(target: UnwindTarget, rsp: bigint | undefined): bigint | undefined {
  if (rsp === undefined) return undefined;
  const named = [12n, 4n].map((offset) => readWord(target, target.state.tr.base + offset));
  for (const top of [...named, ...STACK_SIZES.map((size) => (rsp | (size - 1n)) + 1n)]) {
    if (top === undefined || top === 0n) continue;
    const base = top - BigInt(PT_REGS_BYTES);
    if (rsp > base || base - rsp > 0x8000n) continue;
    const cs = readWord(target, base + 0x88n);
    const ss = readWord(target, base + 0xa0n);
    if (cs !== undefined && ss !== undefined && (cs & 3n) === 3n && (ss & 3n) === 3n) return base;
  }
  return undefined;
}
