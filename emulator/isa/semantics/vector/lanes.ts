/** Elements of vectors: arranging them, and between vectors and integers. */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';

/** Bytes of an element. */
export type Width = 1 | 2 | 4 | 8;

/** Elements of this width in 128 bits. */
export const elementsIn = (width: Width): number => 16 / width;

/** The numbers 0 to `count` - 1. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Element i of the result is element elements[i] of `a` (from 0 on) and `b` (after those of `a`). */
export function arrange(a: Value, b: Value, width: Width, elements: readonly number[]): Value {
  const bytes = elements.flatMap((element) => upTo(width).map((i) => element * width + i));
  return simd.shuffle(a, b, bytes);
}

/** The low half of `a` with that of `b` above it: two MMX values as one vector. */
export const pair = (a: Value, b: Value): Value => arrange(a, b, 8, [0, 2]);

/** `low` in element 0, the other elements those of `rest`. */
export const replaceLow = (rest: Value, low: Value, width: Width): Value =>
  arrange(
    rest,
    low,
    width,
    upTo(elementsIn(width)).map((i) => (i === 0 ? elementsIn(width) : i)),
  );

/** An i64 in the low half, zeros above it. */
export const fromInteger = (value: Value): Value => simd.i64x2.replace(simd.zero, 0, value);

/** Element `lane` as an i64, zero-extended. */
export function extractElement(vector: Value, width: Width, lane: number): Value {
  switch (width) {
    case 1:
      return w.extendU(simd.i8x16.extractU(vector, lane));
    case 2:
      return w.extendU(simd.i16x8.extractU(vector, lane));
    case 4:
      return w.extendU(simd.i32x4.extract(vector, lane));
    case 8:
      return simd.i64x2.extract(vector, lane);
  }
}

/** `vector` with the low bytes of an i64 in element `lane`. */
export function replaceElement(vector: Value, width: Width, lane: number, value: Value): Value {
  switch (width) {
    case 1:
      return simd.i8x16.replace(vector, lane, w.wrap(value));
    case 2:
      return simd.i16x8.replace(vector, lane, w.wrap(value));
    case 4:
      return simd.i32x4.replace(vector, lane, w.wrap(value));
    case 8:
      return simd.i64x2.replace(vector, lane, value);
  }
}
