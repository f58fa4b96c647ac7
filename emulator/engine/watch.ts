/**
 * Memory under observation: the debugger's data breakpoints and the guest's own (DR0..DR3). Their pages are kept out of
 * the TLB, so that only accesses to those pages are slower.
 */
import type { DataBreakpoint } from '../machine';

/** An access by the instruction just executed. */
export interface NotedAccess {
  readonly va: bigint;
  readonly size: number;
  readonly access: 'read' | 'write';
}

export interface WatchedRange {
  readonly va: bigint;
  readonly length: number;
}

export class Watch {
  /** Accesses to watched ranges by the instruction being executed. */
  readonly noted: NotedAccess[] = [];
  private readonly debugger = new Set<DataBreakpoint>();
  private guest: readonly WatchedRange[] = [];
  /** Linear page numbers (52 bits) with a watched byte. */
  private readonly pages = new Set<number>();

  add(breakpoint: DataBreakpoint): void {
    this.debugger.add(breakpoint);
    this.collectPages();
  }

  remove(breakpoint: DataBreakpoint): void {
    this.debugger.delete(breakpoint);
    this.collectPages();
  }

  /** The ranges that DR7 enables for data; true if that changed anything. */
  setGuestRanges(ranges: readonly WatchedRange[]): boolean {
    if (ranges.length === 0 && this.guest.length === 0) return false;
    this.guest = ranges;
    this.collectPages();
    return true;
  }

  get any(): boolean {
    return this.pages.size > 0;
  }

  private ranges(): WatchedRange[] {
    return [...this.debugger, ...this.guest];
  }

  private collectPages(): void {
    this.pages.clear();
    for (const { va, length } of this.ranges()) {
      for (let page = va >> 12n; page <= (va + BigInt(length - 1)) >> 12n; page++) this.pages.add(Number(page));
    }
  }

  /** Whether the page of an address (as halves) holds a watched byte. */
  inPage(vaLow: number, vaHigh: number): boolean {
    return this.pages.size > 0 && this.pages.has((vaHigh >>> 0) * 2 ** 20 + (vaLow >>> 12));
  }

  /** Whether an access of `size` bytes touches a watched range. */
  touches(vaLow: number, vaHigh: number, size: number): boolean {
    if (this.pages.size === 0) return false;
    const va = (BigInt(vaHigh >>> 0) << 32n) | BigInt(vaLow >>> 0);
    return this.ranges().some((range) => overlaps(range, va, size));
  }

  note(va: bigint, size: number, access: 'read' | 'write'): void {
    this.noted.push({ va, size, access });
  }

  /** The debugger's breakpoint that the instruction just executed touched, if any. */
  hit(): { breakpoint: DataBreakpoint; access: 'read' | 'write' } | undefined {
    // A write counts before a read, so that read-modify-write instructions show as writes.
    const accesses = [...this.noted].sort((a, b) => (a.access === b.access ? 0 : a.access === 'write' ? -1 : 1));
    for (const { va, size, access } of accesses) {
      for (const breakpoint of this.debugger) {
        const wanted = breakpoint.access === 'readWrite' || breakpoint.access === access;
        if (wanted && overlaps(breakpoint, va, size)) return { breakpoint, access };
      }
    }
    return undefined;
  }
}

function overlaps(range: WatchedRange, va: bigint, size: number): boolean {
  return va < range.va + BigInt(range.length) && range.va < va + BigInt(size);
}
