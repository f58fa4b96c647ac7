/** The DWARF sections of an ELF file. */
import { ByteReader } from '../elf/bytes';
import { SHF_ALLOC, SHF_COMPRESSED, SHF_EXECINSTR } from '../elf/format';
import type { ElfFile } from '../elf/reader';
import { DwarfError } from './error';

const REMEDY = 'Build the file again with debugging information (-g).';

/** Access to sections by name, and to the question whether an address can be code at all. */
export class DwarfSections {
  private readonly contents = new Map<string, Uint8Array>();
  private readonly code: readonly { readonly start: bigint; readonly end: bigint }[];

  constructor(elf: ElfFile) {
    for (const { name, data, flags } of elf.sections) {
      if (name.startsWith('.zdebug_') || (name.startsWith('.debug_') && flags & SHF_COMPRESSED)) {
        throw new DwarfError('the section is compressed', name, 'Run objcopy --decompress-debug-sections on the file.');
      }
      if (name.startsWith('.debug_') && !this.contents.has(name)) this.contents.set(name, data);
    }
    this.code = elf.sections
      .filter(({ flags }) => flags & SHF_ALLOC && flags & SHF_EXECINSTR)
      .map(({ address, size }) => ({ start: address, end: address + BigInt(size) }));
  }

  /** Linkers leave information about code they dropped, at address 0 or -1. */
  isCode(address: bigint): boolean {
    return this.code.some(({ start, end }) => address >= start && address < end);
  }

  size(name: string): number {
    return this.contents.get(name)?.length ?? 0;
  }

  /** A reader at `offset` of a section; a missing section is empty. */
  reader(name: string, offset: number): ByteReader {
    const data = this.contents.get(name) ?? new Uint8Array();
    return new ByteReader(
      data,
      (what, at) => new DwarfError(what, `${name}, offset 0x${at.toString(16)}`, REMEDY),
      offset,
    );
  }
}
