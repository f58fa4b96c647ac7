/** 64-bit values as views show them and users type them. */
import type { Hex } from '../../debug-adapter/protocol';

/**
 * Reads a number typed by the user: hexadecimal with 0x, binary with 0b, octal with 0o, decimal, each optionally negative
 * (two's complement) and with `_` or spaces between digits. Undefined if it is none or does not fit 64 bits.
 */
export function parseValue(text: string): Hex | undefined {
  const match = /^(-?)(0x[0-9a-f]+|0b[01]+|0o[0-7]+|[0-9]+)$/i.exec(text.replace(/[\s_]/g, ''));
  if (!match) return undefined;
  const magnitude = BigInt(match[2]);
  const value = match[1] ? -magnitude : magnitude;
  if (value >= 1n << 64n || value < -(1n << 63n)) return undefined;
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}

/** All 16 digits, in two groups so that the halves STAR and CR3 are made of can be told apart. */
export function fullWidth(value: Hex): string {
  const digits = BigInt(value).toString(16).padStart(16, '0');
  return `${digits.slice(0, 8)} ${digits.slice(8)}`;
}

/** The same value in other bases, for a tooltip. */
export function otherBases(value: Hex): string {
  const unsigned = BigInt(value);
  const signed = BigInt.asIntN(64, unsigned);
  const decimal = signed === unsigned ? unsigned.toString() : `${unsigned} (signed: ${signed})`;
  return `${value}\ndecimal: ${decimal}\nbinary: ${unsigned.toString(2)}`;
}

/** Little-endian bytes of a value, in base64, as DAP's writeMemory takes them. */
export function littleEndianBase64(value: Hex): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return btoa(String.fromCharCode(...bytes));
}
