/** Questions to the line rows of a module. */
import type { LineRow, ObjectModule, SourceLocation } from './object';

/** The row that covers `offset` of `section`, else the first one after it. */
export function rowAt(module: ObjectModule, section: string | undefined, offset: number): LineRow | undefined {
  let best: LineRow | undefined;
  for (const row of module.lines) {
    if (row.section !== section || row.offset + row.length <= offset) continue;
    if (!best || row.offset < best.offset) best = row;
  }
  return best;
}

/** The expansions around a place, outermost first. */
export function expansionChain<E extends { readonly parent: E | undefined }>(innermost: E | undefined): E[] {
  const chain: E[] = [];
  for (let expansion = innermost; expansion; expansion = expansion.parent) chain.unshift(expansion);
  return chain;
}

/** Where the row's code stands outside all macros: its line, or the line of the outermost macro call. */
export function outermostLocation(row: LineRow): SourceLocation {
  return expansionChain(row.expansion)[0]?.call ?? row.location;
}
