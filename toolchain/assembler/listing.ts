/** The assembly listing: what `as -al` prints, from the source line to its bytes. */
import type { AssembleResult } from './result';
import type { Place } from './sections';
import { expansionDepth } from './input';

/** Bytes on one line of the listing, and lines for one statement. */
const BYTES_PER_LINE = 8;
const MAXIMUM_LINES = 4;

/**
 * Lists every statement in the order assembled: line, offset in its section, bytes, text. Lines of a macro's expansion
 * stand below the call, marked with one `>` for each level; a change of file is headed by its name.
 */
export function listing(result: AssembleResult): string {
  const output: string[] = [];
  let nextRow = 0;
  let file = '';
  for (const statement of result.statements) {
    if (statement.file !== file) {
      file = statement.file;
      output.push(`${file}:`);
    }
    const row = result.rows[nextRow]?.line === statement ? result.rows[nextRow++] : undefined;
    const number = String(statement.line).padStart(5);
    const text = `${'>'.repeat(expansionDepth(statement.expansion))}\t${statement.text.trimEnd()}`;
    if (row === undefined) {
      output.push(`${number} ${' '.repeat(COLUMNS)} ${text}`);
      continue;
    }
    const offset = addressOf(row.start);
    const length = addressOf(row.end) - offset;
    const bytes = contents(result, row.section.name).subarray(offset, offset + length);
    output.push(...listBytes(number, offset, bytes, length, text));
  }
  return output.map((line) => line.trimEnd()).join('\n') + '\n';
}

/** Width of offset and bytes. */
const COLUMNS = 8 + 1 + 2 * BYTES_PER_LINE;

function listBytes(number: string, offset: number, bytes: Uint8Array, length: number, text: string): string[] {
  const lines: string[] = [];
  const shown = Math.min(bytes.length, BYTES_PER_LINE * MAXIMUM_LINES);
  for (let start = 0; start === 0 || start < shown; start += BYTES_PER_LINE) {
    const address = (offset + start).toString(16).padStart(8, '0');
    const hex = [...bytes.subarray(start, Math.min(start + BYTES_PER_LINE, shown))]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('')
      .padEnd(2 * BYTES_PER_LINE);
    lines.push(`${number} ${address} ${hex} ${start === 0 ? text : ''}`);
  }
  if (shown < length) lines.push(`${number} ${' '.repeat(9)}… ${length - shown} more bytes`);
  return lines;
}

function contents({ module }: AssembleResult, section: string): Uint8Array {
  return module?.sections.find(({ name }) => name === section)?.data ?? new Uint8Array(0);
}

function addressOf({ fragment, offset }: Place): number {
  return fragment.address + offset;
}
