/** FXSAVE, FXRSTOR, LDMXCSR and STMXCSR (SDM vol. 2; vol. 1, sections 10.5 and 11.6). */
import type { Instruction } from '../isa/instruction';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { MXCSR_MASK } from './extended-state';
import {
  LEGACY_AREA_BYTES,
  loadVectors,
  loadX87,
  MXCSR_OFFSET,
  storeMxcsr,
  storeVectors,
  storeX87,
  type AreaFormat,
} from './fxsave-area';
import { dataAccess, readBlock, requireWritable, writeBlock } from './linear-memory';
import { nonCanonicalVector, operandAt, readOperand, writeOperand } from './registers';
import { Cr0, Cr4 } from './state';

/** FXSAVE leaves the last 96 bytes to software, and writes none of the reserved ones before them. */
const SAVED_BYTES = 416;

/** How this instruction in this mode lays the area out. */
export function areaFormat(cpu: Cpu, { operandSize }: Instruction): AreaFormat {
  return { widePointers: operandSize === 8, vectorRegisters: cpu.state.mode64 ? 16 : 8 };
}

/** #GP(0) unless the memory operand lies at a multiple of `bytes`. */
export function requireAlignedOperand(cpu: Cpu, bytes: bigint): void {
  if (cpu.operandAddress % bytes !== 0n) throw new GuestException(Vector.GP, 0);
}

function requireFxsr(cpu: Cpu): void {
  if (cpu.state.cr0 & (Cr0.EM | Cr0.TS)) throw new GuestException(Vector.NM);
  requireAlignedOperand(cpu, 16n);
}

export function executeFxsave(cpu: Cpu, instruction: Instruction): void {
  requireFxsr(cpu);
  const { extended } = cpu.state;
  const access = dataAccess(cpu);
  const nonCanonical = nonCanonicalVector(operandAt(instruction, 0));
  requireWritable(cpu, cpu.operandAddress, LEGACY_AREA_BYTES, access, nonCanonical);
  const withVectors = (cpu.state.cr4 & Cr4.OSFXSR) !== 0;
  const format = areaFormat(cpu, instruction);
  // What is not written keeps what memory holds.
  const bytes = readBlock(cpu, cpu.operandAddress, SAVED_BYTES, access, nonCanonical);
  const area = new DataView(bytes.buffer);
  storeX87(area, extended, format);
  storeMxcsr(area, extended);
  if (withVectors) storeVectors(area, extended, format);
  writeBlock(cpu, cpu.operandAddress, bytes, access);
}

export function executeFxrstor(cpu: Cpu, instruction: Instruction): void {
  requireFxsr(cpu);
  const { extended } = cpu.state;
  const nonCanonical = nonCanonicalVector(operandAt(instruction, 0));
  const bytes = readBlock(cpu, cpu.operandAddress, LEGACY_AREA_BYTES, dataAccess(cpu), nonCanonical);
  const area = new DataView(bytes.buffer);
  const format = areaFormat(cpu, instruction);
  const mxcsr = checkedMxcsr(area.getUint32(MXCSR_OFFSET, true));
  loadX87(area, extended, format);
  extended.settleExceptions();
  if (cpu.state.cr4 & Cr4.OSFXSR) {
    extended.mxcsr = mxcsr;
    loadVectors(area, extended, format);
  }
}

/** `value`, if it sets no reserved bit of MXCSR; else throws #GP(0). */
export function checkedMxcsr(value: number): number {
  if (value & ~MXCSR_MASK) throw new GuestException(Vector.GP, 0);
  return value;
}

export function executeLdmxcsr(cpu: Cpu, instruction: Instruction): void {
  cpu.state.extended.mxcsr = checkedMxcsr(Number(readOperand(cpu, operandAt(instruction, 0), 4)));
}

export function executeStmxcsr(cpu: Cpu, instruction: Instruction): void {
  writeOperand(cpu, operandAt(instruction, 0), 4, BigInt(cpu.state.extended.mxcsr));
}
