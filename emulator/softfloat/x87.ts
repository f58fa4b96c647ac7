/** FXTRACT, FSCALE, FPREM and FPREM1: the x87 operations on exponents and remainders. */
import { bitLength, shiftLeft } from './bits';
import { FloatException, RoundingMode, type FloatEnvironment } from './environment';
import { extended80, type Extended80 } from './format';
import { invalid, nanResult, noteDenormals } from './operands';
import { pack, round, roundBits } from './round';
import { Kind, type Unpacked } from './unpacked';

/** FXTRACT: the exponent as a number, and the significand with exponent 0. */
export function extract(env: FloatEnvironment, a: Unpacked): { exponent: Extended80; significand: Extended80 } {
  const nan = nanResult(env, a);
  if (nan) return { exponent: pack(extended80, nan), significand: pack(extended80, nan) };
  noteDenormals(env, a);
  if (a.kind === Kind.INFINITE) {
    return { exponent: extended80.infinity(false), significand: extended80.infinity(a.sign) };
  }
  if (a.kind === Kind.ZERO) {
    env.raise(FloatException.ZERO_DIVIDE);
    return { exponent: extended80.infinity(true), significand: pack(extended80, a) };
  }
  const length = bitLength(a.significand);
  const exponent = a.exponent + length - 1;
  return {
    exponent: round(env, extended80, exponent < 0, BigInt(Math.abs(exponent)), 0),
    significand: extended80.finite(a.sign, 0, shiftLeft(a.significand, 64 - length)),
  };
}

/** Scales beyond this overflow or underflow whatever they meet, even with the exponent of an unmasked response. */
const SCALE_LIMIT = 0x20000;

/** FSCALE: a times 2 to the power of b, b being cut to a whole number. */
export function scale(env: FloatEnvironment, a: Unpacked, b: Unpacked): Extended80 {
  const nan = nanResult(env, a, b);
  if (nan) return pack(extended80, nan);
  if (b.kind === Kind.INFINITE) {
    if (b.sign ? a.kind === Kind.INFINITE : a.kind === Kind.ZERO) return pack(extended80, invalid(env));
    noteDenormals(env, a);
    return b.sign ? extended80.finite(a.sign, extended80.minExponent, 0n) : extended80.infinity(a.sign);
  }
  noteDenormals(env, a, b);
  if (a.kind !== Kind.FINITE) return pack(extended80, a);
  return round(env, extended80, a.sign, a.significand, a.exponent + wholeScale(b));
}

/** A finite b cut to a whole number no further from 0 than `SCALE_LIMIT`. */
function wholeScale(b: Unpacked): number {
  if (b.kind === Kind.ZERO) return 0;
  const length = bitLength(b.significand) + b.exponent;
  if (length <= 0) return 0;
  const magnitude =
    length > 20
      ? SCALE_LIMIT
      : Math.min(SCALE_LIMIT, Number(roundBits(b.significand, -b.exponent, RoundingMode.ZERO, false).value));
  return b.sign ? -magnitude : magnitude;
}

export interface PartialRemainder {
  readonly remainder: Extended80;
  /** Condition code C2: the reduction is not complete. */
  readonly incomplete: boolean;
  /** The low three bits of the quotient, 0 if incomplete; absent if there is none, the result being a NaN. */
  readonly quotient?: number;
}

/** Exponents that differ by this much or more are not dealt with in one go. */
const PARTIAL_REDUCTION = 64;

/** FPREM (quotient cut off) and FPREM1 (quotient rounded to nearest even): what is left of a after division by b. */
export function partialRemainder(
  env: FloatEnvironment,
  a: Unpacked,
  b: Unpacked,
  quotientRounding: RoundingMode.ZERO | RoundingMode.NEAREST_EVEN,
): PartialRemainder {
  const complete = (remainder: Extended80, quotient = 0): PartialRemainder => ({
    remainder,
    incomplete: false,
    quotient,
  });
  const nan = nanResult(env, a, b);
  if (nan) return { remainder: pack(extended80, nan), incomplete: false };
  if (a.kind === Kind.INFINITE || b.kind === Kind.ZERO) {
    return { remainder: pack(extended80, invalid(env)), incomplete: false };
  }
  noteDenormals(env, a, b);
  if (a.kind === Kind.ZERO) return complete(pack(extended80, a));
  if (b.kind === Kind.INFINITE) return complete(round(env, extended80, a.sign, a.significand, a.exponent));

  const difference = a.exponent + bitLength(a.significand) - (b.exponent + bitLength(b.significand));
  const distance = a.exponent - b.exponent;
  if (difference < PARTIAL_REDUCTION) {
    const low = Math.min(a.exponent, b.exponent);
    if (difference < -1) return complete(round(env, extended80, a.sign, a.significand, a.exponent));
    const dividend = shiftLeft(a.significand, Math.max(0, distance));
    const divisor = shiftLeft(b.significand, Math.max(0, -distance));
    let quotient = dividend / divisor;
    let rest = dividend - quotient * divisor;
    let sign = a.sign;
    if (quotientRounding === RoundingMode.NEAREST_EVEN) {
      const twice = rest << 1n;
      if (twice > divisor || (twice === divisor && quotient & 1n)) {
        quotient += 1n;
        rest = divisor - rest;
        sign = !sign;
      }
    }
    const bits = Number(quotient & 7n);
    return complete(round(env, extended80, sign, rest, low), bits);
  }
  const steps = reductionBits(difference);
  const divisor = b.significand;
  const shift = distance - (difference - steps);
  const rest = shiftLeft(a.significand, Math.max(0, shift)) % shiftLeft(divisor, Math.max(0, -shift));
  const exponent = b.exponent + difference - steps + Math.min(0, shift);
  return { remainder: round(env, extended80, a.sign, rest, exponent), incomplete: true, quotient: 0 };
}

/** How many bits an incomplete reduction takes off: the SDM allows 32 to 63. */
function reductionBits(difference: number): number {
  return 32 + (difference % 32);
}
