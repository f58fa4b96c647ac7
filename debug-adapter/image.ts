import type { ElfFile } from '../toolchain';
import type { AddressedLine } from './symbols/lines';
import type { Listing } from './listing';

/** A guest program or kernel, built or read, as the debugger knows it. */
export interface Image {
  readonly role: 'program' | 'kernel';
  /** The file or folder it was made from; absolute. */
  readonly path: string;
  /** The file's bytes: an ELF file, or a flat image. */
  readonly bytes: Uint8Array;
  /** Undefined for a flat image. */
  readonly elf: ElfFile | undefined;
  readonly lines: readonly AddressedLine[];
  /** Made when first asked for. */
  readonly listing: Listing;
}

/** The image's bytes at `va` as the file has them; empty outside its segments. */
export function imageBytes(image: Image, va: bigint, length: number): Uint8Array {
  const PT_LOAD = 1;
  for (const segment of image.elf?.segments ?? []) {
    const offset = va - segment.va;
    if (segment.type !== PT_LOAD || offset < 0n || offset >= BigInt(segment.data.length)) continue;
    return segment.data.subarray(Number(offset), Number(offset) + length);
  }
  return new Uint8Array();
}
