/**
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT and SWAPGS (SDM vol. 2, "Operation" of each; AMD APM vol. 3). CS and SS get fixed
 * hidden parts: the GDT is not read, the kernel must keep descriptors there that agree.
 */
import { Gpr, Seg, type Instruction } from '../isa/instruction';
import { isCanonical } from './canonical';
import { shadowStackEnabled, trackFarTransfer } from './cet';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { CODE32, CODE64, DATA, DPL3, kernelSelector, userSelector } from './flat-segments';
import { requireNoFred } from './fred';
import { deliverSystemCall, exchangeGsBase, OtherEvent } from './fred-delivery';
import { setFlatSegment } from './segmentation';
import { canonicalSsp } from './shadow-stack';
import { Efer, Flag } from './state';

/** RFLAGS bits SYSRET takes from R11: 3C7FD7H. RF and VM become 0. */
const SYSRET_FLAGS = 0x3c7fd7;

function low32(value: bigint): bigint {
  return value & 0xffffffffn;
}

/** SYSCALL. Intel: 64-bit mode only. AMD: also compatibility mode (through CSTAR) and legacy mode (STAR bits 31..0). */
export function executeSyscall(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  const { gpr } = state;
  if (!state.mode64 && cpu.model.vendor !== 'amd') throw new GuestException(Vector.UD);
  if (state.fred.enabled) return deliverSystemCall(cpu, OtherEvent.SYSCALL, instruction.length);
  if (!(state.efer & Efer.SCE)) throw new GuestException(Vector.UD);
  if (!state.longMode) {
    if (!state.protectedMode) throw new GuestException(Vector.UD);
    gpr[Gpr.RCX] = low32(cpu.nextAddress);
    cpu.nextAddress = low32(state.star);
    state.setControlFlags(Flag.VM | Flag.IF | Flag.RF, false);
    enterKernel(cpu, CODE32);
    return;
  }
  gpr[Gpr.RCX] = cpu.nextAddress;
  gpr[Gpr.R11] = BigInt(state.rflags & ~Flag.RF);
  cpu.nextAddress = state.mode64 ? state.lstar : state.cstar;
  state.rflags &= ~(Number(low32(state.fmask)) | Flag.RF);
  enterKernel(cpu, CODE64);
}

function enterKernel(cpu: Cpu, code: number): void {
  const selector = kernelSelector(cpu.state.star);
  setFlatSegment(cpu.state.segments[Seg.CS], selector, code);
  setFlatSegment(cpu.state.segments[Seg.SS], selector + 8, DATA);
  enterRing0(cpu);
}

/**
 * SYSCALL and SYSENTER save SSP, and leave it 0 until SETSSBSY gives ring 0 its shadow stack; an ENDBRANCH instruction
 * must follow (SDM vol. 2, SYSCALL).
 */
function enterRing0(cpu: Cpu): void {
  const { state } = cpu;
  const { cet } = state;
  if (shadowStackEnabled(state, state.cpl)) cet.privilegeSsp[3] = canonicalSsp(cpu, cet.ssp);
  state.cpl = 0;
  if (shadowStackEnabled(state, 0)) cet.ssp = 0n;
  trackFarTransfer(cpu, 0);
  cpu.modeChanged();
}

/** SYSRET and SYSEXIT take SSP from IA32_PL3_SSP. */
function enterRing3(cpu: Cpu): void {
  const { state } = cpu;
  state.cpl = 3;
  if (shadowStackEnabled(state, 3)) state.cet.ssp = state.cet.privilegeSsp[3];
  cpu.modeChanged();
}

/** SYSRET (operand size 4) and SYSRETQ (operand size 8). */
export function executeSysret(cpu: Cpu, instruction: Instruction): void {
  requireNoFred(cpu.state);
  if (cpu.model.vendor === 'amd') sysretAmd(cpu, instruction.operandSize === 8);
  else sysretIntel(cpu, instruction.operandSize === 8);
}

function sysretIntel(cpu: Cpu, to64: boolean): void {
  const { state } = cpu;
  if (!state.mode64 || !(state.efer & Efer.SCE)) throw new GuestException(Vector.UD);
  if (state.cpl !== 0) throw new GuestException(Vector.GP, 0);
  const target = to64 ? state.gpr[Gpr.RCX] : low32(state.gpr[Gpr.RCX]);
  // Raised at CPL 0, with whatever RSP the kernel has already loaded for the user.
  if (!isCanonical(state, target)) throw new GuestException(Vector.GP, 0);
  state.rflags = Number(state.gpr[Gpr.R11] & BigInt(SYSRET_FLAGS)) | Flag.FIXED;
  returnToUser(cpu, to64, target);
  setFlatSegment(state.segments[Seg.SS], (userSelector(cpu.state.star) + 8) | 3, DATA | DPL3);
}

/**
 * AMD: also outside 64-bit mode; a non-canonical target faults at CPL 3, when its instruction is fetched; of SS only the
 * selector changes, the hidden part stays as it was.
 */
function sysretAmd(cpu: Cpu, to64: boolean): void {
  const { state } = cpu;
  if (!(state.efer & Efer.SCE)) throw new GuestException(Vector.UD);
  if (!state.protectedMode || state.cpl !== 0) throw new GuestException(Vector.GP, 0);
  if (state.mode64) state.rflags = Number(state.gpr[Gpr.R11] & BigInt(SYSRET_FLAGS)) | Flag.FIXED;
  else state.setControlFlags(Flag.IF, true);
  returnToUser(cpu, to64, to64 ? state.gpr[Gpr.RCX] : low32(state.gpr[Gpr.RCX]));
  state.segments[Seg.SS].selector = (userSelector(cpu.state.star) + 8) | 3;
}

function returnToUser(cpu: Cpu, to64: boolean, target: bigint): void {
  const selector = to64 ? userSelector(cpu.state.star) + 16 : userSelector(cpu.state.star);
  setFlatSegment(cpu.state.segments[Seg.CS], selector | 3, (to64 ? CODE64 : CODE32) | DPL3);
  cpu.nextAddress = target;
  enterRing3(cpu);
}

/** AMD has neither SYSENTER nor SYSEXIT in long mode. */
function requireSysenter({ state, model }: Cpu): void {
  const missing = !model.features.has('SEP') || (state.longMode && model.vendor === 'amd');
  if (missing) throw new GuestException(Vector.UD);
}

/** Bits 15..0 of IA32_SYSENTER_CS; #GP(0) if SYSENTER and SYSEXIT cannot use it. */
function sysenterSelector({ state }: Cpu): number {
  const selector = Number(state.sysenterCs & 0xfffcn);
  if (!state.protectedMode || selector === 0) throw new GuestException(Vector.GP, 0);
  return selector;
}

/** SYSENTER: saves neither RIP nor RSP nor RFLAGS, and leaves TF set. */
export function executeSysenter(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  requireSysenter(cpu);
  if (state.fred.enabled) return deliverSystemCall(cpu, OtherEvent.SYSENTER, instruction.length);
  const selector = sysenterSelector(cpu);
  const { longMode } = state;
  state.setControlFlags(Flag.VM | Flag.IF, false);
  state.gpr[Gpr.RSP] = longMode ? state.sysenterEsp : low32(state.sysenterEsp);
  cpu.nextAddress = longMode ? state.sysenterEip : low32(state.sysenterEip);
  setFlatSegment(state.segments[Seg.CS], selector, longMode ? CODE64 : CODE32);
  setFlatSegment(state.segments[Seg.SS], selector + 8, DATA);
  enterRing0(cpu);
}

/** SYSEXIT (operand size 4) and its 64-bit form (operand size 8): RDX to RIP, RCX to RSP. */
export function executeSysexit(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  requireSysenter(cpu);
  requireNoFred(state);
  const base = sysenterSelector(cpu);
  if (state.cpl !== 0) throw new GuestException(Vector.GP, 0);
  const to64 = instruction.operandSize === 8;
  const rdx = state.gpr[Gpr.RDX];
  const rcx = state.gpr[Gpr.RCX];
  if (to64 && !(isCanonical(state, rdx) && isCanonical(state, rcx))) throw new GuestException(Vector.GP, 0);
  state.gpr[Gpr.RSP] = to64 ? rcx : low32(rcx);
  cpu.nextAddress = to64 ? rdx : low32(rdx);
  const selector = (to64 ? base + 32 : base + 16) | 3;
  setFlatSegment(state.segments[Seg.CS], selector, (to64 ? CODE64 : CODE32) | DPL3);
  setFlatSegment(state.segments[Seg.SS], selector + 8, DATA | DPL3);
  enterRing3(cpu);
}

/** SWAPGS: exchanges the GS base with IA32_KERNEL_GS_BASE. */
export function executeSwapgs(cpu: Cpu, _instruction: Instruction): void {
  const { state } = cpu;
  if (!state.mode64) throw new GuestException(Vector.UD);
  requireNoFred(state);
  if (state.cpl !== 0) throw new GuestException(Vector.GP, 0);
  exchangeGsBase(state);
  cpu.modeChanged();
}
