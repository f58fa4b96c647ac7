/** Choices between the elements of two vectors (SDM vol. 1, sections 5.10.4 and 5.15). */
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Definition } from '../definition';
import { arrange, elementsIn, upTo, type Width } from './lanes';
import { defineVector, packedImmediate, packedVex, writeVex, type VectorImmediate } from './shapes';

const { i8x16, i32x4, i64x2 } = simd;

/** By the bits of the immediate; the high half goes on where the low one ends, unless `repeated`. */
const byImmediate =
  (width: Width, repeated = false): VectorImmediate =>
  (a, b, immediate, _c, half) => {
    const count = elementsIn(width);
    const control = repeated ? immediate : immediate >> (half * count);
    return arrange(
      a,
      b,
      width,
      upTo(count).map((i) => ((control >> i) & 1 ? count + i : i)),
    );
  };

/** By the top bits of the elements of a third vector: XMM0 in the legacy encoding. */
function byMask(mnemonic: string, ltS: (a: Value, b: Value) => Value): Definition[] {
  const blend = (a: Value, b: Value, mask: Value): Value => simd.bitselect(b, a, ltS(mask, simd.zero));
  return [
    defineVector(mnemonic, ['x xm'], (c, [destination, source]) => {
      const [b] = c.readVector(source, true);
      const [a] = c.readVector(destination);
      c.writeVector(destination, [c.let(blend(a, b, c.vectorRegister(0, 0)))]);
    }),
    defineVector(`V${mnemonic}`, ['x x xm x', 'y y ym y'], (c, [destination, first, second, third]) => {
      const b = c.readVector(second);
      const a = c.readVector(first);
      const mask = c.readVector(third);
      writeVex(
        c,
        destination,
        a.map((half, i) => c.let(blend(half, b[i], mask[i]))),
      );
    }),
  ];
}

export const blends: readonly Definition[] = [
  ...packedImmediate('BLENDPS', byImmediate(4)),
  ...packedImmediate('BLENDPD', byImmediate(8)),
  ...packedImmediate('PBLENDW', byImmediate(2, true)),
  packedVex('VPBLENDD', byImmediate(4)),
  ...byMask('PBLENDVB', i8x16.ltS),
  ...byMask('BLENDVPS', i32x4.ltS),
  ...byMask('BLENDVPD', i64x2.ltS),
];
