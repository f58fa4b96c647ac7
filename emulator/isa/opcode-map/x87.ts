/**
 * The x87 escape opcodes D8 to DF (SDM vol. 2, tables ).
 *
 * Aliases the tables leave out and all processors execute are in (FCOM at DC D0, FXCH at DD C8, FSTP at DF D0 and
 * others; FFREEP; FSTPNCE at D9 D8, an FSTP that does not notice an empty register); so are FNENI, FNDISI and FNSETPM,
 * which are no operations (SDM vol. 3, chapter "Architecture compatibility").
 */
import { byMod, byReg, byRm, times } from './cell';
import type { CellText } from './cell';

const ARITHMETIC = ['ADD', 'MUL', 'COM', 'COMP', 'SUB', 'SUBR', 'DIV', 'DIVR'];

/** The eight operations with a real or an integer operand in memory. */
const reals = (operand: string) => byReg(...ARITHMETIC.map((name) => `F${name} ${operand}`));
const integers = (operand: string) => byReg(...ARITHMETIC.map((name) => `FI${name} ${operand}`));

const withTop = (name: string) => `${name} ST0 STi`;
const toStack = (name: string) => `${name} STi ST0`;

/** Instructions without operands, by ModRM.rm. */
const plain = (...names: readonly CellText[]) => byRm(...names, ...times(8 - names.length, null));

export const x87: Readonly<Record<number, CellText>> = {
  0xd8: byMod(reals('Md'), byReg(...ARITHMETIC.map((name) => withTop(`F${name}`)))),
  0xd9: byMod(
    byReg('FLD Md', null, 'FST Md', 'FSTP Md', 'FLDENV Menv z32', 'FLDCW Mw', 'FNSTENV Menv z32', 'FNSTCW Mw'),
    byReg(
      'FLD STi',
      withTop('FXCH'),
      plain('FNOP'),
      'FSTPNCE STi',
      plain('FCHS', 'FABS', null, null, 'FTST', 'FXAM'),
      plain('FLD1', 'FLDL2T', 'FLDL2E', 'FLDPI', 'FLDLG2', 'FLDLN2', 'FLDZ'),
      plain('F2XM1', 'FYL2X', 'FPTAN', 'FPATAN', 'FXTRACT', 'FPREM1', 'FDECSTP', 'FINCSTP'),
      plain('FPREM', 'FYL2XP1', 'FSQRT', 'FSINCOS', 'FRNDINT', 'FSCALE', 'FSIN', 'FCOS'),
    ),
  ),
  0xda: byMod(
    integers('Md'),
    byReg(...['FCMOVB', 'FCMOVE', 'FCMOVBE', 'FCMOVU'].map(withTop), null, plain(null, 'FUCOMPP'), null, null),
  ),
  0xdb: byMod(
    byReg('FILD Md', 'FISTTP Md', 'FIST Md', 'FISTP Md', null, 'FLD Mt', null, 'FSTP Mt'),
    byReg(
      ...['FCMOVNB', 'FCMOVNE', 'FCMOVNBE', 'FCMOVNU'].map(withTop),
      plain('FNENI', 'FNDISI', 'FNCLEX', 'FNINIT', 'FNSETPM'),
      withTop('FUCOMI'),
      withTop('FCOMI'),
      null,
    ),
  ),
  0xdc: byMod(
    reals('Mq'),
    byReg(
      ...['FADD', 'FMUL'].map(toStack),
      ...['FCOM', 'FCOMP'].map(withTop),
      ...['FSUBR', 'FSUB', 'FDIVR', 'FDIV'].map(toStack),
    ),
  ),
  0xdd: byMod(
    byReg('FLD Mq', 'FISTTP Mq', 'FST Mq', 'FSTP Mq', 'FRSTOR Mstate z32', null, 'FNSAVE Mstate z32', 'FNSTSW Mw'),
    byReg('FFREE STi', withTop('FXCH'), 'FST STi', 'FSTP STi', withTop('FUCOM'), withTop('FUCOMP'), null, null),
  ),
  0xde: byMod(
    integers('Mw'),
    byReg(
      ...['FADDP', 'FMULP'].map(toStack),
      withTop('FCOMP'),
      plain(null, 'FCOMPP'),
      ...['FSUBRP', 'FSUBP', 'FDIVRP', 'FDIVP'].map(toStack),
    ),
  ),
  0xdf: byMod(
    byReg('FILD Mw', 'FISTTP Mw', 'FIST Mw', 'FISTP Mw', 'FBLD Mt', 'FILD Mq', 'FBSTP Mt', 'FISTP Mq'),
    byReg(
      'FFREEP STi',
      withTop('FXCH'),
      'FSTP STi',
      'FSTP STi',
      plain('FNSTSW AX'),
      withTop('FUCOMIP'),
      withTop('FCOMIP'),
      null,
    ),
  ),
};
