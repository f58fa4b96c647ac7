/**
 * Canonical linear addresses (SDM vol. 1, section 3.3.7.1): the bits above those that paging translates are copies of the
 * topmost translated one. 4-level paging translates 48 bits, 5-level paging (CR4.LA57) 57.
 */
import type { CpuModel } from './cpuid';
import { highHalf } from './halves';
import { Cr4, type CpuState } from './state';

const LEVEL_4_BITS = 48;
const LEVEL_5_BITS = 57;

/** Bits of a linear address that are translated now, in 64-bit mode. */
export function linearAddressBits(state: Pick<CpuState, 'cr4'>): 48 | 57 {
  return state.cr4 & Cr4.LA57 ? LEVEL_5_BITS : LEVEL_4_BITS;
}

/** Bits of a linear address that the processor can translate: CPUID leaf 8000_0008h, EAX bits 15..8. */
export function widestAddressBits(model: CpuModel): 48 | 57 {
  return model.features.has('LA57') ? LEVEL_5_BITS : LEVEL_4_BITS;
}

/** Whether execution may go on or memory may be accessed at `va`, an address of 64 bits. */
export function isCanonical(state: Pick<CpuState, 'cr4'>, va: bigint): boolean {
  return isSignExtended(va, linearAddressBits(state));
}

/**
 * Whether registers take `va`: MSRs, bases of segments and descriptor tables, the operand of INVPCID. What counts for
 * them is whether the processor has 5-level paging, not whether it is in use (SDM vol. 3, section 4.5.2, footnote on
 * addresses written to registers).
 */
export function isCanonicalInRegister(model: CpuModel, va: bigint): boolean {
  return isSignExtended(va, widestAddressBits(model));
}

/** `isCanonical` on the high half of an address, int32 or uint32. */
export function isCanonicalHigh(state: Pick<CpuState, 'cr4'>, vaHigh: number): boolean {
  const top = (vaHigh | 0) >> (linearAddressBits(state) - 33);
  return top === 0 || top === -1;
}

/** Whether `size` bytes at `vaHigh:vaLow` are canonical, which are no more than 4 GiB. */
export function isCanonicalRange(state: Pick<CpuState, 'cr4'>, vaHigh: number, vaLow: number, size: number): boolean {
  if (!isCanonicalHigh(state, vaHigh)) return false;
  const lastOfLowHalf = (1 << (linearAddressBits(state) - 33)) - 1;
  return vaHigh !== lastOfLowHalf || (vaLow >>> 0) + size <= 2 ** 32;
}

function isSignExtended(va: bigint, bits: number): boolean {
  const top = highHalf(va) >> (bits - 33);
  return top === 0 || top === -1;
}
