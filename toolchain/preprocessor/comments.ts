/** C comments, blanked out in place so that columns stay as they are. */

export interface StrippedLine {
  readonly text: string;
  /** True if a block comment is still open at the end of the line. */
  readonly inComment: boolean;
}

/**
 * Replaces comments in one line by as many spaces. An unterminated quote is an ordinary character, as in GNU cpp's
 * assembler mode.
 */
export function stripComments(text: string, inComment: boolean, lineComments = true): StrippedLine {
  if (!inComment && !text.includes('/')) return { text, inComment: false };
  let result = '';
  let position = 0;
  let open = inComment;
  while (position < text.length) {
    if (open) {
      const end = text.indexOf('*/', position);
      const stop = end < 0 ? text.length : end + 2;
      result += ' '.repeat(stop - position);
      position = stop;
      open = end < 0;
      continue;
    }
    const character = text[position];
    if (character === '"' || character === "'") {
      const end = closingQuote(text, position);
      result += text.slice(position, end);
      position = end;
    } else if (text.startsWith('/*', position)) {
      result += '  ';
      position += 2;
      open = true;
    } else if (lineComments && text.startsWith('//', position)) {
      result += ' '.repeat(text.length - position);
      position = text.length;
    } else {
      result += character;
      position++;
    }
  }
  return { text: result, inComment: open };
}

/** Offset after the string or character that begins at `start`; `start + 1` if it is never closed. */
export function closingQuote(text: string, start: number): number {
  const quote = text[start];
  for (let position = start + 1; position < text.length; position++) {
    if (text[position] === '\\') position++;
    else if (text[position] === quote) return position + 1;
  }
  return start + 1;
}

/** Offset of the `#` that starts an assembler comment in the line, or its length. */
export function hashComment(text: string): number {
  if (!text.includes('#')) return text.length;
  for (let position = 0; position < text.length; position++) {
    const character = text[position];
    if (character === '#') return position;
    if (character === '"') position = closingQuote(text, position) - 1;
    else if (character === "'") position = characterEnd(text, position) - 1;
  }
  return text.length;
}

/** Offset after the as character constant (`'a`, `'a'`, `'\n`) that begins at `start`. */
export function characterEnd(text: string, start: number): number {
  let position = start + 1;
  position += text[position] === '\\' ? 2 : 1;
  return text[position] === "'" ? position + 1 : Math.min(position, text.length);
}
