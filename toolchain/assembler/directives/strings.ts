/** String constants with as's escapes. */
import { closingQuote } from '../../preprocessor';
import type { Scanner } from '../scanner';

const ESCAPES: Readonly<Record<string, number>> = { b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** Parses a string in quotes to its bytes (UTF-8). */
export function parseString(scanner: Scanner): number[] {
  scanner.skipSpace();
  const start = scanner.position;
  if (scanner.text[start] !== '"') return scanner.fail(`expected a string in double quotes${scanner.found()}`);
  const end = closingQuote(scanner.text, start);
  if (end === start + 1) return scanner.fail('this string has no closing quote', start, scanner.text.trimEnd().length);
  scanner.position = end;
  return unescape(scanner.text.slice(start + 1, end - 1));
}

function unescape(text: string): number[] {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const match of text.matchAll(/\\([0-7]{1,3}|x[0-9a-fA-F]*|[^])|[^\\]+/gu)) {
    const escape = match[1];
    if (escape === undefined) bytes.push(...encoder.encode(match[0]));
    else if (/^[0-7]/.test(escape)) bytes.push(parseInt(escape, 8) & 0xff);
    else if (/^x[0-9a-fA-F]/.test(escape)) bytes.push(parseInt(escape.slice(-2).replace('x', ''), 16));
    else {
      const value = ESCAPES[escape];
      if (value === undefined) bytes.push(...encoder.encode(escape));
      else bytes.push(value);
    }
  }
  return bytes;
}
