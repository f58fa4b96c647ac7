/**
 * Approximations, for which the SDM allows a relative error of 1.5 · 2^-12 (vol. 2, RCPPS, RSQRTPS): here they are as good
 * as single precision is. Denormal operands count as zeros, tiny results become zeros; there are no exceptions.
 */
import * as simd from '../../../wasm/simd';
import type { Value } from '../../../wasm/expression';
import type { Context } from '../context';
import type { Definition } from '../definition';
import { denormal, single, splat } from './float-format';
import { lowElement } from './float-shapes';
import { packedUnary } from './shapes';

const { lanes } = single;
const ONE = splat(single, 0x3f800000n);
const QUIET = splat(single, 1n << 22n);
const DEFAULT_NAN = splat(single, 0xffc00000n);

function approximation(name: string, compute: (x: Value) => Value): Definition[] {
  const all = (c: Context, a: Value): Value => {
    const sign = c.let(simd.and(a, single.sign));
    const x = c.let(simd.bitselect(sign, a, denormal(c.f, single, a)));
    const value = c.let(compute(x));
    const flushed = c.let(simd.bitselect(sign, value, denormal(c.f, single, value)));
    return simd.bitselect(simd.or(a, QUIET), flushed, lanes.ne(a, a));
  };
  return [
    ...packedUnary(`${name}PS`, (a, _, c) => all(c, a)),
    ...lowElement(`${name}SS`, [4, 4], (c, _, b) => all(c, b)),
  ];
}

/** Of a negative number the default NaN, whose pattern is not left to the host. */
const reciprocalRoot = (x: Value): Value =>
  simd.bitselect(DEFAULT_NAN, lanes.div(ONE, lanes.sqrt(x)), lanes.lt(x, simd.zero));

export const floatApproximations: readonly Definition[] = [
  ...approximation('RCP', (x) => lanes.div(ONE, x)),
  ...approximation('RSQRT', reciprocalRoot),
];
