/** Gathers (SDM vol. 1, section 5.15): elements from addresses in a vector. */
import * as w from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Context, Half, OperandRef } from '../context';
import type { Definition, Variant } from '../definition';
import { elementsIn, extractElement, replaceElement, upTo } from './lanes';
import { defineVector } from './shapes';
import { signBits } from './mask';

type ElementWidth = 4 | 8;

/**
 * Elements one by one, the lowest first. Each is written, and taken out of the mask, before the next is read: after a fault
 * the instruction goes on where it was.
 */
function gather(
  c: Context,
  [destination, memory, mask]: readonly OperandRef[],
  variant: Variant,
  indexWidth: ElementWidth,
): void {
  const width = memory.size as ElementWidth;
  const halvesOfIndex = memory.kind === 'gather256' ? 2 : 1;
  const halves = destination.kind === 'ymm' ? 2 : 1;
  const count = Math.min(elementsIn(indexWidth) * halvesOfIndex, elementsIn(width) * halves);
  const indices = upTo(halvesOfIndex).map((half) => c.gatherIndices(memory, half as Half));
  const bits = signBits(c, c.readVector(mask), width);
  const replace = (operand: OperandRef, i: number, value: w.Value): void => {
    const vectors = c.readVector(operand);
    const half = Math.floor(i / elementsIn(width));
    vectors[half] = replaceElement(vectors[half], width, i % elementsIn(width), value);
    c.writeVector(operand, vectors);
  };
  for (const i of upTo(count)) {
    c.if(w.and(bits, w.i32(1 << i)), () => {
      const perHalf = elementsIn(indexWidth);
      const element = extractElement(indices[Math.floor(i / perHalf)], indexWidth, i % perHalf);
      const address = c.gatherAddress(memory, c.let(w.signExtend(element, indexWidth)), variant);
      const value = c.load(address, width);
      replace(destination, i, value);
      replace(mask, i, w.i64(0));
    });
  }
  finish(c, destination, mask, count * width);
}

/** Nothing is left of the mask, nor of the destination beyond its `bytes` of elements. */
function finish(c: Context, destination: OperandRef, mask: OperandRef, bytes: number): void {
  if (bytes === 8) {
    const [value] = c.readVector(destination);
    c.writeVector(destination, [simd.i64x2.replace(value, 1, w.i64(0))]);
  }
  c.writeVector(mask, [simd.zero]);
  c.clearUpper(mask);
  if (destination.kind === 'xmm') c.clearUpper(destination);
}

const define = (names: readonly string[], indexWidth: ElementWidth, patterns: readonly string[]): Definition[] =>
  names.map((name) =>
    defineVector(
      name,
      patterns,
      (c, operands, variant) => {
        gather(c, operands, variant, indexWidth);
      },
      { addressSize: true, segmentation: true },
    ),
  );

export const gathers: readonly Definition[] = [
  ...define(['VPGATHERDD', 'VGATHERDPS'], 4, ['x gx4 x', 'y gy4 y']),
  ...define(['VPGATHERDQ', 'VGATHERDPD'], 4, ['x gx8 x', 'y gx8 y']),
  ...define(['VPGATHERQD', 'VGATHERQPS'], 8, ['x gx4 x', 'x gy4 x']),
  ...define(['VPGATHERQQ', 'VGATHERQPD'], 8, ['x gx8 x', 'y gy8 y']),
];
