/** Address to source and back, over all units of an image. Units are read when something in them is asked for. */
import type { SourceLocation } from '../elf/object';
import type { ElfFile } from '../elf/reader';
import { DW_LANG_Mips_Assembler } from './format';
import type { LineSequence, LineTable } from './lines';
import { type AddressRange, contains } from './ranges';
import { DwarfSections } from './sections';
import { type CodeExpansion, type CodeScope, readUnits, type Unit } from './units';

/** Where an instruction comes from. */
export interface CodeLocation extends AddressRange {
  /** The innermost line: inside a macro that of its body. `start` and `end` bound the code of this row. */
  readonly location: SourceLocation;
  /** The innermost expansion; the same object for all of its code. */
  readonly expansion: CodeExpansion | undefined;
  /** Data among the code, by the word of our own line tables. */
  readonly isData: boolean;
  /** The function around, if the unit names one. */
  readonly function: string | undefined;
}

/** The places of a source line in the code. */
export interface LineAddresses {
  /** The line asked for, or the next one that has code. */
  readonly line: number;
  /** One per place, in order: a macro body has one for every expansion. Never empty. */
  readonly addresses: readonly bigint[];
}

/** A row of a line table, for walking over all code. */
interface Row {
  readonly table: LineTable;
  readonly sequence: LineSequence;
  readonly index: number;
}

/** Reads the debugging information of an image. Methods throw DwarfError where it is malformed. */
export class DebugInfo {
  private readonly units: readonly Unit[];
  private cachedExtents: UnitExtent[] | undefined;
  private cachedFiles: Map<string, Unit[]> | undefined;

  /** Throws DwarfError. */
  constructor(elf: ElfFile) {
    this.units = readUnits(new DwarfSections(elf));
  }

  /** Paths of all source files that the line tables name. */
  get files(): readonly string[] {
    return [...this.unitsByFile.keys()];
  }

  /** The source of the instruction at `address`, or undefined if no line table covers it. */
  locate(address: bigint): CodeLocation | undefined {
    const unit = this.unitOf(address);
    const row = unit?.root.lineTable && rowOf(unit.root.lineTable, address);
    if (!unit || !row) return undefined;
    const scopes = scopesAround(unit.scopes, address);
    return {
      ...extentOf(row),
      location: locationOf(row),
      expansion: scopes.at(-1)?.expansion,
      isData: unit.root.language === DW_LANG_Mips_Assembler && row.sequence.statements[row.index] === 0,
      function: scopes[0]?.expansion ? undefined : scopes[0]?.name,
    };
  }

  /**
   * The addresses of a line of `file`, or of the next line that has code; undefined if there is none. `file` matches a
   * path of the line tables if they are equal or one ends with the other.
   */
  addressesOf(file: string, line: number): LineAddresses | undefined {
    const tables = this.tablesOf(file);
    let nearest = Infinity;
    for (const [table, paths] of tables) {
      forEachStatement(table, paths, (_sequence, _index, candidate) => {
        if (candidate >= line && candidate < nearest) nearest = candidate;
      });
    }
    const places: Row[] = [];
    for (const [table, paths] of tables) {
      forEachStatement(table, paths, (sequence, index, candidate) => {
        if (candidate === nearest) places.push({ table, sequence, index });
      });
    }
    const addresses = this.firstOfEachScope(places.map((row) => extentOf(row).start));
    return addresses.length > 0 ? { line: nearest, addresses } : undefined;
  }

  /** The lines of a file at which a breakpoint can stand, in order. */
  linesOf(file: string): number[] {
    const lines = new Set<number>();
    for (const [table, paths] of this.tablesOf(file)) {
      forEachStatement(table, paths, (_sequence, _index, line) => lines.add(line));
    }
    return [...lines].sort((a, b) => a - b);
  }

  private unitOf(address: bigint): Unit | undefined {
    this.cachedExtents ??= unitExtents(this.units);
    const extents = this.cachedExtents;
    for (let i = lastNotAfter(extents.length, (index) => (extents[index]?.range.start ?? 0n) <= address); i >= 0; i--) {
      const extent = extents[i];
      if (!extent || extent.reach <= address) return undefined;
      if (contains(extent.range, address)) return extent.unit;
    }
    return undefined;
  }

  private get unitsByFile(): Map<string, Unit[]> {
    if (!this.cachedFiles) {
      this.cachedFiles = new Map();
      for (const unit of this.units) {
        for (const file of new Set(unit.root.lineTable?.files)) {
          if (file !== '') this.cachedFiles.set(file, [...(this.cachedFiles.get(file) ?? []), unit]);
        }
      }
    }
    return this.cachedFiles;
  }

  /** The line tables with rows of a file, each with the paths in it that mean the file. */
  private tablesOf(file: string): Map<LineTable, Set<string>> {
    const result = new Map<LineTable, Set<string>>();
    for (const path of bestMatches(file, this.files)) {
      for (const { root } of this.unitsByFile.get(path) ?? []) {
        if (root.lineTable) result.set(root.lineTable, (result.get(root.lineTable) ?? new Set()).add(path));
      }
    }
    return result;
  }

  /**
   * The addresses in order; of those in compiled code only the first in each function or inlined instance: a loop's
   * line has code at its start and at its end, and one breakpoint is meant.
   */
  private firstOfEachScope(addresses: readonly bigint[]): bigint[] {
    const seen = new Set<CodeScope>();
    const ordered = [...new Set(addresses)].sort((a, b) => (a < b ? -1 : 1));
    return ordered.filter((address) => {
      const unit = this.unitOf(address);
      const isCompiled = unit !== undefined && unit.root.language !== DW_LANG_Mips_Assembler;
      const scope = isCompiled ? scopesAround(unit.scopes, address).at(-1) : undefined;
      if (!scope) return true;
      const isFirst = !seen.has(scope);
      seen.add(scope);
      return isFirst;
    });
  }
}

interface UnitExtent {
  readonly unit: Unit;
  readonly range: AddressRange;
  /** The highest end of this and all lower extents: where the search downwards may give up. */
  readonly reach: bigint;
}

/** What units cover, by their own word or else by their line tables, in order of address. */
function unitExtents(units: readonly Unit[]): UnitExtent[] {
  const all = units.flatMap((unit) => {
    const { ranges, lineTable } = unit.root;
    return (ranges.length > 0 ? ranges : (lineTable?.sequences ?? [])).map((range) => ({ unit, range }));
  });
  let reach = 0n;
  return all
    .sort((a, b) => (a.range.start < b.range.start ? -1 : a.range.start > b.range.start ? 1 : 0))
    .map(({ unit, range }) => ({ unit, range, reach: (reach = range.end > reach ? range.end : reach) }));
}

/** The last index below `count` for which `holds`, given that it holds up to some index; -1 if for none. */
function lastNotAfter(count: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The row that covers `address`: the last one at or before it; of several at one address the last. */
function rowOf(table: LineTable, address: bigint): Row | undefined {
  const { sequences } = table;
  const at = lastNotAfter(sequences.length, (index) => (sequences[index]?.start ?? 0n) <= address);
  for (let i = at; i >= 0; i--) {
    const sequence = sequences[i];
    if (!sequence || !contains(sequence, address)) continue;
    const offset = Number(address - sequence.start);
    const index = lastNotAfter(sequence.offsets.length, (row) => (sequence.offsets[row] ?? 0) <= offset);
    if (index >= 0) return { table, sequence, index };
  }
  return undefined;
}

function extentOf({ sequence, index }: Row): AddressRange {
  const { offsets, start, end } = sequence;
  const offset = offsets[index] ?? 0;
  let next = index + 1;
  while (next < offsets.length && offsets[next] === offset) next++;
  const following = offsets[next];
  return {
    start: start + BigInt(offset),
    end: following === undefined ? end : start + BigInt(following),
  };
}

const lineOf = ({ sequence, index }: Row): number => sequence.lines[index] ?? 0;

function locationOf(row: Row): SourceLocation {
  const { sequence, index, table } = row;
  const file = table.files[sequence.files[index] ?? 0] ?? '';
  return { file, line: lineOf(row), column: sequence.columns[index] ?? 0 };
}

/** The scopes that contain `address`, outermost first. */
function scopesAround(scopes: readonly CodeScope[], address: bigint): CodeScope[] {
  const result: CodeScope[] = [];
  for (let level: readonly CodeScope[] | undefined = scopes; level;) {
    const inside: CodeScope | undefined = level.find(({ ranges }) => ranges.some((range) => contains(range, address)));
    if (inside) result.push(inside);
    level = inside?.children;
  }
  return result;
}

/** Calls `visit` for the rows of files `paths` that are statements and not only the continuation of the row before. */
function forEachStatement(
  table: LineTable,
  paths: ReadonlySet<string>,
  visit: (sequence: LineSequence, index: number, line: number) => void,
): void {
  const wanted = new Set(table.files.flatMap((file, index) => (paths.has(file) ? [index] : [])));
  for (const sequence of table.sequences) {
    const { files, lines, statements, offsets } = sequence;
    const size = Number(sequence.end - sequence.start);
    for (let index = 0; index < lines.length; index++) {
      const line = lines[index] ?? 0;
      const file = files[index] ?? 0;
      if (!statements[index] || line === 0 || !wanted.has(file) || (offsets[index] ?? 0) >= size) continue;
      const isContinuation =
        index > 0 && lines[index - 1] === line && files[index - 1] === file && statements[index - 1] === 1;
      if (!isContinuation) visit(sequence, index, line);
    }
  }
}

/** The paths that mean `file`: the same path if there is one, else those with the longest common end. */
function bestMatches(file: string, paths: readonly string[]): string[] {
  const wanted = components(file);
  let best: string[] = [];
  let bestLength = 0;
  for (const path of paths) {
    const own = components(path);
    const length = Math.min(own.length, wanted.length);
    const isSuffix = own.slice(-length).join('/') === wanted.slice(-length).join('/');
    if (!isSuffix || length < bestLength) continue;
    const exact = own.length === wanted.length ? length + 0.5 : length;
    if (exact > bestLength) best = [];
    if (exact >= bestLength) best.push(path);
    bestLength = Math.max(bestLength, exact);
  }
  return best;
}

/** Path components without '.', with '..' resolved; Windows separators count too. */
function components(path: string): string[] {
  const result: string[] = [];
  for (const part of path.split(/[\\/]/)) {
    if (part === '.' || part === '') continue;
    if (part === '..' && result.length > 0 && result.at(-1) !== '..') result.pop();
    else result.push(part);
  }
  return result;
}
