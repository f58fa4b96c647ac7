/** What each operation does to one element, exactly, by the arithmetic of softfloat. Elements are patterns. */
import {
  add,
  binary16,
  binary32,
  binary64,
  compare,
  convert,
  divide,
  fromHalf,
  fromInteger,
  fusedMultiplyAdd,
  minMax,
  multiply,
  roundToIntegral,
  RoundingMode,
  squareRoot,
  subtract,
  toHalf,
  toInteger,
  unpack,
  type FloatEnvironment,
  type Format,
  type Relation,
  type Unpacked,
} from '../softfloat';
import { Conversion, Element, ELEMENT_BYTES, FloatCode, Fused, type FloatOperation } from './operation';
import { predicateRelations, predicateSignals, RelationBit } from './predicates';

/** Elements with the number `index` of the operands -> that of the result. */
export type ElementFunction = (env: FloatEnvironment, operands: readonly bigint[], index: number) => bigint;

const RELATION_BITS: Readonly<Record<Relation, RelationBit>> = {
  less: RelationBit.LESS,
  equal: RelationBit.EQUAL,
  greater: RelationBit.GREATER,
  unordered: RelationBit.UNORDERED,
};

/** ZF, PF and CF by how the first operand relates to the second (SDM vol. 2, COMISS). */
const ORDER_FLAGS: Readonly<Record<Relation, bigint>> = { less: 0x01n, equal: 0x40n, greater: 0n, unordered: 0x45n };

/** Immediates of ROUNDPS and VCVTPS2PH. */
const USE_MXCSR_ROUNDING = 4;
const SUPPRESS_PRECISION = 8;

export function formatOf(element: Element): Format<bigint> {
  return element === Element.HALF ? binary16 : element === Element.SINGLE ? binary32 : binary64;
}

const isInteger = (element: Element): boolean => element >= Element.INT32;

type Binary = (env: FloatEnvironment, format: Format<bigint>, a: Unpacked, b: Unpacked) => bigint;

/** The function of an operation; not for dot products, whose elements depend on one another. */
export function elementFunction(operation: FloatOperation): ElementFunction {
  const { code, source, immediate } = operation;
  const format = formatOf(source);
  const binary =
    (compute: Binary): ElementFunction =>
    (env, [a, b]) =>
      compute(env, format, unpack(env, format, a), unpack(env, format, b));
  switch (code) {
    case FloatCode.ADD:
      return binary(add);
    case FloatCode.SUBTRACT:
      return binary(subtract);
    case FloatCode.MULTIPLY:
      return binary(multiply);
    case FloatCode.DIVIDE:
      return binary(divide);
    case FloatCode.SQUARE_ROOT:
      return (env, [a]) => squareRoot(env, format, unpack(env, format, a));
    case FloatCode.MINIMUM:
      return (env, [a, b]) => minMax(env, format, a, b, 'less');
    case FloatCode.MAXIMUM:
      return (env, [a, b]) => minMax(env, format, a, b, 'greater');
    case FloatCode.ADD_SUBTRACT: {
      const [even, odd] = [binary(subtract), binary(add)];
      return (env, operands, index) => (index & 1 ? odd : even)(env, operands, index);
    }
    case FloatCode.COMPARE: {
      const relations = predicateRelations(immediate);
      const signals = predicateSignals(immediate);
      const ones = BigInt.asUintN(8 * ELEMENT_BYTES[source], -1n);
      return (env, [a, b]) => {
        const relation = compare(env, unpack(env, format, a), unpack(env, format, b), signals);
        return relations & RELATION_BITS[relation] ? ones : 0n;
      };
    }
    case FloatCode.ORDER:
      return (env, [a, b]) =>
        ORDER_FLAGS[compare(env, unpack(env, format, a), unpack(env, format, b), immediate === 0)];
    case FloatCode.ROUND: {
      const suppressPrecision = (immediate & SUPPRESS_PRECISION) !== 0;
      return (env, [a]) => {
        const mode = roundingBy(env, immediate);
        return roundToIntegral(env, format, unpack(env, format, a), { mode, suppressPrecision });
      };
    }
    case FloatCode.CONVERT:
      return conversion(operation);
    case FloatCode.FUSED_MULTIPLY_ADD: {
      const negateProduct = (immediate & Fused.NEGATE_PRODUCT) !== 0;
      return (env, [a, b, c], index) => {
        const negateAddend = (immediate & (index & 1 ? Fused.NEGATE_ODD : Fused.NEGATE_EVEN)) !== 0;
        const [x, y, z] = [unpack(env, format, a), unpack(env, format, b), unpack(env, format, c)];
        return fusedMultiplyAdd(env, format, x, y, z, { negateProduct, negateAddend });
      };
    }
    default:
      throw new Error(`operation ${code} is not on elements`);
  }
}

/** The rounding mode in the low bits of an immediate, or that of MXCSR. */
function roundingBy(env: FloatEnvironment, immediate: number): RoundingMode {
  return immediate & USE_MXCSR_ROUNDING ? env.rounding : immediate & 3;
}

function conversion({ source, target, immediate }: FloatOperation): ElementFunction {
  const format = formatOf(source);
  const result = formatOf(target);
  if (source === Element.HALF) return (env, [a]) => fromHalf(env, a);
  if (target === Element.HALF) return (env, [a]) => toHalf(env, a, roundingBy(env, immediate));
  if (isInteger(source)) {
    const bits = 8 * ELEMENT_BYTES[source];
    return (env, [a]) => fromInteger(env, result, BigInt.asIntN(bits, a));
  }
  if (isInteger(target)) {
    const bits = target === Element.INT32 ? 32 : 64;
    const truncating = immediate === Number(Conversion.TRUNCATE);
    return (env, [a]) => toInteger(env, unpack(env, format, a), bits, truncating ? RoundingMode.ZERO : env.rounding);
  }
  return (env, [a]) => convert(env, result, unpack(env, format, a), 'raises-de');
}
