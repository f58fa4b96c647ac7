/** Packed integer multiplication and sums of differences (SDM vol. 1, sections 5.4.3, 5.4.4, 5.8 and 5.10). */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Definition } from '../definition';
import { arrange, upTo } from './lanes';
import { packed, packedImmediate } from './shapes';

const { i8x16, i16x8, i32x4, i64x2 } = simd;
const mmx = { mmx: true };

type Binary = (a: Value, b: Value) => Value;

/** The upper halves of the products of words, given the products of the low and of the high four. */
const highWords =
  (low: Binary, high: Binary): Binary =>
  (a, b) =>
    arrange(
      low(a, b),
      high(a, b),
      2,
      upTo(8).map((i) => 2 * i + 1),
    );

/** Products of the even doublewords. */
const evenDoublewords =
  (multiplyLow: Binary): Binary =>
  (a, b) =>
    multiplyLow(arrange(a, a, 4, [0, 2, 0, 2]), arrange(b, b, 4, [0, 2, 0, 2]));

/** Unsigned bytes of `a` times signed bytes of `b`, neighbours added with signed saturation to words. */
function multiplyAddBytes(a: Value, b: Value): Value {
  const eight = w.i32(8);
  const even = i16x8.mul(simd.and(a, simd.splatConstant(0xffn, 2)), i16x8.shrS(i16x8.shl(b, eight), eight));
  const odd = i16x8.mul(i16x8.shrU(a, eight), i16x8.shrS(b, eight));
  return i16x8.addSatS(even, odd);
}

/** Rounded upper parts of Q15 products. WebAssembly saturates the one that does not fit, 1 for -1 times -1. */
function multiplyHighRounded(a: Value, b: Value): Value {
  const minusOne = simd.splatConstant(0x8000n, 2);
  const overflows = simd.and(i16x8.eq(a, minusOne), i16x8.eq(b, minusOne));
  return simd.xor(i16x8.q15MulrSatS(a, b), overflows);
}

const absoluteDifference: Binary = (a, b) => simd.or(i8x16.subSatU(a, b), i8x16.subSatU(b, a));

export const vectorMultiply: readonly Definition[] = [
  ...packed('PMULLW', i16x8.mul, mmx),
  ...packed('PMULLD', i32x4.mul),
  ...packed('PMULHW', highWords(i32x4.extmulLowI16S, i32x4.extmulHighI16S), mmx),
  ...packed('PMULHUW', highWords(i32x4.extmulLowI16U, i32x4.extmulHighI16U), mmx),
  ...packed('PMULHRSW', multiplyHighRounded, mmx),
  ...packed('PMULUDQ', evenDoublewords(i64x2.extmulLowI32U), mmx),
  ...packed('PMULDQ', evenDoublewords(i64x2.extmulLowI32S)),
  ...packed('PMADDWD', i32x4.dotI16S, mmx),
  ...packed('PMADDUBSW', multiplyAddBytes, mmx),
  ...packed(
    'PSADBW',
    (a, b, c) => {
      const fours = i32x4.extaddPairwiseI16U(i16x8.extaddPairwiseI8U(absoluteDifference(a, b)));
      const held = c.let(fours);
      return i64x2.add(simd.and(held, simd.splatConstant(0xffffffffn, 8)), i64x2.shrU(held, w.i32(32)));
    },
    mmx,
  ),
  ...packedImmediate('MPSADBW', (a, b, immediate, c, half) => {
    // Eight sums: four bytes from `second` on in b, against four from `first`, `first` + 1, ... on in a.
    const control = immediate >> (3 * half);
    const first = control & 4;
    const second = 4 * (control & 3);
    const sums = [0, 1, 2, 3].map((i) => {
      const shifted = arrange(
        a,
        a,
        1,
        upTo(16).map((lane) => (lane < 8 ? first + i + lane : 0)),
      );
      const byte = arrange(
        b,
        b,
        1,
        upTo(16).map(() => second + i),
      );
      return i16x8.extendLowU(absoluteDifference(c.let(shifted), c.let(byte)));
    });
    return sums.reduce(i16x8.add);
  }),
];
