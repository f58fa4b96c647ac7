/** PCLMULQDQ: the product of two polynomials over GF(2) (SDM vol. 1, section 12.13.3). */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import { ValueType } from '../../../wasm/types';
import type { Context } from '../context';
import type { Definition } from '../definition';
import { packedImmediate } from './shapes';

const { i64x2 } = simd;

/** Bits 0 and 4 of the immediate choose the quadwords that are multiplied. */
function multiply(a: Value, b: Value, immediate: number, c: Context): Value {
  const { f } = c;
  const x = c.let(i64x2.extract(a, immediate & 1));
  const left = f.slot(ValueType.I64);
  const [low, high] = [f.slot(ValueType.I64), f.slot(ValueType.I64)];
  f.set(left, i64x2.extract(b, (immediate >> 4) & 1));
  f.set(low, w.i64(0));
  f.set(high, w.i64(0));
  // Adds x shifted to the place of each bit of the other factor, lowest bit first.
  c.if(w.ne(left, w.i64(0)), () => {
    c.loop((again) => {
      const place = c.let(w.ctz(left));
      f.set(low, w.xor(low, w.shl(x, place)));
      // A shift by 64 would be one by 0: the high part is shifted in two steps.
      const rest = w.shrU(w.shrU(x, w.i64(1)), w.xor(place, w.i64(63)));
      f.set(high, w.xor(high, rest));
      f.set(left, w.and(left, w.sub(left, w.i64(1))));
      f.branchIf(w.ne(left, w.i64(0)), again);
    });
  });
  return i64x2.replace(i64x2.splat(low), 1, high);
}

export const carryless: readonly Definition[] = packedImmediate('PCLMULQDQ', multiply, { only128: true });
