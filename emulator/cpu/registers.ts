/** Reading and writing general registers and register-or-memory operands at their width. */
import { Gpr, Seg, type Instruction, type Operand, type RegisterOperand } from '../isa/instruction';
import type { Cpu } from './cpu';
import { Vector } from './exceptions';
import { dataAccess, readLinear, writeLinear } from './linear-memory';
import type { CpuState } from './state';

/** Writes the low 32 bits; bits 63..32 become 0, as for every 32-bit destination (SDM vol. 1, section 3.4.1.1). */
export function writeGpr32(state: CpuState, register: number, value: number): void {
  state.gpr[register] = BigInt(value >>> 0);
}

/** EDX:EAX as one value, as RDMSR, RDTSC and XGETBV use them. */
export function readEdxEax(state: CpuState): bigint {
  return ((state.gpr[Gpr.RDX] & 0xffffffffn) << 32n) | (state.gpr[Gpr.RAX] & 0xffffffffn);
}

export function writeEdxEax(state: CpuState, value: bigint): void {
  state.gpr[Gpr.RAX] = value & 0xffffffffn;
  state.gpr[Gpr.RDX] = (value >> 32n) & 0xffffffffn;
}

export function readGpr(state: CpuState, operand: RegisterOperand): bigint {
  const value = state.gpr[operand.register];
  return BigInt.asUintN(8 * operand.size, operand.high ? value >> 8n : value);
}

/** 8- and 16-bit writes keep the other bits, 32-bit writes clear bits 63..32. */
export function writeGpr(state: CpuState, operand: RegisterOperand, value: bigint): void {
  writeGprSized(state, operand.register, operand.size, value, operand.high);
}

export function writeGprSized(state: CpuState, register: number, size: number, value: bigint, high = false): void {
  const bits = BigInt.asUintN(8 * size, value);
  if (size >= 4) state.gpr[register] = bits;
  else if (high) state.gpr[register] = (state.gpr[register] & ~0xff00n) | (bits << 8n);
  else state.gpr[register] = ((state.gpr[register] >> BigInt(8 * size)) << BigInt(8 * size)) | bits;
}

/** The operand at `index`; the decoder guarantees it is there. */
export function operandAt(instruction: Instruction, index: number): Operand {
  return instruction.operands[index];
}

/** What a non-canonical address of a memory operand raises, with error code 0: #SS in the stack segment, else #GP. */
export function nonCanonicalVector(operand: Operand): Vector {
  return operand.kind === 'memory' && operand.segment === Seg.SS ? Vector.SS : Vector.GP;
}

/** Reads a register or memory operand; memory is read at `memorySize` bytes from `cpu.operandAddress`. */
export function readOperand(cpu: Cpu, operand: Operand, memorySize: 1 | 2 | 4 | 8): bigint {
  if (operand.kind === 'register') return readGpr(cpu.state, operand);
  if (operand.kind === 'immediate') return BigInt.asUintN(64, operand.value);
  return readLinear(cpu, cpu.operandAddress, memorySize, dataAccess(cpu), nonCanonicalVector(operand));
}

/** Writes a register operand at its own width, or memory at `memorySize` bytes. */
export function writeOperand(cpu: Cpu, operand: Operand, memorySize: 1 | 2 | 4 | 8, value: bigint): void {
  if (operand.kind === 'register') writeGpr(cpu.state, operand, value);
  else writeLinear(cpu, cpu.operandAddress, memorySize, value, dataAccess(cpu), nonCanonicalVector(operand));
}
