/**
 * Shifts and rotates (SDM vol. 2: SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD, and the BMI2 forms without flags). OF is
 * defined for a count of 1 only; it is worked out by the same rule for all counts.
 */
import * as w from '../../wasm/expression';
import type { Value } from '../../wasm/expression';
import type { Context, OperandRef, Size } from './context';
import { SHIFT_BY_0, WORD_SIZES, define, forms, type Definition } from './definition';

const ONE = w.i64(1);

function maskedCount(c: Context, count: OperandRef, size: Size): Value {
  return c.let(w.and(c.read(count), w.i64(size === 8 ? 63 : 31)));
}

/** i32: whether a masked count moves anything. Immediate counts of 0 are described apart (`SHIFT_BY_0`). */
function notZero(count: Value, operand: OperandRef): Value {
  return operand.kind === 'immediate' ? w.i32(1) : w.ne(count, w.i64(0));
}

/** Bit `index` (0..63) of `value` as i64 zero or one. */
function bit(value: Value, index: Value): Value {
  return w.and(w.shrU(value, index), ONE);
}

function topBit(value: Value, size: Size): Value {
  return w.and(w.shrU(value, w.i64(8 * size - 1)), ONE);
}

interface Shifted {
  readonly result: Value;
  readonly carry: Value;
  readonly overflow: Value;
}

/** Works out result and flags for a count that is not zero. */
type Shift = (c: Context, value: Value, count: Value, size: Size) => Shifted;

const shiftLeft: Shift = (c, value, count, size) => {
  const result = c.let(w.zeroExtend(w.shl(value, count), size));
  // The last bit out is bit (width - count); for counts beyond the width (8 and 16 bits) it is 0.
  const carry =
    size === 8 ? bit(value, w.sub(w.i64(64), count)) : c.let(w.and(w.shrU(w.shl(value, count), w.i64(8 * size)), ONE));
  const held = c.let(carry);
  return { result, carry: held, overflow: w.xor(topBit(result, size), held) };
};

const shiftRight: Shift = (c, value, count, size) => {
  const result = c.let(w.shrU(value, count));
  return { result, carry: bit(value, w.sub(count, ONE)), overflow: topBit(value, size) };
};

const shiftRightArithmetic: Shift = (c, value, count, size) => {
  const signed = c.let(w.signExtend(value, size));
  const result = c.let(w.zeroExtend(w.shrS(signed, count), size));
  return { result, carry: w.and(w.shrS(signed, w.sub(count, ONE)), ONE), overflow: w.i64(0) };
};

function shift(mnemonic: string, operation: Shift): Definition {
  return define(mnemonic, forms(['rm i', 'rm r1']), (c, [destination, countOperand]) => {
    const { size } = destination;
    const count = maskedCount(c, countOperand, size);
    const moves = notZero(count, countOperand);
    c.modify(destination, (old) => {
      const { result, carry, overflow } = operation(c, old, count, size);
      const [heldCarry, heldOverflow] = [c.let(carry), c.let(overflow)];
      const value = c.let(w.select(moves, result, old));
      c.flags.when(moves, () => c.flags.shifted(size, value, heldCarry, heldOverflow));
      return value;
    });
  });
}

/** ROL and ROR: the count is taken modulo the width; CF and OF change if the masked count is not zero. */
function rotate(mnemonic: 'ROL' | 'ROR'): Definition {
  const left = mnemonic === 'ROL';
  return define(mnemonic, forms(['rm i', 'rm r1']), (c, [destination, countOperand]) => {
    const { size } = destination;
    const count = maskedCount(c, countOperand, size);
    c.modify(destination, (old) => {
      let result: Value;
      if (size === 8) {
        result = (left ? w.rotl : w.rotr)(old, count);
      } else {
        const bits = 8 * size;
        const by = c.let(w.and(count, w.i64(bits - 1)));
        const back = w.and(w.sub(w.i64(bits), by), w.i64(bits - 1));
        const [leftBy, rightBy] = left ? [by, back] : [back, by];
        result = w.zeroExtend(w.or(w.shl(old, leftBy), w.shrU(old, rightBy)), size);
      }
      const value = c.let(result);
      const top = c.let(topBit(value, size));
      const carry = c.let(left ? w.and(value, ONE) : top);
      const overflow = c.let(w.xor(top, left ? carry : bit(value, w.i64(8 * size - 2))));
      c.flags.when(notZero(count, countOperand), () => c.flags.rotated(carry, overflow));
      return value;
    });
  });
}

/** RCL and RCR: a rotation of width + 1 bits through CF, worked out one bit at a time as the manual does. */
function rotateThroughCarry(mnemonic: 'RCL' | 'RCR'): Definition {
  const left = mnemonic === 'RCL';
  return define(mnemonic, forms(['rm i', 'rm r1']), (c, [destination, countOperand]) => {
    const { size } = destination;
    const bits = 8 * size;
    let count = maskedCount(c, countOperand, size);
    if (size < 4) count = c.let(w.remU(count, w.i64(bits + 1)));
    c.modify(destination, (old) => {
      const value = c.f.slot(old.type);
      const carry = c.f.slot(old.type);
      const left1 = c.f.slot(old.type);
      c.f.set(value, old);
      c.f.set(carry, c.flags.carry());
      c.f.set(left1, count);
      c.f.block((done) => {
        c.loop((again) => {
          c.f.branchIf(w.isZero(left1), done);
          const out = c.let(left ? topBit(value, size) : w.and(value, ONE));
          c.f.set(
            value,
            left
              ? w.or(w.zeroExtend(w.shl(value, ONE), size), carry)
              : w.or(w.shrU(value, ONE), w.shl(carry, w.i64(bits - 1))),
          );
          c.f.set(carry, out);
          c.f.set(left1, w.sub(left1, ONE));
          c.f.branch(again);
        });
      });
      const top = topBit(value, size);
      const overflow = c.let(w.xor(top, left ? carry : bit(value, w.i64(bits - 2))));
      c.flags.when(w.ne(count, w.i64(0)), () => c.flags.rotated(carry, overflow));
      return value;
    });
  });
}

/** SHLD and SHRD; for 16 bits a count above 16 leaves everything undefined, and here what the double shift gives. */
function doubleShift(mnemonic: 'SHLD' | 'SHRD'): Definition {
  const left = mnemonic === 'SHLD';
  return define(mnemonic, forms(['rm r i', 'rm r r1'], WORD_SIZES), (c, [destination, filler, countOperand]) => {
    const { size } = destination;
    const bits = 8 * size;
    const count = maskedCount(c, countOperand, size);
    const moves = notZero(count, countOperand);
    const fill = c.read(filler);
    c.modify(destination, (old) => {
      const back = c.let(w.sub(w.i64(bits), count));
      const shifted = left ? w.or(w.shl(old, count), w.shrU(fill, back)) : w.or(w.shrU(old, count), w.shl(fill, back));
      const result = c.let(w.zeroExtend(shifted, size));
      const carry = c.let(left ? bit(old, back) : bit(old, w.sub(count, ONE)));
      const value = c.let(w.select(moves, result, old));
      const overflow = c.let(w.xor(topBit(value, size), topBit(old, size)));
      c.flags.when(moves, () => c.flags.shifted(size, value, carry, overflow));
      return value;
    });
  });
}

/** SHLX, SHRX and SARX: three operands, no flags. */
function shiftWithoutFlags(
  mnemonic: string,
  operation: (c: Context, a: Value, n: Value, size: Size) => Value,
): Definition {
  return define(mnemonic, forms(['r rm r'], [4, 8]), (c, [destination, source, countOperand]) => {
    const { size } = destination;
    const value = c.read(source);
    const count = c.let(w.and(c.read(countOperand), w.i64(size === 8 ? 63 : 31)));
    c.write(destination, w.zeroExtend(operation(c, value, count, size), size));
  });
}

export const shifts: readonly Definition[] = [
  // The destination is written all the same: its page must be writable, and a 32-bit register loses its upper half.
  define(SHIFT_BY_0, forms(['rm']), (c, [destination]) => c.modify(destination, (old) => old)),
  shift('SHL', shiftLeft),
  shift('SHR', shiftRight),
  shift('SAR', shiftRightArithmetic),
  rotate('ROL'),
  rotate('ROR'),
  rotateThroughCarry('RCL'),
  rotateThroughCarry('RCR'),
  doubleShift('SHLD'),
  doubleShift('SHRD'),
  shiftWithoutFlags('SHLX', (_c, value, count) => w.shl(value, count)),
  shiftWithoutFlags('SHRX', (_c, value, count) => w.shrU(value, count)),
  shiftWithoutFlags('SARX', (_c, value, count, size) => w.shrS(w.signExtend(value, size), count)),
  define('RORX', forms(['r rm i'], [4, 8]), (c, [destination, source, countOperand]) => {
    const { size } = destination;
    const value = c.read(source);
    const count = c.let(w.and(c.read(countOperand), w.i64(8 * size - 1)));
    const rotated =
      size === 8 ? w.rotr(value, count) : w.or(w.shrU(value, count), w.shl(value, w.sub(w.i64(32), count)));
    c.write(destination, w.zeroExtend(rotated, size));
  }),
];
