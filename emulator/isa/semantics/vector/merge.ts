/** Shapes in which a scalar, from the low end of an XMM register or from memory just as wide, meets a vector. */
import type { Value } from '../../../wasm/expression';
import type { Context, OperandRef } from '../context';
import type { Definition } from '../definition';
import { fromInteger } from './lanes';
import { defineVector, writeVex } from './shapes';

/** 128 bits of a register or of memory; of narrower memory or a general register, its value with zeros above. */
export function sourceVector(c: Context, source: OperandRef): Value {
  if (source.kind === 'xmm' || source.kind === 'm128') return c.readVector(source)[0];
  return c.let(fromInteger(c.read(source)));
}

/** Combines a vector with a source that is one of `sources`; `fromMemory` tells whether that is in memory. */
export type Merge = (a: Value, b: Value, immediate: number, fromMemory: boolean) => Value;

/**
 * The first source, which the legacy encoding overwrites, is an XMM register, the second is one of `sources` (patterns as
 * in `vectorForms`); with `immediate` there is a last operand that `operation` looks at.
 */
export function merged(
  mnemonic: string,
  sources: readonly string[],
  operation: Merge,
  { immediate: last = false }: { readonly immediate?: boolean } = {},
): Definition[] {
  const tail = last ? ' i' : '';
  const combine = (c: Context, first: OperandRef, second: OperandRef, immediate: number): Value => {
    const b = sourceVector(c, second);
    const [a] = c.readVector(first);
    return c.let(operation(a, b, immediate, second.kind === 'memory'));
  };
  return [
    defineVector(
      mnemonic,
      sources.map((source) => `x ${source}${tail}`),
      (c, [destination, source], { immediate }) => {
        c.writeVector(destination, [combine(c, destination, source, immediate)]);
      },
      { immediate: last },
    ),
    defineVector(
      `V${mnemonic}`,
      sources.map((source) => `x x ${source}${tail}`),
      (c, [destination, first, second], { immediate }) => {
        writeVex(c, destination, [combine(c, first, second, immediate)]);
      },
      { immediate: last },
    ),
  ];
}
