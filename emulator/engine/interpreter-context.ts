/** The interpreter's staging of semantics: operands come from the fields of the record being executed. */
import type { FunctionBody, Label } from '../wasm/function';
import * as w from '../wasm/expression';
import * as simd from '../wasm/simd';
import type { Value } from '../wasm/expression';
import type { Gpr } from '../isa/instruction';
import {
  Context,
  type Half,
  type Helpers,
  type Lazily,
  type OperandRef,
  type SegmentKind,
  type Size,
} from '../isa/semantics/context';
import { ValueType } from '../wasm/types';
import * as layout from './layout';
import { ExitReason, Field, OutOfLineField } from './records';

/** Locals and labels of the interpreter function that its handlers share. */
export interface Frame {
  /** i32: the record being executed. */
  readonly record: Value;
  /** i32: instructions still allowed. */
  readonly budget: Value;
  /** i32: base of the TLB pair in force. */
  readonly tlb: Value;
  /** i64: RIP to look up, for `indirect`. */
  readonly rip: Value;
  /** Executes the record in `record`. */
  readonly dispatch: Label;
  /** Looks up the record for `rip` and executes it. */
  readonly indirect: Label;
}

const STATE = w.i32(0);
const REGISTER_FIELDS = [Field.REGISTER_0, Field.REGISTER_1, Field.REGISTER_2, OutOfLineField.REGISTER_3] as const;
const REGISTER_KINDS: ReadonlySet<OperandRef['kind']> = new Set(['register', 'xmm', 'ymm', 'mmx']);

export class InterpreterContext extends Context {
  /** Register operands of the instruction being described, in order: decides which record field names their slot. */
  private registers: readonly OperandRef[] = [];
  private fused = false;

  constructor(
    f: FunctionBody,
    helpers: Helpers,
    private readonly frame: Frame,
    readonly segmentation: SegmentKind,
  ) {
    super(f, helpers, frame.tlb);
  }

  /**
   * Tells the operands of the description about to be staged. With `fused`, a conditional branch shares the record: NEXT
   * takes the upper half of IMMEDIATE, so that 32 bits, sign-extended, must do.
   */
  setOperands(operands: readonly OperandRef[], fused = false): void {
    this.registers = operands.filter(({ kind }) => REGISTER_KINDS.has(kind));
    this.fused = fused;
  }

  private field(offset: number, bytes: 1 | 2 | 4): Value {
    return w.load32(this.frame.record, offset, bytes);
  }

  private slot(operand: OperandRef): Value {
    return this.field(REGISTER_FIELDS[this.registers.indexOf(operand)], 1);
  }

  register(register: Gpr, size: Size): Value {
    return w.load64(STATE, layout.GPR + 8 * register, size);
  }

  setRegister(register: Gpr, size: Size, value: Value): void {
    // Four bytes clear the upper half: values are zero-extended, so the whole slot is written.
    this.f.store64(STATE, layout.GPR + 8 * register, size === 4 ? 8 : size, value);
  }

  protected readRegisterOperand(operand: OperandRef): Value {
    return w.load64(this.slot(operand), 0, operand.size);
  }

  protected writeRegisterOperand(operand: OperandRef, value: Value): void {
    this.f.store64(this.slot(operand), 0, operand.size === 4 ? 8 : operand.size, value);
  }

  protected readImmediate(operand: OperandRef): Value {
    return this.fused
      ? w.zeroExtend(w.loadSigned32(this.frame.record, Field.IMMEDIATE), operand.size)
      : w.load64(this.frame.record, Field.IMMEDIATE, 8);
  }

  private vectorAddress(operand: OperandRef): Value {
    return w.mul(this.slot(operand), w.i32(layout.VECTOR_BYTES));
  }

  protected readVectorRegister(operand: OperandRef, half: Half): Value {
    return simd.load(this.vectorAddress(operand), layout.VECTOR + 16 * half);
  }

  protected writeVectorRegister(operand: OperandRef, half: Half, value: Value): void {
    this.f.storeVector(this.vectorAddress(operand), layout.VECTOR + 16 * half, value);
  }

  vectorRegister(number: number, half: Half): Value {
    return simd.load(STATE, layout.VECTOR + layout.VECTOR_BYTES * number + 16 * half);
  }

  setVectorRegister(number: number, half: Half, value: Value): void {
    this.f.storeVector(STATE, layout.VECTOR + layout.VECTOR_BYTES * number + 16 * half, value);
  }

  gatherIndices(_operand: OperandRef, half: Half): Value {
    const number = this.field(OutOfLineField.GATHER_INDEX, 1);
    return this.let(simd.load(w.mul(number, w.i32(layout.VECTOR_BYTES)), layout.VECTOR + 16 * half));
  }

  protected gatherOffset(_operand: OperandRef, index: Value): Value {
    const scaled = w.shl(index, w.load64(this.frame.record, OutOfLineField.GATHER_SCALE, 1));
    const displaced = w.add(w.load64(this.frame.record, Field.DISPLACEMENT, 8), scaled);
    return w.add(displaced, this.slotValue(Field.BASE));
  }

  protected mmxAddress(operand: OperandRef): Value {
    return w.add(w.mul(this.slot(operand), w.i32(layout.X87_BYTES)), w.i32(layout.X87));
  }

  protected linearAddress(operand: OperandRef): Value {
    const base = w.load64(this.field(Field.BASE, 1), 0, 8);
    const displaced = w.add(base, w.load64(this.frame.record, Field.DISPLACEMENT, 8));
    if (operand.kind !== 'indexed') return displaced;
    const index = w.load64(this.field(Field.INDEX, 1), 0, 8);
    return w.add(displaced, w.shl(index, w.load64(this.frame.record, Field.SCALE, 1)));
  }

  effectiveAddress(operand: OperandRef): Value {
    return this.linearAddress(operand);
  }

  /**
   * Address records: base + index * scale + displacement, cut to `addressSize`; with `segmentBase` that is added.
   */
  computedAddress(addressSize: 2 | 4 | 8, segmentBase: Value | undefined): Value {
    const offset = w.zeroExtend(this.linearAddress({ kind: 'indexed', size: 8 }), addressSize);
    return segmentBase ? w.add(offset, segmentBase) : offset;
  }

  /** Value of the slot named by a one-byte field. */
  slotValue(field: number): Value {
    return w.load64(this.field(field, 1), 0, 8);
  }

  captureResult(): Lazily {
    return () => w.load64(STATE, layout.FLAG_RESULT, 8);
  }

  captureCarries(): Lazily {
    return () => w.load64(STATE, layout.FLAG_CARRIES, 8);
  }

  setLazyFlags(result: Lazily, carries: Lazily): void {
    // Both are worked out before either is stored: they may depend on the flags they replace.
    const held = this.let(carries());
    this.f.store64(STATE, layout.FLAG_RESULT, 8, result());
    this.f.store64(STATE, layout.FLAG_CARRIES, 8, held);
  }

  setFlagsIf(condition: Value, change: () => void): void {
    this.if(condition, change);
  }

  packFlags(): Value {
    return { kind: 'call', type: ValueType.I64, function: this.helpers.packFlags, arguments: [] };
  }

  unpackFlags(rflags: Value): void {
    this.f.call(this.helpers.unpackFlags, [rflags]);
  }

  divideWide(divisor: Value, signed: boolean): Value {
    const values = [divisor, w.i32(signed ? 1 : 0)];
    return { kind: 'call', type: ValueType.I32, function: this.helpers.divideWide, arguments: values };
  }

  otherFlags(): Value {
    return w.load32(STATE, layout.FLAGS_REST);
  }

  setOtherFlags(value: Value): void {
    this.f.store32(STATE, layout.FLAGS_REST, value);
  }

  nextAddress(): Value {
    return w.load64(this.frame.record, Field.IMMEDIATE, 8);
  }

  followingAddress(): Value {
    return this.nextAddress();
  }

  stackMask(): Value {
    return w.load64(STATE, layout.STACK_MASK, 8);
  }

  oneIteration(): Value {
    return w.load32(STATE, layout.ONE_ITERATION);
  }

  sourceBase(): Value {
    return w.load64(this.field(Field.BASE, 1), 0, 8);
  }

  protected operandSegmentBase(): Value {
    return w.load64(this.field(Field.INDEX, 1), 0, 8);
  }

  sourceSegment(): Value {
    return this.field(Field.SCALE, 1);
  }

  bulkIterations(): Value {
    return { kind: 'call', type: ValueType.I32, function: this.helpers.bulkString, arguments: [this.writer()] };
  }

  /** They are always there. */
  joinFlags(): void {}

  writer(): Value {
    return this.frame.record;
  }

  // Control

  /** Stores what the engine needs and returns to it. */
  exit(reason: ExitReason, record: Value = this.frame.record): void {
    this.f.store32(STATE, layout.EXIT_REASON, w.i32(reason));
    this.f.store32(STATE, layout.CURRENT_RECORD, record);
    this.f.store32(STATE, layout.BUDGET, this.frame.budget);
    this.f.return();
  }

  leave(): void {
    this.exit(ExitReason.FAULT);
  }

  routine(): void {
    const { record, budget, dispatch } = this.frame;
    this.charge();
    this.f.store32(STATE, layout.BUDGET, budget);
    this.f.set(record, {
      kind: 'call',
      type: ValueType.I32,
      function: this.helpers.architectural,
      arguments: [record],
    });
    this.f.if(w.isZero(record), () => this.f.return());
    this.f.set(this.tlb, w.load32(STATE, layout.TLB_BASE));
    this.f.branchIf(w.geS(budget, w.i32(0)), dispatch);
    this.exit(ExitReason.BUDGET);
  }

  hasBudgetAfter(): Value {
    return w.geS(this.frame.budget, this.field(Field.COUNT, 2));
  }

  raise(vector: number): void {
    this.f.store32(STATE, layout.EXIT_DETAIL, w.i32(vector));
    this.exit(ExitReason.EXCEPTION);
  }

  leaveBetweenIterations(): void {
    this.exit(ExitReason.BETWEEN_ITERATIONS);
  }

  /** Accounts for the block that ends with this record. */
  charge(): void {
    this.f.set(this.frame.budget, w.sub(this.frame.budget, this.field(Field.COUNT, 2)));
  }

  /** Goes on at the record in `frame.record`, unless the budget is used up. */
  private continueAtRecord(): void {
    this.f.branchIf(w.geS(this.frame.budget, w.i32(0)), this.frame.dispatch);
    this.exit(ExitReason.BUDGET);
  }

  jump(): void {
    this.charge();
    this.f.set(this.frame.record, this.field(Field.TARGET, 4));
    this.continueAtRecord();
  }

  jumpIf(condition: Value): void {
    this.charge();
    this.f.set(this.frame.record, w.select(condition, this.field(Field.TARGET, 4), this.field(Field.NEXT, 4)));
    this.continueAtRecord();
  }

  jumpTo(address: Value): void {
    this.f.set(this.frame.rip, address);
    this.charge();
    this.f.branch(this.frame.indirect);
  }

  /** Goes on with the following record. */
  next(): void {
    this.f.set(this.frame.record, w.add(this.frame.record, w.i32(layout.RECORD_BYTES)));
    this.f.branch(this.frame.dispatch);
  }
}
