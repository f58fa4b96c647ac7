/** Flat images and ELF executables that want no boot protocol: loaded, a stack below them, and off they go. */
import { hex, ImageError, type Image } from './image';
import { loadSegments, startLongMode, startProtectedMode, startTableBytes, type BootTarget } from './start-state';

export interface FlatImage {
  readonly bytes: Uint8Array;
  readonly loadAddress: bigint;
  /** Default: the load address. */
  readonly entry?: bigint;
  readonly mode: 32 | 64;
}

/** Loads raw bytes and starts them in 32-bit protected mode, or in long mode with all of memory mapped where it is. */
export function loadFlat(target: BootTarget, image: FlatImage): void {
  if (image.bytes.length === 0) throw new ImageError('truncated', 'The image is empty: there is nothing to run.');
  const segment = { va: image.loadAddress, pa: image.loadAddress, bytes: image.bytes, memoryBytes: image.bytes.length };
  loadImage(target, { entry: image.entry ?? image.loadAddress, segments: [segment], mode: image.mode });
}

/** Loads an executable's segments at their physical addresses and starts it at its entry, translated likewise. */
export function loadImage(target: BootTarget, image: Image): void {
  const { memory } = target;
  if (image.segments.length === 0) throw new ImageError('no-header', 'The image has no loadable segment.');
  const reserved = startTableBytes(memory, image.mode);
  const { low } = loadSegments(memory, image.segments, reserved);
  const entry = physicalEntry(image);
  if (entry < 0n || entry >= BigInt(memory.size)) {
    throw new ImageError('bad-header', `The entry ${hex(entry)} is outside of memory (${hex(memory.size)} bytes).`);
  }
  // With nothing below the image the stack goes below the start tables, at the top of memory.
  const stack = BigInt(low >= LEAST_STACK ? low - (low % 16) : memory.size - reserved);
  if (image.mode === 64) startLongMode(target, entry, stack);
  else startProtectedMode(target, entry, stack);
}

/** Room for a stack below the image. */
const LEAST_STACK = 4096;

/** The entry is a virtual address; until the program sets up its own mapping it runs at the physical one. */
export function physicalEntry(image: Image): bigint {
  const { entry } = image;
  const home = image.segments.find(({ va, memoryBytes }) => entry >= va && entry < va + BigInt(memoryBytes));
  return home ? entry - home.va + home.pa : entry;
}
