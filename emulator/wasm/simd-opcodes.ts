/**
 * Instructions behind a prefix byte: the prefix is in bits 16 to 23 of the opcode, the number below it. Here are the
 * prefixes and the vector instructions that have a shape of their own (core specification, 5.4.5 to 5.4.8).
 */

/** Saturating truncation. */
export const SATURATING = 0xfc0000;
/** Vector instructions. */
export const SIMD = 0xfd0000;

export const V128_LOAD = SIMD | 0x00;
export const V128_STORE = SIMD | 0x0b;
export const V128_CONST = SIMD | 0x0c;
export const SHUFFLE = SIMD | 0x0d;
export const BITSELECT = SIMD | 0x52;
