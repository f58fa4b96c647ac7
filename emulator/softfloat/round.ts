/** From an exact value to the nearest value of a format that the rounding mode allows, with the exceptions on the way. */
import { bitLength, shiftLeft, shiftRight } from './bits';
import { FloatException, RoundingMode, type FloatEnvironment } from './environment';
import { extended80, type Format } from './format';
import { Kind, type Unpacked } from './unpacked';

/** Exponents of unmasked x87 overflow and underflow results are moved by this much (SDM vol. 1, sections 8.5.4 and 8.5.5). */
const BIAS_ADJUST = 24576;
/**
 * Results of this precision go to x87 registers. Others are of SSE, or stores of x87: an unmasked overflow or underflow
 * prevents them, and stores do not notice PE any more.
 */
const REGISTER_PRECISION = extended80.precision;

/** Result of `roundBits`: the only one, overwritten by the next call. */
const rounded = { value: 0n, inexact: false, up: false };

/** Divides by 2^shift and rounds to a whole number; multiplies if `shift` is negative. */
export function roundBits(value: bigint, shift: number, mode: RoundingMode, sign: boolean): typeof rounded {
  rounded.inexact = false;
  rounded.up = false;
  if (shift <= 0) {
    rounded.value = shift === 0 ? value : shiftLeft(value, -shift);
    return rounded;
  }
  const rest = BigInt.asUintN(shift, value);
  rounded.value = shiftRight(value, shift);
  if (rest === 0n) return rounded;
  rounded.inexact = true;
  if (mode === RoundingMode.NEAREST_EVEN) {
    if (bitLength(rest) === shift) {
      const tie = rest === shiftLeft(1n, shift - 1);
      rounded.up = !tie || (rounded.value & 1n) === 1n;
    }
  } else {
    rounded.up = mode === (sign ? RoundingMode.DOWN : RoundingMode.UP);
  }
  if (rounded.up) rounded.value += 1n;
  return rounded;
}

/**
 * significand times 2^exponent, rounded to `target`. Raises OE, UE and PE; tininess is noticed after rounding. Lower bits
 * of an endless significand may be summed up in one sticky bit if at least two bits are lost below `precision`.
 */
export function round<T>(
  env: FloatEnvironment,
  target: Format<T>,
  sign: boolean,
  significand: bigint,
  exponent: number,
  precision = target.precision,
): T {
  const length = bitLength(significand);
  if (length === 0) return target.finite(sign, target.minExponent, 0n);
  // Exponent of the leading bit.
  let top = exponent + length - 1;
  const { rounding } = env;
  const { minExponent } = target;
  let result = roundBits(significand, length - precision, rounding, sign);
  const carried = bitLength(result.value) > precision;
  if (carried) top++;
  if (top >= minExponent && top <= target.maxExponent) {
    if (result.inexact) inexact(env, result.up);
    return target.finite(sign, top, align(result.value, carried, target, precision));
  }

  const outOfRange = top > target.maxExponent ? FloatException.OVERFLOW : FloatException.UNDERFLOW;
  if (!env.masked(outOfRange)) {
    env.raise(outOfRange);
    const toRegister = target.precision === REGISTER_PRECISION;
    if (result.inexact && (toRegister || env.unit === 'sse')) inexact(env, result.up);
    if (!toRegister) return target.finite(sign, minExponent, 0n);
    return wrapped(env, target, sign, top, align(result.value, carried, target, precision));
  }
  if (outOfRange === FloatException.OVERFLOW) {
    env.raise(FloatException.OVERFLOW);
    const toInfinity =
      rounding === RoundingMode.NEAREST_EVEN || rounding === (sign ? RoundingMode.DOWN : RoundingMode.UP);
    inexact(env, toInfinity);
    if (toInfinity) return target.infinity(sign);
    const ones = shiftLeft(1n, precision) - 1n;
    return target.finite(sign, target.maxExponent, shiftLeft(ones, target.precision - precision));
  }
  if (env.flushToZero) {
    env.raise(FloatException.UNDERFLOW | FloatException.PRECISION);
    return target.finite(sign, minExponent, 0n);
  }
  const lowest = minExponent - precision + 1;
  result = roundBits(significand, Math.min(lowest - exponent, length + 2), rounding, sign);
  if (result.inexact) {
    env.raise(FloatException.UNDERFLOW);
    inexact(env, result.up);
  }
  return target.finite(sign, minExponent, shiftLeft(result.value, target.precision - precision));
}

function inexact(env: FloatEnvironment, up: boolean): void {
  env.raise(FloatException.PRECISION);
  env.roundedUp = up;
}

/** A result of `precision` bits, or one more when rounding carried, in the places of the target's significand. */
function align<T>(value: bigint, carried: boolean, target: Format<T>, precision: number): bigint {
  const shifted = precision === target.precision ? value : shiftLeft(value, target.precision - precision);
  return carried ? shifted >> 1n : shifted;
}

/**
 * The unmasked response to overflow and underflow in a register: the exponent is moved into range; what is too far off
 * becomes infinity or zero after all.
 */
function wrapped<T>(env: FloatEnvironment, target: Format<T>, sign: boolean, top: number, significand: bigint): T {
  const exponent = top + (top > 0 ? -BIAS_ADJUST : BIAS_ADJUST);
  if (exponent > target.maxExponent) {
    inexact(env, true);
    return target.infinity(sign);
  }
  if (exponent < target.minExponent) {
    inexact(env, false);
    return target.finite(sign, target.minExponent, 0n);
  }
  return target.finite(sign, exponent, significand);
}

/** Encodes a value that `target` holds exactly, NaNs included: raises nothing. */
export function pack<T>(target: Format<T>, value: Unpacked): T {
  switch (value.kind) {
    case Kind.ZERO:
      return target.finite(value.sign, target.minExponent, 0n);
    case Kind.INFINITE:
      return target.infinity(value.sign);
    case Kind.FINITE: {
      const length = bitLength(value.significand);
      const exponent = Math.max(target.minExponent, value.exponent + length - 1);
      const shift = value.exponent - (exponent - target.precision + 1);
      const significand = shift >= 0 ? shiftLeft(value.significand, shift) : shiftRight(value.significand, -shift);
      return target.finite(value.sign, exponent, significand);
    }
    default:
      return target.nan(value.sign, value.significand);
  }
}
