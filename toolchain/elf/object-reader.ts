/** Relocatable objects made by other tools, in the shape in which the assembler hands over its own. */
import { ByteReader } from './bytes';
import { ElfError } from './error';
import {
  EM_X86_64,
  ET_REL,
  RELA64_SIZE,
  SHF_COMPRESSED,
  SHT_GROUP,
  SHT_NULL,
  SHT_REL,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
} from './format';
import { mappingSymbolBits } from './mapping-symbols';
import type { CodeSize, ObjectModule, Relocation, Section, Symbol } from './object';
import { type ElfFile, type ElfSection, readElf, readSymbols } from './reader';

/** Sections that describe the file rather than the program. */
const BOOKKEEPING = new Set([SHT_NULL, SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_REL, SHT_GROUP, SHT_SYMTAB_SHNDX]);

/**
 * Reads an x86-64 .o file as a module without line rows (its DWARF sections stay as they are). Relocations against
 * local symbols whose name is not unique become relocations against their sections.
 * `source` names the module in messages. Throws ElfError.
 */
export function readObject(bytes: Uint8Array, source: string): ObjectModule {
  const elf = readElf(bytes);
  if (elf.type !== ET_REL || elf.machine !== EM_X86_64 || elf.bits !== 64) {
    throw new ElfError(
      'this is no x86-64 relocatable object',
      source,
      'Give a .o file made by an assembler or compiler.',
    );
  }
  const kept = elf.sections.filter(({ type }) => !BOOKKEEPING.has(type));
  for (const [index, section] of kept.entries()) checkSection(section, kept.slice(0, index), source);
  const symbols = readSymbols(elf).map(({ symbol }) => symbol);
  const relocations = readRelocations(elf, symbols, source);
  return {
    source,
    sections: kept.map((section): Section => {
      const { name, type, flags, alignment, entrySize, data, size } = section;
      return {
        name,
        type,
        flags,
        alignment,
        entrySize,
        data,
        size,
        relocations: relocations.get(section) ?? [],
        codeSizes: codeSizes(name, symbols),
      };
    }),
    symbols: symbols.filter((symbol) => symbol.type !== 'section' && mappingSymbolBits(symbol) === undefined),
    lines: [],
  };
}

function checkSection(section: ElfSection, before: readonly ElfSection[], source: string): void {
  const where = `${source}, section ${section.name}`;
  if (section.flags & SHF_COMPRESSED) {
    throw new ElfError('the section is compressed', where, 'Run objcopy --decompress-debug-sections on the object.');
  }
  if (before.some(({ name }) => name === section.name)) {
    throw new ElfError('two sections have this name', where, 'Merge them with `ld -r` and link the result.');
  }
}

function codeSizes(section: string, symbols: readonly Symbol[]): CodeSize[] {
  return symbols
    .flatMap((symbol): CodeSize[] => {
      const bits = symbol.section === section ? mappingSymbolBits(symbol) : undefined;
      return bits ? [{ offset: Number(symbol.value), bits }] : [];
    })
    .sort((a, b) => a.offset - b.offset);
}

function readRelocations(elf: ElfFile, symbols: readonly Symbol[], source: string): Map<ElfSection, Relocation[]> {
  const result = new Map<ElfSection, Relocation[]>();
  const seen = new Set<string>();
  const ambiguous = new Set(symbols.map(({ name }) => name).filter((name) => seen.has(name) || !seen.add(name)));
  for (const table of elf.sections) {
    const target = elf.sections[table.info];
    if ((table.type !== SHT_RELA && table.type !== SHT_REL) || !target) continue;
    const where = `${source}, section ${table.name}`;
    if (table.type === SHT_REL) {
      throw new ElfError('relocations without addends are not used on x86-64', where, 'Assemble the source again.');
    }
    const reader = new ByteReader(
      table.data,
      (what, offset) => new ElfError(what, `${where}, offset ${offset}`, 'The object is damaged: assemble it again.'),
    );
    const relocations: Relocation[] = [];
    for (let entry = 0; entry < Math.floor(table.data.length / RELA64_SIZE); entry++) {
      const offset = reader.size64();
      const type = reader.u32();
      const index = reader.u32();
      const addend = BigInt.asIntN(64, reader.u64());
      const symbol = symbols[index - 1];
      if (!symbol && index !== 0) reader.fail(`there is no symbol ${index}`);
      relocations.push({ offset, type, ...relocationTarget(symbol, addend, ambiguous) });
    }
    result.set(target, [...(result.get(target) ?? []), ...relocations]);
  }
  return result;
}

function relocationTarget(
  symbol: Symbol | undefined,
  addend: bigint,
  ambiguous: ReadonlySet<string>,
): Pick<Relocation, 'symbol' | 'againstSection' | 'addend'> {
  if (!symbol) return { symbol: '', againstSection: false, addend };
  const { name, section, type, binding, value } = symbol;
  if (section !== undefined && (type === 'section' || (binding === 'local' && ambiguous.has(name)))) {
    return { symbol: section, againstSection: true, addend: addend + value };
  }
  return { symbol: name, againstSection: false, addend };
}
