/** A file as the preprocessor reads it: lines joined at backslashes, comments blanked. */
import { stripComments } from './comments';
import { NO_MACROS, type ColumnSpan, type SourceLine } from './source-line';

export class LogicalLines {
  private readonly lines: readonly string[];
  /** Index of the next physical line. */
  private position = 0;
  private inComment = false;

  constructor(
    readonly path: string,
    text: string,
  ) {
    this.lines = text.split(/\r\n|\n|\r/);
  }

  /** The next line; `undefined` at the end of the file. */
  next(): SourceLine | undefined {
    if (this.position >= this.lines.length) return undefined;
    const number = this.position + 1;
    let text = '';
    const columns: ColumnSpan[] = [];
    for (;;) {
      const physical = this.lines[this.position++] ?? '';
      const continues = physical.endsWith('\\');
      const stripped = stripComments(continues ? physical.slice(0, -1) : physical, this.inComment, 'c');
      this.inComment = stripped.inComment;
      columns.push({ offset: text.length, line: this.position, column: 1, verbatim: true });
      text += stripped.text;
      if (!continues || this.position >= this.lines.length) break;
    }
    return {
      text,
      file: this.path,
      line: number,
      columns: columns.length === 1 ? undefined : columns,
      expansion: undefined,
      macros: NO_MACROS,
    };
  }

  /** Makes `line`, the last one read, the next one again. */
  unread(line: SourceLine): void {
    this.position = line.line - 1;
  }
}
