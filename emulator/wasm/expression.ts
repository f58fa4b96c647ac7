/**
 * Typed WebAssembly expressions as small trees. Building one emits nothing; constants fold as they are built, so that a
 * description staged with constant operands becomes the code for those operands.
 */
import { ValueType } from './types';

const { I32, I64 } = { I32: ValueType.I32 as const, I64: ValueType.I64 as const };

/** Operators by name: opcode for i32, opcode for i64 (core specification, 5.4.5). */
const BINARY = {
  add: [0x6a, 0x7c],
  sub: [0x6b, 0x7d],
  mul: [0x6c, 0x7e],
  divS: [0x6d, 0x7f],
  divU: [0x6e, 0x80],
  remS: [0x6f, 0x81],
  remU: [0x70, 0x82],
  and: [0x71, 0x83],
  or: [0x72, 0x84],
  xor: [0x73, 0x85],
  shl: [0x74, 0x86],
  shrS: [0x75, 0x87],
  shrU: [0x76, 0x88],
  rotl: [0x77, 0x89],
  rotr: [0x78, 0x8a],
} as const;
const COMPARE = {
  eq: [0x46, 0x51],
  ne: [0x47, 0x52],
  ltS: [0x48, 0x53],
  ltU: [0x49, 0x54],
  gtS: [0x4a, 0x55],
  gtU: [0x4b, 0x56],
  leS: [0x4c, 0x57],
  leU: [0x4d, 0x58],
  geS: [0x4e, 0x59],
  geU: [0x4f, 0x5a],
} as const;
const UNARY = {
  clz: [0x67, 0x79],
  ctz: [0x68, 0x7a],
  popcnt: [0x69, 0x7b],
  extend8: [0xc0, 0xc2],
  extend16: [0xc1, 0xc3],
} as const;

export type Value =
  | { readonly kind: 'constant'; readonly type: ValueType; readonly value: bigint }
  | { readonly kind: 'local'; readonly type: ValueType; readonly index: number }
  | { readonly kind: 'unary'; readonly type: ValueType; readonly opcode: number; readonly a: Value }
  | { readonly kind: 'binary'; readonly type: ValueType; readonly opcode: number; readonly a: Value; readonly b: Value }
  | {
      readonly kind: 'select';
      readonly type: ValueType;
      readonly a: Value;
      readonly b: Value;
      readonly condition: Value;
    }
  | {
      readonly kind: 'load';
      readonly type: ValueType;
      readonly opcode: number;
      readonly address: Value;
      readonly offset: number;
    }
  | {
      readonly kind: 'call';
      readonly type: ValueType;
      readonly function: number;
      readonly arguments: readonly Value[];
    }
  | {
      /** Bitwise choice: bits of `a` where `c` has ones, else of `b`. */
      readonly kind: 'bitselect';
      readonly type: ValueType;
      readonly a: Value;
      readonly b: Value;
      readonly c: Value;
    }
  | { readonly kind: 'bytes'; readonly type: ValueType; readonly bytes: readonly number[] }
  | {
      /** Reads lane `lane` of `a`, or with `b` replaces it. */
      readonly kind: 'lane';
      readonly type: ValueType;
      readonly opcode: number;
      readonly lane: number;
      readonly a: Value;
      readonly b?: Value;
    }
  | {
      /** Chooses 16 bytes among the 32 of `a` and `b`. */
      readonly kind: 'shuffle';
      readonly type: ValueType;
      readonly lanes: readonly number[];
      readonly a: Value;
      readonly b: Value;
    }
  | {
      /** Calls the function at `index` of the module's table; `signature` is a type index. */
      readonly kind: 'indirect';
      readonly type: ValueType;
      readonly signature: number;
      readonly index: Value;
      readonly arguments: readonly Value[];
    };

export const i32 = (value: number): Value => ({ kind: 'constant', type: I32, value: BigInt(value | 0) });
export const i64 = (value: bigint | number): Value => ({
  kind: 'constant',
  type: I64,
  value: BigInt.asIntN(64, BigInt(value)),
});

const width = (type: ValueType): 0 | 1 => (type === I32 ? 0 : 1);

function isConstant(value: Value, wanted: bigint): boolean {
  return value.kind === 'constant' && value.value === wanted;
}

function binary(name: keyof typeof BINARY): (a: Value, b: Value) => Value {
  return (a, b) => {
    if (a.type !== b.type) throw new Error(`${name}: operands of different types`);
    if (a.kind === 'constant' && b.kind === 'constant') {
      const folded = fold(name, a.value, b.value);
      if (folded !== undefined) return a.type === I32 ? i32(Number(BigInt.asIntN(32, folded))) : i64(folded);
    }
    if (isConstant(b, 0n) && (name === 'add' || name === 'sub' || name === 'or' || name === 'xor')) return a;
    if (isConstant(b, 0n) && (name === 'shl' || name === 'shrS' || name === 'shrU')) return a;
    if (isConstant(a, 0n) && (name === 'add' || name === 'or' || name === 'xor')) return b;
    if (isConstant(b, -1n) && name === 'and') return a;
    return { kind: 'binary', type: a.type, opcode: BINARY[name][width(a.type)], a, b };
  };
}

function fold(name: keyof typeof BINARY, a: bigint, b: bigint): bigint | undefined {
  switch (name) {
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return a * b;
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    default:
      return undefined;
  }
}

function compare(name: keyof typeof COMPARE): (a: Value, b: Value) => Value {
  return (a, b) => {
    if (a.type !== b.type) throw new Error(`${name}: operands of different types`);
    if (a.kind === 'constant' && b.kind === 'constant') return i32(holds(name, a, b) ? 1 : 0);
    return { kind: 'binary', type: I32, opcode: COMPARE[name][width(a.type)], a, b };
  };
}

type Constant = Value & { readonly kind: 'constant' };

function holds(name: keyof typeof COMPARE, a: Constant, b: Constant): boolean {
  const bits = a.type === I32 ? 32 : 64;
  const unsigned = name.endsWith('U');
  const [x, y] = [a, b].map(({ value }) => (unsigned ? BigInt.asUintN(bits, value) : value));
  switch (name.slice(0, 2)) {
    case 'eq':
      return x === y;
    case 'ne':
      return x !== y;
    case 'lt':
      return x < y;
    case 'gt':
      return x > y;
    case 'le':
      return x <= y;
    default:
      return x >= y;
  }
}

function unary(name: keyof typeof UNARY): (a: Value) => Value {
  return (a) => ({ kind: 'unary', type: a.type, opcode: UNARY[name][width(a.type)], a });
}

export const add = binary('add');
export const sub = binary('sub');
export const mul = binary('mul');
export const divS = binary('divS');
export const divU = binary('divU');
export const remS = binary('remS');
export const remU = binary('remU');
export const and = binary('and');
export const or = binary('or');
export const xor = binary('xor');
export const shl = binary('shl');
export const shrS = binary('shrS');
export const shrU = binary('shrU');
export const rotl = binary('rotl');
export const rotr = binary('rotr');
export const eq = compare('eq');
export const ne = compare('ne');
export const ltS = compare('ltS');
export const ltU = compare('ltU');
export const gtS = compare('gtS');
export const gtU = compare('gtU');
export const leS = compare('leS');
export const leU = compare('leU');
export const geS = compare('geS');
export const geU = compare('geU');
export const clz = unary('clz');
export const ctz = unary('ctz');
export const popcnt = unary('popcnt');

/** Sign-extends the low 1, 2 or 4 bytes of an i64; 8 leaves it. */
export function signExtend(a: Value, size: number): Value {
  if (size === 8) return a;
  if (a.kind === 'constant') return i64(BigInt.asIntN(size * 8, a.value));
  if (size === 4) return { kind: 'unary', type: I64, opcode: 0xc4, a };
  return { kind: 'unary', type: I64, opcode: UNARY[size === 1 ? 'extend8' : 'extend16'][1], a };
}

/** The low 1, 2 or 4 bytes of an i64, zero-extended; 8 leaves it. */
export function zeroExtend(a: Value, size: number): Value {
  return size === 8 ? a : and(a, i64((1n << BigInt(size * 8)) - 1n));
}

export const not = (a: Value): Value => xor(a, a.type === I32 ? i32(-1) : i64(-1));
/** i32 1 if `a` is zero, else 0. */
export const isZero = (a: Value): Value =>
  a.kind === 'constant'
    ? i32(a.value === 0n ? 1 : 0)
    : { kind: 'unary', type: I32, opcode: a.type === I32 ? 0x45 : 0x50, a };
/** The low half of an i64 as i32. */
export const wrap = (a: Value): Value =>
  a.kind === 'constant' ? i32(Number(BigInt.asIntN(32, a.value))) : { kind: 'unary', type: I32, opcode: 0xa7, a };
/** An i32 zero-extended to i64. */
export const extendU = (a: Value): Value =>
  a.kind === 'constant' ? i64(BigInt.asUintN(32, a.value)) : { kind: 'unary', type: I64, opcode: 0xad, a };
/** `condition` (i32) ? a : b, both evaluated. */
export const select = (condition: Value, a: Value, b: Value): Value =>
  condition.kind === 'constant' ? (condition.value !== 0n ? a : b) : { kind: 'select', type: a.type, a, b, condition };

/** Zero-extending load of 1, 2, 4 or 8 bytes as i64. */
export function load64(address: Value, offset: number, size: number): Value {
  const opcode = size === 8 ? 0x29 : size === 4 ? 0x35 : size === 2 ? 0x33 : 0x31;
  return { kind: 'load', type: I64, opcode, address, offset };
}
/** Sign-extending load of 4 bytes as i64. */
export const loadSigned32 = (address: Value, offset: number): Value => ({
  kind: 'load',
  type: I64,
  opcode: 0x34,
  address,
  offset,
});
/** Zero-extending load of 1, 2 or 4 bytes as i32. */
export function load32(address: Value, offset: number, size = 4): Value {
  const opcode = size === 4 ? 0x28 : size === 2 ? 0x2f : 0x2d;
  return { kind: 'load', type: I32, opcode, address, offset };
}
