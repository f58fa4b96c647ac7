/** Contents for x87 registers and for what x87 instructions load: extended reals of every class, packed decimals. */
import { ordinary } from './lanes';
import type { Random } from './random';
import { ST_BYTES } from './extended-state';

const BIAS = 16383;

/** Writes an extended real: 64 bits of significand, then sign and exponent. */
function put(view: DataView, at: number, high: number, low: number, signAndExponent: number): void {
  view.setUint32(at, low, true);
  view.setUint32(at + 4, high, true);
  view.setUint16(at + 8, signAndExponent, true);
}

/** Writes a double that is not denormal, infinite or NaN. */
function putNumber(view: DataView, at: number, value: number): void {
  const negative = value < 0 || Object.is(value, -0);
  const magnitude = Math.abs(value);
  if (magnitude === 0) {
    put(view, at, 0, 0, negative ? 0x8000 : 0);
    return;
  }
  let exponent = Math.floor(Math.log2(magnitude));
  if (2 ** exponent > magnitude) exponent--;
  const scaled = (magnitude / 2 ** exponent) * 2 ** 31;
  const high = Math.floor(scaled);
  put(view, at, high, Math.floor((scaled - high) * 2 ** 32), (negative ? 0x8000 : 0) | (exponent + BIAS));
}

/** The constants of FLD1 and the like, and some angles. */
const CONSTANTS = [1, Math.PI, Math.PI / 2, Math.PI / 4, Math.LN2, Math.LOG10E, Math.LOG2E, Math.SQRT1_2, 2 ** 63];

/** Writes an extended real of any class. */
export function putExtended(random: Random, view: DataView, at: number): void {
  const sign = random.chance(50) ? 0x8000 : 0;
  const low = random.pick([0, 0, 1, 0xffffffff, 0x400, 0x800, 0x80000000, random.next()]);
  const fraction = random.pick([0, 0, 1, 0x7fffffff, random.next() & 0x7fffffff]);
  const normal = (fraction | 0x80000000) >>> 0;
  switch (random.below(24)) {
    case 0:
    case 1:
      return put(view, at, 0, 0, sign);
    case 2:
      return put(view, at, fraction >>> random.below(31), low || 1, sign);
    // Pseudo-denormal
    case 3:
      return put(view, at, normal, low, sign);
    case 4:
      return put(view, at, 0x80000000, 0, sign | 0x7fff);
    case 5:
      return put(view, at, 0xc0000000 + (fraction & 0x3fffffff), low, sign | 0x7fff);
    case 6:
      return put(view, at, 0x80000000 + (fraction & 0x3fffffff), low || 1, sign | 0x7fff);
    // Unsupported: unnormals, pseudo-infinities and pseudo-NaNs
    case 7:
      return random.chance(50)
        ? put(view, at, fraction, low, sign | (1 + random.below(0x7fff)))
        : putNumber(view, at, ordinary(random));
    case 8:
      return put(view, at, normal, low, sign | random.pick([1, 2, 0x7ffe, 0x7ffd]));
    case 9:
      return put(view, at, normal, low, sign | (1 + random.below(0x7ffe)));
    case 10:
    case 11:
      // About where doubles and singles end.
      return put(
        view,
        at,
        normal,
        low,
        sign | (BIAS + random.pick([-1075, -1023, -1022, 1023, 1024, -150, -127, -126, 127, 128])),
      );
    case 12:
    case 13:
    case 14:
      return put(view, at, normal, low, sign | (BIAS + random.below(16) - 8));
    case 15:
    case 16:
      return put(view, at, random.next() | 0x80000000, random.next(), sign | (BIAS + random.below(140) - 70));
    case 17:
      return putNumber(view, at, (sign ? -1 : 1) * random.pick(CONSTANTS));
    default:
      return putNumber(view, at, ordinary(random));
  }
}

/** Fills the x87 registers. */
export function fillStack(random: Random, st: Uint8Array): void {
  const view = new DataView(st.buffer, st.byteOffset, st.length);
  for (let i = 0; i < 8; i++) putExtended(random, view, ST_BYTES * i);
  if (random.chance(20)) {
    // Close to each other, so that they cancel and compare as equal.
    const [from, to] = [random.below(2), random.below(8)];
    st.copyWithin(ST_BYTES * to, ST_BYTES * from, ST_BYTES * from + 10);
    if (random.chance(50)) st[ST_BYTES * to + 9] ^= 0x80;
    if (random.chance(50)) st[ST_BYTES * to + random.below(2)] ^= 1 << random.below(8);
  }
}

/** Packed decimal of 18 digits; some have digits that are none. */
export function putDecimal(random: Random, view: DataView, at: number): void {
  for (let i = 0; i < 9; i++) {
    const digits = random.pick([0, 0x99, random.below(10) * 16 + random.below(10)]);
    view.setUint8(at + i, random.chance(3) ? random.next() : digits);
  }
  view.setUint8(at + 9, random.chance(10) ? random.next() : random.pick([0, 0x80]));
}
