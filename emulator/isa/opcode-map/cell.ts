/**
 * The building blocks of the opcode maps. A cell of a map is a form (mnemonic, operands, attributes), a choice between
 * cells, or undefined (#UD). Forms are written as text in the notation of the SDM, vol. 2, appendix A:
 *
 *   'ADD Ev Gv lock'   mnemonic, operands (../operands.ts), attributes
 *
 * Attributes:
 *   d64   operand size defaults to 64 bits in 64-bit mode, no 32-bit form
 *   f64   operand size is 64 bits in 64-bit mode, prefixes ignored
 *   z32   operand size is at most 32 bits: REX.W ignored (port input and output)
 *   cpu   operand size is 64 bits in 64-bit mode, else 32, prefixes ignored (control and debug registers)
 *   byte  operand size is 8 bits though no operand says so
 *   i64   invalid in 64-bit mode
 *   o64   only in 64-bit mode
 *   lock  LOCK is allowed with a memory destination
 *   rep   a string instruction: F3 and F2 repeat it
 *   modrm a ModRM byte follows though no operand shows it
 *   track a near indirect branch: 3E is the no-track prefix
 *   W0 W1 L0 L1   VEX.W or VEX.L has this value, else undefined
 */
import { NO_OPERAND, ignoresMod, isVector, operandCode, usesModrm, usesVvvv } from '../operands';

/** How the effective operand size comes about (SDM vol. 1, section 3.6). */
export const enum SizeRule {
  /** Mode default, 66, REX.W. */
  Normal,
  Byte,
  Default64,
  Force64,
  AtMost32,
  /** 64 bits with W, else 32; 66 has no influence, being a mandatory prefix. */
  ByW,
  Cpu,
}

/** What a choice looks at. */
export const enum Selector {
  /** ModRM.reg: 8 cells. */
  Reg,
  /** ModRM.mod: memory, register. */
  Mod,
  /** ModRM.rm: 8 cells. */
  Rm,
  /** Mandatory prefix: none, 66, F3, F2; the last of F3 and F2 counts, before any 66. */
  Prefix,
  /** Outside 64-bit mode, in 64-bit mode. */
  LongMode,
  /** REX.W or VEX.W: 0, 1. */
  W,
  /** REX.B: 0, 1. */
  B,
  /** VEX.L: 0, 1. */
  L,
  /** VEX.W in every mode, where it is no operand size: 0, 1. */
  VexW,
  /** A processor feature that changes what an encoding means: without, with. */
  Feature,
}

/** What decides whether an encoding has its newer meaning or an older one. Bits, to be combined. */
export const enum DecoderFeature {
  /** F3 0F BC is TZCNT, else BSF. */
  BMI1 = 1,
  /** F3 0F BD is LZCNT, else BSR. */
  LZCNT = 2,
  /** F3 0F 09 is WBNOINVD, else WBINVD. */
  WBNOINVD = 4,
  /** C4 and C5 with register forms are VEX prefixes; not so in real-address and virtual-8086 mode (SDM vol. 2, 2.5.1). */
  VEX = 8,
  /** F3 0F 1E /1 is RDSSP, else NOP. */
  CET_SS = 16,
  /** F3 0F 1E FA and FB are ENDBR64 and ENDBR32, else NOP. */
  CET_IBT = 32,
  ALL = 63,
}

/** The bits of the last byte of a VEX prefix that can be prescribed (SDM vol. 2, figure 2-9). */
export const enum VexBit {
  L = 0x04,
  W = 0x80,
}

export class Form {
  readonly selector = undefined;
  constructor(
    readonly mnemonic: string,
    readonly condition: number,
    readonly operand0: number,
    readonly operand1: number,
    readonly operand2: number,
    readonly operand3: number,
    readonly sizeRule: SizeRule,
    readonly modrm: boolean,
    readonly ignoresMod: boolean,
    readonly lockable: boolean,
    readonly string: boolean,
    readonly tracked: boolean,
    readonly validIn64: boolean,
    readonly validOutside64: boolean,
    readonly vvvv: boolean,
    /** Which of `VexBit` are prescribed, and to what. */
    readonly vexMask: number,
    readonly vexValue: number,
  ) {}
}

export class Choice {
  constructor(
    readonly selector: Selector,
    readonly cells: readonly Cell[],
    readonly feature: number,
  ) {}
}

/** null: an undefined opcode. */
export type Cell = Form | Choice | null;

/** How tables write a cell: text stands for a form. */
export type CellText = Cell | string;

const ATTRIBUTES = 'd64 f64 z32 cpu byte i64 o64 lock rep track modrm W0 W1 L0 L1'.split(' ');

const collected = new Set<string>();

/** Every mnemonic that occurs in a form made so far. */
export const collectedMnemonics: ReadonlySet<string> = collected;

/** Makes a form from its notation; `condition` is the condition code of Jcc, SETcc and CMOVcc. */
export function form(text: string, condition = 0): Form {
  const [mnemonic, ...words] = text.split(' ');
  const attributes = words.filter((word) => ATTRIBUTES.includes(word));
  const operands = words.filter((word) => !ATTRIBUTES.includes(word));
  const codes = operands.map(operandCode);
  const has = (attribute: string) => attributes.includes(attribute);
  collected.add(mnemonic);
  return new Form(
    mnemonic,
    condition,
    codes[0] ?? NO_OPERAND,
    codes[1] ?? NO_OPERAND,
    codes[2] ?? NO_OPERAND,
    codes[3] ?? NO_OPERAND,
    codes.some(isVector) ? SizeRule.ByW : sizeRule(operands, has),
    has('modrm') || codes.some(usesModrm),
    codes.some(ignoresMod),
    has('lock'),
    has('rep'),
    has('track'),
    !has('i64'),
    !has('o64'),
    codes.some(usesVvvv),
    (has('W0') || has('W1') ? VexBit.W : 0) | (has('L0') || has('L1') ? VexBit.L : 0),
    (has('W1') ? VexBit.W : 0) | (has('L1') ? VexBit.L : 0),
  );
}

function sizeRule(operands: readonly string[], has: (attribute: string) => boolean): SizeRule {
  if (has('d64')) return SizeRule.Default64;
  if (has('f64')) return SizeRule.Force64;
  if (has('cpu')) return SizeRule.Cpu;
  if (has('byte') || operands.includes('AL') || /^[EGMOXYZ]b$/.test(operands[0])) return SizeRule.Byte;
  if (has('z32')) return SizeRule.AtMost32;
  if (operands.some((operand) => operand.endsWith('y')) && !operands.some((operand) => operand.endsWith('v')))
    return SizeRule.ByW;
  return SizeRule.Normal;
}

const cell = (text: CellText): Cell => (typeof text === 'string' ? form(text) : text);
const choice = (selector: Selector, texts: readonly CellText[], feature = 0) =>
  new Choice(selector, texts.map(cell), feature);

/** By ModRM.reg, /0 to /7. */
export const byReg = (...texts: readonly CellText[]) => choice(Selector.Reg, texts);
/** By ModRM.rm, 0 to 7. */
export const byRm = (...texts: readonly CellText[]) => choice(Selector.Rm, texts);
/** By ModRM.mod: memory or register. */
export const byMod = (memory: CellText, register: CellText) => choice(Selector.Mod, [memory, register]);
/** Outside 64-bit mode and in it. */
export const byLongMode = (legacy: CellText, long: CellText) => choice(Selector.LongMode, [legacy, long]);
/** By REX.W or VEX.W, as the size of a general register: outside 64-bit mode it is 0. */
export const byW = (w0: CellText, w1: CellText) => choice(Selector.W, [w0, w1]);
/** By VEX.L. */
export const byL = (l0: CellText, l1: CellText) => choice(Selector.L, [l0, l1]);
/** By VEX.W in every mode. */
export const byVexW = (w0: CellText, w1: CellText) => choice(Selector.VexW, [w0, w1]);
/** By REX.B. */
export const byB = (b0: CellText, b1: CellText) => choice(Selector.B, [b0, b1]);
/** By a processor feature. */
export const byFeature = (feature: DecoderFeature, without: CellText, withIt: CellText) =>
  choice(Selector.Feature, [without, withIt], feature);
/** By mandatory prefix; what is not given is undefined. */
export const byPrefix = (cells: { none?: CellText; p66?: CellText; f3?: CellText; f2?: CellText }) =>
  choice(Selector.Prefix, [cells.none ?? null, cells.p66 ?? null, cells.f3 ?? null, cells.f2 ?? null]);
/** F3 means something of its own; 66 and F2 are as without a prefix. */
export const exceptF3 = (other: CellText, f3: CellText) => {
  const rest = cell(other);
  return byPrefix({ none: rest, p66: rest, f3, f2: rest });
};

/** Sixteen forms by the low opcode bits as condition code. */
export function byCondition(first: number, text: string): Record<number, Cell> {
  return Object.fromEntries([...Array(16).keys()].map((condition) => [first + condition, form(text, condition)]));
}

/** The same cell at several opcodes. */
export function repeated(first: number, count: number, text: CellText): Record<number, Cell> {
  const shared = cell(text);
  return Object.fromEntries([...Array(count).keys()].map((index) => [first + index, shared]));
}

/** The same text several times, for the rows of a group. */
export const times = (count: number, text: CellText): CellText[] => Array<CellText>(count).fill(text);

/** A map of 256 cells; opcodes not given are undefined. */
export function opcodeMap(cells: Readonly<Record<number, CellText>>): readonly Cell[] {
  return Array.from({ length: 256 }, (_, opcode) => cell(cells[opcode] ?? null));
}
