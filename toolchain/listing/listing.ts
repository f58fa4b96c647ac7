/** Generated listings: of a linked image, with a map between lines and addresses, and of an object. */
import type { DebugInfo } from '../dwarf/debug-info';
import { EM_386, SHF_ALLOC, SHF_EXECINSTR, SHT_PROGBITS } from '../elf/format';
import { rowAt } from '../elf/line-rows';
import { codeSizesOf, mappingSymbolBits } from '../elf/mapping-symbols';
import type { CodeSize, ObjectModule, Section, Symbol } from '../elf/object';
import type { ElfFile, ElfSection } from '../elf/reader';
import { RELOCATION_TYPES } from '../elf/relocations';
import { SymbolTable } from '../elf/symbol-table';
import { type CodeSection, type ListedInstruction, writeListing, type WriterOptions } from './writer';

export interface ListingOptions extends WriterOptions {
  /** Named in the first line. */
  readonly name: string;
  /** Without it the listing has no source lines. */
  readonly debugInfo?: DebugInfo;
  /** List only code from `start` up to, not including, `end`. */
  readonly range?: { readonly start: bigint; readonly end: bigint };
}

/** A listing document: what a debugger shows, and where in it. Lines count from 1. */
export class Listing {
  private readonly byAddress: readonly ListedInstruction[];

  constructor(
    readonly text: string,
    /** In order of line. */
    readonly instructions: readonly ListedInstruction[],
  ) {
    this.byAddress = [...instructions].sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  /** The line of the instruction that `address` is in. */
  lineOf(address: bigint): number | undefined {
    const found = this.byAddress[lastWhere(this.byAddress, (instruction) => instruction.address <= address)];
    return found && address < found.address + BigInt(found.length) ? found.line : undefined;
  }

  /** The instruction at `line`, else the next one below it: where a breakpoint on this line stands. */
  instructionAt(line: number): { readonly line: number; readonly address: bigint } | undefined {
    return this.instructions[lastWhere(this.instructions, (instruction) => instruction.line < line) + 1];
  }
}

/** Lists the code of an image. Throws ElfError or DwarfError if what it shows is malformed. */
export function imageListing(elf: ElfFile, options: ListingOptions): Listing {
  const { debugInfo, range, name } = options;
  const symbols = new SymbolTable(elf);
  const sections = elf.sections.filter(isCode).flatMap((section): CodeSection[] => {
    const start = range && range.start > section.address ? Number(range.start - section.address) : 0;
    const end = range ? Math.min(section.size, Number(range.end - section.address)) : section.size;
    if (start >= end) return [];
    return [
      {
        name: section.name,
        address: section.address + BigInt(start),
        data: section.data.subarray(start, end),
        codeSizes: imageCodeSizes(elf, section).map(({ offset, bits }) => ({
          offset: Math.max(0, offset - start),
          bits,
        })),
        labels: symbols.all
          .filter((symbol) => symbol.section === section.name)
          .map((symbol) => ({ name: symbol.name, address: symbol.value })),
        relocations: new Map(),
        locate: (address) => debugInfo?.locate(address),
        describe: (address) => symbols.describe(address),
      },
    ];
  });
  const entry = `${elf.entry.toString(16)} ${symbols.describe(elf.entry) ?? ''}`.trim();
  const { text, instructions } = writeListing(`${name}: ELF${elf.bits} image, entry ${entry}`, sections, options);
  return new Listing(text, instructions);
}

/** Lists the code of an object, with addresses that are offsets in its sections, and its relocations. */
export function objectListing(module: ObjectModule, options: WriterOptions = {}): string {
  const sections = module.sections.filter(isCode).map((section): CodeSection => {
    const labels = module.symbols
      .filter((symbol) => symbol.section === section.name && symbol.type !== 'section')
      .sort((a, b) => Number(a.value - b.value));
    return {
      name: section.name,
      address: 0n,
      data: section.data,
      codeSizes: codeSizesOf(module, section),
      labels: labels.map(({ name, value }) => ({ name, address: value })),
      relocations: relocationTexts(section),
      locate: (address) => {
        const row = rowAt(module, section.name, Number(address));
        if (!row || row.offset > Number(address)) return undefined;
        return { ...row, isData: row.content === 'data', end: BigInt(row.offset + row.length) };
      },
      describe: (address) => describeOffset(labels, address),
    };
  });
  return writeListing(`${module.source}: relocatable object`, sections, options).text;
}

function isCode({ type, flags }: Pick<ElfSection, 'type' | 'flags'>): boolean {
  return type === SHT_PROGBITS && (flags & SHF_ALLOC) !== 0 && (flags & SHF_EXECINSTR) !== 0;
}

function imageCodeSizes(elf: ElfFile, section: ElfSection): CodeSize[] {
  const sizes = elf.symbols
    .flatMap((symbol): CodeSize[] => {
      const bits = symbol.section === section.name ? mappingSymbolBits(symbol) : undefined;
      return bits ? [{ offset: Number(symbol.value - section.address), bits }] : [];
    })
    .sort((a, b) => a.offset - b.offset);
  return elf.machine === EM_386 && sizes[0]?.offset !== 0 ? [{ offset: 0, bits: 32 }, ...sizes] : sizes;
}

function relocationTexts({ relocations }: Section): CodeSection['relocations'] {
  const texts = relocations.map(({ offset, type, symbol, addend }): [number, string] => {
    const name = RELOCATION_TYPES.get(type)?.name ?? `type ${type}`;
    const distance = addend === 0n ? '' : addend < 0n ? `-0x${(-addend).toString(16)}` : `+0x${addend.toString(16)}`;
    return [offset, `${name} ${symbol}${distance}`];
  });
  return new Map(texts);
}

function describeOffset(labels: readonly Symbol[], address: bigint): string | undefined {
  const symbol = labels[lastWhere(labels, ({ value }) => value <= address)];
  if (!symbol) return undefined;
  const distance = address - symbol.value;
  return `<${symbol.name}${distance === 0n ? '' : `+0x${distance.toString(16)}`}>`;
}

/** The last index for which `holds`, given that it holds up to some index; -1 if for none. */
function lastWhere<T>(items: readonly T[], holds: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && holds(item)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
