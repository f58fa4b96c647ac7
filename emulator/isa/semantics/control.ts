/** Near control transfers and flag control (SDM vol. 1, sections 5.1.7 and 5.1.11). */
import * as w from '../../wasm/expression';
import type { Value } from '../../wasm/expression';
import { CANONICAL_SHIFT } from '../../engine/layout';
import { Gpr } from '../instruction';
import type { Context, Size } from './context';
import { WORD_SIZES, define, forms, type Definition } from './definition';
import { pop, push } from './stack';

/** LOOP, LOOPE, LOOPNE: the count register has the address size. */
function loop(mnemonic: string, condition: ((c: Context) => Value) | undefined): Definition {
  return define(
    mnemonic,
    forms(['']),
    (c, _operands, { addressSize }) => {
      const count = c.let(w.zeroExtend(w.sub(c.register(Gpr.RCX, addressSize), w.i64(1)), addressSize));
      c.setRegister(Gpr.RCX, addressSize, count);
      const more = w.ne(count, w.i64(0));
      c.jumpIf(condition ? w.and(more, condition(c)) : more);
    },
    { traits: ['addressSize'], transfer: true },
  );
}

/** i32 truth: an address (evaluated) is canonical with 48 bits. */
export function isCanonical48(address: Value): Value {
  const shift = w.i64(EXTENSION_BITS_48);
  return w.eq(w.shrS(w.shl(address, shift), shift), address);
}

/**
 * #GP(0) if an address to go on at, `size` bytes wide, is not canonical: 8 bytes only exist in 64-bit mode. What is
 * canonical with 48 bits is so with 57; only beyond that does it matter how many there are.
 */
function requireCanonical(c: Context, address: Value, size: Size): Value {
  if (size < 8) return address;
  const extended = (shift: Value): Value => w.shrS(w.shl(address, shift), shift);
  c.if(w.isZero(isCanonical48(address)), () => {
    const shift = c.let(w.load64(w.i32(0), CANONICAL_SHIFT, 8));
    c.if(w.ne(extended(shift), address), () => c.raise(GENERAL_PROTECTION));
  });
  return address;
}

/** Bits above those of a 48-bit address. */
const EXTENSION_BITS_48 = 16;

const GENERAL_PROTECTION = 13;
const ZERO_CONDITION = 4;

function changeFlag(mnemonic: string, emit: (c: Context) => void): Definition {
  return define(mnemonic, forms(['']), (c) => emit(c));
}

const DF = 1 << 10;
/** The flags LAHF and SAHF move: SF ZF AF PF CF. */
const LOW_FLAGS = 0xd5;
const OVERFLOW = 1 << 11;

export const control: readonly Definition[] = [
  define('JMP', forms(['']), (c) => c.jump(), { transfer: true }),
  define(
    'JMP',
    forms(['rm'], WORD_SIZES),
    (c, [target]) => c.jumpTo(requireCanonical(c, c.read(target), target.size)),
    {
      transfer: true,
    },
  ),
  define('Jcc', forms(['']), (c, _operands, { condition }) => c.jumpIf(c.flags.condition(condition)), {
    traits: ['condition'],
    transfer: true,
  }),
  define('JCXZ', forms(['']), (c, _operands, { addressSize }) => c.jumpIf(w.isZero(c.register(Gpr.RCX, addressSize))), {
    traits: ['addressSize'],
    transfer: true,
  }),
  loop('LOOP', undefined),
  loop('LOOPE', (c) => c.flags.condition(ZERO_CONDITION)),
  loop('LOOPNE', (c) => c.flags.condition(ZERO_CONDITION | 1)),
  define(
    'CALL',
    forms(['']),
    (c, _operands, { operandSize }) => {
      push(c, operandSize, c.nextAddress());
      c.jump();
    },
    { traits: ['segmentation', 'operandSize'], operandSizes: WORD_SIZES, transfer: true },
  ),
  define(
    'CALL',
    forms(['rm'], WORD_SIZES),
    (c, [target]) => {
      const address = requireCanonical(c, c.read(target), target.size);
      push(c, target.size, c.nextAddress());
      c.jumpTo(address);
    },
    { traits: ['segmentation'], transfer: true },
  ),
  ...['', 'i'].map((form) =>
    define(
      'RET',
      forms([form]),
      (c, [extra], { operandSize }) => {
        const { value, release } = extra ? pop(c, operandSize, c.read(extra)) : pop(c, operandSize);
        requireCanonical(c, value, operandSize);
        release();
        c.jumpTo(value);
      },
      { traits: ['segmentation', 'operandSize'], operandSizes: WORD_SIZES, transfer: true },
    ),
  ),
  changeFlag('CLC', (c) => c.flags.setCarry(w.i64(0))),
  changeFlag('STC', (c) => c.flags.setCarry(w.i64(1))),
  changeFlag('CMC', (c) => c.flags.setCarry(c.let(w.xor(c.flags.carry(), w.i64(1))))),
  changeFlag('CLD', (c) => c.setOtherFlags(w.and(c.otherFlags(), w.i32(~DF)))),
  changeFlag('STD', (c) => c.setOtherFlags(w.or(c.otherFlags(), w.i32(DF)))),
  changeFlag('LAHF', (c) => {
    const image = w.or(w.and(c.flags.all(), w.i64(LOW_FLAGS)), w.i64(2));
    const others = w.and(c.register(Gpr.RAX, 2), w.i64(0xff));
    c.setRegister(Gpr.RAX, 2, w.or(w.shl(image, w.i64(8)), others));
  }),
  changeFlag('SAHF', (c) => {
    const image = w.and(w.shrU(c.register(Gpr.RAX, 2), w.i64(8)), w.i64(LOW_FLAGS));
    c.flags.setAll(w.or(w.and(c.flags.all(), w.i64(OVERFLOW)), image));
  }),
];
