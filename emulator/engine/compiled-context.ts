/**
 * The compiled stage's staging of semantics: registers live in WebAssembly locals, immediates, displacements and addresses
 * are constants, and flags are worked out only where somebody may look at them.
 */
import { Gpr, Seg, type GatherOperand, type Instruction, type MemoryOperand, type Operand } from '../isa/instruction';
import {
  Context,
  type Half,
  type Helpers,
  type Lazily,
  type OperandRef,
  type SegmentKind,
  type Size,
} from '../isa/semantics/context';
import { STRING_MNEMONICS } from '../isa/semantics/strings';
import * as w from '../wasm/expression';
import * as simd from '../wasm/simd';
import type { Value } from '../wasm/expression';
import type { FunctionBody, Label } from '../wasm/function';
import { ValueType } from '../wasm/types';
import * as layout from './layout';
import { accessOf, displaces, foldedDisplacement, sourceSegment, usesMmx } from './lowering';
import type { Mode } from './mode';
import { ExitReason } from './records';

const STATE = w.i32(0);

/** Where half a vector register is in linear memory. */
const vectorAddress = (number: number, half: Half): number => layout.VECTOR + layout.VECTOR_BYTES * number + 16 * half;

/** What `Helpers.bulkString` works on. */
const BULK_REGISTERS = [Gpr.RAX, Gpr.RCX, Gpr.RSI, Gpr.RDI] as const;

/** What the code of one function shares. */
export interface CompiledFrame {
  /** i32: base of the TLB pair in force. */
  readonly tlb: Value;
  /** i32: instructions still allowed. */
  readonly budget: Value;
  /** i32: the record to go on at after leaving, 0 to return to the engine. */
  readonly next: Value;
  /** Writes everything back and leaves. */
  readonly leave: Label;
  /** The same with the routine of the record in `next` called in between. */
  readonly routine: Label;
}

/** Where control goes at the end of a block; decided by the region, which settles flags where they are needed. */
export interface BlockExits {
  /** Instructions of the block. */
  readonly count: number;
  /** To the target of the branch, or the following block. */
  toTarget(): void;
  toNext(): void;
  /** To an address worked out at run time. */
  toAddress(address: Value): void;
}

/** The instruction being staged. */
interface Staged {
  readonly instruction: Instruction;
  readonly refs: readonly OperandRef[];
  readonly operands: readonly Operand[];
  /** Record by which the engine finds the instruction. */
  readonly record: number;
  /** Address of the instruction after it. */
  readonly next: bigint;
}

export class CompiledContext extends Context {
  private readonly registers = new Map<Gpr, Value>();
  private readonly written = new Set<Gpr>();
  /** Halves of vector registers, by their address in linear memory. */
  private readonly vectors = new Map<number, Value>();
  private readonly writtenVectors = new Set<number>();
  private readonly lazyResult: Value;
  private readonly lazyCarries: Value;
  /** Flags set but not worked out; undefined when the two locals are right. */
  private pending: { readonly result: Lazily; readonly carries: Lazily } | undefined;
  /** Whether `CompiledFrame.routine` is branched to. */
  usesRoutines = false;
  private staged: Staged | undefined;
  private exits: BlockExits | undefined;
  /** Linear address of the memory operand, if its segment had to be checked. */
  private checkedOperand: Value | undefined;

  constructor(
    f: FunctionBody,
    helpers: Helpers,
    private readonly frame: CompiledFrame,
    private readonly mode: Mode,
  ) {
    super(f, helpers, frame.tlb);
    this.lazyResult = f.variable(ValueType.I64);
    this.lazyCarries = f.variable(ValueType.I64);
  }

  get segmentation(): SegmentKind {
    return this.mode.stack;
  }

  /** Tells the instruction about to be described, and where its block leads. */
  begin(staged: Staged, exits: BlockExits): void {
    this.staged = staged;
    this.exits = exits;
    this.checkedOperand = undefined;
    this.checkOperand();
  }

  private get current(): Staged {
    if (!this.staged) throw new Error('no instruction is being staged');
    return this.staged;
  }

  private get ends(): BlockExits {
    if (!this.exits) throw new Error('no block is being staged');
    return this.exits;
  }

  private operand(ref: OperandRef): Operand {
    const { refs, operands } = this.current;
    return operands[refs.indexOf(ref)];
  }

  // Registers

  private local(register: Gpr): Value {
    const known = this.registers.get(register);
    if (known) return known;
    const local = this.f.variable(ValueType.I64);
    this.registers.set(register, local);
    return local;
  }

  register(register: Gpr, size: Size): Value {
    return w.zeroExtend(this.local(register), size);
  }

  setRegister(register: Gpr, size: Size, value: Value): void {
    this.written.add(register);
    const local = this.local(register);
    if (size >= 4) this.f.set(local, value);
    else this.insert(local, 0, size, value);
  }

  /** Replaces `size` bytes of a local from bit `at` on. */
  private insert(local: Value, at: number, size: Size, value: Value): void {
    const mask = ((1n << BigInt(8 * size)) - 1n) << BigInt(at);
    const placed = at === 0 ? w.zeroExtend(value, size) : w.shl(w.zeroExtend(value, size), w.i64(at));
    this.f.set(local, w.or(w.and(local, w.i64(~mask)), placed));
  }

  protected readRegisterOperand(ref: OperandRef): Value {
    const operand = this.operand(ref);
    if (operand.kind === 'segment') return w.load64(STATE, layout.SELECTORS + 2 * operand.register, 2);
    if (operand.kind !== 'register') throw new Error('not a register operand');
    const local = this.local(operand.register);
    return operand.high ? w.and(w.shrU(local, w.i64(8)), w.i64(0xff)) : w.zeroExtend(local, ref.size);
  }

  protected writeRegisterOperand(ref: OperandRef, value: Value): void {
    const operand = this.operand(ref);
    if (operand.kind !== 'register') throw new Error('not a register operand');
    if (!operand.high) {
      this.setRegister(operand.register, ref.size, value);
      return;
    }
    this.written.add(operand.register);
    this.insert(this.local(operand.register), 8, 1, value);
  }

  // Vector registers

  private vectorLocal(address: number): Value {
    const known = this.vectors.get(address);
    if (known) return known;
    const local = this.f.variable(ValueType.V128);
    this.vectors.set(address, local);
    return local;
  }

  private vectorNumber(ref: OperandRef): number {
    const operand = this.operand(ref);
    if (operand.kind !== 'xmm') throw new Error('not a vector register operand');
    return operand.register;
  }

  vectorRegister(number: number, half: Half): Value {
    return this.vectorLocal(vectorAddress(number, half));
  }

  setVectorRegister(number: number, half: Half, value: Value): void {
    const address = vectorAddress(number, half);
    this.writtenVectors.add(address);
    this.f.set(this.vectorLocal(address), value);
  }

  protected readVectorRegister(ref: OperandRef, half: Half): Value {
    return this.vectorRegister(this.vectorNumber(ref), half);
  }

  protected writeVectorRegister(ref: OperandRef, half: Half, value: Value): void {
    this.setVectorRegister(this.vectorNumber(ref), half, value);
  }

  private gatherOperand(ref: OperandRef): GatherOperand {
    const operand = this.operand(ref);
    if (operand.kind !== 'gather') throw new Error('not a gather operand');
    return operand;
  }

  gatherIndices(ref: OperandRef, half: Half): Value {
    return this.let(this.vectorRegister(this.gatherOperand(ref).index, half));
  }

  protected gatherOffset(ref: OperandRef, index: Value): Value {
    const { base, scale, displacement } = this.gatherOperand(ref);
    const displaced = w.add(w.shl(index, w.i64(scale)), w.i64(displacement));
    return base >= 0 ? w.add(displaced, this.local(base)) : displaced;
  }

  protected mmxAddress(ref: OperandRef): Value {
    const operand = this.operand(ref);
    if (operand.kind !== 'mmx') throw new Error('not an MMX register operand');
    return w.i32(layout.X87 + layout.X87_BYTES * operand.register);
  }

  protected readImmediate(ref: OperandRef): Value {
    const operand = this.operand(ref);
    if (operand.kind !== 'immediate') throw new Error('not an immediate operand');
    return w.i64(BigInt.asUintN(8 * this.current.instruction.operandSize, operand.value));
  }

  // Addresses

  private memoryOperand(ref: OperandRef): MemoryOperand {
    const operand = this.operand(ref);
    if (operand.kind !== 'memory') throw new Error('not a memory operand');
    return operand;
  }

  effectiveAddress(ref: OperandRef): Value {
    const operand = this.memoryOperand(ref);
    const { instruction, next } = this.current;
    const { base, index, scale } = operand;
    let address: Value | undefined = base >= 0 ? this.local(base) : undefined;
    if (index >= 0) {
      const scaled = w.shl(this.local(index), w.i64(scale));
      address = address ? w.add(address, scaled) : scaled;
    }
    const displacement = w.i64(foldedDisplacement(instruction, operand, next));
    address = address ? w.add(address, displacement) : displacement;
    return w.zeroExtend(address, instruction.addressSize);
  }

  protected linearAddress(ref: OperandRef): Value {
    if (this.checkedOperand) return this.checkedOperand;
    const { segment } = this.memoryOperand(ref);
    const offset = this.effectiveAddress(ref);
    // What lies some way from the operand is checked there.
    const zeroBased = this.mode.codeSize === 64 || (this.mode.flat & this.mode.zeroBase & (1 << segment)) !== 0;
    const apart = displaces(this.current.instruction) && !zeroBased;
    return apart ? offset : this.withBase(segment, offset);
  }

  /** Whether an offset in the segment needs no check. */
  private isFlat(segment: Seg): boolean {
    return this.mode.codeSize === 64 || (this.mode.flat & (1 << segment)) !== 0;
  }

  /** Like an address record of the interpreter: the limit is checked before anything else of the instruction. */
  private checkOperand(): void {
    const { instruction, refs, operands } = this.current;
    const operand = operands.find(({ kind }) => kind === 'memory');
    if (operand?.kind !== 'memory' || this.isFlat(operand.segment)) return;
    if (instruction.mnemonic === 'LEA' || displaces(instruction)) return;
    if (usesMmx(instruction)) this.requireMmx();
    const { size, writes } = accessOf(instruction, operand);
    this.checkedOperand = this.checkedAddressOf(
      w.i32(operand.segment),
      this.effectiveAddress(refs[operands.indexOf(operand)]),
      w.i32(size),
      w.i32(writes ? 1 : 0),
    );
  }

  private withBase(segment: Seg, offset: Value): Value {
    const based = this.mode.codeSize === 64 ? segment >= Seg.FS : !(this.mode.zeroBase & (1 << segment));
    if (!based) return offset;
    const sum = w.add(offset, w.load64(STATE, layout.SEGMENT_BASE + 8 * segment, 8));
    return this.mode.codeSize === 64 ? sum : w.zeroExtend(sum, 4);
  }

  /** Of a string instruction its source, of others that of their memory operand. */
  private get ownSegment(): Seg {
    const { instruction } = this.current;
    if (STRING_MNEMONICS.has(instruction.mnemonic)) return sourceSegment(instruction);
    const memory = instruction.operands.find(({ kind }) => kind === 'memory' || kind === 'gather');
    return memory?.kind === 'memory' || memory?.kind === 'gather' ? memory.segment : Seg.DS;
  }

  protected operandSegmentBase(): Value {
    return this.sourceBase();
  }

  sourceBase(): Value {
    return this.let(this.withBase(this.ownSegment, w.i64(0)));
  }

  sourceSegment(): Value {
    return w.i32(this.ownSegment);
  }

  /** What it works on is in memory for it, and taken up again afterwards. */
  bulkIterations(): Value {
    for (const register of BULK_REGISTERS) {
      this.f.store64(STATE, layout.GPR + 8 * register, 8, this.local(register));
    }
    const done = this.f.let({
      kind: 'call',
      type: ValueType.I32,
      function: this.helpers.bulkString,
      arguments: [this.writer()],
    });
    for (const register of BULK_REGISTERS) {
      if (register !== Gpr.RAX) this.written.add(register);
      this.f.set(this.local(register), w.load64(STATE, layout.GPR + 8 * register, 8));
    }
    return done;
  }

  stackMask(): Value {
    return w.load64(STATE, layout.STACK_MASK, 8);
  }
  oneIteration(): Value {
    return w.i32(0);
  }

  // Flags

  captureResult(): Lazily {
    return this.pending?.result ?? (() => this.lazyResult);
  }

  captureCarries(): Lazily {
    return this.pending?.carries ?? (() => this.lazyCarries);
  }

  setLazyFlags(result: Lazily, carries: Lazily): void {
    this.pending = { result, carries };
  }

  /** Works the pending flags out into their locals, on this path only: elsewhere they are still pending. */
  settle(): void {
    const { pending } = this;
    if (!pending) return;
    const carries = this.f.let(pending.carries());
    this.f.set(this.lazyResult, pending.result());
    this.f.set(this.lazyCarries, carries);
  }

  settleFlags(): void {
    this.settle();
    this.pending = undefined;
  }

  joinFlags(): void {
    this.settleFlags();
    this.flags.forget();
  }

  /** The next block overwrites all flags before anyone looks. */
  dropFlags(): void {
    this.pending = undefined;
  }

  setFlagsIf(condition: Value, change: () => void): void {
    if (condition.kind === 'constant') {
      if (condition.value !== 0n) change();
      return;
    }
    this.settleFlags();
    this.f.if(condition, () => {
      change();
      this.settleFlags();
    });
  }

  private storeFlags(): void {
    this.f.store64(STATE, layout.FLAG_RESULT, 8, this.lazyResult);
    this.f.store64(STATE, layout.FLAG_CARRIES, 8, this.lazyCarries);
  }

  packFlags(): Value {
    this.settleFlags();
    this.storeFlags();
    return this.f.let({ kind: 'call', type: ValueType.I64, function: this.helpers.packFlags, arguments: [] });
  }

  unpackFlags(rflags: Value): void {
    this.f.call(this.helpers.unpackFlags, [rflags]);
    this.pending = undefined;
    this.f.set(this.lazyResult, w.load64(STATE, layout.FLAG_RESULT, 8));
    this.f.set(this.lazyCarries, w.load64(STATE, layout.FLAG_CARRIES, 8));
  }

  otherFlags(): Value {
    return w.load32(STATE, layout.FLAGS_REST);
  }

  setOtherFlags(value: Value): void {
    this.f.store32(STATE, layout.FLAGS_REST, value);
  }

  divideWide(divisor: Value, signed: boolean): Value {
    const [low, high] = [this.local(Gpr.RAX), this.local(Gpr.RDX)];
    this.f.store64(STATE, layout.GPR + 8 * Gpr.RAX, 8, low);
    this.f.store64(STATE, layout.GPR + 8 * Gpr.RDX, 8, high);
    const values = [divisor, w.i32(signed ? 1 : 0)];
    const fits = this.f.let({
      kind: 'call',
      type: ValueType.I32,
      function: this.helpers.divideWide,
      arguments: values,
    });
    this.written.add(Gpr.RAX).add(Gpr.RDX);
    this.f.set(low, w.load64(STATE, layout.GPR + 8 * Gpr.RAX, 8));
    this.f.set(high, w.load64(STATE, layout.GPR + 8 * Gpr.RDX, 8));
    return fits;
  }

  // Control

  nextAddress(): Value {
    return w.i64(BigInt.asUintN(8 * this.current.instruction.operandSize, this.current.next));
  }

  followingAddress(): Value {
    return w.i64(this.current.next);
  }

  writer(): Value {
    return w.i32(this.current.record);
  }

  /** Returns to the engine; the flags pending here are worked out on this path only. */
  private exit(reason: ExitReason): void {
    this.settle();
    this.leaveWith(reason, w.i32(this.current.record));
  }

  /** Returns to the engine with everything settled. */
  leaveWith(reason: ExitReason, record: Value): void {
    this.f.store32(STATE, layout.EXIT_REASON, w.i32(reason));
    this.f.store32(STATE, layout.CURRENT_RECORD, record);
    this.goOnAt(w.i32(0));
  }

  /** Leaves for the interpreter, which goes on at `record` (0: returns to the engine). */
  goOnAt(record: Value): void {
    this.f.set(this.frame.next, record);
    this.f.branch(this.frame.leave);
  }

  leave(): void {
    this.exit(ExitReason.FAULT);
  }

  routine(): void {
    this.usesRoutines = true;
    this.settle();
    this.f.set(this.frame.budget, w.sub(this.frame.budget, w.i32(this.ends.count)));
    this.f.set(this.frame.next, w.i32(this.current.record));
    this.f.branch(this.frame.routine);
  }

  hasBudgetAfter(): Value {
    return w.geS(this.frame.budget, w.i32(this.ends.count));
  }

  raise(vector: number): void {
    this.f.store32(STATE, layout.EXIT_DETAIL, w.i32(vector));
    this.exit(ExitReason.EXCEPTION);
  }

  leaveBetweenIterations(): void {
    this.exit(ExitReason.BETWEEN_ITERATIONS);
  }

  jump(): void {
    this.ends.toTarget();
  }

  jumpIf(condition: Value): void {
    const taken = this.f.let(condition);
    this.f.if(taken, () => this.ends.toTarget());
    this.ends.toNext();
  }

  jumpTo(address: Value): void {
    const held = this.f.let(address);
    this.settleFlags();
    this.ends.toAddress(held);
  }

  // The frame around the code

  /** At the start: loads what the code uses. To be called when all of it has been staged. */
  loadState(): void {
    for (const [register, local] of this.registers) this.f.set(local, w.load64(STATE, layout.GPR + 8 * register, 8));
    for (const [address, local] of this.vectors) this.f.set(local, simd.load(STATE, address));
    this.f.set(this.lazyResult, w.load64(STATE, layout.FLAG_RESULT, 8));
    this.f.set(this.lazyCarries, w.load64(STATE, layout.FLAG_CARRIES, 8));
  }

  /** At the end: stores what the code has changed. */
  storeState(): void {
    for (const register of this.written) {
      this.f.store64(STATE, layout.GPR + 8 * register, 8, this.local(register));
    }
    for (const address of this.writtenVectors) this.f.storeVector(STATE, address, this.vectorLocal(address));
    this.storeFlags();
  }
}
