/**
 * XXH64 (xxhash_spec.md of xxHash), seed 0: the checksum of zstd frames. 64-bit numbers are pairs of signed 32-bit halves,
 * which is several times faster than bigint.
 */

type Halves = readonly [high: number, low: number];

const PRIME_1: Halves = [0x9e3779b1 | 0, 0x85ebca87 | 0];
const PRIME_2: Halves = [0xc2b2ae3d | 0, 0x27d4eb4f | 0];
const PRIME_3: Halves = [0x165667b1 | 0, 0x9e3779f9 | 0];
const PRIME_4: Halves = [0x85ebca77 | 0, 0xc2b2ae63 | 0];
const PRIME_5: Halves = [0x27d4eb2f | 0, 0x165667c5 | 0];

const STRIPE_BYTES = 32;

/** A 64-bit number that is calculated with. */
class Word {
  constructor(
    public high: number,
    public low: number,
  ) {}

  static of([high, low]: Halves): Word {
    return new Word(high, low);
  }

  add(high: number, low: number): this {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.high = (this.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
    this.low = sum | 0;
    return this;
  }

  xor(high: number, low: number): this {
    this.high ^= high;
    this.low ^= low;
    return this;
  }

  multiply([high, low]: Halves): this {
    const [a0, a1] = [this.low & 0xffff, this.low >>> 16];
    const [b0, b1] = [low & 0xffff, low >>> 16];
    const [p01, p10] = [Math.imul(a0, b1), Math.imul(a1, b0)];
    const p00 = Math.imul(a0, b0);
    const middle = (p00 >>> 16) + (p01 & 0xffff) + (p10 & 0xffff);
    const carried = (p01 >>> 16) + (p10 >>> 16) + (middle >>> 16);
    this.high = (Math.imul(this.high, low) + Math.imul(this.low, high) + Math.imul(a1, b1) + carried) | 0;
    this.low = (p00 & 0xffff) | (middle << 16);
    return this;
  }

  rotateLeft(bits: number): this {
    const { high, low } = this;
    const [above, below] = bits < 32 ? [high, low] : [low, high];
    const count = bits & 31;
    this.high = (above << count) | (below >>> (32 - count));
    this.low = (below << count) | (above >>> (32 - count));
    return this;
  }

  xorShiftRight(bits: number): this {
    const { high, low } = this;
    return bits < 32
      ? this.xor(high >>> bits, (low >>> bits) | (high << (32 - bits)))
      : this.xor(0, high >>> (bits - 32));
  }

  /** Takes 8 bytes of input. */
  round(high: number, low: number): this {
    return this.addProduct(high, low, PRIME_2).rotateLeft(31).multiply(PRIME_1);
  }

  private addProduct(high: number, low: number, factor: Halves): this {
    const product = new Word(high, low).multiply(factor);
    return this.add(product.high, product.low);
  }
}

/** The low 32 bits of the hash, unsigned: what a zstd frame ends with. */
export function xxhash64Low(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  let hash = Word.of(PRIME_5);
  if (bytes.length >= STRIPE_BYTES) {
    const lanes = [Word.of(PRIME_1).add(...PRIME_2), Word.of(PRIME_2), new Word(0, 0), negated(PRIME_1)];
    const [first, second, third, fourth] = lanes;
    for (; at + STRIPE_BYTES <= bytes.length; at += STRIPE_BYTES) {
      first.round(view.getInt32(at + 4, true), view.getInt32(at, true));
      second.round(view.getInt32(at + 12, true), view.getInt32(at + 8, true));
      third.round(view.getInt32(at + 20, true), view.getInt32(at + 16, true));
      fourth.round(view.getInt32(at + 28, true), view.getInt32(at + 24, true));
    }
    hash = new Word(0, 0);
    lanes.forEach(({ high, low }, index) => {
      const rotated = new Word(high, low).rotateLeft([1, 7, 12, 18][index]);
      hash.add(rotated.high, rotated.low);
    });
    for (const { high, low } of lanes) {
      const round = new Word(0, 0).round(high, low);
      hash
        .xor(round.high, round.low)
        .multiply(PRIME_1)
        .add(...PRIME_4);
    }
  }
  hash.add(Math.floor(bytes.length / 2 ** 32), bytes.length | 0);
  for (; at + 8 <= bytes.length; at += 8) {
    const round = new Word(0, 0).round(view.getInt32(at + 4, true), view.getInt32(at, true));
    hash
      .xor(round.high, round.low)
      .rotateLeft(27)
      .multiply(PRIME_1)
      .add(...PRIME_4);
  }
  if (at + 4 <= bytes.length) {
    const product = new Word(0, view.getInt32(at, true)).multiply(PRIME_1);
    hash
      .xor(product.high, product.low)
      .rotateLeft(23)
      .multiply(PRIME_2)
      .add(...PRIME_3);
    at += 4;
  }
  for (; at < bytes.length; at++) {
    const product = new Word(0, bytes[at]).multiply(PRIME_5);
    hash.xor(product.high, product.low).rotateLeft(11).multiply(PRIME_1);
  }
  hash.xorShiftRight(33).multiply(PRIME_2).xorShiftRight(29).multiply(PRIME_3).xorShiftRight(32);
  return hash.low >>> 0;
}

function negated([high, low]: Halves): Word {
  return new Word(~high, ~low).add(0, 1);
}
