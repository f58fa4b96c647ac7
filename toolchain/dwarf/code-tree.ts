/** What the code of a module consists of: functions, labels, and macro expansions nested as they were called. */
import { expansionChain, outermostLocation, rowAt } from '../elf/line-rows';
import { mappingSymbolBits } from '../elf/mapping-symbols';
import type { LineRow, MacroExpansion, ObjectModule, Section, SourceLocation, Symbol } from '../elf/object';
import { codeRows } from './line-writer';

/** From `start` up to, not including, `end`; offsets in a section. */
export interface OffsetRange {
  start: number;
  end: number;
}

/** An expansion with the code it made in one scope; `ranges` include those of `children`. */
export interface ExpansionNode {
  readonly expansion: MacroExpansion;
  readonly ranges: OffsetRange[];
  readonly children: ExpansionNode[];
}

export interface LabelNode {
  readonly symbol: Symbol;
  readonly declared: SourceLocation;
}

/** A function, or (without a symbol) the code of a section in front of the first one. */
export interface ScopeNode {
  readonly function: LabelNode | undefined;
  readonly section: string;
  readonly range: OffsetRange;
  readonly labels: readonly LabelNode[];
  readonly expansions: readonly ExpansionNode[];
}

/** The scopes of a code section in order; none if it has no line rows. */
export function codeTree(module: ObjectModule, section: Section): ScopeNode[] {
  const rows = codeRows(module, section);
  if (rows.length === 0) return [];
  const labels = module.symbols
    .filter((symbol) => symbol.section === section.name && symbol.type !== 'section' && !mappingSymbolBits(symbol))
    .sort((a, b) => Number(a.value - b.value));
  const functions = functionExtents(labels, section.size);
  const scopes = [...functions.map(({ range, symbol }) => ({ range, symbol })), ...gaps(functions, section.size)];
  return scopes
    .sort((a, b) => a.range.start - b.range.start)
    .map(({ range, symbol }) => {
      const inside = (offset: number): boolean => offset >= range.start && offset < range.end;
      const declare = (label: Symbol): LabelNode => {
        const row = label.definition ? undefined : rowAt(module, section.name, Number(label.value));
        const nearby = row ? outermostLocation(row) : { file: module.source, line: 1, column: 0 };
        return { symbol: label, declared: label.definition ?? nearby };
      };
      return {
        function: symbol && declare(symbol),
        section: section.name,
        range,
        labels: labels.filter((label) => label !== symbol && inside(Number(label.value))).map(declare),
        expansions: expansionTree(rows.filter(({ offset }) => inside(offset))),
      };
    });
}

interface FunctionExtent {
  readonly symbol: Symbol | undefined;
  readonly range: OffsetRange;
}

/**
 * Functions are symbols of function type, and global labels outside them. One with a size covers that many bytes,
 * another one reaches to the next function. A label inside a function that has a size is no function of its own.
 */
function functionExtents(labels: readonly Symbol[], sectionSize: number): FunctionExtent[] {
  const extents: { symbol: Symbol; range: OffsetRange }[] = [];
  const startOf = (symbol: Symbol): number => Number(symbol.value);
  const overlaps = (start: number, end: number): boolean =>
    extents.some(({ range }) => start < range.end && range.start < end);
  for (const symbol of labels.filter(({ type, size }) => type === 'function' && size > 0n)) {
    const start = startOf(symbol);
    const end = Math.min(start + Number(symbol.size), sectionSize);
    if (!overlaps(start, end)) extents.push({ symbol, range: { start, end } });
  }
  const unsized = labels.filter(
    ({ type, binding, size }) => (type === 'function' && size === 0n) || (type === 'notype' && binding !== 'local'),
  );
  const open = unsized.filter((symbol) => !overlaps(startOf(symbol), startOf(symbol) + 1));
  const starts = [...extents.map(({ range }) => range.start), ...open.map(startOf), sectionSize].sort((a, b) => a - b);
  for (const [index, symbol] of open.entries()) {
    const start = startOf(symbol);
    const isAlias = index > 0 && startOf(open[index - 1] ?? symbol) === start;
    const end = starts.find((next) => next > start);
    if (!isAlias && end !== undefined) extents.push({ symbol, range: { start, end } });
  }
  return extents.sort((a, b) => a.range.start - b.range.start);
}

/** What the functions leave uncovered. */
function gaps(functions: readonly FunctionExtent[], sectionSize: number): FunctionExtent[] {
  const result: FunctionExtent[] = [];
  let end = 0;
  for (const { range } of [...functions, { range: { start: sectionSize, end: sectionSize } }]) {
    if (range.start > end) result.push({ symbol: undefined, range: { start: end, end: range.start } });
    end = Math.max(end, range.end);
  }
  return result;
}

/** The expansions of consecutive rows as a forest. */
function expansionTree(rows: readonly LineRow[]): ExpansionNode[] {
  const roots: ExpansionNode[] = [];
  let before = new Set<MacroExpansion>();
  for (const { offset, length, expansion } of rows) {
    const chain = expansionChain(expansion);
    let siblings = roots;
    for (const current of chain) {
      let node = siblings.find((candidate) => candidate.expansion === current);
      if (!node) siblings.push((node = { expansion: current, ranges: [], children: [] }));
      const last = node.ranges.at(-1);
      // Padding between two rows of one expansion belongs to it.
      if (last && before.has(current)) last.end = offset + length;
      else node.ranges.push({ start: offset, end: offset + length });
      siblings = node.children;
    }
    before = new Set(chain);
  }
  return roots;
}
