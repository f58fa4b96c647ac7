/**
 * Expressions over 128-bit vectors and floating-point numbers (core specification, 5.4.5 and 5.4.8). A vector has no lane
 * type of its own: the operator says how it looks at the 16 bytes. Lane 0 is the lowest.
 */
import type { Value } from './expression';
import { SATURATING, SIMD, V128_LOAD } from './simd-opcodes';
import { ValueType } from './types';

const { I32, I64, F32, F64, V128 } = {
  I32: ValueType.I32 as const,
  I64: ValueType.I64 as const,
  F32: ValueType.F32 as const,
  F64: ValueType.F64 as const,
  V128: ValueType.V128 as const,
};

type Binary = (a: Value, b: Value) => Value;
type Unary = (a: Value) => Value;

/** Vector x vector -> vector; a shift takes an i32 as its second operand. */
const vv =
  (number: number): Binary =>
  (a, b) => ({
    kind: 'binary',
    type: V128,
    opcode: SIMD | number,
    a,
    b,
  });
const v = (number: number): Unary => unary(V128, SIMD | number);

function unary(type: ValueType, opcode: number): Unary {
  return (a) => ({ kind: 'unary', type, opcode, a });
}
function scalar(type: ValueType, opcode: number): Binary {
  return (a, b) => ({ kind: 'binary', type, opcode, a, b });
}
const extract =
  (type: ValueType, number: number) =>
  (a: Value, lane: number): Value => ({ kind: 'lane', type, opcode: SIMD | number, lane, a });
const replace =
  (number: number) =>
  (a: Value, lane: number, b: Value): Value => ({ kind: 'lane', type: V128, opcode: SIMD | number, lane, a, b });

/** All 16 bytes, zero. */
export const zero: Value = { kind: 'bytes', type: V128, bytes: new Array<number>(16).fill(0) };
export const ones: Value = { kind: 'bytes', type: V128, bytes: new Array<number>(16).fill(0xff) };

/** A constant from its bytes, lowest first. */
export function bytes(values: readonly number[]): Value {
  if (values.length !== 16) throw new Error('a vector has 16 bytes');
  return { kind: 'bytes', type: V128, bytes: values };
}

/** A constant with `value` in each lane of `width` bytes. */
export function splatConstant(value: bigint, width: 1 | 2 | 4 | 8): Value {
  const lane = Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
  return bytes(Array.from({ length: 16 }, (_, i) => lane[i % width]));
}

export const load = (address: Value, offset: number): Value => ({
  kind: 'load',
  type: V128,
  opcode: V128_LOAD,
  address,
  offset,
});

/** Byte i of the result is byte lanes[i] of `a` (0..15) and `b` (16..31). */
export const shuffle = (a: Value, b: Value, lanes: readonly number[]): Value => ({
  kind: 'shuffle',
  type: V128,
  lanes,
  a,
  b,
});
/** Bytes of `a` chosen by the bytes of `b`; an index above 15 gives 0. */
export const swizzle = vv(0x0e);
/** Bits of `a` where `mask` has ones, else of `b`. */
export const bitselect = (a: Value, b: Value, mask: Value): Value => ({
  kind: 'bitselect',
  type: V128,
  a,
  b,
  c: mask,
});

export const not = v(0x4d);
export const and = vv(0x4e);
/** a and not b. */
export const andNot = vv(0x4f);
export const or = vv(0x50);
export const xor = vv(0x51);
/** i32 1 if any bit is set. */
export const anyTrue = unary(I32, SIMD | 0x53);

export const i8x16 = {
  splat: v(0x0f),
  extractS: extract(I32, 0x15),
  extractU: extract(I32, 0x16),
  replace: replace(0x17),
  eq: vv(0x23),
  ltS: vv(0x25),
  gtS: vv(0x27),
  abs: v(0x60),
  neg: v(0x61),
  popcnt: v(0x62),
  allTrue: unary(I32, SIMD | 0x63),
  bitmask: unary(I32, SIMD | 0x64),
  /** 16-bit lanes of `a`, then `b`, with signed or unsigned saturation. */
  narrowS: vv(0x65),
  narrowU: vv(0x66),
  shl: vv(0x6b),
  shrS: vv(0x6c),
  shrU: vv(0x6d),
  add: vv(0x6e),
  addSatS: vv(0x6f),
  addSatU: vv(0x70),
  sub: vv(0x71),
  subSatS: vv(0x72),
  subSatU: vv(0x73),
  minS: vv(0x76),
  minU: vv(0x77),
  maxS: vv(0x78),
  maxU: vv(0x79),
  avgrU: vv(0x7b),
};

export const i16x8 = {
  splat: v(0x10),
  extractS: extract(I32, 0x18),
  extractU: extract(I32, 0x19),
  replace: replace(0x1a),
  eq: vv(0x2d),
  ltS: vv(0x2f),
  gtS: vv(0x31),
  extaddPairwiseI8S: v(0x7c),
  extaddPairwiseI8U: v(0x7d),
  abs: v(0x80),
  neg: v(0x81),
  q15MulrSatS: vv(0x82),
  allTrue: unary(I32, SIMD | 0x83),
  bitmask: unary(I32, SIMD | 0x84),
  narrowS: vv(0x85),
  narrowU: vv(0x86),
  extendLowS: v(0x87),
  extendHighS: v(0x88),
  extendLowU: v(0x89),
  extendHighU: v(0x8a),
  shl: vv(0x8b),
  shrS: vv(0x8c),
  shrU: vv(0x8d),
  add: vv(0x8e),
  addSatS: vv(0x8f),
  addSatU: vv(0x90),
  sub: vv(0x91),
  subSatS: vv(0x92),
  subSatU: vv(0x93),
  mul: vv(0x95),
  minS: vv(0x96),
  minU: vv(0x97),
  maxS: vv(0x98),
  maxU: vv(0x99),
  avgrU: vv(0x9b),
  extmulLowI8S: vv(0x9c),
  extmulHighI8S: vv(0x9d),
  extmulLowI8U: vv(0x9e),
  extmulHighI8U: vv(0x9f),
};

export const i32x4 = {
  splat: v(0x11),
  extract: extract(I32, 0x1b),
  replace: replace(0x1c),
  eq: vv(0x37),
  ltS: vv(0x39),
  ltU: vv(0x3a),
  gtS: vv(0x3b),
  gtU: vv(0x3c),
  extaddPairwiseI16S: v(0x7e),
  extaddPairwiseI16U: v(0x7f),
  abs: v(0xa0),
  neg: v(0xa1),
  allTrue: unary(I32, SIMD | 0xa3),
  bitmask: unary(I32, SIMD | 0xa4),
  extendLowS: v(0xa7),
  extendHighS: v(0xa8),
  extendLowU: v(0xa9),
  extendHighU: v(0xaa),
  shl: vv(0xab),
  shrS: vv(0xac),
  shrU: vv(0xad),
  add: vv(0xae),
  sub: vv(0xb1),
  mul: vv(0xb5),
  minS: vv(0xb6),
  minU: vv(0xb7),
  maxS: vv(0xb8),
  maxU: vv(0xb9),
  dotI16S: vv(0xba),
  extmulLowI16S: vv(0xbc),
  extmulHighI16S: vv(0xbd),
  extmulLowI16U: vv(0xbe),
  extmulHighI16U: vv(0xbf),
  truncSatF32S: v(0xf8),
  truncSatF64SZero: v(0xfc),
};

export const i64x2 = {
  splat: v(0x12),
  extract: extract(I64, 0x1d),
  replace: replace(0x1e),
  abs: v(0xc0),
  neg: v(0xc1),
  allTrue: unary(I32, SIMD | 0xc3),
  bitmask: unary(I32, SIMD | 0xc4),
  extendLowS: v(0xc7),
  extendHighS: v(0xc8),
  extendLowU: v(0xc9),
  extendHighU: v(0xca),
  shl: vv(0xcb),
  shrS: vv(0xcc),
  shrU: vv(0xcd),
  add: vv(0xce),
  sub: vv(0xd1),
  mul: vv(0xd5),
  eq: vv(0xd6),
  ltS: vv(0xd8),
  gtS: vv(0xd9),
  extmulLowI32S: vv(0xdc),
  extmulHighI32S: vv(0xdd),
  extmulLowI32U: vv(0xde),
  extmulHighI32U: vv(0xdf),
};

export const f32x4 = {
  splat: v(0x13),
  extract: extract(F32, 0x1f),
  replace: replace(0x20),
  eq: vv(0x41),
  ne: vv(0x42),
  lt: vv(0x43),
  gt: vv(0x44),
  le: vv(0x45),
  ge: vv(0x46),
  demoteF64Zero: v(0x5e),
  ceil: v(0x67),
  floor: v(0x68),
  trunc: v(0x69),
  nearest: v(0x6a),
  abs: v(0xe0),
  neg: v(0xe1),
  sqrt: v(0xe3),
  add: vv(0xe4),
  sub: vv(0xe5),
  mul: vv(0xe6),
  div: vv(0xe7),
  /** b < a ? b : a and a < b ? b : a, as C compares. */
  pmin: vv(0xea),
  pmax: vv(0xeb),
  convertI32S: v(0xfa),
};

export const f64x2 = {
  splat: v(0x14),
  extract: extract(F64, 0x21),
  replace: replace(0x22),
  eq: vv(0x47),
  ne: vv(0x48),
  lt: vv(0x49),
  gt: vv(0x4a),
  le: vv(0x4b),
  ge: vv(0x4c),
  promoteLowF32: v(0x5f),
  ceil: v(0x74),
  floor: v(0x75),
  trunc: v(0x7a),
  nearest: v(0x94),
  abs: v(0xec),
  neg: v(0xed),
  sqrt: v(0xef),
  add: vv(0xf0),
  sub: vv(0xf1),
  mul: vv(0xf2),
  div: vv(0xf3),
  pmin: vv(0xf6),
  pmax: vv(0xf7),
  convertLowI32S: v(0xfe),
};

/** Scalar conversions and comparisons between integers and floating-point numbers. */
export const f32 = {
  eq: scalar(I32, 0x5b),
  abs: unary(F32, 0x8b),
  convertI32S: unary(F32, 0xb2),
  convertI64S: unary(F32, 0xb4),
  demote: unary(F32, 0xb6),
};
export const f64 = {
  eq: scalar(I32, 0x61),
  abs: unary(F64, 0x99),
  convertI32S: unary(F64, 0xb7),
  convertI64S: unary(F64, 0xb9),
  promote: unary(F64, 0xbb),
};
/** Truncation of a float to an integer; saturates, NaN gives 0. */
export const truncate = {
  i32F32S: unary(I32, SATURATING | 0),
  i32F64S: unary(I32, SATURATING | 2),
  i64F32S: unary(I64, SATURATING | 4),
  i64F64S: unary(I64, SATURATING | 6),
};
