/** Arithmetic in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1: what AES is made of, and GFNI (SDM vol. 1, section 5.21). */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Context } from '../context';
import type { Definition } from '../definition';
import { packed, packedImmediate } from './shapes';

const { i8x16 } = simd;
const POLYNOMIAL = 0x11b;

/** The product of two field elements. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) {
    if ((b >> bit) & 1) product ^= a << bit;
  }
  for (let bit = 14; bit >= 8; bit--) {
    if ((product >> bit) & 1) product ^= POLYNOMIAL << (bit - 8);
  }
  return product;
}

/** Multiplicative inverses; that of 0 is 0. */
export const INVERSES: readonly number[] = Array.from({ length: 256 }, (_, value) => {
  for (let candidate = 1; candidate < 256; candidate++) if (multiply(value, candidate) === 1) return candidate;
  return 0;
});

/** Looks each byte of `index` up in a table of 256 bytes: an index that is not in a row of 16 gives 0 there. */
export function lookUp(c: Context, table: readonly number[], index: Value): Value {
  const held = c.let(index);
  let result: Value | undefined;
  for (let row = 0; row < 16; row++) {
    const entries = simd.bytes(table.slice(16 * row, 16 * row + 16));
    const chosen = simd.swizzle(entries, i8x16.sub(held, simd.splatConstant(BigInt(16 * row), 1)));
    result = result ? simd.or(result, chosen) : chosen;
  }
  return c.let(result ?? held);
}

/** Multiplies each byte by x. */
export function timesX(value: Value): Value {
  const reduction = simd.and(i8x16.shrS(value, w.i32(7)), simd.splatConstant(BigInt(POLYNOMIAL & 0xff), 1));
  return simd.xor(i8x16.shl(value, w.i32(1)), reduction);
}

function multiplyBytes(a: Value, b: Value, c: Context): Value {
  let product: Value = simd.zero;
  for (let bit = 7; bit >= 0; bit--) {
    // All ones in the bytes of `b` that have the bit: its place as the sign.
    const mask = i8x16.shrS(bit === 7 ? b : i8x16.shl(b, w.i32(7 - bit)), w.i32(7));
    product = c.let(simd.xor(bit === 7 ? simd.zero : timesX(product), simd.and(a, mask)));
  }
  return product;
}

/** Row by row: bit i of each result is the parity of the byte and byte 7 - i of the matrix in its quadword, plus bit i of `constant`. */
function affine(value: Value, matrix: Value, constant: number, c: Context): Value {
  let result: Value = simd.splatConstant(BigInt(constant), 1);
  for (let bit = 0; bit < 8; bit++) {
    const row = simd.shuffle(
      matrix,
      matrix,
      Array.from({ length: 16 }, (_, i) => (i & 8) + 7 - bit),
    );
    const parity = simd.and(i8x16.popcnt(simd.and(row, value)), simd.splatConstant(1n, 1));
    result = c.let(simd.xor(result, i8x16.shl(parity, w.i32(bit))));
  }
  return result;
}

export const galois: readonly Definition[] = [
  ...packed('GF2P8MULB', multiplyBytes),
  ...packedImmediate('GF2P8AFFINEQB', affine),
  ...packedImmediate('GF2P8AFFINEINVQB', (value, matrix, constant, c) =>
    affine(lookUp(c, INVERSES, value), matrix, constant, c),
  ),
];
