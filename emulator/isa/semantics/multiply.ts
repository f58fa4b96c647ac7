/** Multiplication and division (SDM vol. 2: MUL, IMUL, MULX, DIV, IDIV). */
import * as w from '../../wasm/expression';
import type { Value } from '../../wasm/expression';
import { Gpr } from '../instruction';
import type { Context, OperandRef, Size } from './context';
import { WORD_SIZES, define, forms, type Definition } from './definition';

const DIVIDE_ERROR = 0;

interface Product {
  /** Both zero-extended from the operand size. */
  readonly low: Value;
  readonly high: Value;
}

function product(c: Context, a: Value, b: Value, size: Size, signed: boolean): Product {
  if (size < 8) {
    const extend = signed ? w.signExtend : w.zeroExtend;
    const whole = c.let(w.mul(extend(a, size), extend(b, size)));
    return {
      low: c.let(w.zeroExtend(whole, size)),
      high: c.let(w.zeroExtend(w.shrU(whole, w.i64(8 * size)), size)),
    };
  }
  const low = c.let(w.mul(a, b));
  const unsignedHigh = c.multiplyHigh(a, b);
  if (!signed) return { low, high: c.let(unsignedHigh) };
  // A negative factor counts 2^64 too much of the other one in the high half.
  const correctedByA = w.sub(unsignedHigh, w.and(w.shrS(a, w.i64(63)), b));
  return { low, high: c.let(w.sub(correctedByA, w.and(w.shrS(b, w.i64(63)), a))) };
}

/** CF = OF = whether the high half holds more than an extension of the low one. */
function setProductFlags(c: Context, { low, high }: Product, size: Size, signed: boolean): void {
  const extension = signed ? w.zeroExtend(w.shrS(w.signExtend(low, size), w.i64(63)), size) : w.i64(0);
  const significant = c.let(w.extendU(w.ne(high, extension)));
  c.flags.shifted(size, low, significant, significant);
}

function multiplyAccumulator(mnemonic: string, signed: boolean): Definition {
  return define(mnemonic, forms(['rm']), (c, [source]) => {
    const { size } = source;
    const b = c.read(source);
    const a = c.let(c.register(Gpr.RAX, size));
    const result = product(c, a, b, size, signed);
    if (size === 1) {
      c.setRegister(Gpr.RAX, 2, w.or(result.low, w.shl(result.high, w.i64(8))));
    } else {
      c.setRegister(Gpr.RAX, size, result.low);
      c.setRegister(Gpr.RDX, size, result.high);
    }
    setProductFlags(c, result, size, signed);
  });
}

function multiplyInto(c: Context, destination: OperandRef, a: Value, b: Value): void {
  const result = product(c, a, b, destination.size, true);
  c.write(destination, result.low);
  setProductFlags(c, result, destination.size, true);
}

function divide(mnemonic: 'DIV' | 'IDIV'): Definition {
  const signed = mnemonic === 'IDIV';
  return define(mnemonic, forms(['rm']), (c, [source]) => {
    const { size } = source;
    const divisor = c.read(source);
    c.if(w.isZero(divisor), () => c.raise(DIVIDE_ERROR));
    if (size === 8) {
      divide64(c, divisor, signed);
      return;
    }
    const bits = w.i64(8 * size);
    const dividend =
      size === 1
        ? c.let(c.register(Gpr.RAX, 2))
        : c.let(w.or(w.shl(c.register(Gpr.RDX, size), bits), c.register(Gpr.RAX, size)));
    const extend = signed ? w.signExtend : w.zeroExtend;
    const wide = c.let(extend(dividend, size * 2));
    const by = c.let(extend(divisor, size));
    // The one i64 quotient that wasm cannot compute, the most negative number by -1, is out of range here too.
    if (signed && size === 4) {
      c.if(w.and(w.eq(wide, w.i64(-(1n << 63n))), w.eq(by, w.i64(-1))), () => c.raise(DIVIDE_ERROR));
    }
    const quotient = c.let(signed ? w.divS(wide, by) : w.divU(wide, by));
    c.if(w.ne(quotient, extend(quotient, size)), () => c.raise(DIVIDE_ERROR));
    const remainder = c.let(w.zeroExtend(signed ? w.remS(wide, by) : w.remU(wide, by), size));
    const low = w.zeroExtend(quotient, size);
    if (size === 1) {
      c.setRegister(Gpr.RAX, 2, w.or(low, w.shl(remainder, w.i64(8))));
    } else {
      c.setRegister(Gpr.RAX, size, low);
      c.setRegister(Gpr.RDX, size, remainder);
    }
  });
}

/** 128 by 64 bits: in wasm while the high half only extends the low one, which compilers see to; else by a helper. */
function divide64(c: Context, divisor: Value, signed: boolean): void {
  const low = c.let(c.register(Gpr.RAX, 8));
  const high = c.let(c.register(Gpr.RDX, 8));
  const narrow = signed
    ? w.and(w.eq(high, w.shrS(low, w.i64(63))), w.or(w.ne(low, w.i64(-(1n << 63n))), w.ne(divisor, w.i64(-1))))
    : w.isZero(high);
  c.if(
    narrow,
    () => {
      c.setRegister(Gpr.RAX, 8, signed ? w.divS(low, divisor) : w.divU(low, divisor));
      c.setRegister(Gpr.RDX, 8, signed ? w.remS(low, divisor) : w.remU(low, divisor));
    },
    () => {
      c.if(w.isZero(c.divideWide(divisor, signed)), () => c.raise(DIVIDE_ERROR));
    },
  );
}

export const multiply: readonly Definition[] = [
  multiplyAccumulator('MUL', false),
  multiplyAccumulator('IMUL', true),
  define('IMUL', forms(['r rm'], WORD_SIZES), (c, [destination, source]) => {
    const b = c.read(source);
    multiplyInto(c, destination, c.read(destination), b);
  }),
  define('IMUL', forms(['r rm i'], WORD_SIZES), (c, [destination, source, factor]) => {
    multiplyInto(c, destination, c.read(source), c.read(factor));
  }),
  define('MULX', forms(['r r rm'], [4, 8]), (c, [highDestination, lowDestination, source]) => {
    const { size } = source;
    const b = c.read(source);
    const { low, high } = product(c, c.let(c.register(Gpr.RDX, size)), b, size, false);
    // With both destinations the same register, it receives the high half.
    c.write(lowDestination, low);
    c.write(highDestination, high);
  }),
  divide('DIV'),
  divide('IDIV'),
];
