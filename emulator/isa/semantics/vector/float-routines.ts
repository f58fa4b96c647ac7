/**
 * Small WebAssembly functions that take a second look at floating-point arithmetic: (a, b, result) -> a mask of the lanes
 * that the float unit has to do. `result` is that of WebAssembly. They know that zeros may be right, and find out
 * whether the result is exact while PE is not set.
 */
import { FunctionBody } from '../../../wasm/function';
import * as w from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import { ValueType } from '../../../wasm/types';
import {
  denormal,
  double,
  inexactMatters,
  notClearlyNormal,
  notNormalOrZero,
  roundingIsDirected,
  single,
  type FloatFormat,
} from './float-format';

type Value = w.Value;

type Judge = (f: FunctionBody, format: FloatFormat, a: Value, b: Value, result: Value) => Value;

/** All lanes if a condition (i32) is not 0. */
export const lanesIf = (condition: Value): Value => simd.i32x4.splat(w.sub(w.i32(0), w.ne(condition, w.i32(0))));

/** `unfit` lanes; all if MXCSR does not round to nearest; and those that are inexact, if that matters. */
const judged =
  (format: FloatFormat, unfit: Judge, inexact: Judge): (() => FunctionBody) =>
  () => {
    const f = new FunctionBody([ValueType.V128, ValueType.V128, ValueType.V128]);
    const [a, b, result] = [0, 1, 2].map((index) => f.parameter(index));
    const lost = simd.and(inexact(f, format, a, b, result), lanesIf(inexactMatters()));
    f.return(simd.or(simd.or(unfit(f, format, a, b, result), lanesIf(roundingIsDirected())), lost));
    f.unreachable();
    return f;
  };

const unfitSum: Judge = (f, format, a, b, result) =>
  simd.or(simd.or(denormal(f, format, a), denormal(f, format, b)), notNormalOrZero(f, format, result));

/** What rounding took from a sum, by Knuth: a sum of two numbers less its rounded value is a number itself. */
export function lostOfSum(
  f: FunctionBody,
  { lanes: { sub, add } }: FloatFormat,
  a: Value,
  b: Value,
  sum: Value,
): Value {
  const ofB = f.let(sub(sum, a));
  return add(sub(a, sub(sum, ofB)), sub(b, ofB));
}

const inexactSum: Judge = (f, format, a, b, result) => format.lanes.ne(lostOfSum(f, format, a, b, result), simd.zero);

/** A product or quotient may be tiny or too large; it is zero by right only if `zero` says so. */
const unfitProduct =
  (zero: (format: FloatFormat, a: Value, b: Value) => Value): Judge =>
  (f, format, a, b, result) => {
    const zeroByRight = simd.and(format.lanes.eq(result, simd.zero), zero(format, a, b));
    const range = simd.andNot(notClearlyNormal(f, format, result), zeroByRight);
    return simd.or(simd.or(denormal(f, format, a), denormal(f, format, b)), range);
  };

/** The root of a normal number is one. */
const unfitRoot: Judge = (f, format, a) => simd.or(notNormalOrZero(f, format, a), format.lanes.lt(a, simd.zero));

const { f64x2 } = simd;

/** The upper half of the significands: by Veltkamp, 26 bits. */
function upperHalf(f: FunctionBody, x: Value): Value {
  const SPLITTER = simd.splatConstant(0x41a0000002000000n, 8); // 2^27 + 1
  const scaled = f.let(f64x2.mul(x, SPLITTER));
  return f.let(f64x2.sub(scaled, f64x2.sub(scaled, x)));
}

/** What rounding took from a product of doubles, by Dekker. */
export function lostOfProducts(f: FunctionBody, a: Value, b: Value, product: Value): Value {
  const { mul, sub, add } = f64x2;
  const [a1, b1] = [upperHalf(f, a), upperHalf(f, b)];
  const [a2, b2] = [f.let(sub(a, a1)), f.let(sub(b, b1))];
  const first = sub(mul(a1, b1), product);
  return add(add(add(first, mul(a1, b2)), mul(a2, b1)), mul(a2, b2));
}

/** 2^-900: what is lost of smaller products may be too small for a double. */
export const LEAST_SPLIT = simd.splatConstant(BigInt(1023 - 900) << 52n, 8);

export const HIGH_HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
export const EVEN_WORDS = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];

/** Of too large doubles the loss comes out as a NaN, which counts as inexact. A product of singles is a double. */
const inexactProduct: Judge = (f, format, a, b, result) => {
  if (format === double) {
    const lost = f64x2.ne(lostOfProducts(f, a, b, result), simd.zero);
    const small = simd.and(f64x2.lt(f64x2.abs(result), LEAST_SPLIT), f64x2.ne(result, simd.zero));
    return simd.or(lost, small);
  }
  const low = f64x2.promoteLowF32;
  const high = (x: Value): Value => low(simd.shuffle(x, x, HIGH_HALVES));
  const [first, second] = [low, high].map((half) => f64x2.ne(f64x2.mul(half(a), half(b)), half(result)));
  return simd.shuffle(first, second, EVEN_WORDS);
};

const isZero = ({ lanes }: FloatFormat, x: Value): Value => lanes.eq(x, simd.zero);

const sums = (format: FloatFormat): (() => FunctionBody) => judged(format, unfitSum, inexactSum);
const products = (format: FloatFormat): (() => FunctionBody) =>
  judged(
    format,
    unfitProduct((_, a, b) => simd.or(isZero(format, a), isZero(format, b))),
    inexactProduct,
  );
const quotients = (format: FloatFormat): (() => FunctionBody) =>
  judged(
    format,
    unfitProduct((_, a) => isZero(format, a)),
    (f, _, a, b, result) => inexactProduct(f, format, result, b, a),
  );
const roots = (format: FloatFormat): (() => FunctionBody) =>
  judged(format, unfitRoot, (f, _, a, _b, result) => inexactProduct(f, format, result, result, a));

export const FLOAT_ROUTINES = {
  judgeSums: sums(single),
  judgeDoubleSums: sums(double),
  judgeProducts: products(single),
  judgeDoubleProducts: products(double),
  judgeQuotients: quotients(single),
  judgeDoubleQuotients: quotients(double),
  judgeRoots: roots(single),
  judgeDoubleRoots: roots(double),
};
