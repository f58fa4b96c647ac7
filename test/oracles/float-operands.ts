/** Operands of floating-point instructions: edges of the formats and random numbers, often close to each other. */
import type { Random } from './random';

/** Formats of operands; patterns are bigints of that many bits, extended80 with sign and exponent in bits 64 to 79. */
export const FORMAT_BITS = {
  binary16: 16,
  binary32: 32,
  binary64: 64,
  extended80: 80,
  int16: 16,
  int32: 32,
  int64: 64,
  bcd80: 80,
} as const;
export type OperandFormat = keyof typeof FORMAT_BITS;

const FRACTION_BITS = { binary16: 10, binary32: 23, binary64: 52, extended80: 63 } as const;
type RealFormat = keyof typeof FRACTION_BITS;

/** One operand; `near` is a former one of the same instruction that it may resemble. */
export function randomOperand(random: Random, format: OperandFormat, near?: bigint): bigint {
  const bits = FORMAT_BITS[format];
  if (format === 'bcd80') return randomBcd(random);
  if (format === 'int16' || format === 'int32' || format === 'int64') return BigInt.asUintN(bits, random.operand());
  if (near !== undefined && random.chance(25)) return neighbour(random, format, near);
  return randomReal(random, format);
}

function neighbour(random: Random, format: RealFormat, near: bigint): bigint {
  const bits = FORMAT_BITS[format];
  const flip = random.chance(50) ? 1n << BigInt(bits - 1) : 0n;
  const moved = near + BigInt(random.below(5) - 2) + (BigInt(random.below(5) - 2) << BigInt(FRACTION_BITS[format]));
  const exponentStep = format === 'extended80' ? BigInt(random.below(130) - 65) << 64n : 0n;
  return BigInt.asUintN(bits, (random.chance(50) ? moved : near + exponentStep) ^ flip);
}

function randomReal(random: Random, format: RealFormat): bigint {
  const fractionBits = FRACTION_BITS[format];
  const extended = format === 'extended80';
  const exponentBits = FORMAT_BITS[format] - 1 - fractionBits - (extended ? 1 : 0);
  const top = 2 ** exponentBits - 1;
  const bias = top >> 1;
  const sign = BigInt(random.below(2));
  const exponent = BigInt(randomExponent(random, top, bias, fractionBits));
  const fraction = randomFraction(random, fractionBits);
  if (!extended) return (((sign << BigInt(exponentBits)) | exponent) << BigInt(fractionBits)) | fraction;
  // The integer bit is mostly as it ought to be; else the encoding is a pseudo-denormal or unsupported.
  const regular = exponent !== 0n;
  const integerBit = random.chance(4) ? !regular : regular;
  return (sign << 79n) | (exponent << 64n) | (integerBit ? 1n << 63n : 0n) | fraction;
}

function randomExponent(random: Random, top: number, bias: number, fractionBits: number): number {
  switch (random.below(8)) {
    case 0:
      return random.pick([0, 0, 1, top - 1, top, top]);
    case 1:
      return random.below(fractionBits + 4);
    case 2:
      return top - random.below(fractionBits + 4);
    case 3:
      return random.below(top + 1);
    case 4:
      return (bias >> 1) + random.below(8);
    case 5:
      return bias + random.below(fractionBits + 4);
    default:
      return Math.min(top - 1, Math.max(1, bias + random.below(2 * fractionBits) - fractionBits));
  }
}

function randomFraction(random: Random, bits: number): bigint {
  const all = (1n << BigInt(bits)) - 1n;
  switch (random.below(8)) {
    case 0:
      return random.pick([0n, 1n, all, all - 1n, 1n << BigInt(bits - 1), (1n << BigInt(bits - 1)) - 1n]);
    case 1:
      return 1n << BigInt(random.below(bits));
    case 2:
      return all ^ ((1n << BigInt(random.below(bits))) - 1n);
    case 3:
      return (random.bits64() & all) >> BigInt(random.below(bits));
    case 4: {
      // Few significant bits: exact results and halfway cases.
      const kept = BigInt(bits - 1 - random.below(bits - 1));
      return ((random.bits64() & all) >> kept) << kept;
    }
    default:
      return random.bits64() & all;
  }
}

function randomBcd(random: Random): bigint {
  let value = BigInt(random.pick([0, 0x80])) << 72n;
  const digits = random.below(19);
  for (let digit = 0; digit < digits; digit++) value |= BigInt(random.below(10)) << BigInt(4 * digit);
  return value;
}
