/** A cursor over one statement's text, and the error that carries a place in it. */
import { closingQuote, type SourceLine } from '../preprocessor';

/** What is wrong with a statement, and with which of its characters. */
export class StatementError extends Error {
  constructor(
    message: string,
    readonly start: number,
    readonly end: number,
    /** Something is not known that a file which could not be included may define. */
    readonly isUnknownName = false,
  ) {
    super(message);
  }
}

const NAME = /[A-Za-z_.$\u0080-\uffff][\w.$\u0080-\uffff]*/y;

export class Scanner {
  position: number;
  readonly text: string;

  constructor(
    readonly line: SourceLine,
    start = 0,
    readonly end = line.text.length,
  ) {
    this.text = end === line.text.length ? line.text : line.text.slice(0, end);
    this.position = start;
  }

  skipSpace(): void {
    while (this.position < this.end) {
      const code = this.text.charCodeAt(this.position);
      if (code !== 32 && (code < 9 || code > 13)) return;
      this.position++;
    }
  }

  /** True if nothing but white space is left. */
  atEnd(): boolean {
    this.skipSpace();
    return this.position >= this.end;
  }

  /** The next character that is not white space; empty at the end. */
  peek(): string {
    this.skipSpace();
    return this.text[this.position] ?? '';
  }

  accept(text: string): boolean {
    this.skipSpace();
    if (!this.text.startsWith(text, this.position)) return false;
    this.position += text.length;
    return true;
  }

  expect(text: string, where: string): void {
    if (!this.accept(text)) this.fail(`expected '${text}' ${where}${this.found()}`);
  }

  /** A symbol's name, plain or in quotes. */
  name(): string | undefined {
    this.skipSpace();
    if (this.text[this.position] === '"') {
      const end = closingQuote(this.text, this.position);
      if (end > this.position + 1) {
        const name = this.text.slice(this.position + 1, end - 1);
        this.position = end;
        return name;
      }
      return undefined;
    }
    NAME.lastIndex = this.position;
    const match = NAME.exec(this.text);
    if (match === null) return undefined;
    this.position = NAME.lastIndex;
    return match[0];
  }

  /** The rest of the statement, without white space around it; the cursor moves to the end. */
  rest(): string {
    this.skipSpace();
    const text = this.text.slice(this.position).trimEnd();
    this.position = this.end;
    return text;
  }

  expectEnd(after: string): void {
    if (!this.atEnd()) this.fail(`unexpected '${this.rest()}' after ${after}`, this.position, this.end);
  }

  /** `, found 'x'` for a message. */
  found(): string {
    this.skipSpace();
    const word = /^(?:[\w.$%@]+|.)/.exec(this.text.slice(this.position));
    return word === null ? ' before the end of the line' : `, found '${word[0]}'`;
  }

  /** Throws a StatementError for the given characters, by default those from the cursor on. */
  fail(message: string, start?: number, end?: number): never {
    if (start === undefined) {
      this.skipSpace();
      const word = /^[\w.$%@]+/.exec(this.text.slice(this.position));
      const from = Math.min(this.position, this.text.trimEnd().length);
      throw new StatementError(message, from, from + (word?.[0].length ?? 1));
    }
    throw new StatementError(message, start, end ?? start + 1);
  }
}
