/**
 * PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: text processing of SSE4.2 (SDM vol. 2, section 4.1). The comparisons work on
 * bit masks, bit i for element i of the second string.
 */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import { Gpr } from '../../instruction';
import type { Context } from '../context';
import type { Definition } from '../definition';
import { defineVector } from './shapes';

const { i8x16, i16x8 } = simd;

/** The immediate (SDM vol. 2, table 4-1 and figure 4-1). */
const enum Control {
  WORDS = 1 << 0,
  SIGNED = 1 << 1,
  NEGATIVE = 1 << 4,
  /** With NEGATIVE: only for the elements of the second string that are valid. */
  MASKED = 1 << 5,
  /** The highest index instead of the lowest, or a mask of elements instead of one of bits. */
  OUTPUT = 1 << 6,
}
/** Bits 2 and 3 of the immediate. */
const enum Aggregation {
  EQUAL_ANY,
  RANGES,
  EQUAL_EACH,
  EQUAL_ORDERED,
}

/** Status flags in RFLAGS. */
const [CF, ZF, SF, OF] = [0, 6, 7, 11];

/** One comparison, its control byte taken apart while it is staged. */
class StringCompare {
  private readonly lanes;
  readonly count: 8 | 16;
  private readonly all: Value;

  constructor(
    private readonly c: Context,
    private readonly control: number,
    private readonly first: Value,
    private readonly second: Value,
  ) {
    const words = (control & Control.WORDS) !== 0;
    this.lanes = words ? i16x8 : i8x16;
    this.count = words ? 8 : 16;
    this.all = w.i32((1 << this.count) - 1);
  }

  /** Elements before the first that is 0. */
  implicitLength(vector: Value): Value {
    const end = this.lanes.bitmask(this.lanes.eq(vector, simd.zero));
    return this.c.let(w.ctz(w.or(end, w.i32(1 << this.count))));
  }

  /** The magnitude of a length in a general register, at most the number of elements. */
  explicitLength(register: Gpr, size: 4 | 8): Value {
    const value = this.c.let(w.signExtend(this.c.register(register, size), size));
    const magnitude = this.c.let(w.select(w.ltS(value, w.i64(0)), w.sub(w.i64(0), value), value));
    const most = w.i64(this.count);
    return this.c.let(w.wrap(w.select(w.gtU(magnitude, most), most, magnitude)));
  }

  /** Ones for the elements before `length`. */
  private before(length: Value): Value {
    return this.c.let(w.sub(w.shl(w.i32(1), length), w.i32(1)));
  }

  /** All elements equal to element `i` of the first string. */
  private splat(i: number): Value {
    const bytes = this.count === 8 ? [2 * i, 2 * i + 1] : [i, i];
    return simd.shuffle(
      this.first,
      this.first,
      Array.from({ length: 16 }, (_, at) => bytes[at & 1]),
    );
  }

  private equalTo(i: number): Value {
    return this.lanes.bitmask(this.lanes.eq(this.splat(i), this.second));
  }

  /** Elements of the second string between elements `i` and `i` + 1 of the first. */
  private inRange(i: number): Value {
    const { lanes, second } = this;
    // Comparisons of vectors are signed: unsigned ones come from turning the sign.
    const bias = simd.splatConstant(this.count === 8 ? 0x8000n : 0x80n, this.count === 8 ? 2 : 1);
    const key = (vector: Value): Value => (this.control & Control.SIGNED ? vector : simd.xor(vector, bias));
    const below = lanes.gtS(key(this.splat(i)), key(second));
    const above = lanes.gtS(key(second), key(this.splat(i + 1)));
    return w.xor(lanes.bitmask(simd.or(below, above)), this.all);
  }

  /** The comparison before it is negated (IntRes1). */
  private aggregated(length: Value, validFirst: Value, validSecond: Value): Value {
    const { c, count } = this;
    const indices = Array.from({ length: count }, (_, i) => i);
    const ifValid = (i: number, mask: Value): Value => w.select(w.gtS(length, w.i32(i)), mask, w.i32(0));
    const anyOf = (masks: Value[]): Value =>
      w.and(
        masks.reduce((a, b) => c.let(w.or(a, b))),
        validSecond,
      );
    const aggregation: Aggregation = (this.control >> 2) & 3;
    switch (aggregation) {
      case Aggregation.EQUAL_ANY:
        return anyOf(indices.map((i) => ifValid(i, this.equalTo(i))));
      case Aggregation.RANGES:
        return anyOf(indices.filter((i) => i % 2 === 0).map((i) => ifValid(i + 1, this.inRange(i))));
      case Aggregation.EQUAL_EACH: {
        const equal = this.lanes.bitmask(this.lanes.eq(this.first, this.second));
        const bothEnded = w.xor(w.or(validFirst, validSecond), this.all);
        return w.or(w.and(equal, w.and(validFirst, validSecond)), bothEnded);
      }
      case Aggregation.EQUAL_ORDERED:
        return this.ordered(indices, length, validSecond);
    }
  }

  /** Where the first string occurs in the second: bit i tells whether it does from element i on, as far as that goes. */
  private ordered(indices: readonly number[], length: Value, validSecond: Value): Value {
    const { c, all, count } = this;
    return indices.reduce<Value>((result, i) => {
      const beyond = w.i32(((1 << count) - 1) & ~(((1 << count) - 1) >> i));
      const found = w.or(w.shrU(w.and(this.equalTo(i), validSecond), w.i32(i)), beyond);
      return c.let(w.and(result, w.select(w.gtS(length, w.i32(i)), found, all)));
    }, all);
  }

  /** The result as bits (IntRes2), and the flags. */
  compare(firstLength: Value, secondLength: Value): Value {
    const { c, control, all, count } = this;
    const validFirst = this.before(firstLength);
    const validSecond = this.before(secondLength);
    let result = this.aggregated(firstLength, validFirst, validSecond);
    if (control & Control.NEGATIVE) result = w.xor(result, control & Control.MASKED ? validSecond : all);
    const bits = c.let(w.and(result, all));
    const flag = (condition: Value, position: number): Value => w.shl(w.extendU(condition), w.i64(position));
    const flags = [
      flag(w.ne(bits, w.i32(0)), CF),
      flag(w.ltS(secondLength, w.i32(count)), ZF),
      flag(w.ltS(firstLength, w.i32(count)), SF),
      flag(w.and(bits, w.i32(1)), OF),
    ];
    c.flags.setAll(flags.reduce((a, b) => w.or(a, b)));
    return bits;
  }

  /** The index of the lowest or highest bit; the number of elements if there is none. */
  index(bits: Value): Value {
    const found = this.control & Control.OUTPUT ? w.sub(w.i32(31), w.clz(bits)) : w.ctz(bits);
    return w.extendU(w.select(bits, found, w.i32(this.count)));
  }

  /** The bits as they are, or an element of ones for each. */
  mask(bits: Value): Value {
    const { c, count } = this;
    if (!(this.control & Control.OUTPUT)) return simd.i64x2.replace(simd.zero, 0, w.extendU(bits));
    // Each element picks its own bit out of all of them.
    const place = Array.from({ length: 16 }, (_, i) => (count === 8 ? [1 << (i >> 1), 0][i & 1] : 1 << (i & 7)));
    const spread =
      count === 8
        ? i16x8.splat(bits)
        : simd.shuffle(
            c.let(i16x8.splat(bits)),
            simd.zero,
            Array.from({ length: 16 }, (_, i) => i >> 3),
          );
    const places = simd.bytes(place);
    return this.lanes.eq(simd.and(spread, places), places);
  }
}

/** The four instructions differ in where lengths come from and where the result goes. */
function stringCompare(explicit: boolean, toIndex: boolean): Definition[] {
  const mnemonic = `PCMP${explicit ? 'E' : 'I'}STR${toIndex ? 'I' : 'M'}`;
  return ['', 'V'].map((prefix) =>
    defineVector(
      prefix + mnemonic,
      ['x xm i'],
      (c, [firstOperand, secondOperand], { immediate, operandSize }) => {
        const [second] = c.readVector(secondOperand);
        const [first] = c.readVector(firstOperand);
        const compare = new StringCompare(c, immediate, first, second);
        const size = operandSize === 8 ? 8 : 4;
        const lengths = explicit
          ? ([Gpr.RAX, Gpr.RDX] as const).map((register) => compare.explicitLength(register, size))
          : [first, second].map((vector) => compare.implicitLength(vector));
        const bits = compare.compare(lengths[0], lengths[1]);
        if (toIndex) {
          c.setRegister(Gpr.RCX, 4, c.let(compare.index(bits)));
          return;
        }
        c.setVectorRegister(0, 0, c.let(compare.mask(bits)));
        if (prefix) c.setVectorRegister(0, 1, simd.zero);
      },
      { immediate: true, operandSize: explicit },
    ),
  );
}

export const stringCompares: readonly Definition[] = [true, false].flatMap((explicit) =>
  [true, false].flatMap((toIndex) => stringCompare(explicit, toIndex)),
);
