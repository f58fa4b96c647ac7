/** Symbols by address and by name. */
import { SHF_ALLOC } from './format';
import { mappingSymbolBits } from './mapping-symbols';
import type { Symbol } from './object';
import type { ElfFile } from './reader';

/** An address in terms of a symbol. */
export interface SymbolOffset {
  readonly symbol: Symbol;
  readonly offset: bigint;
}

/** The symbols of an image that stand for places in memory. */
export class SymbolTable {
  /** In order of address; of several at one address the most telling one last. */
  private readonly ordered: readonly Symbol[];
  private readonly byName = new Map<string, Symbol>();
  private readonly sections: readonly { readonly name: string; readonly start: bigint; readonly end: bigint }[];

  /** Throws ElfError if the file's symbol table is malformed. */
  constructor(elf: ElfFile) {
    this.sections = elf.sections
      .filter(({ flags }) => flags & SHF_ALLOC)
      .map(({ name, address, size }) => ({ name, start: address, end: address + BigInt(size) }));
    const names = new Set(this.sections.map(({ name }) => name));
    this.ordered = elf.symbols
      .filter((symbol) => symbol.section !== undefined && names.has(symbol.section) && isPlace(symbol))
      .sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : precedence(a) - precedence(b)));
    for (const symbol of elf.symbols) {
      if (symbol.section === undefined || symbol.name === '' || !isNamed(symbol)) continue;
      const earlier = this.byName.get(symbol.name);
      if (!earlier || (earlier.binding === 'local' && symbol.binding !== 'local')) this.byName.set(symbol.name, symbol);
    }
  }

  /** The definition of `name`, a global one before a local one. */
  named(name: string): Symbol | undefined {
    return this.byName.get(name);
  }

  /** All symbols that stand for places, in order of address. */
  get all(): readonly Symbol[] {
    return this.ordered;
  }

  /** The nearest symbol at or below `va` in the same section; undefined outside all sections. */
  nearest(va: bigint): SymbolOffset | undefined {
    const section = this.sections.find(({ start, end }) => va >= start && va < end);
    for (let index = this.indexAfter(va) - 1; section && index >= 0; index--) {
      const symbol = this.ordered[index];
      if (!symbol || symbol.value < section.start) return undefined;
      if (symbol.section === section.name) return { symbol, offset: va - symbol.value };
    }
    return undefined;
  }

  /** The symbols whose address is `va`, the most telling one first. */
  at(va: bigint): Symbol[] {
    const result: Symbol[] = [];
    for (let index = this.indexAfter(va) - 1; this.ordered[index]?.value === va; index--) {
      const symbol = this.ordered[index];
      if (symbol) result.push(symbol);
    }
    return result;
  }

  /** `<name>` or `<name+0x10>`, as objdump writes an address; undefined if no symbol is near. */
  describe(va: bigint): string | undefined {
    const found = this.nearest(va);
    return found && `<${found.symbol.name}${found.offset === 0n ? '' : `+0x${found.offset.toString(16)}`}>`;
  }

  private indexAfter(va: bigint): number {
    let low = 0;
    let high = this.ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ordered[middle]?.value ?? 0n) <= va) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isNamed(symbol: Symbol): boolean {
  return symbol.type !== 'file' && symbol.type !== 'section' && mappingSymbolBits(symbol) === undefined;
}

function isPlace(symbol: Symbol): boolean {
  return symbol.name !== '' && symbol.type !== 'tls' && isNamed(symbol);
}

function precedence({ type, binding }: Symbol): number {
  return (
    (type === 'function' ? 6 : type === 'object' ? 3 : 0) + (binding === 'global' ? 2 : binding === 'weak' ? 1 : 0)
  );
}
