/** The memory operand of an x87 instruction. */
import type { Cpu } from '../cpu/cpu';
import type { Vector } from '../cpu/exceptions';
import {
  dataAccess,
  readBlock,
  readLinear,
  requireAligned,
  requireWritable,
  writeBlock,
  writeLinear,
  type AccessSize,
} from '../cpu/linear-memory';
import { nonCanonicalVector } from '../cpu/registers';
import type { Instruction } from '../isa/instruction';

/** Bytes of an extended real or a packed decimal. */
export const TEN_BYTES = 10;

export function memorySize({ operands }: Instruction): number {
  const [operand] = operands;
  return operand.kind === 'memory' ? operand.size : 0;
}

function accessSize(instruction: Instruction): AccessSize {
  const size = memorySize(instruction);
  return size === 2 ? 2 : size === 4 ? 4 : 8;
}

const nonCanonical = ({ operands }: Instruction): Vector => nonCanonicalVector(operands[0]);

/** The 2, 4 or 8 bytes of the operand. */
export function readMemory(cpu: Cpu, instruction: Instruction): bigint {
  return readLinear(cpu, cpu.operandAddress, accessSize(instruction), dataAccess(cpu), nonCanonical(instruction));
}

/** Alignment checking takes extended reals and packed decimals for 8 bytes, areas for a row of 16- or 32-bit words. */
function requireAlignedArea(cpu: Cpu, size: number): void {
  requireAligned(cpu, cpu.operandAddress, size === TEN_BYTES ? 8 : size === 14 || size === 94 ? 2 : 4, dataAccess(cpu));
}

/** All bytes of the operand, however many. */
export function readArea(cpu: Cpu, instruction: Instruction): Uint8Array {
  const size = memorySize(instruction);
  requireAlignedArea(cpu, size);
  return readBlock(cpu, cpu.operandAddress, size, dataAccess(cpu), nonCanonical(instruction));
}

export function writeArea(cpu: Cpu, instruction: Instruction, area: Uint8Array): void {
  requireAlignedArea(cpu, area.length);
  writeBlock(cpu, cpu.operandAddress, area, dataAccess(cpu), nonCanonical(instruction));
}

/** The 80 bits of the operand. */
export function readTenBytes(cpu: Cpu, instruction: Instruction): bigint {
  const view = new DataView(readArea(cpu, instruction).buffer);
  return (BigInt(view.getUint16(8, true)) << 64n) | view.getBigUint64(0, true);
}

/** Writes the operand, 2 to 10 bytes. */
export function writeMemory(cpu: Cpu, instruction: Instruction, value: bigint): void {
  if (memorySize(instruction) !== TEN_BYTES) {
    const { operandAddress } = cpu;
    writeLinear(cpu, operandAddress, accessSize(instruction), value, dataAccess(cpu), nonCanonical(instruction));
    return;
  }
  const view = new DataView(new ArrayBuffer(TEN_BYTES));
  view.setBigUint64(0, BigInt.asUintN(64, value), true);
  view.setUint16(8, Number(value >> 64n), true);
  writeArea(cpu, instruction, new Uint8Array(view.buffer));
}

/** Throws what storing the operand would throw: a store that an unmasked exception prevents faults all the same. */
export function requireStorable(cpu: Cpu, instruction: Instruction): void {
  if (memorySize(instruction) === TEN_BYTES) requireAlignedArea(cpu, TEN_BYTES);
  requireWritable(cpu, cpu.operandAddress, memorySize(instruction), dataAccess(cpu), nonCanonical(instruction));
}
