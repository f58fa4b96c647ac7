/** An assembled module as an ELF64 relocatable object, as GNU as would write it. */
import { ByteWriter } from './bytes';
import { type ContainerSection, symbolTable, writeContainer } from './container';
import { ElfError } from './error';
import { ET_REL, RELA64_SIZE, SHF_INFO_LINK, SHT_NOBITS, SHT_RELA } from './format';
import { mappingSymbols } from './mapping-symbols';
import type { ObjectModule, Relocation, Section, Symbol } from './object';

/**
 * Writes `module` as a .o file. `debugSections` are appended to its sections (see dwarf/).
 * Throws ElfError if a relocation or symbol names a section that the module does not have.
 */
export function writeObject(module: ObjectModule, debugSections: readonly Section[] = []): Uint8Array {
  const sections = [...module.sections, ...debugSections];
  const indices = sectionIndices(sections);
  const sectionIndex = (name: string): number => {
    const index = indices.get(name);
    if (index === undefined) {
      throw new ElfError(
        `there is no section ${name}`,
        `object made from ${module.source}`,
        'Define the section before symbols and relocations refer to it.',
      );
    }
    return index;
  };
  const relocated = sections.filter(({ relocations }) => relocations.length > 0);
  const symtabIndex = sections.length + relocated.length + 1;
  const symbols = objectSymbols(module, sections);
  const table = symbolTable(symbols, sectionIndex, symtabIndex);
  const byName = new Map(symbols.map((symbol) => [symbolKey(symbol.name, symbol.type === 'section'), symbol]));
  const symbolIndex = (relocation: Relocation): number => {
    const symbol = byName.get(symbolKey(relocation.symbol, relocation.againstSection));
    return (symbol && table.indices.get(symbol)) ?? 0;
  };
  return writeContainer({
    type: ET_REL,
    entry: 0n,
    segments: [],
    sections: [
      ...sections.map(containerSection),
      ...relocated.map((section) => relocationSection(section, sectionIndex(section.name), symtabIndex, symbolIndex)),
      ...table.sections,
    ],
  });
}

function sectionIndices(sections: readonly Section[]): Map<string, number> {
  return new Map(sections.map(({ name }, index) => [name, index + 1]));
}

const symbolKey = (name: string, isSection: boolean): string => (isSection ? `section ${name}` : name);

/** The module's symbols, section and mapping symbols, and undefined ones that only relocations name. */
function objectSymbols(module: ObjectModule, sections: readonly Section[]): Symbol[] {
  const relocations = sections.flatMap((section) => section.relocations);
  const known = new Set(module.symbols.map(({ name }) => name));
  const plain = (name: string, rest: Pick<Symbol, 'type' | 'binding' | 'section'>): Symbol => ({
    name,
    value: 0n,
    size: 0n,
    visibility: 'default',
    ...rest,
  });
  const targets = new Set(relocations.filter(({ againstSection }) => againstSection).map(({ symbol }) => symbol));
  const undefinedNames = new Set(
    relocations
      .filter(({ againstSection, symbol }) => !againstSection && symbol !== '' && !known.has(symbol))
      .map(({ symbol }) => symbol),
  );
  return [
    ...[...targets].map((name) => plain(name, { type: 'section', binding: 'local', section: name })),
    ...module.symbols.filter(({ type }) => type !== 'section'),
    ...sections.flatMap((section) => mappingSymbols(module, section)),
    ...[...undefinedNames].map((name) => plain(name, { type: 'notype', binding: 'global', section: undefined })),
  ];
}

function containerSection(section: Section): ContainerSection {
  const { name, type, flags, data, size, alignment, entrySize } = section;
  return {
    name,
    type,
    flags,
    address: 0n,
    offset: undefined,
    data: type === SHT_NOBITS ? new Uint8Array() : data,
    size,
    link: 0,
    info: 0,
    alignment: Math.max(1, alignment),
    entrySize,
  };
}

function relocationSection(
  section: Section,
  target: number,
  symtabIndex: number,
  symbolIndex: (relocation: Relocation) => number,
): ContainerSection {
  const writer = new ByteWriter();
  for (const relocation of section.relocations) {
    writer.u64(relocation.offset);
    writer.u64((BigInt(symbolIndex(relocation)) << 32n) | BigInt(relocation.type));
    writer.u64(relocation.addend);
  }
  const data = writer.finish();
  return {
    name: `.rela${section.name}`,
    type: SHT_RELA,
    flags: SHF_INFO_LINK,
    address: 0n,
    offset: undefined,
    data,
    size: data.length,
    link: symtabIndex,
    info: target,
    alignment: 8,
    entrySize: RELA64_SIZE,
  };
}
