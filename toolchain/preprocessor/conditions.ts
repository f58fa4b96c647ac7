/** The integer expressions of #if and #elif (C11 6.10.1), on intmax_t and uintmax_t of 64 bits. */
import type { Token } from './tokens';

export class ConditionError extends Error {
  constructor(
    message: string,
    readonly token: Token | undefined,
  ) {
    super(message);
  }
}

interface Value {
  readonly value: bigint;
  readonly unsigned: boolean;
}

const PRECEDENCE: Readonly<Record<string, number>> = {
  '||': 1,
  '&&': 2,
  '|': 3,
  '^': 4,
  '&': 5,
  '==': 6,
  '!=': 6,
  '<': 7,
  '>': 7,
  '<=': 7,
  '>=': 7,
  '<<': 8,
  '>>': 8,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '%': 10,
};

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, a: 7, b: 8, f: 12, v: 11, '0': 0, e: 27 };

/** Evaluates an expression whose macros are expanded and whose `defined` operators are replaced by 0 or 1. */
export function evaluateCondition(tokens: readonly Token[]): boolean {
  const parser = new ConditionParser(tokens);
  return parser.parse() !== 0n;
}

class ConditionParser {
  private position = 0;
  constructor(private readonly tokens: readonly Token[]) {}

  parse(): bigint {
    if (this.tokens.length === 0) throw new ConditionError('the condition is empty', undefined);
    const { value } = this.ternary(true);
    const rest = this.tokens[this.position];
    if (rest !== undefined) throw new ConditionError(`unexpected '${rest.text}' in the condition`, rest);
    return value;
  }

  private accept(text: string): boolean {
    if (this.tokens[this.position]?.text !== text) return false;
    this.position++;
    return true;
  }

  private expect(text: string): void {
    if (!this.accept(text)) throw new ConditionError(`expected '${text}' in the condition`, this.tokens[this.position]);
  }

  /** `live` is false in an operand that is not evaluated, where a division by zero is no error. */
  private ternary(live: boolean): Value {
    const condition = this.binary(1, live);
    if (!this.accept('?')) return condition;
    const yes = this.ternary(live && condition.value !== 0n);
    this.expect(':');
    const no = this.ternary(live && condition.value === 0n);
    return wrap(condition.value !== 0n ? yes.value : no.value, yes.unsigned || no.unsigned);
  }

  private binary(minimum: number, live: boolean): Value {
    let left = this.unary(live);
    for (;;) {
      const operator = this.tokens[this.position];
      const precedence = operator?.kind === 'punctuator' ? PRECEDENCE[operator.text] : undefined;
      if (operator === undefined || precedence === undefined || precedence < minimum) return left;
      this.position++;
      const needed =
        live && !((operator.text === '&&' && left.value === 0n) || (operator.text === '||' && left.value !== 0n));
      const right = this.binary(precedence + 1, needed);
      left = apply(operator, left, right, needed);
    }
  }

  private unary(live: boolean): Value {
    const token = this.tokens[this.position++];
    if (token === undefined) throw new ConditionError('the condition ends too early', undefined);
    switch (token.text) {
      case '-': {
        const operand = this.unary(live);
        return wrap(-operand.value, operand.unsigned);
      }
      case '+':
        return this.unary(live);
      case '~': {
        const operand = this.unary(live);
        return wrap(~operand.value, operand.unsigned);
      }
      case '!':
        return wrap(this.unary(live).value === 0n ? 1n : 0n, false);
      case '(': {
        const inner = this.ternary(live);
        this.expect(')');
        return inner;
      }
    }
    if (token.kind === 'number') return integer(token);
    if (token.kind === 'character') return character(token);
    if (token.kind === 'identifier') return wrap(0n, false);
    throw new ConditionError(`'${token.text}' is not allowed in a condition: only integers are`, token);
  }
}

function wrap(value: bigint, unsigned: boolean): Value {
  return { value: unsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value), unsigned };
}

function integer(token: Token): Value {
  const match = /^(0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)([uUlL]*)$/.exec(token.text);
  if (match === null) throw new ConditionError(`'${token.text}' is not an integer`, token);
  const digits = match[1];
  const octal = /^0[0-9]+$/.test(digits);
  if (octal && /[89]/.test(digits)) throw new ConditionError(`'${digits}' is not an octal number`, token);
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  return wrap(value, /u/i.test(match[2]) || value > 0x7fffffffffffffffn);
}

function character(token: Token): Value {
  const text = token.text.slice(1, -1);
  if (!text.startsWith('\\')) return wrap(BigInt(text.charCodeAt(0)), false);
  const numeric = /^\\(?:x([0-9a-fA-F]+)|([0-7]{1,3}))$/.exec(text);
  if (numeric !== null)
    return wrap(BigInt(parseInt(numeric[1] ?? numeric[2] ?? '0', numeric[1] === undefined ? 8 : 16)), false);
  const escaped = text[1] ?? '\\';
  return wrap(BigInt(ESCAPES[escaped] ?? escaped.charCodeAt(0)), false);
}

function apply(operator: Token, left: Value, right: Value, live: boolean): Value {
  const unsigned = left.unsigned || right.unsigned;
  const a = wrap(left.value, unsigned).value;
  const b = wrap(right.value, unsigned).value;
  const truth = (condition: boolean): Value => wrap(condition ? 1n : 0n, false);
  switch (operator.text) {
    case '||':
      return truth(left.value !== 0n || right.value !== 0n);
    case '&&':
      return truth(left.value !== 0n && right.value !== 0n);
    case '|':
      return wrap(a | b, unsigned);
    case '^':
      return wrap(a ^ b, unsigned);
    case '&':
      return wrap(a & b, unsigned);
    case '==':
      return truth(a === b);
    case '!=':
      return truth(a !== b);
    case '<':
      return truth(a < b);
    case '>':
      return truth(a > b);
    case '<=':
      return truth(a <= b);
    case '>=':
      return truth(a >= b);
    case '<<':
      return wrap(left.value << (right.value & 63n), left.unsigned);
    case '>>':
      return wrap(left.value >> (right.value & 63n), left.unsigned);
    case '+':
      return wrap(a + b, unsigned);
    case '-':
      return wrap(a - b, unsigned);
    case '*':
      return wrap(a * b, unsigned);
  }
  if (b === 0n) {
    if (live) throw new ConditionError('division by zero in the condition', operator);
    return wrap(0n, unsigned);
  }
  return wrap(operator.text === '/' ? a / b : a % b, unsigned);
}
