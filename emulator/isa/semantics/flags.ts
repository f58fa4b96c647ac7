/**
 * The six status flags (SDM vol. 1, section 3.4.3.1), kept lazily as two i64:
 *
 * - `result`: the last result, sign-extended. ZF: result = 0. SF: its sign, inverted if bit 0 of `carries` is set.
 *   PF: even parity of its low byte, inverted if bits 16..23 of `carries` have odd parity.
 * - `carries`: bit 63 is the carry out of the top bit (CF), bit 62 the carry into it (so OF = bit 63 xor bit 62), bit 3
 *   the carry out of bit 3 (AF). Bits 0 and 16..23 correct SF and PF when flags are set one by one (POPF, SAHF).
 *
 * Undefined flags get whatever is cheapest.
 */
import * as w from '../../wasm/expression';
import type { Value } from '../../wasm/expression';
import type { Context, Lazily, Size } from './context';

const CF_BIT = 1n << 63n;
const OF_CF_BITS = 3n << 62n;
const AF_BIT = 8n;

/** What the last flag-setting instruction computed, for a condition that follows it in the same staging. */
type Comparison =
  | { readonly kind: 'sub'; readonly size: Size; readonly a: Value; readonly b: Value; readonly result: Value }
  | { readonly kind: 'logic' | 'other'; readonly size: Size; readonly result: Value }
  /** ZF, PF and CF as i64 zeros or ones; the others are clear. */
  | { readonly kind: 'ordered'; readonly zero: Value; readonly parity: Value; readonly carry: Value };

/** Condition codes without their lowest, negating bit (SDM vol. 1, appendix B). */
const enum Test {
  O = 0,
  B = 2,
  E = 4,
  BE = 6,
  S = 8,
  P = 10,
  L = 12,
  LE = 14,
}

export class Flags {
  /** Known while an instruction and a conditional one after it are staged together. */
  private comparison: Comparison | undefined;

  constructor(private readonly c: Context) {}

  /** `carries` moved so that the carry out of the operand's top bit is bit 63, with AF kept in bit 3. */
  private align(carries: Value, size: Size): Value {
    if (size === 8) return w.and(carries, w.i64(OF_CF_BITS | AF_BIT));
    const held = this.c.let(carries);
    return w.or(w.shl(held, w.i64(64 - 8 * size)), w.and(held, w.i64(AF_BIT)));
  }

  private sumCarries(a: Value, b: Value, result: Value): Value {
    return w.or(w.and(a, b), w.and(w.or(a, b), w.not(result)));
  }

  private differenceBorrows(a: Value, b: Value, result: Value): Value {
    return w.or(w.and(w.not(a), b), w.and(w.not(w.xor(a, b)), result));
  }

  private set(comparison: Comparison | undefined, result: Lazily, carries: Lazily): void {
    this.c.setLazyFlags(result, carries);
    this.comparison = comparison;
  }

  /** result = a + b (+ carry in); all zero-extended. */
  addition(size: Size, a: Value, b: Value, result: Value): void {
    this.set(
      { kind: 'other', size, result },
      () => w.signExtend(result, size),
      () => this.align(this.sumCarries(a, b, result), size),
    );
  }

  /** result = a - b (- borrow in); all zero-extended. `exact` if there was no borrow in. */
  subtraction(size: Size, a: Value, b: Value, result: Value, exact = true): void {
    this.set(
      exact ? { kind: 'sub', size, a, b, result } : { kind: 'other', size, result },
      () => w.signExtend(result, size),
      () => this.align(this.differenceBorrows(a, b, result), size),
    );
  }

  /** AND, OR, XOR, TEST: CF and OF cleared. */
  logic(size: Size, result: Value): void {
    this.set(
      { kind: 'logic', size, result },
      () => w.signExtend(result, size),
      () => w.i64(0),
    );
  }

  /** INC and DEC: as an addition or subtraction of one, CF kept. */
  increment(size: Size, old: Value, result: Value, down: boolean): void {
    const oldCarries = this.c.captureCarries();
    this.set(
      { kind: 'other', size, result },
      () => w.signExtend(result, size),
      () => {
        const one = w.i64(1);
        const raw = down ? this.differenceBorrows(old, one, result) : this.sumCarries(old, one, result);
        const carries = this.c.let(this.align(raw, size));
        const keptCarry = this.c.let(w.and(oldCarries(), w.i64(CF_BIT)));
        // Bit 62 must differ from the kept bit 63 exactly when the operation overflowed.
        const overflow = w.xor(carries, w.shl(carries, w.i64(1)));
        const into = w.and(w.shrU(w.xor(overflow, keptCarry), w.i64(1)), w.i64(1n << 62n));
        return w.or(w.or(into, keptCarry), w.and(carries, w.i64(AF_BIT)));
      },
    );
  }

  /** SF, ZF and PF from `result` (zero-extended), CF and OF from i64 zeros or ones; all evaluated. */
  shifted(size: Size, result: Value, carry: Value, overflow: Value): void {
    this.set(
      { kind: 'other', size, result },
      () => w.signExtend(result, size),
      () => this.carriesOf(carry, overflow),
    );
  }

  private carriesOf(carry: Value, overflow: Value): Value {
    const held = this.c.let(carry);
    return w.or(w.shl(held, w.i64(63)), w.shl(w.and(w.xor(held, overflow), w.i64(1)), w.i64(62)));
  }

  /** Comparisons of vectors: ZF, PF and CF from i64 zeros or ones (evaluated), the other three cleared. */
  ordered(zero: Value, parity: Value, carry: Value): void {
    // Not zero gives 1, whose own parity is odd.
    const result = this.c.let(w.xor(zero, w.i64(1)));
    this.set(
      { kind: 'ordered', zero, parity, carry },
      () => result,
      () => {
        const carries = w.and(w.sub(w.i64(0), carry), w.i64(OF_CF_BITS));
        return w.or(carries, w.shl(w.xor(zero, parity), w.i64(16)));
      },
    );
  }

  /** Rotates: CF and OF from i64 zeros or ones (evaluated), the other four kept. */
  rotated(carry: Value, overflow: Value): void {
    const result = this.c.captureResult();
    const carries = this.c.captureCarries();
    this.set(undefined, result, () => w.or(w.and(carries(), w.i64(~OF_CF_BITS)), this.carriesOf(carry, overflow)));
  }

  /** CF alone (i64 zero or one, evaluated); everything else kept. */
  setCarry(carry: Value): void {
    const result = this.c.captureResult();
    const carries = this.c.captureCarries();
    this.set(undefined, result, () => {
      const old = this.c.let(carries());
      const overflow = w.and(w.shrU(w.xor(old, w.shl(old, w.i64(1))), w.i64(63)), w.i64(1));
      return w.or(w.and(old, w.i64(~OF_CF_BITS)), this.carriesOf(carry, overflow));
    });
  }

  /** Sets flags by `change` if `condition` holds, else keeps them. */
  when(condition: Value, change: () => void): void {
    this.c.setFlagsIf(condition, change);
    if (condition.kind !== 'constant') this.comparison = undefined;
  }

  /** Control may have come from elsewhere: what the last comparison was is not known any more. */
  forget(): void {
    this.comparison = undefined;
  }

  /** CF as i64 zero or one. */
  carry(): Value {
    return w.shrU(this.c.captureCarries()(), w.i64(63));
  }

  /** OF as i64 zero or one. */
  overflow(): Value {
    const carries = this.c.let(this.c.captureCarries()());
    return w.shrU(w.xor(carries, w.shl(carries, w.i64(1))), w.i64(63));
  }

  /** All six from an RFLAGS image (i64). */
  setAll(rflags: Value): void {
    this.c.unpackFlags(rflags);
    this.comparison = undefined;
  }

  /** All six as an RFLAGS image (i64). */
  all(): Value {
    return this.c.packFlags();
  }

  /** i32 truth of condition code 0..15. */
  condition(code: number): Value {
    return this.comparison ? this.afterComparison(code, this.comparison) : this.fromLazyFlags(code);
  }

  private afterComparison(code: number, comparison: Comparison): Value {
    const negate = (code & 1) !== 0;
    const test: Test = code & ~1;
    if (comparison.kind === 'ordered') return this.afterOrdering(test, negate, comparison);
    const { size, result } = comparison;
    const signed = (value: Value): Value => w.signExtend(value, size);
    if (test === Test.E) return negate ? w.ne(result, w.i64(0)) : w.isZero(result);
    if (test === Test.S) return (negate ? w.geS : w.ltS)(signed(result), w.i64(0));
    if (comparison.kind === 'sub') {
      const { a, b } = comparison;
      if (test === Test.B) return (negate ? w.geU : w.ltU)(a, b);
      if (test === Test.BE) return (negate ? w.gtU : w.leU)(a, b);
      if (test === Test.L) return (negate ? w.geS : w.ltS)(signed(a), signed(b));
      if (test === Test.LE) return (negate ? w.gtS : w.leS)(signed(a), signed(b));
    }
    if (comparison.kind === 'logic') {
      if (test === Test.L) return (negate ? w.geS : w.ltS)(signed(result), w.i64(0));
      if (test === Test.LE) return (negate ? w.gtS : w.leS)(signed(result), w.i64(0));
    }
    return this.fromLazyFlags(code);
  }

  private afterOrdering(
    test: Test,
    negate: boolean,
    { zero, parity, carry }: Comparison & { readonly kind: 'ordered' },
  ): Value {
    const holds = (flag: Value): Value => (negate ? w.isZero(flag) : w.wrap(flag));
    if (test === Test.E || test === Test.LE) return holds(zero); // SF and OF are equal
    if (test === Test.B) return holds(carry);
    if (test === Test.BE) return holds(w.or(carry, zero));
    if (test === Test.P) return holds(parity);
    return w.i32(negate ? 1 : 0);
  }

  private fromLazyFlags(code: number): Value {
    const { c } = this;
    const result = c.captureResult();
    const captured = c.captureCarries();
    const negative = (value: Value): Value => w.ltS(value, w.i64(0));
    const zero = (): Value => w.isZero(result());
    let value: Value;
    switch ((code & ~1) as Test) {
      case Test.O:
        value = negative(this.overflowInTop(c.let(captured())));
        break;
      case Test.B:
        value = negative(captured());
        break;
      case Test.E:
        value = zero();
        break;
      case Test.BE:
        value = w.or(negative(captured()), zero());
        break;
      case Test.S:
        value = negative(this.signInTop(result(), captured()));
        break;
      case Test.P: {
        const low = w.xor(result(), w.shrU(captured(), w.i64(16)));
        value = w.isZero(w.and(w.wrap(w.popcnt(w.and(low, w.i64(0xff)))), w.i32(1)));
        break;
      }
      case Test.L:
      case Test.LE: {
        const carries = c.let(captured());
        const less = negative(w.xor(this.signInTop(result(), carries), this.overflowInTop(carries)));
        value = (code & ~1) === Number(Test.LE) ? w.or(less, zero()) : less;
        break;
      }
    }
    return code & 1 ? w.isZero(value) : value;
  }

  /** OF in bit 63; `carries` is evaluated. */
  private overflowInTop(carries: Value): Value {
    return w.xor(carries, w.shl(carries, w.i64(1)));
  }

  /** SF in bit 63: the sign of the result, corrected. */
  private signInTop(result: Value, carries: Value): Value {
    return w.xor(result, w.shl(carries, w.i64(63)));
  }
}
