/** A file with a Linux kernel, whichever form it has, as a loader takes it. */
import { type ElfFile, isElf, readElf } from '../elf/reader';
import { SHT_SYMTAB } from '../elf/format';
import type { Symbol } from '../elf/object';
import { type BzImage, readBzImage } from './bz-image';
import { canDecompress, decompressKernel, type NativeUnpackers } from './decompress';
import { readKallsyms } from './kallsyms';
import { KernelImageError } from './kernel-image-error';
import { START_KERNEL_MAP } from '../linker/layout';
import { elfOfOtherProcessor, TAKE_X86 } from './other-files';

const ET_REL = 1;
const ET_EXEC = 2;
const PT_LOAD = 1;

export interface KernelImage {
  /** Undefined for a kernel that has to unpack itself. Its symbols, if it is stripped, are those it carries for itself. */
  readonly vmlinux: ElfFile | undefined;
  /** Undefined if the file is vmlinux itself. */
  readonly bzImage: BzImage | undefined;
}

/** Reads vmlinux or bzImage; unpacks the latter if its compression is known here. Throws KernelImageError or ElfError. */
export function readKernelImage(file: Uint8Array, native?: NativeUnpackers): KernelImage {
  if (isElf(file)) return { vmlinux: readVmlinux(file), bzImage: undefined };
  const bzImage = readBzImage(file);
  if (bzImage.compression === undefined) {
    const first = [...bzImage.payload.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw new KernelImageError(
      `its compression is unknown (it begins with ${first})`,
      'kernel payload',
      'Linux uses gzip, bzip2, lzma, xz, lzo, lz4 or zstd: the file may be damaged.',
    );
  }
  if (!canDecompress(bzImage.compression)) return { vmlinux: undefined, bzImage };
  return { vmlinux: readVmlinux(decompressKernel(bzImage.payload, native)), bzImage };
}

function readVmlinux(file: Uint8Array): ElfFile {
  const other = elfOfOtherProcessor(file);
  if (other) throw other;
  const elf = readElf(file);
  const wrong = (what: string): KernelImageError => new KernelImageError(what, 'ELF file', TAKE_X86);
  if (elf.bits !== 64) throw wrong('it is a 32-bit kernel or program');
  if (elf.type !== ET_EXEC) {
    throw wrong(elf.type === ET_REL ? 'it is an object file, such as a kernel module' : 'it is a program or library');
  }
  // Linux maps itself in the highest 2 GiB.
  if (!elf.segments.some(({ type, va }) => type === PT_LOAD && va >= START_KERNEL_MAP)) {
    throw wrong('it is a program, not a kernel: none of it is linked for the kernel half of the address space');
  }
  return withOwnSymbols(elf);
}

/** A stripped kernel with the symbols of its kallsyms, read when first asked for. */
function withOwnSymbols(elf: ElfFile): ElfFile {
  if (elf.sections.some(({ type }) => type === SHT_SYMTAB)) return elf;
  let symbols: readonly Symbol[] | undefined;
  return {
    ...elf,
    get symbols(): readonly Symbol[] {
      symbols ??= readKallsyms(elf) ?? [];
      return symbols;
    },
  };
}
