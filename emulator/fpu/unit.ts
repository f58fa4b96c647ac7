/**
 * The x87 register stack and status word (SDM vol. 1, section 8.1) over the machine's extended state, with the rules that
 * all instructions share: stack faults, condition code C1, when a result is written.
 */
import type { ExtendedState } from '../cpu/extended-state';
import {
  extended80,
  FloatEnvironment,
  FloatException,
  indefinite,
  unpack,
  type Extended80,
  type Unpacked,
} from '../softfloat';

/** Bits of the status word. */
export const enum Status {
  EXCEPTIONS = 0x3f,
  /** SF: the invalid operation was a stack overflow or underflow. */
  STACK_FAULT = 1 << 6,
  /** ES: an unmasked exception is pending. */
  SUMMARY = 1 << 7,
  C0 = 1 << 8,
  C1 = 1 << 9,
  C2 = 1 << 10,
  TOP = 7 << 11,
  C3 = 1 << 14,
  BUSY = 1 << 15,
}
const TOP_AT = 11;

/** Exceptions that, unmasked, leave the destination as it was: those noticed before the result is worked out. */
export const NO_RESULT = FloatException.INVALID | FloatException.DENORMAL | FloatException.ZERO_DIVIDE;
/** The same for stores to memory. */
export const NO_STORE = NO_RESULT | FloatException.OVERFLOW | FloatException.UNDERFLOW;
/** The same for loads: a denormal is loaded in any case. */
export const NO_LOAD = FloatException.INVALID;

export const INDEFINITE = indefinite(extended80);

export class X87Unit {
  readonly env = new FloatEnvironment('x87');
  private readonly registers: DataView;

  constructor(readonly state: ExtendedState) {
    const { buffer, byteOffset, byteLength } = state.x87;
    this.registers = new DataView(buffer, byteOffset, byteLength);
  }

  /** Makes ready for an instruction: exceptions are reported by the control word as it is now. */
  begin(): void {
    this.env.loadControlWord(this.state.control);
  }

  /** Physical number of ST(i). */
  private physical(i: number): number {
    return ((this.state.status >> TOP_AT) + i) & 7;
  }

  isEmpty(i: number): boolean {
    return (this.state.tags & (1 << this.physical(i))) === 0;
  }

  read(i: number): Extended80 {
    const at = this.physical(i) << 4;
    return {
      significand: this.registers.getBigUint64(at, true),
      signExponent: this.registers.getUint16(at + 8, true),
    };
  }

  /** ST(i) as an operand. */
  operand(i: number): Unpacked {
    return unpack(this.env, extended80, this.read(i));
  }

  /** Writes ST(i), which is then not empty. */
  write(i: number, value: Extended80): void {
    const physical = this.physical(i);
    this.registers.setBigUint64(physical << 4, value.significand, true);
    this.registers.setUint16((physical << 4) + 8, value.signExponent, true);
    this.state.tags |= 1 << physical;
  }

  /** Marks ST(i) empty; its contents stay. */
  free(i: number): void {
    this.state.tags &= ~(1 << this.physical(i));
  }

  /** Adds `count` to TOP. */
  rotate(count: number): void {
    const { state } = this;
    state.status = (state.status & ~Status.TOP) | ((((state.status >> TOP_AT) + count) & 7) << TOP_AT);
  }

  push(value: Extended80): void {
    this.rotate(-1);
    this.write(0, value);
  }

  pop(): void {
    this.free(0);
    this.rotate(1);
  }

  /** Replaces the bits of the status word in `mask`. */
  setStatus(mask: number, value: number): void {
    this.state.status = (this.state.status & ~mask) | value;
  }

  /**
   * Stack overflow or underflow (SDM vol. 1, section 8.5.1.1): IE, SF and, for an overflow, C1. True if it is masked and
   * indefinite results are due; else the instruction does nothing more.
   */
  stackFault(kind: 'overflow' | 'underflow'): boolean {
    const fault = Status.STACK_FAULT | FloatException.INVALID;
    this.setStatus(Status.C1, fault | (kind === 'overflow' ? Status.C1 : 0));
    this.state.settleExceptions();
    return this.env.masked(FloatException.INVALID);
  }

  /** Whether what the environment has raised allows a result, given the exceptions that prevent one. */
  allows(preventing: number): boolean {
    return (this.env.unmasked & preventing) === 0;
  }

  /** Takes the exceptions of the environment, and C1, over into the status word. */
  report(): void {
    const { reported, roundedUp } = this.env;
    const up = roundedUp && (reported & FloatException.PRECISION) !== 0;
    this.setStatus(Status.C1, reported | (up ? Status.C1 : 0));
    if (reported) this.state.settleExceptions();
  }
}

const units = new WeakMap<ExtendedState, X87Unit>();

/** The unit that works on `state`. */
export function unitOf(state: ExtendedState): X87Unit {
  let unit = units.get(state);
  if (!unit) units.set(state, (unit = new X87Unit(state)));
  return unit;
}
