/** The outer form of an ELF64 file: header, program headers, section contents at their offsets, section headers. */
import { ByteWriter } from './bytes';
import {
  ABSOLUTE,
  COMMON,
  EHDR64_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  EV_CURRENT,
  PHDR64_SIZE,
  SHDR64_SIZE,
  SHN_ABS,
  SHN_COMMON,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHT_NOBITS,
  SHT_STRTAB,
  SHT_SYMTAB,
  SYM64_SIZE,
  SYMBOL_BINDINGS,
  SYMBOL_TYPES,
  SYMBOL_VISIBILITIES,
} from './format';
import { ElfError } from './error';
import type { Symbol } from './object';

/** Elf64_Phdr. */
export interface ContainerSegment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly va: bigint;
  readonly pa: bigint;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

/** Elf64_Shdr with its content; `offset` undefined means wherever there is room. */
export interface ContainerSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: bigint;
  readonly offset: number | undefined;
  readonly data: Uint8Array;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly alignment: number;
  readonly entrySize: number;
}

export interface Container {
  readonly type: number;
  readonly entry: bigint;
  readonly segments: readonly ContainerSegment[];
  /** Without the null section; their indices in the file are one higher. */
  readonly sections: readonly ContainerSection[];
}

/** Bytes of the ELF header and `count` program headers. */
export function headersSize(count: number): number {
  return EHDR64_SIZE + count * PHDR64_SIZE;
}

/** Writes the file; sections with an offset must come in order of offset, before those without. */
export function writeContainer({ type, entry, segments, sections }: Container): Uint8Array {
  if (sections.length + 2 >= SHN_LORESERVE) {
    throw new ElfError(`${sections.length} sections are too many`, 'ELF header', 'Use fewer, larger sections.');
  }
  const names = new StringTable();
  const nameOffsets = [...sections.map(({ name }) => name), '.shstrtab'].map((name) => names.add(name));
  const all = [...sections, stringTableSection('.shstrtab', names)];

  const writer = new ByteWriter();
  writer.padTo(headersSize(segments.length));
  const offsets = all.map((section) => {
    const offset = section.offset ?? alignUp(writer.length, section.alignment);
    if (section.type === SHT_NOBITS) return offset;
    writer.padTo(offset);
    writer.bytes(section.data);
    return offset;
  });
  writer.align(8);
  const sectionHeaders = writer.length;
  writer.padTo(sectionHeaders + SHDR64_SIZE);
  all.forEach((section, index) => {
    writer.u32(nameOffsets[index] ?? 0);
    writer.u32(section.type);
    writer.u64(section.flags);
    writer.u64(section.address);
    writer.u64(offsets[index] ?? 0);
    writer.u64(section.size);
    writer.u32(section.link);
    writer.u32(section.info);
    writer.u64(section.alignment);
    writer.u64(section.entrySize);
  });
  const file = writer.finish();
  file.set(fileHeader(type, entry, segments, sectionHeaders, all.length));
  return file;
}

function fileHeader(
  type: number,
  entry: bigint,
  segments: readonly ContainerSegment[],
  sectionHeaders: number,
  sectionCount: number,
): Uint8Array {
  const writer = new ByteWriter();
  writer.bytes(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, EV_CURRENT));
  writer.padTo(16);
  writer.u16(type);
  writer.u16(EM_X86_64);
  writer.u32(EV_CURRENT);
  writer.u64(entry);
  writer.u64(segments.length > 0 ? EHDR64_SIZE : 0);
  writer.u64(sectionHeaders);
  writer.u32(0);
  writer.u16(EHDR64_SIZE);
  writer.u16(segments.length > 0 ? PHDR64_SIZE : 0);
  writer.u16(segments.length);
  writer.u16(SHDR64_SIZE);
  writer.u16(sectionCount + 1);
  writer.u16(sectionCount);
  for (const segment of segments) {
    writer.u32(segment.type);
    writer.u32(segment.flags);
    writer.u64(segment.offset);
    writer.u64(segment.va);
    writer.u64(segment.pa);
    writer.u64(segment.fileSize);
    writer.u64(segment.memorySize);
    writer.u64(segment.alignment);
  }
  return writer.finish();
}

/** A string table section; each string is stored once, the empty one at offset 0. */
class StringTable {
  private readonly writer = new ByteWriter();
  private readonly offsets = new Map<string, number>();

  constructor() {
    this.add('');
  }

  /** The offset of `text`. */
  add(text: string): number {
    let offset = this.offsets.get(text);
    if (offset === undefined) {
      offset = this.writer.length;
      this.writer.cstring(text);
      this.offsets.set(text, offset);
    }
    return offset;
  }

  finish(): Uint8Array {
    return this.writer.finish();
  }
}

/** .symtab and .strtab, to be placed at `symtabIndex` and the index after it, with the file index of each symbol. */
export function symbolTable(
  symbols: readonly Symbol[],
  sectionIndex: (name: string) => number,
  symtabIndex: number,
): { sections: ContainerSection[]; indices: Map<Symbol, number> } {
  const local = symbols.filter(({ binding }) => binding === 'local');
  const ordered = [...local, ...symbols.filter(({ binding }) => binding !== 'local')];
  const names = new StringTable();
  const writer = new ByteWriter();
  writer.padTo(SYM64_SIZE);
  const indices = new Map<Symbol, number>();
  for (const symbol of ordered) {
    indices.set(symbol, writer.length / SYM64_SIZE);
    writer.u32(symbol.type === 'section' ? 0 : names.add(symbol.name));
    writer.u8((SYMBOL_BINDINGS.indexOf(symbol.binding) << 4) | SYMBOL_TYPES.indexOf(symbol.type));
    writer.u8(SYMBOL_VISIBILITIES.indexOf(symbol.visibility));
    writer.u16(
      symbol.section === undefined
        ? SHN_UNDEF
        : symbol.section === ABSOLUTE
          ? SHN_ABS
          : symbol.section === COMMON
            ? SHN_COMMON
            : sectionIndex(symbol.section),
    );
    writer.u64(symbol.value);
    writer.u64(symbol.size);
  }
  const data = writer.finish();
  const symtab: ContainerSection = {
    name: '.symtab',
    type: SHT_SYMTAB,
    flags: 0,
    address: 0n,
    offset: undefined,
    data,
    size: data.length,
    link: symtabIndex + 1,
    info: local.length + 1,
    alignment: 8,
    entrySize: SYM64_SIZE,
  };
  return { sections: [symtab, stringTableSection('.strtab', names)], indices };
}

function stringTableSection(name: string, table: StringTable): ContainerSection {
  const data = table.finish();
  return {
    name,
    type: SHT_STRTAB,
    flags: 0,
    address: 0n,
    offset: undefined,
    data,
    size: data.length,
    link: 0,
    info: 0,
    alignment: 1,
    entrySize: 0,
  };
}

/** The least multiple of `alignment` (0 and 1 mean none) that is not below `value`. */
export function alignUp(value: number, alignment: number): number {
  return alignment > 1 ? Math.ceil(value / alignment) * alignment : value;
}
