import { ExpressionError } from './errors';

export type Token =
  | { readonly kind: 'number'; readonly value: bigint; readonly at: number }
  /** `name`, `$name` or `%name`; the sigil says that only a register can be meant. */
  | { readonly kind: 'name'; readonly name: string; readonly sigil: boolean; readonly at: number }
  | { readonly kind: 'operator'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly at: number };

/** Longest first, so that `<<` is not read as two `<`. */
const OPERATORS = '<< >> <= >= == != && || + - * / % & | ^ ~ ! < > = ( ) [ ] ? : ,'.split(' ');
const ESCAPES: Record<string, number> = { n: 10, t: 9, r: 13, '0': 0, '\\': 92, "'": 39 };

/**
 * Splits an expression into tokens. `%` and `$` before a letter begin a register name where an operand is expected; after
 * an operand `%` is the remainder. `$5` is an immediate as in AT&T syntax.
 */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let operandExpected = true;
  while (at < text.length) {
    const rest = text.slice(at);
    const space = /^\s+/.exec(rest);
    if (space) {
      at += space[0].length;
      continue;
    }
    const name = /^([$%]?)([A-Za-z_.][A-Za-z0-9_.$@]*)/.exec(rest);
    const number = /^\$?(0x[0-9a-f_]+|0b[01]+|\d+)(?![A-Za-z0-9_])/i.exec(rest);
    const character = /^'(\\?)(.)'/.exec(rest);
    if (name && (operandExpected || name[1] !== '%')) {
      tokens.push({ kind: 'name', name: name[2], sigil: name[1] !== '', at });
      at += name[0].length;
      operandExpected = false;
    } else if (number) {
      tokens.push({ kind: 'number', value: parseNumber(number[1]), at });
      at += number[0].length;
      operandExpected = false;
    } else if (character) {
      const value = character[1] ? ESCAPES[character[2]] : character[2].charCodeAt(0);
      if (value === undefined) throw new ExpressionError(`unknown escape ${character[0]}`, at);
      tokens.push({ kind: 'number', value: BigInt(value), at });
      at += character[0].length;
      operandExpected = false;
    } else {
      const operator = OPERATORS.find((candidate) => rest.startsWith(candidate));
      if (!operator) throw new ExpressionError(`"${rest[0]}" has no meaning here`, at);
      tokens.push({ kind: 'operator', text: operator, at });
      at += operator.length;
      operandExpected = operator !== ')' && operator !== ']';
    }
  }
  tokens.push({ kind: 'end', at });
  return tokens;
}

/** Decimal, 0x hexadecimal, 0b binary, or octal after a leading 0, as in C. */
function parseNumber(text: string): bigint {
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  return BigInt(text.toLowerCase().replaceAll('_', ''));
}
