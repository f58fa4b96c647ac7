/** Packed shifts (SDM vol. 1, sections 5.4.6, 5.6.3 and 5.15). Counts beyond the width shift everything out. */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Context, OperandRef } from '../context';
import type { Definition } from '../definition';
import { extractElement, replaceElement, upTo } from './lanes';
import { defineVector, fromMmx, packedVex, toMmx, writeVex } from './shapes';

/** How one kind of shift works on 128 bits, by a count below the width. */
interface Shift {
  readonly mnemonic: string;
  /** Bits of an element. */
  readonly bits: 16 | 32 | 64;
  readonly operation: (value: Value, count: Value) => Value;
  /** Right shifts that keep the sign shift by one less than the width instead of more. */
  readonly arithmetic: boolean;
}

const shifts: readonly Shift[] = ([16, 32, 64] as const).flatMap((bits) => {
  const lanes = { 16: simd.i16x8, 32: simd.i32x4, 64: simd.i64x2 }[bits];
  const letter = { 16: 'W', 32: 'D', 64: 'Q' }[bits];
  return [
    { mnemonic: `PSLL${letter}`, bits, operation: lanes.shl, arithmetic: false },
    { mnemonic: `PSRL${letter}`, bits, operation: lanes.shrU, arithmetic: false },
    ...(bits === 64 ? [] : [{ mnemonic: `PSRA${letter}`, bits, operation: lanes.shrS, arithmetic: true }]),
  ];
});

/** A count, i64, as far as it matters: the operation, and whether everything is shifted out. */
function shiftBy(c: Context, { bits, operation, arithmetic }: Shift, count: Value): (value: Value) => Value {
  const beyond = c.let(w.gtU(count, w.i64(bits - 1)));
  const inside = c.let(w.select(beyond, w.i32(bits - 1), w.wrap(count)));
  if (arithmetic) return (value) => operation(value, inside);
  return (value) => w.select(beyond, simd.zero, operation(value, inside));
}

/** `shiftBy` for a count known when the instruction is staged. */
function shiftByConstant({ bits, operation, arithmetic }: Shift, count: number): (value: Value) => Value {
  if (count >= bits && !arithmetic) return () => simd.zero;
  return (value) => operation(value, w.i32(Math.min(count, bits - 1)));
}

/** The count of a shift is the low half of a vector, which is read whole. */
function countOf(c: Context, source: OperandRef, aligned: boolean): Value {
  if (source.kind === 'mmx' || source.kind === 'memory') return c.read(source);
  return c.let(simd.i64x2.extract(c.readVector(source, aligned)[0], 0));
}

function define(shift: Shift): Definition[] {
  const { mnemonic } = shift;
  return [
    defineVector(mnemonic, ['x xm', 'p pm'], (c, [destination, source]) => {
      if (destination.kind === 'mmx') {
        c.requireMmx();
        const change = shiftBy(c, shift, countOf(c, source, false));
        const value = c.read(destination);
        c.useMmx();
        c.write(destination, c.let(toMmx(change(fromMmx(value)))));
        return;
      }
      const change = shiftBy(c, shift, countOf(c, source, true));
      const [value] = c.readVector(destination);
      c.writeVector(destination, [change(value)]);
    }),
    defineVector(
      mnemonic,
      ['x i', 'p i'],
      (c, [destination], { immediate }) => {
        const change = shiftByConstant(shift, immediate);
        if (destination.kind === 'mmx') {
          c.requireMmx();
          const value = c.read(destination);
          c.useMmx();
          c.write(destination, toMmx(change(fromMmx(value))));
          return;
        }
        c.writeVector(destination, c.readVector(destination).map(change));
      },
      { immediate: true },
    ),
    defineVector(`V${mnemonic}`, ['x x xm', 'y y xm'], (c, [destination, source, count]) => {
      const change = shiftBy(c, shift, countOf(c, count, false));
      writeVex(c, destination, c.readVector(source).map(change));
    }),
    defineVector(
      `V${mnemonic}`,
      ['x x i', 'y y i'],
      (c, [destination, source], { immediate }) => {
        writeVex(c, destination, c.readVector(source).map(shiftByConstant(shift, immediate)));
      },
      { immediate: true },
    ),
  ];
}

/** Shifts a whole vector by bytes: byte i of the result is byte `from(i, count)`, 0 where that does not exist. */
function shiftBytes(mnemonic: string, from: (i: number, count: number) => number): Definition[] {
  const shifted = (value: Value, count: number): Value => {
    const lanes = upTo(16).map((i) => from(i, count));
    return simd.shuffle(
      value,
      simd.zero,
      lanes.map((lane) => (lane >= 0 && lane < 16 ? lane : 16)),
    );
  };
  return [
    defineVector(
      mnemonic,
      ['x i'],
      (c, [destination], { immediate }) => {
        const [value] = c.readVector(destination);
        c.writeVector(destination, [shifted(value, immediate)]);
      },
      { immediate: true },
    ),
    defineVector(
      `V${mnemonic}`,
      ['x x i', 'y y i'],
      (c, [destination, source], { immediate }) => {
        writeVex(
          c,
          destination,
          c.readVector(source).map((half) => shifted(half, immediate)),
        );
      },
      { immediate: true },
    ),
  ];
}

/** Each element by its own count. */
function variable(mnemonic: string, width: 4 | 8, operation: (value: Value, count: Value) => Value): Definition {
  return packedVex(
    mnemonic,
    (a, b, _immediate, c) =>
      upTo(16 / width).reduce((result, lane) => {
        const [value, count] = [a, b].map((vector) => c.let(extractElement(vector, width, lane)));
        return c.let(replaceElement(result, width, lane, operation(value, count)));
      }, a),
    { plain: true },
  );
}

/** A logical shift of 32 or 64 bits in 64, by a count of as many. */
const logical =
  (operation: (value: Value, count: Value) => Value, bits: number) =>
  (value: Value, count: Value): Value =>
    w.select(w.gtU(count, w.i64(bits - 1)), w.i64(0), operation(value, count));

export const vectorShifts: readonly Definition[] = [
  ...shifts.flatMap(define),
  ...shiftBytes('PSLLDQ', (i, count) => i - count),
  ...shiftBytes('PSRLDQ', (i, count) => i + count),
  variable('VPSLLVD', 4, logical(w.shl, 32)),
  variable('VPSLLVQ', 8, logical(w.shl, 64)),
  variable('VPSRLVD', 4, logical(w.shrU, 32)),
  variable('VPSRLVQ', 8, logical(w.shrU, 64)),
  variable('VPSRAVD', 4, (value, count) =>
    w.shrS(w.signExtend(value, 4), w.select(w.gtU(count, w.i64(31)), w.i64(31), count)),
  ),
];
