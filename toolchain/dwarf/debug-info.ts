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
      function: scopes[0]?.expansion ? undefined : scopes[0]?.name,
    };
  }

  /**
   * The addresses of a line of `file`, or of the next line that has code; undefined if there is none. `file` matches a
   * path of the line tables if they are equal or one ends with the other.
   */
  addressesOf(file: string, line: number): LineAddresses | undefined {
    const rows = this.statementsOf(file).filter((row) => lineOf(row) >= line);
    const nearest = rows.reduce((least, row) => Math.min(least, lineOf(row)), Infinity);
    const places = rows.filter((row) => lineOf(row) === nearest);
    const addresses = new Set(places.flatMap((row) => this.firstOfScope(row, places)));
    if (addresses.size === 0) return undefined;
    return { line: nearest, addresses: [...addresses].sort((a, b) => (a < b ? -1 : 1)) };
  }

  /** The lines of a file at which a breakpoint can stand, in order. */
  linesOf(file: string): number[] {
    return [...new Set(this.statementsOf(file).map(lineOf))].sort((a, b) => a - b);
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

  /** The rows of a file at which a statement begins. */
  private statementsOf(file: string): Row[] {
    const result: Row[] = [];
    for (const path of bestMatches(file, this.files)) {
      const tables = new Set(this.unitsByFile.get(path)?.map((unit) => unit.root.lineTable));
      for (const table of tables) if (table) result.push(...statementsIn(table, path));
    }
    return result;
  }

  /**
   * The address of a row, unless its unit is a compiler's and the same function (or inlined instance) has an earlier
   * row of the line: a loop's line has code at its start and at its end, and one breakpoint is meant.
   */
  private firstOfScope(row: Row, rows: readonly Row[]): bigint[] {
    const address = extentOf(row).start;
    const unit = this.unitOf(address);
    if (!unit || unit.root.language === DW_LANG_Mips_Assembler) return [address];
    const scope = scopesAround(unit.scopes, address).at(-1);
    const isFirst = rows.every((other) => {
      const { start } = extentOf(other);
      return start >= address || !scope || scopesAround(unit.scopes, start).at(-1) !== scope;
    });
    return isFirst ? [address] : [];
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

/** Rows of `path` that are statements and not only the continuation of the row before. */
function statementsIn(table: LineTable, path: string): Row[] {
  const wanted = new Set(table.files.flatMap((file, index) => (file === path ? [index] : [])));
  const rows: Row[] = [];
  for (const sequence of table.sequences) {
    const { files, lines, statements, offsets } = sequence;
    for (let index = 0; index < lines.length; index++) {
      if (!statements[index] || lines[index] === 0 || !wanted.has(files[index] ?? 0)) continue;
      const isContinuation =
        index > 0 && lines[index - 1] === lines[index] && files[index - 1] === files[index] && statements[index - 1];
      const isBeyond = BigInt(offsets[index] ?? 0) + sequence.start >= sequence.end;
      if (!isContinuation && !isBeyond) rows.push({ table, sequence, index });
    }
  }
  return rows;
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
