/**
 * Single and double precision as the descriptions of vector instructions see them: the operations on lanes, and the tests
 * by which generated code tells that an operation is ordinary: that the one of WebAssembly has the result of the processor
 * and there is no exception but perhaps PE. Tests give a mask of lanes: all ones where the lane is not ordinary.
 */
import { Element } from '../../../float-unit';
import * as simd from '../../../wasm/simd';
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import { MXCSR } from '../../../engine/layout';
import type { FunctionBody } from '../../../wasm/function';

const { i32x4, i64x2, f32x4, f64x2 } = simd;

type Lanes = typeof f32x4 | typeof f64x2;

export interface FloatFormat {
  /** Suffix of mnemonics, as in ADDPS. */
  readonly letter: 'S' | 'D';
  readonly element: Element.SINGLE | Element.DOUBLE;
  readonly bytes: 4 | 8;
  readonly lanes: Lanes;
  /** Integer lanes as wide. */
  readonly integers: { add(a: Value, b: Value): Value; gtS(a: Value, b: Value): Value };
  /** Bits of the significand that are stored. */
  readonly fractionBits: number;
  /** The sign bit in each lane. */
  readonly sign: Value;
}

function format(letter: 'S' | 'D'): FloatFormat {
  const single = letter === 'S';
  return {
    letter,
    element: single ? Element.SINGLE : Element.DOUBLE,
    bytes: single ? 4 : 8,
    lanes: single ? f32x4 : f64x2,
    integers: single ? i32x4 : i64x2,
    fractionBits: single ? 23 : 52,
    sign: single ? simd.splatConstant(1n << 31n, 4) : simd.splatConstant(1n << 63n, 8),
  };
}

export const single = format('S');
export const double = format('D');
export const FORMATS = [single, double] as const;

/** `value` in each lane. */
export const splat = ({ bytes }: FloatFormat, value: bigint): Value => simd.splatConstant(value, bytes);

/**
 * Lanes of `x` whose bits without the sign are in `low`..`high`, which may wrap around: 0 follows the highest NaN. The bits
 * are shifted left, which drops the sign, and moved so that the range ends at the largest signed integer.
 */
function within(f: FunctionBody, { bytes, integers }: FloatFormat, x: Value, low: bigint, high: bigint): Value {
  const bits = 8 * bytes;
  const cut = (value: bigint): bigint => BigInt.asUintN(bits, value);
  const largest = (1n << BigInt(bits - 1)) - 1n;
  const shift = cut(largest - 2n * high);
  const bound = cut(2n * low + shift - 1n);
  const moved = integers.add(f.let(integers.add(x, x)), simd.splatConstant(shift, bytes));
  return integers.gtS(moved, simd.splatConstant(bound, bytes));
}

/** Bits of the smallest normal number. */
const leastNormal = ({ fractionBits }: FloatFormat): bigint => 1n << BigInt(fractionBits);
/** Bits of infinity. */
const infinity = ({ bytes, fractionBits }: FloatFormat): bigint =>
  (1n << BigInt(8 * bytes - 1)) - (1n << BigInt(fractionBits));

/** Denormal operands: DE, and zeros with DAZ. */
export function denormal(f: FunctionBody, format: FloatFormat, x: Value): Value {
  return within(f, format, x, 1n, leastNormal(format) - 1n);
}

/** Numbers in double precision that are denormal in single precision. */
export function denormalSingleAsDouble(f: FunctionBody, x: Value): Value {
  const leastNormalSingle = BigInt(1023 - 126) << 52n;
  return within(f, double, x, 1n, leastNormalSingle - 1n);
}

/** NaNs, and denormal numbers. */
export function denormalOrNan(f: FunctionBody, format: FloatFormat, x: Value): Value {
  return simd.or(format.lanes.ne(x, x), denormal(f, format, x));
}

/** All but zeros and normal numbers: of a sum or difference, whose zeros are exact. */
export function notNormalOrZero(f: FunctionBody, format: FloatFormat, x: Value): Value {
  const range = within(f, format, x, infinity(format), leastNormal(format) - 1n);
  return simd.and(range, format.lanes.ne(x, simd.zero));
}

/**
 * Zeros and all else that is not above the smallest normal number: a product or quotient, which may have been rounded up to
 * that number from below, where UE is raised.
 */
export function notClearlyNormal(f: FunctionBody, format: FloatFormat, x: Value): Value {
  return within(f, format, x, infinity(format), leastNormal(format));
}

/**
 * Lanes in which an operation on `operands` may not be ordinary: a quick look, which takes zeros for suspicious. `result` is
 * that of WebAssembly; all lanes else are of normal numbers and clearly normal results.
 */
export function suspicious(format: FloatFormat, operands: readonly Value[], result: Value): Value {
  const { lanes } = format;
  const least = [...operands, result].map((x) => lanes.abs(x)).reduce(lanes.pmin);
  const small = lanes.le(least, splat(format, leastNormal(format)));
  // Infinities and NaNs less themselves are NaNs.
  return simd.or(small, lanes.ne(lanes.sub(result, result), simd.zero));
}

/** Bits of MXCSR that let a result be inexact: round to nearest, PE masked and set already. */
const INEXACT_BITS = 0x7020;
const INEXACT_ALLOWED = 0x1020;
const ROUNDING = 0x6000;

const mxcsr = (): Value => w.load32(w.i32(0), MXCSR);

/** i32: 0 if an inexact result, rounded to nearest, changes nothing in MXCSR. */
export const inexactMatters = (): Value => w.ne(w.and(mxcsr(), w.i32(INEXACT_BITS)), w.i32(INEXACT_ALLOWED));

/** i32: 0 if MXCSR says to round to nearest. */
export const roundingIsDirected = (): Value => w.and(mxcsr(), w.i32(ROUNDING));
