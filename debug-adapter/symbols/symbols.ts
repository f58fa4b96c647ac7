import { mappingSymbolBits, type CodeSize, type ElfFile, type Symbol } from '../../toolchain';

/** A symbol and how far into it an address is. */
export interface SymbolOffset {
  readonly symbol: Symbol;
  readonly offset: number;
}

/** Farthest an address may be from a symbol of unknown size to be named after it. */
const MAX_OFFSET = 0x10000n;

/** From `va` on to the end of its section code is of this size. */
interface CodeSizeMark {
  readonly va: bigint;
  readonly end: bigint;
  readonly bits: CodeSize['bits'];
}

/** The symbols of all images of a session, by name and by address. */
export class SymbolTable {
  private readonly byAddress: readonly Symbol[];
  private readonly byName = new Map<string, Symbol>();
  private readonly marks: readonly CodeSizeMark[];
  /** End of the section of each symbol: a symbol of unknown size names nothing beyond it. */
  private readonly ends = new Map<Symbol, bigint>();

  constructor(images: readonly Pick<ElfFile, 'symbols' | 'sections'>[]) {
    this.marks = images.flatMap(codeSizeMarks).sort((a, b) => (a.va < b.va ? -1 : a.va > b.va ? 1 : 0));
    for (const { symbols, sections } of images) {
      const sectionEnds = new Map(sections.map(({ name, address, size }) => [name, address + BigInt(size)]));
      for (const symbol of symbols) {
        const end = sectionEnds.get(symbol.section ?? '');
        if (end !== undefined) this.ends.set(symbol, end);
      }
    }
    const defined = images
      .flatMap(({ symbols }) => symbols)
      .filter(({ section, type }) => section !== undefined && type !== 'file' && type !== 'section');
    const named = defined.filter((symbol) => symbol.name !== '' && mappingSymbolBits(symbol) === undefined);
    for (const symbol of named) {
      const known = this.byName.get(symbol.name);
      if (!known || rank(symbol) > rank(known)) this.byName.set(symbol.name, symbol);
    }
    this.byAddress = named
      .filter(({ section }) => section !== '*ABS*')
      .sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : rank(a) - rank(b)));
  }

  /** All names, in address order. */
  get names(): string[] {
    return this.byAddress.map(({ name }) => name);
  }

  /** All symbols that have an address, ascending. */
  get all(): readonly Symbol[] {
    return this.byAddress;
  }

  /** Every symbol at exactly `va`, the one that names it best first. */
  allAt(va: bigint): Symbol[] {
    const found: Symbol[] = [];
    for (let index = upperBound(this.byAddress, va) - 1; index >= 0 && this.byAddress[index].value === va; index--) {
      found.push(this.byAddress[index]);
    }
    return found;
  }

  named(name: string): Symbol | undefined {
    return this.byName.get(name);
  }

  /**
   * The symbol a function breakpoint means: the name itself, or the handler of a system call by its old name
   * (`sys_write` or `write` for `__x64_sys_write`).
   */
  functionNamed(name: string): Symbol | undefined {
    const call = name.replace(/^sys_/, '');
    return this.named(name) ?? this.named(`__x64_sys_${call}`) ?? this.named(`sys_${call}`);
  }

  /** The symbol that holds `va`, or the nearest one before it if its size is unknown. */
  at(va: bigint): SymbolOffset | undefined {
    let index = upperBound(this.byAddress, va) - 1;
    const nearest = this.byAddress[index];
    if (!nearest) return undefined;
    // Of several symbols, the innermost whose size covers the address; else the nearest one of unknown size.
    for (let steps = 0; index >= 0 && steps < 64; index--, steps++) {
      const symbol = this.byAddress[index];
      const distance = va - symbol.value;
      if (symbol.size > 0n ? distance < symbol.size : distance < MAX_OFFSET && va < (this.ends.get(symbol) ?? va)) {
        return { symbol, offset: Number(distance) };
      }
    }
    return undefined;
  }

  /**
   * The function whose code holds `va`: like `at`, but a label inside a sized function (an inner label of entry code)
   * counts as part of that function.
   */
  functionAt(va: bigint): SymbolOffset | undefined {
    const nearest = this.at(va);
    if (!nearest || nearest.symbol.size > 0n) return nearest;
    for (let index = upperBound(this.byAddress, va) - 1; index >= 0; index--) {
      const symbol = this.byAddress[index];
      if (va - symbol.value > MAX_OFFSET) break;
      if (symbol.size > 0n && va - symbol.value < symbol.size) return { symbol, offset: Number(va - symbol.value) };
    }
    return nearest;
  }

  /** `name`, or `name+0x10`; undefined outside all symbols. */
  describe(va: bigint): string | undefined {
    const found = this.at(va);
    if (!found) return undefined;
    return found.offset === 0 ? found.symbol.name : `${found.symbol.name}+0x${found.offset.toString(16)}`;
  }

  /** Addresses with `from <= va < to` that have a symbol, ascending. */
  startsBetween(from: bigint, to: bigint): bigint[] {
    const found: bigint[] = [];
    for (let index = upperBound(this.byAddress, from - 1n); index < this.byAddress.length; index++) {
      const { value } = this.byAddress[index];
      if (value >= to) break;
      found.push(value);
    }
    return found;
  }

  /** Address of the first symbol after `va`, or undefined. */
  nextAfter(va: bigint): bigint | undefined {
    return this.byAddress[upperBound(this.byAddress, va)]?.value;
  }

  /** Whether the code at `va` is marked as 16-, 32- or 64-bit; undefined if nothing is marked there. */
  codeBits(va: bigint): CodeSize['bits'] | undefined {
    return this.marks.filter((mark) => mark.va <= va && va < mark.end).at(-1)?.bits;
  }
}

function codeSizeMarks({ symbols, sections }: Pick<ElfFile, 'symbols' | 'sections'>): CodeSizeMark[] {
  return symbols.flatMap((symbol) => {
    const bits = mappingSymbolBits(symbol);
    const section = sections.find(({ name }) => name === symbol.section);
    if (bits === undefined || !section) return [];
    return [{ va: symbol.value, end: section.address + BigInt(section.size), bits }];
  });
}

/** Which of several symbols at one address names it: global before local, functions and objects before labels. */
function rank({ binding, type }: Symbol): number {
  return (binding === 'local' ? 0 : 2) + (type === 'notype' ? 0 : 1);
}

function upperBound(symbols: readonly Symbol[], va: bigint): number {
  let low = 0;
  let high = symbols.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (symbols[middle].value <= va) low = middle + 1;
    else high = middle;
  }
  return low;
}
