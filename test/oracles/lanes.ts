/** Contents for vector registers: lanes of integers and floating-point numbers, many of them at the edges. */
import type { Random } from './random';

export type Lane = 'i8' | 'i16' | 'i32' | 'i64' | 'f16' | 'f32' | 'f64';

export const LANE_BYTES: Readonly<Record<Lane, number>> = { i8: 1, i16: 2, i32: 4, i64: 8, f16: 2, f32: 4, f64: 8 };
const LANES = Object.keys(LANE_BYTES) as Lane[];

const scratch = new DataView(new ArrayBuffer(8));

/** The bits of a double, high and low half; of a single, in the high half. */
function bitsOf(value: number, lane: 'f32' | 'f64'): [high: number, low: number] {
  if (lane === 'f32') {
    scratch.setFloat32(0, value);
    return [scratch.getUint32(0), 0];
  }
  scratch.setFloat64(0, value);
  return [scratch.getUint32(0), scratch.getUint32(4)];
}

const INTEGER_BOUNDS = [2 ** 15, 2 ** 16, 2 ** 24, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, 2 ** 64];

/** An interesting number that is neither denormal nor infinite. */
export function ordinary(random: Random): number {
  const sign = random.chance(50) ? -1 : 1;
  switch (random.below(6)) {
    case 0:
      return sign * random.below(20);
    case 1:
      return sign * (random.below(1000) + random.pick([0.5, 0.25, 0.75, 0.125]));
    case 2: {
      const bound = random.pick(INTEGER_BOUNDS);
      return (
        sign *
        (bound + random.pick([0, 1, -1, 0.5, -0.5, -0.75, bound * 2 ** -52, -bound * 2 ** -53, bound * 2 ** -23]))
      );
    }
    case 3:
      return sign * (1 + random.pick([2 ** -52, -(2 ** -53), 2 ** -23, -(2 ** -24), 3 * 2 ** -23]));
    case 4:
      return sign * 2 ** (random.below(64) - 32);
    default:
      return sign * (1 + random.next() / 2 ** 32) * 2 ** (random.below(40) - 20);
  }
}

/** Sign, exponent and fraction of a number of a class of its own; `exponentBits` and fraction bits within one word. */
function edge(random: Random, fractionBits: number, exponentBits: number): number {
  const exponent = 2 ** exponentBits - 1;
  const whole = 2 ** fractionBits;
  const sign = random.chance(50) ? 2 ** (fractionBits + exponentBits) : 0;
  const fraction = random.chance(30) ? random.pick([1, whole - 1, whole / 2 - 1]) : random.below(whole);
  switch (random.below(9)) {
    case 0:
    case 1:
      return sign;
    case 2:
    case 3:
      return sign + Math.max(1, fraction);
    case 4:
      return sign + whole + random.below(2) * fraction;
    case 5:
      return sign + (exponent - 1) * whole + (random.chance(50) ? whole - 1 : fraction);
    case 6:
      return sign + exponent * whole;
    case 7:
      return sign + exponent * whole + whole / 2 + (fraction % (whole / 2));
    default:
      return sign + exponent * whole + Math.max(1, fraction % (whole / 2));
  }
}

/** Writes one lane; half of the floating-point numbers are ordinary. */
export function putLane(random: Random, lane: Lane, view: DataView, at: number): void {
  switch (lane) {
    case 'f32':
      if (random.chance(60)) view.setUint32(at, bitsOf(ordinary(random), 'f32')[0], true);
      else view.setUint32(at, random.chance(20) ? random.next() : edge(random, 23, 8), true);
      return;
    case 'f64': {
      let high: number;
      let low: number;
      if (random.chance(60)) [high, low] = bitsOf(ordinary(random), 'f64');
      else if (random.chance(20)) [high, low] = [random.next(), random.next()];
      else {
        high = edge(random, 20, 11);
        low = random.pick([0, 0, 1, 0xffffffff, random.next()]);
      }
      view.setUint32(at, low, true);
      view.setUint32(at + 4, high, true);
      return;
    }
    case 'f16':
      view.setUint16(at, random.chance(40) ? random.next() : edge(random, 10, 5), true);
      return;
    default:
      putInteger(random, LANE_BYTES[lane], view, at);
  }
}

function putInteger(random: Random, bytes: number, view: DataView, at: number): void {
  const top = random.pick([0x80, 0x7f, 0, 0xff, 0x40, random.next()]);
  const rest = random.pick([0, 0, 0xff, 0xff, random.next()]);
  for (let i = 0; i < bytes - 1; i++) view.setUint8(at + i, rest);
  view.setUint8(at + bytes - 1, top);
  if (random.chance(40)) view.setUint8(at, random.next());
}

/** Fills bytes with lanes of one kind, or of any if `lane` is undefined. */
export function fillLanes(random: Random, lane: Lane | undefined, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (random.chance(15)) {
    fillBits(random, bytes);
    return;
  }
  const kind = lane === undefined || random.chance(4) ? random.pick(LANES) : lane;
  const step = LANE_BYTES[kind];
  // Among many NaNs few results are of interest: in some registers all lanes are ordinary numbers.
  const allOrdinary = (kind === 'f32' || kind === 'f64') && random.chance(30);
  for (let at = 0; at + step <= bytes.length; at += step) {
    if (allOrdinary && kind === 'f32') view.setFloat32(at, ordinary(random), true);
    else if (allOrdinary) view.setFloat64(at, ordinary(random), true);
    else putLane(random, kind, view, at);
  }
}

/** Fills bytes with anything. */
export function fillBits(random: Random, bytes: Uint8Array): void {
  let word = 0;
  for (let i = 0; i < bytes.length; i++) {
    if ((i & 3) === 0) word = random.next();
    bytes[i] = word >>> (8 * (i & 3));
  }
}

/**
 * What the lanes of an instruction's sources are, by its mnemonic; undefined if it does not say.
 * Conversions are named source first: CVTPS2DQ takes singles.
 */
export function sourceLane(mnemonic: string): Lane | undefined {
  const source = /^V?CVTT?(PH|PS|SS|PD|SD|DQ|PI|SI)2/.exec(mnemonic)?.[1];
  if (source !== undefined) return CONVERTED[source];
  const named = /(PS|SS|PD|SD)$/.exec(mnemonic)?.[1];
  if (named !== undefined) return CONVERTED[named];
  if (!/^V?P/.test(mnemonic)) return undefined;
  // Of two element sizes the first is that of the sources (PACKSSWB, PMADDWD, PMOVSXBD), but PMULUDQ, PMADDUBSW
  const element = /(?:UBSW|U?([BWDQ])[BWDQ]|([BWDQ]))$/.exec(mnemonic);
  return element ? INTEGERS[element[1] ?? element[2] ?? 'B'] : undefined;
}

const CONVERTED: Readonly<Record<string, Lane>> = {
  PH: 'f16',
  PS: 'f32',
  SS: 'f32',
  PD: 'f64',
  SD: 'f64',
  DQ: 'i32',
  PI: 'i32',
  SI: 'i32',
};
const INTEGERS: Readonly<Record<string, Lane>> = { B: 'i8', W: 'i16', D: 'i32', Q: 'i64' };

/** Makes lanes of `b` like those of `a`: equal, of the other sign, or next to it, so that they compare and cancel. */
export function relate(random: Random, lane: Lane, a: Uint8Array, b: Uint8Array): void {
  const step = LANE_BYTES[lane];
  const end = Math.min(a.length, b.length) - step;
  for (let at = 0; at <= end; at += step) {
    if (random.chance(40)) continue;
    b.set(a.subarray(at, at + step), at);
    const change = random.below(4);
    if (change === 1) b[at + step - 1] ^= 0x80;
    else if (change === 2) b[at] ^= 1 << random.below(8);
    else if (change === 3) b[at] += 1;
  }
}

/** Makes the lanes of `addend` minus the rounded product of `a` and `b`: a fused multiply-add is left with the rounding error. */
export function cancelProduct(random: Random, lane: Lane, a: Uint8Array, b: Uint8Array, addend: Uint8Array): void {
  const [x, y, z] = [a, b, addend].map((bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  const sign = random.chance(50) ? 1 : -1;
  const length = Math.min(a.length, b.length, addend.length);
  for (let at = 0; at + LANE_BYTES[lane] <= length; at += LANE_BYTES[lane]) {
    if (lane === 'f32') z.setFloat32(at, sign * Math.fround(x.getFloat32(at, true) * y.getFloat32(at, true)), true);
    else z.setFloat64(at, sign * x.getFloat64(at, true) * y.getFloat64(at, true), true);
  }
}
