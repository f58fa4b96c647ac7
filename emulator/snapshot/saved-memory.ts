/** The contents of RAM without the pages that hold nothing but zeros. */
import { PAGE_BYTES, type PhysicalMemory } from '../memory';

export interface SavedMemory {
  /** First page and number of pages of each run of pages that follow one another. */
  readonly runs: readonly (readonly [page: number, pages: number])[];
  /** The bytes of all runs, cut anywhere between two pages. */
  readonly chunks: readonly Uint8Array[];
}

/** A chunk of this size, or less for the last one, is a good portion for whoever compresses it. */
const CHUNK_BYTES = 1 << 20;
const WORDS_PER_PAGE = PAGE_BYTES / 4;

/** A copy of RAM. */
export function saveMemory({ bytes }: PhysicalMemory): SavedMemory {
  const runs = nonZeroRuns(bytes);
  const chunks: Uint8Array[] = [];
  let left = PAGE_BYTES * runs.reduce((total, [, pages]) => total + pages, 0);
  for (; left > 0; left -= CHUNK_BYTES) chunks.push(new Uint8Array(Math.min(left, CHUNK_BYTES)));
  eachPiece({ runs, chunks }, (piece, pa) => piece.set(bytes.subarray(pa, pa + piece.length)));
  return { runs, chunks };
}

/**
 * Makes RAM what it was. `blank` RAM holds nothing but zeros: then pages that shall do so are not even looked at, and the
 * host need not allot them. Writes to code are not told: whatever was derived from memory must be dropped.
 */
export function restoreMemory({ bytes }: PhysicalMemory, saved: SavedMemory, blank: boolean): void {
  let end = 0;
  eachPiece(saved, (piece, pa) => {
    if (!blank) bytes.fill(0, end, pa);
    bytes.set(piece, pa);
    end = pa + piece.length;
  });
  if (!blank) bytes.fill(0, end);
}

/** Whether `saved` describes memory of at most `memoryBytes`: runs in order, chunks of whole pages, as many as in the runs. */
export function isSavedMemory({ runs, chunks }: SavedMemory, memoryBytes: number): boolean {
  let end = 0;
  let total = 0;
  for (const [page, pages] of runs) {
    if (!Number.isInteger(page) || !Number.isInteger(pages) || page < end || pages <= 0) return false;
    end = page + pages;
    total += pages;
  }
  const kept = chunks.reduce((sum, { length }) => sum + length, 0);
  const wholePages = chunks.every(({ length }) => length % PAGE_BYTES === 0);
  return end * PAGE_BYTES <= memoryBytes && wholePages && total * PAGE_BYTES === kept;
}

/** Calls `visit` with each piece of a chunk that belongs together in RAM, and its physical address. */
function eachPiece({ runs, chunks }: SavedMemory, visit: (piece: Uint8Array, pa: number) => void): void {
  let chunk = 0;
  let at = 0;
  for (const [page, pages] of runs) {
    const end = (page + pages) * PAGE_BYTES;
    for (let pa = page * PAGE_BYTES; pa < end;) {
      const length = Math.min(end - pa, chunks[chunk].length - at);
      visit(chunks[chunk].subarray(at, at + length), pa);
      pa += length;
      at += length;
      if (at < chunks[chunk].length) continue;
      chunk++;
      at = 0;
    }
  }
}

function nonZeroRuns(bytes: Uint8Array): (readonly [number, number])[] {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const pages = bytes.length / PAGE_BYTES;
  const runs: (readonly [number, number])[] = [];
  for (let page = 0; page < pages; page++) {
    if (isZero(words, page)) continue;
    const first = page;
    do page++;
    while (page < pages && !isZero(words, page));
    runs.push([first, page - first]);
  }
  return runs;
}

function isZero(words: Int32Array, page: number): boolean {
  const end = (page + 1) * WORDS_PER_PAGE;
  for (let i = page * WORDS_PER_PAGE; i < end; i += 4) {
    if ((words[i] | words[i + 1] | words[i + 2] | words[i + 3]) !== 0) return false;
  }
  return true;
}
