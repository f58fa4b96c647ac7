/** Where symbols are: distances known while assembling, and final ones after relaxation. */
import type { Distance } from './expressions';
import type { AsmSymbol } from './symbols';
import type { AsmSection } from './sections';

/** The section that defines a symbol directly. */
export function sectionOf(symbol: AsmSymbol): AsmSection | undefined {
  return symbol.definition?.kind === 'label' ? symbol.definition.place.fragment.section : undefined;
}

/** Distance of two labels with nothing of unknown size between them. */
export const fixedDistance: Distance = (a, b) => {
  if (a === b) return 0n;
  if (a.definition?.kind !== 'label' || b.definition?.kind !== 'label') return undefined;
  const first = a.definition.place;
  const second = b.definition.place;
  if (first.fragment.anchor !== second.fragment.anchor) return undefined;
  return BigInt(first.fragment.anchorOffset + first.offset - second.fragment.anchorOffset - second.offset);
};

/** Offset of a label in its section, as far as relaxation has come. */
export function labelOffset(symbol: AsmSymbol): number | undefined {
  if (symbol.definition?.kind !== 'label') return undefined;
  const { fragment, offset } = symbol.definition.place;
  return fragment.address + offset;
}

/** Distance of two labels of one section by the current addresses. */
export const laidOutDistance: Distance = (a, b) => {
  if (a === b) return 0n;
  const section = sectionOf(a);
  if (section === undefined || section !== sectionOf(b)) return undefined;
  return BigInt((labelOffset(a) as number) - (labelOffset(b) as number));
};
