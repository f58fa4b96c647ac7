/**
 * When generated code may carry out privileged instructions itself (isa/semantics/system.ts) instead of calling their
 * architectural routines. The routines describe every case; generated code knows the common ones, and those in which
 * nobody watches: no debugger that stops there, no interrupt that waits, no enforcement of control flow.
 */
import type { CpuModel } from '../cpu/cpuid';
import { Cr4, Efer, type CpuState } from '../cpu/state';
import type { StopConditions } from '../machine';

/** Bits at layout.SHORTCUTS. All of them presume 64-bit mode, and CPL 0 or 3. */
export const enum Shortcut {
  /** CLI, SWAPGS, CLAC, STAC. */
  CONTROL = 1 << 0,
  /** STI, POPF: no interrupt waits for IF to be set. */
  INTERRUPTS = 1 << 1,
  SYSCALL = 1 << 2,
  /** No interrupt waits for IF to be set. */
  SYSRET = 1 << 3,
  /** SYSRET loads the hidden part of SS; AMD processors load its selector only. */
  SYSRET_LOADS_SS = 1 << 4,
  /** STAC and CLAC exist. */
  SMAP = 1 << 5,
  /** No NMI is blocked, no interrupt waits for IF to be set. */
  IRET = 1 << 6,
}

/** What of them depends on the CPU model alone. */
export function modelShortcuts({ vendor, features }: CpuModel): number {
  return (features.has('SMAP') ? Shortcut.SMAP : 0) | (vendor === 'amd' ? 0 : Shortcut.SYSRET_LOADS_SS);
}

/** The others. They hold until an architectural routine has been executed, or generated code is left. */
export function shortcuts(state: CpuState, stopOn: StopConditions, interruptPending: boolean): number {
  const { cpl } = state;
  if (cpl === 1 || cpl === 2 || state.fred.enabled) return 0;
  let bits: number = Shortcut.CONTROL;
  if (!interruptPending) bits |= Shortcut.INTERRUPTS;
  if (state.cr4 & Cr4.CET) return bits;
  const leaves = !stopOn.systemCallExit && !interruptPending;
  if (leaves && !state.nmiBlocked) bits |= Shortcut.IRET;
  if (!(state.efer & Efer.SCE)) return bits;
  return bits | (stopOn.systemCallEntry ? 0 : Shortcut.SYSCALL) | (leaves ? Shortcut.SYSRET : 0);
}
