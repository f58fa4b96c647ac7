/**
 * The shapes vector instructions come in. An operation is written once, on 128 bits; from it follow the legacy encoding, which
 * keeps the rest of the destination, the VEX encodings on 128 bits (which clear the rest) and on 256 bits (both halves), and
 * the encoding on MMX registers (the low half of a vector).
 */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Context, OperandRef, Size } from '../context';
import { define, type Definition } from '../definition';

/** On 128 bits: (destination or first source, source) -> result. Operands are evaluated: they may be used repeatedly. */
export type VectorBinary = (a: Value, b: Value, c: Context) => Value;
export type VectorUnary = (a: Value, c: Context) => Value;
/** With an 8-bit immediate, known when the instruction is staged. */
export type VectorImmediate = (a: Value, b: Value, immediate: number, c: Context) => Value;

/**
 * Operand lists of vector instructions. `x` and `y` are XMM and YMM registers, `p` an MMX register, `m16` and `m32` vectors
 * in memory, `xm`, `ym` and `pm` either; `xm4` is an XMM register or 4 bytes of memory; `r4`, `m4`, `rm4` are integer
 * operands, `i` is an immediate.
 */
export function vectorForms(patterns: readonly string[]): readonly (readonly OperandRef[])[] {
  return patterns.flatMap((pattern) =>
    pattern
      .split(' ')
      .filter((part) => part !== '')
      .reduce<OperandRef[][]>(
        (lists, part) => lists.flatMap((list) => choices(part).map((ref) => [...list, ref])),
        [[]],
      ),
  );
}

function choices(part: string): OperandRef[] {
  const [, kind, digits] = /^([a-z]+)(\d*)$/.exec(part) ?? [];
  const size = Number(digits || 8);
  const memory = (bytes: number): OperandRef =>
    bytes === 16 || bytes === 32
      ? { kind: bytes === 16 ? 'm128' : 'm256', size: 8 }
      : { kind: 'memory', size: bytes as Size };
  switch (kind) {
    case 'x':
      return [{ kind: 'xmm', size: 8 }];
    case 'y':
      return [{ kind: 'ymm', size: 8 }];
    case 'p':
      return [{ kind: 'mmx', size: 8 }];
    case 'i':
      return [{ kind: 'immediate', size: 1 }];
    case 'r':
      return [{ kind: 'register', size: size as Size }];
    case 'm':
      return [memory(size)];
    case 'rm':
      return [{ kind: 'register', size: size as Size }, memory(size)];
    case 'xm':
      return [{ kind: 'xmm', size: 8 }, memory(digits ? size : 16)];
    case 'ym':
      return [{ kind: 'ymm', size: 8 }, memory(digits ? size : 32)];
    case 'pm':
      return [{ kind: 'mmx', size: 8 }, memory(size)];
    default:
      throw new Error(`${part} is no operand of a vector instruction`);
  }
}

/** A vector instruction: staged out of line; `immediate` if its code depends on the immediate operand. */
export function defineVector(
  mnemonic: string,
  patterns: readonly string[],
  emit: Definition['emit'],
  options: { readonly immediate?: boolean } = {},
): Definition {
  return define(mnemonic, vectorForms(patterns), emit, {
    outOfLine: true,
    traits: options.immediate ? ['immediate'] : [],
  });
}

/** Writes the result of a VEX-encoded instruction: of a YMM register nothing is left of what it held. */
export function writeVex(c: Context, destination: OperandRef, values: readonly Value[]): void {
  c.writeVector(destination, values);
  if (destination.kind === 'xmm') c.clearUpper(destination);
}

/** An MMX value as the low half of a vector. */
export const fromMmx = (value: Value): Value => simd.i64x2.splat(value);
/** The low half of a vector as an MMX value. */
export const toMmx = (vector: Value): Value => simd.i64x2.extract(vector, 0);

export interface PackedOptions {
  /** There is an encoding on MMX registers, on which the operation gives the same in the low half. */
  readonly mmx?: boolean;
  /** There is no VEX encoding on YMM registers. */
  readonly only128?: boolean;
}

/** Carries out an instruction on MMX registers in which the first operand is both source and destination. */
export function onMmx(
  c: Context,
  [destination, source]: readonly OperandRef[],
  operation: (a: Value, b: Value) => Value,
): void {
  c.requireMmx();
  const b = c.let(fromMmx(c.read(source)));
  const a = c.let(fromMmx(c.read(destination)));
  c.useMmx();
  c.write(destination, c.let(toMmx(operation(a, b))));
}

/** Two sources, of which the legacy encoding overwrites the first. */
export function packed(mnemonic: string, operation: VectorBinary, options: PackedOptions = {}): Definition[] {
  return packedImmediate(mnemonic, (a, b, _immediate, c) => operation(a, b, c), { ...options, plain: true });
}

/** `packed` with an immediate as the last operand; without one if `plain`. */
export function packedImmediate(
  mnemonic: string,
  operation: VectorImmediate,
  { mmx = false, only128 = false, plain = false }: PackedOptions & { readonly plain?: boolean } = {},
): Definition[] {
  const last = plain ? '' : ' i';
  const options = { immediate: !plain };
  return [
    defineVector(
      mnemonic,
      [`x xm${last}`, ...(mmx ? [`p pm${last}`] : [])],
      (c, operands, { immediate }) => {
        const [destination, source] = operands;
        if (destination.kind === 'mmx') {
          onMmx(c, operands, (a, b) => operation(a, b, immediate, c));
          return;
        }
        const [b] = c.readVector(source, true);
        const [a] = c.readVector(destination);
        c.writeVector(destination, [c.let(operation(a, b, immediate, c))]);
      },
      options,
    ),
    defineVector(
      `V${mnemonic}`,
      [`x x xm${last}`, ...(only128 ? [] : [`y y ym${last}`])],
      (c, [destination, first, second], { immediate }) => {
        const b = c.readVector(second);
        const a = c.readVector(first);
        const results = a.map((half, i) => c.let(operation(half, b[i], immediate, c)));
        writeVex(c, destination, results);
      },
      options,
    ),
  ];
}

/** One source and a destination that is overwritten; `operation` may look at the immediate, the last operand if there is one. */
export function packedUnary(
  mnemonic: string,
  operation: (a: Value, immediate: number, c: Context) => Value,
  { mmx = false, only128 = false, immediate: last = false }: PackedOptions & { readonly immediate?: boolean } = {},
): Definition[] {
  const tail = last ? ' i' : '';
  const options = { immediate: last };
  return [
    defineVector(
      mnemonic,
      [`x xm${tail}`, ...(mmx ? [`p pm${tail}`] : [])],
      (c, operands, { immediate }) => {
        const [destination, source] = operands;
        if (destination.kind === 'mmx') {
          onMmx(c, operands, (_, b) => operation(b, immediate, c));
          return;
        }
        const [value] = c.readVector(source, true);
        c.writeVector(destination, [c.let(operation(value, immediate, c))]);
      },
      options,
    ),
    defineVector(
      `V${mnemonic}`,
      [`x xm${tail}`, ...(only128 ? [] : [`y ym${tail}`])],
      (c, [destination, source], { immediate }) => {
        const results = c.readVector(source).map((half) => c.let(operation(half, immediate, c)));
        writeVex(c, destination, results);
      },
      options,
    ),
  ];
}

/** The low `size` bytes of an XMM register or the memory operand in its place, as an integer. */
export function readScalar(c: Context, operand: OperandRef, size: 4 | 8): Value {
  if (operand.kind !== 'xmm') return c.read(operand);
  const [vector] = c.readVector(operand);
  return size === 8 ? c.let(simd.i64x2.extract(vector, 0)) : c.let(w.extendU(simd.i32x4.extract(vector, 0)));
}
