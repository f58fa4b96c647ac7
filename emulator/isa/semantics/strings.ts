/**
 * String instructions (SDM vol. 2, and vol. 1 section 7.3.9): one iteration is written once; REP wraps it in a loop that
 * leaves RCX, RSI and RDI exact after each iteration, so a fault or an interrupt between two of them is restartable.
 */
import * as w from '../../wasm/expression';
import type { Value } from '../../wasm/expression';
import { Gpr, Seg } from '../instruction';
import type { Context, Size } from './context';
import { define, forms, type Definition, type Trait, type Variant } from './definition';
import { ValueType } from '../../wasm/types';

const DF = 1 << 10;
/** After so many iterations a repeated instruction goes back to the engine, so that a pause is never far away. */
const ITERATIONS_PER_VISIT = 1 << 16;

/** +size or -size by the direction flag. */
function stride(c: Context, size: Size): Value {
  return c.let(w.select(w.and(c.otherFlags(), w.i32(DF)), w.i64(-size), w.i64(size)));
}

function sourceAddress(c: Context, { addressSize, segmentation, operandSize }: Variant): Value {
  const offset = c.register(Gpr.RSI, addressSize);
  if (segmentation === 'checked') return c.checkedAddress(c.sourceSegment(), offset, operandSize, false);
  return c.let(w.add(offset, c.sourceBase()));
}

function destinationAddress(c: Context, variant: Variant, write: boolean): Value {
  const offset = c.let(c.register(Gpr.RDI, variant.addressSize));
  return variant.segmentation === 'checked'
    ? c.checkedAddress(w.i32(Seg.ES), offset, variant.operandSize, write)
    : offset;
}

function advance(c: Context, register: Gpr, { addressSize }: Variant, by: Value): void {
  c.setRegister(register, addressSize, w.zeroExtend(w.add(c.register(register, addressSize), by), addressSize));
}

/** One iteration; all faults come before any effect. */
type Iteration = (c: Context, variant: Variant) => void;

const iterations: Record<string, Iteration> = {
  MOVS: (c, variant) => {
    const size = variant.operandSize;
    const value = c.load(sourceAddress(c, variant), size);
    c.store(destinationAddress(c, variant, true), size, value);
    const by = stride(c, size);
    advance(c, Gpr.RSI, variant, by);
    advance(c, Gpr.RDI, variant, by);
  },
  STOS: (c, variant) => {
    const size = variant.operandSize;
    c.store(destinationAddress(c, variant, true), size, c.register(Gpr.RAX, size));
    advance(c, Gpr.RDI, variant, stride(c, size));
  },
  LODS: (c, variant) => {
    const size = variant.operandSize;
    const value = c.load(sourceAddress(c, variant), size);
    c.setRegister(Gpr.RAX, size, value);
    advance(c, Gpr.RSI, variant, stride(c, size));
  },
  CMPS: (c, variant) => {
    const size = variant.operandSize;
    const a = c.load(sourceAddress(c, variant), size);
    const b = c.load(destinationAddress(c, variant, false), size);
    const by = stride(c, size);
    advance(c, Gpr.RSI, variant, by);
    advance(c, Gpr.RDI, variant, by);
    c.flags.subtraction(size, a, b, c.let(w.zeroExtend(w.sub(a, b), size)));
  },
  SCAS: (c, variant) => {
    const size = variant.operandSize;
    const b = c.load(destinationAddress(c, variant, false), size);
    const a = c.let(c.register(Gpr.RAX, size));
    advance(c, Gpr.RDI, variant, stride(c, size));
    c.flags.subtraction(size, a, b, c.let(w.zeroExtend(w.sub(a, b), size)));
  },
};

/** The instructions described here: their operands are implied by segments, RSI and RDI. */
export const STRING_MNEMONICS: ReadonlySet<string> = new Set(Object.keys(iterations));

const COMPARES = new Set(['CMPS', 'SCAS']);
const BULK = new Set(['MOVS', 'STOS']);
const ZERO_CONDITION = 4;

function repeat(c: Context, mnemonic: string, variant: Variant): void {
  const { addressSize } = variant;
  const visits = c.f.slot(ValueType.I32);
  c.f.set(visits, w.i32(ITERATIONS_PER_VISIT));
  c.joinFlags();
  c.f.block((done) => {
    c.loop((again) => {
      c.f.branchIf(w.isZero(c.register(Gpr.RCX, addressSize)), done);
      const paused = w.and(c.oneIteration(), w.ne(visits, w.i32(ITERATIONS_PER_VISIT)));
      c.if(w.or(paused, w.isZero(visits)), () => c.leaveBetweenIterations());
      c.f.set(visits, w.sub(visits, w.i32(1)));
      if (BULK.has(mnemonic)) {
        const copied = c.let(c.bulkIterations());
        c.if(w.ltS(copied, w.i32(0)), () => c.leave());
        c.f.branchIf(w.gtS(copied, w.i32(0)), again);
      }
      iterations[mnemonic](c, variant);
      const left = w.zeroExtend(w.sub(c.register(Gpr.RCX, addressSize), w.i64(1)), addressSize);
      c.setRegister(Gpr.RCX, addressSize, left);
      if (COMPARES.has(mnemonic)) {
        const goOn = variant.repeat === 'rep' ? ZERO_CONDITION : ZERO_CONDITION | 1;
        const over = c.let(w.isZero(c.flags.condition(goOn)));
        c.joinFlags();
        c.f.branchIf(over, done);
      }
      c.f.branch(again);
    });
  });
}

const TRAITS: readonly Trait[] = ['operandSize', 'addressSize', 'repeat', 'segmentation'];

export const strings: readonly Definition[] = Object.entries(iterations).map(([mnemonic, iteration]) =>
  define(
    mnemonic,
    forms(['']),
    (c, _operands, variant) => {
      if (variant.repeat === 'none') iteration(c, variant);
      else repeat(c, mnemonic, variant);
    },
    { traits: TRAITS },
  ),
);
