/** A register of 256 bits, one for each interrupt vector, as ISR, TMR and IRR of a local APIC. */
export class VectorSet {
  /** As the guest reads it: bit v % 32 of word v / 32. */
  readonly words = new Uint32Array(8);

  save(): number[] {
    return [...this.words];
  }

  restore(words: readonly number[]): void {
    this.words.set(words);
  }

  has(vector: number): boolean {
    return (this.words[vector >> 5] & (1 << (vector & 31))) !== 0;
  }

  put(vector: number, present: boolean): void {
    const bit = 1 << (vector & 31);
    if (present) this.words[vector >> 5] |= bit;
    else this.words[vector >> 5] &= ~bit;
  }

  /** The highest vector, which has the highest priority; -1 if there is none. */
  get highest(): number {
    for (let word = 7; word >= 0; word--) {
      if (this.words[word] !== 0) return 32 * word + 31 - Math.clz32(this.words[word]);
    }
    return -1;
  }

  clear(): void {
    this.words.fill(0);
  }
}
