/** The contents of RAM without the pages that hold nothing but zeros. */
import { PAGE_BYTES, type PhysicalMemory } from '../memory';

export interface SavedMemory {
  /** First page and number of pages of each run of pages that follow one another. */
  readonly runs: readonly (readonly [page: number, pages: number])[];
  /** The bytes of all runs. */
  readonly bytes: Uint8Array;
}

const WORDS_PER_PAGE = PAGE_BYTES / 4;

/** A copy of RAM. */
export function saveMemory({ bytes }: PhysicalMemory): SavedMemory {
  const runs: (readonly [number, number])[] = [];
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const pages = bytes.length / PAGE_BYTES;
  let kept = 0;
  for (let page = 0; page < pages; page++) {
    if (isZero(words, page)) continue;
    const first = page;
    do page++;
    while (page < pages && !isZero(words, page));
    runs.push([first, page - first]);
    kept += page - first;
  }
  const copy = new Uint8Array(kept * PAGE_BYTES);
  eachRun({ runs, bytes: copy }, (to, pa) => to.set(bytes.subarray(pa, pa + to.length)));
  return { runs, bytes: copy };
}

/** Makes RAM what it was. Writes to code are not told: whatever was derived from memory must be dropped. */
export function restoreMemory({ bytes }: PhysicalMemory, saved: SavedMemory): void {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let page = 0;
  const clearUpTo = (end: number): void => {
    // The pages of a new machine are left untouched: the host has not allotted them yet.
    for (; page < end; page++) {
      if (!isZero(words, page)) bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    }
  };
  eachRun(saved, (from, pa) => {
    clearUpTo(pa / PAGE_BYTES);
    bytes.set(from, pa);
    page += from.length / PAGE_BYTES;
  });
  clearUpTo(bytes.length / PAGE_BYTES);
}

/** Whether `saved` describes memory of at most `memoryBytes`: runs in order, and no more bytes than they have. */
export function isSavedMemory({ runs, bytes }: SavedMemory, memoryBytes: number): boolean {
  let end = 0;
  let total = 0;
  for (const [page, pages] of runs) {
    if (!Number.isInteger(page) || !Number.isInteger(pages) || page < end || pages <= 0) return false;
    end = page + pages;
    total += pages;
  }
  return end * PAGE_BYTES <= memoryBytes && total * PAGE_BYTES === bytes.length;
}

/** Calls `visit` with the bytes of each run and where they belong. */
function eachRun({ runs, bytes }: SavedMemory, visit: (bytes: Uint8Array, pa: number) => void): void {
  let at = 0;
  for (const [page, pages] of runs) {
    visit(bytes.subarray(at, at + pages * PAGE_BYTES), page * PAGE_BYTES);
    at += pages * PAGE_BYTES;
  }
}

function isZero(words: Int32Array, page: number): boolean {
  const end = (page + 1) * WORDS_PER_PAGE;
  for (let i = page * WORDS_PER_PAGE; i < end; i += 4) {
    if ((words[i] | words[i + 1] | words[i + 2] | words[i + 3]) !== 0) return false;
  }
  return true;
}
