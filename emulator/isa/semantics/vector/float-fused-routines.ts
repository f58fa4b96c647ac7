/**
 * WebAssembly functions for fused multiply-add, (a, b, c) -> a · b + c with one rounding; lanes that the float unit has to
 * do are NaNs.
 */
import { FunctionBody } from '../../../wasm/function';
import * as simd from '../../../wasm/simd';
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import { ValueType } from '../../../wasm/types';
import {
  denormal,
  double,
  inexactMatters,
  notClearlyNormal,
  roundingIsDirected,
  single,
  splat,
  type FloatFormat,
} from './float-format';
import { EVEN_WORDS, HIGH_HALVES, lanesIf, LEAST_SPLIT, lostOfProducts, lostOfSum } from './float-routines';

const { f32x4, f64x2, i64x2 } = simd;

/** What a lane comes to, and the reasons against it that depend on the format. */
interface Fused {
  readonly result: Value;
  readonly unfit: Value;
  readonly inexact: Value;
  /** Lanes that are exactly zero. */
  readonly zero: Value;
}

function fused(
  format: FloatFormat,
  compute: (f: FunctionBody, a: Value, b: Value, c: Value) => Fused,
): () => FunctionBody {
  return () => {
    const f = new FunctionBody([ValueType.V128, ValueType.V128, ValueType.V128]);
    const operands = [0, 1, 2].map((index) => f.parameter(index));
    const { result, unfit, inexact, zero } = compute(f, operands[0], operands[1], operands[2]);
    const reasons = [
      unfit,
      ...operands.map((operand) => denormal(f, format, operand)),
      simd.andNot(notClearlyNormal(f, format, result), zero),
      simd.and(inexact, lanesIf(inexactMatters())),
      lanesIf(roundingIsDirected()),
    ];
    // Ones are a NaN.
    f.return(simd.or(result, reasons.reduce(simd.or)));
    f.unreachable();
    return f;
  };
}

const BELOW_SINGLE = splat(double, (1n << 29n) - 1n);
const TIE = splat(double, 1n << 28n);
const LOW_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];

/** The product of two singles is a double; their sum is one after a rounding, which must not have made a tie. */
const fusedSingles = fused(single, (f, a, b, c) => {
  const low = f64x2.promoteLowF32;
  const high = (x: Value): Value => low(simd.shuffle(x, x, HIGH_HALVES));
  const halves = [low, high].map((half) => {
    const product = f.let(f64x2.mul(half(a), half(b)));
    const addend = f.let(half(c));
    const sum = f.let(f64x2.add(product, addend));
    const result = f.let(f32x4.demoteF64Zero(sum));
    const lost = f64x2.ne(lostOfSum(f, double, product, addend, sum), simd.zero);
    return {
      result,
      unfit: i64x2.eq(simd.and(sum, BELOW_SINGLE), TIE),
      inexact: simd.or(lost, f64x2.ne(low(result), sum)),
      zero: f64x2.eq(sum, simd.zero),
    };
  });
  const masks = (name: 'unfit' | 'inexact' | 'zero'): Value =>
    simd.shuffle(halves[0][name], halves[1][name], EVEN_WORDS);
  return {
    result: f.let(simd.shuffle(halves[0].result, halves[1].result, LOW_HALVES)),
    unfit: masks('unfit'),
    inexact: masks('inexact'),
    zero: masks('zero'),
  };
});

const ONE = splat(double, 1n);
const SIGN_AT = w.i32(63);

/**
 * Product and sum as pairs of what they are and what rounding took from them. The two losses are added rounding to odd, so
 * that the last sum rounds as if there had been no rounding before (Boldo and Melquiond, Emulation of FMA, 2008).
 */
const fusedDoubles = fused(double, (f, a, b, c) => {
  const { add, eq, ne } = f64x2;
  const product = f.let(f64x2.mul(a, b));
  const productLoss = f.let(lostOfProducts(f, a, b, product));
  const sum = f.let(add(product, c));
  const sumLoss = f.let(lostOfSum(f, double, product, c, sum));
  const losses = f.let(add(sumLoss, productLoss));
  const rest = f.let(lostOfSum(f, double, sumLoss, productLoss, losses));

  const isRest = ne(rest, simd.zero);
  const even = i64x2.eq(simd.and(losses, ONE), simd.zero);
  // One place further from zero if the rest has the same sign, else nearer.
  const step = simd.or(i64x2.shrS(simd.xor(losses, rest), SIGN_AT), ONE);
  const odd = f.let(i64x2.add(losses, simd.and(step, simd.and(isRest, even))));
  const rounded = f.let(add(sum, odd));
  // Zero keeps the sign of the sum.
  const result = f.let(simd.bitselect(sum, rounded, eq(losses, simd.zero)));

  const zeroFactor = simd.or(eq(a, simd.zero), eq(b, simd.zero));
  return {
    result,
    unfit: simd.andNot(f64x2.lt(f64x2.abs(product), LEAST_SPLIT), zeroFactor),
    inexact: simd.or(ne(rest, simd.zero), ne(lostOfSum(f, double, sum, odd, rounded), simd.zero)),
    zero: eq(result, simd.zero),
  };
});

export const FUSED_ROUTINES = { fusedSingles, fusedDoubles };
