/** Sums and differences of neighbouring elements (SDM vol. 1, sections 5.8.1 and 5.8.2), and the least of eight words. */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Definition } from '../definition';
import { arrange, elementsIn, pair, upTo } from './lanes';
import { packed, packedUnary } from './shapes';

const { i16x8, i32x4 } = simd;

/** `operation` on the even and the odd elements of `a`, then those of `b`. */
function horizontal(mnemonic: string, width: 2 | 4, operation: (even: Value, odd: Value) => Value): Definition[] {
  const onNeighbours = (a: Value, b: Value): Value => {
    const [even, odd] = [0, 1].map((parity) =>
      arrange(
        a,
        b,
        width,
        upTo(elementsIn(width)).map((i) => 2 * i + parity),
      ),
    );
    return operation(even, odd);
  };
  return packed(mnemonic, onNeighbours, {
    mmx: (a, b) => {
      const both = pair(a, b);
      return onNeighbours(both, both);
    },
  });
}

export const vectorHorizontal: readonly Definition[] = [
  ...horizontal('PHADDW', 2, i16x8.add),
  ...horizontal('PHADDD', 4, i32x4.add),
  ...horizontal('PHADDSW', 2, i16x8.addSatS),
  ...horizontal('PHSUBW', 2, i16x8.sub),
  ...horizontal('PHSUBD', 4, i32x4.sub),
  ...horizontal('PHSUBSW', 2, i16x8.subSatS),
  ...packedUnary(
    'PHMINPOSUW',
    (a, _immediate, c) => {
      // Each word with its position below it: the least of these is the first of the least words.
      const positions = [0, 4].map((from) => simd.bytes([0, 1, 2, 3].flatMap((i) => [from + i, 0, 0, 0])));
      const [low, high] = [i32x4.extendLowU(a), i32x4.extendHighU(a)].map((words, i) =>
        simd.or(i32x4.shl(words, w.i32(16)), positions[i]),
      );
      const four = c.let(i32x4.minU(low, high));
      const two = c.let(i32x4.minU(four, arrange(four, four, 4, [2, 3, 2, 3])));
      const one = i32x4.minU(two, arrange(two, two, 4, [1, 1, 1, 1]));
      return arrange(one, simd.zero, 2, [1, 0, 8, 8, 8, 8, 8, 8]);
    },
    { only128: true },
  ),
];
