/** Where statements come from: a stack of line lists, the file at the bottom, macro bodies above. */
import type { MacroExpansion } from '../elf/object';
import {
  characterEnd,
  closingQuote,
  hashComment,
  stripComments,
  type SourceLine,
  sourceLines,
  sliceColumns,
} from '../preprocessor';

/** Statements that macros and .rept may produce in all. */
export const MAXIMUM_STATEMENTS = 500_000;

interface Frame {
  readonly statements: readonly SourceLine[];
  next: number;
  /** A macro's expansion (as against a file or a .rept): what .exitm leaves. */
  readonly isMacro: boolean;
  /** Open conditionals when the frame was entered. */
  readonly conditionals: number;
}

/** Splits a line at its semicolons. A line with one statement is returned as it is. */
export function statementsOf(line: SourceLine): SourceLine[] {
  const { text } = line;
  if (!text.includes(';')) return [line];
  const statements: SourceLine[] = [];
  let start = 0;
  const cut = (end: number): void => {
    statements.push({ ...line, text: text.slice(start, end), columns: sliceColumns(line, start) });
    start = end + 1;
  };
  for (let position = 0; position < text.length; position++) {
    const character = text[position];
    if (character === '"') position = closingQuote(text, position) - 1;
    else if (character === "'") position = characterEnd(text, position) - 1;
    else if (character === ';') cut(position);
  }
  cut(text.length);
  return statements;
}

/** Lines of a source that does not go through the C preprocessor, with the assembler's own comments taken out. */
export function plainLines(file: string, text: string): SourceLine[] {
  return withoutComments(sourceLines(file, text));
}

/** Takes the assembler's comments out: those in slashes and stars, after `#`, and lines that begin with `/`. */
export function withoutComments(lines: readonly SourceLine[]): SourceLine[] {
  let inComment = false;
  const result: SourceLine[] = [];
  for (const line of lines) {
    const stripped = stripComments(line.text, inComment, 'gas');
    inComment = stripped.inComment;
    const content = /^\s*\//.test(stripped.text) ? '' : stripped.text.slice(0, hashComment(stripped.text));
    if (content.trim() === '') continue;
    result.push(content === line.text ? line : { ...line, text: content });
  }
  return result;
}

export class InputStack {
  private readonly frames: Frame[] = [];

  push(lines: readonly SourceLine[], isMacro: boolean, conditionals: number): void {
    this.frames.push({ statements: lines.flatMap(statementsOf), next: 0, isMacro, conditionals });
  }

  /** Files, macros and repetitions being read, one inside the other. */
  get depth(): number {
    return this.frames.length;
  }

  /** The next statement; frames that are used up are left, which `onLeave` hears of. */
  next(onLeave: (conditionals: number) => void): SourceLine | undefined {
    for (;;) {
      const frame = this.frames[this.frames.length - 1];
      if (frame === undefined) return undefined;
      const statement = frame.statements[frame.next++];
      if (statement !== undefined) return statement;
      this.frames.pop();
      onLeave(frame.conditionals);
    }
  }

  /** Statements up to the one that `isEnd` accepts, which is taken but not returned; `undefined` if there is none. */
  collect(isEnd: (statement: SourceLine) => boolean): SourceLine[] | undefined {
    const frame = this.frames[this.frames.length - 1];
    if (frame === undefined) return undefined;
    for (let index = frame.next; index < frame.statements.length; index++) {
      if (!isEnd(frame.statements[index])) continue;
      const collected = frame.statements.slice(frame.next, index);
      frame.next = index + 1;
      return collected;
    }
    return undefined;
  }

  /** Drops the rest of the file or body being read. */
  skipFrame(): void {
    const frame = this.frames[this.frames.length - 1];
    if (frame !== undefined) frame.next = frame.statements.length;
  }

  /** Leaves the innermost macro; returns how many conditionals were open before it, `undefined` if there is none. */
  exitMacro(): number | undefined {
    let index = this.frames.length - 1;
    while (index > 0 && this.frames[index]?.isMacro !== true) index--;
    if (index <= 0) return undefined;
    for (const frame of this.frames.slice(index)) frame.next = frame.statements.length;
    return this.frames[index].conditionals;
  }

  /** Ends everything: `.end`. */
  stop(): void {
    for (const frame of this.frames) frame.next = frame.statements.length;
  }
}

/** How deep an expansion is nested. */
export function expansionDepth(expansion: MacroExpansion | undefined): number {
  let depth = 0;
  for (let current = expansion; current !== undefined; current = current.parent) depth++;
  return depth;
}
