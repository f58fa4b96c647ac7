/** Interleaving, packing and shuffling within 128 bits (SDM vol. 1, sections 5.4.2, 5.5.5, 5.6.1.4, 5.8.5 and 5.10). */
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Definition } from '../definition';
import { arrange, elementsIn, pair, upTo, type Width } from './lanes';
import { defineVector, fromMmx, packed, packedImmediate, packedUnary, toMmx, type VectorUnary } from './shapes';

const { i8x16, i16x8 } = simd;

type Binary = (a: Value, b: Value) => Value;

/** Elements of `a` and `b` in turn, from number `start` on. */
const interleave =
  (width: Width, start: number): Binary =>
  (a, b) =>
    arrange(
      a,
      b,
      width,
      upTo(elementsIn(width) / 2).flatMap((i) => [start + i, elementsIn(width) + start + i]),
    );

const interleaveLow = (name: string, width: Width, mmx: boolean): Definition[] =>
  packed(name, interleave(width, 0), { mmx, mmxBytes: 4 });

const interleaveHigh = (name: string, width: Width, mmx: boolean): Definition[] =>
  // Half of an MMX register is a quarter of a vector.
  packed(name, interleave(width, elementsIn(width) / 2), { mmx: mmx && interleave(width, elementsIn(width) / 4) });

/** Elements made half as wide: those of `a`, then those of `b`. */
const pack = (name: string, narrow: Binary, mmx: boolean): Definition[] =>
  packed(name, narrow, { mmx: mmx && ((a, b) => narrow(pair(a, b), simd.zero)) });

/** The four 2-bit fields of an immediate, lowest first. */
const fields = (immediate: number): number[] => [0, 2, 4, 6].map((at) => (immediate >> at) & 3);

const shuffleLowWords: VectorUnary = (a, immediate) => arrange(a, a, 2, [...fields(immediate), 4, 5, 6, 7]);

/** 16 bytes from byte `from` on of `low` and, above it, `high`; zeros above both. */
function extractBytes(low: Value, high: Value, from: number): Value {
  if (from < 16)
    return simd.shuffle(
      low,
      high,
      upTo(16).map((i) => from + i),
    );
  const lanes = upTo(16).map((i) => Math.min(from - 16 + i, 16));
  return simd.shuffle(high, simd.zero, lanes);
}

export const shuffles: readonly Definition[] = [
  ...interleaveLow('PUNPCKLBW', 1, true),
  ...interleaveLow('PUNPCKLWD', 2, true),
  ...interleaveLow('PUNPCKLDQ', 4, true),
  ...interleaveLow('PUNPCKLQDQ', 8, false),
  ...interleaveLow('UNPCKLPS', 4, false),
  ...interleaveLow('UNPCKLPD', 8, false),
  ...interleaveHigh('PUNPCKHBW', 1, true),
  ...interleaveHigh('PUNPCKHWD', 2, true),
  ...interleaveHigh('PUNPCKHDQ', 4, true),
  ...interleaveHigh('PUNPCKHQDQ', 8, false),
  ...interleaveHigh('UNPCKHPS', 4, false),
  ...interleaveHigh('UNPCKHPD', 8, false),
  ...pack('PACKSSWB', i8x16.narrowS, true),
  ...pack('PACKUSWB', i8x16.narrowU, true),
  ...pack('PACKSSDW', i16x8.narrowS, true),
  ...pack('PACKUSDW', i16x8.narrowU, false),
  ...packedImmediate('SHUFPS', (a, b, immediate) => {
    const [first, second, third, fourth] = fields(immediate);
    return arrange(a, b, 4, [first, second, 4 + third, 4 + fourth]);
  }),
  ...packedImmediate('SHUFPD', (a, b, immediate, _c, half) => {
    const control = immediate >> (2 * half);
    return arrange(a, b, 8, [control & 1, 2 + ((control >> 1) & 1)]);
  }),
  ...packedUnary('PSHUFD', (a, immediate) => arrange(a, a, 4, fields(immediate)), { immediate: true }),
  ...packedUnary('PSHUFLW', shuffleLowWords, { immediate: true }),
  ...packedUnary(
    'PSHUFHW',
    (a, immediate) => arrange(a, a, 2, [0, 1, 2, 3, ...fields(immediate).map((field) => 4 + field)]),
    { immediate: true },
  ),
  defineVector(
    'PSHUFW',
    ['p pm i'],
    (c, [destination, source], { immediate }) => {
      c.requireMmx();
      const value = c.let(fromMmx(c.read(source)));
      c.useMmx();
      c.write(destination, toMmx(shuffleLowWords(value, immediate, c, 0)));
    },
    { immediate: true },
  ),
  // A set bit 7 of the index gives 0, as WebAssembly has it for all indices above 15.
  ...packed('PSHUFB', (a, b) => i8x16Choice(a, b, 0x8fn), { mmx: (a, b) => i8x16Choice(a, b, 0x87n) }),
  ...packedImmediate('PALIGNR', (a, b, immediate) => extractBytes(b, a, immediate), {
    mmx: (a, b, immediate) => extractBytes(pair(b, a), simd.zero, immediate),
  }),
];

/** Bytes of `a` chosen by the bits `index` of the bytes of `b`. */
function i8x16Choice(a: Value, b: Value, index: bigint): Value {
  return simd.swizzle(a, simd.and(b, simd.splatConstant(index, 1)));
}
