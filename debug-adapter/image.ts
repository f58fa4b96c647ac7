import type { DebugInfo, ElfFile, Listing } from '../toolchain';
import type { CodeRange } from './symbols/lines';

/** A guest program or kernel, built or read, as the debugger knows it. */
export interface Image {
  readonly role: 'program' | 'kernel';
  /** The file or folder it was made from; absolute. */
  readonly path: string;
  /** The file's bytes: an ELF file, or a flat image. */
  readonly bytes: Uint8Array;
  /** Undefined for a flat image. */
  readonly elf: ElfFile | undefined;
  readonly debugInfo: DebugInfo | undefined;
  /** Made when first asked for; undefined for a flat image. */
  readonly listing: Listing | undefined;
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

/** The executable sections of an image. */
export function codeRanges({ elf }: Image): CodeRange[] {
  const SHF_EXECINSTR = 4;
  return (elf?.sections ?? [])
    .filter(({ flags, size }) => (flags & SHF_EXECINSTR) !== 0 && size > 0)
    .map(({ address, size }) => ({ start: address, end: address + BigInt(size) }));
}
