/** Comparison, minimum and maximum. */
import { bitLength, shiftLeft } from './bits';
import { FloatException, type FloatEnvironment } from './environment';
import type { Format } from './format';
import { noteDenormals, unpack } from './operands';
import { pack } from './round';
import { Kind, type Unpacked } from './unpacked';

export type Relation = 'less' | 'equal' | 'greater' | 'unordered';

/**
 * How a relates to b. Signalling NaNs and unsupported operands raise IE; quiet NaNs do so if `signalling` (FCOM, COMISS and
 * the signalling predicates of CMPPS do, FUCOM, UCOMISS and the quiet ones do not).
 */
export function compare(env: FloatEnvironment, a: Unpacked, b: Unpacked, signalling: boolean): Relation {
  if (a.kind > Kind.INFINITE || b.kind > Kind.INFINITE) {
    const quiet = (x: Unpacked): boolean => x.kind <= Kind.INFINITE || x.kind === Kind.QUIET_NAN;
    if (signalling || !quiet(a) || !quiet(b)) env.raise(FloatException.INVALID);
    return 'unordered';
  }
  noteDenormals(env, a, b);
  return order(a, b);
}

/** The order of two numbers neither of which is a NaN. */
function order(a: Unpacked, b: Unpacked): Relation {
  if (a.kind === Kind.ZERO && b.kind === Kind.ZERO) return 'equal';
  if (a.kind === Kind.ZERO) return b.sign ? 'greater' : 'less';
  if (b.kind === Kind.ZERO) return a.sign ? 'less' : 'greater';
  if (a.sign !== b.sign) return a.sign ? 'less' : 'greater';
  const magnitude = compareMagnitudes(a, b);
  if (magnitude === 0) return 'equal';
  return magnitude < 0 !== a.sign ? 'less' : 'greater';
}

/** Sign of |a| - |b| for numbers that are not zero. */
function compareMagnitudes(a: Unpacked, b: Unpacked): number {
  if (a.kind === Kind.INFINITE || b.kind === Kind.INFINITE) {
    return Number(a.kind === Kind.INFINITE) - Number(b.kind === Kind.INFINITE);
  }
  const top = a.exponent + bitLength(a.significand) - (b.exponent + bitLength(b.significand));
  if (top !== 0) return top;
  const distance = a.exponent - b.exponent;
  const left = distance > 0 ? shiftLeft(a.significand, distance) : a.significand;
  const right = distance < 0 ? shiftLeft(b.significand, -distance) : b.significand;
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * MINPS (`'less'`) or MAXPS (`'greater'`) of one element: the second operand if there is a NaN, which raises IE, or if both
 * are zeros.
 */
export function minMax<T>(env: FloatEnvironment, format: Format<T>, a: T, b: T, wanted: 'less' | 'greater'): T {
  const first = unpack(env, format, a);
  const second = unpack(env, format, b);
  return pack(format, compare(env, first, second, true) === wanted ? first : second);
}
