/**
 * The shapes vector instructions come in. An operation is written once, on 128 bits; from it follow the legacy encoding, which
 * keeps the rest of the destination, the VEX encodings on 128 bits (which clear the rest) and on 256 bits (both halves), and
 * the encoding on MMX registers (the low half of a vector).
 */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import type { Context, Half, OperandRef, Size } from '../context';
import { define, type Definition, type Trait } from '../definition';

/** On 128 bits: (destination or first source, source) -> result. Operands are evaluated: they may be used repeatedly. */
export type VectorBinary = (a: Value, b: Value, c: Context) => Value;
/** With an 8-bit immediate, known when the instruction is staged; `half` is that of a YMM register, else 0. */
export type VectorImmediate = (a: Value, b: Value, immediate: number, c: Context, half: Half) => Value;
/** `VectorImmediate` with a single source. */
export type VectorUnary = (a: Value, immediate: number, c: Context, half: Half) => Value;
/** On the low halves of vectors: what an instruction does to MMX registers. */
export type MmxBinary = (a: Value, b: Value, immediate: number) => Value;

/**
 * Operand lists of vector instructions. `x` and `y` are XMM and YMM registers, `p` an MMX register, `m16` and `m32` vectors
 * in memory, `xm`, `ym` and `pm` either; `xm4` is an XMM register or 4 bytes of memory; `r4`, `m4`, `rm4` are integer
 * operands, `gx4` and `gy4` elements to be gathered by the indices in an XMM or YMM register, `i` is an immediate.
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
    case 'gx':
      return [{ kind: 'gather', size: size as Size }];
    case 'gy':
      return [{ kind: 'gather256', size: size as Size }];
    case 'pm':
      return [{ kind: 'mmx', size: 8 }, memory(size)];
    default:
      throw new Error(`${part} is no operand of a vector instruction`);
  }
}

/** What besides its operands the code of a vector instruction depends on. */
export type VectorTraits = Partial<Record<Trait, boolean>>;

/** A vector instruction: staged out of line. */
export function defineVector(
  mnemonic: string,
  patterns: readonly string[],
  emit: Definition['emit'],
  traits: VectorTraits = {},
): Definition {
  const named = (Object.keys(traits) as Trait[]).filter((trait) => traits[trait]);
  return define(mnemonic, vectorForms(patterns), emit, { outOfLine: true, traits: named });
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
  /** There is an encoding on MMX registers: the operation gives the same in the low half, or it is this one. */
  readonly mmx?: boolean | MmxBinary;
  /** Bytes read of an operand of an MMX instruction in memory; default 8. */
  readonly mmxBytes?: 4 | 8;
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
  options: PackedOptions & { readonly plain?: boolean } = {},
): Definition[] {
  const { mmx = false, mmxBytes = 8, plain = false } = options;
  const last = plain ? '' : ' i';
  return [
    defineVector(
      mnemonic,
      [`x xm${last}`, ...(mmx ? [`p pm${mmxBytes}${last}`] : [])],
      (c, operands, { immediate }) => {
        const [destination, source] = operands;
        if (destination.kind === 'mmx') {
          onMmx(c, operands, (a, b) => (typeof mmx === 'function' ? mmx : operation)(a, b, immediate, c, 0));
          return;
        }
        const [b] = c.readVector(source, true);
        const [a] = c.readVector(destination);
        c.writeVector(destination, [c.let(operation(a, b, immediate, c, 0))]);
      },
      { immediate: !plain },
    ),
    packedVex(`V${mnemonic}`, operation, options),
  ];
}

/** The VEX encodings of `packedImmediate`, for what has no others; `mnemonic` with its V. */
export function packedVex(
  mnemonic: string,
  operation: VectorImmediate,
  { only128 = false, plain = false }: PackedOptions & { readonly plain?: boolean } = {},
): Definition {
  const last = plain ? '' : ' i';
  return defineVector(
    mnemonic,
    [`x x xm${last}`, ...(only128 ? [] : [`y y ym${last}`])],
    (c, [destination, first, second], { immediate }) => {
      const b = c.readVector(second);
      const a = c.readVector(first);
      const results = a.map((half, i) => c.let(operation(half, b[i], immediate, c, i as Half)));
      writeVex(c, destination, results);
    },
    { immediate: !plain },
  );
}

/** One source and a destination that is overwritten; `operation` may look at the immediate, the last operand if there is one. */
export function packedUnary(
  mnemonic: string,
  operation: VectorUnary,
  options: PackedOptions & { readonly immediate?: boolean } = {},
): Definition[] {
  const { mmx = false, immediate: last = false } = options;
  const tail = last ? ' i' : '';
  return [
    defineVector(
      mnemonic,
      [`x xm${tail}`, ...(mmx ? [`p pm${tail}`] : [])],
      (c, operands, { immediate }) => {
        const [destination, source] = operands;
        if (destination.kind === 'mmx') {
          onMmx(c, operands, (_, b) => operation(b, immediate, c, 0));
          return;
        }
        const [value] = c.readVector(source, true);
        c.writeVector(destination, [c.let(operation(value, immediate, c, 0))]);
      },
      { immediate: last },
    ),
    packedUnaryVex(`V${mnemonic}`, operation, options),
  ];
}

/** The VEX encodings of `packedUnary`, for what has no others; `mnemonic` with its V. */
export function packedUnaryVex(
  mnemonic: string,
  operation: VectorUnary,
  { only128 = false, immediate: last = false }: PackedOptions & { readonly immediate?: boolean } = {},
): Definition {
  const tail = last ? ' i' : '';
  return defineVector(
    mnemonic,
    [`x xm${tail}`, ...(only128 ? [] : [`y ym${tail}`])],
    (c, [destination, source], { immediate }) => {
      const results = c.readVector(source).map((half, i) => c.let(operation(half, immediate, c, i as Half)));
      writeVex(c, destination, results);
    },
    { immediate: last },
  );
}

/** The low `size` bytes of an XMM register or the memory operand in its place, as an integer. */
export function readScalar(c: Context, operand: OperandRef, size: 4 | 8): Value {
  if (operand.kind !== 'xmm') return c.read(operand);
  const [vector] = c.readVector(operand);
  return size === 8 ? c.let(simd.i64x2.extract(vector, 0)) : c.let(w.extendU(simd.i32x4.extract(vector, 0)));
}
