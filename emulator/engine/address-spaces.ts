/**
 * What is known of the address spaces used last. With PCIDs (SDM vol. 3, section 4.10.1) a switch of CR3 keeps the
 * translations of both sides, so each gets tables of its own; without them there is only the current one.
 */
import { JumpCache } from './jump-cache';
import * as layout from './layout';
import { Tlb } from './tlb';

export interface AddressSpace {
  /** CR3 with its PCID; -1 for none yet. */
  key: bigint;
  readonly tlb: Tlb;
  readonly jumps: JumpCache;
  /** What each jump cache holds code of: mode and privilege. */
  readonly jumpCacheOwner: number[];
}

const PCID = 0xfffn;

export class AddressSpaces {
  /** The current one first, then by when they were last used. */
  private readonly spaces: AddressSpace[];

  constructor(memory: WebAssembly.Memory) {
    this.spaces = Array.from({ length: layout.ADDRESS_SPACES }, (_, i) => {
      const start = layout.ADDRESS_SPACE + i * layout.ADDRESS_SPACE_BYTES;
      return {
        key: -1n,
        tlb: new Tlb(memory, start),
        jumps: new JumpCache(memory, start + layout.TLB_PAIRS * layout.TLB_PAIR_BYTES),
        jumpCacheOwner: [],
      };
    });
  }

  get current(): AddressSpace {
    return this.spaces[0];
  }

  /** Makes the address space of `cr3` the current one, with whatever is still known of it. */
  enter(cr3: bigint): void {
    const { spaces } = this;
    let at = 0;
    while (at < spaces.length && spaces[at].key !== cr3) at++;
    if (at === 0) return;
    if (at === spaces.length) {
      // The PCID now belongs to other tables, or the space used longest ago makes room.
      const samePcid = spaces.findIndex(({ key }) => key >= 0n && (key & PCID) === (cr3 & PCID));
      at = samePcid < 0 ? spaces.length - 1 : samePcid;
      this.flushOne(spaces[at]);
      spaces[at].key = cr3;
    }
    const space = spaces[at];
    spaces.copyWithin(1, 0, at);
    spaces[0] = space;
  }

  private flushOne({ tlb, jumps }: AddressSpace): void {
    tlb.flush();
    jumps.flush();
  }

  flush(): void {
    for (const space of this.spaces) this.flushOne(space);
  }

  flushPcid(pcid: number): void {
    for (const space of this.spaces) if (Number(space.key & PCID) === pcid) this.flushOne(space);
  }

  /** `va` as halves. */
  flushPage(vaHigh: number, vaLow: number): void {
    for (const { tlb, jumps } of this.spaces) {
      if (tlb.flushPage(vaHigh, vaLow)) jumps.flushPage(vaHigh, vaLow);
      else jumps.flush();
    }
  }

  flushTlbs(): void {
    for (const { tlb } of this.spaces) tlb.flush();
  }

  flushJumps(): void {
    for (const { jumps } of this.spaces) jumps.flush();
  }

  /** Makes writes to a physical page take the slow path from now on. */
  forbidWrites(page: number): void {
    for (const { tlb } of this.spaces) tlb.forbidWrites(page);
  }

  /** Forgets a record that was entered for `rip`. */
  forgetJump(rip: bigint, record: number): void {
    for (const { jumps } of this.spaces) jumps.forget(rip, record);
  }
}
