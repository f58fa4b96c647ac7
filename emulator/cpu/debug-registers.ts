/** MOV to and from debug registers (SDM vol. 3, section 17.2; vol. 2, MOV DR). */
import type { Instruction } from '../isa/instruction';
import type { Cpu } from './cpu';
import { DebugFault, Dr6, DR6_FIXED, Dr7 } from './debug';
import { GuestException, Vector } from './exceptions';
import { readGpr, writeGpr } from './registers';
import { Cr4 } from './state';

/** DR6 bits that software can write: B0..B3, BD, BS, BT. */
const DR6_WRITABLE = 0xe00f;
/** DR7 bits that software can write; bit 10 always reads 1. */
const DR7_WRITABLE = 0xffff23ff;
const DR7_FIXED = 0x400;

/** MOV DRn, r and MOV r, DRn. */
export function executeMovDr(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  const [destination, source] = instruction.operands;
  const named = destination.kind === 'debug' ? destination.register : source.kind === 'debug' ? source.register : 8;
  if (named > 7 || ((named === 4 || named === 5) && state.cr4 & Cr4.DE)) throw new GuestException(Vector.UD);
  if (state.cpl !== 0) throw new GuestException(Vector.GP, 0);
  if (state.dr7 & Dr7.GD) throw new DebugFault(Dr6.BD);
  // Without CR4.DE, DR4 and DR5 are other names of DR6 and DR7.
  const index = named === 4 || named === 5 ? named + 2 : named;
  if (destination.kind === 'register') writeGpr(state, destination, readDebugRegister(cpu, index));
  else if (source.kind === 'register') writeDebugRegister(cpu, index, readGpr(state, source));
}

/** DR0 to DR3, DR6 or DR7. */
export function readDebugRegister(cpu: Cpu, index: number): bigint {
  const { state } = cpu;
  if (index < 4) return state.breakpointAddresses[index];
  return BigInt((index === 6 ? state.dr6 : state.dr7) >>> 0);
}

/** Writes DR0 to DR3, DR6 or DR7. Throws #GP(0) if bits 63..32 of DR6 or DR7 are not 0. */
export function writeDebugRegister(cpu: Cpu, index: number, value: bigint): void {
  const { state } = cpu;
  if (index < 4) {
    state.breakpointAddresses[index] = value;
  } else {
    if (value >> 32n) throw new GuestException(Vector.GP, 0);
    const bits = Number(value);
    if (index === 6) state.dr6 = ((bits & DR6_WRITABLE) | DR6_FIXED) >>> 0;
    else state.dr7 = ((bits & DR7_WRITABLE) | DR7_FIXED) >>> 0;
  }
  cpu.modeChanged();
}
