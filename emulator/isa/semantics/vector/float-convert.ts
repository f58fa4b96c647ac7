/** Conversions of packed elements and between single and double precision; rounding to integers (SDM vol. 1, 11.4.1.6). */
import { Conversion, Element, FloatCode, type FloatOperation } from '../../../float-unit';
import * as simd from '../../../wasm/simd';
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import type { Context, OperandRef } from '../context';
import type { Definition } from '../definition';
import {
  denormalSingleAsDouble,
  denormalOrNan,
  double,
  FORMATS,
  notClearlyNormal,
  roundingIsDirected,
  single,
  splat,
  type FloatFormat,
} from './float-format';
import {
  calculate,
  lowElement,
  lowLane,
  packedUnaryFloat,
  scalarFloat,
  settle,
  type FloatInstruction,
  type Ordinary,
  type OrdinaryFunction,
} from './float-shapes';
import { defineVector, fromMmx, toMmx, writeVex } from './shapes';

const { i32x4, f32x4, f64x2 } = simd;

function conversion(source: Element, target: Element, count: number, immediate = 0): FloatOperation {
  return { code: FloatCode.CONVERT, source, target, count, immediate };
}

/** Two to the power 31 or 63 in either format: what is not below does not fit. */
const limit = (format: FloatFormat, bits: 32 | 64): Value =>
  splat(format, BigInt(bits - 2 + (format.bytes === 4 ? 128 : 1024)) << BigInt(format.fractionBits));

/** Rounds or truncates numbers that fit into signed integers of `bits` bits; still floating-point numbers. */
export function toWhole(
  c: Context,
  format: FloatFormat,
  a: Value,
  bits: 32 | 64,
  truncating: boolean,
): Record<'result' | 'unfit' | 'inexact', Value> {
  const { lanes } = format;
  const result = c.let(truncating ? lanes.trunc(a) : lanes.nearest(a));
  const unfit = simd.not(lanes.lt(lanes.abs(result), limit(format, bits)));
  return { result, unfit, inexact: lanes.ne(result, a) };
}

/** Integers in the low lanes of the result. */
const toIntegers =
  (format: FloatFormat, truncating: boolean): OrdinaryFunction =>
  (c, [a]) => {
    const whole = toWhole(c, format, a, 32, truncating);
    return { ...whole, result: (format === single ? i32x4.truncSatF32S : i32x4.truncSatF64SZero)(whole.result) };
  };

/** Integers of at most so large an amount are single-precision numbers. */
const EXACT_SINGLE = simd.splatConstant(1n << 24n, 4);

const integersToSingles: OrdinaryFunction = (_, [a]) => ({
  result: f32x4.convertI32S(a),
  inexact: i32x4.gtU(i32x4.abs(a), EXACT_SINGLE),
});
const integersToDoubles: OrdinaryFunction = (_, [a]) => ({ result: f64x2.convertLowI32S(a) });

/** The two low lanes; exact. */
const singlesToDoubles: OrdinaryFunction = (c, [a]) => {
  const result = c.let(f64x2.promoteLowF32(a));
  return { result, unfit: simd.or(f64x2.ne(result, result), denormalSingleAsDouble(c.f, result)) };
};

/** Into the two low lanes. */
const doublesToSingles: OrdinaryFunction = (c, [a]) => {
  const result = c.let(f32x4.demoteF64Zero(a));
  const back = c.let(f64x2.promoteLowF32(result));
  const lost = simd.and(f64x2.eq(back, simd.zero), f64x2.ne(a, simd.zero));
  const range = simd.and(notClearlyNormal(c.f, single, result), f32x4.ne(result, simd.zero));
  return { result, unfit: simd.or(lost, range), inexact: f64x2.ne(back, a) };
};

/** Elements as wide as their source. */
function sameWidth(
  mnemonic: string,
  source: Element,
  target: Element,
  ordinary: OrdinaryFunction,
  how = Conversion.BY_CONTROL,
): Definition[] {
  return packedUnaryFloat(mnemonic, single, {
    operation: () => ({ code: FloatCode.CONVERT, immediate: how, source, target }),
    ordinary: () => ordinary,
  });
}

const LOW_HALVES = [...Array(8).keys(), ...Array.from({ length: 8 }, (_, i) => 16 + i)];
const HIGH_HALF = Array.from({ length: 16 }, (_, i) => (i < 8 ? 8 + i : i));

/** The low half of one vector and the high half of another. */
const LOW_AND_HIGH = Array.from({ length: 16 }, (_, i) => (i < 8 ? i : 16 + i));

/** Elements twice as wide as their source, of which a vector takes half. */
function widening(mnemonic: string, source: Element, ordinary: OrdinaryFunction): Definition[] {
  const emit =
    (vex: boolean): Definition['emit'] =>
    (c, [destination, operand]) => {
      const wide = destination.kind === 'ymm';
      const elements = wide ? c.readVector(operand)[0] : lowLane(c, operand);
      const halves = wide ? [elements, c.let(simd.shuffle(elements, elements, HIGH_HALF))] : [elements];
      const results = halves.map((half) => ordinary(c, [half]));
      const values = settle(c, conversion(source, Element.DOUBLE, 2 * halves.length), [[elements]], results);
      if (vex) writeVex(c, destination, values);
      else c.writeVector(destination, values);
    };
  return [
    defineVector(mnemonic, ['x xm8'], emit(false)),
    defineVector(`V${mnemonic}`, ['x xm8', 'y xm16'], emit(true)),
  ];
}

/** Elements half as wide as their source, in the low half of the result; the high half is 0. */
function narrow(c: Context, parts: readonly Value[], operation: FloatOperation, ordinary: OrdinaryFunction): Value {
  const results = parts.map((part) => ordinary(c, [part]));
  const [low, high] = results;
  const whole: Ordinary =
    results.length === 1
      ? low
      : {
          result: simd.shuffle(low.result, high.result, LOW_HALVES),
          unfit: low.unfit && high.unfit && simd.or(low.unfit, high.unfit),
          inexact: low.inexact && high.inexact && simd.or(low.inexact, high.inexact),
        };
  return settle(c, operation, [parts], [whole])[0];
}

function narrowing(
  mnemonic: string,
  target: Element,
  ordinary: OrdinaryFunction,
  how = Conversion.BY_CONTROL,
): Definition[] {
  const emit =
    (vex: boolean): Definition['emit'] =>
    (c, [destination, source]) => {
      const parts = c.readVector(source, !vex);
      const value = narrow(c, parts, conversion(Element.DOUBLE, target, 2 * parts.length, how), ordinary);
      if (vex) writeVex(c, destination, [value]);
      else c.writeVector(destination, [value]);
    };
  return [
    defineVector(mnemonic, ['x xm16'], emit(false)),
    defineVector(`V${mnemonic}`, ['x xm16', 'x ym32'], emit(true)),
  ];
}

/** Two floating-point numbers to integers in an MMX register. */
function toMmxIntegers(mnemonic: string, format: FloatFormat, how: Conversion): Definition {
  return defineVector(mnemonic, [format === single ? 'p xm8' : 'p xm16'], (c, [destination, source]) => {
    c.requireMmx();
    const a = format === single ? twoLanes(c, lowLane(c, source)) : c.readVector(source, true)[0];
    const operation = conversion(format.element, Element.INT32, 2, how);
    const [value] = calculate(c, operation, [[a]], toIntegers(format, how === Conversion.TRUNCATE));
    c.useMmx();
    c.write(destination, toMmx(value));
  });
}

/** The low half in both halves: the high one may be anything, and must not decide. */
const twoLanes = (c: Context, a: Value): Value => c.let(simd.i64x2.splat(simd.i64x2.extract(a, 0)));

/** Two integers in an MMX register or memory; from memory nothing concerns the x87 unit. */
function mmxSource(c: Context, source: OperandRef): Value {
  if (source.kind === 'mmx') c.requireMmx();
  const value = c.let(fromMmx(c.read(source)));
  if (source.kind === 'mmx') c.useMmx();
  return value;
}

const fromMmxIntegers: readonly Definition[] = [
  defineVector('CVTPI2PS', ['x pm8'], (c, [destination, source]) => {
    const integers = mmxSource(c, source);
    const [value] = calculate(c, conversion(Element.INT32, Element.SINGLE, 2), [[integers]], integersToSingles);
    const [old] = c.readVector(destination);
    c.writeVector(destination, [c.let(simd.shuffle(value, old, LOW_AND_HIGH))]);
  }),
  defineVector('CVTPI2PD', ['x pm8'], (c, [destination, source]) => {
    const integers = mmxSource(c, source);
    c.writeVector(destination, [c.let(f64x2.convertLowI32S(integers))]);
  }),
];

const ROUND_MODES = ['nearest', 'floor', 'ceil', 'trunc'] as const;
const ROUND_BY_MXCSR = 4;
const ROUND_SUPPRESSES_PRECISION = 8;

/** ROUNDPS and its kin; without a rounding mode of its own, to nearest if MXCSR says so. */
const ROUND: FloatInstruction = {
  immediate: true,
  operation: (_, immediate) => ({ code: FloatCode.ROUND, immediate }),
  ordinary:
    (format, immediate) =>
    (c, [a]) => {
      const byMxcsr = (immediate & ROUND_BY_MXCSR) !== 0;
      const result = c.let(format.lanes[ROUND_MODES[byMxcsr ? 0 : immediate & 3]](a));
      const unfit = denormalOrNan(c.f, format, a);
      const inexact = format.lanes.ne(result, a);
      if (!(immediate & ROUND_SUPPRESSES_PRECISION)) return { result, unfit, inexact };
      if (!byMxcsr) return { result, unfit };
      const directed = w.ne(roundingIsDirected(), w.i32(0));
      const otherwise = simd.and(inexact, i32x4.splat(w.sub(w.i32(0), directed)));
      return { result, unfit: simd.or(unfit, otherwise) };
    },
};

export const floatConvert: readonly Definition[] = [
  ...sameWidth('CVTDQ2PS', Element.INT32, Element.SINGLE, integersToSingles),
  ...sameWidth('CVTPS2DQ', Element.SINGLE, Element.INT32, toIntegers(single, false)),
  ...sameWidth('CVTTPS2DQ', Element.SINGLE, Element.INT32, toIntegers(single, true), Conversion.TRUNCATE),
  ...widening('CVTPS2PD', Element.SINGLE, singlesToDoubles),
  ...widening('CVTDQ2PD', Element.INT32, integersToDoubles),
  ...narrowing('CVTPD2PS', Element.SINGLE, doublesToSingles),
  ...narrowing('CVTPD2DQ', Element.INT32, toIntegers(double, false)),
  ...narrowing('CVTTPD2DQ', Element.INT32, toIntegers(double, true), Conversion.TRUNCATE),
  ...lowElement('CVTSS2SD', [4, 8], (c, _, b) => {
    return calculate(c, conversion(Element.SINGLE, Element.DOUBLE, 1), [[b]], singlesToDoubles)[0];
  }),
  ...lowElement('CVTSD2SS', [8, 4], (c, _, b) => {
    return calculate(c, conversion(Element.DOUBLE, Element.SINGLE, 1), [[b]], doublesToSingles)[0];
  }),
  ...FORMATS.flatMap((format) => [
    toMmxIntegers(`CVTP${format.letter}2PI`, format, Conversion.BY_CONTROL),
    toMmxIntegers(`CVTTP${format.letter}2PI`, format, Conversion.TRUNCATE),
    ...packedUnaryFloat(`ROUNDP${format.letter}`, format, ROUND),
    ...scalarFloat(`ROUNDS${format.letter}`, format, ROUND, true),
  ]),
  ...fromMmxIntegers,
];
