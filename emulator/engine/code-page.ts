/** What code is known in a physical page, so that writes to the data beside it cost little. */
import { PAGE_BYTES } from '../memory';
import type { Block } from './block';

/** Bytes that are told apart: a page has 64 lines, two words of bits. */
const LINE_BYTES = PAGE_BYTES / 64;

export class CodePage {
  readonly blocks = new Set<Block>();
  /** Lines that a block is or was in, of the lower and the upper half of the page. */
  private lower = 0;
  private upper = 0;

  /** Adds a block that has the bytes of the page from `start` to before `end`, as offsets into the page. */
  add(block: Block, start: number, end: number): void {
    this.blocks.add(block);
    this.lower |= lines(start, end, 0);
    this.upper |= lines(start, end, 32);
  }

  /** Whether a block may have one of the bytes from `start` to before `end`; never wrong when it says no. */
  mayHold(start: number, end: number): boolean {
    return (this.lower & lines(start, end, 0)) !== 0 || (this.upper & lines(start, end, 32)) !== 0;
  }
}

/** A bit for each of the 32 lines from `first` on with a byte from `start` to before `end`. */
function lines(start: number, end: number, first: number): number {
  const from = Math.max(0, Math.floor(start / LINE_BYTES) - first);
  const to = Math.min(31, Math.floor((end - 1) / LINE_BYTES) - first);
  return from > to ? 0 : (-1 >>> (31 - to + from)) << from;
}
