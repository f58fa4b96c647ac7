import { printable } from './text';
import type { Format } from './parser';
import { sizeOf, type ValueType } from './types';

/** What formatting needs to know of the guest. */
export interface FormatContext {
  /** `symbol+offset` for an address inside a known symbol. */
  symbolic(va: bigint): string | undefined;
  readLinear(va: bigint, length: number): Uint8Array;
}

/** Largest errno of Linux (MAX_ERRNO in include/linux/err.h): a result of -4095..-1 is an error. */
const MAX_ERRNO = 4095n;

/**
 * A value as a user reads it. Without a format: hexadecimal, with the symbol it points into, or for small numbers the
 * decimal value beside it.
 */
export function formatValue(
  value: bigint,
  type: ValueType,
  format: Format | undefined,
  context: FormatContext,
): string {
  const bits = sizeOf(type) * 8;
  const unsigned = BigInt.asUintN(bits, value);
  switch (format) {
    case 'x':
      return `0x${unsigned.toString(16)}`;
    case 'd':
      return BigInt.asIntN(bits, value).toString();
    case 'u':
      return unsigned.toString();
    case 'o':
      return `0${unsigned.toString(8)}`;
    case 'b':
      return `0b${unsigned.toString(2)}`;
    case 'c':
      return `'${printable(Uint8Array.of(Number(unsigned & 0xffn)))}'`;
    case 's':
      return stringAt(unsigned, context) ?? `0x${unsigned.toString(16)} (no text there: the memory is not mapped)`;
    case undefined:
  }
  if (type.kind === 'pointer' && type.target.kind === 'integer' && type.target.size === 1 && type.target.signed) {
    const text = stringAt(unsigned, context);
    if (text !== undefined) return `0x${unsigned.toString(16)} ${text}`;
  }
  return describeNumber(unsigned, bits, context);
}

/** `0x1e (30)`, `0xffffffffffffffda (-38)`, `0xffffffff81000040 <entry_SYSCALL_64+0x10>`, `0x5`. */
export function describeNumber(unsigned: bigint, bits: number, context: Pick<FormatContext, 'symbolic'>): string {
  const hex = `0x${unsigned.toString(16)}`;
  const symbol = bits === 64 ? context.symbolic(unsigned) : undefined;
  if (symbol) return `${hex} <${symbol}>`;
  const signed = BigInt.asIntN(bits, unsigned);
  if (bits >= 32 && signed < 0n && signed >= -MAX_ERRNO) return `${hex} (${signed})`;
  return unsigned > 9n && unsigned < 0x10000n ? `${hex} (${unsigned})` : hex;
}

const MAX_TEXT = 120;

/**
 * The text at `va` in quotes, up to its NUL or for `length` bytes, cut after 120; undefined if nothing is mapped there.
 */
export function stringAt(va: bigint, context: Pick<FormatContext, 'readLinear'>, length?: number): string | undefined {
  const bytes = context.readLinear(va, Math.min(length ?? MAX_TEXT + 1, MAX_TEXT + 1));
  if (bytes.length === 0) return length === 0 ? '""' : undefined;
  const end = length === undefined ? bytes.indexOf(0) : -1;
  const cut = end < 0 && bytes.length > MAX_TEXT;
  return `"${printable(bytes.subarray(0, end < 0 ? Math.min(bytes.length, MAX_TEXT) : end))}"${cut ? '…' : ''}`;
}
