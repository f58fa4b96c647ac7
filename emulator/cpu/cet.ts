/**
 * Control-flow enforcement (SDM vol. 1, chapter 17): what is enabled at a privilege level, and indirect branch tracking.
 * Shadow stacks are in shadow-stack.ts.
 */
import type { Instruction } from '../isa/instruction';
import { CetBit } from './cet-state';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { dataAccess, readLinear } from './linear-memory';
import { Cr4, Flag, type CpuState } from './state';

/** Error codes of #CP (SDM vol. 3, section 6.15, interrupt 21). */
export const enum ControlProtection {
  NEAR_RET = 1,
  FAR_RET_IRET = 2,
  ENDBRANCH = 3,
  RSTORSSP = 4,
  SETSSBSY = 5,
}

/** Throws #CP. */
export function controlProtection(code: ControlProtection): never {
  throw new GuestException(Vector.CP, code);
}

/** CR4.CET: what is done for control-flow enforcement need not be looked at without it. */
export function controlFlowEnforced(state: CpuState): boolean {
  return (state.cr4 & Cr4.CET) !== 0;
}

/** IA32_U_CET or IA32_S_CET, low half, by privilege level; 0 if control-flow enforcement is off. */
function protectedModeControls(state: CpuState, cpl: number): number {
  if (!(state.cr4 & Cr4.CET) || !state.protectedMode) return 0;
  return Number((cpl === 3 ? state.cet.user : state.cet.supervisor) & 0xffffffffn);
}

/** The same for the mode the processor is in: virtual-8086 mode has none of it. */
function controls(state: CpuState, cpl: number): number {
  return !(state.cr4 & Cr4.CET) || state.flag(Flag.VM) ? 0 : protectedModeControls(state, cpl);
}

/** ShadowStackEnabled of the manual's pseudo-code. */
export function shadowStackEnabled(state: CpuState, cpl: number): boolean {
  return (controls(state, cpl) & CetBit.SH_STK_EN) !== 0;
}

/** `shadowStackEnabled` for what leaves virtual-8086 mode. */
export function shadowStackEnabledOutsideVm(state: CpuState, cpl: number): boolean {
  return (protectedModeControls(state, cpl) & CetBit.SH_STK_EN) !== 0;
}

/** IRET may not go to virtual-8086 mode while either half is enabled at CPL 3 (SDM vol. 2, IRET). */
export function enabledForUser(state: CpuState): boolean {
  return (protectedModeControls(state, 3) & (CetBit.SH_STK_EN | CetBit.ENDBR_EN)) !== 0;
}

/** WRSS may be executed. */
export function shadowStackWriteEnabled(state: CpuState, cpl: number): boolean {
  const both = CetBit.SH_STK_EN | CetBit.WR_SHSTK_EN;
  return (controls(state, cpl) & both) === both;
}

/** EndbranchEnabled of the manual's pseudo-code. */
export function endbranchEnabled(state: CpuState, cpl: number): boolean {
  return (controls(state, cpl) & CetBit.ENDBR_EN) !== 0;
}

/** Near CALL, RET and indirect JMP do more than usual: generated code does not carry them out. */
export function nearBranchesChecked(state: CpuState): boolean {
  if (!(state.cr4 & Cr4.CET)) return false;
  return (controls(state, state.cpl) & (CetBit.SH_STK_EN | CetBit.ENDBR_EN)) !== 0;
}

/** The next instruction must be ENDBR64, in other code ENDBR32. */
export function waitsForEndbranch(state: CpuState): boolean {
  const wanted = CetBit.ENDBR_EN | CetBit.TRACKER;
  return (controls(state, state.cpl) & (wanted | CetBit.SUPPRESS)) === wanted;
}

/** Sets and clears bits of the control register for `cpl`. */
function change(cpu: Cpu, cpl: number, set: number, clear: number): void {
  const { cet } = cpu.state;
  const key = cpl === 3 ? 'user' : 'supervisor';
  cet[key] = (cet[key] & ~BigInt(clear)) | BigInt(set);
  cpu.modeChanged();
}

/**
 * Near indirect JMP and CALL (SDM vol. 2, JMP): the target must be an ENDBRANCH instruction, unless tracking is
 * suppressed, or there is a no-track prefix that counts.
 */
export function trackNearBranch(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  const bits = controls(state, state.cpl);
  if (!(bits & CetBit.ENDBR_EN) || bits & CetBit.SUPPRESS) return;
  if (instruction.notrack && bits & CetBit.NO_TRACK_EN) return;
  change(cpu, state.cpl, CetBit.TRACKER, 0);
}

/** Far transfers and events end suppression, too. `cpl` is the privilege level entered. */
export function trackFarTransfer(cpu: Cpu, cpl: number): void {
  if (endbranchEnabled(cpu.state, cpl)) change(cpu, cpl, CetBit.TRACKER, CetBit.SUPPRESS);
}

/** Makes the tracker IDLE for `cpl`, and ends suppression. */
export function resetTracker(cpu: Cpu, cpl: number): void {
  change(cpu, cpl, 0, CetBit.TRACKER | CetBit.SUPPRESS);
}

/** ENDBR64 in 64-bit mode, ENDBR32 elsewhere: an indirect branch ends here. In the other mode they do nothing. */
export const executeEndbranch =
  (mode64: boolean) =>
  (cpu: Cpu, _instruction: Instruction): void => {
    const { state } = cpu;
    if (state.mode64 !== mode64 || !endbranchEnabled(state, state.cpl)) return;
    resetTracker(cpu, state.cpl);
  };

/** Linear address bits that select a byte and a bit of the legacy code page bitmap: one bit for each 4 KiB. */
const BITMAP_BYTE_SHIFT = 15n;
const BITMAP_BIT_SHIFT = 12n;
const BITMAP_BASE = ~0xfffn;
const BITMAP_ADDRESS_MASK = (1n << 48n) - 1n;

/**
 * An indirect branch has gone to something that is no ENDBRANCH (SDM vol. 1, section 17.3.6, legacy compatibility
 * treatment): #CP, unless the bitmap says that the page holds legacy code. Then the instruction executes, and tracking is
 * suppressed.
 */
export function missingEndbranch(cpu: Cpu): void {
  const { state } = cpu;
  const { cpl, cet } = state;
  const bits = controls(state, cpl);
  if (!(bits & CetBit.LEG_IW_EN)) controlProtection(ControlProtection.ENDBRANCH);
  const base = (cpl === 3 ? cet.user : cet.supervisor) & BITMAP_BASE;
  const linear = state.mode64 ? state.rip : state.segments[1].base + state.rip;
  const at = BigInt.asUintN(state.longMode ? 64 : 32, base + ((linear & BITMAP_ADDRESS_MASK) >> BITMAP_BYTE_SHIFT));
  const byte = readLinear(cpu, at, 1, dataAccess(cpu));
  if (!((byte >> ((linear >> BITMAP_BIT_SHIFT) & 7n)) & 1n)) controlProtection(ControlProtection.ENDBRANCH);
  change(cpu, cpl, bits & CetBit.SUPPRESS_DIS ? 0 : CetBit.SUPPRESS, CetBit.TRACKER);
}
