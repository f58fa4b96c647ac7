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

/** How many expansions a message shows at either end of a long chain, as of a macro that calls itself. */
const SHOWN_AT_EITHER_END = 5;

/** The expansions around a place for a message, innermost first; `omitted` counts those left out before the next one. */
export function expansionBacktrace<E extends { readonly parent: E | undefined }>(
  innermost: E | undefined,
): { readonly expansion: E; readonly omitted: number }[] {
  const chain = expansionChain(innermost).reverse();
  const omitted = chain.length - 2 * SHOWN_AT_EITHER_END;
  const all = chain.map((expansion) => ({ expansion, omitted: 0 }));
  if (omitted <= 0) return all;
  return [
    ...all.slice(0, SHOWN_AT_EITHER_END - 1),
    { expansion: chain[SHOWN_AT_EITHER_END - 1], omitted },
    ...all.slice(-SHOWN_AT_EITHER_END),
  ];
}

/** Where the row's code stands outside all macros: its line, or the line of the outermost macro call. */
export function outermostLocation(row: LineRow): SourceLocation {
  return expansionChain(row.expansion)[0]?.call ?? row.location;
}
