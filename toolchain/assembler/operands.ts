/** AT&T operands: $immediate, %register, disp(base,index,scale), *indirect. */
import { StatementError, type Scanner } from './scanner';
import { parseExpression, type Expression, type NameResolver } from './expressions';
import { registerNamed, registerNames, type RegisterInfo } from './registers';
import { closest } from './suggestions';

interface Place {
  readonly start: number;
  readonly end: number;
}

export interface RegisterOperand extends Place {
  readonly kind: 'register';
  readonly register: RegisterInfo;
  readonly indirect: boolean;
}

export interface ImmediateOperand extends Place {
  readonly kind: 'immediate';
  readonly expression: Expression;
}

export interface MemoryOperand extends Place {
  readonly kind: 'memory';
  readonly segment: RegisterInfo | undefined;
  readonly displacement: Expression | undefined;
  readonly base: RegisterInfo | undefined;
  readonly index: RegisterInfo | undefined;
  readonly scale: number;
  /** Written with `*`. */
  readonly indirect: boolean;
}

export type Operand = (RegisterOperand | ImmediateOperand | MemoryOperand) & {
  /** `{%k1}` and `{z}` behind an AVX-512 operand. */
  readonly mask?: RegisterInfo;
  readonly zeroing?: boolean;
  /** N of `{1toN}` */
  readonly broadcast?: number;
};

const REGISTER = /%\s*([A-Za-z][A-Za-z0-9]*)/y;

/** Parses the operands of an instruction, in the order written. */
export function parseOperands(scanner: Scanner, names: NameResolver): Operand[] {
  const operands: Operand[] = [];
  if (scanner.atEnd()) return operands;
  do {
    if (scanner.atEnd()) scanner.fail('expected an operand after the comma');
    operands.push(parseOperand(scanner, names));
  } while (scanner.accept(','));
  if (!scanner.atEnd()) scanner.fail(`expected ',' between operands${scanner.found()}`);
  return operands;
}

function parseOperand(scanner: Scanner, names: NameResolver): Operand {
  scanner.skipSpace();
  const start = scanner.position;
  if (scanner.accept('$')) {
    const expression = parseExpression(scanner, names);
    return { kind: 'immediate', expression, start, end: scanner.position };
  }
  const indirect = scanner.accept('*');
  const operand = parseRegisterOrMemory(scanner, names, start, indirect);
  return scanner.peek() === '{' ? parseDecorations(scanner, operand) : operand;
}

function parseRegisterOrMemory(scanner: Scanner, names: NameResolver, start: number, indirect: boolean): Operand {
  let segment: RegisterInfo | undefined;
  if (scanner.peek() === '%') {
    const register = parseRegister(scanner);
    if (!scanner.accept(':')) return { kind: 'register', register, indirect, start, end: scanner.position };
    if (register.class !== 'segment') {
      throw new StatementError(`%${register.name} is not a segment register (before ':')`, start, scanner.position);
    }
    segment = register;
    indirect ||= scanner.accept('*');
  }
  const displacement = startsAddress(scanner) ? undefined : parseExpression(scanner, names);
  const address =
    scanner.peek() === '(' ? parseAddress(scanner, names) : { base: undefined, index: undefined, scale: 1 };
  return { kind: 'memory', segment, displacement, ...address, indirect, start, end: scanner.position };
}

/** True if the cursor is at `(%…` or `(,`: the address part, not a parenthesized expression. */
function startsAddress(scanner: Scanner): boolean {
  if (scanner.peek() !== '(') return false;
  return /^\(\s*[%,)]/.test(scanner.text.slice(scanner.position));
}

function parseRegister(scanner: Scanner): RegisterInfo {
  scanner.skipSpace();
  const start = scanner.position;
  REGISTER.lastIndex = start;
  const match = REGISTER.exec(scanner.text);
  if (match === null) throw new StatementError('expected a register name after %', start, start + 1);
  let name = match[1];
  let end = REGISTER.lastIndex;
  const stack = name.toLowerCase() === 'st' ? /^\s*\(\s*([0-7])\s*\)/.exec(scanner.text.slice(end)) : null;
  if (stack !== null) {
    name = `st(${stack[1] ?? ''})`;
    end += stack[0].length;
  }
  const register = registerNamed(name);
  if (register === undefined) {
    const hint = closest(name.toLowerCase(), registerNames());
    const suggestion = hint === undefined ? '' : `; did you mean %${hint}?`;
    throw new StatementError(`there is no register %${name}${suggestion}`, start, end);
  }
  scanner.position = end;
  return register;
}

/** `(base,index,scale)` */
function parseAddress(
  scanner: Scanner,
  names: NameResolver,
): { base: RegisterInfo | undefined; index: RegisterInfo | undefined; scale: number } {
  const start = scanner.position;
  scanner.expect('(', 'before the base register');
  const base = scanner.peek() === '%' ? parseRegister(scanner) : undefined;
  let index: RegisterInfo | undefined;
  let scale = 1;
  if (scanner.accept(',')) {
    if (scanner.peek() === '%') index = parseRegister(scanner);
    if (index === undefined || scanner.accept(',')) {
      if (scanner.peek() !== ')') scale = parseScale(scanner, names);
    }
  }
  scanner.expect(')', 'after the address');
  if (
    base === undefined &&
    index === undefined &&
    !/^\(\s*,\s*1?\s*\)$/.test(scanner.text.slice(start, scanner.position))
  ) {
    throw new StatementError('this address names no register', start, scanner.position);
  }
  for (const register of [base, index]) {
    if (register !== undefined && !/^(r16|r32|r64|ip32|ip64|xmm|ymm|zmm)$/.test(register.class)) {
      throw new StatementError(`%${register.name} cannot be part of an address`, start, scanner.position);
    }
  }
  if (base !== undefined && index !== undefined && base.size !== index.size && index.size <= 64) {
    throw new StatementError(
      `base and index differ in size: %${base.name} has ${base.size} bits, %${index.name} ${index.size}`,
      start,
      scanner.position,
    );
  }
  if (index !== undefined && /^(e|r)sp$/.test(index.name)) {
    throw new StatementError(`%${index.name} cannot be an index register`, start, scanner.position);
  }
  return { base, index, scale };
}

function parseScale(scanner: Scanner, names: NameResolver): number {
  scanner.skipSpace();
  const start = scanner.position;
  const expression = parseExpression(scanner, names);
  const value = expression.kind === 'number' ? Number(expression.value) : 0;
  if (![1, 2, 4, 8].includes(value))
    throw new StatementError('the scale must be 1, 2, 4 or 8', start, scanner.position);
  return value;
}

function parseDecorations(scanner: Scanner, operand: Operand): Operand {
  let result = operand;
  while (scanner.accept('{')) {
    if (scanner.peek() === '%') result = { ...result, mask: parseRegister(scanner) };
    else {
      const word = /^[\w-]+/.exec(scanner.text.slice(scanner.position))?.[0] ?? '';
      if (word === 'z') result = { ...result, zeroing: true };
      else if (/^1to\d+$/.test(word)) result = { ...result, broadcast: Number(word.slice(3)) };
      else scanner.fail(`'{${word}}' is not understood behind an operand`);
      scanner.position += word.length;
    }
    scanner.expect('}', 'after the decoration');
  }
  return { ...result, end: scanner.position };
}
