/** C comments, blanked out in place so that columns stay as they are. */

export interface StrippedLine {
  readonly text: string;
  /** True if a block comment is still open at the end of the line. */
  readonly inComment: boolean;
}

/** Whose comments: the C preprocessor's, or the assembler's own, which has no `//` and knows `'a` without a closing quote. */
export type CommentDialect = 'c' | 'gas';

/**
 * Replaces comments in one line by as many spaces. A quote that is never closed keeps all after it from being a comment,
 * as in GNU cpp's assembler mode.
 */
export function stripComments(text: string, inComment: boolean, dialect: CommentDialect): StrippedLine {
  if (!inComment && !text.includes('/')) return { text, inComment: false };
  let result = '';
  let position = 0;
  let open = inComment;
  while (position < text.length) {
    let end: number;
    let isComment = true;
    if (open) {
      const close = text.indexOf('*/', position);
      open = close < 0;
      end = open ? text.length : close + 2;
    } else if (text.startsWith('/*', position)) {
      open = true;
      end = position + 2;
    } else if (dialect === 'c' && text.startsWith('//', position)) {
      end = text.length;
    } else {
      isComment = false;
      end = quotedEnd(text, position, dialect);
    }
    result += isComment ? ' '.repeat(end - position) : text.slice(position, end);
    position = end;
  }
  return { text: result, inComment: open };
}

/** Offset after the character at `start`, or after all of the string that begins there. */
function quotedEnd(text: string, start: number, dialect: CommentDialect): number {
  const character = text[start];
  if (character === "'" && dialect === 'gas') return characterEnd(text, start);
  if (character !== '"' && character !== "'") return start + 1;
  const end = closingQuote(text, start);
  return end === start + 1 && dialect === 'c' ? text.length : end;
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
