/** A line of text on its way to the assembler, and the way back from each of its characters to the file it came from. */
import type { Diagnostic, MacroExpansion, SourceLocation } from '../elf/object';

/** From `offset` in the text onwards, characters come from `line`/`column`: one to one if `verbatim`, else all from that place. */
export interface ColumnSpan {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
  readonly verbatim: boolean;
  /** Source characters that all of a span which is not verbatim stands for; 1 if left out. */
  readonly width?: number;
}

/** One use of a C macro. */
export interface MacroUse {
  readonly name: string;
  readonly definition: SourceLocation;
  /** Where the outermost use stands in the source. */
  readonly call: SourceLocation;
  /** Column after the macro's name (or its closing parenthesis). */
  readonly endColumn: number;
  /** The use whose replacement text contained this one. */
  readonly parent: MacroUse | undefined;
}

export interface SourceLine {
  readonly text: string;
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
  /** Sorted by offset; absent if the text is the file's own line, character for character. */
  readonly columns: readonly ColumnSpan[] | undefined;
  /** Assembler macro expansion that produced the line. */
  readonly expansion: MacroExpansion | undefined;
  /** C macros expanded in the line. */
  readonly macros: readonly MacroUse[];
}

export const NO_MACROS: readonly MacroUse[] = [];

/** Splits a file into lines as they are. */
export function sourceLines(file: string, text: string): SourceLine[] {
  return text.split(/\r\n|\n|\r/).map((content, index) => ({
    text: content,
    file,
    line: index + 1,
    columns: undefined,
    expansion: undefined,
    macros: NO_MACROS,
  }));
}

/** The place in the source of the character at `offset` of the line's text. */
export function locationAt(line: SourceLine, offset: number): SourceLocation {
  if (line.columns === undefined) return { file: line.file, line: line.line, column: offset + 1 };
  let span: ColumnSpan = { offset: 0, line: line.line, column: 0, verbatim: false };
  for (const candidate of line.columns) {
    if (candidate.offset > offset) break;
    span = candidate;
  }
  return { file: line.file, line: span.line, column: span.verbatim ? span.column + offset - span.offset : span.column };
}

/** Column after the source characters that the character at `offset` comes from. */
export function columnAfter(line: SourceLine, offset: number): number {
  const { column } = locationAt(line, offset);
  if (line.columns === undefined || column === 0) return column === 0 ? 0 : column + 1;
  const span = line.columns.filter((candidate) => candidate.offset <= offset).at(-1);
  return column + (span === undefined || span.verbatim ? 1 : (span.width ?? 1));
}

/** The column spans of `text.slice(start)` of a line, counted from its new beginning. */
export function sliceColumns(line: SourceLine, start: number): readonly ColumnSpan[] | undefined {
  if (line.columns === undefined) {
    return start === 0 ? undefined : [{ offset: 0, line: line.line, column: start + 1, verbatim: true }];
  }
  const first = locationAt(line, start);
  const containing = line.columns.filter((span) => span.offset <= start).at(-1);
  return [
    { ...containing, offset: 0, line: first.line, column: first.column, verbatim: containing?.verbatim ?? false },
    ...line.columns.filter((span) => span.offset > start).map((span) => ({ ...span, offset: span.offset - start })),
  ];
}

/** A diagnostic for the characters `start` to `end` of the line's text. */
export function diagnosticAt(
  severity: Diagnostic['severity'],
  message: string,
  line: SourceLine,
  start: number,
  end: number,
): Diagnostic {
  const location = locationAt(line, start);
  const lastOffset = Math.max(start, end - 1);
  const last = locationAt(line, lastOffset);
  const sameLine = last.line === location.line && last.column >= location.column;
  return {
    severity,
    message,
    location,
    endColumn: location.column === 0 ? 0 : columnAfter(line, sameLine ? lastOffset : start),
    expansion: expansionAt(line, start, location),
  };
}

/** The expansion that produced the character at `offset`: of a C macro, else of the assembler macro the line belongs to. */
function expansionAt(
  line: SourceLine,
  offset: number,
  { line: number, column }: SourceLocation,
): MacroExpansion | undefined {
  const span = line.columns?.filter((candidate) => candidate.offset <= offset).at(-1);
  if (span === undefined || span.verbatim) return line.expansion;
  const use = line.macros.find(
    ({ call, parent }) => parent === undefined && call.line === number && call.column === column,
  );
  if (use === undefined) return line.expansion;
  return { macro: use.name, definition: use.definition, call: use.call, parent: line.expansion };
}
