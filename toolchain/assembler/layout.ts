/** Where symbols are: distances known while assembling, and final ones after relaxation. */
import { reduce, type Distance } from './expressions';
import type { AsmSymbol } from './symbols';
import type { AsmSection, Place } from './sections';

/** The label a symbol comes down to, and how far from it, through any number of equates. */
function originOf(symbol: AsmSymbol): { place: Place; number: bigint } | undefined {
  const { definition } = symbol;
  if (definition?.kind === 'label') return { place: definition.place, number: 0n };
  if (definition?.kind !== 'equate') return undefined;
  const value = reduce(definition.expression, () => undefined);
  if (value?.add?.definition?.kind !== 'label' || value.sub !== undefined) return undefined;
  return { place: value.add.definition.place, number: value.number };
}

/** The section a symbol lies in. */
export function sectionOf(symbol: AsmSymbol): AsmSection | undefined {
  return originOf(symbol)?.place.fragment.section;
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

/** Offset of a symbol in its section, as far as relaxation has come. */
export function labelOffset(symbol: AsmSymbol): number | undefined {
  const origin = originOf(symbol);
  if (origin === undefined) return undefined;
  return origin.place.fragment.address + origin.place.offset + Number(origin.number);
}

/** Distance of two labels of one section by the current addresses. */
export const laidOutDistance: Distance = (a, b) => {
  if (a === b) return 0n;
  const section = sectionOf(a);
  if (section === undefined || section !== sectionOf(b)) return undefined;
  return BigInt((labelOffset(a) as number) - (labelOffset(b) as number));
};
