/**
 * struct pt_regs of the system call or exception in progress: where it is on the kernel stack and which of its 21 slots
 * hold something already (`ringside/ptRegs`).
 */
import { describeNumber } from './expressions/format';
import { RFLAGS_FIELDS, setFieldNames } from './fields';
import { cpuException } from './cpu-exceptions';
import { hex } from './memory';
import type { PtRegsResponse, PtRegsSlot } from './protocol';
import { errnoName } from '../toolchain';
import { interruptGates } from './symbols/kernel-entries';
import { ENTRY_STACK, cell, type EntryKind } from './symbols/stack-analysis';
import {
  PT_REGS_BYTES,
  PT_REGS_NAMES,
  ptRegsRegister,
  readWord,
  taskPtRegs,
  type EntryFrame,
  type UnwoundFrame,
} from './symbols/unwind';
import { symbolReference } from './references';
import { systemCallName } from './system-calls';
import type { Target } from './target';
import { GENERAL_NAMES } from './registers';

export interface PtRegsFrame {
  /** Address of the lowest slot. */
  readonly base: bigint;
  /** By slot, lowest address first. */
  readonly filled: readonly boolean[];
  /** How the kernel was entered; undefined if the frame was found at the top of the task's stack. */
  readonly kind: EntryKind | undefined;
  /** Address in the entry code the frame belongs to. */
  readonly entryAddress: bigint;
}

/** Values and filled slots at a stop; to tell what changed since. */
export type PtRegsSnapshot =
  { readonly frame: PtRegsFrame; readonly values: readonly (bigint | undefined)[] } | undefined;

/** Addresses from here on can be the kernel's stacks. */
const KERNEL_HALF = 1n << 47n;
const RSP = 4;

/** The frame, or in words why there is none. */
export function findPtRegs(target: Target): PtRegsFrame | string {
  const { state } = target;
  if (!state.longMode) return 'The kernel has not switched to long mode yet: there is no 64-bit pt_regs.';
  if (state.cpl === 3) {
    return 'The program runs in ring 3: pt_regs exists only while the kernel works for it. Step into a SYSCALL to see it being built.';
  }
  const frames = target.unwinder.unwind();
  const inEntry = frames.find(({ entry }) => entry !== undefined);
  const found = inEntry?.entry && frameInEntry(target, inEntry, inEntry.entry);
  if (found) return found;
  const base = taskPtRegs(target, state.gpr[RSP]);
  if (base !== undefined) {
    return { base, filled: PT_REGS_NAMES.map(() => true), kind: undefined, entryAddress: inEntry?.rip ?? state.rip };
  }
  if (inEntry) {
    return 'There is no pt_regs at this instruction: on the way in the kernel stack is not chosen yet (a few steps more), on the way out the registers have been restored already.';
  }
  return 'The kernel is not working for a program here: no pt_regs is on its stack.';
}

/** The stack of the entry code on which pt_regs lies, judged by what the code is known to have put where. */
function frameInEntry(target: Target, frame: UnwoundFrame, entry: EntryFrame): PtRegsFrame | undefined {
  let best: (PtRegsFrame & { readonly count: number }) | undefined;
  for (const [stack, top] of entry.stacks) {
    if (top < KERNEL_HALF) continue;
    const candidate =
      stack !== ENTRY_STACK && entry.kind.startsWith('interrupt')
        ? afterStackSwitch(target, entry, stack, top)
        : onStack(entry, stack, top - BigInt(PT_REGS_BYTES));
    if (!candidate || readWord(target, candidate.base + 160n) === undefined) continue;
    const count = candidate.filled.filter(Boolean).length;
    if (!best || count > best.count) best = { ...candidate, count, kind: entry.kind, entryAddress: frame.rip };
  }
  return best;
}

/** pt_regs whose last slot ends at the stack's top; undefined if another register is where one of its slots should be. */
function onStack(entry: EntryFrame, stack: string, base: bigint): Pick<PtRegsFrame, 'base' | 'filled'> | undefined {
  const filled: boolean[] = [];
  for (const [index, slot] of PT_REGS_NAMES.entries()) {
    const value = entry.state.cells.get(cell(stack, 8 * index - PT_REGS_BYTES));
    filled.push(value !== undefined);
    if (value?.kind !== 'initial') continue;
    const register = typeof value.register === 'number' ? GENERAL_NAMES[value.register] : value.register;
    const expected = slot === 'orig_ax' ? 'rax' : ptRegsRegister(slot);
    // SYSCALL itself puts RIP into RCX and RFLAGS into R11, so those slots rightly hold them.
    if (register !== expected && !(register === 'rip' && slot === 'cx') && !(register === 'rflags' && slot === 'r11')) {
      return undefined;
    }
  }
  return { base, filled };
}

/** An exception's pt_regs after the entry code moved it to the task's stack: RSP was set to its lowest slot. */
function afterStackSwitch(
  target: Target,
  entry: EntryFrame,
  stack: string,
  base: bigint,
): Pick<PtRegsFrame, 'base' | 'filled'> | undefined {
  const pointer = entry.state.registers[RSP];
  const cs = readWord(target, base + 0x88n);
  if (pointer?.kind !== 'stack' || pointer.stack !== stack || cs === undefined || cs === 0n || cs > 0xffffn)
    return undefined;
  return { base, filled: PT_REGS_NAMES.map((_, index) => 8 * index >= pointer.offset) };
}

export function ptRegsSnapshot(target: Target): PtRegsSnapshot {
  const frame = findPtRegs(target);
  return typeof frame === 'string' ? undefined : { frame, values: slotValues(target, frame) };
}

function slotValues(target: Target, { base }: PtRegsFrame): (bigint | undefined)[] {
  return PT_REGS_NAMES.map((_, index) => readWord(target, base + BigInt(8 * index)));
}

/** `ringside/ptRegs`. */
export function ptRegsResponse(target: Target, previous: PtRegsSnapshot): PtRegsResponse {
  const frame = findPtRegs(target);
  if (typeof frame === 'string') return { available: false, reason: frame };
  const values = slotValues(target, frame);
  const before = previous?.frame.base === frame.base ? previous : undefined;
  const slots = PT_REGS_NAMES.map((name, index): PtRegsSlot => {
    const value = values[index] ?? 0n;
    const filled = frame.filled[index];
    const symbol = filled ? symbolReference(target, value) : undefined;
    const note = filled ? slotNote(target, frame, name, value) : undefined;
    return {
      offset: 8 * index,
      name,
      address: hex(frame.base + BigInt(8 * index)),
      value: hex(value),
      filled,
      changed: filled && before !== undefined && (!before.frame.filled[index] || before.values[index] !== value),
      ...(symbol ? { symbol } : {}),
      ...(note ? { note } : {}),
    };
  });
  return {
    available: true,
    address: hex(frame.base),
    slots,
    complete: frame.filled.every(Boolean),
    stackPointer: hex(target.state.gpr[RSP]),
    event: ptRegsEvent(target, frame, values),
  };
}

/** `syscall 1 (write)`, `int 0x80 4 (write)`, `#PF page fault`. */
function ptRegsEvent(target: Target, frame: PtRegsFrame, values: readonly (bigint | undefined)[]): string {
  const origIndex = PT_REGS_NAMES.indexOf('orig_ax');
  const number = frame.filled[origIndex] ? values[origIndex] : target.state.gpr[0];
  const call = (gate: string, compat: boolean): string => {
    const name = number === undefined ? undefined : systemCallName(target, number, compat);
    return `${gate} ${BigInt.asIntN(32, number ?? 0n)}${name ? ` (${name})` : ''}`;
  };
  if (frame.kind === 'syscall') return call('syscall', false);
  if (frame.kind === 'sysenter') return call('sysenter', true);
  const vector = vectorOf(target, frame.entryAddress);
  if (vector === undefined) return frame.kind === undefined ? 'system call or exception' : 'exception or interrupt';
  if (vector === 0x80) return call('int 0x80', true);
  const { mnemonic, name } = cpuException(vector);
  return vector < 32 ? `${mnemonic} ${name}` : `interrupt ${vector}`;
}

/** The vector whose handler is the function that holds `va`. */
function vectorOf(target: Target, va: bigint): number | undefined {
  const handler = target.symbols.functionAt(va)?.symbol.value;
  const gates = interruptGates(target.state, (at, length) => target.readLinear(at, length));
  return gates.find((gate) => gate.handler === handler)?.vector;
}

function slotNote(target: Target, frame: PtRegsFrame, name: string, value: bigint): string | undefined {
  switch (name) {
    case 'orig_ax': {
      const compat = frame.kind !== 'syscall';
      const call = BigInt.asIntN(64, value) >= 0n ? systemCallName(target, value, compat) : undefined;
      return call ?? (BigInt.asIntN(64, value) === -1n ? 'no system call' : undefined);
    }
    case 'ax':
      return errnoNote(value);
    case 'flags':
      return setFieldNames(value, RFLAGS_FIELDS);
    case 'cs':
    case 'ss':
      return `ring ${value & 3n}`;
    case 'ip':
      return 'where user code goes on';
    case 'sp':
      return 'user stack pointer';
    default:
      return value > 9n && value < 0x10000n ? describeNumber(value, 64, target).replace(/^\S+ /, '') : undefined;
  }
}

/** `-ENOSYS` for a value in the range of error results. */
export function errnoNote(value: bigint): string | undefined {
  const signed = BigInt.asIntN(64, value);
  if (signed >= 0n || signed < -4095n) return undefined;
  const name = errnoName(Number(-signed));
  return name ? `-${name}` : `${signed}`;
}
