/** SHA-1 and SHA-256 (SDM vol. 1, section 5.22; FIPS 180-4). Lane 3 of a vector holds the first word. */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Context } from '../context';
import type { Definition } from '../definition';
import { defineVector } from './shapes';

const { i32x4 } = simd;

type Operation = (destination: readonly Value[], source: readonly Value[], c: Context, immediate: number) => Value[];

/** `operation` works on words, lane 0 first, and returns those of the destination. */
function sha(mnemonic: string, operation: Operation, immediateOperand = false): Definition {
  return defineVector(
    mnemonic,
    [immediateOperand ? 'x xm i' : 'x xm'],
    (c, [destination, source], { immediate }) => {
      const words = (vector: Value): Value[] => [0, 1, 2, 3].map((lane) => c.let(i32x4.extract(vector, lane)));
      const [b] = c.readVector(source);
      // Unlike others, these report a page fault before misalignment.
      if (source.kind === 'm128') c.requireAligned(c.address(source), 16);
      const [a] = c.readVector(destination);
      const [first, ...rest] = operation(words(a), words(b), c, immediate).map((word) => c.let(word));
      const result = rest.reduce((vector, word, i) => i32x4.replace(vector, i + 1, word), i32x4.splat(first));
      c.writeVector(destination, [c.let(result)]);
    },
    { immediate: immediateOperand },
  );
}

const rotl = (value: Value, by: number): Value => w.rotl(value, w.i32(by));
const rotr = (value: Value, by: number): Value => w.rotr(value, w.i32(by));
const xor3 = (a: Value, b: Value, c: Value): Value => w.xor(w.xor(a, b), c);
const choose = (x: Value, y: Value, z: Value): Value => w.xor(w.and(x, y), w.and(w.not(x), z));
const majority = (x: Value, y: Value, z: Value): Value => xor3(w.and(x, y), w.and(x, z), w.and(y, z));

/** Functions and constants of the four groups of 20 rounds of SHA-1. */
const SHA1_ROUNDS = [
  { mix: choose, constant: 0x5a827999 },
  { mix: xor3, constant: 0x6ed9eba1 },
  { mix: majority, constant: 0x8f1bbcdc },
  { mix: xor3, constant: 0xca62c1d6 },
];

/** Four rounds of SHA-1; E is already in the first word of the source. */
const sha1Rounds: Operation = (state, message, c, immediate) => {
  const { mix, constant } = SHA1_ROUNDS[immediate & 3];
  let [a, b, d, e] = [state[3], state[2], state[1], state[0]];
  let last: Value = w.i32(0);
  for (let round = 0; round < 4; round++) {
    const word = w.add(message[3 - round], w.i32(constant));
    const next = c.let(w.add(w.add(w.add(mix(b, d, e), rotl(a, 5)), word), last));
    [a, b, d, e, last] = [next, a, c.let(rotl(b, 30)), d, e];
  }
  return [e, d, b, a];
};

const small0 = (x: Value): Value => xor3(rotr(x, 7), rotr(x, 18), w.shrU(x, w.i32(3)));
const small1 = (x: Value): Value => xor3(rotr(x, 17), rotr(x, 19), w.shrU(x, w.i32(10)));
const big0 = (x: Value): Value => xor3(rotr(x, 2), rotr(x, 13), rotr(x, 22));
const big1 = (x: Value): Value => xor3(rotr(x, 6), rotr(x, 11), rotr(x, 25));

/** Two rounds of SHA-256: the destination holds C, D, G, H, the source A, B, E, F; message plus constant is in XMM0. */
const sha256Rounds: Operation = (cdgh, abef, c) => {
  const message = c.let(c.vectorRegister(0, 0));
  let [a, b, cc, d] = [abef[3], abef[2], cdgh[3], cdgh[2]];
  let [e, f, g, h] = [abef[1], abef[0], cdgh[1], cdgh[0]];
  for (let round = 0; round < 2; round++) {
    const sum = w.add(w.add(choose(e, f, g), big1(e)), w.add(i32x4.extract(message, round), h));
    const first = c.let(sum);
    const next = c.let(w.add(first, w.add(majority(a, b, cc), big0(a))));
    [h, g, f, e, d, cc, b, a] = [g, f, e, c.let(w.add(first, d)), cc, b, a, next];
  }
  return [f, e, b, a];
};

export const shaInstructions: readonly Definition[] = [
  sha('SHA1RNDS4', sha1Rounds, true),
  sha('SHA1NEXTE', (state, message) => [message[0], message[1], message[2], w.add(message[3], rotl(state[3], 30))]),
  sha('SHA1MSG1', (a, b) => [w.xor(b[2], a[0]), w.xor(b[3], a[1]), w.xor(a[0], a[2]), w.xor(a[1], a[3])]),
  sha('SHA1MSG2', (a, b, c) => {
    const w16 = c.let(rotl(w.xor(a[3], b[2]), 1));
    const w17 = rotl(w.xor(a[2], b[1]), 1);
    const w18 = rotl(w.xor(a[1], b[0]), 1);
    return [rotl(w.xor(a[0], w16), 1), w18, w17, w16];
  }),
  sha('SHA256RNDS2', sha256Rounds),
  sha('SHA256MSG1', (a, b) => [
    w.add(a[0], small0(a[1])),
    w.add(a[1], small0(a[2])),
    w.add(a[2], small0(a[3])),
    w.add(a[3], small0(b[0])),
  ]),
  sha('SHA256MSG2', (a, b, c) => {
    const w16 = c.let(w.add(a[0], small1(b[2])));
    const w17 = c.let(w.add(a[1], small1(b[3])));
    return [w16, w17, w.add(a[2], small1(w16)), w.add(a[3], small1(w17))];
  }),
];
