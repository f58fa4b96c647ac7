import { resolve } from 'node:path';
import type { CodeExpansion, CodeLocation, DebugInfo, SourceLocation } from '../../toolchain';

/** A stretch of executable addresses, `end` exclusive. */
export interface CodeRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** The macro expansions around a place, outermost first. */
export function expansionChain(expansion: CodeExpansion | undefined): CodeExpansion[] {
  const chain: CodeExpansion[] = [];
  for (let each = expansion; each; each = each.parent) chain.unshift(each);
  return chain;
}

/** The code of one line of one file. */
interface LineCode {
  /** Where it begins, ascending. */
  readonly addresses: bigint[];
  /** Where its statements begin in the line. */
  readonly columns: Set<number>;
}

type LineIndex = Map<string, Map<number, LineCode>>;

/** Line information of an image that answers by itself, because it is too large to be indexed as a whole. */
export interface LineSource {
  at(va: bigint): CodeLocation | undefined;
  readonly files: readonly string[];
  addresses(path: string, line: number): readonly bigint[];
  linesWithCode(path: string, first: number, last: number): number[];
}

/** Line information of all images: an address's line and macro expansions, and the addresses of a line. */
export class LineTable {
  private cachedIndex: LineIndex | undefined;
  private cachedStarts: bigint[] = [];

  /** `code` is where instructions may be; `nextStart` the next address at which code known by name begins. */
  constructor(
    private readonly images: readonly DebugInfo[],
    private readonly code: readonly CodeRange[],
    private readonly nextStart: (va: bigint) => bigint | undefined,
    private readonly others: readonly LineSource[] = [],
  ) {}

  /** The line the instruction at `va` comes from; inside macros that of the body. */
  at(va: bigint): CodeLocation | undefined {
    for (const image of this.images) {
      const found = image.locate(va);
      if (found) return found;
    }
    for (const other of this.others) {
      const found = other.at(va);
      if (found) return found;
    }
    return undefined;
  }

  /** How many of the innermost expansions at `va` have it as their first instruction. */
  expansionsStartingAt(va: bigint): number {
    const chain = expansionChain(this.at(va)?.expansion);
    const first = chain.findIndex(({ ranges }) => ranges[0]?.start === va);
    return first < 0 ? 0 : chain.length - first;
  }

  /** Files that have code, as absolute paths. */
  get files(): string[] {
    return [...this.index.keys(), ...this.others.flatMap(({ files }) => files)];
  }

  /** Addresses at which the code of `line` (or of a macro called there) begins, in every expansion. */
  addresses(path: string, line: number): readonly bigint[] {
    const indexed = this.index.get(resolve(path));
    if (indexed) return indexed.get(line)?.addresses ?? [];
    return this.others.flatMap((other) => other.addresses(path, line));
  }

  /** Whether code of `line` begins in several columns, so that the line alone does not tell the statement. */
  hasSeveralStatements(path: string, line: number): boolean {
    return (this.index.get(resolve(path))?.get(line)?.columns.size ?? 0) > 1;
  }

  /** The first line at or after `line` that has code. */
  nextLineWithCode(path: string, line: number): number | undefined {
    const [next] = this.linesWithCode(path, line, Infinity);
    return next;
  }

  /** Lines of `path` from `first` to `last` that have code, ascending. */
  linesWithCode(path: string, first: number, last: number): number[] {
    const indexed = this.index.get(resolve(path));
    if (!indexed) return this.others.flatMap((other) => other.linesWithCode(path, first, last));
    return [...indexed.keys()].filter((line) => line >= first && line <= last).sort((a, b) => a - b);
  }

  /** Starts of rows with `from <= va < to`: known instruction boundaries. Linux, which rewrites its code, knows none. */
  startsBetween(from: bigint, to: bigint): bigint[] {
    void this.index;
    return this.cachedStarts.filter((va) => va >= from && va < to);
  }

  private get index(): LineIndex {
    if (!this.cachedIndex) {
      this.cachedIndex = new Map();
      for (const { start, end } of this.code) this.indexRange(this.cachedIndex, start, end);
    }
    return this.cachedIndex;
  }

  private indexRange(index: LineIndex, start: bigint, end: bigint): void {
    let previous: CodeLocation | undefined;
    for (let va = start; va < end;) {
      const row = this.at(va);
      if (!row) {
        previous = undefined;
        va = this.nextStart(va) ?? end;
        continue;
      }
      this.cachedStarts.push(va);
      codeOf(index, row.location).columns.add(row.location.column);
      const adjacent = previous?.end === row.start ? previous : undefined;
      if (!adjacent || adjacent.expansion !== row.expansion || !sameLine(row.location, adjacent.location)) {
        addTo(index, row.location, va);
      }
      for (const { call, ranges } of expansionChain(row.expansion)) if (ranges[0]?.start === va) addTo(index, call, va);
      previous = row;
      va = row.end > va ? row.end : va + 1n;
    }
  }
}

function codeOf(index: LineIndex, { file, line }: SourceLocation): LineCode {
  const path = resolve(file);
  const lines = index.get(path) ?? new Map<number, LineCode>();
  index.set(path, lines);
  const code = lines.get(line) ?? { addresses: [], columns: new Set<number>() };
  lines.set(line, code);
  return code;
}

function addTo(index: LineIndex, location: SourceLocation, va: bigint): void {
  const { addresses, columns } = codeOf(index, location);
  columns.add(location.column);
  if (!addresses.includes(va)) addresses.push(va);
}

function sameLine(a: SourceLocation, b: SourceLocation): boolean {
  return a.file === b.file && a.line === b.line;
}
