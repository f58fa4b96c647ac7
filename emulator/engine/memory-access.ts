/**
 * What generated code calls when its inline TLB look-up fails: page walks, accesses that cross pages, devices, watched
 * pages, writes to code. A page of RAM is entered in the TLB; anything else is carried out on SCRATCH.
 */
import { isCanonicalRange } from '../cpu/canonical';
import { GuestException, Vector } from '../cpu/exceptions';
import { PageAccess } from '../cpu/paging';
import { PAGE_BYTES } from '../memory';
import type { Block } from './block';
import type { CodeCache } from './code-cache';
import * as layout from './layout';
import type { Processor } from './processor';
import { TlbPair } from './tlb';
import type { Watch } from './watch';

/** The access must be redone by executing its instruction alone: it writes its own block, or touches a device or
 * watched memory. */
export const STEP_NEEDED = Symbol('step needed');

/** A guest exception whose vector depends on the instruction: #SS(0) for stack references, else #GP(0). */
export const NOT_CANONICAL = Symbol('not canonical');

export type AccessFault = GuestException | typeof STEP_NEEDED | typeof NOT_CANONICAL;

const PAGE_OFFSET = PAGE_BYTES - 1;

/** Bytes at SCRATCH, with room behind the longest access. */
const SCRATCH_BYTES = 64;

/**
 * How a device gets `length` bytes that are `at` bytes from the start of an access: eight at once, those of the second part
 * of a split access singly.
 */
function deviceAccesses(at: number, length: number): { offset: number; size: number }[] {
  const step = at === 0 ? 8 : 1;
  return Array.from({ length: Math.ceil(length / step) }, (_, i) => ({
    offset: i * step,
    size: Math.min(step, length - i * step),
  }));
}

export class MemoryAccess {
  /** Why the last slow access returned 0. */
  fault: AccessFault | undefined;
  /** Linear address of the access that failed with NOT_CANONICAL. */
  faultAddress = 0n;

  private readonly watch: Watch;
  private readonly bytes: Uint8Array;
  private readonly scratch: DataView;
  /** Where the bytes on SCRATCH go on `commitWrite`: physical address of each part, and its length. */
  private readonly pending = [
    { pa: 0, length: 0 },
    { pa: 0, length: 0 },
  ];

  constructor(
    private readonly cpu: Processor,
    private readonly code: CodeCache,
  ) {
    this.watch = cpu.watch;
    const { linear } = cpu.memory;
    this.bytes = new Uint8Array(linear.buffer);
    this.scratch = new DataView(linear.buffer, layout.SCRATCH, SCRATCH_BYTES);
  }

  private get access(): number {
    return this.cpu.state.cpl === 3 ? PageAccess.USER : PageAccess.READ;
  }

  /** Canonical and alignment checks common to reads and writes; false with `fault` set. */
  private admissible(vaLow: number, vaHigh: number, size: number): boolean {
    if (!isCanonicalRange(this.cpu.state, vaHigh, vaLow, size)) {
      // Outside long mode addresses have 32 bits: they wrap and are always canonical.
      this.fault = NOT_CANONICAL;
      this.faultAddress = this.linear(vaLow, vaHigh);
      return false;
    }
    if (this.cpu.pair === TlbPair.CHECKED && vaLow & (size - 1)) {
      this.fault = new GuestException(Vector.AC, 0);
      return false;
    }
    return true;
  }

  private linear(vaLow: number, vaHigh: number): bigint {
    return (BigInt(vaHigh >>> 0) << 32n) | BigInt(vaLow >>> 0);
  }

  /** Physical page of an address, or -1 with `fault` set. */
  private walk(vaLow: number, vaHigh: number, access: number): number {
    const { paging } = this.cpu;
    if (paging.walk(vaHigh, vaLow, access)) return paging.page;
    this.fault = new GuestException(Vector.PF, paging.errorCode, this.linear(vaLow, vaHigh));
    return -1;
  }

  /** See `EngineImports.slowRead`. */
  slowRead(vaLow: number, vaHigh: number, size: number): number {
    if (!this.admissible(vaLow, vaHigh, size)) return 0;
    const offset = vaLow & PAGE_OFFSET;
    if (this.watch.touches(vaLow, vaHigh, size) && !this.watched(vaLow, vaHigh, size, 'read')) return 0;
    if (offset + size > PAGE_BYTES) return this.splitRead(vaLow, vaHigh, size);
    const page = this.walk(vaLow, vaHigh, this.access);
    if (page < 0) return 0;
    if (!this.cpu.memory.contains(page, PAGE_BYTES)) {
      if (!this.mayTouchDevice()) return 0;
      this.readToScratch(0, page + offset, size);
      return layout.SCRATCH;
    }
    this.cpu.enterPage(this.cpu.pair, vaHigh, vaLow, false);
    return layout.RAM + page + offset;
  }

  /** See `EngineImports.slowWrite`. The bytes are readable at the address returned, too. */
  slowWrite(vaLow: number, vaHigh: number, size: number, record: number): number {
    if (!this.admissible(vaLow, vaHigh, size)) return 0;
    const offset = vaLow & PAGE_OFFSET;
    if (this.watch.touches(vaLow, vaHigh, size) && !this.watched(vaLow, vaHigh, size, 'write')) return 0;
    const first = Math.min(size, PAGE_BYTES - offset);
    const page = this.walk(vaLow, vaHigh, this.access | PageAccess.WRITE);
    if (page < 0) return 0;
    if (first < size) return this.splitWrite(vaLow, vaHigh, size, first, page + offset, record);
    const { memory } = this.cpu;
    if (!memory.contains(page, PAGE_BYTES)) {
      if (!this.mayTouchDevice()) return 0;
      this.stage(page + offset, size, 0, 0);
      this.readToScratch(0, page + offset, size);
      return layout.SCRATCH;
    }
    if (memory.codePages[page / PAGE_BYTES] && !this.makeRoom(page + offset, size, record)) return 0;
    this.cpu.enterPage(this.cpu.pair, vaHigh, vaLow, true);
    return layout.RAM + page + offset;
  }

  /** Drops the blocks that a write changes; false if the writing instruction itself is in one of them. */
  private makeRoom(pa: number, size: number, record: number): boolean {
    const blocks = this.code.overlapping(pa, size);
    if (blocks.length === 0) return true;
    const writer = this.code.owner(record);
    // Compiled code must not go on in a block that has changed: its whole region counts as the writer's.
    const own = (block: Block): boolean =>
      block === writer || (block.region !== undefined && block.region === writer?.region);
    if (blocks.some(own)) {
      this.fault = STEP_NEEDED;
      return false;
    }
    for (const block of blocks) this.code.drop(block);
    return true;
  }

  /** A watched access goes through only while its instruction is executed alone; then it is noted. */
  private watched(vaLow: number, vaHigh: number, size: number, access: 'read' | 'write'): boolean {
    if (!this.cpu.stepping) {
      this.fault = STEP_NEEDED;
      return false;
    }
    this.watch.note(this.linear(vaLow, vaHigh), size, access);
    return true;
  }

  /**
   * A device is touched only while its instruction is executed alone: the time is exact then, and what the access brings
   * about, an interrupt perhaps, comes before the next instruction.
   */
  private mayTouchDevice(): boolean {
    if (!this.cpu.stepping) this.fault = STEP_NEEDED;
    return this.cpu.stepping;
  }

  private splitRead(vaLow: number, vaHigh: number, size: number): number {
    const first = PAGE_BYTES - (vaLow & PAGE_OFFSET);
    const low = this.walk(vaLow, vaHigh, this.access);
    if (low < 0) return 0;
    const [nextLow, nextHigh] = this.after(vaLow, vaHigh, first);
    const high = this.walk(nextLow, nextHigh, this.access);
    if (high < 0) return 0;
    this.readToScratch(0, low + (vaLow & PAGE_OFFSET), first);
    this.readToScratch(first, high, size - first);
    return layout.SCRATCH;
  }

  private splitWrite(vaLow: number, vaHigh: number, size: number, first: number, pa: number, record: number): number {
    const [nextLow, nextHigh] = this.after(vaLow, vaHigh, first);
    const high = this.walk(nextLow, nextHigh, this.access | PageAccess.WRITE);
    if (high < 0) return 0;
    if (!this.makeRoom(pa, first, record) || !this.makeRoom(high, size - first, record)) return 0;
    this.stage(pa, first, high, size - first);
    this.readToScratch(0, pa, first);
    this.readToScratch(first, high, size - first);
    return layout.SCRATCH;
  }

  /** The address `by` bytes on; in a 32-bit address space it wraps. */
  private after(vaLow: number, vaHigh: number, by: number): [low: number, high: number] {
    const low = (vaLow + by) | 0;
    if (low >>> 0 >= vaLow >>> 0) return [low, vaHigh];
    return [low, this.cpu.state.longMode ? (vaHigh + 1) | 0 : vaHigh];
  }

  private stage(pa: number, length: number, secondPa: number, secondLength: number): void {
    this.pending[0] = { pa, length };
    this.pending[1] = { pa: secondPa, length: secondLength };
  }

  /** Up to 32 bytes of one physical page, RAM or device, to SCRATCH + `at`. */
  private readToScratch(at: number, pa: number, length: number): void {
    const { memory, bus } = this.cpu;
    if (memory.contains(pa, length)) {
      this.bytes.copyWithin(layout.SCRATCH + at, layout.RAM + pa, layout.RAM + pa + length);
      return;
    }
    for (const { offset, size } of deviceAccesses(at, length)) {
      const value = bus.readMemory(pa + offset, size);
      if (size === 1) this.scratch.setUint8(at + offset, Number(value));
      else this.scratch.setBigUint64(at + offset, value, true);
    }
  }

  /** See `Helpers.commitWrite`. */
  commitWrite(): void {
    const { memory, bus } = this.cpu;
    let at = 0;
    for (const { pa, length } of this.pending) {
      if (length === 0) continue;
      if (memory.contains(pa, length)) {
        this.bytes.copyWithin(layout.RAM + pa, layout.SCRATCH + at, layout.SCRATCH + at + length);
      } else {
        for (const { offset, size } of deviceAccesses(at, length)) {
          const value = this.scratch.getBigUint64(at + offset, true);
          bus.writeMemory(pa + offset, size, BigInt.asUintN(8 * size, value));
        }
      }
      at += length;
    }
  }

  /** The exception for a non-canonical address: #SS(0) if the instruction refers to the stack there. */
  notCanonical(usesStack: boolean): GuestException {
    return new GuestException(usesStack ? Vector.SS : Vector.GP, 0);
  }
}
