/** The formats of SDM vol. 1, section 4.2.2: how numbers are encoded. */
import { Kind, QUIET_BIT, Unpacked } from './unpacked';

/** Double-extended precision: 64 bits of significand with explicit integer bit; sign in bit 15 over 15 bits of exponent. */
export interface Extended80 {
  readonly significand: bigint;
  readonly signExponent: number;
}

export interface Format<T> {
  /** Bits of significand, the integer bit included. */
  readonly precision: number;
  /** Exponent of the smallest normal number. */
  readonly minExponent: number;
  /** Exponent of the largest finite number. */
  readonly maxExponent: number;
  unpack(value: T): Unpacked;
  /** significand times 2^(exponent - precision + 1); without integer bit the exponent is `minExponent`: a denormal or 0. */
  finite(sign: boolean, exponent: number, significand: bigint): T;
  infinity(sign: boolean): T;
  /** `significand` as in `Unpacked`; what does not fit is cut off. */
  nan(sign: boolean, significand: bigint): T;
}

function interchangeFormat(bits: 16 | 32 | 64, precision: number): Format<bigint> {
  const fractionBits = precision - 1;
  const shift = BigInt(fractionBits);
  const exponentField = 2 ** (bits - precision) - 1;
  const bias = exponentField >> 1;
  const signField = exponentField + 1;
  const minExponent = 1 - bias;
  const lowestWeight = minExponent - fractionBits;
  const integerBit = 1n << shift;
  const alignment = BigInt(64 - precision);
  const pack = (sign: boolean, field: number, fraction: bigint): bigint =>
    (BigInt(sign ? field | signField : field) << shift) | fraction;
  return {
    precision,
    minExponent,
    maxExponent: bias,
    unpack(value) {
      const top = Number(value >> shift);
      const sign = (top & signField) !== 0;
      const field = top & exponentField;
      const fraction = BigInt.asUintN(fractionBits, value);
      if (field === exponentField) {
        if (fraction === 0n) return new Unpacked(Kind.INFINITE, sign);
        const significand = (integerBit | fraction) << alignment;
        return new Unpacked(significand & QUIET_BIT ? Kind.QUIET_NAN : Kind.SIGNALLING_NAN, sign, significand);
      }
      if (field !== 0) return new Unpacked(Kind.FINITE, sign, integerBit | fraction, lowestWeight + field - 1);
      if (fraction === 0n) return new Unpacked(Kind.ZERO, sign);
      return new Unpacked(Kind.FINITE, sign, fraction, lowestWeight, true);
    },
    finite: (sign, exponent, significand) =>
      significand < integerBit ? pack(sign, 0, significand) : pack(sign, exponent + bias, significand ^ integerBit),
    infinity: (sign) => pack(sign, exponentField, 0n),
    nan: (sign, significand) => pack(sign, exponentField, BigInt.asUintN(fractionBits, significand >> alignment)),
  };
}

/** Half precision; patterns in bits 0..15. */
export const binary16 = interchangeFormat(16, 11);
/** Single precision; patterns in bits 0..31. */
export const binary32 = interchangeFormat(32, 24);
/** Double precision; patterns in bits 0..63. */
export const binary64 = interchangeFormat(64, 53);

const EXTENDED_BIAS = 0x3fff;
const EXTENDED_EXPONENT = 0x7fff;
const EXTENDED_SIGN = 0x8000;
const EXTENDED_MIN = 1 - EXTENDED_BIAS;
const INTEGER_BIT = 1n << 63n;

export const extended80: Format<Extended80> = {
  precision: 64,
  minExponent: EXTENDED_MIN,
  maxExponent: EXTENDED_BIAS,
  unpack({ significand, signExponent }) {
    const sign = (signExponent & EXTENDED_SIGN) !== 0;
    const field = signExponent & EXTENDED_EXPONENT;
    if (field === 0) {
      // With integer bit a pseudo-denormal: it has the value of the smallest normal exponent.
      if (significand === 0n) return new Unpacked(Kind.ZERO, sign);
      return new Unpacked(Kind.FINITE, sign, significand, EXTENDED_MIN - 63, true);
    }
    if (significand < INTEGER_BIT) return new Unpacked(Kind.UNSUPPORTED, sign);
    if (field !== EXTENDED_EXPONENT) return new Unpacked(Kind.FINITE, sign, significand, field - EXTENDED_BIAS - 63);
    if (significand === INTEGER_BIT) return new Unpacked(Kind.INFINITE, sign);
    return new Unpacked(significand & QUIET_BIT ? Kind.QUIET_NAN : Kind.SIGNALLING_NAN, sign, significand);
  },
  finite: (sign, exponent, significand) => ({
    significand,
    signExponent: (sign ? EXTENDED_SIGN : 0) | (significand < INTEGER_BIT ? 0 : exponent + EXTENDED_BIAS),
  }),
  infinity: (sign) => ({ significand: INTEGER_BIT, signExponent: (sign ? EXTENDED_SIGN : 0) | EXTENDED_EXPONENT }),
  nan: (sign, significand) => ({ significand, signExponent: (sign ? EXTENDED_SIGN : 0) | EXTENDED_EXPONENT }),
};
