/**
 * Code-size switches as symbols. ELF has no place to say that a stretch of code is 32-bit, so, as the ARM ABI does with
 * its mapping symbols, a local symbol `$code16`, `$code32` or `$code64` marks where such a stretch begins. Sections
 * that are wholly 64-bit carry none.
 */
import { SHF_EXECINSTR } from './format';
import type { CodeSize, ObjectModule, Section, Symbol } from './object';

const MAPPING_SYMBOL = /^\$code(16|32|64)$/;

/** The code size that a mapping symbol announces, or undefined for an ordinary symbol. */
export function mappingSymbolBits(symbol: Symbol): CodeSize['bits'] | undefined {
  const match = symbol.binding === 'local' ? MAPPING_SYMBOL.exec(symbol.name) : null;
  return match ? (Number(match[1]) as CodeSize['bits']) : undefined;
}

/** Where the code size of a section switches, by its own word or else by its line rows; empty if it is wholly 64-bit. */
export function codeSizesOf(module: ObjectModule, section: Section): readonly CodeSize[] {
  if (section.codeSizes) return section.codeSizes.every(({ bits }) => bits === 64) ? [] : section.codeSizes;
  if (!(section.flags & SHF_EXECINSTR)) return [];
  const sizes: CodeSize[] = [];
  const rows = module.lines.filter((row) => row.section === section.name).sort((a, b) => a.offset - b.offset);
  for (const { offset, content = 64 } of rows) {
    if (content !== 'data' && content !== (sizes.at(-1)?.bits ?? 64)) sizes.push({ offset, bits: content });
  }
  return sizes;
}

/** The mapping symbols of a section, with offsets in it as values. */
export function mappingSymbols(module: ObjectModule, section: Section): Symbol[] {
  const sizes = codeSizesOf(module, section);
  if (sizes.length === 0) return [];
  const all = sizes[0]?.offset === 0 ? sizes : [{ offset: 0, bits: 64 } as const, ...sizes];
  return all.map(({ offset, bits }) => ({
    name: `$code${bits}`,
    value: BigInt(offset),
    size: 0n,
    type: 'notype',
    binding: 'local',
    visibility: 'default',
    section: section.name,
  }));
}
