/** DPPS and DPPD: products, then sums of pairs, each step with its own exceptions (SDM vol. 2, DPPS). */
import { add, multiply, unpack, type FloatEnvironment } from '../softfloat';
import { formatOf } from './elements';
import { Element, type FloatOperation } from './operation';

/**
 * Works on vectors of 128 bits, each for itself; undefined after a step with an unmasked exception. `step` is told that a
 * step is done: it notes the exceptions, and says whether to go on.
 */
export function dotProduct(
  env: FloatEnvironment,
  { source, count, immediate }: FloatOperation,
  a: readonly bigint[],
  b: readonly bigint[],
  step: () => boolean,
): bigint[] | undefined {
  const format = formatOf(source);
  const width = source === Element.SINGLE ? 4 : 2;
  const apart = (value: bigint): ReturnType<typeof unpack> => unpack(env, format, value);
  let terms = a.map((value, i) =>
    immediate & (16 << (i % width)) ? multiply(env, format, apart(value), apart(b[i])) : 0n,
  );
  if (!step()) return undefined;
  while (terms.length > count / width) {
    const sums: bigint[] = [];
    for (let i = 0; i < terms.length; i += 2) sums.push(add(env, format, apart(terms[i]), apart(terms[i + 1])));
    terms = sums;
    if (!step()) return undefined;
  }
  return a.map((_, i) => (immediate & (1 << (i % width)) ? terms[Math.floor(i / width)] : 0n));
}
