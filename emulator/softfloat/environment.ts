/** What governs a floating-point operation and what it reports: the fields MXCSR and the x87 control word share. */

/** Rounding control, RC (SDM vol. 1, table 4-8): the encoding of MXCSR bits 13..14 and of FCW bits 10..11. */
export const enum RoundingMode {
  NEAREST_EVEN,
  DOWN,
  UP,
  ZERO,
}

/** Exceptions in the bit places of MXCSR bits 0..5 and FSW bits 0..5; masks are the same bits further left or in FCW. */
export const enum FloatException {
  /** IE, invalid operation. */
  INVALID = 1 << 0,
  /** DE, denormal operand. */
  DENORMAL = 1 << 1,
  /** ZE, division of a finite number by zero. */
  ZERO_DIVIDE = 1 << 2,
  /** OE, numeric overflow. */
  OVERFLOW = 1 << 3,
  /** UE, numeric underflow. */
  UNDERFLOW = 1 << 4,
  /** PE, inexact result. */
  PRECISION = 1 << 5,
}

const ALL_EXCEPTIONS = 0x3f;
/** Exceptions noticed before the result is worked out (SDM vol. 1, section 4.9.1). */
const PRE_COMPUTATION = FloatException.INVALID | FloatException.DENORMAL | FloatException.ZERO_DIVIDE;

const MXCSR_DAZ = 1 << 6;
const MXCSR_MASKS_AT = 7;
const MXCSR_RC_AT = 13;
const MXCSR_FTZ = 1 << 15;
const FCW_PC_AT = 8;
const FCW_RC_AT = 10;

/** Bits of significand that precision control PC leaves (SDM vol. 1, section 8.1.5.2); the reserved value 1 acts as 3. */
const PRECISIONS = [24, 64, 53, 64] as const;

export class FloatEnvironment {
  rounding = RoundingMode.NEAREST_EVEN;
  /** Bits of significand of x87 results that obey precision control: 24, 53 or 64. */
  precision: 24 | 53 | 64 = 64;
  /** DAZ: denormal operands count as zeros of their sign, without DE. */
  denormalsAreZero = false;
  /** FTZ: tiny results become zeros while underflow is masked. */
  flushToZero = false;
  /** `FloatException` bits that are masked. */
  masks = ALL_EXCEPTIONS;
  /** `FloatException` bits raised since the last `clear` or `load…`. */
  flags = 0;
  /** x87 condition code C1 after an inexact result: it was rounded away from zero. */
  roundedUp = false;

  /** `unit` decides which NaN of several becomes the result, and what underflow and overflow do when unmasked. */
  constructor(readonly unit: 'sse' | 'x87') {}

  /** Takes RC, DAZ, FTZ and the masks from MXCSR; no exception is raised yet. */
  loadMxcsr(mxcsr: number): this {
    this.rounding = (mxcsr >> MXCSR_RC_AT) & 3;
    this.denormalsAreZero = (mxcsr & MXCSR_DAZ) !== 0;
    this.flushToZero = (mxcsr & MXCSR_FTZ) !== 0;
    this.masks = (mxcsr >> MXCSR_MASKS_AT) & ALL_EXCEPTIONS;
    return this.clear();
  }

  /** Takes RC, PC and the masks from the x87 control word; no exception is raised yet. */
  loadControlWord(control: number): this {
    this.rounding = (control >> FCW_RC_AT) & 3;
    this.precision = PRECISIONS[(control >> FCW_PC_AT) & 3];
    this.masks = control & ALL_EXCEPTIONS;
    return this.clear();
  }

  /** Forgets what was raised: call it between instructions. */
  clear(): this {
    this.flags = 0;
    this.roundedUp = false;
    return this;
  }

  raise(exception: FloatException): void {
    this.flags |= exception;
  }

  masked(exception: FloatException): boolean {
    return (this.masks & exception) !== 0;
  }

  /**
   * The exceptions that the status register shows after the instruction: when an unmasked one was found in the operands
   * (of any element), results were never worked out, and OE, UE and PE not noticed.
   */
  get reported(): number {
    const early = this.flags & PRE_COMPUTATION;
    return early & ~this.masks ? early : this.flags;
  }

  /** The reported exceptions that are not masked: if any, #XM or a pending #MF. */
  get unmasked(): number {
    return this.reported & ~this.masks;
  }
}
