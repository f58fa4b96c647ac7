/** Puts our operands into an iced-x86 instruction. */
import { OpCodeOperandKind, OpKind, Register, type Instruction } from 'iced-x86';
import { isConstant, type Expression } from './expressions';
import type { Form } from './forms';
import type { Argument } from './matching';
import type { Reading } from './mnemonics';
import { StatementError } from './scanner';

const K = OpCodeOperandKind;

export function isImmediate(kind: OpCodeOperandKind): boolean {
  return kind >= K.imm4_m2z && kind <= K.imm64;
}

const IMMEDIATE_KIND: ReadonlyMap<OpCodeOperandKind, OpKind> = new Map([
  [K.imm4_m2z, OpKind.Immediate8],
  [K.imm8, OpKind.Immediate8],
  [K.imm8_const_1, OpKind.Immediate8],
  [K.imm8sex16, OpKind.Immediate8to16],
  [K.imm8sex32, OpKind.Immediate8to32],
  [K.imm8sex64, OpKind.Immediate8to64],
  [K.imm16, OpKind.Immediate16],
  [K.imm32, OpKind.Immediate32],
  [K.imm32sex64, OpKind.Immediate32to64],
  [K.imm64, OpKind.Immediate64],
]);

const IMPLIED_REGISTER: ReadonlyMap<OpCodeOperandKind, Register> = new Map([
  [K.al, Register.AL],
  [K.ax, Register.AX],
  [K.eax, Register.EAX],
  [K.rax, Register.RAX],
  [K.dx, Register.DX],
  [K.cl, Register.CL],
  [K.st0, Register.ST0],
  [K.sti_opcode, Register.ST1],
]);

/** Gives operand number `index` of the instruction what `kind` asks for; constants are patched in later. */
export function setOperand(
  instruction: Instruction,
  index: number,
  kind: OpCodeOperandKind,
  argument: Argument,
  bits: 32 | 64,
): void {
  const immediate = IMMEDIATE_KIND.get(kind);
  if (immediate !== undefined) {
    const isSecond =
      kind === K.imm8 &&
      index > 0 &&
      instruction.opKind(index - 1) >= OpKind.Immediate8 &&
      instruction.opKind(index - 1) <= OpKind.Immediate16;
    instruction.setOpKind(index, isSecond ? OpKind.Immediate8_2nd : immediate);
    if (isSecond) instruction.immediate8_2nd = 0;
    else instruction.setImmediateI32(index, kind === K.imm8_const_1 ? 1 : 0);
    return;
  }
  const string = stringOperand(kind, argument, bits);
  if (string !== undefined) {
    instruction.setOpKind(index, string);
    if (
      argument.kind === 'memory' &&
      argument.operand.segment !== undefined &&
      kind !== K.es_rDI &&
      argument.operand.segment.register !== Register.DS
    ) {
      instruction.segmentPrefix = argument.operand.segment.register;
    }
    return;
  }
  if (kind === K.seg_rBX_al) {
    instruction.setOpKind(index, OpKind.Memory);
    instruction.memoryBase = bits === 64 ? Register.RBX : Register.EBX;
    instruction.memoryIndex = Register.AL;
    instruction.memoryIndexScale = 1;
    instruction.memoryDisplSize = 0;
    instruction.memoryDisplacement = 0n;
    return;
  }
  if (argument.kind === 'memory' && kind !== K.dx) {
    instruction.setOpKind(index, OpKind.Memory);
    return;
  }
  instruction.setOpKind(index, OpKind.Register);
  instruction.setOpRegister(
    index,
    argument.kind === 'register' ? argument.register.register : (IMPLIED_REGISTER.get(kind) ?? Register.None),
  );
  if (argument.kind === 'register' && argument.operand.mask !== undefined) {
    instruction.opMask = argument.operand.mask.register;
    instruction.zeroingMasking = argument.operand.zeroing ?? false;
  }
}

function stringOperand(kind: OpCodeOperandKind, argument: Argument, bits: 32 | 64): OpKind | undefined {
  const width = argument.kind === 'memory' ? (argument.operand.base?.size ?? bits) : bits;
  const byWidth = (narrow: OpKind, middle: OpKind, wide: OpKind): OpKind =>
    width === 64 ? wide : width === 32 ? middle : narrow;
  switch (kind) {
    case K.seg_rSI:
      return byWidth(OpKind.MemorySegSI, OpKind.MemorySegESI, OpKind.MemorySegRSI);
    case K.es_rDI:
      return byWidth(OpKind.MemoryESDI, OpKind.MemoryESEDI, OpKind.MemoryESRDI);
    case K.seg_rDI:
      return byWidth(OpKind.MemorySegDI, OpKind.MemorySegEDI, OpKind.MemorySegRDI);
    default:
      return undefined;
  }
}

/** Fills in the memory operand. Returns true if the displacement is to be patched afterwards. */
export function setMemory(
  instruction: Instruction,
  argument: Argument & { kind: 'memory' },
  form: Form,
  bits: 32 | 64,
  reading: Reading,
): boolean {
  const { base, index, scale, segment, mask, zeroing, broadcast } = argument.operand;
  const { displacement } = argument;
  const stringMemory = form.kinds.some(
    (kind) => kind === K.seg_rSI || kind === K.es_rDI || kind === K.seg_rDI || kind === K.seg_rBX_al || kind === K.dx,
  );
  if (stringMemory) return false;
  if (mask !== undefined) {
    instruction.opMask = mask.register;
    instruction.zeroingMasking = zeroing ?? false;
  }
  if (broadcast !== undefined) instruction.isBroadcast = true;
  if (segment !== undefined && segment.register !== defaultSegment(base?.name))
    instruction.segmentPrefix = segment.register;
  instruction.memoryBase = base?.register ?? Register.None;
  instruction.memoryIndex = index?.register ?? Register.None;
  instruction.memoryIndexScale = scale;
  const wide = base?.size === 64 || (bits === 64 && base === undefined && index?.size !== 32);
  const full = base?.size === 16 ? 2 : wide ? 8 : 4;
  const relative = base?.class === 'ip64' || base?.class === 'ip32';
  const symbolic =
    argument.operand.displacement !== undefined && (displacement === undefined || !isConstant(displacement));
  const number = displacement?.number ?? 0n;
  const moffs = form.kinds.includes(K.mem_offs);
  if (moffs) {
    instruction.memoryDisplSize = bits === 64 ? 8 : 4;
    instruction.memoryDisplacement = symbolic ? 0n : BigInt.asUintN(bits, number);
    return symbolic;
  }
  if (relative) {
    instruction.memoryDisplSize = full;
    instruction.memoryDisplacement = 0n;
    return true;
  }
  const truncated = wide ? number : BigInt.asIntN(32, number);
  if (!symbolic && wide && BigInt.asIntN(32, number) !== number) {
    const { start, end } = argument.operand.displacement as Expression;
    throw new StatementError(
      `the displacement ${hex(number)} does not fit in 32 signed bits${reading.mnemonic === 'mov' ? ' (movabs takes 64)' : ''}`,
      start,
      end,
    );
  }
  const noRegister = base === undefined;
  const short = truncated >= -128n && truncated <= 127n;
  instruction.memoryDisplSize =
    symbolic || noRegister
      ? full
      : truncated === 0n
        ? /^[re]?bp$|^r13d?$/.test(base.name)
          ? 1
          : 0
        : short || (!form.legacy && truncated % 4n === 0n && truncated >= -8192n && truncated < 8192n)
          ? 1
          : full;
  instruction.memoryDisplacement = symbolic ? 0n : BigInt.asUintN(wide ? 64 : 32, truncated);
  return symbolic;
}

function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function defaultSegment(base: string | undefined): Register {
  return base !== undefined && /^[re]?[sb]p$/.test(base) ? Register.SS : Register.DS;
}
