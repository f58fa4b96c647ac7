/** Fused multiply-add: a product and a sum with one rounding (SDM vol. 1, section 14.5). */
import { FloatCode, Fused } from '../../../float-unit';
import type { Value } from '../../../wasm/expression';
import type { Context } from '../context';
import type { Definition } from '../definition';
import { FORMATS, type FloatFormat } from './float-format';
import { calculate, floatUnitAlone, elementsIn, insertLow, lowLane } from './float-shapes';
import { defineVector, writeVex } from './shapes';

/** Which terms change sign. */
const OPERATIONS: Readonly<Record<string, number>> = {
  FMADD: 0,
  FMSUB: Fused.NEGATE_EVEN | Fused.NEGATE_ODD,
  FNMADD: Fused.NEGATE_PRODUCT,
  FNMSUB: Fused.NEGATE_PRODUCT | Fused.NEGATE_EVEN | Fused.NEGATE_ODD,
};
/** These exist on packed operands alone. */
const ALTERNATING: Readonly<Record<string, number>> = { FMADDSUB: Fused.NEGATE_EVEN, FMSUBADD: Fused.NEGATE_ODD };

/** Which operands, by their numbers from 1, are multiplied, and which is added. */
const ORDERS: Readonly<Record<string, readonly [number, number, number]>> = {
  132: [1, 3, 2],
  213: [2, 1, 3],
  231: [2, 3, 1],
};

function fused(name: string, immediate: number, order: string, format: FloatFormat): Definition[] {
  const { letter, element, bytes } = format;
  /** Operands in their order in the instruction. */
  const work = (c: Context, operands: readonly (readonly Value[])[], count: number): Value[] => {
    const operation = { code: FloatCode.FUSED_MULTIPLY_ADD, source: element, target: element, count, immediate };
    const terms = ORDERS[order].map((number) => operands[number - 1]);
    return calculate(c, operation, terms, floatUnitAlone);
  };
  const packed = defineVector(`V${name}${order}P${letter}`, ['x x xm', 'y y ym'], (c, [destination, second, third]) => {
    const addend = c.readVector(third);
    const operands = [c.readVector(destination), c.readVector(second), addend];
    writeVex(c, destination, work(c, operands, elementsIn(format, addend)));
  });
  if (!(name in OPERATIONS)) return [packed];
  const scalar = defineVector(`V${name}${order}S${letter}`, [`x x xm${bytes}`], (c, [destination, second, third]) => {
    const last = lowLane(c, third);
    const [first] = c.readVector(destination);
    const [result] = work(c, [[first], c.readVector(second), [last]], 1);
    writeVex(c, destination, [c.let(insertLow(first, result, bytes))]);
  });
  return [packed, scalar];
}

export const floatFused: readonly Definition[] = Object.entries({ ...OPERATIONS, ...ALTERNATING }).flatMap(
  ([name, immediate]) =>
    Object.keys(ORDERS).flatMap((order) => FORMATS.flatMap((format) => fused(name, immediate, order, format))),
);
