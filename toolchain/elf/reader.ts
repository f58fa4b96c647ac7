/** Reads an ELF file, 32- or 64-bit, little-endian x86, into typed parts. Anything malformed is an ElfError. */
import { ByteReader } from './bytes';
import { ElfError } from './error';
import {
  ABSOLUTE,
  COMMON,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_386,
  EM_X86_64,
  PN_XNUM,
  SHN_ABS,
  SHN_COMMON,
  SHN_UNDEF,
  SHN_XINDEX,
  SHT_NOBITS,
  SHT_NULL,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
  SYMBOL_BINDINGS,
  SYMBOL_TYPES,
  SYMBOL_VISIBILITIES,
} from './format';
import type { Section, Symbol } from './object';

/** A program header with the bytes it loads. */
export interface ElfSegment {
  /** PT_…: 1 is LOAD. */
  readonly type: number;
  /** PF_… bits: 1 execute, 2 write, 4 read. */
  readonly flags: number;
  readonly offset: number;
  readonly va: bigint;
  readonly pa: bigint;
  /** p_filesz bytes of the file. */
  readonly data: Uint8Array;
  /** Bytes in memory; what exceeds `data` is zero. */
  readonly memorySize: number;
  readonly alignment: number;
}

/** A section of a file: a `Section` that has an address; relocations are read by elf/object-reader.ts. */
export interface ElfSection extends Omit<Section, 'relocations' | 'codeSizes'> {
  readonly address: bigint;
  /** Offset of the content in the file. */
  readonly offset: number;
  readonly link: number;
  readonly info: number;
}

export interface ElfFile {
  readonly bits: 32 | 64;
  /** ET_…: 1 relocatable, 2 executable, 3 shared or position-independent. */
  readonly type: number;
  /** EM_…: 62 is x86-64, 3 is i386. */
  readonly machine: number;
  readonly entry: bigint;
  readonly segments: readonly ElfSegment[];
  /** By section header index; index 0 is the null section. */
  readonly sections: readonly ElfSection[];
  /** .symtab without its null entry, in file order; read when first asked for. Throws ElfError if malformed. */
  readonly symbols: readonly Symbol[];
  /** The whole file. */
  readonly bytes: Uint8Array;
}

const TRUNCATED = 'The file is truncated or damaged: copy or build it again.';
const WRONG_FILE = 'Give an x86-64 or i386 ELF file.';

/** True if `bytes` start like an ELF file. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** Reads headers, segments and sections at once, symbols on demand. Throws ElfError. */
export function readElf(bytes: Uint8Array): ElfFile {
  if (!isElf(bytes))
    throw new ElfError('no ELF file: the magic number 7f 45 4c 46 is missing', 'ELF header', WRONG_FILE);
  const bits = bytes[4] === ELFCLASS64 ? 64 : 32;
  if (bytes[4] !== ELFCLASS64 && bytes[4] !== ELFCLASS32) {
    throw new ElfError(`unknown file class ${bytes[4] ?? 'missing'}`, 'ELF header, byte 4', WRONG_FILE);
  }
  if (bytes[5] !== ELFDATA2LSB) {
    throw new ElfError('the file is not little-endian', 'ELF header, byte 5', WRONG_FILE);
  }
  const reader = cursor(bytes, 'ELF header', 16);
  const word = bits === 64 ? () => reader.u64() : () => BigInt(reader.u32());
  const type = reader.u16();
  const machine = reader.u16();
  if (machine !== EM_X86_64 && machine !== EM_386) {
    throw new ElfError(`the file is for another processor (e_machine ${machine})`, 'ELF header', WRONG_FILE);
  }
  reader.skip(4);
  const entry = word();
  const segmentTable = { offset: toSize(word(), 'ELF header, e_phoff'), size: 0, count: 0 };
  const sectionTable = { offset: toSize(word(), 'ELF header, e_shoff'), size: 0, count: 0 };
  reader.skip(6);
  segmentTable.size = reader.u16();
  segmentTable.count = reader.u16();
  sectionTable.size = reader.u16();
  sectionTable.count = reader.u16();
  const namesIndex = reader.u16();

  const sections = readSections(bytes, bits, sectionTable, namesIndex);
  if (segmentTable.count === PN_XNUM && sections[0]) segmentTable.count = sections[0].info;
  const segments = readSegments(bytes, bits, segmentTable);
  let symbols: Symbol[] | undefined;
  return {
    bits,
    type,
    machine,
    entry,
    segments,
    sections,
    get symbols(): readonly Symbol[] {
      symbols ??= readSymbols(this).map(({ symbol }) => symbol);
      return symbols;
    },
    bytes,
  };
}

interface Table {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

function readSegments(bytes: Uint8Array, bits: 32 | 64, table: Table): ElfSegment[] {
  if (table.count === 0) return [];
  checkTable(bytes, table, bits === 64 ? 56 : 32, 'program header table');
  return Array.from({ length: table.count }, (_, index) => {
    const where = `program header ${index}`;
    const reader = cursor(bytes, where, table.offset + index * table.size);
    const word = bits === 64 ? () => reader.u64() : () => BigInt(reader.u32());
    const type = reader.u32();
    let flags = bits === 64 ? reader.u32() : 0;
    const offset = toSize(word(), `${where}, p_offset`);
    const va = word();
    const pa = word();
    const fileSize = toSize(word(), `${where}, p_filesz`);
    const memorySize = toSize(word(), `${where}, p_memsz`);
    if (bits === 32) flags = reader.u32();
    const alignment = toSize(word(), `${where}, p_align`);
    return { type, flags, offset, va, pa, data: content(bytes, offset, fileSize, where), memorySize, alignment };
  });
}

function readSections(bytes: Uint8Array, bits: 32 | 64, table: Table, namesIndex: number): ElfSection[] {
  if (table.offset === 0) return [];
  const headerSize = bits === 64 ? 64 : 40;
  checkTable(bytes, { ...table, count: 1 }, headerSize, 'section header table');
  const first = sectionHeader(bytes, bits, table.offset, 0);
  // Counts that do not fit their 16-bit fields live in the null section (gABI, "ELF Header").
  const count = table.count === 0 ? toSize(BigInt(first.size), 'section 0, sh_size') : table.count;
  checkTable(bytes, { ...table, count }, headerSize, 'section header table');
  const headers = Array.from({ length: count }, (_, index) =>
    sectionHeader(bytes, bits, table.offset + index * table.size, index),
  );
  const names = headers[namesIndex === SHN_XINDEX ? first.link : namesIndex];
  return headers.map(({ nameOffset, ...header }, index) => {
    const where = `section ${index}`;
    const name = names && namesIndex !== SHN_UNDEF ? stringAt(bytes, names, nameOffset, `${where}, sh_name`) : '';
    const holdsNothing = header.type === SHT_NULL || header.type === SHT_NOBITS;
    const data = holdsNothing
      ? bytes.subarray(0, 0)
      : content(bytes, header.offset, header.size, name ? `${where} (${name})` : where);
    return { name, ...header, data };
  });
}

type SectionHeader = Omit<ElfSection, 'name' | 'data'> & { readonly nameOffset: number };

function sectionHeader(bytes: Uint8Array, bits: 32 | 64, position: number, index: number): SectionHeader {
  const where = `section ${index}`;
  const reader = cursor(bytes, where, position);
  const word = bits === 64 ? () => reader.u64() : () => BigInt(reader.u32());
  return {
    nameOffset: reader.u32(),
    type: reader.u32(),
    flags: toSize(word(), `${where}, sh_flags`),
    address: word(),
    offset: toSize(word(), `${where}, sh_offset`),
    size: toSize(word(), `${where}, sh_size`),
    link: reader.u32(),
    info: reader.u32(),
    alignment: toSize(word(), `${where}, sh_addralign`),
    entrySize: toSize(word(), `${where}, sh_entsize`),
  };
}

/** The entries of .symtab with the header index of the section that defines each (0 if none does). */
export function readSymbols(elf: ElfFile): { readonly symbol: Symbol; readonly sectionIndex: number }[] {
  const index = elf.sections.findIndex(({ type }) => type === SHT_SYMTAB);
  const table = elf.sections[index];
  if (!table) return [];
  const where = `symbol table ${table.name}`;
  const strings = elf.sections[table.link];
  if (!strings) throw new ElfError(`its string table, section ${table.link}, is missing`, where, TRUNCATED);
  const entrySize = elf.bits === 64 ? 24 : 16;
  if (table.data.length % entrySize !== 0) {
    throw new ElfError(`its size is no multiple of ${entrySize}`, where, TRUNCATED);
  }
  const extended = elf.sections.find(({ type, link }) => type === SHT_SYMTAB_SHNDX && link === index);
  const result = [];
  for (let entry = 1; entry < table.data.length / entrySize; entry++) {
    const at = `${where}, entry ${entry}`;
    const raw = symbolEntry(elf, new ByteReader(table.data, failure(at), entry * entrySize));
    const sectionIndex =
      raw.index === SHN_XINDEX ? cursor(extended?.data ?? new Uint8Array(), at, entry * 4).u32() : raw.index;
    const section = symbolSection(elf, raw.index, sectionIndex, at);
    const type = SYMBOL_TYPES[raw.info & 15] ?? 'notype';
    const symbol: Symbol = {
      name:
        type === 'section' && raw.name === 0 && section !== undefined
          ? section
          : stringAt(elf.bytes, strings, raw.name, `${at}, st_name`),
      value: raw.value,
      size: raw.size,
      type,
      binding: SYMBOL_BINDINGS[raw.info >> 4] ?? 'global',
      visibility: SYMBOL_VISIBILITIES[raw.other & 3] ?? 'default',
      section,
    };
    result.push({ symbol, sectionIndex: section === undefined || raw.index === SHN_ABS ? 0 : sectionIndex });
  }
  return result;
}

function symbolEntry({ bits }: ElfFile, reader: ByteReader) {
  const name = reader.u32();
  if (bits === 64) {
    const info = reader.u8();
    const other = reader.u8();
    return { name, info, other, index: reader.u16(), value: reader.u64(), size: reader.u64() };
  }
  const value = BigInt(reader.u32());
  const size = BigInt(reader.u32());
  return { name, value, size, info: reader.u8(), other: reader.u8(), index: reader.u16() };
}

function symbolSection(elf: ElfFile, shndx: number, index: number, where: string): string | undefined {
  if (shndx === SHN_UNDEF) return undefined;
  if (shndx === SHN_ABS) return ABSOLUTE;
  if (shndx === SHN_COMMON) return COMMON;
  const section = elf.sections[index];
  if (!section) throw new ElfError(`there is no section ${index}`, `${where}, st_shndx`, TRUNCATED);
  return section.name;
}

/** The string at `offset` of string table `table`. */
function stringAt(bytes: Uint8Array, table: { offset: number; size: number }, offset: number, where: string): string {
  content(bytes, table.offset, table.size, `${where}: string table`);
  return new ByteReader(
    bytes,
    failure(where),
    table.offset + Math.min(offset, table.size),
    table.offset + table.size,
  ).cstring();
}

function checkTable(bytes: Uint8Array, { offset, size, count }: Table, least: number, where: string): void {
  if (size < least) throw new ElfError(`its entries have ${size} bytes instead of ${least}`, where, TRUNCATED);
  content(bytes, offset, size * count, where);
}

function content(bytes: Uint8Array, offset: number, size: number, where: string): Uint8Array {
  // What is empty may lie anywhere.
  if (size === 0) return bytes.subarray(0, 0);
  if (offset > bytes.length || size > bytes.length - offset) {
    throw new ElfError(
      `its ${size} bytes at offset ${offset} reach past the end of the file (${bytes.length} bytes)`,
      where,
      TRUNCATED,
    );
  }
  return bytes.subarray(offset, offset + size);
}

function toSize(value: bigint, where: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ElfError(`0x${value.toString(16)} is no possible size or offset`, where, TRUNCATED);
  }
  return Number(value);
}

const failure =
  (where: string) =>
  (what: string, offset: number): ElfError =>
    new ElfError(what, `${where}, offset ${offset}`, TRUNCATED);

function cursor(bytes: Uint8Array, where: string, position: number): ByteReader {
  return new ByteReader(bytes, failure(where), position);
}
