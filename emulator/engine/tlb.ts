/**
 * The translations generated code uses in one address space (layout.ts): a read and a write table for each `TlbPair`, plus one for
 * instruction fetches that only TypeScript looks at.
 */
import { PAGE_BYTES } from '../memory';
import { EntryList } from './entry-list';
import * as layout from './layout';

/** Which pair of tables is in force. */
export const enum TlbPair {
  USER,
  SUPERVISOR,
  /** SMAP is on and EFLAGS.AC opens it. */
  SUPERVISOR_AC,
  /** Always empty: every access takes the slow path, which checks alignment (CR0.AM and EFLAGS.AC at CPL 3). */
  CHECKED,
}

const TABLE_BYTES = layout.TLB_ENTRIES * layout.TLB_ENTRY_BYTES;
const ENTRY_MASK = layout.TLB_ENTRIES - 1;
const FETCH_ENTRIES = 512;
const TWO_20 = 2 ** 20;

/** In `written`: more than one entry. */
const SEVERAL = -1;

export class Tlb {
  private readonly i32: Int32Array;
  private readonly bytes: Uint8Array;
  /** One table in which no entry can match: each holds a page that belongs to its neighbour. */
  private readonly empty: Uint8Array;
  /** Linear page numbers (52 bits), and their physical pages; user mode in the upper half. */
  private readonly fetchTag = new Float64Array(2 * FETCH_ENTRIES).fill(-1);
  private readonly fetchPage = new Float64Array(2 * FETCH_ENTRIES);
  /** Physical pages that may stand in the write tables, with the address of the entry if there is only one. */
  private readonly written = new Map<number, number>();
  /** What was entered since the last flush: addresses of entries, and indices of fetch entries. */
  private readonly filled = new EntryList();
  private readonly filledFetches = new EntryList();
  /** The large pages some of that belongs to: by size in bytes, their numbers in the linear address space. */
  private readonly large = new Map<number, Set<number>>();

  /** `start`: where its tables are in linear memory. */
  constructor(
    memory: WebAssembly.Memory,
    private readonly start: number,
  ) {
    this.i32 = new Int32Array(memory.buffer);
    this.bytes = new Uint8Array(memory.buffer);
    const template = new Int32Array(TABLE_BYTES / 4);
    for (let i = 0; i < layout.TLB_ENTRIES; i++) template[i * 4] = (i ^ 1) * PAGE_BYTES;
    this.empty = new Uint8Array(template.buffer);
    this.clear();
  }

  /** Where the tables of a pair are. */
  base(pair: TlbPair): number {
    return this.start + pair * layout.TLB_PAIR_BYTES;
  }

  private clear(): void {
    for (let table = 0; table < 2 * layout.TLB_PAIRS; table++) {
      this.bytes.set(this.empty, this.start + table * TABLE_BYTES);
    }
  }

  flush(): void {
    const { filled, filledFetches } = this;
    // Guests flush all the time, mostly what is empty: nothing is allocated here, as clearing a Map would.
    if (filled.overflown) this.clear();
    else for (let i = 0; i < filled.count; i++) this.invalidateEntry(filled.entries[i]);
    if (filledFetches.overflown) this.fetchTag.fill(-1);
    else for (let i = 0; i < filledFetches.count; i++) this.fetchTag[filledFetches.entries[i]] = -1;
    filled.count = 0;
    filledFetches.count = 0;
    if (this.written.size > 0) this.written.clear();
    for (const numbers of this.large.values()) if (numbers.size > 0) numbers.clear();
  }

  /** `entry`: its address in linear memory. */
  private invalidateEntry(entry: number): void {
    const index = ((entry - this.start) % TABLE_BYTES) / layout.TLB_ENTRY_BYTES;
    this.i32[entry >> 2] = (index ^ 1) * PAGE_BYTES;
    this.i32[(entry >> 2) + 1] = 0;
  }

  /** Tells that what is entered for an address belongs to a page of more than 4 KiB. */
  noteLarge(vaHigh: number, vaLow: number, pageBytes: number): void {
    let numbers = this.large.get(pageBytes);
    if (!numbers) this.large.set(pageBytes, (numbers = new Set()));
    numbers.add(largeNumber(vaHigh, vaLow, pageBytes));
  }

  private isLarge(vaHigh: number, vaLow: number): boolean {
    for (const [pageBytes, numbers] of this.large) {
      if (numbers.has(largeNumber(vaHigh, vaLow, pageBytes))) return true;
    }
    return false;
  }

  /** Forgets the page that holds an address (as halves) in all tables; false if that was a large page, and all is forgotten. */
  flushPage(vaHigh: number, vaLow: number): boolean {
    if (this.isLarge(vaHigh, vaLow)) {
      this.flush();
      return false;
    }
    this.flushSmallPage(vaHigh, vaLow);
    return true;
  }

  private flushSmallPage(vaHigh: number, vaLow: number): void {
    const index = (vaLow >>> 12) & ENTRY_MASK;
    for (let table = 0; table < 2 * layout.TLB_PAIRS && this.filled.count > 0; table++) {
      this.invalidateEntry(this.start + table * TABLE_BYTES + index * layout.TLB_ENTRY_BYTES);
    }
    if (this.filledFetches.count === 0) return;
    const slot = (vaLow >>> 12) & (FETCH_ENTRIES - 1);
    const tag = pageNumber(vaHigh, vaLow);
    for (const entry of [slot, slot + FETCH_ENTRIES]) if (this.fetchTag[entry] === tag) this.fetchTag[entry] = -1;
  }

  /** Enters a page of RAM: `page` is its physical address. */
  fill(pair: TlbPair, vaHigh: number, vaLow: number, page: number, write: boolean): void {
    const index = (vaLow >>> 12) & ENTRY_MASK;
    const address = this.base(pair) + (write ? TABLE_BYTES : 0) + index * layout.TLB_ENTRY_BYTES;
    const entry = address >> 2;
    this.filled.add(address);
    this.i32[entry] = vaLow & ~(PAGE_BYTES - 1);
    this.i32[entry + 1] = vaHigh;
    this.i32[entry + 2] = layout.RAM + page;
    if (write) this.noteWritten(page, address);
  }

  /** Physical page of a linear address (as halves), or -1 if the tables do not have it. */
  find(pair: TlbPair, vaHigh: number, vaLow: number, write: boolean): number {
    const index = (vaLow >>> 12) & ENTRY_MASK;
    const entry = (this.base(pair) + (write ? TABLE_BYTES : 0) + index * layout.TLB_ENTRY_BYTES) >> 2;
    if (this.i32[entry] !== (vaLow & ~(PAGE_BYTES - 1)) || this.i32[entry + 1] !== (vaHigh | 0)) return -1;
    return (this.i32[entry + 2] - layout.RAM) >>> 0;
  }

  private noteWritten(page: number, entry: number): void {
    const known = this.written.get(page);
    if (known !== entry) this.written.set(page, known === undefined ? entry : SEVERAL);
  }

  /** Makes writes to a physical page take the slow path from now on. */
  forbidWrites(page: number): void {
    const known = this.written.get(page);
    if (known === undefined) return;
    this.written.delete(page);
    if (known !== SEVERAL) {
      this.forbidEntry(known, page);
      return;
    }
    for (let pair = 0; pair < layout.TLB_PAIRS; pair++) {
      const table = this.base(pair) + TABLE_BYTES;
      for (let index = 0; index < layout.TLB_ENTRIES; index++) {
        this.forbidEntry(table + index * layout.TLB_ENTRY_BYTES, page);
      }
    }
  }

  private forbidEntry(entry: number, page: number): void {
    if (this.i32[(entry >> 2) + 2] === layout.RAM + page) this.invalidateEntry(entry);
  }

  /** Physical page of a linear address for fetching, or -1 if it is not known. */
  fetch(user: boolean, vaHigh: number, vaLow: number): number {
    const slot = ((vaLow >>> 12) & (FETCH_ENTRIES - 1)) + (user ? FETCH_ENTRIES : 0);
    return this.fetchTag[slot] === pageNumber(vaHigh, vaLow) ? this.fetchPage[slot] : -1;
  }

  fillFetch(user: boolean, vaHigh: number, vaLow: number, page: number): void {
    const slot = ((vaLow >>> 12) & (FETCH_ENTRIES - 1)) + (user ? FETCH_ENTRIES : 0);
    this.filledFetches.add(slot);
    this.fetchTag[slot] = pageNumber(vaHigh, vaLow);
    this.fetchPage[slot] = page;
  }
}

function largeNumber(vaHigh: number, vaLow: number, pageBytes: number): number {
  return Math.floor(pageNumber(vaHigh, vaLow) / (pageBytes / PAGE_BYTES));
}

function pageNumber(vaHigh: number, vaLow: number): number {
  return (vaHigh >>> 0) * TWO_20 + (vaLow >>> 12);
}
