/** Places in a source, as the assembler and as the protocol count them. Both count UTF-16 code units. */
import type { Location, Position, Range } from 'vscode-languageserver';
import type { SourceLocation } from '../toolchain';
import type { SourceFiles } from './source-files';

/** Line and column from 1 to line and character from 0. */
export function positionOf({ line, column }: SourceLocation): Position {
  return { line: Math.max(0, line - 1), character: Math.max(0, column - 1) };
}

/** From `location` to before `endColumn`; where a column is unknown (0), the line's text. */
export function rangeOf(location: SourceLocation, endColumn: number, files: SourceFiles): Range {
  if (location.column > 0 && endColumn > location.column) {
    return { start: positionOf(location), end: positionOf({ ...location, column: endColumn }) };
  }
  const text = lineText(files.read(location.file) ?? '', Math.max(0, location.line - 1));
  const start = location.column > 0 ? location.column - 1 : Math.max(0, text.search(/\S/));
  const line = Math.max(0, location.line - 1);
  return { start: { line, character: start }, end: { line, character: Math.max(start, text.trimEnd().length) } };
}

export function locationOf(location: SourceLocation, length: number, files: SourceFiles): Location {
  return { uri: files.uriOf(location.file), range: rangeOf(location, location.column + length, files) };
}

/** True if the characters from `location` up to `endColumn` contain the position, or end at it. */
export function contains(location: SourceLocation, endColumn: number, path: string, position: Position): boolean {
  return (
    location.file === path &&
    location.column > 0 &&
    location.line - 1 === position.line &&
    location.column - 1 <= position.character &&
    position.character <= endColumn - 1
  );
}

export function lineText(text: string, line: number): string {
  return text.split(/\r\n|\n|\r/, line + 1)[line] ?? '';
}

/** The name at the position: letters, digits, `_`, `.` and `$`; empty if there is none, or it is a register's. */
export function wordAt(text: string, { line, character }: Position): { word: string; start: number } {
  const content = lineText(text, line);
  let start = Math.min(character, content.length);
  while (start > 0 && /[\w.$]/.test(content[start - 1] ?? '')) start--;
  let word = /^[\w.$]+/.exec(content.slice(start))?.[0] ?? '';
  if (word.startsWith('$')) {
    word = word.slice(1);
    start++;
  }
  return content[start - 1] === '%' ? { word: '', start } : { word, start };
}
