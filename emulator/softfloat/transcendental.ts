/**
 * The transcendental instructions of x87 (SDM vol. 1, section 8.3.6), correctly rounded: results are worked out to a relative
 * error far below that of the format before they are rounded once.
 */
import { bitLength, shiftLeft, shiftRight } from './bits';
import { FloatException, type FloatEnvironment } from './environment';
import { extended80, type Extended80 } from './format';
import * as fixed from './fixed-point';
import { invalid, nanResult, noteDenormals } from './operands';
import { pack, round } from './round';
import { Kind, Unpacked } from './unpacked';

/** Bits worked out beyond the leading one of an operand or result. */
const WORKING_BITS = 192;
/** Below 2^-TINY a function is its first Taylor term but for a sticky bit. */
const TINY = 100;

/** Exponent of the leading bit of a finite number. */
function topOf(a: Unpacked): number {
  return a.exponent + bitLength(a.significand) - 1;
}

/** A finite number's absolute value with that many fraction bits. */
function toFixed(a: Unpacked, fractionBits: number): bigint {
  const shift = a.exponent + fractionBits;
  return shift >= 0 ? shiftLeft(a.significand, shift) : shiftRight(a.significand, -shift);
}

/** Rounds value / 2^fractionBits, an approximation of a number that no format holds exactly. */
function roundFixed(env: FloatEnvironment, value: bigint, fractionBits: number, negate = false): Extended80 {
  const sign = value < 0n;
  return round(env, extended80, sign !== negate, ((sign ? -value : value) << 1n) | 1n, -fractionBits - 1);
}

function zero(sign: boolean): Extended80 {
  return extended80.finite(sign, extended80.minExponent, 0n);
}

/** The operand a little nearer to zero. */
function justBelow(env: FloatEnvironment, a: Unpacked): Extended80 {
  return round(env, extended80, a.sign, shiftLeft(a.significand, TINY) - 1n, a.exponent - TINY);
}

/* ---- Trigonometry ---- */

/** Pi as the processor reduces arguments by it: 66 bits after the point (SDM vol. 1, section 8.3.8). */
const PI_66 = 0xc90fdaa22168c234cn;
/** Fraction bits of `PI_66` taken as pi / 2. */
const HALF_PI_BITS = 67;
/** Operands from 2^63 on are out of range. */
const RANGE = 63;

export interface Trigonometric {
  /** Absent if the operand is out of range: C2 is set, nothing else changes. */
  readonly sine?: Extended80;
  readonly cosine?: Extended80;
  readonly tangent?: Extended80;
}

type Wanted = 'sine' | 'cosine' | 'tangent';

/** FSIN, FCOS, FPTAN: `wanted` of a. FSINCOS asks for two of them; exceptions add up. */
export function trigonometric(env: FloatEnvironment, a: Unpacked, wanted: readonly Wanted[]): Trigonometric {
  const all = (value: Extended80): Trigonometric => Object.fromEntries(wanted.map((name) => [name, value]));
  const nan = nanResult(env, a);
  if (nan) return all(pack(extended80, nan));
  if (a.kind === Kind.INFINITE) return all(pack(extended80, invalid(env)));
  if (a.kind === Kind.ZERO) {
    const one = extended80.finite(false, 0, 1n << 63n);
    return Object.fromEntries(wanted.map((name) => [name, name === 'cosine' ? one : zero(a.sign)]));
  }
  if (topOf(a) >= RANGE) return {};
  noteDenormals(env, a);
  return Object.fromEntries(wanted.map((name) => [name, trigonometricOfFinite(env, a, name)]));
}

function trigonometricOfFinite(env: FloatEnvironment, a: Unpacked, wanted: Wanted): Extended80 {
  const top = topOf(a);
  if (top < -TINY) {
    if (wanted === 'sine') return justBelow(env, a);
    if (wanted === 'tangent')
      return round(env, extended80, a.sign, shiftLeft(a.significand, TINY) + 1n, a.exponent - TINY);
    return round(env, extended80, false, (1n << WORKING_BIT_COUNT) - 1n, -WORKING_BITS);
  }
  const fractionBits = WORKING_BITS + Math.max(0, -top) + HALF_PI_BITS;
  const halfPi = shiftLeft(PI_66, fractionBits - HALF_PI_BITS);
  const magnitude = toFixed(a, fractionBits);
  // The nearest multiple of pi / 2: what is left is at most pi / 4, positive or negative.
  const quadrant = (2n * magnitude + halfPi) / (2n * halfPi);
  const { sine, cosine } = fixed.sineAndCosine(magnitude - quadrant * halfPi, fractionBits);
  const turned = Number(quadrant & 3n);
  const sines = [sine, cosine, -sine, -cosine];
  if (wanted === 'sine') return roundFixed(env, sines[turned], fractionBits, a.sign);
  if (wanted === 'cosine') return roundFixed(env, sines[(turned + 1) & 3], fractionBits);
  const tangent = (sines[turned] << BigInt(fractionBits)) / sines[(turned + 1) & 3];
  return roundFixed(env, tangent, fractionBits, a.sign);
}

const WORKING_BIT_COUNT = BigInt(WORKING_BITS);

/** FPATAN: the angle of the point (x, y), y being ST(1) and x ST(0). */
export function arcTangent(env: FloatEnvironment, y: Unpacked, x: Unpacked): Extended80 {
  const nan = nanResult(env, y, x);
  if (nan) return pack(extended80, nan);
  noteDenormals(env, y, x);
  const eighths = angleOfAxisOrInfinity(y, x);
  if (eighths === 0) return zero(y.sign);
  if (eighths !== undefined) {
    return roundFixed(env, BigInt(eighths) * fixed.pi(WORKING_BITS), WORKING_BITS + 3, y.sign);
  }
  const steep = topOf(y) > topOf(x);
  const [short, long] = steep ? [x, y] : [y, x];
  const ratioTop = topOf(short) - topOf(long);
  if (ratioTop < -TINY - 2 && !steep && !x.sign) {
    // The quotient, a little nearer to zero: exact quotients do not stay exact.
    const quotient = shiftLeft(short.significand, 2 * WORKING_BITS) / long.significand;
    const exponent = short.exponent - long.exponent - 2 * WORKING_BITS;
    return round(env, extended80, y.sign, (quotient << 1n) - 1n, exponent - 1);
  }
  const fractionBits = WORKING_BITS + Math.min(TINY, Math.max(0, -ratioTop));
  const shift = short.exponent - long.exponent + fractionBits;
  const ratio =
    shift >= 0
      ? shiftLeft(short.significand, shift) / long.significand
      : short.significand / shiftLeft(long.significand, Math.min(-shift, 2 * WORKING_BITS));
  const angle = angleOfRatio(ratio, fractionBits);
  const pi = fixed.pi(fractionBits);
  // From the angle above the nearest axis to the angle above the positive half of the x axis.
  const fromAxis = steep ? (pi >> 1n) - (x.sign ? -angle : angle) : x.sign ? pi - angle : angle;
  return roundFixed(env, fromAxis, fractionBits, y.sign);
}

/** Arc tangent of a ratio that may be up to 2. */
function angleOfRatio(ratio: bigint, fractionBits: number): bigint {
  const one = 1n << BigInt(fractionBits);
  if (ratio <= one) return fixed.arcTangent(ratio, fractionBits);
  return (fixed.pi(fractionBits) >> 1n) - fixed.arcTangent((one * one) / ratio, fractionBits);
}

/** The angle of a point on an axis or at infinity in eighths of pi, without its sign; undefined for others. */
function angleOfAxisOrInfinity(y: Unpacked, x: Unpacked): number | undefined {
  if (y.kind === Kind.INFINITE) return x.kind === Kind.INFINITE ? (x.sign ? 6 : 2) : 4;
  if (y.kind === Kind.ZERO || x.kind === Kind.INFINITE) return x.sign ? 8 : 0;
  return x.kind === Kind.ZERO ? 4 : undefined;
}

/* ---- Powers and logarithms ---- */

/** F2XM1: 2^a - 1, a from -1 to 1; beyond that the operand itself (the SDM leaves it undefined). */
export function power2Minus1(env: FloatEnvironment, a: Unpacked): Extended80 {
  const nan = nanResult(env, a);
  if (nan) return pack(extended80, nan);
  noteDenormals(env, a);
  if (a.kind === Kind.INFINITE) return a.sign ? extended80.finite(true, 0, 1n << 63n) : extended80.infinity(false);
  if (a.kind === Kind.ZERO) return zero(a.sign);
  const top = topOf(a);
  if (top >= 0) {
    const isOne = top === 0 && a.significand === shiftLeft(1n, -a.exponent);
    env.raise(FloatException.PRECISION);
    if (isOne) return extended80.finite(a.sign, a.sign ? -1 : 0, 1n << 63n);
    return pack(extended80, a);
  }
  if (top < -TINY) {
    const product = a.significand * fixed.ln2(WORKING_BITS);
    return round(env, extended80, a.sign, product | 1n, a.exponent - WORKING_BITS);
  }
  const fractionBits = WORKING_BITS - top;
  const magnitude = (toFixed(a, fractionBits) * fixed.ln2(fractionBits)) >> BigInt(fractionBits);
  return roundFixed(env, fixed.exponentialMinus1(a.sign ? -magnitude : magnitude, fractionBits), fractionBits);
}

/** y times a logarithm that is neither zero nor infinite; `exact` if the logarithm is. */
function timesLogarithm(
  env: FloatEnvironment,
  y: Unpacked,
  logarithm: bigint,
  fractionBits: number,
  exact: boolean,
): Extended80 {
  const negative = logarithm < 0n;
  const sign = y.sign !== negative;
  if (y.kind === Kind.INFINITE) return extended80.infinity(sign);
  if (y.kind === Kind.ZERO) return zero(sign);
  const product = y.significand * (negative ? -logarithm : logarithm);
  const result = round(env, extended80, sign, (product << 1n) | (exact ? 0n : 1n), y.exponent - fractionBits - 1);
  if (exact) {
    // Processors say of exact results, too, that they are not.
    env.raise(FloatException.PRECISION);
    if (result.significand < 1n << 63n) env.raise(FloatException.UNDERFLOW);
  }
  return result;
}

/** FYL2X: y · log2(x), y being ST(1) and x ST(0). */
export function timesLogarithm2(env: FloatEnvironment, y: Unpacked, x: Unpacked): Extended80 {
  const nan = nanResult(env, y, x);
  if (nan) return pack(extended80, nan);
  if (x.kind === Kind.ZERO) {
    if (y.kind === Kind.ZERO) return pack(extended80, invalid(env));
    if (y.kind === Kind.FINITE) env.raise(FloatException.ZERO_DIVIDE);
    return extended80.infinity(!y.sign);
  }
  if (x.sign || (x.kind === Kind.INFINITE && y.kind === Kind.ZERO)) return pack(extended80, invalid(env));
  if (x.kind === Kind.INFINITE) {
    noteDenormals(env, y);
    return extended80.infinity(y.sign);
  }
  const top = topOf(x);
  const isPower = x.significand === shiftLeft(1n, top - x.exponent);
  if (isPower && top === 0 && y.kind === Kind.INFINITE) return pack(extended80, invalid(env));
  noteDenormals(env, y, x);
  if (isPower) return top === 0 ? zero(y.sign) : timesLogarithm(env, y, BigInt(top), 0, true);
  // A significand between the square roots of 1/2 and 2, nearly: 3/4 to 3/2.
  const length = bitLength(x.significand);
  const one = shiftLeft(1n, length);
  const high = 2n * x.significand > one + (one >> 1n);
  const whole = high ? top + 1 : top;
  const numerator = (high ? x.significand : 2n * x.significand) - one;
  const denominator = (high ? x.significand : 2n * x.significand) + one;
  const fractionBits = 2 * WORKING_BITS;
  const quotient = shiftLeft(numerator, fractionBits) / denominator;
  const logarithm = toBase2(fixed.logarithmOfQuotient(quotient, fractionBits), fractionBits);
  return timesLogarithm(env, y, shiftLeft(BigInt(whole), fractionBits) + logarithm, fractionBits, false);
}

/** A natural logarithm as one to the base 2. */
function toBase2(logarithm: bigint, fractionBits: number): bigint {
  return (logarithm << BigInt(fractionBits)) / fixed.ln2(fractionBits);
}

/** FYL2XP1: y · log2(x + 1). Meant for |x| below 1 - √½; from -1 down, where the SDM defines nothing, it is x. */
export function timesLogarithm2Plus1(env: FloatEnvironment, y: Unpacked, x: Unpacked): Extended80 {
  const nan = nanResult(env, y, x);
  if (nan) return pack(extended80, nan);
  if (x.kind === Kind.ZERO) {
    if (y.kind === Kind.INFINITE) return pack(extended80, invalid(env));
    noteDenormals(env, y);
    return zero(y.sign !== x.sign);
  }
  if (x.kind === Kind.INFINITE) {
    if (x.sign || y.kind === Kind.ZERO) return pack(extended80, invalid(env));
    noteDenormals(env, y);
    return extended80.infinity(y.sign);
  }
  const top = topOf(x);
  if (x.sign && top >= 0) {
    if (y.kind !== Kind.FINITE) return pack(extended80, y.negated());
    noteDenormals(env, y);
    env.raise(FloatException.PRECISION);
    return pack(extended80, x);
  }
  if (top > TINY) return timesLogarithm2(env, y, x);
  if (top >= -1) {
    // x + 1 in full.
    const weight = Math.min(x.exponent, 0);
    const significand = shiftLeft(x.significand, x.exponent - weight);
    const sum = shiftLeft(1n, -weight) + (x.sign ? -significand : significand);
    return timesLogarithm2(env, y, new Unpacked(Kind.FINITE, false, sum, weight));
  }
  noteDenormals(env, y, x);
  const fractionBits = WORKING_BITS - Math.max(top, -TINY);
  if (top < -TINY) {
    const log2e = (1n << BigInt(2 * WORKING_BITS)) / fixed.ln2(WORKING_BITS);
    const logarithm = x.significand * log2e;
    const sticky = new Unpacked(y.kind, y.sign, y.significand, y.exponent + x.exponent);
    return timesLogarithm(env, sticky, x.sign ? -logarithm : logarithm, WORKING_BITS, false);
  }
  const signed = x.sign ? -toFixed(x, fractionBits) : toFixed(x, fractionBits);
  const quotient = (signed << BigInt(fractionBits)) / ((2n << BigInt(fractionBits)) + signed);
  const logarithm = toBase2(fixed.logarithmOfQuotient(quotient, fractionBits), fractionBits);
  return timesLogarithm(env, y, logarithm, fractionBits, false);
}
