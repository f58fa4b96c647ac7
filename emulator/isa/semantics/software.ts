/**
 * Instructions too rare for generated code, in plain TypeScript: decimal adjustment (SDM vol. 1, section 5.1.3), ENTER and
 * a few others.
 */
import type { ArchitecturalRoutine, Cpu } from '../../cpu/cpu';
import { GuestException, Vector } from '../../cpu/exceptions';
import { Stack, setStackPointer, stackPointerSize } from '../../cpu/stack';
import { architecturalRoutines } from '../../cpu/routines';
import { Flag, STATUS_FLAGS, type CpuState } from '../../cpu/state';
import { x87Routines } from '../../fpu';
import { Gpr, type Instruction } from '../instruction';

function accumulator(state: CpuState): { al: number; ah: number } {
  const ax = Number(state.gpr[Gpr.RAX] & 0xffffn);
  return { al: ax & 0xff, ah: ax >> 8 };
}

function setAccumulator(state: CpuState, al: number, ah: number): void {
  state.gpr[Gpr.RAX] = (state.gpr[Gpr.RAX] & ~0xffffn) | BigInt(((ah & 0xff) << 8) | (al & 0xff));
}

/** SF, ZF and PF of a byte. */
function byteFlags(value: number): number {
  let parity = value & 0xff;
  parity ^= parity >> 4;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return (value & 0x80 ? Flag.SF : 0) | ((value & 0xff) === 0 ? Flag.ZF : 0) | (parity & 1 ? 0 : Flag.PF);
}

function setStatus(state: CpuState, flags: number): void {
  state.rflags = (state.rflags & ~STATUS_FLAGS) | flags;
}

/** AAA and AAS: `direction` is 1 or -1. */
function asciiAdjust(direction: 1 | -1): ArchitecturalRoutine {
  return ({ state }) => {
    const { al, ah } = accumulator(state);
    const adjust = (al & 0xf) > 9 || state.flag(Flag.AF);
    // The processor adds to AX as a whole (AAA) or takes from AX and AH (AAS).
    const ax = ((ah << 8) | al) + (adjust ? direction * 0x106 : 0);
    setAccumulator(state, ax & 0x0f, ax >> 8);
    setStatus(state, (adjust ? Flag.AF | Flag.CF : 0) | byteFlags(ax & 0x0f));
  };
}

/** DAA and DAS. */
function decimalAdjust(direction: 1 | -1): ArchitecturalRoutine {
  return ({ state }) => {
    const { al: old, ah } = accumulator(state);
    const oldCarry = state.flag(Flag.CF);
    let al = old;
    let flags = 0;
    if ((old & 0xf) > 9 || state.flag(Flag.AF)) {
      al += direction * 6;
      flags |= Flag.AF;
      // DAA's first step cannot change CF beyond the old one; DAS's borrow out of AL counts.
      if (oldCarry || al < 0 || al > 0xff) flags |= Flag.CF;
    }
    if (old > 0x99 || oldCarry) {
      al += direction * 0x60;
      flags |= Flag.CF;
    } else if (direction === 1) {
      flags &= ~Flag.CF;
    }
    setAccumulator(state, al, ah);
    setStatus(state, flags | byteFlags(al));
  };
}

function immediateByte(instruction: Instruction): number {
  const operand = instruction.operands.at(0);
  return operand?.kind === 'immediate' ? Number(operand.value & 0xffn) : 10;
}

function executeAam({ state }: Cpu, instruction: Instruction): void {
  const base = immediateByte(instruction);
  if (base === 0) throw new GuestException(Vector.DE);
  const { al } = accumulator(state);
  setAccumulator(state, al % base, Math.floor(al / base));
  setStatus(state, byteFlags(al % base));
}

function executeAad({ state }: Cpu, instruction: Instruction): void {
  const { al, ah } = accumulator(state);
  const value = (al + ah * immediateByte(instruction)) & 0xff;
  setAccumulator(state, value, 0);
  setStatus(state, byteFlags(value));
}

/** SALC: AL becomes all ones if CF is set, else 0. */
function executeSalc({ state }: Cpu): void {
  setAccumulator(state, state.flag(Flag.CF) ? 0xff : 0, accumulator(state).ah);
}

/** ENTER (SDM vol. 2): a stack frame with up to 31 nested frame pointers. */
function executeEnter(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  const [bytes, level] = instruction.operands.map((operand) =>
    operand.kind === 'immediate' ? Number(operand.value & 0xffffn) : 0,
  );
  const size = instruction.operandSize === 1 ? 2 : instruction.operandSize;
  // Everything that can fault happens on the first run, which writes nothing.
  const trial = pushFrame(cpu, size, level % 32);
  // The new top of the stack must be writable, though nothing is written there.
  trial.stack.skip(-bytes);
  trial.stack.requireWritable(size);
  const { frame } = pushFrame(cpu, size, level % 32, (stack) => stack.commit());
  const kept = size === 2 ? state.gpr[Gpr.RBP] & ~0xffffn : 0n;
  state.gpr[Gpr.RBP] = kept | BigInt.asUintN(8 * size, frame);
  setStackPointer(cpu, trial.stack.pointer, stackPointerSize(cpu));
}

/**
 * Pushes RBP, the frame pointers of `depth` - 1 outer procedures, which lie below the one RBP points to, and the new one.
 * `pushed` is called after each, so that pointers are read after what overlaps them has been written.
 */
function pushFrame(
  cpu: Cpu,
  size: 2 | 4 | 8,
  depth: number,
  pushed: (stack: Stack) => void = () => {},
): { stack: Stack; frame: bigint } {
  const { gpr } = cpu.state;
  const outer = Stack.current(cpu);
  outer.pointer = BigInt.asUintN(8 * stackPointerSize(cpu), gpr[Gpr.RBP]);
  const stack = Stack.current(cpu);
  const push = (value: bigint): void => {
    stack.push(size, BigInt.asUintN(8 * size, value));
    pushed(stack);
  };
  push(gpr[Gpr.RBP]);
  const frame = stack.pointer;
  for (let i = 1; i < depth; i++) push(outer.peek(-size * i, size));
  if (depth > 0) push(frame);
  return { stack, frame };
}

export const softwareRoutines: Readonly<Record<string, ArchitecturalRoutine | undefined>> = {
  AAA: asciiAdjust(1),
  AAD: executeAad,
  AAM: executeAam,
  AAS: asciiAdjust(-1),
  DAA: decimalAdjust(1),
  DAS: decimalAdjust(-1),
  ENTER: executeEnter,
  SALC: executeSalc,
  WBNOINVD: architecturalRoutines.WBINVD,
  ...x87Routines,
};
