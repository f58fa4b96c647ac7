/** Fused multiply-add: a product and a sum with one rounding (SDM vol. 1, section 14.5). */
import { FloatCode, Fused } from '../../../float-unit';
import * as simd from '../../../wasm/simd';
import type { Value } from '../../../wasm/expression';
import { ValueType } from '../../../wasm/types';
import type { Context } from '../context';
import type { Definition } from '../definition';
import { FORMATS, single, type FloatFormat } from './float-format';
import { calculate, elementsIn, insertLow, lowLane, type OrdinaryFunction } from './float-shapes';
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

/** Signs of the elements of an addend that change. */
function changedSigns({ bytes }: FloatFormat, immediate: number): Value {
  const changes = (element: number): boolean =>
    (immediate & (element & 1 ? Fused.NEGATE_ODD : Fused.NEGATE_EVEN)) !== 0;
  return simd.bytes(
    Array.from({ length: 16 }, (_, i) => (i % bytes === bytes - 1 && changes(Math.floor(i / bytes)) ? 0x80 : 0)),
  );
}

const ordinary =
  (format: FloatFormat, immediate: number): OrdinaryFunction =>
  (c, [a, b, addend]) => {
    const { lanes } = format;
    const result = c.let({
      kind: 'call',
      type: ValueType.V128,
      function: format === single ? c.helper.fusedSingles : c.helper.fusedDoubles,
      arguments: [
        immediate & Fused.NEGATE_PRODUCT ? lanes.neg(a) : a,
        b,
        simd.xor(addend, changedSigns(format, immediate)),
      ],
    });
    return { result, unfit: lanes.ne(result, result) };
  };

function fused(name: string, immediate: number, order: string, format: FloatFormat): Definition[] {
  const { letter, element, bytes } = format;
  /** Operands in their order in the instruction. */
  const work = (c: Context, operands: readonly (readonly Value[])[], count: number): Value[] => {
    const operation = { code: FloatCode.FUSED_MULTIPLY_ADD, source: element, target: element, count, immediate };
    const terms = ORDERS[order].map((number) => operands[number - 1]);
    return calculate(c, operation, terms, ordinary(format, immediate));
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
