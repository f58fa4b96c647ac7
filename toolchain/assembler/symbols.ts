/** Symbols while assembling: where each is defined, what is known of it, and where it is named. */
import type { SourceLocation } from '../elf/object';
import type { Expression } from './expressions';
import type { Place } from './sections';

export type SymbolDefinition =
  | { readonly kind: 'label'; readonly place: Place }
  | { readonly kind: 'equate'; readonly expression: Expression }
  | { readonly kind: 'common'; readonly size: bigint; readonly alignment: bigint };

export type SymbolType = 'notype' | 'object' | 'function' | 'tls' | 'ifunc';

export class AsmSymbol {
  definition: SymbolDefinition | undefined;
  definedAt: SourceLocation | undefined;
  isGlobal = false;
  isWeak = false;
  isLocal = false;
  type: SymbolType = 'notype';
  visibility: 'default' | 'internal' | 'hidden' | 'protected' = 'default';
  size: Expression | undefined;
  /** Named by a relocation or directive that needs it in the object's symbol table. */
  isUsed = false;

  constructor(
    readonly name: string,
    /** Place in the order of first mention, which is the order of the symbol table. */
    readonly order: number,
    /** Numeric labels, `.` and the like: never in the symbol table. */
    readonly isInternal: boolean,
  ) {}

  /** Names beginning with .L are kept out of the symbol table. */
  get isTemporary(): boolean {
    return this.isInternal || this.name.startsWith('.L');
  }

  /** Global as seen by other objects: said so, or never defined here. */
  get isExternal(): boolean {
    return this.isGlobal || this.isWeak;
  }
}

/** One mention of a symbol, for an editor. */
export interface SymbolReference {
  readonly name: string;
  readonly location: SourceLocation;
  readonly endColumn: number;
  /** Of `1f` and the like, which name another label in each place: where that label stands. */
  readonly label?: SourceLocation | undefined;
}

export class SymbolTable {
  private readonly symbols = new Map<string, AsmSymbol>();
  private readonly numeric = new Map<number, { forward: AsmSymbol | undefined; last: AsmSymbol | undefined }>();
  private order = 0;

  get(name: string): AsmSymbol {
    let symbol = this.symbols.get(name);
    if (symbol === undefined) {
      symbol = new AsmSymbol(name, this.order++, false);
      this.symbols.set(name, symbol);
    }
    return symbol;
  }

  find(name: string): AsmSymbol | undefined {
    return this.symbols.get(name);
  }

  /** A fresh symbol that takes the name over; mentions up to now keep the old value. */
  replace(old: AsmSymbol): AsmSymbol {
    const symbol = new AsmSymbol(old.name, old.order, false);
    symbol.isGlobal = old.isGlobal;
    symbol.isWeak = old.isWeak;
    symbol.isLocal = old.isLocal;
    symbol.type = old.type;
    symbol.visibility = old.visibility;
    symbol.size = old.size;
    symbol.isUsed = old.isUsed;
    this.symbols.set(old.name, symbol);
    return symbol;
  }

  internal(name: string, definition: SymbolDefinition): AsmSymbol {
    const symbol = new AsmSymbol(name, this.order, true);
    symbol.definition = definition;
    return symbol;
  }

  /** `N:` */
  defineNumeric(label: number, place: Place): AsmSymbol {
    const entry = this.numericEntry(label);
    const symbol = entry.forward ?? new AsmSymbol(`${label}`, this.order, true);
    symbol.definition = { kind: 'label', place };
    entry.forward = undefined;
    entry.last = symbol;
    return symbol;
  }

  /** `Nb` or `Nf`; `undefined` for an Nb without an N before it. */
  numericReference(label: number, direction: 'b' | 'f'): AsmSymbol | undefined {
    const entry = this.numericEntry(label);
    if (direction === 'b') return entry.last;
    return (entry.forward ??= new AsmSymbol(`${label}`, this.order, true));
  }

  private numericEntry(label: number): { forward: AsmSymbol | undefined; last: AsmSymbol | undefined } {
    let entry = this.numeric.get(label);
    if (entry === undefined) {
      entry = { forward: undefined, last: undefined };
      this.numeric.set(label, entry);
    }
    return entry;
  }

  /** All named symbols in order of first mention. */
  all(): AsmSymbol[] {
    return [...this.symbols.values()];
  }
}
