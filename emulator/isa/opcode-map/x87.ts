/**
 * The x87 escape opcodes D8 to DF (SDM vol. 2, tables ). They are recognised with their length under the
 * one mnemonic X87; operands are not decoded.
 */
import { byMod, byReg, byRm, form, times } from './cell';
import type { Cell } from './cell';

const X87 = form('X87 modrm');

export const x87: Readonly<Record<number, Cell>> = {
  0xd8: X87,
  0xd9: byMod(
    byReg(X87, null, ...times(6, X87)),
    byReg(
      X87,
      X87,
      byRm(X87, ...times(7, null)),
      null,
      byRm(X87, X87, null, null, X87, X87, null, null),
      byRm(...times(7, X87), null),
      X87,
      X87,
    ),
  ),
  0xda: byMod(X87, byReg(...times(4, X87), null, byRm(null, X87, ...times(6, null)), null, null)),
  0xdb: byMod(
    byReg(...times(4, X87), null, X87, null, X87),
    byReg(...times(4, X87), byRm(null, null, X87, X87, ...times(4, null)), X87, X87, null),
  ),
  0xdc: byMod(X87, byReg(X87, X87, null, null, ...times(4, X87))),
  0xdd: byMod(byReg(...times(5, X87), null, X87, X87), byReg(X87, null, ...times(4, X87), null, null)),
  0xde: byMod(X87, byReg(X87, X87, null, byRm(null, X87, ...times(6, null)), ...times(4, X87))),
  0xdf: byMod(X87, byReg(...times(4, null), byRm(X87, ...times(7, null)), X87, X87, null)),
};
