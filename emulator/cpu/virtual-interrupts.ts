/**
 * The virtual interrupt flag VIF and its companion VIP (SDM vol. 3, sections 21.3 and 21.4): with CR4.VME programs in
 * virtual-8086 mode at IOPL below 3, and with CR4.PVI those at CPL 3, clear and set VIF where they mean IF. With VME the
 * software interrupts of virtual-8086 programs may stay among themselves.
 */
import { Seg } from '../isa/instruction';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { readLinear } from './linear-memory';
import { PageAccess } from './paging';
import { setParagraphCode } from './segmentation';
import { setStackPointer, Stack, stackPointerSize } from './stack';
import { Cr4, Flag, type CpuState } from './state';
import { readIoMapBase } from './task-state';

/** Whether CLI and STI go to VIF: IF is out of the program's reach. */
export function hasVirtualInterruptFlag(state: CpuState): boolean {
  if (!state.protectedMode || state.cpl !== 3 || state.iopl === 3) return false;
  return (state.cr4 & (state.virtual8086 ? Cr4.VME : Cr4.PVI)) !== 0;
}

/** Whether PUSHF, POPF and IRET with operands of `size` bytes treat VIF as IF; PVI does not reach them. */
export function hasVirtualFlagsImage(state: CpuState, size: number): boolean {
  return size === 2 && state.virtual8086 && hasVirtualInterruptFlag(state);
}

/** FLAGS as a virtual-8086 program sees them: IF is VIF, IOPL is 3. */
export function virtualFlagsImage(state: CpuState): number {
  const image = (state.rflags & 0xffff & ~Flag.IF) | Flag.IOPL;
  return state.flag(Flag.VIF) ? image | Flag.IF : image;
}

/** Bits that POPF and IRET take from such an image. */
const RESTORED = Flag.CF | Flag.PF | Flag.AF | Flag.ZF | Flag.SF | Flag.DF | Flag.OF | Flag.NT;

/** RFLAGS after POPF or IRET of such an image. Throws #GP(0) for TF, and for IF while an interrupt waits (VIP). */
export function restoredVirtualFlags(state: CpuState, image: number): number {
  if (image & Flag.TF || (image & Flag.IF && state.flag(Flag.VIP))) throw new GuestException(Vector.GP, 0);
  const kept = state.rflags & ~(RESTORED | Flag.TF | Flag.VIF);
  return kept | (image & RESTORED) | (image & Flag.IF ? Flag.VIF : 0);
}

/** Sets VIF. Throws #GP(0) while an interrupt waits (VIP), which the monitor can then deliver. */
export function setVirtualInterruptFlag(state: CpuState): void {
  if (state.flag(Flag.VIP)) throw new GuestException(Vector.GP, 0);
  state.setControlFlags(Flag.VIF, true);
}

/** Bytes of the software interrupt redirection bit map, which ends where the I/O permission bit map begins. */
const REDIRECTION_BYTES = 32;
const VECTOR_BYTES = 4;

/**
 * INT n with CR4.VME in virtual-8086 mode: if the bit of the vector is clear in the TSS, enters the 8086 program's own
 * handler by the vector table at linear address 0 and returns true. Throws #GP(0) if the TSS has no such map.
 */
export function redirectSoftwareInterrupt(cpu: Cpu, vector: number): boolean {
  const { state } = cpu;
  if (!state.virtual8086 || !(state.cr4 & Cr4.VME)) return false;
  const offset = readIoMapBase(cpu) - REDIRECTION_BYTES + (vector >>> 3);
  if (offset < 0 || offset > state.tr.limit) throw new GuestException(Vector.GP, 0);
  const bits = Number(readLinear(cpu, state.tr.base + BigInt(offset), 1, PageAccess.IMPLICIT));
  if (bits & (1 << (vector & 7))) return false;

  const virtual = hasVirtualInterruptFlag(state);
  const stack = Stack.current(cpu);
  stack.push(2, BigInt(virtual ? virtualFlagsImage(state) : state.rflags & 0xffff));
  stack.push(2, BigInt(state.segments[Seg.CS].selector));
  stack.push(2, cpu.nextAddress);
  const target = Number(readLinear(cpu, BigInt(VECTOR_BYTES * vector), VECTOR_BYTES, PageAccess.IMPLICIT));
  stack.commit();
  setParagraphCode(cpu, target >>> 16, BigInt(target & 0xffff));
  setStackPointer(cpu, stack.pointer, stackPointerSize(cpu));
  state.setControlFlags(Flag.TF | (virtual ? Flag.VIF : Flag.IF), false);
  return true;
}
