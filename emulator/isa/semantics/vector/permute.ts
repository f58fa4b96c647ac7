/** Broadcasts and permutations, also across the halves of YMM registers (SDM vol. 1, sections 5.13 and 5.15). */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Context, OperandRef } from '../context';
import type { Definition } from '../definition';
import { arrange, elementsIn, upTo, type Width } from './lanes';
import { sourceVector } from './merge';
import { defineVector, packedUnaryVex, packedVex, writeVex } from './shapes';

const { i8x16, i32x4, i64x2 } = simd;

/** The lowest element of the source in all elements of the destination. */
function broadcast(mnemonic: string, width: Width, destinations: readonly ('x' | 'y')[]): Definition {
  const forms = destinations.map((destination) => `${destination} xm${width}`);
  return defineVector(mnemonic, forms, (c, [destination, source]) => {
    const value = sourceVector(c, source);
    const elements = upTo(elementsIn(width)).map(() => 0);
    const result = c.let(arrange(value, value, width, elements));
    writeVex(c, destination, destination.kind === 'ymm' ? [result, result] : [result]);
  });
}

/** Numbers of the bytes of the doublewords whose numbers are in `elements`. */
const bytesOfDoublewords = (elements: Value): Value =>
  i8x16.add(i32x4.mul(elements, simd.splatConstant(0x04040404n, 4)), simd.splatConstant(0x03020100n, 4));

/** Doublewords of all 256 bits of the last operand, chosen by the low bits of the other. */
function permuteDoublewords(c: Context, [destination, control, source]: readonly OperandRef[]): void {
  const [low, high] = c.readVector(source);
  const results = c.readVector(control).map((half) => {
    const bytes = c.let(bytesOfDoublewords(simd.and(half, simd.splatConstant(7n, 4))));
    // Numbers from 16 on choose nothing from the low half; in the high half those below do not.
    const inHigh = i8x16.sub(bytes, simd.splatConstant(16n, 1));
    return c.let(simd.or(simd.swizzle(low, bytes), simd.swizzle(high, inHigh)));
  });
  writeVex(c, destination, results);
}

/** One half of each of two vectors, or zeros, by a field of four bits. */
function chooseHalf(halves: readonly Value[], field: number): Value {
  return field & 8 ? simd.zero : halves[field & 3];
}

export const permutations: readonly Definition[] = [
  broadcast('VBROADCASTSS', 4, ['x', 'y']),
  broadcast('VBROADCASTSD', 8, ['y']),
  broadcast('VPBROADCASTB', 1, ['x', 'y']),
  broadcast('VPBROADCASTW', 2, ['x', 'y']),
  broadcast('VPBROADCASTD', 4, ['x', 'y']),
  broadcast('VPBROADCASTQ', 8, ['x', 'y']),
  ...['VBROADCASTF128', 'VBROADCASTI128'].map((name) =>
    defineVector(name, ['y m16'], (c, [destination, source]) => {
      const [value] = c.readVector(source);
      writeVex(c, destination, [value, value]);
    }),
  ),
  packedUnaryVex(
    'VPERMILPS',
    (a, immediate) =>
      arrange(
        a,
        a,
        4,
        [0, 2, 4, 6].map((at) => (immediate >> at) & 3),
      ),
    { immediate: true },
  ),
  packedUnaryVex(
    'VPERMILPD',
    (a, immediate, _c, half) =>
      arrange(
        a,
        a,
        8,
        [0, 1].map((i) => (immediate >> (2 * half + i)) & 1),
      ),
    { immediate: true },
  ),
  packedVex('VPERMILPS', (a, b) => simd.swizzle(a, bytesOfDoublewords(simd.and(b, simd.splatConstant(3n, 4)))), {
    plain: true,
  }),
  packedVex(
    'VPERMILPD',
    (a, b) => {
      // Bit 1 tells; eight times it in all bytes of an element.
      const first = i64x2.shl(simd.and(b, simd.splatConstant(2n, 8)), w.i32(2));
      const everywhere = simd.swizzle(first, simd.bytes([0, 8].flatMap((at) => upTo(8).map(() => at))));
      return simd.swizzle(a, i8x16.add(everywhere, simd.splatConstant(0x0706050403020100n, 8)));
    },
    { plain: true },
  ),
  ...['VPERMD', 'VPERMPS'].map((name) => defineVector(name, ['y y ym'], permuteDoublewords)),
  ...['VPERMQ', 'VPERMPD'].map((name) =>
    defineVector(
      name,
      ['y ym i'],
      (c, [destination, source], { immediate }) => {
        const [low, high] = c.readVector(source);
        const [first, second, third, fourth] = [0, 2, 4, 6].map((at) => (immediate >> at) & 3);
        const results = [
          [first, second],
          [third, fourth],
        ].map((elements) => c.let(arrange(low, high, 8, elements)));
        writeVex(c, destination, results);
      },
      { immediate: true },
    ),
  ),
  ...['VPERM2F128', 'VPERM2I128'].map((name) =>
    defineVector(
      name,
      ['y y ym i'],
      (c, [destination, first, second], { immediate }) => {
        const after = c.readVector(second);
        const halves = [...c.readVector(first), ...after];
        writeVex(c, destination, [chooseHalf(halves, immediate), chooseHalf(halves, immediate >> 4)]);
      },
      { immediate: true },
    ),
  ),
];
