/** Operands and the results they decide by themselves: NaNs (SDM vol. 1, sections 4.8.3.5 to 4.8.3.7). */
import { FloatException, type FloatEnvironment } from './environment';
import type { Format } from './format';
import { INDEFINITE, Kind, Unpacked } from './unpacked';

/** The default NaN and IE. */
export function invalid(env: FloatEnvironment): Unpacked {
  env.raise(FloatException.INVALID);
  return INDEFINITE;
}

/** What an operation yields without computing if an operand is a NaN or unsupported: a quiet NaN; else undefined. */
export function nanResult(env: FloatEnvironment, a: Unpacked, b: Unpacked = a): Unpacked | undefined {
  if (a.kind <= Kind.INFINITE && b.kind <= Kind.INFINITE) return undefined;
  if (a.kind === Kind.UNSUPPORTED || b.kind === Kind.UNSUPPORTED) return invalid(env);
  const signalling = a.kind === Kind.SIGNALLING_NAN || b.kind === Kind.SIGNALLING_NAN;
  if (signalling) env.raise(FloatException.INVALID);
  if (!b.isNan) return a.quieted();
  if (!a.isNan) return b.quieted();
  return (env.unit === 'sse' ? a : chosenByX87(a, b)).quieted();
}

/** Table 4-8: a quiet NaN before a signalling one, then the larger significand, then the positive one. */
function chosenByX87(a: Unpacked, b: Unpacked): Unpacked {
  if (a.kind !== b.kind) return a.kind === Kind.QUIET_NAN ? a : b;
  if (a.significand !== b.significand) return a.significand > b.significand ? a : b;
  return a.sign ? b : a;
}

/** DE if one of the operands, none of them a NaN, is denormal. */
export function noteDenormals(env: FloatEnvironment, a: Unpacked, b: Unpacked = a): void {
  if (a.denormal || b.denormal) env.raise(FloatException.DENORMAL);
}

/** Takes an operand apart; with DAZ a denormal one counts as a zero of its sign. */
export function unpack<T>(env: FloatEnvironment, format: Format<T>, value: T): Unpacked {
  const operand = format.unpack(value);
  return operand.denormal && env.denormalsAreZero ? new Unpacked(Kind.ZERO, operand.sign) : operand;
}
