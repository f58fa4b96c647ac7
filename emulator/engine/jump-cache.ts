/**
 * Where generated code finds the record for a RIP known only at run time (layout.ts, `JUMP_CACHE`). What is found there
 * was allowed when it was entered, so there is one cache per privilege and code size, and a flush with every flush of
 * translations.
 */
import * as layout from './layout';

const ENTRY_MASK = layout.JUMP_CACHE_ENTRIES - 1;

export class JumpCache {
  private readonly u64: BigUint64Array;
  private readonly i32: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly empty: Uint8Array;
  /** Caches with anything in them. */
  private readonly used = new Set<number>();

  constructor(memory: WebAssembly.Memory) {
    this.u64 = new BigUint64Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.bytes = new Uint8Array(memory.buffer);
    const template = new BigUint64Array(layout.JUMP_CACHE_BYTES / 8);
    // An entry that holds the address of its neighbour never matches.
    for (let i = 0; i < layout.JUMP_CACHE_ENTRIES; i++) template[i * 2] = BigInt(i ^ 1);
    this.empty = new Uint8Array(template.buffer);
    for (let cache = 0; cache < layout.JUMP_CACHES; cache++) this.used.add(cache);
    this.flush();
  }

  /** Address of cache `cache`. */
  static base(cache: number): number {
    return layout.JUMP_CACHE + cache * layout.JUMP_CACHE_BYTES;
  }

  /** The hash of interpreter.ts. */
  private static entry(cache: number, rip: bigint): number {
    const index = Number((rip ^ (rip >> 12n)) & BigInt(ENTRY_MASK));
    return JumpCache.base(cache) + index * layout.JUMP_CACHE_ENTRY_BYTES;
  }

  enter(cache: number, rip: bigint, record: number): void {
    const entry = JumpCache.entry(cache, rip);
    this.u64[entry >> 3] = rip;
    this.i32[(entry + 8) >> 2] = record;
    this.used.add(cache);
  }

  /** Forgets `record`, which was entered for `rip`. */
  forget(rip: bigint, record: number): void {
    for (const cache of this.used) {
      const entry = JumpCache.entry(cache, rip);
      if (this.i32[(entry + 8) >> 2] !== record) continue;
      const index = (entry - JumpCache.base(cache)) / layout.JUMP_CACHE_ENTRY_BYTES;
      this.u64[entry >> 3] = BigInt(index ^ 1);
    }
  }

  flush(): void {
    for (const cache of this.used) this.bytes.set(this.empty, JumpCache.base(cache));
    this.used.clear();
  }

  flushOne(cache: number): void {
    if (this.used.delete(cache)) this.bytes.set(this.empty, JumpCache.base(cache));
  }
}
