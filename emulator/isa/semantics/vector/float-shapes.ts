/**
 * The shapes of floating-point instructions. An operation is written once, on 128 bits, as what generated code does when
 * all is ordinary, and as what is asked of the float unit when it is not; from it follow the packed and the scalar
 * instruction, in the legacy and the VEX encodings.
 */
import { encodeOperation, type FloatOperation } from '../../../float-unit';
import { FLOAT_OPERAND_BYTES, FLOAT_OPERANDS, FLOAT_RESULT } from '../../../engine/layout';
import * as simd from '../../../wasm/simd';
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import { ValueType } from '../../../wasm/types';
import type { Context, OperandRef } from '../context';
import type { Definition } from '../definition';
import { inexactMatters, type FloatFormat } from './float-format';
import { defineVector, writeVex } from './shapes';

const STATE = w.i32(0);

/** What generated code does itself. */
export interface Ordinary {
  readonly result: Value;
  /** Lanes in which it must not be done so. */
  readonly unfit?: Value;
  /** Lanes that are inexact. */
  readonly inexact?: Value;
  /**
   * A second look, taken if there are `unfit` lanes or an inexact result matters: the lanes in which it really must not be
   * done so.
   */
  readonly reconsider?: () => Value;
}

/** On 128 bits of each operand, evaluated. */
export type OrdinaryFunction = (c: Context, operands: readonly Value[]) => Ordinary;

/** For what is left to the float unit altogether. */
export const floatUnitAlone: OrdinaryFunction = () => ({ result: simd.zero, unfit: simd.ones });

/** i32: whether any of the lanes of a mask, or the lowest of a scalar, is set. */
export function anyLane(mask: Value, scalar: boolean): Value {
  return scalar ? simd.i32x4.extract(mask, 0) : simd.anyTrue(mask);
}

/** i32: whether any lane is set in any of the masks. */
function anyOf(masks: readonly Value[], scalar: boolean): Value {
  return masks.length === 0 ? w.i32(0) : anyLane(masks.reduce(simd.or), scalar);
}

/** Runs `then` if the float unit has to do an operation that yields `results`. */
function unlessOrdinary(c: Context, results: readonly Ordinary[], scalar: boolean, then: () => void): void {
  const unfit = anyOf(
    results.flatMap((result) => result.unfit ?? []),
    scalar,
  );
  const inexact = results.flatMap((result) => result.inexact ?? []);
  const second = results.flatMap((result) => result.reconsider ?? []);
  if (second.length > 0) {
    c.if(w.or(unfit, inexactMatters()), () => {
      const lanes = second.map((look) => look());
      c.if(anyOf(lanes, scalar), then);
    });
  } else if (inexact.length > 0) {
    c.if(w.or(unfit, w.select(anyOf(inexact, scalar), inexactMatters(), w.i32(0))), then);
  } else if (unfit.kind !== 'constant') c.if(unfit, then);
}

/**
 * Has the float unit carry out an operation; `operands` are in 128-bit parts. `take` is given the places of the 128-bit
 * parts of the result. Leaves on an unmasked exception.
 */
export function askFloatUnit(
  c: Context,
  operation: FloatOperation,
  operands: readonly (readonly Value[])[],
  take: (part: (index: number) => Value) => void,
): void {
  operands.forEach((parts, i) => {
    parts.forEach((part, half) => {
      c.f.storeVector(STATE, FLOAT_OPERANDS + FLOAT_OPERAND_BYTES * i + 16 * half, part);
    });
  });
  c.callOrLeave(c.helper.floatOperation, [w.i32(encodeOperation(operation))]);
  take((index) => simd.load(STATE, FLOAT_RESULT + 16 * index));
}

/** Carries out an operation on all parts of its operands: ordinarily, else by the float unit. */
export function calculate(
  c: Context,
  operation: FloatOperation,
  operands: readonly (readonly Value[])[],
  ordinary: OrdinaryFunction,
): Value[] {
  const results = operands[0].map((_, half) => {
    const parts = operands.map((operand) => operand[half]);
    return ordinary(c, parts);
  });
  return settle(c, operation, operands, results);
}

/** The results of parts of an operation, worked out ordinarily, or all by the float unit. */
export function settle(
  c: Context,
  operation: FloatOperation,
  operands: readonly (readonly Value[])[],
  results: readonly Ordinary[],
): Value[] {
  const places = results.map(({ result }) => {
    const place = c.f.slot(ValueType.V128);
    c.f.set(place, result);
    return place;
  });
  unlessOrdinary(c, results, operation.count === 1, () => {
    askFloatUnit(c, operation, operands, (part) => places.forEach((place, i) => c.f.set(place, part(i))));
  });
  return places;
}

/** The low element of an operand, an XMM register or memory, in the low lane of a vector. */
export function lowLane(c: Context, operand: OperandRef): Value {
  return operand.kind === 'xmm' ? c.readVector(operand)[0] : c.let(simd.i64x2.splat(c.read(operand)));
}

/** `into` with its low `bytes` bytes replaced by those of `low`. */
export function insertLow(into: Value, low: Value, bytes: 4 | 8): Value {
  return simd.shuffle(
    low,
    into,
    Array.from({ length: 16 }, (_, i) => (i < bytes ? i : 16 + i)),
  );
}

/** What the instructions of one operation have in common; the kinds of elements and their number follow. */
export interface FloatInstruction {
  readonly ordinary: (format: FloatFormat, immediate: number) => OrdinaryFunction;
  /** Source and target are elements of the format unless they are named. */
  readonly operation: (
    format: FloatFormat,
    immediate: number,
  ) => Pick<FloatOperation, 'code' | 'immediate'> & Partial<FloatOperation>;
  /** The last operand is an immediate. */
  readonly immediate?: boolean;
  /** Rearranges the operands, part by part, before the operation. */
  readonly arrange?: (format: FloatFormat, a: Value, b: Value) => readonly [Value, Value];
}

function operationOf(
  { operation }: FloatInstruction,
  format: FloatFormat,
  immediate: number,
  count: number,
): FloatOperation {
  const { element } = format;
  return { source: element, target: element, ...operation(format, immediate), count };
}

/** The number of elements in vectors of 128 bits. */
export const elementsIn = ({ bytes }: FloatFormat, parts: readonly unknown[]): number => (16 * parts.length) / bytes;

/** `mnemonic` on packed operands: two sources, of which the legacy encoding overwrites the first. */
export function packedFloat(mnemonic: string, format: FloatFormat, instruction: FloatInstruction): Definition[] {
  const last = instruction.immediate ? ' i' : '';
  const options = { immediate: instruction.immediate };
  const work = (c: Context, a: readonly Value[], b: readonly Value[], immediate: number): Value[] => {
    const { arrange } = instruction;
    const pairs = a.map((part, i) => (arrange ? arrange(format, part, b[i]).map((v) => c.let(v)) : [part, b[i]]));
    const operands = [0, 1].map((i) => pairs.map((pair) => pair[i]));
    const operation = operationOf(instruction, format, immediate, elementsIn(format, a));
    return calculate(c, operation, operands, instruction.ordinary(format, immediate));
  };
  return [
    defineVector(
      mnemonic,
      [`x xm${last}`],
      (c, [destination, source], { immediate }) => {
        const b = c.readVector(source, true);
        c.writeVector(destination, work(c, c.readVector(destination), b, immediate));
      },
      options,
    ),
    defineVector(
      `V${mnemonic}`,
      [`x x xm${last}`, `y y ym${last}`],
      (c, [destination, first, second], { immediate }) => {
        const b = c.readVector(second);
        writeVex(c, destination, work(c, c.readVector(first), b, immediate));
      },
      options,
    ),
  ];
}

/** `mnemonic` on one packed operand. */
export function packedUnaryFloat(mnemonic: string, format: FloatFormat, instruction: FloatInstruction): Definition[] {
  const last = instruction.immediate ? ' i' : '';
  const options = { immediate: instruction.immediate };
  const work = (c: Context, a: readonly Value[], immediate: number): Value[] => {
    const operation = operationOf(instruction, format, immediate, elementsIn(format, a));
    return calculate(c, operation, [a], instruction.ordinary(format, immediate));
  };
  return [
    defineVector(
      mnemonic,
      [`x xm${last}`],
      (c, [destination, source], { immediate }) => {
        c.writeVector(destination, work(c, c.readVector(source, true), immediate));
      },
      options,
    ),
    defineVector(
      `V${mnemonic}`,
      [`x xm${last}`, `y ym${last}`],
      (c, [destination, source], { immediate }) => {
        writeVex(c, destination, work(c, c.readVector(source), immediate));
      },
      options,
    ),
  ];
}

/**
 * An instruction on the low element of its last source, `sourceBytes` wide, which yields that of the destination,
 * `targetBytes` wide; the rest is that of the first source, which in the legacy encoding is the destination.
 */
export function lowElement(
  mnemonic: string,
  [sourceBytes, targetBytes]: readonly [4 | 8, 4 | 8],
  work: (c: Context, a: Value, b: Value, immediate: number) => Value,
  withImmediate = false,
): Definition[] {
  const last = withImmediate ? ' i' : '';
  const options = { immediate: withImmediate };
  return [
    defineVector(
      mnemonic,
      [`x xm${sourceBytes}${last}`],
      (c, [destination, source], { immediate }) => {
        const b = lowLane(c, source);
        const [a] = c.readVector(destination);
        c.writeVector(destination, [c.let(insertLow(a, work(c, a, b, immediate), targetBytes))]);
      },
      options,
    ),
    defineVector(
      `V${mnemonic}`,
      [`x x xm${sourceBytes}${last}`],
      (c, [destination, first, second], { immediate }) => {
        const b = lowLane(c, second);
        const [a] = c.readVector(first);
        writeVex(c, destination, [c.let(insertLow(a, work(c, a, b, immediate), targetBytes))]);
      },
      options,
    ),
  ];
}

/** `mnemonic` on the low elements of its sources, or if it is `unary` on that of the last. */
export function scalarFloat(
  mnemonic: string,
  format: FloatFormat,
  instruction: FloatInstruction,
  unary = false,
): Definition[] {
  const { bytes } = format;
  const work = (c: Context, a: Value, b: Value, immediate: number): Value => {
    const operation = operationOf(instruction, format, immediate, 1);
    const operands = unary ? [[b]] : [[a], [b]];
    return calculate(c, operation, operands, instruction.ordinary(format, immediate))[0];
  };
  return lowElement(mnemonic, [bytes, bytes], work, instruction.immediate);
}
