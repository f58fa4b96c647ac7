/** Conversions between the formats, to and from integers, and rounding to integral values. */
import { bitLength, shiftLeft } from './bits';
import { FloatException, RoundingMode, type FloatEnvironment } from './environment';
import { binary16, binary32, type Format } from './format';
import { nanResult, noteDenormals, unpack } from './operands';
import { pack, round, roundBits } from './round';
import { INDEFINITE, Kind, type Unpacked } from './unpacked';

/** Whether the operand of a conversion raises DE; loading half precision and storing x87 registers does not. */
export type DenormalOperand = 'raises-de' | 'silent';

/** The number in another format. NaNs become quiet, their significands are cut off at the right. */
export function convert<T>(env: FloatEnvironment, target: Format<T>, a: Unpacked, denormal: DenormalOperand): T {
  const nan = nanResult(env, a);
  if (nan) return pack(target, nan);
  if (denormal === 'raises-de') noteDenormals(env, a);
  if (a.kind === Kind.FINITE) return round(env, target, a.sign, a.significand, a.exponent);
  return pack(target, a);
}

/** A signed integer of any width as a floating-point number. */
export function fromInteger<T>(env: FloatEnvironment, target: Format<T>, value: bigint): T {
  return value < 0n ? round(env, target, true, -value, 0) : round(env, target, false, value, 0);
}

/** A rounded absolute value with these bits or more is out of range of every integer format. */
const TOO_LONG = 130;

/** |a|, finite or zero, rounded to a whole number; sets PE and C1. Undefined if it has more than 130 bits. */
function wholeMagnitude(env: FloatEnvironment, a: Unpacked, mode: RoundingMode): bigint | undefined {
  if (a.kind === Kind.ZERO) return 0n;
  const length = bitLength(a.significand);
  if (length + a.exponent > TOO_LONG) return undefined;
  const result = roundBits(a.significand, Math.min(-a.exponent, length + 2), mode, a.sign);
  if (result.inexact) {
    env.raise(FloatException.PRECISION);
    env.roundedUp = result.up;
  }
  return result.value;
}

/**
 * A signed integer of `bits` bits, as its two's complement; out of range, infinite or NaN it is the integer indefinite (the
 * most negative number) with IE instead of PE.
 */
export function toInteger(env: FloatEnvironment, a: Unpacked, bits: 16 | 32 | 64, mode = env.rounding): bigint {
  const before = env.flags;
  if (a.kind <= Kind.FINITE) {
    const magnitude = wholeMagnitude(env, a, mode);
    const limit = shiftLeft(1n, bits - 1);
    if (magnitude !== undefined && (a.sign ? magnitude <= limit : magnitude < limit)) {
      return BigInt.asUintN(bits, a.sign ? -magnitude : magnitude);
    }
  }
  env.flags = before | FloatException.INVALID;
  env.roundedUp = false;
  return shiftLeft(1n, bits - 1);
}

const BCD_DIGITS = 18;
const BCD_LIMIT = 10n ** BigInt(BCD_DIGITS);
const BCD_SIGN = 1n << 79n;
/** Packed BCD indefinite (SDM vol. 1, table 4-4). */
export const PACKED_BCD_INDEFINITE = 0xffffc000000000000000n;

/** FBSTP: 18 packed decimal digits and a sign byte, 80 bits; out of range the BCD indefinite and IE. */
export function toPackedBcd(env: FloatEnvironment, a: Unpacked): bigint {
  const before = env.flags;
  if (a.kind <= Kind.FINITE) {
    const magnitude = wholeMagnitude(env, a, env.rounding);
    if (magnitude !== undefined && magnitude < BCD_LIMIT) {
      return BigInt(`0x${magnitude.toString()}`) | (a.sign ? BCD_SIGN : 0n);
    }
  }
  env.flags = before | FloatException.INVALID;
  env.roundedUp = false;
  return PACKED_BCD_INDEFINITE;
}

/** FBLD: the number 18 packed decimal digits and a sign bit stand for; always exact. Digits above 9 count as they are. */
export function fromPackedBcd<T>(env: FloatEnvironment, target: Format<T>, bcd: bigint): T {
  let magnitude = 0n;
  for (let digit = BCD_DIGITS - 1; digit >= 0; digit--) {
    magnitude = magnitude * 10n + ((bcd >> BigInt(4 * digit)) & 0xfn);
  }
  return round(env, target, (bcd & BCD_SIGN) !== 0n, magnitude, 0);
}

export interface IntegralOptions {
  /** RC of the environment if absent. */
  readonly mode?: RoundingMode;
  /** ROUNDPS with bit 3 of its immediate set: no PE. */
  readonly suppressPrecision?: boolean;
}

/** Rounds to an integral value of the same format (FRNDINT, ROUNDPS). DE is raised by the x87 unit only. */
export function roundToIntegral<T>(
  env: FloatEnvironment,
  format: Format<T>,
  a: Unpacked,
  { mode = env.rounding, suppressPrecision = false }: IntegralOptions = {},
): T {
  const nan = nanResult(env, a);
  if (nan) return pack(format, nan);
  if (env.unit === 'x87') noteDenormals(env, a);
  if (a.kind !== Kind.FINITE || a.exponent >= 0) return pack(format, a);
  const result = roundBits(a.significand, Math.min(-a.exponent, bitLength(a.significand) + 2), mode, a.sign);
  if (result.inexact && !suppressPrecision) {
    env.raise(FloatException.PRECISION);
    env.roundedUp = result.up;
  }
  return round(env, format, a.sign, result.value, 0);
}

/** The default NaN in `format`. */
export function indefinite<T>(format: Format<T>): T {
  return pack(format, INDEFINITE);
}

/** VCVTPH2PS of one element: half precision knows no DAZ and no DE. */
export function fromHalf(env: FloatEnvironment, half: bigint): bigint {
  return convert(env, binary32, binary16.unpack(half), 'silent');
}

/** VCVTPS2PH of one element, rounded by `mode`; FTZ is not heeded. */
export function toHalf(env: FloatEnvironment, single: bigint, mode: RoundingMode): bigint {
  const { rounding, flushToZero } = env;
  env.rounding = mode;
  env.flushToZero = false;
  const half = convert(env, binary16, unpack(env, binary32, single), 'raises-de');
  env.rounding = rounding;
  env.flushToZero = flushToZero;
  return half;
}
