/** .if and its family: which statements are live. */
import type { SourceLine } from '../preprocessor';
import { closingQuote } from '../preprocessor';
import { Scanner, StatementError } from './scanner';

interface Conditional {
  readonly line: SourceLine;
  live: boolean;
  taken: boolean;
  readonly parentLive: boolean;
  seenElse: boolean;
}

/** What a condition can ask about. */
export interface ConditionContext {
  absolute(scanner: Scanner, what: string): bigint;
  isDefined(name: string): boolean;
}

const NUMERIC: Readonly<Record<string, (value: bigint) => boolean>> = {
  '.if': (value) => value !== 0n,
  '.ifne': (value) => value !== 0n,
  '.ifeq': (value) => value === 0n,
  '.ifgt': (value) => value > 0n,
  '.ifge': (value) => value >= 0n,
  '.iflt': (value) => value < 0n,
  '.ifle': (value) => value <= 0n,
};

const OTHER = new Set(['.ifdef', '.ifndef', '.ifnotdef', '.ifb', '.ifnb', '.ifc', '.ifnc', '.ifeqs', '.ifnes']);

export function isConditional(name: string): boolean {
  return name in NUMERIC || OTHER.has(name) || name === '.else' || name === '.elseif' || name === '.endif';
}

export class Conditionals {
  private stack: Conditional[] = [];

  get live(): boolean {
    return this.stack[this.stack.length - 1]?.live ?? true;
  }

  get depth(): number {
    return this.stack.length;
  }

  /** Closes conditionals opened since `depth`; returns the lines of those left open. */
  unwind(depth: number): SourceLine[] {
    return this.stack.splice(depth).map(({ line }) => line);
  }

  /** Handles a conditional directive; the scanner stands behind its name. */
  handle(name: string, scanner: Scanner, context: ConditionContext): void {
    const current = this.stack[this.stack.length - 1];
    if (name === '.endif') {
      if (current === undefined) throw new StatementError('.endif without .if', 0, scanner.text.trimEnd().length);
      this.stack.pop();
    } else if (name === '.else' || name === '.elseif') {
      if (current === undefined) throw new StatementError(`${name} without .if`, 0, scanner.text.trimEnd().length);
      if (current.seenElse) throw new StatementError(`${name} after .else`, 0, scanner.text.trimEnd().length);
      current.seenElse = name === '.else';
      const possible = current.parentLive && !current.taken;
      current.live = possible && (name === '.else' || context.absolute(scanner, 'the condition') !== 0n);
      current.taken ||= current.live;
    } else {
      const parentLive = this.live;
      const entry = { line: scanner.line, live: false, taken: false, parentLive, seenElse: false };
      this.stack.push(entry);
      if (parentLive) entry.live = evaluate(name, scanner, context);
      entry.taken = entry.live;
    }
  }
}

function evaluate(name: string, scanner: Scanner, context: ConditionContext): boolean {
  const numeric = NUMERIC[name];
  if (numeric !== undefined) {
    const value = context.absolute(scanner, 'the condition');
    scanner.expectEnd('the condition');
    return numeric(value);
  }
  switch (name) {
    case '.ifb':
      return scanner.atEnd();
    case '.ifnb':
      return !scanner.atEnd();
    case '.ifc':
    case '.ifnc': {
      const first = takeOperand(scanner);
      scanner.expect(',', `between the two texts of ${name}`);
      const second = takeOperand(scanner);
      return (first === second) === (name === '.ifc');
    }
    case '.ifeqs':
    case '.ifnes': {
      const first = takeString(scanner, name);
      scanner.expect(',', `between the two strings of ${name}`);
      const second = takeString(scanner, name);
      return (first === second) === (name === '.ifeqs');
    }
  }
  const symbol = scanner.name();
  if (symbol === undefined) return scanner.fail(`${name} needs a symbol`);
  return context.isDefined(symbol) === (name === '.ifdef');
}

/** Text up to a comma, quotes around it taken off. */
function takeOperand(scanner: Scanner): string {
  scanner.skipSpace();
  const start = scanner.position;
  if (scanner.text[start] === "'") {
    const end = closingQuote(scanner.text, start);
    scanner.position = end;
    return scanner.text.slice(start + 1, end - 1);
  }
  let position = start;
  while (position < scanner.end && scanner.text[position] !== ',') {
    position = scanner.text[position] === '"' ? closingQuote(scanner.text, position) : position + 1;
  }
  scanner.position = position;
  return scanner.text.slice(start, position).trim();
}

function takeString(scanner: Scanner, name: string): string {
  scanner.skipSpace();
  const end = closingQuote(scanner.text, scanner.position);
  if (scanner.text[scanner.position] !== '"' || end === scanner.position + 1)
    return scanner.fail(`${name} needs two strings in quotes`);
  const text = scanner.text.slice(scanner.position + 1, end - 1);
  scanner.position = end;
  return text;
}
