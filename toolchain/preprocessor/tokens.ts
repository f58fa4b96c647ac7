/** Preprocessing tokens (C11 6.4), as they matter in assembler source: no trigraphs; a quote that is not closed makes the rest of the line one token. */

export type TokenKind = 'identifier' | 'number' | 'string' | 'character' | 'punctuator' | 'other';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** White space before the token. */
  readonly space: string;
  /** Offset in the logical line that the token, or the macro use it results from, stands at. */
  readonly offset: number;
  /** Which logical line `offset` counts in: 0 is the line being expanded; arguments may come from lines after it. */
  readonly lineIndex: number;
  /** True if the token is a character-for-character part of the source line. */
  readonly verbatim: boolean;
  /** Names of macros that must not expand this token again (C11 6.10.3.4). */
  readonly hidden: readonly string[];
}

const TOKEN =
  /([A-Za-z_][A-Za-z0-9_]*)|(\.?[0-9](?:[eEpP][+-]|[A-Za-z0-9_.])*)|("(?:[^"\\]|\\.)*")|('(?:[^'\\]|\\.)+')|(\.\.\.|##|&&|\|\||==|!=|<=|>=|<<|>>|[-+*/%&|^!~<>=?:,()#.;[\]{}])|(["'].*|\S)/y;

const NOT_HIDDEN: readonly string[] = [];
const KINDS: readonly TokenKind[] = ['identifier', 'number', 'string', 'character', 'punctuator', 'other'];

/** Splits `text` from `start` on into tokens. White space at the end is dropped. */
export function tokenize(text: string, start = 0, lineIndex = 0): Token[] {
  const tokens: Token[] = [];
  let position = start;
  for (;;) {
    const before = position;
    while (position < text.length && isSpace(text.charCodeAt(position))) position++;
    if (position >= text.length) return tokens;
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(text);
    if (match === null) return tokens;
    const kind = KINDS[match.findIndex((group, index) => index > 0 && group !== undefined) - 1] ?? 'other';
    tokens.push({
      kind,
      text: match[0],
      space: text.slice(before, position),
      offset: position,
      lineIndex,
      verbatim: true,
      hidden: NOT_HIDDEN,
    });
    position = TOKEN.lastIndex;
  }
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

/** The tokens' text with their white space. */
export function spell(tokens: readonly Token[]): string {
  return tokens.map((token) => token.space + token.text).join('');
}
