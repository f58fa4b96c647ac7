/** Conversions between floating-point numbers and integers in general registers (SDM vol. 1, section 11.4.1.6). */
import { Conversion, Element, FloatCode } from '../../../float-unit';
import * as simd from '../../../wasm/simd';
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import { ValueType } from '../../../wasm/types';
import type { Context, OperandRef } from '../context';
import type { Definition } from '../definition';
import { toWhole } from './float-convert';
import { double, FORMATS, inexactMatters, single, type FloatFormat } from './float-format';
import { anyLane, askFloatUnit, insertLow, lowLane } from './float-shapes';
import { defineVector, writeVex } from './shapes';

const { f32, f64, truncate } = simd;

const integerElement = (size: number): Element => (size === 8 ? Element.INT64 : Element.INT32);

/** A number in the low lane, from a general register or memory. */
function fromInteger(c: Context, format: FloatFormat, operand: OperandRef): Value {
  const { size } = operand;
  const value = c.let(w.signExtend(c.read(operand), size));
  const convert = format === single ? f32.convertI64S : f64.convertI64S;
  const result = c.f.slot(ValueType.V128);
  c.f.set(result, format.lanes.replace(simd.zero, 0, convert(value)));
  if (format === double && size === 4) return result;
  // Exact up to 2^24 or 2^53; beyond, it may be inexact.
  const exact = 1n << BigInt(format.fractionBits + 1);
  const large = w.gtU(w.add(value, w.i64(exact)), w.i64(2n * exact));
  const needed = w.select(large, inexactMatters(), w.i32(0));
  const operation = {
    ...{ code: FloatCode.CONVERT, source: integerElement(size), target: format.element },
    ...{ count: 1, immediate: Conversion.BY_CONTROL },
  };
  c.if(needed, () => {
    askFloatUnit(c, operation, [[simd.i64x2.splat(value)]], (part) => c.f.set(result, part(0)));
  });
  return result;
}

function fromGeneral(format: FloatFormat): Definition[] {
  const mnemonic = `CVTSI2S${format.letter}`;
  return [
    defineVector(mnemonic, ['x rm4', 'x rm8'], (c, [destination, source]) => {
      const value = fromInteger(c, format, source);
      const [old] = c.readVector(destination);
      c.writeVector(destination, [c.let(insertLow(old, value, format.bytes))]);
    }),
    defineVector(`V${mnemonic}`, ['x x rm4', 'x x rm8'], (c, [destination, first, second]) => {
      const value = fromInteger(c, format, second);
      const [rest] = c.readVector(first);
      writeVex(c, destination, [c.let(insertLow(rest, value, format.bytes))]);
    }),
  ];
}

function toGeneral(format: FloatFormat, how: Conversion): Definition[] {
  const truncating = how === Conversion.TRUNCATE;
  const { bytes, letter } = format;
  const emit: Definition['emit'] = (c, [destination, source]) => {
    const bits = destination.size === 8 ? 64 : 32;
    const operand = lowLane(c, source);
    // Single precision is exact in double; a NaN goes to the float unit.
    const number = format === single ? c.let(simd.f64x2.promoteLowF32(operand)) : operand;
    const { result, unfit, inexact } = toWhole(c, double, number, bits, truncating);
    const whole = simd.f64x2.extract(result, 0);
    const integer = c.f.slot(ValueType.I64);
    c.f.set(integer, bits === 64 ? truncate.i64F64S(whole) : w.extendU(truncate.i32F64S(whole)));
    const lowest = (mask: Value): Value => anyLane(mask, true);
    const matters = w.select(lowest(inexact), inexactMatters(), w.i32(0));
    const operation = {
      ...{ code: FloatCode.CONVERT, source: format.element, target: integerElement(destination.size) },
      ...{ count: 1, immediate: how },
    };
    c.if(w.or(lowest(unfit), matters), () => {
      askFloatUnit(c, operation, [[operand]], (part) => {
        const low = simd.i64x2.extract(part(0), 0);
        c.f.set(integer, bits === 64 ? low : w.zeroExtend(low, 4));
      });
    });
    c.write(destination, integer);
  };
  const name = `CVT${truncating ? 'T' : ''}S${letter}2SI`;
  return [name, `V${name}`].map((mnemonic) => defineVector(mnemonic, [`r4 xm${bytes}`, `r8 xm${bytes}`], emit));
}

export const floatInteger: readonly Definition[] = FORMATS.flatMap((format) => [
  ...fromGeneral(format),
  ...toGeneral(format, Conversion.BY_CONTROL),
  ...toGeneral(format, Conversion.TRUNCATE),
]);
