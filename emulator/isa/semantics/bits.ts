/** Bit and byte instructions (SDM vol. 1, sections 5.1.6, 5.1.16 and 5.26), CRC32 among them. */
import * as w from '../../wasm/expression';
import type { Value } from '../../wasm/expression';
import type { Context, OperandRef, Size } from './context';
import { WORD_SIZES, define, forms, type Definition } from './definition';

const ONE = w.i64(1);

type BitChange = (old: Value, mask: Value) => Value;

/**
 * BT, BTS, BTR, BTC. With a memory operand and a register offset, the offset reaches beyond the operand: it is signed and
 * counts from the operand's address (SDM vol. 2, section 3.1.1.9).
 */
function bitTest(mnemonic: string, change: BitChange | undefined): Definition[] {
  const withCarry = (c: Context, value: Value, offset: Value, size: Size): Value => {
    const index = c.let(w.and(offset, w.i64(8 * size - 1)));
    c.flags.setCarry(w.and(w.shrU(value, index), ONE));
    return change ? w.zeroExtend(change(value, c.let(w.shl(ONE, index))), size) : value;
  };
  const within = define(mnemonic, forms(['r r', 'rm i'], WORD_SIZES), (c, [base, offsetOperand]) => {
    const offset = c.read(offsetOperand);
    if (change) c.modify(base, (old) => withCarry(c, old, offset, base.size));
    else withCarry(c, c.read(base), offset, base.size);
  });
  const beyond = define(
    mnemonic,
    forms(['m r'], WORD_SIZES),
    (c, [base, offsetOperand], variant) => {
      const { size } = base;
      const offset = c.read(offsetOperand);
      const element = w.shrS(w.signExtend(offset, size), w.i64(Math.log2(8 * size)));
      const delta = c.let(w.mul(element, w.i64(size)));
      const va = c.displacedAddress(c.address(base), delta, variant, size, change !== undefined);
      if (change) c.modifyAt(va, size, (old) => withCarry(c, old, offset, size));
      else withCarry(c, c.load(va, size), offset, size);
    },
    { traits: ['segmentation', 'addressSize'] },
  );
  return [within, beyond];
}

/** BSF and BSR: a zero source sets ZF and leaves the destination, as all processors do. */
function bitScan(mnemonic: 'BSF' | 'BSR'): Definition {
  return define(mnemonic, forms(['r rm'], WORD_SIZES), (c, [destination, source]) => {
    const value = c.read(source);
    const found = mnemonic === 'BSF' ? w.ctz(value) : w.sub(w.i64(63), w.clz(value));
    c.if(w.ne(value, w.i64(0)), () => c.write(destination, found));
    c.flags.logic(source.size, value);
  });
}

/** TZCNT and LZCNT: CF tells a zero source, ZF a zero result. */
function countZeros(mnemonic: 'TZCNT' | 'LZCNT'): Definition {
  return define(mnemonic, forms(['r rm'], WORD_SIZES), (c, [destination, source]) => {
    const { size } = source;
    const bits = 8 * size;
    const value = c.read(source);
    let count: Value;
    if (mnemonic === 'LZCNT') count = w.sub(w.clz(value), w.i64(64 - bits));
    else count = size === 8 ? w.ctz(value) : w.ctz(w.or(value, w.i64(1n << BigInt(bits))));
    const result = c.let(count);
    c.write(destination, result);
    c.flags.shifted(size, result, c.let(w.extendU(w.isZero(value))), w.i64(0));
  });
}

/** BLSR, BLSMSK, BLSI: CF from the source, SF and ZF from the result. */
function lowestBit(mnemonic: string, operation: (value: Value) => Value, carryIfZero: boolean): Definition {
  return define(mnemonic, forms(['r rm'], [4, 8]), (c, [destination, source]) => {
    const { size } = source;
    const value = c.read(source);
    const result = c.let(w.zeroExtend(operation(value), size));
    c.write(destination, result);
    const carry = carryIfZero ? w.isZero(value) : w.ne(value, w.i64(0));
    c.flags.shifted(size, result, c.let(w.extendU(carry)), w.i64(0));
  });
}

/** PDEP and PEXT walk the bits of the mask from the lowest. */
function scatterOrGather(mnemonic: 'PDEP' | 'PEXT'): Definition {
  return define(mnemonic, forms(['r r rm'], [4, 8]), (c, [destination, first, second]) => {
    const mask = c.f.slot(w.i64(0).type);
    c.f.set(mask, c.read(second));
    const source = c.read(first);
    const result = c.f.slot(mask.type);
    const place = c.f.slot(mask.type);
    c.f.set(result, w.i64(0));
    c.f.set(place, w.i64(0));
    c.f.block((done) => {
      c.loop((again) => {
        c.f.branchIf(w.isZero(mask), done);
        const lowest = c.let(w.ctz(mask));
        const [from, to] = mnemonic === 'PDEP' ? [place, lowest] : [lowest, place];
        c.f.set(result, w.or(result, w.shl(w.and(w.shrU(source, from), ONE), to)));
        c.f.set(place, w.add(place, ONE));
        c.f.set(mask, w.and(mask, w.sub(mask, ONE)));
        c.f.branch(again);
      });
    });
    c.write(destination, result);
  });
}

/** BZHI and BEXTR cut a field of bits; `mask` is ones below `length`, all ones from 64 on. */
function lowBits(length: Value): Value {
  const ones = w.sub(w.shl(ONE, length), ONE);
  return w.select(w.gtU(length, w.i64(63)), w.i64(-1), ones);
}

function extractField(c: Context, [destination, source, control]: readonly OperandRef[]): void {
  const { size } = source;
  const value = c.read(source);
  const fields = c.read(control);
  const start = c.let(w.and(fields, w.i64(0xff)));
  const length = c.let(w.and(w.shrU(fields, w.i64(8)), w.i64(0xff)));
  const shifted = w.select(w.gtU(start, w.i64(63)), w.i64(0), w.shrU(value, start));
  const result = c.let(w.and(shifted, lowBits(length)));
  c.write(destination, result);
  c.flags.logic(size, result);
}

function zeroHighBits(c: Context, [destination, source, control]: readonly OperandRef[]): void {
  const { size } = source;
  const value = c.read(source);
  const length = c.let(w.and(c.read(control), w.i64(0xff)));
  const result = c.let(w.and(value, lowBits(length)));
  c.write(destination, result);
  c.flags.shifted(size, result, c.let(w.extendU(w.gtU(length, w.i64(8 * size - 1)))), w.i64(0));
}

/** The Castagnoli polynomial, bits reversed (SDM vol. 2, CRC32). */
const CRC32C = 0x82f63b78;

function crc32(c: Context, destination: OperandRef, source: OperandRef): void {
  const data = c.read(source);
  const remainder = c.f.slot(data.type);
  const left = c.f.slot(data.type);
  c.f.set(remainder, w.xor(w.zeroExtend(c.read(destination), 4), data));
  c.f.set(left, w.i64(8 * source.size));
  c.loop((again) => {
    const polynomial = w.select(w.wrap(w.and(remainder, ONE)), w.i64(CRC32C), w.i64(0));
    c.f.set(remainder, w.xor(w.shrU(remainder, ONE), polynomial));
    c.f.set(left, w.sub(left, ONE));
    c.f.branchIf(w.ne(left, w.i64(0)), again);
  });
  c.write(destination, remainder);
}

export const bits: readonly Definition[] = [
  ...bitTest('BT', undefined),
  ...bitTest('BTS', (old, mask) => w.or(old, mask)),
  ...bitTest('BTR', (old, mask) => w.and(old, w.not(mask))),
  ...bitTest('BTC', (old, mask) => w.xor(old, mask)),
  bitScan('BSF'),
  bitScan('BSR'),
  countZeros('TZCNT'),
  countZeros('LZCNT'),
  define('POPCNT', forms(['r rm'], WORD_SIZES), (c, [destination, source]) => {
    const value = c.read(source);
    c.write(destination, w.popcnt(value));
    c.flags.logic(source.size, value);
    // Everything but ZF is cleared, and the source is zero exactly when the count is.
    c.flags.setAll(w.and(c.flags.all(), w.i64(1 << 6)));
  }),
  define('ANDN', forms(['r r rm'], [4, 8]), (c, [destination, inverted, source]) => {
    const b = c.read(source);
    const result = c.let(w.and(w.not(c.read(inverted)), b));
    c.write(destination, result);
    c.flags.logic(source.size, result);
  }),
  lowestBit('BLSR', (value) => w.and(value, w.sub(value, ONE)), true),
  lowestBit('BLSMSK', (value) => w.xor(value, w.sub(value, ONE)), true),
  lowestBit('BLSI', (value) => w.and(value, w.sub(w.i64(0), value)), false),
  define('BEXTR', forms(['r rm r'], [4, 8]), extractField),
  define('BZHI', forms(['r rm r'], [4, 8]), zeroHighBits),
  scatterOrGather('PDEP'),
  scatterOrGather('PEXT'),
  define('CRC32', forms(['r4 rm', 'r8 rm1', 'r8 rm8']), (c, [destination, source]) => {
    crc32(c, destination, source);
  }),
];
