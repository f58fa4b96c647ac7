/** Packed integer comparison, minimum and maximum, tests (SDM vol. 1, sections 5.4.4, 5.6.3, 5.10 and 5.13). */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Context, OperandRef } from '../context';
import type { Definition } from '../definition';
import { defineVector, packed } from './shapes';

const { i8x16, i16x8, i32x4, i64x2 } = simd;
const mmx = { mmx: true };

/** i64 1 if all `values` are zero, else 0. */
function allZero(c: Context, values: readonly Value[]): Value {
  return c.let(w.extendU(w.isZero(simd.anyTrue(values.reduce(simd.or)))));
}

/** ZF: source and destination have no bit of `mask` in common; CF: the destination has all that the source has. */
const testing =
  (mask: Value, aligned: boolean) =>
  (c: Context, [destination, source]: readonly OperandRef[]): void => {
    const b = c.readVector(source, aligned).map((half) => c.let(simd.and(half, mask)));
    const a = c.readVector(destination);
    const zero = allZero(
      c,
      a.map((half, i) => simd.and(b[i], half)),
    );
    const carry = allZero(
      c,
      a.map((half, i) => simd.andNot(b[i], half)),
    );
    c.flags.ordered(zero, w.i64(0), carry);
  };

export const vectorCompare: readonly Definition[] = [
  ...packed('PCMPEQB', i8x16.eq, mmx),
  ...packed('PCMPEQW', i16x8.eq, mmx),
  ...packed('PCMPEQD', i32x4.eq, mmx),
  ...packed('PCMPEQQ', i64x2.eq),
  ...packed('PCMPGTB', i8x16.gtS, mmx),
  ...packed('PCMPGTW', i16x8.gtS, mmx),
  ...packed('PCMPGTD', i32x4.gtS, mmx),
  ...packed('PCMPGTQ', i64x2.gtS),
  ...packed('PMINUB', i8x16.minU, mmx),
  ...packed('PMINSW', i16x8.minS, mmx),
  ...packed('PMINSB', i8x16.minS),
  ...packed('PMINSD', i32x4.minS),
  ...packed('PMINUW', i16x8.minU),
  ...packed('PMINUD', i32x4.minU),
  ...packed('PMAXUB', i8x16.maxU, mmx),
  ...packed('PMAXSW', i16x8.maxS, mmx),
  ...packed('PMAXSB', i8x16.maxS),
  ...packed('PMAXSD', i32x4.maxS),
  ...packed('PMAXUW', i16x8.maxU),
  ...packed('PMAXUD', i32x4.maxU),
  defineVector('PTEST', ['x xm'], testing(simd.ones, true)),
  defineVector('VPTEST', ['x xm', 'y ym'], testing(simd.ones, false)),
  defineVector('VTESTPS', ['x xm', 'y ym'], testing(simd.splatConstant(1n << 31n, 4), false)),
  defineVector('VTESTPD', ['x xm', 'y ym'], testing(simd.splatConstant(1n << 63n, 8), false)),
];
