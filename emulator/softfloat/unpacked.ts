/** A floating-point number of any format, taken apart: what the operations work on. */

export const enum Kind {
  ZERO,
  FINITE,
  INFINITE,
  QUIET_NAN,
  SIGNALLING_NAN,
  /** x87 encodings that no longer mean anything: unnormals, pseudo-NaNs, pseudo-infinities (SDM vol. 1, table 8-3). */
  UNSUPPORTED,
}

/** Bit of a NaN's `significand` that makes it quiet. */
export const QUIET_BIT = 1n << 62n;

export class Unpacked {
  constructor(
    readonly kind: Kind,
    readonly sign: boolean,
    /** A finite number's absolute value divided by 2^exponent; a NaN's significand as extended80 would hold it. */
    readonly significand: bigint = 0n,
    /** Weight of bit 0 of a finite number's significand. */
    readonly exponent: number = 0,
    /** Whether as an operand it raises DE: exponent field 0 and significand not. */
    readonly denormal: boolean = false,
  ) {}

  get isNan(): boolean {
    return this.kind === Kind.QUIET_NAN || this.kind === Kind.SIGNALLING_NAN;
  }

  /** The same with the opposite sign; NaNs too. */
  negated(): Unpacked {
    return new Unpacked(this.kind, !this.sign, this.significand, this.exponent, this.denormal);
  }

  /** A NaN with its quiet bit set. */
  quieted(): Unpacked {
    return new Unpacked(Kind.QUIET_NAN, this.sign, this.significand | QUIET_BIT);
  }
}

/** The default NaN, "real indefinite" (SDM vol. 1, section 4.8.3.7): negative, quiet, no payload. */
export const INDEFINITE = new Unpacked(Kind.QUIET_NAN, true, 3n << 62n);
