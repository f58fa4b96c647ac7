/** MOV Sreg, POP Sreg, LDS and its kin, LAR, LSL, VERR, VERW, ARPL, RDFSBASE and its kin (SDM vol. 2). */
import { Seg, type Instruction } from '../isa/instruction';
import { isCanonicalInRegister } from './canonical';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { readFarPointer } from './far-transfer';
import { operandAt, readGpr, readOperand, writeGpr, writeOperand } from './registers';
import {
  descriptorAddress,
  descriptorAt,
  isNull,
  loadSegment,
  SegmentType,
  SELECTOR_RPL,
  SystemType,
  type Descriptor,
} from './segmentation';
import { setStackPointer, Stack, stackPointerSize } from './stack';
import { Cr4, Flag } from './state';

/** The segment register MOV or POP loads; CS is none. */
function segmentDestination(instruction: Instruction): Seg {
  const operand = operandAt(instruction, 0);
  const seg: Seg = operand.kind === 'segment' ? operand.register : Seg.CS;
  if (seg === Seg.CS || seg > Seg.GS) throw new GuestException(Vector.UD);
  return seg;
}

/** MOV Sreg, r/m16. Loading SS holds back interrupts and debug traps for one instruction. */
export function executeMovSregLoad(cpu: Cpu, instruction: Instruction): void {
  const seg = segmentDestination(instruction);
  loadSegment(cpu, seg, Number(readOperand(cpu, operandAt(instruction, 1), 2) & 0xffffn));
  if (seg === Seg.SS) cpu.state.interruptShadow = 'ss';
}

/** POP Sreg. */
export function executePopSreg(cpu: Cpu, instruction: Instruction): void {
  const seg = segmentDestination(instruction);
  const size = instruction.operandSize === 1 ? 2 : instruction.operandSize;
  const pointerSize = stackPointerSize(cpu);
  const stack = Stack.current(cpu);
  const selector = Number(stack.peek(0, 2));
  stack.skip(size);
  loadSegment(cpu, seg, selector);
  setStackPointer(cpu, stack.pointer, pointerSize);
  if (seg === Seg.SS) cpu.state.interruptShadow = 'ss';
}

/** LDS, LES, LSS, LFS, LGS: a far pointer from memory to a segment register and a general one. */
export function loadFarPointer(seg: Seg): (cpu: Cpu, instruction: Instruction) => void {
  return (cpu, instruction) => {
    const { selector, offset } = readFarPointer(cpu, instruction);
    const destination = operandAt(instruction, 0);
    loadSegment(cpu, seg, selector);
    if (destination.kind === 'register') writeGpr(cpu.state, destination, offset);
  };
}

function setZeroFlag(cpu: Cpu, set: boolean): void {
  const { state } = cpu;
  state.rflags = set ? state.rflags | Flag.ZF : state.rflags & ~Flag.ZF;
}

/** These instructions exist in protected mode only, and not in its virtual-8086 mode. */
function requireProtectedMode(cpu: Cpu): void {
  if (cpu.state.paragraphSelectors) throw new GuestException(Vector.UD);
}

/** The descriptor of a selector if it is in its table and visible at the current privilege level. */
function visibleDescriptor(cpu: Cpu, selector: number): Descriptor | undefined {
  if (isNull(selector)) return undefined;
  const address = descriptorAddress(cpu.state, selector);
  if (address === undefined) return undefined;
  const descriptor = descriptorAt(cpu, address);
  const privilege = Math.max(cpu.state.cpl, selector & SELECTOR_RPL);
  return descriptor.isConforming || privilege <= descriptor.dpl ? descriptor : undefined;
}

/** System types whose limit LSL gives; in IA-32e mode the 16-bit TSS is none. */
const LSL_TYPES = new Set<number>([SystemType.LDT, SystemType.TSS_AVAILABLE, SystemType.TSS_BUSY]);
const LSL_LEGACY_TYPES = new Set<number>([SystemType.TSS16_AVAILABLE, SystemType.TSS16_BUSY]);
/** LAR also sees call gates, and outside IA-32e mode task gates. */
const LAR_TYPES = new Set<number>([...LSL_TYPES, SystemType.CALL_GATE]);
const LAR_LEGACY_TYPES = new Set<number>([...LSL_LEGACY_TYPES, SystemType.CALL_GATE16, SystemType.TASK_GATE]);

function queryDescriptor(
  cpu: Cpu,
  instruction: Instruction,
  types: ReadonlySet<number>,
  legacyTypes: ReadonlySet<number>,
  result: (descriptor: Descriptor) => number,
): void {
  requireProtectedMode(cpu);
  const selector = Number(readOperand(cpu, operandAt(instruction, 1), 2) & 0xffffn);
  const descriptor = visibleDescriptor(cpu, selector);
  const known =
    descriptor !== undefined &&
    (descriptor.codeOrData || types.has(descriptor.type) || (!cpu.state.longMode && legacyTypes.has(descriptor.type)));
  setZeroFlag(cpu, known);
  if (!known) return;
  const destination = operandAt(instruction, 0);
  if (destination.kind === 'register') writeGpr(cpu.state, destination, BigInt(result(descriptor) >>> 0));
}

/** LAR: access rights, bits 23..8 of the descriptor's second word without the limit. */
export function executeLar(cpu: Cpu, instruction: Instruction): void {
  queryDescriptor(cpu, instruction, LAR_TYPES, LAR_LEGACY_TYPES, (descriptor) => descriptor.high & 0x00f0ff00);
}

/** LSL: the limit in bytes. */
export function executeLsl(cpu: Cpu, instruction: Instruction): void {
  queryDescriptor(cpu, instruction, LSL_TYPES, LSL_LEGACY_TYPES, (descriptor) => descriptor.limit);
}

function verify(cpu: Cpu, instruction: Instruction, permits: (descriptor: Descriptor) => boolean): void {
  requireProtectedMode(cpu);
  const selector = Number(readOperand(cpu, operandAt(instruction, 0), 2) & 0xffffn);
  const descriptor = visibleDescriptor(cpu, selector);
  setZeroFlag(cpu, descriptor !== undefined && descriptor.codeOrData && permits(descriptor));
}

export function executeVerr(cpu: Cpu, instruction: Instruction): void {
  verify(cpu, instruction, (descriptor) => descriptor.isData || (descriptor.type & SegmentType.READABLE) !== 0);
}

export function executeVerw(cpu: Cpu, instruction: Instruction): void {
  verify(cpu, instruction, (descriptor) => descriptor.isWritableData);
}

/** ARPL: raises the destination's RPL to the source's; ZF tells whether it did. */
export function executeArpl(cpu: Cpu, instruction: Instruction): void {
  requireProtectedMode(cpu);
  const destination = operandAt(instruction, 0);
  const selector = readOperand(cpu, destination, 2);
  const rpl = readOperand(cpu, operandAt(instruction, 1), 2) & 3n;
  const raise = (selector & 3n) < rpl;
  if (raise) writeOperand(cpu, destination, 2, (selector & ~3n) | rpl);
  setZeroFlag(cpu, raise);
}

function requireFsGsBase(cpu: Cpu): void {
  if (!cpu.state.mode64 || !(cpu.state.cr4 & Cr4.FSGSBASE)) throw new GuestException(Vector.UD);
}

/** RDFSBASE, RDGSBASE. */
export function readBase(seg: Seg): (cpu: Cpu, instruction: Instruction) => void {
  return (cpu, instruction) => {
    requireFsGsBase(cpu);
    const destination = operandAt(instruction, 0);
    if (destination.kind === 'register') writeGpr(cpu.state, destination, cpu.state.segments[seg].base);
  };
}

/** WRFSBASE, WRGSBASE. */
export function writeBase(seg: Seg): (cpu: Cpu, instruction: Instruction) => void {
  return (cpu, instruction) => {
    requireFsGsBase(cpu);
    const source = operandAt(instruction, 0);
    const base = source.kind === 'register' ? readGpr(cpu.state, source) : 0n;
    if (!isCanonicalInRegister(cpu.model, base)) throw new GuestException(Vector.GP, 0);
    cpu.state.segments[seg].base = base;
    cpu.modeChanged();
  };
}
