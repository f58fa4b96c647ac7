/** Access rights of the segments that SYSCALL, SYSRET and their kin load without a look at the GDT (SDM vol. 2, SYSCALL). */
import { SegmentType } from './segmentation';
import { AccessRights } from './state';

const FLAT = AccessRights.S | AccessRights.P | AccessRights.G;
/** Type 11: execute/read, accessed. */
const CODE = FLAT | SegmentType.CODE | SegmentType.READABLE | SegmentType.ACCESSED;
export const CODE64 = CODE | AccessRights.L;
export const CODE32 = CODE | AccessRights.DB;
/** Type 3: read/write, accessed. */
export const DATA = FLAT | AccessRights.DB | SegmentType.WRITABLE | SegmentType.ACCESSED;
export const DPL3 = AccessRights.DPL;

/** Bits 47..32 of STAR: CS of SYSCALL and of FRED in ring 0; SS is 8 above. */
export function kernelSelector(star: bigint): number {
  return Number((star >> 32n) & 0xfffcn);
}

/** Bits 63..48 of STAR: CS of SYSRET to 32-bit code; SS is 8 above, 64-bit CS is 16 above. */
export function userSelector(star: bigint): number {
  return Number((star >> 48n) & 0xffffn);
}
