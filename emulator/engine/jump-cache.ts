/**
 * Where generated code finds the record for a RIP known only at run time in one address space (layout.ts). What is found there
 * was allowed when it was entered, so there is one cache per privilege and code size, and a flush with every flush of
 * translations.
 */
import { EntryList } from './entry-list';
import * as layout from './layout';

/** Whose code each cache holds; that for ring 0 follows that for ring 3. */
export const enum JumpCaches {
  USER_64,
  SUPERVISOR_64,
  /** Compatibility mode. */
  USER,
  /** All else. */
  SUPERVISOR,
}

const ENTRY_MASK = layout.JUMP_CACHE_ENTRIES - 1;

const pageNumber = (vaHigh: number, vaLow: number): number => (vaHigh >>> 0) * 2 ** 20 + (vaLow >>> 12);

export class JumpCache {
  private readonly i32: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly empty: Uint8Array;
  /** Addresses of the entries made since the last flush, for each cache. */
  private readonly entered = Array.from({ length: layout.JUMP_CACHES }, () => new EntryList());
  /** Linear page numbers of the RIPs entered since everything was last flushed. */
  private readonly pages = new Set<number>();

  /** `start`: where the caches are in linear memory. */
  constructor(
    memory: WebAssembly.Memory,
    private readonly start: number,
  ) {
    this.i32 = new Int32Array(memory.buffer);
    this.bytes = new Uint8Array(memory.buffer);
    const template = new BigUint64Array(layout.JUMP_CACHE_BYTES / 8);
    // An entry that holds the address of its neighbour never matches.
    for (let i = 0; i < layout.JUMP_CACHE_ENTRIES; i++) template[i * 2] = BigInt(i ^ 1);
    this.empty = new Uint8Array(template.buffer);
    for (let cache = 0; cache < layout.JUMP_CACHES; cache++) this.bytes.set(this.empty, this.base(cache));
  }

  /** Address of cache `cache`. */
  base(cache: number): number {
    return this.start + cache * layout.JUMP_CACHE_BYTES;
  }

  /** Address of the entry for a RIP, by the hash of interpreter.ts: its lowest 24 bits decide. */
  private entry(cache: number, ripLow: number): number {
    return this.base(cache) + ((ripLow ^ (ripLow >>> 12)) & ENTRY_MASK) * layout.JUMP_CACHE_ENTRY_BYTES;
  }

  /** The record entered for a RIP, given as halves (int32); 0 if there is none. */
  find(cache: number, ripHigh: number, ripLow: number): number {
    const entry = this.entry(cache, ripLow) >> 2;
    return this.i32[entry] === ripLow && this.i32[entry + 1] === ripHigh ? this.i32[entry + 2] : 0;
  }

  enter(cache: number, ripHigh: number, ripLow: number, record: number): void {
    const address = this.entry(cache, ripLow);
    const entry = address >> 2;
    this.i32[entry] = ripLow;
    this.i32[entry + 1] = ripHigh;
    this.i32[entry + 2] = record;
    this.pages.add(pageNumber(ripHigh, ripLow));
    this.entered[cache].add(address);
  }

  private invalidate(entry: number): void {
    const index = ((entry - this.start) % layout.JUMP_CACHE_BYTES) / layout.JUMP_CACHE_ENTRY_BYTES;
    this.i32[entry >> 2] = index ^ 1;
    this.i32[(entry >> 2) + 1] = 0;
  }

  /** Forgets `record`, which was entered for `rip`. */
  forget(rip: bigint, record: number): void {
    for (let cache = 0; cache < layout.JUMP_CACHES; cache++) {
      const entry = this.entry(cache, Number(rip & 0xffffffn));
      if (this.i32[(entry + 8) >> 2] === record) this.invalidate(entry);
    }
  }

  /** Forgets records whose code is in a linear page (address as halves), or reaches into it from the one before. */
  flushPage(vaHigh: number, vaLow: number): void {
    const page = pageNumber(vaHigh, vaLow);
    if (this.pages.has(page) || this.pages.has(page - 1)) this.flush();
  }

  flush(): void {
    if (this.pages.size > 0) this.pages.clear();
    for (let cache = 0; cache < layout.JUMP_CACHES; cache++) this.flushOne(cache);
  }

  flushOne(cache: number): void {
    const entered = this.entered[cache];
    if (entered.overflown) this.bytes.set(this.empty, this.base(cache));
    else for (let i = 0; i < entered.count; i++) this.invalidate(entered.entries[i]);
    entered.count = 0;
  }
}
