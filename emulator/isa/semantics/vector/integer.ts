/** Packed integer addition, average, absolute value, sign and logic (SDM vol. 1, sections 5.4, 5.6.3, 5.8 and 5.14). */
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Definition } from '../definition';
import { packed, packedUnary } from './shapes';

const { i8x16, i16x8, i32x4, i64x2 } = simd;
const mmx = { mmx: true };

interface SignedLanes {
  readonly neg: (a: Value) => Value;
  readonly ltS: (a: Value, b: Value) => Value;
  readonly eq: (a: Value, b: Value) => Value;
}

/** Elements of `a` negated where those of `b` are negative, zero where those are zero. */
const signed =
  ({ neg, ltS, eq }: SignedLanes) =>
  (a: Value, b: Value): Value =>
    simd.andNot(simd.bitselect(neg(a), a, ltS(b, simd.zero)), eq(b, simd.zero));

export const vectorInteger: readonly Definition[] = [
  ...packed('PADDB', i8x16.add, mmx),
  ...packed('PADDW', i16x8.add, mmx),
  ...packed('PADDD', i32x4.add, mmx),
  ...packed('PADDQ', i64x2.add, mmx),
  ...packed('PADDSB', i8x16.addSatS, mmx),
  ...packed('PADDSW', i16x8.addSatS, mmx),
  ...packed('PADDUSB', i8x16.addSatU, mmx),
  ...packed('PADDUSW', i16x8.addSatU, mmx),
  ...packed('PSUBB', i8x16.sub, mmx),
  ...packed('PSUBW', i16x8.sub, mmx),
  ...packed('PSUBD', i32x4.sub, mmx),
  ...packed('PSUBQ', i64x2.sub, mmx),
  ...packed('PSUBSB', i8x16.subSatS, mmx),
  ...packed('PSUBSW', i16x8.subSatS, mmx),
  ...packed('PSUBUSB', i8x16.subSatU, mmx),
  ...packed('PSUBUSW', i16x8.subSatU, mmx),
  ...packed('PAVGB', i8x16.avgrU, mmx),
  ...packed('PAVGW', i16x8.avgrU, mmx),
  ...packedUnary('PABSB', i8x16.abs, mmx),
  ...packedUnary('PABSW', i16x8.abs, mmx),
  ...packedUnary('PABSD', i32x4.abs, mmx),
  ...packed('PSIGNB', signed(i8x16), mmx),
  ...packed('PSIGNW', signed(i16x8), mmx),
  ...packed('PSIGND', signed(i32x4), mmx),
  ...['PAND', 'ANDPS', 'ANDPD'].flatMap((name) => packed(name, simd.and, { mmx: name === 'PAND' })),
  // The complement is of the first operand.
  ...['PANDN', 'ANDNPS', 'ANDNPD'].flatMap((name) =>
    packed(name, (a, b) => simd.andNot(b, a), { mmx: name === 'PANDN' }),
  ),
  ...['POR', 'ORPS', 'ORPD'].flatMap((name) => packed(name, simd.or, { mmx: name === 'POR' })),
  ...['PXOR', 'XORPS', 'XORPD'].flatMap((name) => packed(name, simd.xor, { mmx: name === 'PXOR' })),
];
