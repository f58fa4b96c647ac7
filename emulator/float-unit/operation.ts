/** What generated code asks of the float unit, as one number that both sides take from here. */

/** What is done to each element. */
export const enum FloatCode {
  ADD,
  SUBTRACT,
  MULTIPLY,
  DIVIDE,
  SQUARE_ROOT,
  MINIMUM,
  MAXIMUM,
  /** Subtracts elements with even numbers, adds the others. */
  ADD_SUBTRACT,
  /** CMPPS; immediate: the predicate, 0 to 31. Elements of all ones or all zeros. */
  COMPARE,
  /** COMISS and, with immediate 1, UCOMISS: ZF, PF and CF in their RFLAGS places. */
  ORDER,
  /** ROUNDPS; immediate: that of the instruction. */
  ROUND,
  /** From one kind of element to another; immediate: `Conversion`, or for half precision that of VCVTPS2PH. */
  CONVERT,
  /** DPPS and DPPD; immediate: that of the instruction. */
  DOT_PRODUCT,
  /** First times second plus third operand; immediate: `Fused`. */
  FUSED_MULTIPLY_ADD,
}

/** Kinds of elements. Integers are signed. */
export const enum Element {
  HALF,
  SINGLE,
  DOUBLE,
  INT32,
  INT64,
}

/** Bytes of an element, by `Element`. */
export const ELEMENT_BYTES: readonly (2 | 4 | 8)[] = [2, 4, 8, 4, 8];

/** How a conversion to integers rounds. */
export const enum Conversion {
  BY_CONTROL,
  TRUNCATE,
}

/** Which terms of a fused multiply-add change sign; that of the third operand in even and in odd elements. */
export const enum Fused {
  NEGATE_PRODUCT = 1,
  NEGATE_EVEN = 2,
  NEGATE_ODD = 4,
}

export interface FloatOperation {
  readonly code: FloatCode;
  readonly source: Element;
  /** Elements of the result; those of COMPARE are as wide as those of the operands, that of ORDER is INT32. */
  readonly target: Element;
  /** How many elements, from the lowest: 1, 2, 4 or 8. */
  readonly count: number;
  readonly immediate: number;
}

const SOURCE_AT = 5;
const TARGET_AT = 8;
const COUNT_AT = 11;
const IMMEDIATE_AT = 16;

export function encodeOperation({ code, source, target, count, immediate }: FloatOperation): number {
  return code | (source << SOURCE_AT) | (target << TARGET_AT) | (count << COUNT_AT) | (immediate << IMMEDIATE_AT);
}

export function decodeOperation(operation: number): FloatOperation {
  return {
    code: operation & 31,
    source: (operation >> SOURCE_AT) & 7,
    target: (operation >> TARGET_AT) & 7,
    count: (operation >> COUNT_AT) & 15,
    immediate: (operation >> IMMEDIATE_AT) & 0xff,
  };
}
