/**
 * Near CALL, RET and indirect JMP where control-flow enforcement is on (SDM vol. 2, CALL, RET and JMP). Elsewhere generated
 * code carries them out, by isa/semantics/control.ts.
 */
import type { Instruction } from '../isa/instruction';
import { ControlProtection, controlProtection, trackNearBranch } from './cet';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { isCanonical } from './canonical';
import { operandAt, readOperand } from './registers';
import { ShadowStack } from './shadow-stack';
import { setStackPointer, Stack, stackPointerSize } from './stack';

type WordSize = 2 | 4 | 8;

function wordSize({ operandSize }: Instruction): WordSize {
  return operandSize === 1 ? 2 : operandSize;
}

/** The shadow stack holds return addresses of 4 or 8 bytes: 16-bit ones are zero-extended. */
function shadowSize(size: WordSize): 4 | 8 {
  return size === 8 ? 8 : 4;
}

/** Target of a JMP or CALL, cut to the operand size. Throws #GP(0) if it is not canonical. */
function target(cpu: Cpu, instruction: Instruction, size: WordSize): bigint {
  const operand = operandAt(instruction, 0);
  const address =
    operand.kind === 'relative'
      ? BigInt.asUintN(8 * size, cpu.nextAddress + BigInt(operand.displacement))
      : readOperand(cpu, operand, size);
  if (size === 8 && !isCanonical(cpu.state, address)) throw new GuestException(Vector.GP, 0);
  return address;
}

export function executeNearJmp(cpu: Cpu, instruction: Instruction): void {
  cpu.nextAddress = target(cpu, instruction, wordSize(instruction));
  if (operandAt(instruction, 0).kind !== 'relative') trackNearBranch(cpu, instruction);
}

export function executeNearCall(cpu: Cpu, instruction: Instruction): void {
  const size = wordSize(instruction);
  const operand = operandAt(instruction, 0);
  const to = target(cpu, instruction, size);
  const back = BigInt.asUintN(8 * size, cpu.nextAddress);
  const stack = Stack.current(cpu);
  stack.push(size, back);
  // A call of the following instruction only finds out where it is: no RET belongs to it.
  const getsAddress = operand.kind === 'relative' && operand.displacement === 0;
  const shadow = getsAddress ? undefined : ShadowStack.current(cpu);
  shadow?.push(shadowSize(size), back);
  stack.commit();
  shadow?.commit();
  setStackPointer(cpu, stack.pointer, stackPointerSize(cpu));
  if (shadow) cpu.state.cet.ssp = shadow.ssp;
  cpu.nextAddress = to;
  if (operand.kind !== 'relative') trackNearBranch(cpu, instruction);
}

/** Near RET: #CP(NEAR-RET) if the return address is not the one on the shadow stack. */
export function executeNearRet(cpu: Cpu, instruction: Instruction): void {
  const size = wordSize(instruction);
  const operand = instruction.operands.at(0);
  const release = operand?.kind === 'immediate' ? Number(operand.value & 0xffffn) : 0;
  const stack = Stack.current(cpu);
  const address = stack.pop(size);
  if (size === 8 && !isCanonical(cpu.state, address)) throw new GuestException(Vector.GP, 0);
  stack.skip(release);
  const shadow = ShadowStack.current(cpu);
  if (shadow && shadow.pop(shadowSize(size)) !== address) controlProtection(ControlProtection.NEAR_RET);
  setStackPointer(cpu, stack.pointer, stackPointerSize(cpu));
  if (shadow) cpu.state.cet.ssp = shadow.ssp;
  cpu.nextAddress = address;
}
