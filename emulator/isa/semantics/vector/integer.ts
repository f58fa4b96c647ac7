/** Packed integer arithmetic, comparison and logic (SDM vol. 1, sections 5.4, 5.6.3, 5.8 to 5.10 and 5.14). */
import * as simd from '../../../wasm/simd';
import type { Definition } from '../definition';
import { packed } from './shapes';

const { i8x16, i16x8, i32x4, i64x2 } = simd;
const mmx = { mmx: true };

export const vectorInteger: readonly Definition[] = [
  ...packed('PADDB', i8x16.add, mmx),
  ...packed('PADDW', i16x8.add, mmx),
  ...packed('PADDD', i32x4.add, mmx),
  ...packed('PADDQ', i64x2.add, mmx),
  ...packed('PSUBB', i8x16.sub, mmx),
  ...packed('PSUBW', i16x8.sub, mmx),
  ...packed('PSUBD', i32x4.sub, mmx),
  ...packed('PSUBQ', i64x2.sub, mmx),
  ...['PAND', 'ANDPS', 'ANDPD'].flatMap((name) => packed(name, simd.and, { mmx: name === 'PAND' })),
  // The complement is of the first operand.
  ...['PANDN', 'ANDNPS', 'ANDNPD'].flatMap((name) =>
    packed(name, (a, b) => simd.andNot(b, a), { mmx: name === 'PANDN' }),
  ),
  ...['POR', 'ORPS', 'ORPD'].flatMap((name) => packed(name, simd.or, { mmx: name === 'POR' })),
  ...['PXOR', 'XORPS', 'XORPD'].flatMap((name) => packed(name, simd.xor, { mmx: name === 'PXOR' })),
];
