/** The outline: labels, constants, macros and C macros, by section, local labels below the global ones they serve. */
import { SymbolKind, type DocumentSymbol } from 'vscode-languageserver';
import type { SymbolDefinitionSite } from '../../toolchain';
import { isInMacroBody, type Analysis } from '../analysis';
import { rangeOf } from '../positions';
import type { SourceFiles } from '../source-files';

/** A symbol before it has its place in the tree. */
interface Item {
  readonly symbol: DocumentSymbol;
  readonly section: string | undefined;
  /** 0: stands by itself; 1: a plain label, below the one before of rank 0; 2: a .L label, below any other label. */
  readonly rank: 0 | 1 | 2;
  readonly isLabel: boolean;
}

export function documentSymbols(analysis: Analysis, path: string, files: SourceFiles): DocumentSymbol[] {
  const items = [...labels(analysis, path, files), ...macros(analysis, path, files), ...cMacros(analysis, path, files)];
  items.sort((a, b) => before(a.symbol, b.symbol));
  extend(items, (files.read(path) ?? '').split('\n').length);
  return bySection(nest(items));
}

function labels(analysis: Analysis, path: string, files: SourceFiles): Item[] {
  const seen = new Set<string>();
  return analysis.result.definitions
    .filter((site) => {
      const { name, location } = site;
      const key = `${name} ${location.line}`;
      const isNew = location.file === path && location.column > 0 && !seen.has(key);
      seen.add(key);
      return isNew && !isInMacroBody(analysis, location);
    })
    .map((site) => {
      const range = rangeOf(site.location, site.endColumn, files);
      const detail =
        site.kind === 'constant' ? 'constant' : `${site.isGlobal ? 'global ' : ''}${site.section ?? ''}`.trim();
      const symbol = { name: site.name, detail, kind: kindOf(site), range, selectionRange: range };
      return { symbol, section: site.section, rank: rankOf(site), isLabel: site.kind === 'label' };
    });
}

function kindOf({ kind, isFunction, section }: SymbolDefinitionSite): SymbolKind {
  if (kind === 'constant') return SymbolKind.Constant;
  if (isFunction) return SymbolKind.Function;
  return /^\.(?:ro|t)?data|^\.t?bss/.test(section ?? '') ? SymbolKind.Variable : SymbolKind.Key;
}

function rankOf({ name, kind, isFunction, isGlobal }: SymbolDefinitionSite): Item['rank'] {
  if (kind === 'constant' || isFunction || isGlobal) return 0;
  return name.startsWith('.L') || /^\d/.test(name) ? 2 : 1;
}

function macros({ result }: Analysis, path: string, files: SourceFiles): Item[] {
  return result.macros
    .filter(({ location }) => location.file === path)
    .map(({ name, location, body }) => {
      const selectionRange = rangeOf(location, location.column + name.length, files);
      const last = body.reduce((line, each) => (each.file === path ? Math.max(line, each.line) : line), location.line);
      const range = { start: selectionRange.start, end: { line: last, character: 0 } };
      const symbol = { name, detail: 'macro', kind: SymbolKind.Method, range, selectionRange };
      return { symbol, section: undefined, rank: 0, isLabel: false };
    });
}

function cMacros({ result }: Analysis, path: string, files: SourceFiles): Item[] {
  return (result.preprocessed?.macros ?? [])
    .filter(({ location }) => location.file === path)
    .map(({ name, location, parameters }) => {
      const range = rangeOf(location, location.column + name.length, files);
      const kind = parameters ? SymbolKind.Method : SymbolKind.Constant;
      const symbol = { name, detail: '#define', kind, range, selectionRange: range };
      return { symbol, section: undefined, rank: 0, isLabel: false };
    });
}

/** Puts lesser labels below the greater ones of the same section before them. */
function nest(items: readonly Item[]): Item[] {
  const top: Item[] = [];
  let parents: Item[] = [];
  for (const item of items) {
    if (!item.isLabel) {
      top.push(item);
      continue;
    }
    parents = parents.filter((parent) => parent.rank < item.rank && parent.section === item.section);
    const parent = parents.at(-1);
    if (parent) (parent.symbol.children ??= []).push(item.symbol);
    else top.push(item);
    parents.push(item);
  }
  return top;
}

/** A label stands for all up to the next one of its rank, or to what is no label. */
function extend(items: readonly Item[], lines: number): void {
  items.forEach(({ symbol, rank, section, isLabel }, index) => {
    if (!isLabel) return;
    const next = items
      .slice(index + 1)
      .find((other) => !other.isLabel || other.rank <= rank || other.section !== section);
    const last = next ? next.symbol.selectionRange.start.line - 1 : lines - 1;
    if (last > symbol.range.end.line) symbol.range = { start: symbol.range.start, end: { line: last, character: 0 } };
  });
}

/** With labels in several sections, each run of one section becomes a node of its own. */
function bySection(items: readonly Item[]): DocumentSymbol[] {
  const sections = new Set(items.flatMap(({ section }) => section ?? []));
  if (sections.size < 2) return items.map(({ symbol }) => symbol);
  const nodes: DocumentSymbol[] = [];
  let run: { readonly section: string; readonly node: DocumentSymbol } | undefined;
  for (const { symbol, section } of items) {
    if (section === undefined) {
      nodes.push(symbol);
      run = undefined;
    } else if (run?.section === section) {
      run.node.children?.push(symbol);
      run.node.range = { start: run.node.range.start, end: symbol.range.end };
    } else {
      const node: DocumentSymbol = {
        name: section,
        detail: 'section',
        kind: SymbolKind.Namespace,
        range: symbol.range,
        selectionRange: symbol.selectionRange,
        children: [symbol],
      };
      run = { section, node };
      nodes.push(node);
    }
  }
  return nodes;
}

function before(a: DocumentSymbol, b: DocumentSymbol): number {
  const [one, other] = [a.selectionRange.start, b.selectionRange.start];
  return one.line - other.line || one.character - other.character;
}
