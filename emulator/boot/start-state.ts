/**
 * Processor states a loader hands a program: flat 32-bit protected mode, and long mode over an identity map. Descriptor
 * and page tables are placed in guest memory where the program can read and reuse them.
 */
import { AccessRights, Cr0, Cr4, Efer, Flag } from '../cpu/state';
import type { Cpu } from '../cpu/cpu';
import { SegmentType, setFlatSegment } from '../cpu/segmentation';
import { PageEntry } from '../cpu/paging';
import { Gpr, Seg } from '../isa/instruction';
import { PAGE_BYTES, type PhysicalMemory } from '../memory';
import { hex, ImageError, type ImageSegment } from './image';

/** What a loader works on. */
export type BootTarget = Pick<Cpu, 'state' | 'memory' | 'modeChanged'>;

/** Code selector of the start GDT; the data selector follows it. */
export const START_CS = 0x08;

const FLAT = AccessRights.S | AccessRights.P | AccessRights.G | SegmentType.ACCESSED;
const CODE = FLAT | SegmentType.CODE | SegmentType.READABLE;
const RIGHTS = {
  32: CODE | AccessRights.DB,
  64: CODE | AccessRights.L,
  data: FLAT | AccessRights.DB | SegmentType.WRITABLE,
};

const DESCRIPTOR_BYTES = 8;
const GIB = 1 << 30;
const MIB2 = 1 << 21;
const TABLE_ENTRIES = 512;

/** Copies segments to their physical addresses, the rest of each zeroed. Returns the range they occupy. */
export function loadSegments(
  memory: PhysicalMemory,
  segments: readonly ImageSegment[],
  reserved = 0,
): { low: number; high: number } {
  const end = memory.size - reserved;
  let low = memory.size;
  let high = 0;
  for (const { pa, bytes, memoryBytes } of segments) {
    const length = Math.max(memoryBytes, bytes.length);
    if (pa < 0n || pa + BigInt(length) > BigInt(end)) {
      throw new ImageError(
        'too-big',
        `The image needs memory up to ${hex(pa + BigInt(length))}, the machine has ${hex(end)} for it: give it more memory or load the image lower.`,
      );
    }
    const at = Number(pa);
    memory.load(at, bytes);
    memory.load(at + bytes.length, new Uint8Array(length - bytes.length));
    low = Math.min(low, at);
    high = Math.max(high, at + length);
  }
  return { low, high };
}

/** Bytes at the top of memory that `startLongMode` and `startProtectedMode` use for their tables. */
export function startTableBytes(memory: PhysicalMemory, mode: 32 | 64): number {
  if (mode === 32) return PAGE_BYTES;
  // GDT, PML4, PDPT, and a page directory for each GiB.
  return PAGE_BYTES * (3 + Math.ceil(memory.size / GIB));
}

/** 32-bit protected mode without paging: flat segments, interrupts off, the GDT by default in the last page of memory. */
export function startProtectedMode(
  target: BootTarget,
  entry: bigint,
  stack: bigint,
  table: StartGdt = { gdt: target.memory.size - startTableBytes(target.memory, 32), codeSelector: START_CS },
): void {
  const { state } = target;
  state.cr0 = Cr0.PE | Cr0.ET | Cr0.NE;
  state.cr3 = 0n;
  state.cr4 = 0;
  state.efer = 0;
  start(target, 32, table, entry, stack);
}

/** The GDT a program starts with. */
export interface StartGdt {
  /** Physical address. */
  readonly gdt: number;
  /** Selector of the code segment; that of the data segment follows it. */
  readonly codeSelector: number;
}

/** 64-bit mode at CPL 0, all of memory mapped where it is, writable and executable, for the supervisor. */
export function startLongMode(target: BootTarget, entry: bigint, stack: bigint): void {
  const { memory } = target;
  const gdt = memory.size - startTableBytes(memory, 64);
  startIdentityMapped(target, { gdt, mappedBytes: memory.size, codeSelector: START_CS, entry, stack });
}

/** The page tables follow the page of the GDT: PML4, PDPT, and a page directory for each GiB. */
export interface IdentityMappedStart extends StartGdt {
  /** Mapped from 0, in pages of 2 MiB; at most 512 GiB. */
  readonly mappedBytes: number;
  readonly entry: bigint;
  readonly stack: bigint;
}

/** 64-bit mode at CPL 0 over an identity map that is writable and executable, for the supervisor. */
export function startIdentityMapped(target: BootTarget, options: IdentityMappedStart): void {
  const { state, memory } = target;
  const { gdt, mappedBytes, codeSelector, entry, stack } = options;
  const pml4 = gdt + PAGE_BYTES;
  const pdpt = pml4 + PAGE_BYTES;
  const directories = pdpt + PAGE_BYTES;
  memory.load(pml4, new Uint8Array(PAGE_BYTES * (2 + Math.ceil(mappedBytes / GIB))));
  const table = PageEntry.P | PageEntry.RW;
  memory.writeU64(pml4, BigInt(pdpt + table));
  for (let pa = 0; pa < mappedBytes; pa += MIB2) {
    const page = pa / MIB2;
    const directory = directories + PAGE_BYTES * Math.floor(page / TABLE_ENTRIES);
    if (page % TABLE_ENTRIES === 0) memory.writeU64(pdpt + 8 * (page / TABLE_ENTRIES), BigInt(directory + table));
    memory.writeU64(directory + 8 * (page % TABLE_ENTRIES), BigInt(pa + (table | PageEntry.PS)));
  }
  state.cr0 = (Cr0.PE | Cr0.ET | Cr0.NE | (Cr0.PG as number)) >>> 0;
  state.cr3 = BigInt(pml4);
  state.cr4 = Cr4.PAE;
  state.efer = Efer.LME | Efer.LMA;
  start(target, 64, { gdt, codeSelector }, entry, stack);
}

function start(target: BootTarget, mode: 32 | 64, { gdt, codeSelector }: StartGdt, entry: bigint, stack: bigint): void {
  const { state, memory } = target;
  const dataSelector = codeSelector + DESCRIPTOR_BYTES;
  memory.load(gdt, new Uint8Array(codeSelector));
  memory.writeU64(gdt + codeSelector, flatDescriptor(RIGHTS[mode]));
  memory.writeU64(gdt + dataSelector, flatDescriptor(RIGHTS.data));
  state.gdtr.base = BigInt(gdt);
  state.gdtr.limit = dataSelector + DESCRIPTOR_BYTES - 1;
  state.idtr.base = 0n;
  state.idtr.limit = 0;
  state.cpl = 0;
  state.gpr.fill(0n);
  state.gpr[Gpr.RSP] = stack;
  state.rflags = Flag.FIXED;
  state.rip = entry;
  setFlatSegment(state.segments[Seg.CS], codeSelector, RIGHTS[mode]);
  for (const seg of [Seg.SS, Seg.DS, Seg.ES, Seg.FS, Seg.GS])
    setFlatSegment(state.segments[seg], dataSelector, RIGHTS.data);
  target.modeChanged();
}

/** Base 0, limit FFFFFh; rights in the layout of `AccessRights`. */
function flatDescriptor(rights: number): bigint {
  return (BigInt((rights << 8) | 0xf0000) << 32n) | 0xffffn;
}
