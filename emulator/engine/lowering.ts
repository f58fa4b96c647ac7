/** Lowers decoded instructions to records: picks the handler and fills the fields. */
import { architecturalRoutines } from '../cpu/routines';
import { Gpr, Seg, type GatherOperand, type Instruction, type MemoryOperand, type Operand } from '../isa/instruction';
import { vectorUnit } from '../isa/features';
import { describedCount, descriptionName, NO_OPERANDS, operandShape, type Variant } from '../isa/semantics/definition';
import { softwareRoutines } from '../isa/semantics/software';
import { STRING_MNEMONICS } from '../isa/semantics/strings';
import { DESCRIBED_IN_64_BIT_MODE } from '../isa/semantics/system';
import { Builtin, type HandlerTable } from './handlers';
import { ControlFlow, isChecked } from './control-flow';
import * as layout from './layout';
import { stringSegmentation, unitFault, type Mode } from './mode';
import { AddressField, CompiledField, Field, OutOfLineField } from './records';

/** What became of an instruction. */
export interface Lowered {
  /** The record that carries it out: the last one written, after an address record if there is one. */
  readonly record: number;
  readonly handler: number;
  /** It ends its block: branches, and everything architectural. */
  readonly ends: boolean;
  /** It ends its block, and its target is the next instruction. */
  readonly goesOn: boolean;
}

const REGISTER_FIELDS = [Field.REGISTER_0, Field.REGISTER_1, Field.REGISTER_2, OutOfLineField.REGISTER_3] as const;
/** Instructions whose first operand, in memory, is only read. */
const READS_DESTINATION = new Set([
  ...['CMP', 'TEST', 'BT', 'PUSH', 'JMP', 'CALL', 'MUL', 'IMUL', 'DIV', 'IDIV', 'XLAT'],
  ...['LGDT', 'LIDT', 'LLDT', 'LTR', 'LMSW', 'VERR', 'VERW', 'JMP_FAR', 'CALL_FAR', 'OUTS', 'INVLPG', 'CLFLUSH'],
  ...['CLFLUSHOPT', 'CLWB', 'MONITOR', 'LDMXCSR', 'VLDMXCSR', 'FXRSTOR', 'XRSTOR', 'XRSTORS'],
]);
/** The x87 instructions with a memory operand that store to it; all others read. */
const X87_STORES = /^F(N?ST|IST|BSTP|N?SAVE|XSAVE)/;

/** Whether `mnemonic` writes its first operand if that is in memory. */
function writesMemory(mnemonic: string): boolean {
  if (mnemonic.startsWith('F')) return X87_STORES.test(mnemonic);
  return !READS_DESTINATION.has(mnemonic);
}

/** Bytes of the areas whose operand has no size of its own. */
const AREA_BYTES: Readonly<Record<string, number | undefined>> = {
  FXSAVE: 512,
  FXRSTOR: 512,
  XSAVE: 576,
  XSAVEC: 576,
  XSAVEOPT: 576,
  XSAVES: 576,
  XRSTOR: 576,
  XRSTORS: 576,
};

/** Bytes of the memory operand that are checked against the segment's limit, at least 1, and whether they are written. */
export function accessOf(
  { mnemonic, operands }: Instruction,
  operand: MemoryOperand,
): { readonly size: number; readonly writes: boolean } {
  const size = Math.max(1, AREA_BYTES[mnemonic] ?? operand.size);
  return { size, writes: operands[0] === operand && writesMemory(mnemonic) };
}

/** Whether it takes a pending x87 exception before it looks at its memory operand. */
export function usesMmx({ operands }: Instruction): boolean {
  return operands.some(({ kind }) => kind === 'mmx');
}

/** An access to memory whose segment is still to be checked. */
export interface UncheckedAccess {
  readonly segment: Seg;
  readonly size: number;
  readonly access: 'read' | 'write';
}

/**
 * The access of an architectural instruction to its memory operand, if the segment has to be checked. That is left to the
 * routine, which first has its own reasons to raise an exception: #UD, #NM, #MF, want of privilege (SDM vol. 3, table 6-2).
 */
export function uncheckedAccess(instruction: Instruction, mode: Mode): UncheckedAccess | undefined {
  if (mode.codeSize === 64) return undefined;
  const memory = instruction.operands.find((operand): operand is MemoryOperand => operand.kind === 'memory');
  if (!memory || mode.flat & (1 << memory.segment)) return undefined;
  const { size, writes } = accessOf(instruction, memory);
  return { segment: memory.segment, size, access: writes ? 'write' : 'read' };
}

/** These raise #UD before anything can be wrong with their operand. */
const UNDEFINED = new Set(['UD0', 'UD1']);

/** Whether a routine carries out `mnemonic`; one that has none is undefined as well. */
const hasRoutine = (mnemonic: string): boolean =>
  !UNDEFINED.has(mnemonic) && (mnemonic in architecturalRoutines || mnemonic in softwareRoutines);

export class Lowering {
  private readonly u8: Uint8Array;
  private readonly u16: Uint16Array;
  private readonly i32: Int32Array;
  private readonly u64: BigUint64Array;

  constructor(
    memory: WebAssembly.Memory,
    private readonly table: HandlerTable,
    /** Whether the CPU model has the instruction; one it lacks is left to the engine, which raises #UD. */
    private readonly supports: (instruction: Instruction) => boolean,
    /** Where in the function table a handler is that is out of line, and whether there is room for more. */
    private readonly outOfLine: { slot(handler: number): number; readonly full: boolean },
  ) {
    this.u8 = new Uint8Array(memory.buffer);
    this.u16 = new Uint16Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.u64 = new BigUint64Array(memory.buffer);
  }

  /** All code should be dropped before more is lowered. */
  get full(): boolean {
    return this.outOfLine.full;
  }

  /** Clears a record and sets its handler. */
  private begin(record: number, handler: number): void {
    this.i32.fill(0, record >> 2, (record + layout.RECORD_BYTES) >> 2);
    this.i32[(record + Field.HANDLER) >> 2] = handler;
    this.u8[record + Field.BASE] = layout.ZERO;
    this.u8[record + Field.INDEX] = layout.ZERO;
  }

  /** A record of a handler without operands; `immediate` is stored for those that use it. */
  builtin(record: number, handler: Builtin, count = 0, immediate = 0n): void {
    this.begin(record, handler);
    this.u16[(record + Field.COUNT) >> 1] = count;
    this.u64[(record + Field.IMMEDIATE) >> 3] = immediate;
  }

  setTarget(record: number, target: number): void {
    this.i32[(record + Field.TARGET) >> 2] = target;
  }

  setNext(record: number, next: number): void {
    this.i32[(record + Field.NEXT) >> 2] = next;
  }

  setCount(record: number, count: number): void {
    this.u16[(record + Field.COUNT) >> 1] = count;
  }

  /** Return address of a CALL or SYSCALL. */
  setReturnAddress(record: number, address: bigint): void {
    this.u64[(record + Field.IMMEDIATE) >> 3] = address;
  }

  handlerOf(record: number): number {
    return this.i32[(record + Field.HANDLER) >> 2];
  }

  /** RIP of a RESOLVE or LOOK_UP record. */
  stubAddress(record: number): bigint {
    return this.u64[(record + Field.IMMEDIATE) >> 3];
  }

  setHandler(record: number, handler: Builtin): void {
    this.i32[(record + Field.HANDLER) >> 2] = handler;
  }

  /** Makes the branch `record` go on at `target` where it went to `stub`. */
  link(record: number, stub: number, target: number): void {
    const field = this.i32[(record + Field.TARGET) >> 2] === stub ? Field.TARGET : Field.NEXT;
    this.i32[(record + field) >> 2] = target;
  }

  /** The whole of a record, to be put back by `restore`. */
  save(record: number): Int32Array {
    return this.i32.slice(record >> 2, (record + layout.RECORD_BYTES) >> 2);
  }

  /** Undoes `enterCompiled`; links made in the meantime stay. */
  restore(record: number, saved: Int32Array): void {
    for (const field of [Field.TARGET, Field.NEXT]) saved[field >> 2] = this.i32[(record + field) >> 2];
    this.i32.set(saved, record >> 2);
  }

  /** Makes a block's first record enter region `slot` at its block number `entry`. */
  enterCompiled(record: number, slot: number, entry: number): void {
    this.i32[(record + Field.HANDLER) >> 2] = Builtin.COMPILED;
    this.i32[(record + CompiledField.SLOT) >> 2] = slot;
    this.i32[(record + CompiledField.ENTRY) >> 2] = entry;
  }

  /** The record a stub belongs to. */
  stubOwner(record: number): number {
    return this.i32[(record + Field.TARGET) >> 2];
  }

  /**
   * Makes `record`, the comparison just lowered, carry out the conditional branch that follows it as well; false if
   * there is no handler for the pair.
   */
  fuse(record: number, comparison: Instruction, condition: number): boolean {
    const fused = this.table.findFused(this.handlerOf(record), condition);
    if (fused === undefined) return false;
    const immediate = operandOf(comparison, 'immediate');
    if (immediate) {
      const value = BigInt.asIntN(comparison.operandSize * 8, immediate.value);
      if (BigInt.asIntN(32, value) !== value) return false;
      this.u64[(record + Field.IMMEDIATE) >> 3] = BigInt.asUintN(32, value);
    }
    this.i32[(record + Field.HANDLER) >> 2] = fused;
    return true;
  }

  /** Writes the records of one instruction at `record`; `next` is the address of the instruction after it. */
  lower(instruction: Instruction, record: number, next: bigint, mode: Mode): Lowered {
    const { mnemonic } = instruction;
    const supported = this.supports(instruction);
    const unit = vectorUnit(instruction);
    const waiting = mode.controlFlow === ControlFlow.WAITING;
    if (waiting || (unit && (!supported || unitFault(mode, unit) !== undefined))) {
      this.builtin(record, Builtin.ARCHITECTURAL);
      return { record, handler: Builtin.ARCHITECTURAL, ends: true, goesOn: false };
    }
    const described = this.table.describes(mnemonic) && supported && !needsRoutine(instruction, mode);
    const memory = operandOf(instruction, 'memory');
    const strings = STRING_MNEMONICS.has(mnemonic);
    const place = memory && !strings ? this.addressing(instruction, memory, mode) : undefined;
    const shape = described ? operandShape(instruction, place?.kind ?? 'memory') : undefined;

    if (shape !== undefined && memory && place && shape !== NO_OPERANDS) {
      const handler = this.table.find(descriptionName(instruction), shape, instructionVariant(instruction, mode));
      if (handler !== undefined) {
        let at = record;
        if (place.computed) {
          this.address(at, instruction, memory, next, mode);
          at += layout.RECORD_BYTES;
        }
        this.beginDescribed(at, handler);
        if (place.computed) {
          this.u8[at + Field.BASE] = layout.ADDRESS;
          if (mode.codeSize === 64 && memory.segment >= Seg.FS) {
            this.u8[at + Field.INDEX] = layout.SEGMENT_BASE + 8 * memory.segment;
          }
          this.u8[at + Field.SCALE] = memory.segment;
        } else this.directAddress(at, instruction, memory, next, mode);
        this.operands(at, instruction);
        return this.described(at, handler);
      }
    } else if (shape !== undefined) {
      const handler = this.table.find(descriptionName(instruction), shape, instructionVariant(instruction, mode));
      if (handler !== undefined) {
        this.beginDescribed(record, handler);
        if (strings) this.stringSource(record, instruction, mode);
        else this.operands(record, instruction);
        const gather = operandOf(instruction, 'gather');
        if (gather) this.gather(record, instruction, gather, mode);
        if (mnemonic === 'SYSCALL') this.setReturnAddress(record, next);
        return this.described(record, handler);
      }
    }

    // An architectural routine: it finds its operands in the instruction, the address of a memory operand in ADDRESS, or
    // its offset, see `uncheckedAccess`.
    let at = record;
    if (memory && supported && hasRoutine(mnemonic)) {
      this.address(at, instruction, memory, next, mode, uncheckedAccess(instruction, mode) !== undefined);
      at += layout.RECORD_BYTES;
    }
    this.builtin(at, Builtin.ARCHITECTURAL);
    return { record: at, handler: Builtin.ARCHITECTURAL, ends: true, goesOn: false };
  }

  private described(record: number, handler: number): Lowered {
    return { record, handler, ends: this.table.isTransfer(handler), goesOn: this.table.goesOn(handler) };
  }

  /** Starts the record of a described instruction. */
  private beginDescribed(record: number, handler: number): void {
    if (!this.table.isOutOfLine(handler)) {
      this.begin(record, handler);
      return;
    }
    this.begin(record, Builtin.OUT_OF_LINE);
    this.i32[(record + OutOfLineField.FUNCTION) >> 2] = this.outOfLine.slot(handler);
  }

  private operands(record: number, instruction: Instruction): void {
    const count = describedCount(instruction);
    let register = 0;
    for (let i = 0; i < count; i++) {
      const operand = instruction.operands[i];
      const slot = registerField(operand);
      if (slot !== undefined) this.u8[record + REGISTER_FIELDS[register++]] = slot;
      else if (operand.kind === 'immediate') {
        this.u64[(record + Field.IMMEDIATE) >> 3] = BigInt.asUintN(instruction.operandSize * 8, operand.value);
      }
    }
  }

  private stringSource(record: number, instruction: Instruction, mode: Mode): void {
    const segment = sourceSegment(instruction);
    const based = mode.codeSize === 64 ? segment >= Seg.FS : !(mode.zeroBase & (1 << segment));
    this.u8[record + Field.BASE] = based ? layout.SEGMENT_BASE + 8 * segment : layout.ZERO;
    this.u8[record + Field.SCALE] = segment;
  }

  private gather(record: number, { addressSize }: Instruction, operand: GatherOperand, mode: Mode): void {
    const { base, index, scale, segment, displacement } = operand;
    const based = mode.codeSize === 64 && segment >= Seg.FS;
    this.u8[record + Field.BASE] = base >= 0 ? layout.GPR + 8 * base : layout.ZERO;
    this.u8[record + Field.INDEX] = based ? layout.SEGMENT_BASE + 8 * segment : layout.ZERO;
    this.u8[record + Field.SCALE] = segment;
    this.u8[record + OutOfLineField.GATHER_INDEX] = index;
    this.u8[record + OutOfLineField.GATHER_SCALE] = scale;
    this.u64[(record + Field.DISPLACEMENT) >> 3] = BigInt.asUintN(8 * addressSize, displacement);
  }

  /** Whether the operand needs an address record, and if not, which form its addressing takes. */
  private addressing(
    { mnemonic, addressSize }: Instruction,
    { base, index, segment }: MemoryOperand,
    mode: Mode,
  ): { kind: 'memory' | 'indexed'; computed: boolean } {
    const computed = { kind: 'memory', computed: true } as const;
    if (mode.codeSize !== 64) {
      const constant = base < 0 && index < 0 && (mode.flat & mode.zeroBase & (1 << segment)) !== 0;
      return constant ? { kind: 'memory', computed: false } : computed;
    }
    if (addressSize !== 8) return computed;
    const based = segment >= Seg.FS && mnemonic !== 'LEA';
    const parts = (base >= 0 ? 1 : 0) + (index >= 0 ? 1 : 0) + (based ? 1 : 0);
    if (parts <= 1 && index < 0) return { kind: 'memory', computed: false };
    if (parts <= 2 && this.table.allowsIndex(mnemonic)) return { kind: 'indexed', computed: false };
    return computed;
  }

  private directAddress(
    record: number,
    instruction: Instruction,
    operand: MemoryOperand,
    next: bigint,
    mode: Mode,
  ): void {
    const { base, index, scale, segment } = operand;
    const based = mode.codeSize === 64 && segment >= Seg.FS && instruction.mnemonic !== 'LEA';
    const segmentSlot = layout.SEGMENT_BASE + 8 * segment;
    let baseSlot = base >= 0 ? layout.GPR + 8 * base : layout.ZERO;
    let indexSlot = index >= 0 ? layout.GPR + 8 * index : layout.ZERO;
    if (based) {
      if (base < 0) baseSlot = segmentSlot;
      else indexSlot = segmentSlot;
    }
    this.u8[record + Field.BASE] = baseSlot;
    this.u8[record + Field.INDEX] = indexSlot;
    this.u8[record + Field.SCALE] = scale;
    const displacement = foldedDisplacement(instruction, operand, next);
    this.u64[(record + Field.DISPLACEMENT) >> 3] =
      mode.codeSize === 64 ? displacement : BigInt.asUintN(instruction.addressSize * 8, displacement);
  }

  /** An address record: leaves the linear address, or with `offsetAlone` and for LEA the offset, in ADDRESS. */
  private address(
    record: number,
    instruction: Instruction,
    operand: MemoryOperand,
    next: bigint,
    mode: Mode,
    offsetAlone = false,
  ): void {
    const { base, index, scale, segment } = operand;
    const lea = instruction.mnemonic === 'LEA';
    const flat = (mode.flat & (1 << segment)) !== 0;
    // What lies some way from the operand is checked there, with the segment taken into account only then.
    const offsetOnly =
      offsetAlone ||
      lea ||
      (mode.codeSize !== 64 && displaces(instruction) && !(flat && mode.zeroBase & (1 << segment)));
    let handler: Builtin;
    let segmentSlot = layout.ZERO;
    if (mode.codeSize === 64) {
      handler = instruction.addressSize === 8 ? Builtin.ADDRESS_64 : Builtin.ADDRESS_32;
      if (segment >= Seg.FS && !lea) segmentSlot = layout.SEGMENT_BASE + 8 * segment;
    } else if (offsetOnly || flat) {
      handler = instruction.addressSize === 4 ? Builtin.ADDRESS_32_FLAT : Builtin.ADDRESS_16_FLAT;
      if (!offsetOnly) segmentSlot = layout.SEGMENT_BASE + 8 * segment;
    } else {
      handler = instruction.addressSize === 4 ? Builtin.CHECKED_32 : Builtin.CHECKED_16;
    }
    this.begin(record, handler);
    this.u8[record + Field.BASE] = base >= 0 ? layout.GPR + 8 * base : layout.ZERO;
    this.u8[record + Field.INDEX] = index >= 0 ? layout.GPR + 8 * index : layout.ZERO;
    this.u8[record + Field.SCALE] = scale;
    this.u64[(record + Field.DISPLACEMENT) >> 3] = foldedDisplacement(instruction, operand, next);
    if (handler === Builtin.CHECKED_32 || handler === Builtin.CHECKED_16) {
      this.u8[record + AddressField.SEGMENT] = segment;
      const { size, writes } = accessOf(instruction, operand);
      this.i32[(record + AddressField.SIZE) >> 2] = size;
      this.u16[(record + AddressField.WRITE) >> 1] = writes ? 1 : 0;
      this.u8[record + AddressField.WAITS] = usesMmx(instruction) ? 1 : 0;
    } else {
      this.u8[record + AddressField.SEGMENT_BASE] = segmentSlot;
    }
  }
}

/** Whether a routine takes the place of the description in this mode. */
export function needsRoutine(instruction: Instruction, mode: Mode): boolean {
  const unit = vectorUnit(instruction);
  if (unit && unitFault(mode, unit) !== undefined) return true;
  if (mode.codeSize !== 64 && DESCRIBED_IN_64_BIT_MODE.has(instruction.mnemonic)) return true;
  const sensitive = mode.virtual8086 && instruction.mnemonic === 'PUSHF';
  return sensitive || isChecked(mode.controlFlow, instruction);
}

/** What decides the handler of `instruction` besides its operands. */
export function instructionVariant(instruction: Instruction, mode: Mode): Variant {
  const { operandSize, addressSize, condition, repeat } = instruction;
  const memory = operandOf(instruction, 'memory') ?? operandOf(instruction, 'gather');
  let segmentation = mode.stack;
  if (STRING_MNEMONICS.has(instruction.mnemonic)) segmentation = stringSegmentation(mode, sourceSegment(instruction));
  else if (memory && mode.codeSize !== 64 && displaces(instruction)) {
    segmentation = mode.flat & mode.zeroBase & (1 << memory.segment) ? 'flat32' : 'checked';
  } else if (memory && mode.codeSize !== 64 && !usesStack(instruction.mnemonic)) segmentation = 'flat32';
  const immediate = operandOf(instruction, 'immediate');
  return {
    operandSize,
    addressSize,
    condition,
    repeat,
    segmentation,
    immediate: immediate ? Number(BigInt.asUintN(8, immediate.value)) : 0,
  };
}

/** The first operand of a kind. */
function operandOf<Kind extends Operand['kind']>(
  { operands }: Instruction,
  kind: Kind,
): Extract<Operand, { kind: Kind }> | undefined {
  // A loop: every instruction that is lowered comes here several times, and a callback each time shows in a boot.
  for (const operand of operands) if (isOfKind(operand, kind)) return operand;
  return undefined;
}

const isOfKind = <Kind extends Operand['kind']>(
  operand: Operand,
  kind: Kind,
): operand is Extract<Operand, { kind: Kind }> => operand.kind === kind;

/** Displacement of a memory operand with everything constant folded in; `next` is the following instruction's address. */
export function foldedDisplacement(instruction: Instruction, operand: MemoryOperand, next: bigint): bigint {
  let displacement = operand.displacement;
  if (operand.ripRelative) displacement += next;
  // POP to memory addressed by RSP uses the value RSP has after the pop (SDM vol. 2, POP).
  if (instruction.mnemonic === 'POP' && operand.base === Number(Gpr.RSP)) {
    displacement += BigInt(instruction.operandSize);
  }
  return BigInt.asUintN(64, displacement);
}

/** How a record names a register operand: by the slot it is read from and written to, or by its number. */
function registerField(operand: Operand): number | undefined {
  if (operand.kind === 'xmm' || operand.kind === 'mmx') return operand.register;
  if (operand.kind === 'register') return layout.GPR + 8 * operand.register + (operand.high ? 1 : 0);
  if (operand.kind === 'segment') return layout.SELECTORS + 2 * operand.register;
  return undefined;
}

/** The segment of the rSI operand of a string instruction; ES, that of the other one, if it has none. */
export function sourceSegment({ operands }: Instruction): Seg {
  const source = operands.find((operand) => operand.kind === 'memory' && operand.base === Number(Gpr.RSI));
  return source?.kind === 'memory' ? source.segment : Seg.ES;
}

const BIT_TESTS = new Set(['BT', 'BTS', 'BTR', 'BTC']);

/** Moves under a mask: only the elements in it are accessed. */
const MASKED = /^VP?MASKMOV(PS|PD|D|Q)$/;

/**
 * Whether the memory accessed lies some way from the memory operand: XLAT, bit tests with a register offset, single elements
 * of vectors.
 */
export function displaces({ mnemonic, operands }: Instruction): boolean {
  if (BIT_TESTS.has(mnemonic)) return operands.at(1)?.kind === 'register';
  return mnemonic === 'XLAT' || MASKED.test(mnemonic) || operands.some(({ kind }) => kind === 'gather');
}

const STACK_INSTRUCTIONS = new Set(['PUSH', 'POP', 'CALL', 'RET']);

function usesStack(mnemonic: string): boolean {
  return STACK_INSTRUCTIONS.has(mnemonic);
}
