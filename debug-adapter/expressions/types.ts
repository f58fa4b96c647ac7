/** The types an expression can have: integers of 1 to 8 bytes, and pointers to a type. */
export interface IntegerType {
  readonly kind: 'integer';
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
}

export interface PointerType {
  readonly kind: 'pointer';
  readonly target: ValueType;
}

export type ValueType = IntegerType | PointerType;

export const U64: IntegerType = { kind: 'integer', size: 8, signed: false };
export const S64: IntegerType = { kind: 'integer', size: 8, signed: true };

const integer = (size: 1 | 2 | 4 | 8, signed: boolean): IntegerType => ({ kind: 'integer', size, signed });

/** Type names without `unsigned`/`signed`, which the parser takes off first. */
const NAMED: ReadonlyMap<string, IntegerType> = new Map([
  ...([1, 2, 4, 8] as const).flatMap((size): [string, IntegerType][] => [
    [`u${size * 8}`, integer(size, false)],
    [`s${size * 8}`, integer(size, true)],
    [`i${size * 8}`, integer(size, true)],
    [`uint${size * 8}_t`, integer(size, false)],
    [`int${size * 8}_t`, integer(size, true)],
  ]),
  ['char', integer(1, true)],
  ['byte', integer(1, false)],
  ['short', integer(2, true)],
  ['int', integer(4, true)],
  ['long', integer(8, true)],
  ['size_t', integer(8, false)],
  ['ssize_t', integer(8, true)],
  ['void', integer(1, false)],
]);

/** Words that can begin a type, for completions. */
export const TYPE_NAMES: readonly string[] = [...NAMED.keys(), 'unsigned', 'signed'];

/**
 * The type the words name, such as ["unsigned", "long"] or ["u32"]; undefined if they name none. `const` and `struct`
 * are not types here.
 */
export function typeOfWords(words: readonly string[]): IntegerType | undefined {
  const signs = words.filter((word) => word === 'unsigned' || word === 'signed');
  const rest = words.filter((word) => word !== 'unsigned' && word !== 'signed' && word !== 'const');
  if (words.length === 0 || signs.length > 1) return undefined;
  const name = rest.length === 0 ? 'int' : rest.every((word) => word === 'long') ? 'long' : rest[0];
  if (rest.length > 1 && name !== 'long' && !(rest.length === 2 && rest[1] === 'int')) return undefined;
  const base = NAMED.get(name);
  if (!base || rest.length + signs.length === 0) return undefined;
  return signs.length === 0 ? base : integer(base.size, signs[0] === 'signed');
}

export function sizeOf(type: ValueType): 1 | 2 | 4 | 8 {
  return type.kind === 'pointer' ? 8 : type.size;
}

/** `value` brought into the range of `type`, two's complement. */
export function wrap(value: bigint, type: ValueType): bigint {
  if (type.kind === 'pointer') return BigInt.asUintN(64, value);
  return type.signed ? BigInt.asIntN(type.size * 8, value) : BigInt.asUintN(type.size * 8, value);
}

/** In the notation the parser reads: `u32`, `s64*`. */
export function typeName(type: ValueType): string {
  if (type.kind === 'pointer') return `${typeName(type.target)}*`;
  return `${type.signed ? 's' : 'u'}${type.size * 8}`;
}
