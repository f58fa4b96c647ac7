/**
 * Where the caller's registers are at each instruction of a piece of assembly, worked out from the code itself: hand
 * written entry code has no call frame information. The code is executed abstractly from its entry over all branches;
 * values are "what register X held on entry" and "pointer into stack S". Calls are taken to return with their
 * callee-saved registers intact (psABI, figure 3.4).
 */
import { FlowControl, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register, RegisterExt } from 'iced-x86';
import type { Instruction, UsedMemory, UsedRegister } from 'iced-x86';
import { decode } from '../instructions';

/** What was in a register when the code was entered. RIP, RFLAGS, CS and SS are those of the interrupted code. */
export type InitialRegister = number | 'rip' | 'rflags' | 'cs' | 'ss';

export type AbstractValue =
  | { readonly kind: 'initial'; readonly register: InitialRegister }
  /** `offset` bytes from the place the stack pointer had when it was set to this stack. */
  | { readonly kind: 'stack'; readonly stack: string; readonly offset: number }
  /** Something was written there, but nothing is known of it. */
  | { readonly kind: 'other' };

/** Memory whose address needs no register: `%gs:` per-CPU slots and absolute addresses. */
export type CellKey = `gs:${string}` | `absolute:${string}` | `stack:${string}:${number}`;

export interface AbstractState {
  /** By general register number; undefined is unknown. */
  readonly registers: readonly (AbstractValue | undefined)[];
  readonly cells: ReadonlyMap<CellKey, AbstractValue>;
}

/** How control arrives at the code analysed. */
export type EntryKind =
  /** CALL: the return address is on the stack. */
  | 'call'
  /** SYSCALL: RIP in RCX, RFLAGS in R11, everything else as in user code. */
  | 'syscall'
  /** Through an IDT gate: five words on the stack, below them perhaps an error code. */
  | 'interrupt'
  | 'interrupt-with-error-code'
  /** SYSENTER: RSP from an MSR, the user's RIP and RSP not saved. */
  | 'sysenter';

export interface EntryPoint {
  readonly va: bigint;
  readonly kind: EntryKind;
}

/** The name of the stack RSP points into on entry. */
export const ENTRY_STACK = 'entry';

const RSP = 4;
const RBP = 5;
/** RAX RCX RDX RSI RDI R8..R11: a called function may change them. */
const CALLER_SAVED = [0, 1, 2, 6, 7, 8, 9, 10, 11];
/** Far more than any entry path has; a bound against decoding garbage for ever. */
const MAX_INSTRUCTIONS = 4000;

const OTHER: AbstractValue = { kind: 'other' };

type MutableState = { registers: (AbstractValue | undefined)[]; cells: Map<CellKey, AbstractValue> };

export function cell(stack: string, offset: number): CellKey {
  return `stack:${stack}:${offset}`;
}

function initialState(kind: EntryKind): MutableState {
  const registers: (AbstractValue | undefined)[] = Array.from({ length: 16 }, (_, register) => ({
    kind: 'initial',
    register,
  }));
  const cells = new Map<CellKey, AbstractValue>();
  const onStack = (offset: number): AbstractValue => ({ kind: 'stack', stack: ENTRY_STACK, offset });
  switch (kind) {
    case 'call':
      registers[RSP] = onStack(-8);
      cells.set(cell(ENTRY_STACK, -8), { kind: 'initial', register: 'rip' });
      break;
    case 'syscall':
      registers[1] = { kind: 'initial', register: 'rip' };
      registers[11] = { kind: 'initial', register: 'rflags' };
      break;
    case 'sysenter':
      registers[RSP] = onStack(0);
      break;
    case 'interrupt':
    case 'interrupt-with-error-code':
      (['ss', RSP, 'rflags', 'cs', 'rip'] as const).forEach((register, index) =>
        cells.set(cell(ENTRY_STACK, -8 * (index + 1)), { kind: 'initial', register }),
      );
      if (kind === 'interrupt-with-error-code') cells.set(cell(ENTRY_STACK, -48), OTHER);
      registers[RSP] = onStack(kind === 'interrupt' ? -40 : -48);
  }
  return { registers, cells };
}

/**
 * The state before each instruction reachable from the entry points without following calls. `read` gives the code's
 * bytes, fewer than asked where nothing is mapped. Only 64-bit code is understood. Nothing goes on to `end` but by a jump:
 * a function whose last instruction is a call ends with one that does not return.
 */
export function analyseStack(
  entries: readonly EntryPoint[],
  read: (va: bigint, length: number) => Uint8Array,
  end?: bigint,
): ReadonlyMap<bigint, AbstractState> {
  const states = new Map<bigint, MutableState>();
  const pending: bigint[] = [];
  const reach = (va: bigint, state: MutableState): void => {
    const known = states.get(va);
    if (!known) states.set(va, copy(state));
    else if (!meet(known, state)) return;
    pending.push(va);
  };
  for (const { va, kind } of entries) reach(va, initialState(kind));

  const factory = new InstructionInfoFactory();
  try {
    for (let budget = MAX_INSTRUCTIONS; pending.length > 0 && budget > 0; budget--) {
      const va = pending.pop();
      const before = va === undefined ? undefined : states.get(va);
      if (va === undefined || !before) break;
      const state = copy(before);
      decode(read(va, 15), va, 64, (instruction) => {
        const next = transfer(instruction, state, factory);
        for (const target of next) if (target !== end || target !== instruction.nextIP) reach(target, state);
      });
    }
  } finally {
    factory.free();
  }
  return states;
}

function copy(state: MutableState): MutableState {
  return { registers: [...state.registers], cells: new Map(state.cells) };
}

function same(a: AbstractValue | undefined, b: AbstractValue | undefined): boolean {
  if (a === b) return true;
  if (!a || !b || a.kind !== b.kind) return false;
  if (a.kind === 'initial' && b.kind === 'initial') return a.register === b.register;
  if (a.kind === 'stack' && b.kind === 'stack') return a.stack === b.stack && a.offset === b.offset;
  return true;
}

/** Keeps in `known` what holds on both ways; true if that took something away. */
function meet(known: MutableState, other: MutableState): boolean {
  let changed = false;
  known.registers.forEach((value, register) => {
    if (value && !same(value, other.registers[register])) {
      known.registers[register] = undefined;
      changed = true;
    }
  });
  for (const [key, value] of known.cells) {
    const theirs = other.cells.get(key);
    if (!theirs) known.cells.delete(key);
    else if (value.kind !== 'other' && !same(value, theirs)) known.cells.set(key, OTHER);
    else continue;
    changed = true;
  }
  return changed;
}

/** Applies the instruction to `state`; returns where execution may go on without entering a call. */
function transfer(instruction: Instruction, state: MutableState, factory: InstructionInfoFactory): bigint[] {
  const next = instruction.nextIP;
  switch (instruction.flowControl) {
    case FlowControl.UnconditionalBranch:
      return [instruction.nearBranchTarget];
    case FlowControl.ConditionalBranch:
      return [instruction.nearBranchTarget, next];
    case FlowControl.Call:
    case FlowControl.IndirectCall:
      for (const register of CALLER_SAVED) state.registers[register] = undefined;
      return [next];
    case FlowControl.Return:
    case FlowControl.IndirectBranch:
    case FlowControl.Exception:
      return [];
    default:
      if (!moves(instruction, state)) clobber(instruction, state, factory);
      return [next];
  }
}

/** The instructions that move values about; false if this is none of them. */
function moves(instruction: Instruction, state: MutableState): boolean {
  const wide = operandBytes(instruction, 0) === 8;
  switch (instruction.mnemonic) {
    case Mnemonic.Push:
      push(state, valueOf(instruction, 0, state));
      return true;
    case Mnemonic.Pushfq:
      push(state, OTHER);
      return true;
    case Mnemonic.Pop:
      pop(instruction, state);
      return true;
    case Mnemonic.Popfq:
      drop(state, 8);
      return true;
    case Mnemonic.Mov:
      if (!wide) return false;
      store(instruction, 0, valueOf(instruction, 1, state), state);
      return true;
    case Mnemonic.Lea: {
      const pointer = stackOperand(instruction, state);
      if (!wide || !pointer) return false;
      store(instruction, 0, pointer, state);
      return true;
    }
    case Mnemonic.Add:
    case Mnemonic.Sub:
      return adjust(instruction, state, instruction.mnemonic === Mnemonic.Add ? 1n : -1n);
    case Mnemonic.Xchg: {
      if (!wide) return false;
      const [left, right] = [valueOf(instruction, 0, state), valueOf(instruction, 1, state)];
      store(instruction, 0, right, state);
      store(instruction, 1, left, state);
      return true;
    }
    case Mnemonic.Leave:
      setRegister(state, RSP, state.registers[RBP], instruction.ip);
      state.registers[RBP] = top(state);
      drop(state, 8);
      return true;
    case Mnemonic.Swapgs:
      for (const key of state.cells.keys()) if (key.startsWith('gs:')) state.cells.delete(key);
      return true;
    default:
      return false;
  }
}

function push(state: MutableState, value: AbstractValue | undefined): void {
  const pointer = state.registers[RSP];
  if (pointer?.kind !== 'stack') return;
  const offset = pointer.offset - 8;
  state.registers[RSP] = { ...pointer, offset };
  state.cells.set(cell(pointer.stack, offset), value ?? OTHER);
}

function top(state: MutableState): AbstractValue | undefined {
  const pointer = state.registers[RSP];
  return pointer?.kind === 'stack' ? state.cells.get(cell(pointer.stack, pointer.offset)) : undefined;
}

/** Raises RSP by `bytes`; what it leaves behind is no longer on the stack. */
function drop(state: MutableState, bytes: number): void {
  const pointer = state.registers[RSP];
  if (pointer?.kind !== 'stack') return;
  for (let offset = pointer.offset; offset < pointer.offset + bytes; offset += 8) {
    state.cells.delete(cell(pointer.stack, offset));
  }
  state.registers[RSP] = { ...pointer, offset: pointer.offset + bytes };
}

function pop(instruction: Instruction, state: MutableState): void {
  const value = top(state);
  drop(state, 8);
  store(instruction, 0, value, state);
}

/** ADD or SUB of an immediate to a stack pointer. */
function adjust(instruction: Instruction, state: MutableState, sign: bigint): boolean {
  if (instruction.opKind(0) !== OpKind.Register || !isImmediate(instruction.opKind(1))) return false;
  const register = generalNumber(instruction.opRegister(0));
  const pointer = register === undefined ? undefined : state.registers[register];
  if (register === undefined || pointer?.kind !== 'stack') return false;
  const bytes = Number(BigInt.asIntN(64, instruction.immediate(1)) * sign);
  if (register === RSP && bytes > 0) drop(state, bytes);
  else state.registers[register] = { ...pointer, offset: pointer.offset + bytes };
  return true;
}

function isImmediate(kind: OpKind): boolean {
  return kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64;
}

/** Number of the 64-bit general register, or undefined for any other. */
function generalNumber(register: Register): number | undefined {
  return register >= Register.RAX && register <= Register.R15 ? register - Register.RAX : undefined;
}

/** Bytes of a register or memory operand that moves a whole value; 0 if it is neither. */
function operandBytes(instruction: Instruction, operand: number): number {
  if (instruction.opCount <= operand) return 0;
  for (let index = 0; index < Math.min(2, instruction.opCount); index++) {
    if (instruction.opKind(index) === OpKind.Register) return RegisterExt.size(instruction.opRegister(index));
  }
  // MOV of an immediate to memory: only its destination's cell matters.
  return 8;
}

function valueOf(instruction: Instruction, operand: number, state: MutableState): AbstractValue | undefined {
  switch (instruction.opKind(operand)) {
    case OpKind.Register: {
      const register = generalNumber(instruction.opRegister(operand));
      return register === undefined ? undefined : state.registers[register];
    }
    case OpKind.Memory: {
      const key = memoryKey(instruction, state);
      return key && state.cells.get(key);
    }
    default:
      return undefined;
  }
}

function store(instruction: Instruction, operand: number, value: AbstractValue | undefined, state: MutableState): void {
  if (instruction.opKind(operand) === OpKind.Register) {
    const register = generalNumber(instruction.opRegister(operand));
    if (register !== undefined) setRegister(state, register, value, instruction.ip);
  } else if (instruction.opKind(operand) === OpKind.Memory) {
    const key = memoryKey(instruction, state);
    if (key) state.cells.set(key, value ?? OTHER);
  }
}

/** A stack pointer nothing is known of is the top of a new stack, named after the instruction that chose it. */
function setRegister(state: MutableState, register: number, value: AbstractValue | undefined, va: bigint): void {
  const known = value?.kind === 'other' ? undefined : value;
  state.registers[register] =
    register === RSP && !known ? { kind: 'stack', stack: `0x${va.toString(16)}`, offset: 0 } : known;
}

function stackOperand(instruction: Instruction, state: MutableState): (AbstractValue & { kind: 'stack' }) | undefined {
  const base = generalNumber(instruction.memoryBase);
  const pointer = base === undefined ? undefined : state.registers[base];
  if (pointer?.kind !== 'stack' || instruction.memoryIndex !== Register.None) return undefined;
  return { ...pointer, offset: pointer.offset + Number(BigInt.asIntN(64, instruction.memoryDisplacement)) };
}

function memoryKey(instruction: Instruction, state: MutableState): CellKey | undefined {
  if (instruction.memoryIndex !== Register.None) return undefined;
  if (instruction.memoryBase === Register.None || instruction.isIpRelMemoryOperand) {
    const va = BigInt.asUintN(64, instruction.memoryDisplacement);
    return `${instruction.memorySegment === Register.GS ? 'gs' : 'absolute'}:0x${va.toString(16)}`;
  }
  const pointer = stackOperand(instruction, state);
  return pointer && cell(pointer.stack, pointer.offset);
}

/** Any other instruction: what it writes becomes unknown. */
function clobber(instruction: Instruction, state: MutableState, factory: InstructionInfoFactory): void {
  const info = factory.info(instruction);
  try {
    for (const used of info.usedRegisters() as UsedRegister[]) {
      const register = writes(used.access) ? generalNumber(RegisterExt.fullRegister(used.register)) : undefined;
      if (register !== undefined) setRegister(state, register, undefined, instruction.ip);
      used.free();
    }
    for (const used of info.usedMemory() as UsedMemory[]) {
      const key = writes(used.access) && hasMemoryOperand(instruction) ? memoryKey(instruction, state) : undefined;
      if (key) state.cells.set(key, OTHER);
      used.free();
    }
  } finally {
    info.free();
  }
}

function hasMemoryOperand(instruction: Instruction): boolean {
  for (let operand = 0; operand < instruction.opCount; operand++) {
    if (instruction.opKind(operand) === OpKind.Memory) return true;
  }
  return false;
}

function writes(access: OpAccess): boolean {
  return (
    access === OpAccess.Write ||
    access === OpAccess.CondWrite ||
    access === OpAccess.ReadWrite ||
    access === OpAccess.ReadCondWrite
  );
}
