/**
 * Linear memory as the architectural routines see it: translated by the page tables, RAM or devices behind it. Faults
 * are thrown before anything is written.
 */
import { isCanonical, isCanonicalHigh } from './canonical';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { highHalf, lowHalf } from './halves';
import { PageAccess } from './paging';
import { Cr0, Flag } from './state';

export type AccessSize = 1 | 2 | 4 | 8;

const PAGE_OFFSET = 0xfff;

/** `PageAccess` of a data access at the current privilege level. */
export function dataAccess(cpu: Cpu): number {
  return cpu.state.cpl === 3 ? PageAccess.USER : PageAccess.READ;
}

/**
 * Physical address of `va` for an access of `PageAccess` bits within one page. Throws `nonCanonical` (0) or #PF. Outside
 * long mode linear addresses have 32 bits and wrap.
 */
function translate(cpu: Cpu, va: bigint, access: number, nonCanonical: Vector): number {
  const { longMode } = cpu.state;
  const low = lowHalf(va) >>> 0;
  const high = longMode ? highHalf(va) >>> 0 : 0;
  if (longMode && !isCanonicalHigh(cpu.state, high)) throw new GuestException(nonCanonical, 0);
  const known = cpu.translations.find(high, low, access);
  if (known >= 0) return known + (low & PAGE_OFFSET);
  if (!cpu.paging.walk(high, low, access)) {
    throw new GuestException(Vector.PF, cpu.paging.errorCode, (BigInt(high) << 32n) | BigInt(low));
  }
  cpu.translations.enter(high, low, access);
  return cpu.paging.page + (low & PAGE_OFFSET);
}

/** Physical addresses of an access that crosses into a second page, `first` bytes being in the first one. */
function translateSplit(cpu: Cpu, va: bigint, first: number, access: number, nonCanonical: Vector): [number, number] {
  const second = va + BigInt(first);
  // The end of the canonical range is noticed before anything that paging says about the first page.
  if (cpu.state.longMode && !isCanonical(cpu.state, second)) throw new GuestException(nonCanonical, 0);
  const lowPa = translate(cpu, va, access, nonCanonical);
  return [lowPa, translate(cpu, second, access, nonCanonical)];
}

/** Reads `size` bytes, little-endian. Throws #PF, or `nonCanonical` (by default #GP(0)). */
export function readLinear(cpu: Cpu, va: bigint, size: AccessSize, access: number, nonCanonical = Vector.GP): bigint {
  requireAligned(cpu, va, size, access);
  const first = bytesInPage(va);
  let value: bigint;
  if (size <= first) {
    value = readPhysical(cpu, translate(cpu, va, access, nonCanonical), size);
  } else {
    const [lowPa, highPa] = translateSplit(cpu, va, first, access, nonCanonical);
    value = 0n;
    for (let byte = size - 1; byte >= 0; byte--) {
      value = (value << 8n) | readPhysical(cpu, byte < first ? lowPa + byte : highPa + byte - first, 1);
    }
  }
  if (!(access & PageAccess.IMPLICIT)) cpu.accessed?.(va, size, 'read');
  return value;
}

/** Writes `size` bytes, little-endian. Throws #PF, or `nonCanonical` (by default #GP(0)), before writing anything. */
export function writeLinear(
  cpu: Cpu,
  va: bigint,
  size: AccessSize,
  value: bigint,
  access: number,
  nonCanonical = Vector.GP,
): void {
  requireAligned(cpu, va, size, access);
  const first = bytesInPage(va);
  if (size <= first) {
    writePhysical(cpu, translate(cpu, va, access | PageAccess.WRITE, nonCanonical), size, value);
  } else {
    const [lowPa, highPa] = translateSplit(cpu, va, first, access | PageAccess.WRITE, nonCanonical);
    for (let byte = 0; byte < size; byte++) {
      const pa = byte < first ? lowPa + byte : highPa + byte - first;
      writePhysical(cpu, pa, 1, (value >> BigInt(8 * byte)) & 0xffn);
    }
  }
  if (!(access & PageAccess.IMPLICIT)) cpu.accessed?.(va, size, 'write');
}

/**
 * Reads `length` bytes, any number of pages. Throws #PF, or `nonCanonical` (by default #GP(0)), at the first byte that
 * cannot be read.
 */
export function readBlock(cpu: Cpu, va: bigint, length: number, access: number, nonCanonical = Vector.GP): Uint8Array {
  const bytes = new Uint8Array(length);
  forEachPage(va, length, (start, at, count) => {
    const pa = translate(cpu, start, access, nonCanonical);
    if (cpu.memory.contains(pa, count)) bytes.set(cpu.memory.bytes.subarray(pa, pa + count), at);
    else for (let i = 0; i < count; i++) bytes[at + i] = Number(cpu.bus.readMemory(pa + i, 1));
  });
  if (!(access & PageAccess.IMPLICIT)) cpu.accessed?.(va, length, 'read');
  return bytes;
}

/** Writes a block. Throws #PF, or `nonCanonical` (by default #GP(0)), before writing anything. */
export function writeBlock(cpu: Cpu, va: bigint, bytes: Uint8Array, access: number, nonCanonical = Vector.GP): void {
  const places: { pa: number; at: number; count: number }[] = [];
  forEachPage(va, bytes.length, (start, at, count) => {
    places.push({ pa: translate(cpu, start, access | PageAccess.WRITE, nonCanonical), at, count });
  });
  for (const { pa, at, count } of places) {
    if (cpu.memory.contains(pa, count)) cpu.memory.load(pa, bytes.subarray(at, at + count));
    else for (let i = 0; i < count; i++) cpu.bus.writeMemory(pa + i, 1, BigInt(bytes[at + i]));
  }
  if (!(access & PageAccess.IMPLICIT)) cpu.accessed?.(va, bytes.length, 'write');
}

/** Calls `part` for the piece of a block in each page: its address, where it is in the block, its length. */
function forEachPage(va: bigint, length: number, part: (start: bigint, at: number, count: number) => void): void {
  for (let at = 0; at < length;) {
    const start = va + BigInt(at);
    const count = Math.min(length - at, bytesInPage(start));
    part(start, at, count);
    at += count;
  }
}

/** Throws what writing `length` bytes (at most a page) at `va` would throw. A and D bits are set as by the write. */
export function requireWritable(cpu: Cpu, va: bigint, length: number, access: number, nonCanonical = Vector.GP): void {
  if (length <= 8) requireAligned(cpu, va, length, access);
  const first = bytesInPage(va);
  if (length <= first) translate(cpu, va, access | PageAccess.WRITE, nonCanonical);
  else translateSplit(cpu, va, first, access | PageAccess.WRITE, nonCanonical);
}

/**
 * `requireWritable` for up to 8 bytes; returns their physical address if they are all in one page of RAM, else -1. What is
 * written there is to be told to `Cpu.accessed`.
 */
export function writableAddress(
  cpu: Cpu,
  va: bigint,
  length: AccessSize,
  access: number,
  nonCanonical: Vector,
): number {
  requireAligned(cpu, va, length, access);
  const first = bytesInPage(va);
  if (length > first) {
    translateSplit(cpu, va, first, access | PageAccess.WRITE, nonCanonical);
    return -1;
  }
  const pa = translate(cpu, va, access | PageAccess.WRITE, nonCanonical);
  return cpu.memory.contains(pa, length) ? pa : -1;
}

/** Accesses without alignment checking. */
const UNCHECKED = PageAccess.IMPLICIT | PageAccess.SHADOW_STACK;

/**
 * Alignment checking (SDM vol. 3, section 6.15, interrupt 17): #AC(0) for explicit accesses at CPL 3 with CR0.AM and AC.
 * A non-canonical address is left to raise its own exception.
 */
export function requireAligned(cpu: Cpu, va: bigint, size: number, access: number): void {
  if (!(access & PageAccess.USER) || access & UNCHECKED || (lowHalf(va) & 7) % size === 0) return;
  if (!(cpu.state.cr0 & Cr0.AM) || !cpu.state.flag(Flag.AC)) return;
  if (!cpu.state.longMode || isCanonical(cpu.state, va)) throw new GuestException(Vector.AC, 0);
}

/** Bytes from `va` to the end of its page. */
function bytesInPage(va: bigint): number {
  return PAGE_OFFSET + 1 - (lowHalf(va) & PAGE_OFFSET);
}

function readPhysical(cpu: Cpu, pa: number, size: AccessSize): bigint {
  const { memory } = cpu;
  if (!memory.contains(pa, size)) return cpu.bus.readMemory(pa, size);
  if (size === 8) return memory.readU64(pa);
  if (size === 4) return BigInt(memory.readU32(pa));
  return BigInt(size === 2 ? memory.readU16(pa) : memory.readU8(pa));
}

/** Writes to RAM or a device. */
export function writePhysical(cpu: Cpu, pa: number, size: AccessSize, value: bigint): void {
  const { memory } = cpu;
  if (!memory.contains(pa, size)) cpu.bus.writeMemory(pa, size, BigInt.asUintN(8 * size, value));
  else if (size === 8) memory.writeU64(pa, BigInt.asUintN(64, value));
  else if (size === 4) memory.writeU32(pa, Number(value & 0xffffffffn));
  else if (size === 2) memory.writeU16(pa, Number(value & 0xffffn));
  else memory.writeU8(pa, Number(value & 0xffn));
}
