/** Packed sign and zero extension (SDM vol. 1, section 5.10.8). */
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Definition } from '../definition';
import { sourceVector } from './merge';
import { defineVector, writeVex } from './shapes';

const { i16x8, i32x4, i64x2 } = simd;

type Unary = (a: Value) => Value;

/** Extensions to twice the width, of the low and of the high half of a vector. */
interface Step {
  readonly low: Unary;
  readonly high: Unary;
}

const signed: readonly Step[] = [
  { low: i16x8.extendLowS, high: i16x8.extendHighS },
  { low: i32x4.extendLowS, high: i32x4.extendHighS },
  { low: i64x2.extendLowS, high: i64x2.extendHighS },
];
const unsigned: readonly Step[] = [
  { low: i16x8.extendLowU, high: i16x8.extendHighU },
  { low: i32x4.extendLowU, high: i32x4.extendHighU },
  { low: i64x2.extendLowU, high: i64x2.extendHighU },
];

/** One instruction from the steps it consists of: each makes the source narrower than the destination by half. */
function extension(mnemonic: string, steps: readonly Step[]): Definition[] {
  const bytes = 16 >> steps.length;
  const last = steps[steps.length - 1];
  const narrow = (value: Value): Value => steps.slice(0, -1).reduce((result, { low }) => low(result), value);
  return [
    defineVector(mnemonic, [`x xm${bytes}`], (c, [destination, source]) => {
      c.writeVector(destination, [last.low(narrow(sourceVector(c, source)))]);
    }),
    defineVector(`V${mnemonic}`, [`x xm${bytes}`, `y xm${2 * bytes}`], (c, [destination, source]) => {
      const value = c.let(narrow(sourceVector(c, source)));
      const halves = destination.kind === 'ymm' ? [last.low, last.high] : [last.low];
      writeVex(
        c,
        destination,
        halves.map((extend) => extend(value)),
      );
    }),
  ];
}

/** Destination and source width, and the steps between. */
const WIDTHS: readonly (readonly [name: string, from: number, to: number])[] = [
  ['BW', 0, 1],
  ['BD', 0, 2],
  ['BQ', 0, 3],
  ['WD', 1, 2],
  ['WQ', 1, 3],
  ['DQ', 2, 3],
];

export const extensions: readonly Definition[] = WIDTHS.flatMap(([name, from, to]) => [
  ...extension(`PMOVSX${name}`, signed.slice(from, to)),
  ...extension(`PMOVZX${name}`, unsigned.slice(from, to)),
]);
