import { resolve } from 'node:path';
import type { SourceLocation } from '../toolchain';
import type { Location, SymbolReference } from './protocol';
import type { Target } from './target';

/** The symbol an address resolves to, as custom requests carry it. */
export function symbolReference(target: Target, va: bigint): SymbolReference | undefined {
  const found = target.symbols.at(va);
  if (!found) return undefined;
  const row = target.lines.at(va);
  return {
    name: found.symbol.name,
    offset: found.offset,
    ...(row ? { location: location(row.location) } : {}),
  };
}

export function location({ file, line }: SourceLocation): Location {
  return { path: resolve(file), line };
}
