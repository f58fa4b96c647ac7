/**
 * Which status flags an instruction leaves undefined, and in which cases its result is undefined, too. References are to
 * the "Flags Affected" of the instruction in the SDM, volume 2.
 */
import { Flag, type Instruction } from '../../emulator';

const [CF, PF, AF, ZF, SF, OF] = [Flag.CF, Flag.PF, Flag.AF, Flag.ZF, Flag.SF, Flag.OF] as const;

/** Independent of operands. */
const ALWAYS: Readonly<Record<string, number>> = {
  AAA: OF | SF | ZF | PF, // AAA: "OF, SF, ZF, and PF flags are undefined"
  AAS: OF | SF | ZF | PF, // AAS: as AAA
  AAD: OF | AF | CF, // AAD: "OF, AF, and CF flags are undefined"
  AAM: OF | AF | CF, // AAM: as AAD
  DAA: OF, // DAA: "OF flag is undefined"
  DAS: OF, // DAS: as DAA
  AND: AF, // AND: "state of the AF flag is undefined"
  OR: AF, // OR: as AND
  XOR: AF, // XOR: as AND
  TEST: AF, // TEST: as AND
  ANDN: AF | PF, // ANDN: "AF and PF flags are undefined"
  BEXTR: AF | SF | PF, // BEXTR: "AF, SF, and PF flags are undefined"
  BLSI: AF | PF, // BLSI: "AF and PF flags are undefined"
  BLSMSK: AF | PF, // BLSMSK: as BLSI
  BLSR: AF | PF, // BLSR: as BLSI
  BZHI: AF | PF, // BZHI: as BLSI
  BSF: CF | OF | SF | AF | PF, // BSF: "CF, OF, SF, AF, and PF flags are undefined"
  BSR: CF | OF | SF | AF | PF, // BSR: as BSF
  TZCNT: OF | SF | PF | AF, // TZCNT: "OF, SF, PF, and AF flags are undefined"
  LZCNT: OF | SF | PF | AF, // LZCNT: as TZCNT
  BT: OF | SF | AF | PF, // BT: "ZF unaffected; OF, SF, AF, and PF flags are undefined"
  BTC: OF | SF | AF | PF, // BTC: as BT
  BTR: OF | SF | AF | PF, // BTR: as BT
  BTS: OF | SF | AF | PF, // BTS: as BT
  MUL: SF | ZF | AF | PF, // MUL: "SF, ZF, AF, and PF flags are undefined"
  IMUL: SF | ZF | AF | PF, // IMUL: as MUL
  DIV: CF | OF | SF | ZF | AF | PF, // DIV: "CF, OF, SF, ZF, AF, and PF flags are undefined"
  IDIV: CF | OF | SF | ZF | AF | PF, // IDIV: as DIV
};

const SHIFTS = new Set(['SHL', 'SHR', 'SAR']);
const ROTATES = new Set(['ROL', 'ROR', 'RCL', 'RCR']);
const DOUBLE_SHIFTS = new Set(['SHLD', 'SHRD']);
const COUNTED = new Set([...SHIFTS, ...ROTATES, ...DOUBLE_SHIFTS]);

/** Flags that `instruction` leaves undefined, given what CL is; with `undefined` CL may be anything. */
export function undefinedFlags(instruction: Instruction, cl: number | undefined): number {
  const { mnemonic, operandSize } = instruction;
  const always = ALWAYS[mnemonic];
  if (always !== undefined) return always;
  if (!COUNTED.has(mnemonic)) return 0;
  const count = shiftCount(instruction, cl);
  if (count === 0) return 0;
  const notByOne = count === 1 ? 0 : OF;
  // ROL, RCL: "OF flag is defined only for 1-bit rotates"
  if (ROTATES.has(mnemonic)) return notByOne;
  const beyond = (limit: number): boolean => count === undefined || count > limit;
  // SAL: "AF flag is undefined" for non-zero counts; "OF flag is affected only for 1-bit shifts"; "CF flag is undefined
  // for SHL and SHR instructions where the count is greater than or equal to the size (in bits) of the operand"
  if (SHIFTS.has(mnemonic)) return AF | notByOne | (mnemonic !== 'SAR' && beyond(8 * operandSize - 1) ? CF : 0);
  // SHLD: "For shifts greater than 1 bit, the OF flag is undefined. If a shift occurs, the AF flag is undefined. If the
  // count operand is greater than the operand size, the flags are undefined."
  return AF | notByOne | (beyond(8 * operandSize) ? CF | PF | ZF | SF | OF : 0);
}

/** Whether the register result is undefined: SHLD, "If the count is greater than the operand size, the result is undefined". */
export function undefinedResult(instruction: Instruction, cl: number): boolean {
  const { mnemonic, operandSize } = instruction;
  if (DOUBLE_SHIFTS.has(mnemonic)) return (shiftCount(instruction, cl) ?? 0) > 8 * operandSize;
  // BSWAP: "When the BSWAP instruction references a 16-bit register, the result is undefined"
  return mnemonic === 'BSWAP' && operandSize === 2;
}

/** The masked count of a shift or rotate; undefined if it is in CL and CL is not known. */
function shiftCount({ operands, operandSize }: Instruction, cl: number | undefined): number | undefined {
  const operand = operands.at(-1);
  const count = operand?.kind === 'immediate' ? Number(operand.value & 0xffn) : cl;
  return count === undefined ? undefined : count & (operandSize === 8 ? 63 : 31);
}
