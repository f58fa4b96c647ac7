/** Binary arithmetic and logic (SDM vol. 1, sections 5.1.2 and 5.1.4). */
import * as w from '../../wasm/expression';
import type { Value } from '../../wasm/expression';
import { Gpr } from '../instruction';
import type { Context, OperandRef, Size } from './context';
import { define, forms, type Definition } from './definition';

/** #GP, of which the error code is 0 here. */
const GENERAL_PROTECTION = 13;

const TWO_OPERANDS = ['r rm', 'm r', 'r i', 'm i'];

/** result, cut to the operand size. */
type Operation = (c: Context, a: Value, b: Value) => Value;
type SetFlags = (c: Context, size: Size, a: Value, b: Value, result: Value) => void;

function arithmetic(mnemonic: string, operation: Operation, setFlags: SetFlags): Definition {
  return define(mnemonic, forms(TWO_OPERANDS), (c, [destination, source]) => {
    const { size } = destination;
    const b = c.read(source);
    let a = b;
    let result = b;
    c.modify(destination, (old) => {
      a = old;
      result = c.let(w.zeroExtend(operation(c, old, b), size));
      return result;
    });
    setFlags(c, size, a, b, result);
  });
}

/** Like `arithmetic`, but only for the flags. */
function comparison(mnemonic: string, patterns: string[], operation: Operation, setFlags: SetFlags): Definition {
  return define(mnemonic, forms(patterns), (c, [first, second]) => {
    const { size } = first;
    const b = c.read(second);
    const a = c.read(first);
    setFlags(c, size, a, b, c.let(w.zeroExtend(operation(c, a, b), size)));
  });
}

const sum: SetFlags = (c, size, a, b, result) => c.flags.addition(size, a, b, result);
const difference: SetFlags = (c, size, a, b, result) => c.flags.subtraction(size, a, b, result);
const differenceWithBorrow: SetFlags = (c, size, a, b, result) => c.flags.subtraction(size, a, b, result, false);
const logic: SetFlags = (c, size, _a, _b, result) => c.flags.logic(size, result);

function step(mnemonic: 'INC' | 'DEC'): Definition {
  const down = mnemonic === 'DEC';
  return define(mnemonic, forms(['rm']), (c, [operand]) => {
    const { size } = operand;
    let before = w.i64(0);
    let after = w.i64(0);
    c.modify(operand, (old) => {
      before = old;
      after = c.let(w.zeroExtend((down ? w.sub : w.add)(old, w.i64(1)), size));
      return after;
    });
    c.flags.increment(size, before, after, down);
  });
}

/** ADCX and ADOX: an addition that uses and sets only CF, or only OF. */
function addWithOneFlag(mnemonic: 'ADCX' | 'ADOX'): Definition {
  return define(mnemonic, forms(['r rm'], [4, 8]), (c, [destination, source]) => {
    const { size } = destination;
    const b = c.read(source);
    const a = c.read(destination);
    const overflow = c.let(c.flags.overflow());
    const carryFlag = c.let(c.flags.carry());
    const carryIn = mnemonic === 'ADCX' ? carryFlag : overflow;
    const result = c.let(w.zeroExtend(w.add(w.add(a, b), carryIn), size));
    const vector = w.or(w.and(a, b), w.and(w.or(a, b), w.not(result)));
    const carryOut = c.let(w.and(w.shrU(vector, w.i64(8 * size - 1)), w.i64(1)));
    c.write(destination, result);
    if (mnemonic === 'ADCX') c.flags.rotated(carryOut, overflow);
    else c.flags.rotated(carryFlag, carryOut);
  });
}

/**
 * CMPXCHG: compares the accumulator with the destination. Memory is written in any case (SDM vol. 2); of registers only
 * the one that receives a value is, which for 32 bits shows in the upper half.
 */
function compareExchange(c: Context, [destination, source]: readonly OperandRef[]): void {
  const { size } = destination;
  const replacement = c.read(source);
  const accumulator = c.let(c.register(Gpr.RAX, size));
  let found = replacement;
  if (destination.kind === 'register') {
    found = c.read(destination);
    c.if(w.eq(found, accumulator), () => c.write(destination, replacement));
  } else {
    c.modify(destination, (old) => {
      found = old;
      return w.select(w.eq(old, accumulator), replacement, old);
    });
  }
  c.if(w.ne(found, accumulator), () => c.setRegister(Gpr.RAX, size, found));
  c.flags.subtraction(size, accumulator, found, c.let(w.zeroExtend(w.sub(accumulator, found), size)));
}

/** ZF alone: set if the i32 `equal` is. */
function setZero(c: Context, equal: Value): void {
  const zf = w.i64(1 << 6);
  c.flags.setAll(w.or(w.and(c.flags.all(), w.not(zf)), w.select(equal, zf, w.i64(0))));
}

/** CMPXCHG8B: only ZF changes. */
function compareExchange8(c: Context, place: OperandRef): void {
  const pair = (high: Gpr, low: Gpr): Value => w.or(w.shl(c.register(high, 4), w.i64(32)), c.register(low, 4));
  const expected = c.let(pair(Gpr.RDX, Gpr.RAX));
  let found = expected;
  c.modify(place, (old) => {
    found = old;
    return w.select(w.eq(old, expected), pair(Gpr.RCX, Gpr.RBX), old);
  });
  const equal = c.let(w.eq(found, expected));
  c.if(w.isZero(equal), () => {
    c.setRegister(Gpr.RAX, 4, w.zeroExtend(found, 4));
    c.setRegister(Gpr.RDX, 4, w.shrU(found, w.i64(32)));
  });
  setZero(c, equal);
}

/** CMPXCHG16B: the operand must be aligned; only ZF changes. */
function compareExchange16(c: Context, place: OperandRef): void {
  const low = c.address(place);
  c.if(w.ne(w.and(low, w.i64(15)), w.i64(0)), () => c.raise(GENERAL_PROTECTION));
  const high = c.let(w.add(low, w.i64(8)));
  // Both halves are found writable before either is written.
  const oldLow = c.let(w.load64(c.prepareWrite(low, 8), 0, 8));
  const oldHigh = c.let(w.load64(c.prepareWrite(high, 8), 0, 8));
  const equal = c.let(w.and(w.eq(oldLow, c.register(Gpr.RAX, 8)), w.eq(oldHigh, c.register(Gpr.RDX, 8))));
  c.store(high, 8, w.select(equal, c.register(Gpr.RCX, 8), oldHigh));
  c.store(low, 8, w.select(equal, c.register(Gpr.RBX, 8), oldLow));
  c.if(w.isZero(equal), () => {
    c.setRegister(Gpr.RAX, 8, oldLow);
    c.setRegister(Gpr.RDX, 8, oldHigh);
  });
  setZero(c, equal);
}

export const integer: readonly Definition[] = [
  arithmetic('ADD', (_c, a, b) => w.add(a, b), sum),
  arithmetic('ADC', (c, a, b) => w.add(w.add(a, b), c.flags.carry()), sum),
  arithmetic('SUB', (_c, a, b) => w.sub(a, b), difference),
  arithmetic('SBB', (c, a, b) => w.sub(w.sub(a, b), c.flags.carry()), differenceWithBorrow),
  arithmetic('AND', (_c, a, b) => w.and(a, b), logic),
  arithmetic('OR', (_c, a, b) => w.or(a, b), logic),
  arithmetic('XOR', (_c, a, b) => w.xor(a, b), logic),
  comparison('CMP', ['r rm', 'm r', 'r i', 'm i'], (_c, a, b) => w.sub(a, b), difference),
  comparison('TEST', ['rm r', 'rm i'], (_c, a, b) => w.and(a, b), logic),
  step('INC'),
  step('DEC'),
  define('NOT', forms(['rm']), (c, [operand]) => {
    c.modify(operand, (old) => w.zeroExtend(w.not(old), operand.size));
  }),
  define('NEG', forms(['rm']), (c, [operand]) => {
    const { size } = operand;
    let before = w.i64(0);
    let after = w.i64(0);
    c.modify(operand, (old) => {
      before = old;
      after = c.let(w.zeroExtend(w.sub(w.i64(0), old), size));
      return after;
    });
    c.flags.subtraction(size, w.i64(0), before, after);
  }),
  define('XADD', forms(['rm r']), (c, [destination, source]) => {
    const { size } = destination;
    const b = c.read(source);
    if (destination.kind === 'register') {
      const a = c.read(destination);
      const result = c.let(w.zeroExtend(w.add(a, b), size));
      c.write(source, a);
      c.write(destination, result);
      c.flags.addition(size, a, b, result);
      return;
    }
    c.modify(destination, (old) => {
      const result = c.let(w.zeroExtend(w.add(old, b), size));
      c.write(source, old);
      c.flags.addition(size, old, b, result);
      return result;
    });
  }),
  define('CMPXCHG', forms(['rm r']), compareExchange),
  define('CMPXCHG8B', forms(['m8']), (c, [place]) => compareExchange8(c, place)),
  define('CMPXCHG16B', [[{ kind: 'm128', size: 8 }]], (c, [place]) => compareExchange16(c, place)),
  addWithOneFlag('ADCX'),
  addWithOneFlag('ADOX'),
];
