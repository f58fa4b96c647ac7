/** Addition, multiplication, division, square root and fused multiply-add. */
import { bitLength, integerSquareRoot, shiftLeft } from './bits';
import { FloatException, RoundingMode, type FloatEnvironment } from './environment';
import { extended80, type Format } from './format';
import { invalid, nanResult, noteDenormals } from './operands';
import { pack, round } from './round';
import { Kind, type Unpacked } from './unpacked';

/** Precision control concerns the results of these five x87 operations alone (SDM vol. 1, section 8.1.5.2). */
function precisionOf<T>(env: FloatEnvironment, target: Format<T>): number {
  return target.precision === extended80.precision ? env.precision : target.precision;
}

function zero<T>(target: Format<T>, sign: boolean): T {
  return target.finite(sign, target.minExponent, 0n);
}

/** A sum of exactly zero from operands that are not both zeros of one sign. */
function zeroSum<T>(env: FloatEnvironment, target: Format<T>): T {
  return zero(target, env.rounding === RoundingMode.DOWN);
}

/** a + b. */
export function add<T>(env: FloatEnvironment, target: Format<T>, a: Unpacked, b: Unpacked): T {
  return addSigned(env, target, a, b, b.sign);
}

/** a - b; a NaN keeps its sign. */
export function subtract<T>(env: FloatEnvironment, target: Format<T>, a: Unpacked, b: Unpacked): T {
  return addSigned(env, target, a, b, !b.sign);
}

function addSigned<T>(env: FloatEnvironment, target: Format<T>, a: Unpacked, b: Unpacked, signB: boolean): T {
  const nan = nanResult(env, a, b);
  if (nan) return pack(target, nan);
  if (a.kind === Kind.INFINITE && b.kind === Kind.INFINITE && a.sign !== signB) return pack(target, invalid(env));
  noteDenormals(env, a, b);
  if (a.kind === Kind.INFINITE) return target.infinity(a.sign);
  if (b.kind === Kind.INFINITE) return target.infinity(signB);
  if (a.kind === Kind.ZERO && b.kind === Kind.ZERO) {
    return a.sign === signB ? zero(target, a.sign) : zeroSum(env, target);
  }
  const { sign, significand, exponent } = sum(a.sign, a.significand, a.exponent, signB, b.significand, b.exponent);
  if (significand === 0n) return zeroSum(env, target);
  return round(env, target, sign, significand, exponent, precisionOf(env, target));
}

/** Operands whose lowest bits are further apart than this do not overlap: the lower one is no more than a sticky bit. */
const FAR_APART = 256;
const STICKY_SHIFT = 120;

/** Result of `sum`: the only one, overwritten by the next call. */
const total = { sign: false, significand: 0n, exponent: 0 };

/** Sum of two finite numbers of at most 128 bits; exact, or ending in a sticky bit far below the last place. */
function sum(signA: boolean, a: bigint, exponentA: number, signB: boolean, b: bigint, exponentB: number): typeof total {
  if (a === 0n) exponentA = exponentB;
  else if (b === 0n) exponentB = exponentA;
  if (exponentA < exponentB) return sum(signB, b, exponentB, signA, a, exponentA);
  let distance = exponentA - exponentB;
  if (distance > FAR_APART) {
    distance = STICKY_SHIFT;
    b = 1n;
  }
  const left = distance === 0 ? a : shiftLeft(a, distance);
  total.exponent = exponentA - distance;
  total.sign = signA;
  if (signA === signB) {
    total.significand = left + b;
  } else {
    total.significand = left - b;
    if (total.significand < 0n) {
      total.significand = -total.significand;
      total.sign = signB;
    }
  }
  return total;
}

/** a · b. */
export function multiply<T>(env: FloatEnvironment, target: Format<T>, a: Unpacked, b: Unpacked): T {
  const nan = nanResult(env, a, b);
  if (nan) return pack(target, nan);
  const sign = a.sign !== b.sign;
  if (a.kind === Kind.INFINITE || b.kind === Kind.INFINITE) {
    if (a.kind === Kind.ZERO || b.kind === Kind.ZERO) return pack(target, invalid(env));
    noteDenormals(env, a, b);
    return target.infinity(sign);
  }
  noteDenormals(env, a, b);
  if (a.kind === Kind.ZERO || b.kind === Kind.ZERO) return zero(target, sign);
  const product = a.significand * b.significand;
  return round(env, target, sign, product, a.exponent + b.exponent, precisionOf(env, target));
}

/** a / b. */
export function divide<T>(env: FloatEnvironment, target: Format<T>, a: Unpacked, b: Unpacked): T {
  const nan = nanResult(env, a, b);
  if (nan) return pack(target, nan);
  const sign = a.sign !== b.sign;
  if (a.kind === b.kind && a.kind !== Kind.FINITE) return pack(target, invalid(env));
  if (a.kind === Kind.FINITE && b.kind === Kind.ZERO) {
    env.raise(FloatException.ZERO_DIVIDE);
    return target.infinity(sign);
  }
  noteDenormals(env, a, b);
  if (a.kind === Kind.INFINITE) return target.infinity(sign);
  if (b.kind === Kind.INFINITE || a.kind === Kind.ZERO) return zero(target, sign);
  // At least two bits more than the quotient needs, and one that stands for the rest.
  const shift = target.precision + 3 + Math.max(0, bitLength(b.significand) - bitLength(a.significand));
  const dividend = shiftLeft(a.significand, shift);
  const quotient = dividend / b.significand;
  const sticky = quotient * b.significand === dividend ? 0n : 1n;
  const exponent = a.exponent - b.exponent - shift;
  return round(env, target, sign, quotient | sticky, exponent, precisionOf(env, target));
}

/** Square root. */
export function squareRoot<T>(env: FloatEnvironment, target: Format<T>, a: Unpacked): T {
  const nan = nanResult(env, a);
  if (nan) return pack(target, nan);
  if (a.kind === Kind.ZERO) return zero(target, a.sign);
  if (a.sign) return pack(target, invalid(env));
  noteDenormals(env, a);
  if (a.kind === Kind.INFINITE) return target.infinity(false);
  // The radicand gets an even exponent and twice as many bits as the root needs.
  let shift = Math.max(0, 2 * (target.precision + 2) - bitLength(a.significand));
  if ((a.exponent - shift) % 2 !== 0) shift++;
  const radicand = shiftLeft(a.significand, shift);
  const root = integerSquareRoot(radicand);
  const sticky = root * root === radicand ? 0n : 1n;
  return round(env, target, false, (root << 1n) | sticky, (a.exponent - shift) / 2 - 1, precisionOf(env, target));
}

/** Which terms of a fused multiply-add change sign; NaNs keep theirs. */
export interface FusedSigns {
  readonly negateProduct?: boolean;
  readonly negateAddend?: boolean;
}

/** a · b + c with one rounding. Of several NaN operands the result is the first in this order (SDM vol. 1, table 14-17). */
export function fusedMultiplyAdd<T>(
  env: FloatEnvironment,
  target: Format<T>,
  a: Unpacked,
  b: Unpacked,
  c: Unpacked,
  { negateProduct = false, negateAddend = false }: FusedSigns = {},
): T {
  const operands = [a, b, c];
  const nan = operands.find((operand) => operand.isNan);
  if (nan) {
    if (operands.some((operand) => operand.kind === Kind.SIGNALLING_NAN)) env.raise(FloatException.INVALID);
    return pack(target, nan.quieted());
  }
  const signProduct = (a.sign !== b.sign) !== negateProduct;
  const signAddend = c.sign !== negateAddend;
  const infiniteProduct = a.kind === Kind.INFINITE || b.kind === Kind.INFINITE;
  const zeroProduct = a.kind === Kind.ZERO || b.kind === Kind.ZERO;
  const opposed = infiniteProduct && c.kind === Kind.INFINITE && signProduct !== signAddend;
  if ((infiniteProduct && zeroProduct) || opposed) return pack(target, invalid(env));
  noteDenormals(env, a, b);
  noteDenormals(env, c);
  if (infiniteProduct) return target.infinity(signProduct);
  if (c.kind === Kind.INFINITE) return target.infinity(signAddend);
  if (zeroProduct && c.kind === Kind.ZERO) {
    return signProduct === signAddend ? zero(target, signProduct) : zeroSum(env, target);
  }
  const product = a.significand * b.significand;
  const { sign, significand, exponent } = sum(
    signProduct,
    product,
    a.exponent + b.exponent,
    signAddend,
    c.significand,
    c.exponent,
  );
  if (significand === 0n) return zeroSum(env, target);
  return round(env, target, sign, significand, exponent);
}
