/** Statements and the machine code they became. */
import type { Position } from 'vscode-languageserver';
import { assemble, locationAt, type AssembleResult } from '../toolchain';
import type { Analysis } from './analysis';

/** A statement that emitted something. */
export type Row = AssembleResult['rows'][number];

export interface EncodedStatement {
  readonly row: Row;
  readonly bytes: Uint8Array;
  /** Offset in its section; undefined while the source has errors. */
  readonly offset: number | undefined;
  readonly bits: 32 | 64;
}

/** The instruction at the position; in a macro's body, as the first expansion has it. */
export function instructionAt(analysis: Analysis, path: string, position: Position): EncodedStatement | undefined {
  let found: Row | undefined;
  let foundColumn = 0;
  for (const row of analysis.result.rows) {
    if (typeof row.content === 'string' || row.line.file !== path) continue;
    const { text } = row.line;
    const start = locationAt(row.line, Math.max(0, text.search(/\S/)));
    const last = locationAt(row.line, text.trimEnd().length - 1);
    const line = position.line + 1;
    if (start.line > line || last.line < line) continue;
    const starts = start.line < line || start.column - 1 <= position.character;
    const ends = last.line > line || position.character <= last.column;
    if (!starts || !ends || start.column <= foundColumn) continue;
    found = row;
    foundColumn = start.column;
  }
  return found && encoded(analysis, found);
}

/** Bytes that the statements of a macro's expansion emitted, without padding. */
export function bytesOf(analysis: Analysis, includes: (row: Row) => boolean): number {
  return analysis.result.rows
    .filter((row) => row.content !== 'padding' && includes(row))
    .reduce((sum, { start, end }) => sum + addressOf(end) - addressOf(start), 0);
}

function addressOf({ fragment, offset }: Row['start']): number {
  return fragment.address + offset;
}

function encoded({ result }: Analysis, row: Row): EncodedStatement | undefined {
  const bits = row.content === 32 ? 32 : 64;
  const section = result.module?.sections.find(({ name }) => name === row.section.name);
  const offset = addressOf(row.start);
  if (section) return { row, bytes: section.data.subarray(offset, addressOf(row.end)), offset, bits };
  // Errors elsewhere leave no object: assembled by itself the instruction is the same, but for what labels decide.
  const alone = assemble({ path: 'statement.s', text: `.code${bits}\n${row.line.text}\n` });
  const bytes = alone.module?.sections.find(({ name }) => name === '.text')?.data;
  return bytes && bytes.length > 0 ? { row, bytes, offset: undefined, bits } : undefined;
}
