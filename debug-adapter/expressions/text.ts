const NAMED_ESCAPES: Record<number, string> = {
  0: '\\0',
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

/** Guest bytes as C source would write them between quotes. */
export function printable(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    if (NAMED_ESCAPES[byte]) return NAMED_ESCAPES[byte];
    return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}
