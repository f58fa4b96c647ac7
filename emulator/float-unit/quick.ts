/**
 * The same with numbers of JavaScript, many times as fast, for operands and results among which there is no NaN and no
 * infinity: denormal numbers above all, which generated code does not touch. For MXCSR as after reset, whatever its
 * exception flags.
 */
import { FLOAT_OPERAND_BYTES, FLOAT_OPERANDS, FLOAT_RESULT } from '../engine/layout';
import { FloatException } from '../softfloat';
import { Element, FloatCode, type FloatOperation } from './operation';
import { predicateRelations, RelationBit } from './predicates';

/** Bits of MXCSR that decide more than what is noted: masks, RC, DAZ and FTZ; and their values after reset. */
const CONTROL_BITS = 0xffc0;
const CONTROL_INITIAL = 0x1f80;

/** What is left to the exact way: infinities and NaNs are not ordinary numbers. */
const GIVE_UP = NaN;

/** (a, b) -> the result, or GIVE_UP; exceptions, but DE, are added to `raised`. */
type Compute = (a: number, b: number) => number;

let raised = 0;

const LEAST_NORMAL = { single: 2 ** -126, double: 2 ** -1022 } as const;

const finite = (value: number): number => (Number.isFinite(value) ? value : GIVE_UP);

/** What rounding took from a sum, by Knuth. */
function lostOfSum(a: number, b: number, sum: number): number {
  const ofB = sum - a;
  return a - (sum - ofB) + (b - ofB);
}

const SPLITTER = 2 ** 27 + 1;

function upperHalf(value: number): number {
  const scaled = value * SPLITTER;
  return scaled - (scaled - value);
}

/** What rounding took from a product, by Dekker; NaN if an operand is too large. */
function lostOfProduct(a: number, b: number, product: number): number {
  const a1 = upperHalf(a);
  const b1 = upperHalf(b);
  const a2 = a - a1;
  const b2 = b - b1;
  return a1 * b1 - product + a1 * b2 + a2 * b1 + a2 * b2;
}

/** A sum that is denormal is exact. */
function addDoubles(a: number, b: number): number {
  const sum = a + b;
  if (lostOfSum(a, b, sum) !== 0) raised |= FloatException.PRECISION;
  return finite(sum);
}

/** Two roundings, to double and to single precision, make one: a double has more than twice the bits. */
function addSingles(a: number, b: number): number {
  const sum = a + b;
  const result = Math.fround(sum);
  if (result !== sum || lostOfSum(a, b, sum) !== 0) raised |= FloatException.PRECISION;
  return finite(result);
}

/** Notes an inexact product; the smallest normal number may have been rounded up from tininess. */
function inexact(result: number, leastNormal: number): number {
  const size = Math.abs(result);
  if (size === leastNormal) return GIVE_UP;
  raised |= size < leastNormal ? FloatException.PRECISION | FloatException.UNDERFLOW : FloatException.PRECISION;
  return result;
}

/** Products so small are looked at scaled up. */
const SMALL = 2 ** -900;
const SCALE = 2 ** 600;

function multiplyDoubles(a: number, b: number): number {
  const product = a * b;
  if (!Number.isFinite(product)) return GIVE_UP;
  if (a === 0 || b === 0) return product;
  if (product === 0) return inexact(product, LEAST_NORMAL.double);
  let lost: number;
  if (Math.abs(product) >= SMALL) {
    lost = lostOfProduct(a, b, product);
  } else {
    const small = Math.abs(a) < Math.abs(b) ? a : b;
    const large = small === a ? b : a;
    const scaled = small * SCALE * large;
    lost = scaled - product * SCALE || lostOfProduct(small * SCALE, large, scaled);
  }
  if (Number.isNaN(lost)) return GIVE_UP;
  return lost === 0 ? product : inexact(product, LEAST_NORMAL.double);
}

/** The product of two singles is a double. */
function multiplySingles(a: number, b: number): number {
  const product = a * b;
  const result = Math.fround(product);
  if (!Number.isFinite(result)) return GIVE_UP;
  return result === product ? result : inexact(result, LEAST_NORMAL.single);
}

const minimum: Compute = (a, b) => (a < b ? a : b);
const maximum: Compute = (a, b) => (a > b ? a : b);

/** ZF, PF and CF by how two numbers relate. */
const order: Compute = (a, b) => (a < b ? 0x01 : a === b ? 0x40 : 0);

function comparison(predicate: number): Compute {
  const relations = predicateRelations(predicate);
  return (a, b) =>
    (relations & (a < b ? RelationBit.LESS : a === b ? RelationBit.EQUAL : RelationBit.GREATER)) === 0 ? 0 : 1;
}

function computeOf({ code, source, immediate }: FloatOperation): Compute | undefined {
  const double = source === Element.DOUBLE;
  const add = double ? addDoubles : addSingles;
  switch (code) {
    case FloatCode.ADD:
      return add;
    case FloatCode.SUBTRACT:
      return (a, b) => add(a, -b);
    case FloatCode.MULTIPLY:
      return double ? multiplyDoubles : multiplySingles;
    case FloatCode.MINIMUM:
      return minimum;
    case FloatCode.MAXIMUM:
      return maximum;
    case FloatCode.COMPARE:
      return comparison(immediate);
    case FloatCode.ORDER:
      return order;
    default:
      return undefined;
  }
}

/** A quick way to do one operation. */
export interface QuickProgram extends FloatOperation {
  readonly compute: Compute;
}

export function quickProgram(operation: FloatOperation): QuickProgram | undefined {
  const compute = computeOf(operation);
  return compute && { ...operation, compute };
}

export class QuickArithmetic {
  private readonly singles: Float32Array;
  private readonly doubles: Float64Array;
  private readonly words: Int32Array;
  private readonly results = new Float64Array(8);

  /** `linear` as for FloatUnit. */
  constructor(linear: WebAssembly.Memory) {
    const { buffer } = linear;
    const bytes = FLOAT_RESULT + FLOAT_OPERAND_BYTES - FLOAT_OPERANDS;
    this.singles = new Float32Array(buffer, FLOAT_OPERANDS, bytes / 4);
    this.doubles = new Float64Array(buffer, FLOAT_OPERANDS, bytes / 8);
    this.words = new Int32Array(buffer, FLOAT_OPERANDS, bytes / 4);
  }

  /** Leaves the result in linear memory and returns the exceptions, all masked; -1 if this is not the way to do it. */
  execute({ compute, code, source, count }: QuickProgram, mxcsr: number): number {
    if ((mxcsr & CONTROL_BITS) !== CONTROL_INITIAL) return -1;
    const double = source === Element.DOUBLE;
    const numbers = double ? this.doubles : this.singles;
    const perOperand = FLOAT_OPERAND_BYTES / (double ? 8 : 4);
    const leastNormal = double ? LEAST_NORMAL.double : LEAST_NORMAL.single;
    raised = 0;
    for (let i = 0; i < count; i++) {
      const a = numbers[i];
      const b = numbers[perOperand + i];
      // False if one of them is a NaN.
      if (!(Math.abs(a) < Infinity && Math.abs(b) < Infinity)) return -1;
      const denormal = (a !== 0 && Math.abs(a) < leastNormal) || (b !== 0 && Math.abs(b) < leastNormal);
      if (denormal) raised |= FloatException.DENORMAL;
      const result = compute(a, b);
      if (Number.isNaN(result)) return -1;
      this.results[i] = result;
    }
    const at = FLOAT_RESULT - FLOAT_OPERANDS;
    if (code === FloatCode.COMPARE) {
      const perElement = double ? 2 : 1;
      for (let i = 0; i < count * perElement; i++) {
        this.words[at / 4 + i] = -this.results[double ? i >> 1 : i];
      }
    } else if (code === FloatCode.ORDER) this.words[at / 4] = this.results[0];
    else numbers.set(this.results.subarray(0, count), at / (double ? 8 : 4));
    return raised;
  }
}
