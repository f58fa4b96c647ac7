/**
 * The vocabulary in which the meaning of instructions is written. A description is staged by giving it a context: the
 * interpreter's takes operands from the fields of a record, the compiled stage's has them folded in as constants.
 *
 * All data values are i64, zero-extended from the operand size; conditions and host addresses are i32. A value may be
 * used more than once only after `let`.
 */
import type { FunctionBody, Label } from '../../wasm/function';
import * as w from '../../wasm/expression';
import * as simd from '../../wasm/simd';
import type { Value } from '../../wasm/expression';
import { ValueType } from '../../wasm/types';
import { Vector } from '../../cpu/exceptions';
import {
  ADDRESS,
  SCRATCH,
  SEGMENT_BASE,
  SEGMENT_READABLE,
  SEGMENT_WRITABLE,
  SHORTCUTS,
  TLB_BASE,
  TLB_ENTRIES,
  TLB_ENTRY_BYTES,
  X87_STATUS,
  X87_TAGS,
} from '../../engine/layout';
import type { Gpr } from '../instruction';
import { Flags } from './flags';

export type Size = 1 | 2 | 4 | 8;

/** Fields of the x87 status word (SDM vol. 1, figure 8-4). */
const X87_ERROR_SUMMARY = 1 << 7;
const X87_TOP = 7 << 11;

/** What a description may know of an operand while it is staged. */
export interface OperandRef {
  /**
   * 'indexed' is a memory operand with an index register, where a stage treats it specially. 'xmm' and 'ymm' are vector
   * registers, 'm128' and 'm256' memory as wide; their `size` says nothing. 'gather' and 'gather256' are memory of which
   * each element of an XMM or YMM register is an index; their size is that of one element in memory.
   */
  readonly kind:
    'register' | 'memory' | 'indexed' | 'immediate' | 'xmm' | 'ymm' | 'mmx' | 'm128' | 'm256' | 'gather' | 'gather256';
  readonly size: Size;
}

/** The low or high 128 bits of a vector operand. */
export type Half = 0 | 1;

/** Bytes of a vector operand in memory; that of an XMM register is 16. */
export function vectorBytes({ kind }: OperandRef): 16 | 32 {
  return kind === 'ymm' || kind === 'm256' ? 32 : 16;
}

/** How implicit operands (stack, strings) are addressed: 64-bit; flat 32-bit; or through segments with limit checks. */
export type SegmentKind = 'flat64' | 'flat32' | 'checked';

/** How an operand's addresses come about: what of a variant says so. */
export interface Place {
  readonly addressSize: 2 | 4 | 8;
  readonly segmentation: SegmentKind;
}

/** Functions generated code calls; indices in the module's function space. */
export interface Helpers {
  /** (vaLow, vaHigh, size) -> host address to read from, or 0 on a fault. */
  readonly slowRead: number;
  /** (vaLow, vaHigh, size, record) -> host address to write to, or 0 on a fault. */
  readonly slowWrite: number;
  /** () Stores SCRATCH to where the last slowWrite meant. */
  readonly commitWrite: number;
  /** (segment, size, write) Turns the offset in ADDRESS into a linear address, checked by the segment; 0 on a fault. */
  readonly checkSegment: number;
  /** (i64 a, i64 b) -> high 64 bits of the unsigned product. */
  readonly multiplyHigh: number;
  /** (i64 divisor, signed) Divides RDX:RAX into RAX and RDX; 0 on #DE. */
  readonly divideWide: number;
  /** () -> the six status flags in their RFLAGS places. */
  readonly packFlags: number;
  /** (i64 rflags) Sets the six status flags. */
  readonly unpackFlags: number;
  /** (record) Carries out the architectural routine of the instruction; -> the record to go on at, 0 to leave. */
  readonly architectural: number;
  /** (record) Does as many iterations of a REP MOVS or STOS as fit one page; returns how many, -1 on a fault. */
  readonly bulkString: number;
  /**
   * (operation) Carries out a floating-point operation (float-unit/operation.ts) from FLOAT_OPERANDS to FLOAT_RESULT,
   * with all that MXCSR has to do with it; 0 on an unmasked exception.
   */
  readonly floatOperation: number;
  /** (a, b, result) -> mask of the lanes that the float unit has to do; vector/float-routines.ts. */
  readonly judgeSums: number;
  readonly judgeDoubleSums: number;
  readonly judgeProducts: number;
  readonly judgeDoubleProducts: number;
  readonly judgeQuotients: number;
  readonly judgeDoubleQuotients: number;
  readonly judgeRoots: number;
  readonly judgeDoubleRoots: number;
  /** (a, b, c) -> a · b + c; NaNs in lanes that the float unit has to do; vector/float-fused-routines.ts. */
  readonly fusedSingles: number;
  readonly fusedDoubles: number;
}

/** A value worked out when it is called for: everything it is made of is evaluated already. */
export type Lazily = () => Value;

export abstract class Context {
  readonly flags: Flags;

  constructor(
    readonly f: FunctionBody,
    protected readonly helpers: Helpers,
    /** Local that holds the base of the TLB pair in force. */
    protected readonly tlb: Value,
  ) {
    this.flags = new Flags(this);
  }

  // What a stage decides: where operands, registers, flags and control live.

  /** Reads the low `size` bytes of a general register. */
  abstract register(register: Gpr, size: Size): Value;
  /** Writes a general register: 4 bytes clear the upper half, 1 and 2 bytes leave the rest. */
  abstract setRegister(register: Gpr, size: Size, value: Value): void;
  protected abstract readRegisterOperand(operand: OperandRef): Value;
  protected abstract writeRegisterOperand(operand: OperandRef, value: Value): void;
  protected abstract readImmediate(operand: OperandRef): Value;
  /** 128 bits of an XMM or YMM register. */
  protected abstract readVectorRegister(operand: OperandRef, half: Half): Value;
  protected abstract writeVectorRegister(operand: OperandRef, half: Half, value: Value): void;
  /** 128 bits of the vector register with this number, for implicit operands. */
  abstract vectorRegister(number: number, half: Half): Value;
  abstract setVectorRegister(number: number, half: Half, value: Value): void;
  /** 128 bits of the index register of a 'gather' operand. */
  abstract gatherIndices(operand: OperandRef, half: Half): Value;
  /** Base, scaled index and displacement of a 'gather' operand, not yet cut to the address size. */
  protected abstract gatherOffset(operand: OperandRef, index: Value): Value;
  /** i32: where the MMX register is in linear memory. */
  protected abstract mmxAddress(operand: OperandRef): Value;
  /** Linear address of a memory operand. */
  protected abstract linearAddress(operand: OperandRef): Value;
  /** Effective address of a memory operand (LEA): no segment base. */
  abstract effectiveAddress(operand: OperandRef): Value;
  /** The lazy flags (flags.ts) as they are now: evaluate the value before they change, or pass it on as `Lazily`. */
  abstract captureResult(): Lazily;
  abstract captureCarries(): Lazily;
  /** Sets the lazy flags. A stage may put the evaluation off, or drop it if nobody asks for it. */
  abstract setLazyFlags(result: Lazily, carries: Lazily): void;
  /** Lets `change` set flags if `condition` holds. */
  abstract setFlagsIf(condition: Value, change: () => void): void;
  /** The six status flags in their RFLAGS places, and the reverse. */
  abstract packFlags(): Value;
  abstract unpackFlags(rflags: Value): void;
  /** RFLAGS other than the status flags, as i32. */
  abstract otherFlags(): Value;
  abstract setOtherFlags(value: Value): void;
  /** Address of the next instruction, cut to the operand size. */
  abstract nextAddress(): Value;
  /** The same as a whole; SYSCALL saves it. */
  abstract followingAddress(): Value;
  /** How this code addresses the stack and strings. */
  abstract readonly segmentation: SegmentKind;
  /** Leaves generated code because of a fault a helper has recorded. */
  abstract leave(): void;
  /**
   * Leaves the instruction to its architectural routine: nothing must have happened yet. Only what ends a block can be
   * left to one.
   */
  abstract routine(): void;
  /** i32 truth: generated code may go on after this block without asking the engine. */
  abstract hasBudgetAfter(): Value;
  /** Raises an exception; its error code, if the vector has one, is 0. */
  abstract raise(vector: number): void;
  /** Goes on at the target of the branch operand. */
  abstract jump(): void;
  /** Goes on at the branch operand's target if `condition`, else at the next instruction. */
  abstract jumpIf(condition: Value): void;
  /** Goes on at an address worked out at run time. */
  abstract jumpTo(address: Value): void;
  /** i32: divides RDX:RAX, see `Helpers.divideWide`. */
  abstract divideWide(divisor: Value, signed: boolean): Value;
  /** What `slowWrite` and `bulkString` are told to find the instruction: the record, i32. */
  abstract writer(): Value;
  /** Leaves a repeated string instruction between two iterations, to be executed again from its start. */
  abstract leaveBetweenIterations(): void;
  /** i32 1 while repeated string instructions must stop after each iteration. */
  abstract oneIteration(): Value;
  /** Source segment of a string instruction: its base; and its number for checks, also for `displacedAddress`. */
  abstract sourceBase(): Value;
  abstract sourceSegment(): Value;
  /** Base of the segment of a memory operand that `displacedAddress` moves, or of a 'gather' operand, in 64-bit mode. */
  protected abstract operandSegmentBase(): Value;
  /** i32: does iterations of a repeated string instruction all at once, see `Helpers.bulkString`. */
  abstract bulkIterations(): Value;
  /** Ways with different flags join here, or a loop comes back here: the flags set so far take their places. */
  abstract joinFlags(): void;
  /** Bits of RSP that form the stack pointer of a 'checked' stack. */
  abstract stackMask(): Value;

  // Shared by all stages.

  let(value: Value): Value {
    return this.f.let(value);
  }

  if(condition: Value, then: () => void, otherwise?: () => void): void {
    this.f.if(condition, then, otherwise);
  }

  loop(body: (label: Label) => void): void {
    this.f.loop(body);
  }

  /** The operand's value, zero-extended from its size. */
  read(operand: OperandRef): Value {
    switch (operand.kind) {
      case 'register':
        return this.let(this.readRegisterOperand(operand));
      case 'immediate':
        return this.let(this.readImmediate(operand));
      case 'memory':
      case 'indexed':
        return this.load(this.linearAddress(operand), operand.size);
      case 'mmx':
        return this.let(w.load64(this.mmxAddress(operand), 0, 8));
      default:
        throw new Error(`${operand.kind} is not an integer operand`);
    }
  }

  /** Writes the low bytes of `value` to the operand. */
  write(operand: OperandRef, value: Value): void {
    if (operand.kind === 'register') this.writeRegisterOperand(operand, value);
    else if (operand.kind === 'mmx') this.writeMmx(operand, value);
    else this.store(this.linearAddress(operand), operand.size, value);
  }

  /** An MMX instruction raises #MF before all else if an x87 exception is pending. */
  requireMmx(): void {
    const pending = w.and(w.load32(w.i32(0), X87_STATUS, 2), w.i32(X87_ERROR_SUMMARY));
    this.f.if(pending, () => this.raise(Vector.MF));
  }

  /** What an MMX instruction does to the x87 unit: the stack begins at R0, no register is empty (SDM vol. 1, 9.6.2). */
  useMmx(): void {
    const status = w.load64(w.i32(0), X87_STATUS, 2);
    this.f.store64(w.i32(0), X87_STATUS, 2, w.and(status, w.i64(~X87_TOP)));
    this.f.store64(w.i32(0), X87_TAGS, 1, w.i64(0xff));
  }

  /** EMMS: all x87 registers are empty; the stack begins at R0 as after other MMX instructions. */
  releaseMmx(): void {
    this.useMmx();
    this.f.store64(w.i32(0), X87_TAGS, 1, w.i64(0));
  }

  /** An MMX register is the significand of an x87 register, whose sign and exponent become ones (SDM vol. 1, 9.5.1). */
  private writeMmx(operand: OperandRef, value: Value): void {
    const address = this.let(this.mmxAddress(operand));
    this.f.store64(address, 0, 8, value);
    this.f.store64(address, 8, 2, w.i64(0xffff));
  }

  /**
   * The value of a vector operand, 128 bits an element. Memory that is `aligned` raises #GP(0) where it is not aligned to
   * its size.
   */
  readVector(operand: OperandRef, aligned = false): Value[] {
    switch (operand.kind) {
      case 'xmm':
        return [this.let(this.readVectorRegister(operand, 0))];
      case 'ymm':
        return [this.let(this.readVectorRegister(operand, 0)), this.let(this.readVectorRegister(operand, 1))];
      case 'm128':
      case 'm256':
        return this.loadVector(this.linearAddress(operand), vectorBytes(operand), aligned);
      default:
        throw new Error(`${operand.kind} is not a vector operand`);
    }
  }

  /** Writes a vector operand, 128 bits an element; the rest of a register stays as it is, see `clearUpper`. */
  writeVector(operand: OperandRef, values: readonly Value[], aligned = false): void {
    if (operand.kind === 'm128' || operand.kind === 'm256') {
      this.storeVector(this.linearAddress(operand), values, aligned);
      return;
    }
    values.forEach((value, half) => this.writeVectorRegister(operand, half as Half, value));
  }

  /** Clears bits 128 to 255 of a vector register operand, as VEX-encoded instructions on 128 bits do. */
  clearUpper(operand: OperandRef): void {
    this.writeVectorRegister(operand, 1, simd.zero);
  }

  /** Loads 16 or 32 bytes of guest memory at a linear address. */
  loadVector(va: Value, bytes: 16 | 32, aligned: boolean): Value[] {
    const linear = this.let(va);
    if (aligned) this.requireAligned(linear, bytes);
    const host = this.hostAddress(linear, bytes, false);
    const low = this.let(simd.load(host, 0));
    return bytes === 16 ? [low] : [low, this.let(simd.load(host, 16))];
  }

  /** Stores one or two vectors to guest memory at a linear address. */
  storeVector(va: Value, values: readonly Value[], aligned: boolean): void {
    const held = values.map((value) => this.let(value));
    const linear = this.let(va);
    const bytes = held.length === 1 ? 16 : 32;
    if (aligned) this.requireAligned(linear, bytes);
    const host = this.hostAddress(linear, bytes, true);
    held.forEach((value, i) => this.f.storeVector(host, 16 * i, value));
    this.commit(host);
  }

  /** #GP(0) if an address is not a multiple of `bytes`; before the translation: of both faults processors report this one. */
  requireAligned(va: Value, bytes: number): void {
    this.f.if(w.wrap(w.and(va, w.i64(bytes - 1))), () => this.raise(Vector.GP));
  }

  /**
   * Reads the operand, works out a new value and writes it back. For memory the translation for writing comes first, so
   * that a fault precedes every effect; flags are set in `compute` or after it.
   */
  modify(operand: OperandRef, compute: (old: Value) => Value): void {
    if (operand.kind === 'register') {
      this.writeRegisterOperand(operand, this.let(compute(this.let(this.readRegisterOperand(operand)))));
      return;
    }
    this.modifyAt(this.linearAddress(operand), operand.size, compute);
  }

  /** `modify` for memory at a linear address. */
  modifyAt(va: Value, size: Size, compute: (old: Value) => Value): void {
    const host = this.hostAddress(va, size, true);
    const value = this.let(compute(this.let(w.load64(host, 0, size))));
    this.f.store64(host, 0, size, value);
    this.commit(host);
  }

  /** Linear address, evaluated, of what an index (i64, sign-extended) names in a 'gather' operand. */
  gatherAddress(operand: OperandRef, index: Value, { addressSize, segmentation }: Place): Value {
    const offset = w.zeroExtend(this.gatherOffset(operand, index), addressSize);
    if (segmentation === 'flat64') return this.let(w.add(offset, this.operandSegmentBase()));
    if (segmentation === 'flat32') return this.let(offset);
    return this.checkedAddress(this.sourceSegment(), this.let(offset), operand.size, false);
  }

  /** Linear address of a memory operand, evaluated. */
  address(operand: OperandRef): Value {
    return this.let(this.linearAddress(operand));
  }

  /**
   * Linear address of what lies `delta` bytes from a memory operand (bit strings, XLAT): the effective address wraps at
   * the address size before the segment comes in. `va` is the operand's `address`, or its offset in a 'checked' segment.
   */
  displacedAddress(va: Value, delta: Value, place: Place, size: Size, write: boolean): Value {
    const { addressSize, segmentation } = place;
    if (addressSize === 8) return this.let(w.add(va, delta));
    if (segmentation === 'flat64') {
      const base = this.let(this.operandSegmentBase());
      return this.let(w.add(w.zeroExtend(w.add(w.sub(va, base), delta), addressSize), base));
    }
    const offset = this.let(w.zeroExtend(w.add(va, delta), addressSize));
    return segmentation === 'flat32' ? offset : this.checkedAddress(this.sourceSegment(), offset, size, write);
  }

  /** Runs `offset` through segment `segment` (i32) with all checks; returns the linear address. */
  checkedAddress(segment: Value, offset: Value, size: Size, write: boolean): Value {
    return this.checkedAddressOf(segment, offset, w.i32(size), w.i32(write ? 1 : 0));
  }

  /** `checkedAddress` with size and access (1: write) that may be known at run time only. */
  checkedAddressOf(segment: Value, offset: Value, size: Value, write: Value): Value {
    const { f } = this;
    const held = this.let(offset);
    const index = w.mul(segment, w.i32(8));
    const limit = w.add(index, w.mul(write, w.i32(SEGMENT_WRITABLE - SEGMENT_READABLE)));
    const linear = f.slot(ValueType.I64);
    f.if(
      w.gtU(w.add(held, w.extendU(size)), w.load64(limit, SEGMENT_READABLE, 8)),
      () => {
        f.store64(w.i32(0), ADDRESS, 8, held);
        this.callOrLeave(this.helpers.checkSegment, [segment, size, write]);
        f.set(linear, w.load64(w.i32(0), ADDRESS, 8));
      },
      () => f.set(linear, w.zeroExtend(w.add(held, w.load64(index, SEGMENT_BASE, 8)), 4)),
    );
    return linear;
  }

  /** Loads guest memory at a linear address. */
  load(va: Value, size: Size): Value {
    return this.let(w.load64(this.hostAddress(va, size, false), 0, size));
  }

  /** Stores to guest memory at a linear address. */
  store(va: Value, size: Size, value: Value): void {
    const held = this.let(value);
    const host = this.hostAddress(va, size, true);
    this.f.store64(host, 0, size, held);
    this.commit(host);
  }

  /** Where `size` bytes at `va` can be written, translation done; follow it with `f.store64` and `commit`. */
  prepareWrite(va: Value, size: Size | 16 | 32): Value {
    return this.hostAddress(va, size, true);
  }

  /** Completes a write to `host` that had to go through SCRATCH. */
  commit(host: Value): void {
    this.f.if(w.eq(host, w.i32(SCRATCH)), () => this.f.call(this.helpers.commitWrite, []));
  }

  /** Leaves the instruction to its routine unless all of these shortcuts (engine/shortcuts.ts) are allowed. */
  requireShortcuts(bits: number): void {
    const allowed = w.and(w.load32(w.i32(0), SHORTCUTS), w.i32(bits));
    this.routineIf(w.ne(allowed, w.i32(bits)));
  }

  /** Leaves the instruction to its routine in a case that only that knows. */
  routineIf(condition: Value): void {
    this.f.if(condition, () => this.routine());
  }

  /** Puts another TLB pair in force; `base` as in TLB_BASE. */
  setTlb(base: Value): void {
    this.f.set(this.tlb, base);
    this.f.store32(w.i32(0), TLB_BASE, this.tlb);
  }

  /** Calls a helper that reports a fault by returning 0. */
  callOrLeave(helper: number, values: readonly Value[]): void {
    this.f.if(w.isZero({ kind: 'call', type: ValueType.I32, function: helper, arguments: values }), () => this.leave());
  }

  /** High 64 bits of the unsigned product. */
  multiplyHigh(a: Value, b: Value): Value {
    return { kind: 'call', type: ValueType.I64, function: this.helpers.multiplyHigh, arguments: [a, b] };
  }

  get helper(): Helpers {
    return this.helpers;
  }

  /**
   * One compare finds both a TLB miss and an access that crosses the page: the distance of `va` from the page the entry
   * describes must leave room for `size` bytes.
   */
  private hostAddress(va: Value, size: Size | 16 | 32, write: boolean): Value {
    const { f } = this;
    const linear = f.let(va);
    const entryMask = (TLB_ENTRIES - 1) * TLB_ENTRY_BYTES;
    const entry = f.let(w.add(this.tlb, w.and(w.wrap(w.shrU(linear, w.i64(8))), w.i32(entryMask))));
    const offset = write ? TLB_ENTRIES * TLB_ENTRY_BYTES : 0;
    const distance = f.let(w.sub(linear, w.load64(entry, offset, 8)));
    const host = f.slot(ValueType.I32);
    f.if(
      w.gtU(distance, w.i64(4096 - size)),
      () => {
        const va32 = [w.wrap(linear), w.wrap(w.shrU(linear, w.i64(32))), w.i32(size)];
        const helper = write ? this.helpers.slowWrite : this.helpers.slowRead;
        const values = write ? [...va32, this.writer()] : va32;
        f.set(host, { kind: 'call', type: ValueType.I32, function: helper, arguments: values });
        f.if(w.isZero(host), () => this.leave());
      },
      () => f.set(host, w.add(w.wrap(distance), w.load32(entry, offset + 8))),
    );
    return host;
  }
}
