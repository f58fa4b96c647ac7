/** LGDT, LIDT, SGDT, SIDT, LLDT, SLDT, LTR, STR (SDM vol. 3, section 2.4). */
import type { Instruction } from '../isa/instruction';
import { isCanonicalInRegister } from './canonical';
import { requireUserModeInstructionAllowed } from './control-registers';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { dataAccess, readLinear, requireWritable, writeLinear } from './linear-memory';
import { PageAccess } from './paging';
import { operandAt, readOperand, writeOperand } from './registers';
import {
  Descriptor,
  descriptorAddress,
  descriptorAt,
  isNull,
  selectorFault,
  setNullSegment,
  SystemType,
} from './segmentation';
import type { SegmentRegister, TableRegister } from './state';

const SELECTOR_TI = 4;
/** Type bit that makes an available TSS a busy one. */
const BUSY = 1 << 9;

function requireRing0(cpu: Cpu): void {
  if (cpu.state.cpl !== 0) throw new GuestException(Vector.GP, 0);
}

/** LDTR and TR are reached in protected mode only, and not in its virtual-8086 mode. */
function requireProtectedMode(cpu: Cpu): void {
  if (cpu.state.paragraphSelectors) throw new GuestException(Vector.UD);
}

/** Memory operand of LGDT and LIDT: a 16-bit limit and a 64-bit, 32-bit or (operand size 16) 24-bit base. */
function loadTable(cpu: Cpu, instruction: Instruction, table: TableRegister): void {
  requireRing0(cpu);
  const access = dataAccess(cpu);
  const limit = Number(readLinear(cpu, cpu.operandAddress, 2, access));
  const { mode64 } = cpu.state;
  let base = readLinear(cpu, cpu.operandAddress + 2n, mode64 ? 8 : 4, access);
  if (mode64 && !isCanonicalInRegister(cpu.model, base)) throw new GuestException(Vector.GP, 0);
  if (!mode64 && instruction.operandSize === 2) base &= 0xffffffn;
  table.base = base;
  table.limit = limit;
}

function storeTable(cpu: Cpu, table: TableRegister): void {
  requireUserModeInstructionAllowed(cpu);
  const access = dataAccess(cpu);
  const size = cpu.state.mode64 ? 8 : 4;
  requireWritable(cpu, cpu.operandAddress, 2 + size, access);
  writeLinear(cpu, cpu.operandAddress, 2, BigInt(table.limit), access);
  writeLinear(cpu, cpu.operandAddress + 2n, size, table.base, access);
}

export function executeLgdt(cpu: Cpu, instruction: Instruction): void {
  loadTable(cpu, instruction, cpu.state.gdtr);
}

export function executeLidt(cpu: Cpu, instruction: Instruction): void {
  loadTable(cpu, instruction, cpu.state.idtr);
}

export function executeSgdt(cpu: Cpu, _instruction: Instruction): void {
  storeTable(cpu, cpu.state.gdtr);
}

export function executeSidt(cpu: Cpu, _instruction: Instruction): void {
  storeTable(cpu, cpu.state.idtr);
}

/** Reads a system descriptor from the GDT; in IA-32e mode it has 16 bytes and a 64-bit base. */
function readSystemDescriptor(
  cpu: Cpu,
  selector: number,
  types: readonly SystemType[],
): { descriptor: Descriptor; base: bigint } {
  const { longMode } = cpu.state;
  const address = selector & SELECTOR_TI ? undefined : descriptorAddress(cpu.state, selector, longMode ? 16 : 8);
  if (address === undefined) return selectorFault(Vector.GP, selector);
  const descriptor = descriptorAt(cpu, address);
  if (descriptor.codeOrData || !types.includes(descriptor.type)) selectorFault(Vector.GP, selector);
  if (!descriptor.present) selectorFault(Vector.NP, selector);
  let { base } = descriptor;
  if (longMode) {
    const upper = descriptorAt(cpu, address + 8n);
    base |= BigInt(upper.low >>> 0) << 32n;
    if (upper.high & 0x1f00 || !isCanonicalInRegister(cpu.model, base)) selectorFault(Vector.GP, selector);
  }
  return { descriptor, base };
}

function setSystemSegment(register: SegmentRegister, selector: number, descriptor: Descriptor, base: bigint): void {
  register.selector = selector;
  register.base = base;
  register.limit = descriptor.limit;
  register.rights = descriptor.rights;
}

export function executeLldt(cpu: Cpu, instruction: Instruction): void {
  requireProtectedMode(cpu);
  requireRing0(cpu);
  const selector = Number(readOperand(cpu, operandAt(instruction, 0), 2) & 0xffffn);
  if (isNull(selector)) {
    setNullSegment(cpu, cpu.state.ldtr, selector);
    return;
  }
  const { descriptor, base } = readSystemDescriptor(cpu, selector, [SystemType.LDT]);
  setSystemSegment(cpu.state.ldtr, selector, descriptor, base);
}

/** LTR marks the TSS descriptor busy. */
export function executeLtr(cpu: Cpu, instruction: Instruction): void {
  requireProtectedMode(cpu);
  requireRing0(cpu);
  const selector = Number(readOperand(cpu, operandAt(instruction, 0), 2) & 0xffffn);
  if (isNull(selector)) throw new GuestException(Vector.GP, 0);
  const available = [SystemType.TSS_AVAILABLE, ...(cpu.state.longMode ? [] : [SystemType.TSS16_AVAILABLE])];
  const { descriptor, base } = readSystemDescriptor(cpu, selector, available);
  const busy = new Descriptor(descriptor.low, descriptor.high | BUSY, descriptor.address);
  writeLinear(cpu, descriptor.address + 4n, 4, BigInt(busy.high >>> 0), PageAccess.IMPLICIT);
  setSystemSegment(cpu.state.tr, selector, busy, base);
}

export function executeSldt(cpu: Cpu, instruction: Instruction): void {
  requireProtectedMode(cpu);
  requireUserModeInstructionAllowed(cpu);
  writeOperand(cpu, operandAt(instruction, 0), 2, BigInt(cpu.state.ldtr.selector));
}

export function executeStr(cpu: Cpu, instruction: Instruction): void {
  requireProtectedMode(cpu);
  requireUserModeInstructionAllowed(cpu);
  writeOperand(cpu, operandAt(instruction, 0), 2, BigInt(cpu.state.tr.selector));
}
