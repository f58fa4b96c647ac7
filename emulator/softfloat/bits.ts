/** Bit counting and shifting of bigints, without allocating the shift counts anew. */

const COUNTS = Array.from({ length: 1024 }, (_, i) => BigInt(i));

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** Number of bits of a value in 0..2^1000. */
export function bitLength(value: bigint): number {
  if (value === 0n) return 0;
  double[0] = Number(value);
  const length = (words[1] >>> 20) - 1022;
  // The conversion rounds: a long run of ones may have become the next power of two.
  const isPower = (words[1] & 0xfffff) === 0 && words[0] === 0;
  return isPower && length > 53 && value >> COUNTS[length - 1] === 0n ? length - 1 : length;
}

/** `value` times 2^count, count >= 0. */
export function shiftLeft(value: bigint, count: number): bigint {
  return value << (COUNTS[count] ?? BigInt(count));
}

/** `value` divided by 2^count and rounded down, count >= 0. */
export function shiftRight(value: bigint, count: number): bigint {
  return value >> (COUNTS[count] ?? BigInt(count));
}

/** Whole part of the square root of `value` >= 0. */
export function integerSquareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let root = shiftLeft(1n, (bitLength(value) + 1) >> 1);
  if (bitLength(value) < 1000) {
    // A start from above that is right to about 50 bits.
    const shift = Math.max(0, bitLength(value) - 106) & ~1;
    root = shiftLeft(BigInt(Math.ceil(Math.sqrt(Number(shiftRight(value, shift))) * (1 + 2 ** -50))) + 1n, shift >> 1);
  }
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
