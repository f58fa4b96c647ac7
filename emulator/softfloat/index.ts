/** Floating-point arithmetic as x86 does it: the face of this folder. */
export { add, divide, fusedMultiplyAdd, multiply, squareRoot, subtract, type FusedSigns } from './arithmetic';
export { compare, minMax, type Relation } from './compare';
export {
  convert,
  fromHalf,
  fromInteger,
  fromPackedBcd,
  indefinite,
  PACKED_BCD_INDEFINITE,
  roundToIntegral,
  toHalf,
  toInteger,
  toPackedBcd,
  type DenormalOperand,
  type IntegralOptions,
} from './convert';
export { FloatEnvironment, FloatException, RoundingMode } from './environment';
export { binary16, binary32, binary64, extended80, type Extended80, type Format } from './format';
export {
  arcTangent,
  power2Minus1,
  timesLogarithm2,
  timesLogarithm2Plus1,
  trigonometric,
  type Trigonometric,
} from './transcendental';
export { unpack } from './operands';
export { pack, round } from './round';
export { Kind, Unpacked } from './unpacked';
export { extract, partialRemainder, scale, type PartialRemainder } from './x87';
