/**
 * The x87 escape opcodes D8 to DF (SDM vol. 2, tables ). They are recognised with their length under the
 * one mnemonic X87; operands are not decoded.
 */
import { byMod, byReg, byRm, form, times } from './cell';
import type { Cell } from './cell';

const X87 = form('X87 modrm');

const some = (...defined: readonly number[]) =>
  byRm(...times(8, null).map((_, rm) => (defined.includes(rm) ? X87 : null)));

/**
 * Aliases the tables leave out and all processors execute are in (FSTP at D9 D8, FCOM at DC D0, FXCH at DD C8, FFREEP
 * and others); so are FNENI, FNDISI and FNSETPM, which are no operations (SDM vol. 3, chapter
 * "Architecture compatibility").
 */
export const x87: Readonly<Record<number, Cell>> = {
  0xd8: X87,
  0xd9: byMod(
    byReg(X87, null, ...times(6, X87)),
    byReg(X87, X87, some(0), X87, some(0, 1, 4, 5), some(0, 1, 2, 3, 4, 5, 6), X87, X87),
  ),
  0xda: byMod(X87, byReg(...times(4, X87), null, some(1), null, null)),
  0xdb: byMod(
    byReg(...times(4, X87), null, X87, null, X87),
    byReg(...times(4, X87), some(0, 1, 2, 3, 4), X87, X87, null),
  ),
  0xdc: X87,
  0xdd: byMod(byReg(...times(5, X87), null, X87, X87), byReg(...times(6, X87), null, null)),
  0xde: byMod(X87, byReg(...times(3, X87), some(1), ...times(4, X87))),
  0xdf: byMod(X87, byReg(...times(4, X87), some(0), X87, X87, null)),
};
