/** The halves of 64-bit numbers: quicker than shifts and masks, which make a new bigint each time. */

const value = new BigUint64Array(1);
const halves = new Int32Array(value.buffer);

/** Bits 63..32, as int32. */
export function highHalf(number: bigint): number {
  value[0] = number;
  return halves[1];
}

/** Bits 31..0, as int32. */
export function lowHalf(number: bigint): number {
  value[0] = number;
  return halves[0];
}
