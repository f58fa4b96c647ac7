/** Floating-point arithmetic: the four operations, square roots, minima and maxima, sums across (SDM vol. 1, 11.4.1). */
import { FloatCode } from '../../../float-unit';
import * as simd from '../../../wasm/simd';
import type { Value } from '../../../wasm/expression';
import type { Context } from '../context';
import type { Definition } from '../definition';
import {
  denormal,
  denormalOrNan,
  FORMATS,
  inexactProduct,
  inexactSum,
  notClearlyNormal,
  notNormalOrZero,
  single,
  double,
  type FloatFormat,
} from './float-format';
import {
  floatUnitAlone,
  packedFloat,
  packedUnaryFloat,
  scalarFloat,
  type FloatInstruction,
  type Ordinary,
} from './float-shapes';

const plain = (code: FloatCode) => () => ({ code, immediate: 0 });

/** A sum of which zeros are exact, and so are denormal results; those are left to the float unit for FTZ. */
function sum(c: Context, format: FloatFormat, a: Value, addend: Value): Ordinary {
  const b = c.let(addend);
  const result = c.let(format.lanes.add(a, b));
  const operands = simd.or(denormal(c, format, a), denormal(c, format, b));
  return {
    result,
    unfit: simd.or(operands, notNormalOrZero(c, format, result)),
    findInexact: () => inexactSum(c, format, a, b, result),
  };
}

/** Lanes of a product or quotient that may be tiny or too large; it is zero by right only if one of `factors` is. */
function unfitProduct(c: Context, format: FloatFormat, result: Value, operands: Value[], factors: Value[]): Value {
  const { lanes } = format;
  const zero = factors.map((factor) => lanes.eq(factor, simd.zero)).reduce(simd.or);
  const zeroByRight = simd.and(lanes.eq(result, simd.zero), zero);
  const range = simd.andNot(notClearlyNormal(c, format, result), zeroByRight);
  return simd.or(operands.map((operand) => denormal(c, format, operand)).reduce(simd.or), range);
}

const ADD: FloatInstruction = {
  operation: plain(FloatCode.ADD),
  ordinary:
    (format) =>
    (c, [a, b]) =>
      sum(c, format, a, b),
};
/** A difference is a sum with a negated number; NaNs, which keep their sign, are not ordinary. */
const SUB: FloatInstruction = {
  operation: plain(FloatCode.SUBTRACT),
  ordinary:
    (format) =>
    (c, [a, b]) =>
      sum(c, format, a, format.lanes.neg(b)),
};
const MUL: FloatInstruction = {
  operation: plain(FloatCode.MULTIPLY),
  ordinary:
    (format) =>
    (c, [a, b]) => {
      const result = c.let(format.lanes.mul(a, b));
      const unfit = unfitProduct(c, format, result, [a, b], [a, b]);
      return { result, unfit, findInexact: () => inexactProduct(c, format, a, b, result) };
    },
};
const DIV: FloatInstruction = {
  operation: plain(FloatCode.DIVIDE),
  ordinary:
    (format) =>
    (c, [a, b]) => {
      const result = c.let(format.lanes.div(a, b));
      const unfit = unfitProduct(c, format, result, [a, b], [a]);
      return { result, unfit, findInexact: () => inexactProduct(c, format, result, b, a) };
    },
};

/** The root of a normal number is one. */
const SQRT: FloatInstruction = {
  operation: plain(FloatCode.SQUARE_ROOT),
  ordinary:
    (format) =>
    (c, [a]) => {
      const result = c.let(format.lanes.sqrt(a));
      const unfit = simd.or(notNormalOrZero(c, format, a), format.lanes.lt(a, simd.zero));
      return { result, unfit, findInexact: () => inexactProduct(c, format, result, result, a) };
    },
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
        unfit: simd.or(denormalOrNan(c, format, a), denormalOrNan(c, format, b)),
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
      sum(c, format, a, simd.xor(b, evenSigns(format))),
};

const DP: FloatInstruction = {
  immediate: true,
  operation: (_, immediate) => ({ code: FloatCode.DOT_PRODUCT, immediate }),
  ordinary: () => floatUnitAlone,
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
