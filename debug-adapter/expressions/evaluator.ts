import type { Register } from '../registers';
import { ExpressionError } from './errors';
import { parseExpression, type Expression, type Format } from './parser';
import { S64, U64, sizeOf, typeName, wrap, type IntegerType, type ValueType } from './types';

/** What names mean at a place: the registers of one stack frame, the symbols, memory as the guest sees it there. */
export interface EvaluationContext {
  /** A register, flag or MSR by its name in any case. */
  register(name: string): Register | undefined;
  /** Undefined if the frame did not save the register. */
  readRegister(register: Register): bigint | undefined;
  writeRegister(register: Register, value: bigint): void;
  symbol(name: string): bigint | undefined;
  /** Fewer bytes than asked where memory is not mapped. */
  readMemory(va: bigint, length: number): Uint8Array;
  /** How many bytes were written. */
  writeMemory(va: bigint, data: Uint8Array): number;
  /** A known name close to one that is unknown, for the error message. */
  suggestion(name: string): string | undefined;
}

/** What can be assigned to: a register, or memory at an address. */
export type Place = { readonly register: Register } | { readonly va: bigint };

export interface Value {
  /** In the range of `type`: negative for signed types. */
  readonly value: bigint;
  readonly type: ValueType;
  /** Where the value was read from, if it can be assigned to. */
  readonly place?: Place;
}

export interface Result extends Value {
  readonly format?: Format;
}

/** Works out `text`; an assignment takes effect. Throws ExpressionError. */
export function evaluate(text: string, context: EvaluationContext): Result {
  const { expression, format } = parseExpression(text);
  return { ...valueOf(expression, context), format };
}

/** Whether the condition is true: its value is not 0. */
export function evaluateCondition(text: string, context: EvaluationContext): boolean {
  return evaluate(text, context).value !== 0n;
}

/** Stores `value` in a place. Throws if it does not fit or the memory is not mapped. */
export function assign(place: Place, type: ValueType, value: bigint, context: EvaluationContext): void {
  if ('register' in place) {
    context.writeRegister(place.register, value);
    return;
  }
  const size = sizeOf(type);
  const bits = size * 8;
  if (BigInt.asUintN(bits, value) !== value && BigInt.asIntN(bits, value) !== value) {
    throw new ExpressionError(`${value} does not fit ${size} byte${size === 1 ? '' : 's'} (${typeName(type)})`);
  }
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  if (context.writeMemory(place.va, data.subarray(0, size)) < size) throw unmapped(place.va);
}

function valueOf(expression: Expression, context: EvaluationContext): Value {
  switch (expression.kind) {
    case 'number':
      if (expression.value >> 64n !== 0n)
        throw new ExpressionError(`0x${expression.value.toString(16)} does not fit 64 bits`);
      return expression.value > 0x7fffffffffffffffn
        ? { value: wrap(expression.value, U64), type: U64 }
        : { value: expression.value, type: S64 };
    case 'name':
      return named(expression, context);
    case 'segment': {
      const base = context.register(`${expression.segment}_base`);
      const start = base && context.readRegister(base);
      if (start === undefined) throw new ExpressionError(`${expression.segment} has no base here`, expression.at);
      return load(wrap(start + valueOf(expression.displacement, context).value, U64), U64, context);
    }
    case 'cast': {
      const { value } = valueOf(expression.operand, context);
      return { value: wrap(value, expression.type), type: expression.type };
    }
    case 'unary':
      return unary(expression, context);
    case 'index': {
      const base = valueOf(expression.base, context);
      const type = base.type.kind === 'pointer' ? base.type.target : U64;
      const index = valueOf(expression.index, context).value;
      return load(wrap(base.value + index * BigInt(sizeOf(type)), U64), type, context);
    }
    case 'conditional':
      return valueOf(valueOf(expression.test, context).value !== 0n ? expression.yes : expression.no, context);
    case 'assignment': {
      const target = valueOf(expression.target, context);
      if (!target.place) {
        throw new ExpressionError('only a register or memory such as *(u64*)address can be assigned to', expression.at);
      }
      assign(target.place, target.type, valueOf(expression.value, context).value, context);
      return valueOf(expression.target, context);
    }
    case 'binary':
      return binary(expression, context);
  }
}

function named({ name, sigil, at }: Expression & { kind: 'name' }, context: EvaluationContext): Value {
  const register = context.register(name);
  if (register) {
    const value = context.readRegister(register);
    if (value === undefined) throw new ExpressionError(`${name} was not saved in this frame`, at);
    return { value, type: registerType(register), place: { register } };
  }
  const va = sigil ? undefined : context.symbol(name);
  if (va !== undefined) return { value: va, type: U64 };
  const near = context.suggestion(name);
  const what = sigil ? 'register' : 'register or symbol';
  throw new ExpressionError(`there is no ${what} "${name}"${near ? `; did you mean ${near}?` : ''}`, at);
}

function registerType({ bits }: Register): IntegerType {
  const size = bits <= 8 ? 1 : bits <= 16 ? 2 : bits <= 32 ? 4 : 8;
  return { kind: 'integer', size, signed: false };
}

function unary({ operator, operand, at }: Expression & { kind: 'unary' }, context: EvaluationContext): Value {
  const inner = valueOf(operand, context);
  switch (operator) {
    case '*':
      return load(wrap(inner.value, U64), inner.type.kind === 'pointer' ? inner.type.target : U64, context);
    case '&':
      if (inner.place && 'va' in inner.place) {
        return { value: inner.place.va, type: { kind: 'pointer', target: inner.type } };
      }
      if (operand.kind === 'name' && !inner.place) return inner;
      throw new ExpressionError('only memory and symbols have an address', at);
    case '-':
      return { value: wrap(-inner.value, S64), type: S64 };
    case '~':
      return { value: wrap(~inner.value, promoted(inner.type)), type: promoted(inner.type) };
    case '!':
      return truth(inner.value === 0n);
    default:
      return { value: inner.value, type: inner.type };
  }
}

function binary(expression: Expression & { kind: 'binary' }, context: EvaluationContext): Value {
  const { operator, at } = expression;
  const left = valueOf(expression.left, context);
  if (operator === '&&' && left.value === 0n) return truth(false);
  if (operator === '||' && left.value !== 0n) return truth(true);
  const right = valueOf(expression.right, context);
  if (operator === '&&' || operator === '||') return truth(right.value !== 0n);

  // Pointer arithmetic counts elements, as in C.
  if (left.type.kind === 'pointer' && (operator === '+' || operator === '-') && right.type.kind !== 'pointer') {
    const offset = right.value * BigInt(sizeOf(left.type.target));
    return { value: wrap(operator === '+' ? left.value + offset : left.value - offset, U64), type: left.type };
  }
  const comparison = compare(operator, left, right);
  if (comparison !== undefined) return truth(comparison);
  const type = common(left.type, right.type);
  return { value: wrap(arithmetic(operator, left.value, right.value, at), type), type };
}

/**
 * Negative numbers compare equal to their 64-bit pattern, so that `rax == -38` holds for a result of -ENOSYS; order is
 * signed if either side is written as a negative number or cast to a signed type.
 */
function compare(operator: string, left: Value, right: Value): boolean | undefined {
  const signed = left.value < 0n || right.value < 0n;
  const width = Math.max(sizeOf(left.type), sizeOf(right.type)) * 8;
  const narrow = (value: Value): bigint => {
    if (!signed) return value.value;
    // The pattern of a register narrower than the literal keeps its own width: `eax == -1`.
    const bits = value.value < 0n ? width : Math.min(width, sizeOf(value.type) * 8);
    return BigInt.asIntN(bits, value.value);
  };
  const a = narrow(left);
  const b = narrow(right);
  switch (operator) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '>':
      return a > b;
    case '<=':
      return a <= b;
    case '>=':
      return a >= b;
    default:
      return undefined;
  }
}

function arithmetic(operator: string, a: bigint, b: bigint, at: number): bigint {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
    case '%':
      if (b === 0n) throw new ExpressionError('division by zero', at);
      return operator === '/' ? a / b : a % b;
    case '<<':
    case '>>':
      if (b < 0n || b > 63n) throw new ExpressionError(`a shift by ${b} is out of 0..63`, at);
      return operator === '<<' ? a << b : a >> b;
    case '&':
      return a & b;
    case '|':
      return a | b;
    default:
      return a ^ b;
  }
}

function truth(value: boolean): Value {
  return { value: value ? 1n : 0n, type: { kind: 'integer', size: 4, signed: true } };
}

/** At least 64 bits wide: a debugger's arithmetic should not overflow in 32. */
function promoted(type: ValueType): IntegerType {
  return type.kind === 'integer' && type.signed ? S64 : U64;
}

function common(left: ValueType, right: ValueType): IntegerType {
  return promoted(left) === S64 && promoted(right) === S64 ? S64 : U64;
}

function load(va: bigint, type: ValueType, context: EvaluationContext): Value {
  const size = sizeOf(type);
  const bytes = context.readMemory(va, size);
  if (bytes.length < size) throw unmapped(va);
  let value = 0n;
  for (let index = size - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[index]);
  return { value: wrap(value, type), type, place: { va } };
}

function unmapped(va: bigint): ExpressionError {
  return new ExpressionError(`memory at 0x${va.toString(16)} is not mapped in the current address space`);
}
