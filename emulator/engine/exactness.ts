/**
 * Small WebAssembly functions that tell whether results of floating-point arithmetic, which are normal or zero, are exact:
 * (a, b, result) -> a mask of the lanes that are not, or for which that is not known.
 */
import { FunctionBody } from '../wasm/function';
import * as w from '../wasm/expression';
import * as simd from '../wasm/simd';
import { ValueType } from '../wasm/types';

type Value = w.Value;

function onVectors(compute: (f: FunctionBody, a: Value, b: Value, result: Value) => Value): () => FunctionBody {
  return () => {
    const f = new FunctionBody([ValueType.V128, ValueType.V128, ValueType.V128]);
    f.return(compute(f, f.parameter(0), f.parameter(1), f.parameter(2)));
    f.unreachable();
    return f;
  };
}

/** What rounding took from a sum, by Knuth: a sum of two numbers less its rounded value is a number itself. */
const inexactSums = (lanes: typeof simd.f32x4 | typeof simd.f64x2): (() => FunctionBody) =>
  onVectors((f, a, b, result) => {
    const { sub, add } = lanes;
    const ofB = f.let(sub(result, a));
    const lost = add(sub(a, sub(result, ofB)), sub(b, ofB));
    return lanes.ne(lost, simd.zero);
  });

const { f64x2 } = simd;

/** The upper half of the significands: by Veltkamp, 26 bits. */
function upperHalf(f: FunctionBody, x: Value): Value {
  const SPLITTER = simd.splatConstant(0x41a0000002000000n, 8); // 2^27 + 1
  const scaled = f.let(f64x2.mul(x, SPLITTER));
  return f.let(f64x2.sub(scaled, f64x2.sub(scaled, x)));
}

/** What rounding took from a product of doubles, by Dekker. */
function lostOfProducts(f: FunctionBody, a: Value, b: Value, product: Value): Value {
  const { mul, sub, add } = f64x2;
  const [a1, b1] = [upperHalf(f, a), upperHalf(f, b)];
  const [a2, b2] = [f.let(sub(a, a1)), f.let(sub(b, b1))];
  const first = sub(mul(a1, b1), product);
  return add(add(add(first, mul(a1, b2)), mul(a2, b1)), mul(a2, b2));
}

/** 2^-900: what is lost of smaller products may be too small for a double. */
const LEAST_SPLIT = simd.splatConstant(BigInt(1023 - 900) << 52n, 8);

/** Of too large operands the loss comes out as a NaN, which counts as inexact. */
const inexactDoubleProducts = onVectors((f, a, b, result) => {
  const lost = f64x2.ne(lostOfProducts(f, a, b, result), simd.zero);
  const small = simd.and(f64x2.lt(f64x2.abs(result), LEAST_SPLIT), f64x2.ne(result, simd.zero));
  return simd.or(lost, small);
});

const HIGH_HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
const EVEN_WORDS = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];

/** A product of singles is a double. */
const inexactProducts = onVectors((_, a, b, result) => {
  const low = f64x2.promoteLowF32;
  const high = (x: Value): Value => low(simd.shuffle(x, x, HIGH_HALVES));
  const [first, second] = [low, high].map((half) => f64x2.ne(f64x2.mul(half(a), half(b)), half(result)));
  return simd.shuffle(first, second, EVEN_WORDS);
});

export const EXACTNESS_BODIES = {
  inexactSums: inexactSums(simd.f32x4),
  inexactDoubleSums: inexactSums(simd.f64x2),
  inexactProducts,
  inexactDoubleProducts,
};
