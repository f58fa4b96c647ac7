/** What far JMP, CALL, RET and IRET share: checks of the target code segment, and where a far pointer comes from. */
import { Seg, type Instruction } from '../isa/instruction';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { dataAccess, readLinear } from './linear-memory';
import {
  isNull,
  readDescriptor,
  readStackDescriptor,
  selectorFault,
  SELECTOR_RPL,
  type Descriptor,
} from './segmentation';
import { AccessRights, Flag, type CpuState } from './state';
import { SegmentType } from './segmentation';

export interface FarPointer {
  readonly selector: number;
  readonly offset: bigint;
}

/** The target of a far JMP or CALL, or the pointer LDS and its kin load: ptr16:16/32, or m16:16/32/64 in memory. */
export function readFarPointer(cpu: Cpu, instruction: Instruction): FarPointer {
  const size = instruction.operandSize === 1 ? 2 : instruction.operandSize;
  for (const operand of instruction.operands) {
    if (operand.kind === 'far') return { selector: operand.selector, offset: BigInt(operand.offset >>> 0) };
  }
  const access = dataAccess(cpu);
  const offset = readLinear(cpu, cpu.operandAddress, size, access);
  return { selector: Number(readLinear(cpu, cpu.operandAddress + BigInt(size), 2, access)), offset };
}

/** In IA-32e mode a code segment with both L and D set is reserved. */
function requireValidCode(cpu: Cpu, selector: number, descriptor: Descriptor): void {
  if (!descriptor.isCode) selectorFault(Vector.GP, selector);
  if (cpu.state.longMode && descriptor.long && descriptor.big) selectorFault(Vector.GP, selector);
}

/** Checks for a direct far JMP or CALL to a code segment (SDM vol. 3, section 5.8.1). */
export function checkDirectTarget(cpu: Cpu, selector: number, descriptor: Descriptor): void {
  const { cpl } = cpu.state;
  requireValidCode(cpu, selector, descriptor);
  if (descriptor.isConforming) {
    if (descriptor.dpl > cpl) selectorFault(Vector.GP, selector);
  } else if ((selector & SELECTOR_RPL) > cpl || descriptor.dpl !== cpl) {
    selectorFault(Vector.GP, selector);
  }
  // With FRED ring 0 runs 64-bit code alone (SDM vol. 2, CALL).
  if (cpu.state.fred.enabled && cpl === 0 && !descriptor.long) selectorFault(Vector.GP, selector);
  if (!descriptor.present) selectorFault(Vector.NP, selector);
}

/** The code segment a far RET or IRET returns to; its RPL is the new privilege level. */
export function readReturnCode(cpu: Cpu, selector: number): Descriptor {
  if (isNull(selector)) throw new GuestException(Vector.GP, 0);
  const descriptor = readDescriptor(cpu, selector);
  const rpl = selector & SELECTOR_RPL;
  requireValidCode(cpu, selector, descriptor);
  if (rpl < cpu.state.cpl) selectorFault(Vector.GP, selector);
  if (descriptor.isConforming ? descriptor.dpl > rpl : descriptor.dpl !== rpl) selectorFault(Vector.GP, selector);
  if (!descriptor.present) selectorFault(Vector.NP, selector);
  return descriptor;
}

/** The stack segment returned to; undefined for a null selector, which 64-bit code at CPL 0 to 2 may have. */
export function readReturnStack(cpu: Cpu, selector: number, code: Descriptor, cpl: number): Descriptor | undefined {
  if (isNull(selector)) {
    const allowed = cpu.state.longMode && code.long && cpl !== 3 && (selector & SELECTOR_RPL) === cpl;
    if (!allowed) throw new GuestException(Vector.GP, 0);
    return undefined;
  }
  return readStackDescriptor(cpu, selector, cpl, Vector.GP);
}

/**
 * Returning outward, data segment registers the outer level may not use become null. Bases stay: user FS and GS bases
 * set through MSRs survive (SDM vol. 2, IRET, RETURN-TO-OUTER-PRIVILEGE-LEVEL).
 */
export function dropInnerSegments(state: CpuState): void {
  for (const seg of [Seg.ES, Seg.DS, Seg.FS, Seg.GS]) {
    const register = state.segments[seg];
    const conforming =
      (register.type & (SegmentType.CODE | SegmentType.CONFORMING)) === (SegmentType.CODE | SegmentType.CONFORMING);
    if (!register.unusable && (conforming || register.dpl >= state.cpl)) continue;
    register.selector = 0;
    register.rights = AccessRights.UNUSABLE;
  }
}

/** Flags every return from an interrupt restores (SDM vol. 2, IRET; the same bits POPF writes in ring 3). */
const ALWAYS_RESTORED = Flag.CF | Flag.PF | Flag.AF | Flag.ZF | Flag.SF | Flag.TF | Flag.DF | Flag.OF | Flag.NT;

/**
 * RFLAGS after IRET or POPF: `size` bytes of `image` at privilege level `cpl`. IF needs CPL <= IOPL, IOPL needs CPL 0;
 * only 32- and 64-bit images reach AC and ID. `also` are further bits to take over (RF for IRET).
 */
export function restoredFlags(state: CpuState, image: number, size: number, cpl: number, also: number): number {
  const old = state.rflags;
  let mask = ALWAYS_RESTORED;
  if (size > 2) mask |= Flag.AC | Flag.ID | also;
  if (cpl <= state.iopl) mask |= Flag.IF;
  if (cpl === 0) mask |= Flag.IOPL;
  return (old & ~mask) | (image & mask);
}
