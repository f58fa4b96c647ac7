import { resolve } from 'node:path';
import type { MacroExpansion, SourceLocation } from '../../toolchain';

/** The code at `va`..`va + length - 1` comes from `location`; inside macros that is the line of the macro's body. */
export interface AddressedLine {
  readonly va: bigint;
  readonly length: number;
  readonly location: SourceLocation;
  readonly expansion: MacroExpansion | undefined;
}

/** The macro expansions around a line, outermost first. */
export function expansionChain(expansion: MacroExpansion | undefined): MacroExpansion[] {
  const chain: MacroExpansion[] = [];
  for (let each = expansion; each; each = each.parent) chain.unshift(each);
  return chain;
}

const place = ({ file, line, column }: SourceLocation): string => `${file}:${line}:${column}`;

/** Two rows are of the same expansion when the macro, the call and all calls around it are the same. */
export function sameExpansion(a: MacroExpansion | undefined, b: MacroExpansion | undefined): boolean {
  let [left, right] = [a, b];
  while (left && right && left !== right) {
    if (left.macro !== right.macro || place(left.call) !== place(right.call)) return false;
    left = left.parent;
    right = right.parent;
  }
  return left === right;
}

/** Line information of all images, by address and by source line. */
export class LineTable {
  private readonly rows: readonly AddressedLine[];
  /** file -> line -> addresses at which code of that line begins, ascending. */
  private readonly byFile = new Map<string, Map<number, bigint[]>>();

  constructor(rows: readonly AddressedLine[]) {
    this.rows = [...rows].sort((a, b) => (a.va < b.va ? -1 : a.va > b.va ? 1 : 0));
    let previous: AddressedLine | undefined;
    for (const row of this.rows) {
      const chain = expansionChain(row.expansion);
      const before = previous ? expansionChain(previous.expansion) : [];
      const adjacent = previous !== undefined && previous.va + BigInt(previous.length) === row.va;
      if (!adjacent || !previous || !sameExpansion(row.expansion, previous.expansion) || !sameLine(row, previous)) {
        this.add(row.location, row.va);
      }
      chain.forEach((expansion, depth) => {
        if (!adjacent || !sameExpansion(before[depth], expansion)) this.add(expansion.call, row.va);
      });
      previous = row;
    }
  }

  /** The row whose code holds `va`. */
  at(va: bigint): AddressedLine | undefined {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].va <= va) low = middle + 1;
      else high = middle;
    }
    const row = this.rows[low - 1];
    return row && va < row.va + BigInt(row.length) ? row : undefined;
  }

  /**
   * The expansions that begin exactly at `va`: how many of the row's innermost expansions have it as their first
   * instruction.
   */
  expansionsStartingAt(va: bigint): number {
    const row = this.at(va);
    if (!row || row.va !== va) return 0;
    const chain = expansionChain(row.expansion);
    const before = this.at(va - 1n);
    const previous = before ? expansionChain(before.expansion) : [];
    let shared = 0;
    while (shared < chain.length && sameExpansion(chain[shared], previous[shared])) shared++;
    return chain.length - shared;
  }

  /** Files that have code, as absolute paths. */
  get files(): string[] {
    return [...this.byFile.keys()];
  }

  /** Addresses at which the code of `line` (or of a macro called there) begins, in every expansion. */
  addresses(path: string, line: number): readonly bigint[] {
    return this.byFile.get(resolve(path))?.get(line) ?? [];
  }

  /** The first line at or after `line` that has code. */
  nextLineWithCode(path: string, line: number): number | undefined {
    let best: number | undefined;
    for (const candidate of this.byFile.get(resolve(path))?.keys() ?? []) {
      if (candidate >= line && (best === undefined || candidate < best)) best = candidate;
    }
    return best;
  }

  /** Lines of `path` between `first` and `last` that have code, ascending. */
  linesWithCode(path: string, first: number, last: number): number[] {
    return [...(this.byFile.get(resolve(path))?.keys() ?? [])]
      .filter((line) => line >= first && line <= last)
      .sort((a, b) => a - b);
  }

  /** Starts of rows with `from <= va < to`: known instruction boundaries. */
  startsBetween(from: bigint, to: bigint): bigint[] {
    return this.rows.filter(({ va }) => va >= from && va < to).map(({ va }) => va);
  }

  private add(location: SourceLocation, va: bigint): void {
    const file = resolve(location.file);
    let lines = this.byFile.get(file);
    if (!lines) this.byFile.set(file, (lines = new Map()));
    const addresses = lines.get(location.line);
    if (!addresses) lines.set(location.line, [va]);
    else if (addresses[addresses.length - 1] !== va) addresses.push(va);
  }
}

function sameLine(a: AddressedLine, b: AddressedLine): boolean {
  return a.location.file === b.location.file && a.location.line === b.location.line;
}
