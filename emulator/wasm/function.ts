/** Emits the body of one WebAssembly function: statements over the expression trees of expression.ts. */
import { ByteWriter } from './bytes';
import type { Value } from './expression';
import { BITSELECT, SHUFFLE, V128_CONST, V128_STORE } from './simd-opcodes';
import { ValueType } from './types';

const enum Op {
  UNREACHABLE = 0x00,
  BLOCK = 0x02,
  LOOP = 0x03,
  IF = 0x04,
  ELSE = 0x05,
  END = 0x0b,
  BR = 0x0c,
  BR_IF = 0x0d,
  BR_TABLE = 0x0e,
  RETURN = 0x0f,
  CALL = 0x10,
  CALL_INDIRECT = 0x11,
  DROP = 0x1a,
  SELECT = 0x1b,
  LOCAL_GET = 0x20,
  LOCAL_SET = 0x21,
  I32_CONST = 0x41,
  I64_CONST = 0x42,
  VOID = 0x40,
}

/** A label to branch to: the nesting depth at which its block was opened. */
export interface Label {
  readonly depth: number;
}

export class FunctionBody {
  private code = new ByteWriter(4096);
  private readonly prologue = new ByteWriter(64);
  private readonly localTypes: ValueType[] = [];
  private readonly free: Record<number, number[]> = {
    [ValueType.I32]: [],
    [ValueType.I64]: [],
    [ValueType.F32]: [],
    [ValueType.F64]: [],
    [ValueType.V128]: [],
  };
  private borrowed: { index: number; type: ValueType }[] = [];
  private depth = 0;

  constructor(private readonly parameters: readonly ValueType[]) {}

  parameter(index: number): Value {
    return { kind: 'local', type: this.parameters[index], index };
  }

  /** A local for the whole function. */
  variable(type: ValueType): Value & { kind: 'local' } {
    this.localTypes.push(type);
    return { kind: 'local', type, index: this.parameters.length + this.localTypes.length - 1 };
  }

  /** A local that `releaseTemporaries` gives back. */
  private temporary(type: ValueType): Value & { kind: 'local' } {
    const index = this.free[type].pop() ?? this.variable(type).index;
    this.borrowed.push({ index, type });
    return { kind: 'local', type, index };
  }

  /** Ends the life of all temporaries, so that following code may use their locals. */
  releaseTemporaries(): void {
    for (const { index, type } of this.borrowed) this.free[type].push(index);
    this.borrowed = [];
  }

  /** Evaluates `value` now and returns a local that holds it; constants and locals made by `let` are returned as is. */
  let(value: Value): Value {
    if (value.kind === 'constant' || value.kind === 'bytes') return value;
    const local = this.temporary(value.type);
    this.set(local, value);
    return local;
  }

  /** A temporary to be assigned later, in more than one branch. */
  slot(type: ValueType): Value & { kind: 'local' } {
    return this.temporary(type);
  }

  set(local: Value, value: Value): void {
    if (local.kind !== 'local') throw new Error('only a local can be set');
    this.push(value);
    this.code.byte(Op.LOCAL_SET);
    this.code.unsigned(local.index);
  }

  /** Emits the evaluation of `value`. */
  private push(value: Value): void {
    const { code } = this;
    switch (value.kind) {
      case 'constant':
        if (value.type === ValueType.I32) {
          code.byte(Op.I32_CONST);
          code.signed32(Number(value.value));
        } else {
          code.byte(Op.I64_CONST);
          code.signed64(value.value);
        }
        return;
      case 'local':
        code.byte(Op.LOCAL_GET);
        code.unsigned(value.index);
        return;
      case 'unary':
        this.push(value.a);
        this.operator(value.opcode);
        return;
      case 'binary':
        this.push(value.a);
        this.push(value.b);
        this.operator(value.opcode);
        return;
      case 'bitselect':
        this.push(value.a);
        this.push(value.b);
        this.push(value.c);
        this.operator(BITSELECT);
        return;
      case 'bytes':
        this.operator(V128_CONST);
        code.bytes(value.bytes);
        return;
      case 'lane':
        this.push(value.a);
        if (value.b) this.push(value.b);
        this.operator(value.opcode);
        code.byte(value.lane);
        return;
      case 'shuffle':
        this.push(value.a);
        this.push(value.b);
        this.operator(SHUFFLE);
        code.bytes(value.lanes);
        return;
      case 'select':
        this.push(value.a);
        this.push(value.b);
        this.push(value.condition);
        code.byte(Op.SELECT);
        return;
      case 'load':
        this.push(value.address);
        this.memoryOperator(value.opcode, value.offset);
        return;
      case 'call':
        this.emitCall(value.function, value.arguments);
        return;
      case 'indirect':
        for (const argument of value.arguments) this.push(argument);
        this.push(value.index);
        code.byte(Op.CALL_INDIRECT);
        code.unsigned(value.signature);
        code.byte(0);
        return;
    }
  }

  /** An opcode of one byte, or one behind a prefix, see simd-opcodes.ts. */
  private operator(opcode: number): void {
    const prefix = opcode >> 16;
    if (prefix === 0) {
      this.code.byte(opcode);
      return;
    }
    this.code.byte(prefix);
    this.code.unsigned(opcode & 0xffff);
  }

  private memoryOperator(opcode: number, offset: number): void {
    this.operator(opcode);
    this.code.byte(0); // alignment hint: none
    this.code.unsigned(offset);
  }

  private emitCall(index: number, values: readonly Value[]): void {
    for (const value of values) this.push(value);
    this.code.byte(Op.CALL);
    this.code.unsigned(index);
  }

  /** Stores the low `size` bytes of an i64. */
  store64(address: Value, offset: number, size: number, value: Value): void {
    this.push(address);
    this.push(value);
    this.memoryOperator(size === 8 ? 0x37 : size === 4 ? 0x3e : size === 2 ? 0x3d : 0x3c, offset);
  }

  /** Stores all 16 bytes of a vector. */
  storeVector(address: Value, offset: number, value: Value): void {
    this.push(address);
    this.push(value);
    this.memoryOperator(V128_STORE, offset);
  }

  /** Stores an i32. */
  store32(address: Value, offset: number, value: Value): void {
    this.push(address);
    this.push(value);
    this.memoryOperator(0x36, offset);
  }

  /** Calls a function without result. */
  call(index: number, values: readonly Value[]): void {
    this.emitCall(index, values);
  }

  /** Returns from the function, with `value` if it has a result. */
  return(value?: Value): void {
    if (value) this.push(value);
    this.code.byte(Op.RETURN);
  }

  unreachable(): void {
    this.code.byte(Op.UNREACHABLE);
  }

  /** Statements that run before everything else, for what is known only once the rest has been written. */
  first(statements: () => void): void {
    const { code } = this;
    this.code = this.prologue;
    statements();
    this.code = code;
  }

  private open(op: Op): Label {
    this.code.byte(op);
    this.code.byte(Op.VOID);
    return { depth: ++this.depth };
  }

  /** Opens a block or loop by hand; `end` closes the innermost one. */
  openBlock(): Label {
    return this.open(Op.BLOCK);
  }
  openLoop(): Label {
    return this.open(Op.LOOP);
  }
  end(): void {
    this.depth--;
    this.code.byte(Op.END);
  }

  /** `body` may leave the block with `branch(label)`. */
  block(body: (label: Label) => void): void {
    const label = this.openBlock();
    body(label);
    this.end();
  }

  /** `branch(label)` inside `body` starts the next iteration; falling out ends the loop. */
  loop(body: (label: Label) => void): void {
    const label = this.openLoop();
    body(label);
    this.end();
  }

  if(condition: Value, then: () => void, otherwise?: () => void): void {
    this.push(condition);
    this.open(Op.IF);
    then();
    if (otherwise) {
      this.code.byte(Op.ELSE);
      otherwise();
    }
    this.end();
  }

  branch(label: Label): void {
    this.code.byte(Op.BR);
    this.code.unsigned(this.depth - label.depth);
  }

  branchIf(condition: Value, label: Label): void {
    this.push(condition);
    this.code.byte(Op.BR_IF);
    this.code.unsigned(this.depth - label.depth);
  }

  /** Branches to `labels[index]`, or to `otherwise` beyond them. */
  branchTable(index: Value, labels: readonly Label[], otherwise: Label): void {
    this.push(index);
    this.code.byte(Op.BR_TABLE);
    this.code.unsigned(labels.length);
    for (const label of labels) this.code.unsigned(this.depth - label.depth);
    this.code.unsigned(this.depth - otherwise.depth);
  }

  /** Locals and code, as in the code section (core specification, 5.5.13). */
  encode(): Uint8Array {
    const out = new ByteWriter(this.code.length + 64);
    const runs: { count: number; type: ValueType }[] = [];
    for (const type of this.localTypes) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ count: 1, type });
    }
    out.unsigned(runs.length);
    for (const { count, type } of runs) {
      out.unsigned(count);
      out.byte(type);
    }
    out.bytes(this.prologue.view());
    out.bytes(this.code.view());
    out.byte(Op.END);
    return out.view();
  }
}
