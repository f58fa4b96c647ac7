/** AES rounds (SDM vol. 1, section 12.13; FIPS 197). Byte i of a vector is row i mod 4, column i / 4 of the state. */
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Context } from '../context';
import type { Definition } from '../definition';
import { INVERSES, lookUp, timesX } from './galois';
import { packed, packedUnary } from './shapes';

const rotate8 = (value: number, by: number): number => ((value << by) | (value >> (8 - by))) & 0xff;

/** FIPS 197, 5.1.1: the inverse, then an affine transformation. */
const SUBSTITUTION: readonly number[] = INVERSES.map(
  (b) => b ^ rotate8(b, 1) ^ rotate8(b, 2) ^ rotate8(b, 3) ^ rotate8(b, 4) ^ 0x63,
);
const INVERSE_SUBSTITUTION: readonly number[] = SUBSTITUTION.reduce<number[]>((inverse, to, from) => {
  inverse[to] = from;
  return inverse;
}, new Array<number>(256).fill(0));

const BYTES = Array.from({ length: 16 }, (_, i) => i);

/** Row r moves r columns to the left, or back. */
const shiftRows = (value: Value, direction: 1 | -1): Value =>
  simd.shuffle(
    value,
    value,
    BYTES.map((i) => (i + 4 * direction * (i & 3) + 16) % 16),
  );

/** Byte r of each column becomes byte r + `by`. */
const rotateColumns = (value: Value, by: number): Value =>
  simd.shuffle(
    value,
    value,
    BYTES.map((i) => (i & ~3) | ((i + by) & 3)),
  );

/** Each column times {03}x^3 + {01}x^2 + {01}x + {02}. */
function mixColumns(c: Context, value: Value): Value {
  const held = c.let(value);
  const twice = c.let(timesX(held));
  const thrice = rotateColumns(simd.xor(twice, held), 1);
  const rest = simd.xor(rotateColumns(held, 2), rotateColumns(held, 3));
  return simd.xor(simd.xor(twice, thrice), rest);
}

/** The inverse: a multiple of the columns first, which makes the forward transformation the inverse one. */
function inverseMixColumns(c: Context, value: Value): Value {
  const held = c.let(value);
  const sum = c.let(simd.xor(held, rotateColumns(held, 2)));
  return mixColumns(c, simd.xor(held, timesX(c.let(timesX(sum)))));
}

const encrypted = (c: Context, state: Value): Value => lookUp(c, SUBSTITUTION, shiftRows(state, 1));
const decrypted = (c: Context, state: Value): Value => lookUp(c, INVERSE_SUBSTITUTION, shiftRows(state, -1));

/** Words 1 and 3 substituted, plain and rotated with the round constant added. */
function keyAssist(source: Value, roundConstant: number, c: Context): Value {
  const words = lookUp(
    c,
    SUBSTITUTION,
    simd.shuffle(source, source, [4, 5, 6, 7, 4, 5, 6, 7, 12, 13, 14, 15, 12, 13, 14, 15]),
  );
  const rotated = simd.shuffle(words, words, [0, 1, 2, 3, 5, 6, 7, 4, 8, 9, 10, 11, 13, 14, 15, 12]);
  const constant = BYTES.map((i) => (i === 4 || i === 12 ? roundConstant : 0));
  return simd.xor(rotated, simd.bytes(constant));
}

const only128 = { only128: true };

export const aes: readonly Definition[] = [
  ...packed('AESENC', (state, key, c) => simd.xor(mixColumns(c, encrypted(c, state)), key), only128),
  ...packed('AESENCLAST', (state, key, c) => simd.xor(encrypted(c, state), key), only128),
  ...packed('AESDEC', (state, key, c) => simd.xor(inverseMixColumns(c, decrypted(c, state)), key), only128),
  ...packed('AESDECLAST', (state, key, c) => simd.xor(decrypted(c, state), key), only128),
  ...packedUnary('AESIMC', (key, _immediate, c) => inverseMixColumns(c, key), only128),
  ...packedUnary('AESKEYGENASSIST', keyAssist, { only128: true, immediate: true }),
];
