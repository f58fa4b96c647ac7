/** GNU as expressions: their syntax, and their value as far as it is known. */
import { characterEnd, type SourceLine } from '../preprocessor';
import { Scanner, StatementError } from './scanner';
import type { AsmSymbol } from './symbols';

interface Span {
  readonly start: number;
  readonly end: number;
}

export type BinaryOperator =
  | '*'
  | '/'
  | '%'
  | '<<'
  | '>>'
  | '|'
  | '!'
  | '^'
  | '&'
  | '+'
  | '-'
  | '=='
  | '!='
  | '<'
  | '>'
  | '<='
  | '>='
  | '&&'
  | '||';

export type Expression = Span &
  (
    | { readonly kind: 'number'; readonly value: bigint }
    | { readonly kind: 'symbol'; readonly symbol: AsmSymbol; readonly modifier: string | undefined }
    | { readonly kind: 'unary'; readonly operator: '-' | '~' | '!'; readonly operand: Expression }
    | {
        readonly kind: 'binary';
        readonly operator: BinaryOperator;
        readonly left: Expression;
        readonly right: Expression;
      }
  );

/** Where names in expressions get their meaning. */
export interface NameResolver {
  /** A mention of a symbol; `start` and `end` are its characters in the statement. */
  symbol(name: string, scanner: Scanner, start: number, end: number): AsmSymbol;
  /** The value of `.` */
  here(): AsmSymbol;
  numeric(label: number, direction: 'b' | 'f', line: SourceLine, start: number, end: number): AsmSymbol | undefined;
  /** Told that an expression asks for something only the linker knows (`@GOTPCREL`, `@TPOFF`, …). */
  usesOffsetTable(): void;
}

/** op_rank of gas/expr.c: as's precedences are not C's. */
const RANK: Readonly<Record<string, number>> = {
  '*': 7,
  '/': 7,
  '%': 7,
  '<<': 7,
  '>>': 7,
  '|': 6,
  '!': 6,
  '!!': 6,
  '^': 6,
  '&': 6,
  '+': 5,
  '-': 5,
  '==': 4,
  '=': 4,
  '<>': 4,
  '!=': 4,
  '<': 4,
  '>': 4,
  '<=': 4,
  '>=': 4,
  '&&': 3,
  '||': 2,
};

const OPERATOR_SYNONYMS: Readonly<Record<string, BinaryOperator>> = { '<>': '!=', '!!': '^' };
const OPERATOR = /!!|<<|>>|<=|>=|<>|==|!=|&&|\|\||[*/%|!^&+\-<>]/y;
const NUMBER = /0[xX][0-9a-fA-F]+|0[bB][01]+(?![0-9a-zA-Z])|[0-9]+/y;
const MODIFIER = /@[A-Za-z0-9_]+/y;

export function numberExpression(value: bigint, start = 0, end = 0): Expression {
  return { kind: 'number', value: BigInt.asIntN(64, value), start, end };
}

export function symbolExpression(symbol: AsmSymbol, start = 0, end = 0): Expression {
  return { kind: 'symbol', symbol, modifier: undefined, start, end };
}

/** Parses one expression at the scanner's cursor. */
export function parseExpression(scanner: Scanner, names: NameResolver, minimumRank = 1): Expression {
  let left = parseOperand(scanner, names);
  for (;;) {
    scanner.skipSpace();
    OPERATOR.lastIndex = scanner.position;
    const match = OPERATOR.exec(scanner.text);
    if (match === null) return left;
    const operator = match[0];
    const rank = RANK[operator] ?? 0;
    if (rank <= minimumRank) return left;
    scanner.position = OPERATOR.lastIndex;
    const right = parseExpression(scanner, names, rank);
    left = fold({
      kind: 'binary',
      operator: OPERATOR_SYNONYMS[operator] ?? (operator as BinaryOperator),
      left,
      right,
      start: left.start,
      end: right.end,
    });
  }
}

function parseOperand(scanner: Scanner, names: NameResolver): Expression {
  scanner.skipSpace();
  const start = scanner.position;
  const character = scanner.text[start] ?? '';
  if (character >= '0' && character <= '9') return parseNumber(scanner, names);
  switch (character) {
    case '-':
    case '~':
    case '!': {
      scanner.position++;
      const operand = parseOperand(scanner, names);
      return fold({ kind: 'unary', operator: character, operand, start, end: operand.end });
    }
    case '+':
      scanner.position++;
      return parseOperand(scanner, names);
    case '(':
    case '[': {
      scanner.position++;
      const inner = parseExpression(scanner, names);
      scanner.expect(character === '(' ? ')' : ']', 'at the end of the parenthesized expression');
      return { ...inner, start, end: scanner.position };
    }
    case "'":
      return parseCharacter(scanner);
    case '%':
      return scanner.fail(`a register cannot be part of an expression`);
    case '$':
      if (!/[\w.$]/.test(scanner.text[start + 1] ?? '')) break;
  }
  const name = scanner.name();
  if (name === undefined) return scanner.fail(`expected a number or a symbol${scanner.found()}`);
  const end = scanner.position;
  if (name === '.') return symbolExpression(names.here(), start, end);
  const symbol = names.symbol(name, scanner, start, end);
  MODIFIER.lastIndex = scanner.position;
  const modifier = MODIFIER.exec(scanner.text)?.[0];
  if (modifier !== undefined) {
    scanner.position += modifier.length;
    if (!/^@plt$/i.test(modifier)) names.usesOffsetTable();
  }
  return { kind: 'symbol', symbol, modifier: modifier?.toUpperCase(), start, end: scanner.position };
}

function parseNumber(scanner: Scanner, names: NameResolver): Expression {
  const start = scanner.position;
  NUMBER.lastIndex = start;
  const digits = NUMBER.exec(scanner.text)?.[0] ?? '0';
  let end = start + digits.length;
  const next = scanner.text[end] ?? '';
  if ((next === 'b' || next === 'f') && /^[0-9]+$/.test(digits) && !/[\w.$]/.test(scanner.text[end + 1] ?? '')) {
    scanner.position = end + 1;
    const symbol = names.numeric(Number(digits), next, scanner.line, start, end + 1);
    if (symbol === undefined) {
      throw new StatementError(`there is no label '${digits}:' before this line for '${digits}b'`, start, end + 1);
    }
    return symbolExpression(symbol, start, end + 1);
  }
  const octal = /^0[0-9]+$/.test(digits);
  if (octal && /[89]/.test(digits))
    throw new StatementError(`'${digits}' is not an octal number (a leading 0 means octal)`, start, end);
  while (/[uUlL]/.test(scanner.text[end] ?? '')) end++;
  if (/[\w$]/.test(scanner.text[end] ?? '')) {
    const word = /^[\w$]+/.exec(scanner.text.slice(start))?.[0] ?? digits;
    throw new StatementError(`'${word}' is not a number`, start, start + word.length);
  }
  scanner.position = end;
  return { kind: 'number', value: BigInt(octal ? `0o${digits.slice(1)}` : digits), start, end };
}

const ESCAPES: Readonly<Record<string, number>> = {
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
  "'": 39,
  '"': 34,
};

/** The character constant at `start`: its value, and where it ends. */
export function characterConstant(text: string, start: number): { value: number; end: number } | undefined {
  const isEscaped = text[start + 1] === '\\';
  const character = text[start + (isEscaped ? 2 : 1)];
  if (character === undefined) return undefined;
  const value = isEscaped ? (ESCAPES[character] ?? character.charCodeAt(0)) : character.charCodeAt(0);
  return { value, end: characterEnd(text, start) };
}

function parseCharacter(scanner: Scanner): Expression {
  const start = scanner.position;
  const constant = characterConstant(scanner.text, start);
  if (constant === undefined) throw new StatementError("expected a character after '", start, start + 1);
  scanner.position = constant.end;
  return numberExpression(BigInt(constant.value), start, constant.end);
}

/** Computes what is constant at once, so that later passes see small trees. */
function fold(expression: Expression): Expression {
  if (expression.kind === 'unary' && expression.operand.kind === 'number') {
    const value = applyUnary(expression.operator, expression.operand.value);
    return { kind: 'number', value, start: expression.start, end: expression.end };
  }
  if (expression.kind === 'binary' && expression.left.kind === 'number' && expression.right.kind === 'number') {
    const value = applyBinary(
      expression,
      BigInt.asIntN(64, expression.left.value),
      BigInt.asIntN(64, expression.right.value),
    );
    return { kind: 'number', value, start: expression.start, end: expression.end };
  }
  return expression;
}

export function applyUnary(operator: '-' | '~' | '!', value: bigint): bigint {
  if (operator === '-') return BigInt.asIntN(64, -value);
  return operator === '~' ? BigInt.asIntN(64, ~value) : value === 0n ? 1n : 0n;
}

/** as computes with 64 bits: comparisons are signed and yield -1 for true, shifts right are unsigned. */
export function applyBinary(expression: Expression & { kind: 'binary' }, left: bigint, right: bigint): bigint {
  const truth = (condition: boolean): bigint => (condition ? -1n : 0n);
  const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);
  switch (expression.operator) {
    case '*':
      return wrap(left * right);
    case '/':
    case '%':
      if (right === 0n) throw new StatementError('division by zero', expression.start, expression.end);
      return wrap(expression.operator === '/' ? left / right : left % right);
    case '<<':
      return right < 0n || right > 63n ? 0n : wrap(left << right);
    case '>>':
      return right < 0n || right > 63n ? 0n : wrap(BigInt.asUintN(64, left) >> right);
    case '|':
      return wrap(left | right);
    case '!':
      return wrap(left | ~right);
    case '^':
      return wrap(left ^ right);
    case '&':
      return wrap(left & right);
    case '+':
      return wrap(left + right);
    case '-':
      return wrap(left - right);
    case '==':
      return truth(left === right);
    case '!=':
      return truth(left !== right);
    case '<':
      return truth(left < right);
    case '>':
      return truth(left > right);
    case '<=':
      return truth(left <= right);
    case '>=':
      return truth(left >= right);
    case '&&':
      return left !== 0n && right !== 0n ? 1n : 0n;
    case '||':
      return left !== 0n || right !== 0n ? 1n : 0n;
  }
}

/** `add - sub + number`, as far as symbols go. */
export interface Value {
  readonly number: bigint;
  readonly add: AsmSymbol | undefined;
  readonly sub: AsmSymbol | undefined;
  readonly modifier: string | undefined;
}

/** How far two symbols in a section are apart, if that is known yet. */
export type Distance = (a: AsmSymbol, b: AsmSymbol) => bigint | undefined;

const constant = (number: bigint): Value => ({
  number: BigInt.asIntN(64, number),
  add: undefined,
  sub: undefined,
  modifier: undefined,
});

/**
 * Reduces an expression to symbols and a number. `undefined` means that it cannot be expressed so (yet).
 * Equates that `isOpaque` picks out are left as the symbols they are.
 * Throws a StatementError for an equate that refers to itself.
 */
export function reduce(
  expression: Expression,
  distance: Distance,
  isOpaque: (symbol: AsmSymbol) => boolean = () => false,
  depth = 0,
): Value | undefined {
  if (depth > 200)
    throw new StatementError('this symbol is defined in terms of itself', expression.start, expression.end);
  switch (expression.kind) {
    case 'number':
      return constant(expression.value);
    case 'symbol': {
      const { symbol, modifier } = expression;
      const { definition } = symbol;
      if (definition?.kind !== 'equate' || isOpaque(symbol))
        return { number: 0n, add: symbol, sub: undefined, modifier };
      const value = blaming(expression, () => reduce(definition.expression, distance, isOpaque, depth + 1));
      if (value === undefined || modifier === undefined) return value;
      return { ...value, modifier };
    }
    case 'unary': {
      const value = reduce(expression.operand, distance, isOpaque, depth + 1);
      if (value === undefined) return undefined;
      if (value.add === undefined && value.sub === undefined)
        return constant(applyUnary(expression.operator, value.number));
      if (expression.operator !== '-') return undefined;
      return { number: BigInt.asIntN(64, -value.number), add: value.sub, sub: value.add, modifier: undefined };
    }
    case 'binary': {
      const left = reduce(expression.left, distance, isOpaque, depth + 1);
      const right = reduce(expression.right, distance, isOpaque, depth + 1);
      if (left === undefined || right === undefined) return undefined;
      return combine(expression, left, right, distance);
    }
  }
}

/** What is wrong in the definition of an equate is reported where the equate is used: the definition is on another line. */
function blaming<T>({ start, end }: Expression, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof StatementError ? new StatementError(error.message, start, end) : error;
  }
}

function combine(
  expression: Expression & { kind: 'binary' },
  left: Value,
  right: Value,
  distance: Distance,
): Value | undefined {
  const { operator } = expression;
  if (operator === '+') return sum(left, right, distance);
  const negated: Value = { number: -right.number, add: right.sub, sub: right.add, modifier: undefined };
  if (operator === '-') return sum(left, negated, distance);
  if (isConstant(left) && isConstant(right)) return constant(applyBinary(expression, left.number, right.number));
  if (!['==', '!=', '<', '>', '<=', '>='].includes(operator)) return undefined;
  const difference = sum(left, negated, distance);
  return difference !== undefined && isConstant(difference)
    ? constant(applyBinary(expression, difference.number, 0n))
    : undefined;
}

export function isConstant(value: Value): boolean {
  return value.add === undefined && value.sub === undefined;
}

function sum(left: Value, right: Value, distance: Distance): Value | undefined {
  let number = left.number + right.number;
  const add = [left.add, right.add].filter((symbol) => symbol !== undefined);
  const sub = [left.sub, right.sub].filter((symbol) => symbol !== undefined);
  for (let a = add.length - 1; a >= 0; a--) {
    for (let s = sub.length - 1; s >= 0; s--) {
      const between = distance(add[a], sub[s]);
      if (between === undefined) continue;
      number += between;
      add.splice(a, 1);
      sub.splice(s, 1);
      break;
    }
  }
  if (add.length > 1 || sub.length > 1) return undefined;
  return { number: BigInt.asIntN(64, number), add: add[0], sub: sub[0], modifier: left.modifier ?? right.modifier };
}
