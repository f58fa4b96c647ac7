/** A seeded source of operands: many at the edges, the rest anywhere. */
export class Random {
  constructor(private state: number) {}

  /** An integer, 0 to 2^32 - 1 (the mulberry32 sequence). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  /** True in `percent` of 100 calls. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  bits64(): bigint {
    return (BigInt(this.next()) << 32n) | BigInt(this.next());
  }

  /** An operand of 64 bits: an edge of some width, a small number, a few bits, or anything. */
  operand(): bigint {
    switch (this.below(6)) {
      case 0:
        return BigInt(this.below(64));
      case 1: {
        const edge = 1n << BigInt(this.pick([0, 4, 7, 8, 15, 16, 31, 32, 63]));
        return BigInt.asUintN(64, this.pick([edge, -edge, edge - 1n, -edge - 1n, edge + 1n]));
      }
      case 2:
        return BigInt.asUintN(64, -BigInt(this.below(300)));
      case 3:
        return (1n << BigInt(this.below(64))) | (1n << BigInt(this.below(64)));
      case 4:
        return this.bits64() >> BigInt(this.below(64));
      default:
        return this.bits64();
    }
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.next());
  }
}
