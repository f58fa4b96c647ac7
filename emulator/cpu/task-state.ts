/** Stack pointers in the task-state segment (SDM vol. 3, figures 8-2, 8-9 and 8-11). */
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { readLinear, type AccessSize } from './linear-memory';
import { PageAccess } from './paging';
import { selectorError, SystemType } from './segmentation';

/** Offset of RSP0 in a 64-bit TSS, and of ESP0 in a 32-bit one. */
const RSP0 = 4;
/** Offset of SP0 in a 16-bit TSS. */
const SP0 = 2;
/** Offset of the I/O map base field in a 32-bit or 64-bit TSS. */
const IO_MAP_BASE = 102;
/** Offset of IST1 in a 64-bit TSS. */
const IST1 = 0x24;

/** RSP0..RSP2 by privilege level from a 64-bit TSS. Throws #TS(TR). */
export function readRsp(cpu: Cpu, cpl: number, ext: number): bigint {
  return readTss(cpu, RSP0 + 8 * cpl, 8, ext);
}

/** IST1..IST7. */
export function readIst(cpu: Cpu, ist: number, ext: number): bigint {
  return readTss(cpu, IST1 + 8 * (ist - 1), 8, ext);
}

/** SS and ESP (or SP) for a privilege level from a 32-bit or 16-bit TSS. */
export function readInnerStack(cpu: Cpu, cpl: number, ext: number): { selector: number; pointer: bigint } {
  const type: SystemType = cpu.state.tr.type;
  const wide = type === SystemType.TSS_BUSY;
  const offset = wide ? RSP0 + 8 * cpl : SP0 + 4 * cpl;
  const size = wide ? 4 : 2;
  const selector = Number(readTss(cpu, offset + size, 2, ext));
  return { selector, pointer: readTss(cpu, offset, size, ext) };
}

/** Offset of the I/O permission bit map in the TSS. Throws #GP(0) if TR holds none that can have one. */
export function readIoMapBase(cpu: Cpu): number {
  const { tr } = cpu.state;
  const type: SystemType = tr.type;
  if (tr.unusable || type !== SystemType.TSS_BUSY || IO_MAP_BASE + 1 > tr.limit) throw new GuestException(Vector.GP, 0);
  return Number(readLinear(cpu, tr.base + BigInt(IO_MAP_BASE), 2, PageAccess.IMPLICIT));
}

function readTss(cpu: Cpu, offset: number, size: AccessSize, ext: number): bigint {
  const { tr } = cpu.state;
  if (tr.unusable || offset + size - 1 > tr.limit) throw new GuestException(Vector.TS, selectorError(tr.selector, ext));
  return readLinear(cpu, tr.base + BigInt(offset), size, PageAccess.IMPLICIT);
}
