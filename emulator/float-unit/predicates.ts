/** The comparison predicates of CMPPS (SDM vol. 2, CMPPD, table 3-1): by which relations they hold. */

/** Relations of two operands, as bits. */
export const enum RelationBit {
  LESS = 1,
  EQUAL = 2,
  GREATER = 4,
  UNORDERED = 8,
}

const { LESS, EQUAL, GREATER, UNORDERED } = {
  LESS: RelationBit.LESS as const,
  EQUAL: RelationBit.EQUAL as const,
  GREATER: RelationBit.GREATER as const,
  UNORDERED: RelationBit.UNORDERED as const,
};

const HOLDS: readonly number[] = [
  EQUAL,
  LESS,
  LESS | EQUAL,
  UNORDERED,
  LESS | GREATER | UNORDERED,
  EQUAL | GREATER | UNORDERED,
  GREATER | UNORDERED,
  LESS | EQUAL | GREATER,
  EQUAL | UNORDERED,
  LESS | UNORDERED,
  LESS | EQUAL | UNORDERED,
  0,
  LESS | GREATER,
  EQUAL | GREATER,
  GREATER,
  LESS | EQUAL | GREATER | UNORDERED,
];

/** The relations by which predicate 0 to 31 holds. */
export function predicateRelations(predicate: number): number {
  return HOLDS[predicate & 15];
}

/** Whether a quiet NaN raises IE: predicates 1, 2, 5, 6 and so on do, and from 16 on the others. */
export function predicateSignals(predicate: number): boolean {
  const ordering = ((predicate + 1) & 2) !== 0;
  return predicate < 16 ? ordering : !ordering;
}
