/**
 * MMX, SSE to SSE4.2, AES, SHA and GFNI in their legacy encodings (SDM vol. 2, tables ). They are recognised
 * with their length under the one mnemonic SIMD; operands are not decoded.
 */
import { byMod, byPrefix, byReg, form } from './cell';
import type { Cell } from './cell';

/** The mandatory prefixes with which an opcode exists: `n` none, `6` 66, `3` F3, `2` F2. */
const exists = (prefixes: string, cell: Cell): Cell =>
  byPrefix({
    none: prefixes.includes('n') ? cell : null,
    p66: prefixes.includes('6') ? cell : null,
    f3: prefixes.includes('3') ? cell : null,
    f2: prefixes.includes('2') ? cell : null,
  });

const SIMD = form('SIMD modrm');
const SIMD_IMMEDIATE = form('SIMD modrm Ib');
const inMemory = byMod(SIMD, null);
const inRegister = byMod(null, SIMD);
const inRegisterImmediate = byMod(null, SIMD_IMMEDIATE);

const packed = exists('n6', SIMD);
const scalarToo = exists('n632', SIMD);
const only66 = exists('6', SIMD);
const only66Immediate = exists('6', SIMD_IMMEDIATE);
const packedImmediate = exists('n6', SIMD_IMMEDIATE);
const packedInMemory = exists('n6', inMemory);
const packedInRegister = exists('n6', inRegister);

const range = (first: number, last: number, cell: Cell): Record<number, Cell> =>
  Object.fromEntries(Array.from({ length: last - first + 1 }, (_, index) => [first + index, cell]));

/** Groups 12 to 14: shifts by an immediate. */
const shift = exists('n6', inRegisterImmediate);
const shift66 = exists('6', inRegisterImmediate);

export const vector0F: Readonly<Record<number, Cell>> = {
  0x10: scalarToo,
  0x11: scalarToo,
  0x12: byPrefix({ none: SIMD, p66: inMemory, f3: SIMD, f2: SIMD }),
  0x13: packedInMemory,
  0x14: packed,
  0x15: packed,
  0x16: byPrefix({ none: SIMD, p66: inMemory, f3: SIMD }),
  0x17: packedInMemory,
  0x28: packed,
  0x29: packed,
  0x2a: scalarToo,
  0x2b: packedInMemory,
  0x2c: scalarToo,
  0x2d: scalarToo,
  0x2e: packed,
  0x2f: packed,
  0x50: packedInRegister,
  0x51: scalarToo,
  0x52: exists('n3', SIMD),
  0x53: exists('n3', SIMD),
  ...range(0x54, 0x57, packed),
  ...range(0x58, 0x5f, scalarToo),
  0x5b: exists('n63', SIMD),
  ...range(0x60, 0x6b, packed),
  0x6c: only66,
  0x6d: only66,
  0x6e: packed,
  0x6f: exists('n63', SIMD),
  0x70: exists('n632', SIMD_IMMEDIATE),
  0x71: byReg(null, null, shift, null, shift, null, shift, null),
  0x72: byReg(null, null, shift, null, shift, null, shift, null),
  0x73: byReg(null, null, shift, shift66, null, null, shift, shift66),
  ...range(0x74, 0x76, packed),
  0x77: exists('n', form('SIMD')),
  0x7c: exists('62', SIMD),
  0x7d: exists('62', SIMD),
  0x7e: exists('n63', SIMD),
  0x7f: exists('n63', SIMD),
  0xc2: exists('n632', SIMD_IMMEDIATE),
  0xc4: packedImmediate,
  0xc5: exists('n6', inRegisterImmediate),
  0xc6: packedImmediate,
  0xd0: exists('62', SIMD),
  ...range(0xd1, 0xd5, packed),
  0xd6: byPrefix({ p66: SIMD, f3: inRegister, f2: inRegister }),
  0xd7: packedInRegister,
  ...range(0xd8, 0xe5, packed),
  0xe6: exists('632', SIMD),
  0xe7: packedInMemory,
  ...range(0xe8, 0xef, packed),
  0xf0: exists('2', inMemory),
  ...range(0xf1, 0xf6, packed),
  0xf7: packedInRegister,
  ...range(0xf8, 0xfe, packed),
};

export const vector0F38: Readonly<Record<number, Cell>> = {
  ...range(0x00, 0x0b, packed),
  0x10: only66,
  0x14: only66,
  0x15: only66,
  0x17: only66,
  ...range(0x1c, 0x1e, packed),
  ...range(0x20, 0x25, only66),
  0x28: only66,
  0x29: only66,
  0x2a: exists('6', inMemory),
  0x2b: only66,
  ...range(0x30, 0x35, only66),
  ...range(0x37, 0x41, only66),
  ...range(0xc8, 0xcd, exists('n', SIMD)),
  0xcf: only66,
  ...range(0xdb, 0xdf, only66),
};

export const vector0F3A: Readonly<Record<number, Cell>> = {
  ...range(0x08, 0x0e, only66Immediate),
  0x0f: packedImmediate,
  ...range(0x14, 0x17, only66Immediate),
  ...range(0x20, 0x22, only66Immediate),
  ...range(0x40, 0x42, only66Immediate),
  0x44: only66Immediate,
  ...range(0x60, 0x63, only66Immediate),
  0xcc: exists('n', SIMD_IMMEDIATE),
  0xce: only66Immediate,
  0xcf: only66Immediate,
  0xdf: only66Immediate,
};
