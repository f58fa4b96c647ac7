/**
 * The instruction decoder: bytes to `Instruction` (SDM vol. 2, chapter 2). Prefixes and opcode lead to a form in the
 * opcode maps; the form tells which operands follow.
 *
 * Everything up to AVX2, FMA, F16C and GFNI is decoded, whether a modelled processor has it or not. AVX-512 and the
 * later vector extensions are undefined, and so is all of EVEX; virtualisation, SGX, TSX, MPX, AMX, Key Locker and AMD's
 * own instructions are undefined, but for the encodings that are NOP on a processor without the feature.
 *
 * Operands are those of the SDM, destination first, with these conventions:
 * - Fixed operands an instruction always has (AL in MUL, the accumulator and DX of string instructions) are left out;
 *   those that distinguish forms (CL or 1 as shift count, AL or rAX with an immediate, DX of IN and OUT) are there.
 * - XMM0 as third operand of BLENDVPS, BLENDVPD, PBLENDVB and SHA256RNDS2 is left out, too. MASKMOVQ and MASKMOVDQU
 *   have DS:rDI as their destination.
 * - x87 instructions of two operands name both; those that work on ST(0), or ST(0) and ST(1), alone name none.
 * - String instructions have their memory operands: MOVS ES:rDI, DS:rSI; CMPS DS:rSI, ES:rDI; others the one they use.
 *   XLAT has DS:rBX (AL is still to be added), MONITOR DS:rAX. Their width is `addressSize`, as for all addresses.
 * - Memory that is addressed but not accessed as one value (LEA, INVLPG, XSAVE areas) has size 0; NOP has no operands.
 * - Immediates that are extended to the operand size have that size and a signed value; others have their own size, and
 *   a value that is signed from 32 bits on, else unsigned.
 */
import type { Instruction, Operand } from './instruction';
import { Seg } from './instruction';
import { Decoding, NO_OPERAND } from './operands';
import type { Cell, Form } from './opcode-map';
import {
  DecoderFeature,
  map0F38,
  map0F3A,
  oneByteMap,
  Selector,
  SizeRule,
  VexBit,
  twoByteMap,
  vexMap0F,
  vexMap0F38,
  vexMap0F3A,
} from './opcode-map';

export { DecoderFeature, mnemonics } from './opcode-map';

/**
 * Why there is no instruction: `truncated` needs more bytes than there are; `undefined` is #UD; `too-long`, more than
 * 15 bytes, is #GP(0).
 */
export type DecodeFailure = 'truncated' | 'undefined' | 'too-long';

/** Default operand and address size: 64 is 64-bit mode; 32 and 16 go by the D flag of the code segment. */
export type CodeSize = 16 | 32 | 64;

/** SDM vol. 2, 2.3.11: longer instructions raise #GP(0). */
const MAXIMUM_LENGTH = 15;

const enum Prefix {
  None,
  Segment,
  OperandSize,
  AddressSize,
  Lock,
  Repeat,
  /** 40 to 4F, a prefix in 64-bit mode only. */
  Rex,
}

const PREFIXES = new Uint8Array(256);
const SEGMENT_PREFIXES: Readonly<Record<number, Seg>> = {
  0x26: Seg.ES,
  0x2e: Seg.CS,
  0x36: Seg.SS,
  0x3e: Seg.DS,
  0x64: Seg.FS,
  0x65: Seg.GS,
};
for (const byte of Object.keys(SEGMENT_PREFIXES)) PREFIXES[Number(byte)] = Prefix.Segment;
PREFIXES.fill(Prefix.Rex, 0x40, 0x50);
PREFIXES[0x66] = Prefix.OperandSize;
PREFIXES[0x67] = Prefix.AddressSize;
PREFIXES[0xf0] = Prefix.Lock;
PREFIXES[0xf2] = Prefix.Repeat;
PREFIXES[0xf3] = Prefix.Repeat;

/** The DS override in front of a near indirect branch. */
const NO_TRACK = 0x3e;

/** The pp field of VEX (SDM vol. 2, figure 2-9) as a mandatory prefix: none, 66, F3, F2. */
const MANDATORY_66 = 1;
const MANDATORY_F3 = 2;
const MANDATORY_F2 = 3;

const NO_OPERANDS: readonly Operand[] = [];
const decoding = new Decoding();
/** Input near the end of its array is decoded from here, so that reading past that end is harmless. */
const padded = new Uint8Array(3 * MAXIMUM_LENGTH);

/**
 * Decodes the instruction at `code[offset]`.
 *
 * @param available how many bytes from `offset` on may be looked at; 15 always suffice
 * @param features a combination of `DecoderFeature`
 */
export function decode(
  code: Uint8Array,
  offset: number,
  available: number,
  mode: CodeSize,
  features: number = DecoderFeature.ALL,
): Instruction | DecodeFailure {
  if (available >= MAXIMUM_LENGTH && offset + padded.length <= code.length) {
    const result = decodeAt(code, offset, mode, features);
    return decoding.position - offset > MAXIMUM_LENGTH ? 'too-long' : result;
  }
  const looked = Math.min(available, MAXIMUM_LENGTH);
  padded.fill(0).set(code.subarray(offset, offset + looked));
  const result = decodeAt(padded, 0, mode, features);
  if (decoding.position <= looked) return result;
  return looked < MAXIMUM_LENGTH ? 'truncated' : 'too-long';
}

/** Decodes without a look at the length; `decoding.position` tells how far the verdict has read. */
function decodeAt(code: Uint8Array, start: number, mode: CodeSize, features: number): Instruction | 'undefined' {
  const d = decoding;
  d.code = code;
  d.mode = mode;
  d.override = -1;
  d.vvvv = 0;
  d.vectorLength = 16;
  let position = start;
  let operandOverride = false;
  let addressOverride = false;
  let lock = false;
  let repeat = 0;
  let rex = 0;
  let segment = 0;
  let byte = code[position++];
  for (let prefix = PREFIXES[byte]; prefix !== Number(Prefix.None); prefix = PREFIXES[byte]) {
    if (prefix === Number(Prefix.Rex)) {
      if (mode !== 64) break;
      rex = byte;
    } else {
      rex = 0;
      if (prefix === Number(Prefix.OperandSize)) operandOverride = true;
      else if (prefix === Number(Prefix.AddressSize)) addressOverride = true;
      else if (prefix === Number(Prefix.Repeat)) repeat = byte;
      else if (prefix === Number(Prefix.Lock)) lock = true;
      else {
        segment = byte;
        // 64-bit mode ignores CS, DS, ES and SS overrides (SDM vol. 1, 3.4.2.1)
        if (mode !== 64 || byte >= 0x64) d.override = SEGMENT_PREFIXES[byte];
      }
    }
    if (position - start >= MAXIMUM_LENGTH) {
      d.position = position + 1;
      return 'undefined';
    }
    byte = code[position++];
  }

  d.rex = rex;
  d.hasRex = rex !== 0;
  let mandatory = repeat === 0 ? (operandOverride ? MANDATORY_66 : 0) : repeat === 0xf3 ? MANDATORY_F3 : MANDATORY_F2;
  let cell: Cell;
  let vex = -1;
  if (byte === 0x0f) {
    byte = code[position++];
    if (byte === 0x38) cell = map0F38[(byte = code[position++])];
    else if (byte === 0x3a) cell = map0F3A[(byte = code[position++])];
    else cell = twoByteMap[byte];
  } else if ((byte & 0xfe) === 0xc4 && (mode === 64 || (features & DecoderFeature.VEX && code[position] >= 0xc0))) {
    d.position = position + 1;
    // SDM vol. 2, 2.3.2 to 2.3.4: REX, 66, F2, F3 and LOCK before VEX are #UD
    if (mandatory !== 0 || lock || rex !== 0) return 'undefined';
    const payload = code[position++];
    if (byte === 0xc5) {
      // The two-byte form: R in the place of W, which is 0, and map 1
      vex = payload & 0x7f;
      d.rex = mode === 64 ? (~payload >> 5) & 4 : 0;
      byte = code[position++];
      cell = vexMap0F[byte];
    } else {
      vex = code[position++];
      d.rex = mode === 64 ? ((~payload >> 5) & 7) | ((vex >> 4) & 8) : 0;
      byte = code[position++];
      const map = payload & 0x1f;
      cell = map === 1 ? vexMap0F[byte] : map === 2 ? vexMap0F38[byte] : map === 3 ? vexMap0F3A[byte] : null;
    }
    d.vvvv = (~vex >> 3) & 15;
    if (vex & VexBit.L) d.vectorLength = 32;
    mandatory = vex & 3;
  } else {
    cell = oneByteMap[byte];
  }
  d.opcode = byte;
  const modrm = code[position];
  let modrmUsed = false;
  while (cell !== null && cell.selector !== undefined) {
    let index: number;
    switch (cell.selector) {
      case Selector.Reg:
        index = (modrm >> 3) & 7;
        modrmUsed = true;
        break;
      case Selector.Mod:
        index = modrm >= 0xc0 ? 1 : 0;
        modrmUsed = true;
        break;
      case Selector.Rm:
        index = modrm & 7;
        modrmUsed = true;
        break;
      case Selector.Prefix:
        index = mandatory;
        break;
      case Selector.LongMode:
        index = mode === 64 ? 1 : 0;
        break;
      case Selector.W:
        index = (d.rex >> 3) & 1;
        break;
      case Selector.B:
        index = d.rex & 1;
        break;
      case Selector.L:
        index = d.vectorLength >> 5;
        break;
      case Selector.VexW:
        index = (vex >> 7) & 1;
        break;
      case Selector.Feature:
        index = features & cell.feature ? 1 : 0;
        break;
    }
    cell = cell.cells[index];
  }
  d.position = position + (modrmUsed ? 1 : 0);
  if (cell === null || (mode === 64 ? !cell.validIn64 : !cell.validOutside64)) return 'undefined';
  if (vex >= 0 && ((vex & cell.vexMask) !== cell.vexValue || (!cell.vvvv && d.vvvv !== 0))) return 'undefined';

  d.operandSize = operandSize(cell.sizeRule, mode, d.rex, operandOverride);
  d.addressSize = mode === 64 ? (addressOverride ? 4 : 8) : (mode === 32) !== addressOverride ? 4 : 2;
  let register = true;
  if (modrmUsed || cell.modrm) {
    d.modrm = modrm;
    d.position = position + 1;
    register = modrm >= 0xc0 || cell.ignoresMod;
    if (!register) d.readAddress();
  }
  if (lock && (register || !cell.lockable)) return 'undefined';
  const instruction = finish(cell, start, lock, repeat);
  if (!cell.tracked || segment !== NO_TRACK || instruction === 'undefined') return instruction;
  return { ...instruction, notrack: true };
}

/** SDM vol. 1, section 3.6.1; vol. 2, section 2.2.1.2. */
function operandSize(rule: SizeRule, mode: CodeSize, rex: number, override: boolean): 1 | 2 | 4 | 8 {
  if (rule === SizeRule.Byte) return 1;
  if (rule === SizeRule.ByW) return rex & 8 ? 8 : 4;
  if (rule === SizeRule.Cpu) return mode === 64 ? 8 : 4;
  if (mode !== 64) return (mode === 32) !== override ? 4 : 2;
  if (rule === SizeRule.Force64) return 8;
  if (rex & 8) return rule === SizeRule.AtMost32 ? 4 : 8;
  if (override) return 2;
  return rule === SizeRule.Default64 ? 8 : 4;
}

function finish(form: Form, start: number, lock: boolean, repeat: number): Instruction | 'undefined' {
  const d = decoding;
  let operands = NO_OPERANDS;
  if (form.operand0 !== NO_OPERAND) {
    const first = d.operand(form.operand0);
    if (first === undefined) return 'undefined';
    if (form.operand1 === NO_OPERAND) {
      operands = [first];
    } else {
      const second = d.operand(form.operand1);
      if (second === undefined) return 'undefined';
      if (form.operand2 === NO_OPERAND) {
        operands = [first, second];
      } else {
        const third = d.operand(form.operand2);
        if (third === undefined) return 'undefined';
        operands =
          form.operand3 === NO_OPERAND
            ? [first, second, third]
            : [first, second, third, d.operand(form.operand3) as Operand];
      }
    }
  }
  return {
    mnemonic: form.mnemonic,
    length: d.position - start,
    operandSize: d.operandSize,
    addressSize: d.addressSize,
    operands,
    condition: form.condition,
    lock,
    repeat: form.string && repeat !== 0 ? (repeat === 0xf3 ? 'rep' : 'repne') : 'none',
  };
}
