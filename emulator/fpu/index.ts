/** The x87 instructions by mnemonic (SDM vol. 1, chapter 8): the face of this folder. */
import type { ArchitecturalRoutine } from '../cpu/cpu';
import * as soft from '../softfloat';
import * as arithmetic from './arithmetic';
import * as comparing from './compare';
import { controlRoutines, free, turn } from './control';
import { computing, type X87Body } from './routine';
import * as transfer from './transfer';

const { ZERO, NEAREST_EVEN } = {
  ZERO: soft.RoundingMode.ZERO as const,
  NEAREST_EVEN: soft.RoundingMode.NEAREST_EVEN as const,
};

const bodies: Readonly<Record<string, X87Body>> = {
  ...Object.fromEntries(
    Object.entries(arithmetic.OPERATIONS).flatMap(([name, operation]) => [
      [`F${name}`, arithmetic.arithmetic(operation, false)],
      [`F${name}P`, arithmetic.arithmetic(operation, true)],
      [`FI${name}`, arithmetic.integerArithmetic(operation)],
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(transfer.CONDITIONS).flatMap(([name, flags]) => [
      [`FCMOV${name}`, transfer.moveIf(flags, false)],
      [`FCMOVN${name}`, transfer.moveIf(flags, true)],
    ]),
  ),
  F2XM1: arithmetic.unary(soft.power2Minus1),
  FABS: arithmetic.changeSign((signExponent) => signExponent & 0x7fff),
  FBLD: transfer.loadPackedBcd,
  FBSTP: transfer.storePackedBcd,
  FCHS: arithmetic.changeSign((signExponent) => signExponent ^ 0x8000),
  FCOM: comparing.compare(true, 0),
  FCOMI: comparing.compareToFlags(true, 0),
  FCOMIP: comparing.compareToFlags(true, 1),
  FCOMP: comparing.compare(true, 1),
  FCOMPP: comparing.compare(true, 2),
  FCOS: arithmetic.trigonometric('cosine'),
  FDECSTP: turn(-1),
  FFREE: free(false),
  FFREEP: free(true),
  FICOM: comparing.compareInteger(0),
  FICOMP: comparing.compareInteger(1),
  FILD: transfer.loadInteger,
  FINCSTP: turn(1),
  FIST: transfer.storeInteger(false),
  FISTP: transfer.storeInteger(true),
  FISTTP: transfer.storeInteger(true, ZERO),
  FLD: transfer.load,
  FLD1: transfer.loadExact(1n << 63n, 0x3fff),
  FLDL2E: transfer.loadConstant(0xb8aa3b295c17f0bbn, 0x3fff, true),
  FLDL2T: transfer.loadConstant(0xd49a784bcd1b8afen, 0x4000, false),
  FLDLG2: transfer.loadConstant(0x9a209a84fbcff798n, 0x3ffd, true),
  FLDLN2: transfer.loadConstant(0xb17217f7d1cf79abn, 0x3ffe, true),
  FLDPI: transfer.loadConstant(0xc90fdaa22168c234n, 0x4000, true),
  FLDZ: transfer.loadExact(0n, 0),
  FNOP: () => {},
  FPATAN: arithmetic.binaryPopping(soft.arcTangent),
  FPREM: arithmetic.remainder(ZERO),
  FPREM1: arithmetic.remainder(NEAREST_EVEN),
  FPTAN: arithmetic.tangent,
  FRNDINT: arithmetic.unary((env, a) => soft.roundToIntegral(env, soft.extended80, a)),
  FSCALE: arithmetic.binary(soft.scale),
  FSIN: arithmetic.trigonometric('sine'),
  FSINCOS: arithmetic.sineAndCosine,
  FSQRT: arithmetic.unary((env, a) => soft.squareRoot(env, soft.extended80, a)),
  FST: transfer.store(false),
  FSTP: transfer.store(true),
  FSTPNCE: transfer.storeUnchecked,
  FTST: comparing.test,
  FUCOM: comparing.compare(false, 0),
  FUCOMI: comparing.compareToFlags(false, 0),
  FUCOMIP: comparing.compareToFlags(false, 1),
  FUCOMP: comparing.compare(false, 1),
  FUCOMPP: comparing.compare(false, 2),
  FXAM: comparing.examine,
  FXCH: transfer.exchange,
  FXTRACT: arithmetic.extract,
  FYL2X: arithmetic.binaryPopping(soft.timesLogarithm2),
  FYL2XP1: arithmetic.binaryPopping(soft.timesLogarithm2Plus1),
};

/** All x87 instructions and FWAIT. */
export const x87Routines: Readonly<Record<string, ArchitecturalRoutine>> = {
  ...Object.fromEntries(Object.entries(bodies).map(([mnemonic, body]) => [mnemonic, computing(body)])),
  ...controlRoutines,
};
