/** Virtual-8086 mode (SDM vol. 3, chapter 21): what is sensitive to IOPL there, and how IRET enters it. */
import { Seg } from '../isa/instruction';
import { ControlProtection, controlProtection, enabledForUser, shadowStackEnabled } from './cet';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { restoredFlags } from './far-transfer';
import { setParagraphSegment } from './segmentation';
import { releaseTokenQuietly } from './shadow-stack';
import { setStackPointer, type Stack } from './stack';
import { Flag, type CpuState } from './state';

const FULL_PRIVILEGE = 3;
const LAST_OFFSET = 0xffffn;

/** INT n, IRET, PUSHF and POPF need IOPL 3 in virtual-8086 mode, else #GP(0) (SDM vol. 3, section 21.2.7). */
export function requireVirtual8086Privilege(state: CpuState): void {
  if (state.virtual8086 && state.iopl !== FULL_PRIVILEGE) throw new GuestException(Vector.GP, 0);
}

/** The part of an IRET frame below the stack pointer. */
export interface Virtual8086Frame {
  readonly selector: number;
  readonly offset: bigint;
  readonly flags: number;
}

/**
 * IRET at CPL 0 with VM in the image: ESP, SS, ES, DS, FS and GS follow on `stack` (SDM vol. 2, IRET,
 * RETURN-TO-VIRTUAL-8086-MODE).
 */
export function returnToVirtual8086(cpu: Cpu, stack: Stack, { selector, offset, flags }: Virtual8086Frame): void {
  const { state } = cpu;
  const pointer = stack.pop(4);
  const order = [Seg.SS, Seg.ES, Seg.DS, Seg.FS, Seg.GS];
  const selectors = order.map((seg) => [seg, Number(stack.pop(4) & 0xffffn)] as const);
  if (offset > LAST_OFFSET || enabledForUser(state)) throw new GuestException(Vector.GP, 0);
  const shadow = shadowStackEnabled(state, state.cpl);
  const { ssp } = state.cet;
  if (shadow && ssp & 7n) controlProtection(ControlProtection.FAR_RET_IRET);
  enterVirtual8086(state, restoredFlags(state, flags, 4, 0, Flag.RF | Flag.VM | Flag.VIF | Flag.VIP), [
    ...selectors,
    [Seg.CS, selector],
  ]);
  if (shadow) releaseTokenQuietly(cpu, ssp);
  setStackPointer(cpu, pointer, 4);
  cpu.nextAddress = offset;
  cpu.modeChanged();
}

/** Sets EFLAGS, which have VM set, and the segment registers; the privilege level becomes 3. */
export function enterVirtual8086(state: CpuState, rflags: number, selectors: Iterable<readonly [Seg, number]>): void {
  state.rflags = rflags;
  state.cpl = 3;
  for (const [seg, selector] of selectors) setParagraphSegment(state, state.segments[seg], selector);
}
