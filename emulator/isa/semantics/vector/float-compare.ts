/** Comparison of floating-point numbers: to masks (CMPPS) and to flags (COMISS); SDM vol. 1, sections 11.4.1 and 4.8. */
import { Element, FloatCode, predicateRelations, RelationBit } from '../../../float-unit';
import * as simd from '../../../wasm/simd';
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import { ValueType } from '../../../wasm/types';
import type { Definition } from '../definition';
import { denormalOrNan, FORMATS, type FloatFormat } from './float-format';
import {
  anyLane,
  askFloatUnit,
  lowLane,
  packedFloat,
  scalarFloat,
  type FloatInstruction,
  type OrdinaryFunction,
} from './float-shapes';
import { defineVector } from './shapes';

/** A mask of the lanes in which a predicate holds; none is a NaN. */
function holds({ lanes }: FloatFormat, predicate: number, a: Value, b: Value): Value {
  const relations = predicateRelations(predicate);
  const [less, equal, greater] = [RelationBit.LESS, RelationBit.EQUAL, RelationBit.GREATER].map(
    (relation) => (relations & relation) !== 0,
  );
  if (less && greater) return equal ? simd.ones : lanes.ne(a, b);
  if (less) return equal ? lanes.le(a, b) : lanes.lt(a, b);
  if (greater) return equal ? lanes.ge(a, b) : lanes.gt(a, b);
  return equal ? lanes.eq(a, b) : simd.zero;
}

const ordinary =
  (format: FloatFormat, predicate: number): OrdinaryFunction =>
  (c, [a, b]) => ({
    result: holds(format, predicate, a, b),
    unfit: simd.or(denormalOrNan(c.f, format, a), denormalOrNan(c.f, format, b)),
  });

/** The legacy encoding has predicates 0 to 7, that of VEX 0 to 31. */
const compare = (bits: 3 | 5): FloatInstruction => {
  const predicate = (immediate: number): number => immediate & ((1 << bits) - 1);
  return {
    immediate: true,
    operation: (_, immediate) => ({ code: FloatCode.COMPARE, immediate: predicate(immediate) }),
    ordinary: (format, immediate) => ordinary(format, predicate(immediate)),
  };
};

/** The definitions of one encoding. */
const onlyVex = (definitions: Definition[], vex: boolean): Definition[] =>
  definitions.filter(({ mnemonic }) => mnemonic.startsWith('V') === vex);

function order(mnemonic: string, format: FloatFormat, quiet: boolean): Definition {
  return defineVector(mnemonic, [`x xm${format.bytes}`], (c, [first, second]) => {
    const b = lowLane(c, second);
    const [a] = c.readVector(first);
    const { lanes, element: source } = format;
    const bit = (mask: Value): Value => w.extendU(w.and(simd.i32x4.extract(mask, 0), w.i32(1)));
    const [zero, parity, carry] = [0, 1, 2].map(() => c.f.slot(ValueType.I64));
    c.f.set(zero, bit(lanes.eq(a, b)));
    c.f.set(parity, w.i64(0));
    c.f.set(carry, bit(lanes.lt(a, b)));
    const unfit = anyLane(simd.or(denormalOrNan(c.f, format, a), denormalOrNan(c.f, format, b)), true);
    const immediate = quiet ? 1 : 0;
    const operation = { code: FloatCode.ORDER, source, target: Element.INT32, count: 1, immediate };
    c.if(unfit, () => {
      askFloatUnit(c, operation, [[a], [b]], (part) => {
        const flags = c.let(simd.i64x2.extract(part(0), 0));
        const flag = (position: number): Value => w.and(w.shrU(flags, w.i64(position)), w.i64(1));
        c.f.set(zero, flag(6));
        c.f.set(parity, flag(2));
        c.f.set(carry, flag(0));
      });
    });
    c.flags.ordered(zero, parity, carry);
  });
}

export const floatCompare: readonly Definition[] = FORMATS.flatMap((format) => [
  ...[false, true].flatMap((vex) => {
    const instruction = compare(vex ? 5 : 3);
    return [
      ...onlyVex(packedFloat(`CMPP${format.letter}`, format, instruction), vex),
      ...onlyVex(scalarFloat(`CMPS${format.letter}`, format, instruction), vex),
    ];
  }),
  ...['', 'V'].flatMap((prefix) => [
    order(`${prefix}COMIS${format.letter}`, format, false),
    order(`${prefix}UCOMIS${format.letter}`, format, true),
  ]),
]);
