/**
 * How the tables of vector instructions are written: one row for the legacy and the VEX encoding of an instruction,
 * as in the SDM, vol. 2, tables.
 *
 *   'ADDPS Vx Hx Wx'   is ADDPS Vx Wx behind a legacy prefix and VADDPS Vx Hx Wx behind VEX
 *
 * Operands named by VEX.vvvv and the attributes W0, W1, L0, L1 are for VEX alone. There is no VEX encoding of a row with
 * MMX registers or the attribute `legacy`, and no legacy one of a row whose mnemonic has the V already.
 */
import { byL, byMod, byPrefix, byReg, byVexW, byW, form } from './cell';
import type { Cell } from './cell';

export type Encoding = 'legacy' | 'vex';

/** A cell of a vector table, still to be turned into that of one encoding. */
export type VectorCell = (encoding: Encoding) => Cell;
export type VectorText = string | VectorCell | null;
export type VectorTable = Readonly<Record<number, VectorText>>;

function vectorForm(text: string, encoding: Encoding): Cell {
  const words = text.split(' ');
  if (encoding === 'legacy') {
    if (text.startsWith('V')) return null;
    return form(words.filter((word) => !/^(H[a-z]+|[WL][01]|legacy)$/.test(word)).join(' '));
  }
  if (words.some((word) => /^([PQN][a-z]|legacy$)/.test(word))) return null;
  return form(text.startsWith('V') ? text : `V${text}`);
}

const resolve = (text: VectorText, encoding: Encoding): Cell => {
  if (text === null) return null;
  return typeof text === 'string' ? vectorForm(text, encoding) : text(encoding);
};

/** By mandatory prefix: none, 66, F3, F2. */
export const prefixed =
  (none: VectorText, p66: VectorText = null, f3: VectorText = null, f2: VectorText = null): VectorCell =>
  (encoding) =>
    byPrefix({
      none: resolve(none, encoding),
      p66: resolve(p66, encoding),
      f3: resolve(f3, encoding),
      f2: resolve(f2, encoding),
    });

/** With the mandatory prefix 66 alone. */
export const with66 = (text: VectorText): VectorCell => prefixed(null, text);

/** By ModRM.mod: memory or register. */
export const memoryOrRegister =
  (memory: VectorText, register: VectorText): VectorCell =>
  (encoding) =>
    byMod(resolve(memory, encoding), resolve(register, encoding));

/** By ModRM.reg, /0 to /7. */
export const byGroup =
  (...texts: readonly VectorText[]): VectorCell =>
  (encoding) =>
    byReg(...texts.map((text) => resolve(text, encoding)));

/** By REX.W or VEX.W as the width of a general register: outside 64-bit mode it is 0. */
export const byWidth =
  (w0: VectorText, w1: VectorText): VectorCell =>
  (encoding) =>
    byW(resolve(w0, encoding), resolve(w1, encoding));

/** By VEX.W as the width of an element. */
export const byElement =
  (w0: VectorText, w1: VectorText): VectorCell =>
  (encoding) =>
    byVexW(resolve(w0, encoding), resolve(w1, encoding));

/** By VEX.L; the first without VEX. */
export const byLength =
  (l0: VectorText, l1: VectorText): VectorCell =>
  (encoding) =>
    byL(resolve(l0, encoding), resolve(l1, encoding));

/** The cells of a table in one encoding. */
export function encodedAs(encoding: Encoding, table: VectorTable): Record<number, Cell> {
  return Object.fromEntries(Object.entries(table).map(([opcode, text]) => [opcode, resolve(text, encoding)]));
}
