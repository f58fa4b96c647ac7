/**
 * Elementary functions of fixed-point numbers: a bigint is divided by 2^F, F being the number of fraction bits. Results are
 * right but for a few units of the last place.
 */
import { integerSquareRoot } from './bits';

/** A constant worked out to as many fraction bits as were ever asked for. */
function constant(compute: (fractionBits: number) => bigint): (fractionBits: number) => bigint {
  let known = -1;
  let value = 0n;
  return (fractionBits) => {
    if (fractionBits > known) {
      known = fractionBits + 64;
      value = compute(known);
    }
    return value >> BigInt(known - fractionBits);
  };
}

/** Arc tangent (`alternating`) or its hyperbolic kin of 1 / n. */
function inverseTangentOfReciprocal(n: bigint, fractionBits: number, alternating: boolean): bigint {
  let power = (1n << BigInt(fractionBits)) / n;
  let total = 0n;
  for (let k = 1n; power !== 0n; k += 2n) {
    total += alternating && k % 4n === 3n ? -power / k : power / k;
    power /= n * n;
  }
  return total;
}

/** Pi, by Machin's formula. */
export const pi = constant(
  (bits) =>
    (16n * inverseTangentOfReciprocal(5n, bits + 16, true) - 4n * inverseTangentOfReciprocal(239n, bits + 16, true)) >>
    16n,
);

/** Natural logarithm of 2. */
export const ln2 = constant((bits) => (2n * inverseTangentOfReciprocal(3n, bits + 16, false)) >> 16n);

/** Sine and cosine of an angle of at most 2. */
export function sineAndCosine(angle: bigint, fractionBits: number): { sine: bigint; cosine: bigint } {
  const shift = BigInt(fractionBits);
  let term = 1n << shift;
  let sine = 0n;
  let cosine = term;
  for (let k = 1n; ; k++) {
    term = ((term * angle) >> shift) / k;
    if (term === 0n || term === -1n) return { sine, cosine };
    const negative = (k & 2n) !== 0n;
    if (k & 1n) sine += negative ? -term : term;
    else cosine += negative ? -term : term;
  }
}

/** e to the power of x, minus 1, |x| at most 1. */
export function exponentialMinus1(x: bigint, fractionBits: number): bigint {
  const shift = BigInt(fractionBits);
  let term = 1n << shift;
  let total = 0n;
  for (let k = 1n; ; k++) {
    term = ((term * x) >> shift) / k;
    if (term === 0n || term === -1n) return total;
    total += term;
  }
}

/** The odd series x ± x³/3 + x⁵/5 …: arc tangent (`alternating`) or hyperbolic arc tangent, |x| at most 1/4. */
function inverseTangentSeries(x: bigint, fractionBits: number, alternating: boolean): bigint {
  const shift = BigInt(fractionBits);
  const square = (x * x) >> shift;
  let power = x;
  let total = x;
  for (let k = 3n; ; k += 2n) {
    power = (power * square) >> shift;
    const term = power / k;
    if (term === 0n) return total;
    total += alternating && k % 4n === 3n ? -term : term;
  }
}

/** Natural logarithm of (1 + x) / (1 - x), |x| at most 1/4. */
export function logarithmOfQuotient(x: bigint, fractionBits: number): bigint {
  return 2n * inverseTangentSeries(x, fractionBits, false);
}

/** Arc tangent of x, 0 to 1: the angle is halved until the series is quick. */
export function arcTangent(x: bigint, fractionBits: number): bigint {
  const shift = BigInt(fractionBits);
  const one = 1n << shift;
  const quick = one >> 3n;
  let halvings = 0n;
  while (x > quick) {
    x = (x << shift) / (one + integerSquareRoot((one << shift) + x * x));
    halvings++;
  }
  return inverseTangentSeries(x, fractionBits, true) << halvings;
}
