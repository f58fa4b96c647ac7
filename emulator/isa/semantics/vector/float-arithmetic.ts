/** Floating-point arithmetic: the four operations, square roots, minima and maxima, sums across (SDM vol. 1, 11.4.1). */
import { FloatCode } from '../../../float-unit';
import * as simd from '../../../wasm/simd';
import type { Value } from '../../../wasm/expression';
import { ValueType } from '../../../wasm/types';
import type { Context } from '../context';
import type { Definition } from '../definition';
import { denormalOrNan, double, FORMATS, single, suspicious, type FloatFormat } from './float-format';
import { packedFloat, packedUnaryFloat, scalarFloat, type FloatInstruction, type Ordinary } from './float-shapes';

const plain = (code: FloatCode) => () => ({ code, immediate: 0 });

type Judge = 'Sums' | 'Products' | 'Quotients' | 'Roots';

/** The lanes that the float unit has to do. */
function judge(c: Context, format: FloatFormat, kind: Judge, operands: readonly Value[], result: Value): Value {
  const [a, b = a] = operands;
  return {
    kind: 'call',
    type: ValueType.V128,
    function: c.helper[`judge${format === single ? '' : 'Double'}${kind}`],
    arguments: [a, b, result],
  };
}

/** An operation whose result is WebAssembly's. */
function arithmetic(
  c: Context,
  format: FloatFormat,
  kind: Judge,
  operands: readonly Value[],
  compute: (...operands: Value[]) => Value,
): Ordinary {
  const result = c.let(compute(...operands));
  return {
    result,
    unfit: suspicious(format, operands, result),
    reconsider: () => judge(c, format, kind, operands, result),
  };
}

const ADD: FloatInstruction = {
  operation: plain(FloatCode.ADD),
  ordinary: (format) => (c, operands) => arithmetic(c, format, 'Sums', operands, format.lanes.add),
};
/** The sum with a negated number has the same exceptions; NaNs, which would keep their sign, go elsewhere. */
const SUB: FloatInstruction = {
  operation: plain(FloatCode.SUBTRACT),
  ordinary:
    (format) =>
    (c, [a, b]) =>
      arithmetic(c, format, 'Sums', [a, c.let(format.lanes.neg(b))], format.lanes.add),
};
const MUL: FloatInstruction = {
  operation: plain(FloatCode.MULTIPLY),
  ordinary: (format) => (c, operands) => arithmetic(c, format, 'Products', operands, format.lanes.mul),
};
const DIV: FloatInstruction = {
  operation: plain(FloatCode.DIVIDE),
  ordinary: (format) => (c, operands) => arithmetic(c, format, 'Quotients', operands, format.lanes.div),
};
const SQRT: FloatInstruction = {
  operation: plain(FloatCode.SQUARE_ROOT),
  ordinary: (format) => (c, operands) => arithmetic(c, format, 'Roots', operands, format.lanes.sqrt),
};

/** Which of two operands is taken: the second if they are equal. */
function extremum(
  code: FloatCode,
  choose: (format: FloatFormat) => (second: Value, first: Value) => Value,
): FloatInstruction {
  return {
    operation: plain(code),
    ordinary:
      (format) =>
      (c, [a, b]) => ({
        result: choose(format)(b, a),
        unfit: simd.or(denormalOrNan(c.f, format, a), denormalOrNan(c.f, format, b)),
      }),
  };
}

const MIN = extremum(FloatCode.MINIMUM, ({ lanes }) => lanes.pmin);
const MAX = extremum(FloatCode.MAXIMUM, ({ lanes }) => lanes.pmax);

/** Adjacent elements of both operands become the operands: those with even numbers, and those with odd ones. */
function across({ bytes }: FloatFormat, a: Value, b: Value): readonly [Value, Value] {
  const choose = (odd: number): Value => {
    const lanes: number[] = [];
    for (let at = odd * bytes; at < 32; at += 2 * bytes) {
      for (let i = 0; i < bytes; i++) lanes.push(at + i);
    }
    return simd.shuffle(a, b, lanes);
  };
  return [choose(0), choose(1)];
}

/** The sign of elements with even numbers. */
function evenSigns({ bytes }: FloatFormat): Value {
  return simd.bytes(Array.from({ length: 16 }, (_, i) => (i % (2 * bytes) === bytes - 1 ? 0x80 : 0)));
}

const ADDSUB: FloatInstruction = {
  operation: plain(FloatCode.ADD_SUBTRACT),
  ordinary:
    (format) =>
    (c, [a, b]) =>
      arithmetic(c, format, 'Sums', [a, c.let(simd.xor(b, evenSigns(format)))], format.lanes.add),
};

/** All ones in the elements of 128 bits whose bits in `chosen` are set. */
function chosenElements({ bytes }: FloatFormat, chosen: number): Value {
  return simd.bytes(Array.from({ length: 16 }, (_, i) => (chosen & (1 << Math.floor(i / bytes)) ? 0xff : 0)));
}

/** In each place the element with the number `of` gives. */
function rearranged({ bytes }: FloatFormat, x: Value, of: (place: number) => number): Value {
  return simd.shuffle(
    x,
    x,
    Array.from({ length: 16 }, (_, i) => bytes * of(Math.floor(i / bytes)) + (i % bytes)),
  );
}

/** Products of chosen elements, sums of pairs until there is one, and that in chosen elements of the result. */
const DP: FloatInstruction = {
  immediate: true,
  operation: (_, immediate) => ({ code: FloatCode.DOT_PRODUCT, immediate }),
  ordinary:
    (format, immediate) =>
    (c, [a, b]) => {
      const factors = chosenElements(format, immediate >> 4);
      const [x, y] = [a, b].map((operand) => c.let(simd.and(operand, factors)));
      let terms = c.let(format.lanes.mul(x, y));
      const reasons = [judge(c, format, 'Products', [x, y], terms)];
      for (let count = 16 / format.bytes; count > 1; count /= 2) {
        const places = count / 2;
        const even = c.let(rearranged(format, terms, (place) => 2 * (place % places)));
        const odd = c.let(rearranged(format, terms, (place) => 2 * (place % places) + 1));
        terms = c.let(format.lanes.add(even, odd));
        reasons.push(judge(c, format, 'Sums', [even, odd], terms));
      }
      return { result: simd.and(terms, chosenElements(format, immediate)), unfit: reasons.reduce(simd.or) };
    },
};

/** PS, PD, SS and SD. */
function all(name: string, instruction: FloatInstruction): Definition[] {
  return FORMATS.flatMap((format) => [
    ...packedFloat(`${name}P${format.letter}`, format, instruction),
    ...scalarFloat(`${name}S${format.letter}`, format, instruction),
  ]);
}

export const floatArithmetic: readonly Definition[] = [
  ...all('ADD', ADD),
  ...all('SUB', SUB),
  ...all('MUL', MUL),
  ...all('DIV', DIV),
  ...all('MIN', MIN),
  ...all('MAX', MAX),
  ...FORMATS.flatMap((format) => [
    ...packedUnaryFloat(`SQRTP${format.letter}`, format, SQRT),
    ...scalarFloat(`SQRTS${format.letter}`, format, SQRT, true),
    ...packedFloat(`HADDP${format.letter}`, format, { ...ADD, arrange: across }),
    ...packedFloat(`HSUBP${format.letter}`, format, { ...SUB, arrange: across }),
    ...packedFloat(`ADDSUBP${format.letter}`, format, ADDSUB),
  ]),
  ...packedFloat('DPPS', single, DP),
  ...packedFloat('DPPD', double, DP).map((definition) => ({
    ...definition,
    forms: definition.forms.filter(([destination]) => destination.kind === 'xmm'),
  })),
];
