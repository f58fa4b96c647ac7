import { ExpressionError } from './errors';
import { tokenize, type Token } from './lexer';
import { typeOfWords, type ValueType } from './types';

export type Expression =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'name'; readonly name: string; readonly sigil: boolean; readonly at: number }
  /** `%gs:displacement`: memory at the segment's base. */
  | { readonly kind: 'segment'; readonly segment: string; readonly displacement: Expression; readonly at: number }
  | { readonly kind: 'unary'; readonly operator: string; readonly operand: Expression; readonly at: number }
  | { readonly kind: 'cast'; readonly type: ValueType; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
      readonly at: number;
    }
  | { readonly kind: 'index'; readonly base: Expression; readonly index: Expression; readonly at: number }
  | { readonly kind: 'conditional'; readonly test: Expression; readonly yes: Expression; readonly no: Expression }
  | { readonly kind: 'assignment'; readonly target: Expression; readonly value: Expression; readonly at: number };

/** How a result is shown: hex, signed, unsigned, binary, octal, character, string at the address. */
export type Format = 'x' | 'd' | 'u' | 'b' | 'o' | 'c' | 's';

const FORMATS = 'xdubocs';

/** Binary operators, loosest first: C's precedence (C17, 6.5). */
const LEVELS: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '>', '<=', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

const SEGMENTS = new Set(['es', 'cs', 'ss', 'ds', 'fs', 'gs']);

/** Reads a whole expression with an optional `,format` at its end. Throws ExpressionError with the position. */
export function parseExpression(text: string): { readonly expression: Expression; readonly format?: Format } {
  if (text.trim() === '') throw new ExpressionError('an expression is missing');
  const suffix = /,\s*([A-Za-z])\s*$/.exec(text);
  const parser = new Parser(tokenize(suffix ? text.slice(0, suffix.index) : text));
  const expression = parser.whole();
  if (!suffix) return { expression };
  if (!FORMATS.includes(suffix[1])) {
    throw new ExpressionError(`unknown format ,${suffix[1]}: use ,x ,d ,u ,b ,o ,c or ,s (string)`, suffix.index);
  }
  return { expression, format: suffix[1] as Format };
}

class Parser {
  private position = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  whole(): Expression {
    const expression = this.assignment();
    const rest = this.peek();
    if (rest.kind !== 'end') throw new ExpressionError(`unexpected ${describe(rest)}`, rest.at);
    return expression;
  }

  private assignment(): Expression {
    const target = this.conditional();
    const at = this.peek().at;
    if (!this.accept('=')) return target;
    return { kind: 'assignment', target, value: this.assignment(), at };
  }

  private conditional(): Expression {
    const test = this.binary(0);
    if (!this.accept('?')) return test;
    const yes = this.conditional();
    this.expect(':');
    return { kind: 'conditional', test, yes, no: this.conditional() };
  }

  private binary(level: number): Expression {
    if (level === LEVELS.length) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const token = this.peek();
      if (token.kind !== 'operator' || !LEVELS[level].includes(token.text)) return left;
      this.position++;
      left = { kind: 'binary', operator: token.text, left, right: this.binary(level + 1), at: token.at };
    }
  }

  private unary(): Expression {
    const token = this.peek();
    if (token.kind === 'operator') {
      if ('-+~!*&'.includes(token.text)) {
        this.position++;
        return { kind: 'unary', operator: token.text, operand: this.unary(), at: token.at };
      }
      const type = token.text === '(' ? this.castType() : undefined;
      if (type) return { kind: 'cast', type, operand: this.unary() };
    }
    return this.postfix();
  }

  /** Reads `(type)` if that is what follows; else leaves the position where it was. */
  private castType(): ValueType | undefined {
    const start = this.position;
    this.position++;
    const words: string[] = [];
    for (let token = this.peek(); token.kind === 'name' && !token.sigil; token = this.peek()) {
      words.push(token.name);
      this.position++;
    }
    let type: ValueType | undefined = typeOfWords(words);
    while (type && this.accept('*')) type = { kind: 'pointer', target: type };
    if (type && this.accept(')')) return type;
    this.position = start;
    return undefined;
  }

  private postfix(): Expression {
    let expression = this.primary();
    for (;;) {
      const at = this.peek().at;
      if (!this.accept('[')) return expression;
      const index = this.conditional();
      this.expect(']');
      expression = { kind: 'index', base: expression, index, at };
    }
  }

  private primary(): Expression {
    const token = this.peek();
    this.position++;
    if (token.kind === 'number') return { kind: 'number', value: token.value };
    if (token.kind === 'name') {
      if (token.sigil && SEGMENTS.has(token.name.toLowerCase()) && this.accept(':')) {
        return { kind: 'segment', segment: token.name.toLowerCase(), displacement: this.unary(), at: token.at };
      }
      return { kind: 'name', name: token.name, sigil: token.sigil, at: token.at };
    }
    if (token.kind === 'operator' && token.text === '(') {
      const expression = this.conditional();
      this.expect(')');
      return expression;
    }
    throw new ExpressionError(`a register, symbol or number is expected instead of ${describe(token)}`, token.at);
  }

  private peek(): Token {
    return this.tokens[Math.min(this.position, this.tokens.length - 1)];
  }

  private accept(operator: string): boolean {
    const token = this.peek();
    if (token.kind !== 'operator' || token.text !== operator) return false;
    this.position++;
    return true;
  }

  private expect(operator: string): void {
    const token = this.peek();
    if (!this.accept(operator))
      throw new ExpressionError(`"${operator}" is missing before ${describe(token)}`, token.at);
  }
}

function describe(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'the end';
    case 'number':
      return `the number ${token.value}`;
    case 'name':
      return `"${token.name}"`;
    case 'operator':
      return `"${token.text}"`;
  }
}
