/** AT&T text for every encoding iced-x86 knows, with operands of every kind: iced-x86's GNU formatter writes it. */
import {
  Code,
  CodeExt,
  Decoder,
  DecoderOptions,
  Encoder,
  Formatter,
  FormatterSyntax,
  Instruction,
  OpCodeOperandKind,
  OpKind,
  Register,
  type OpCodeInfo,
} from 'iced-x86';

const K = OpCodeOperandKind;

/** Registers to choose from, by the beginning of the operand kind's name; the last is left out in 32-bit code. */
const REGISTERS: readonly (readonly [RegExp, readonly Register[]])[] = [
  [/^r8_/, [Register.AL, Register.BL, Register.DL, Register.R9L]],
  [/^r16_/, [Register.AX, Register.BX, Register.DX, Register.R10W]],
  [/^r32_/, [Register.EAX, Register.EBX, Register.ECX, Register.R11D]],
  [/^r64_/, [Register.RAX, Register.RBX, Register.RSI, Register.R12]],
  [/^mm_/, [Register.MM0, Register.MM3, Register.MM5]],
  [/^xmm/, [Register.XMM0, Register.XMM3, Register.XMM9]],
  [/^ymm/, [Register.YMM0, Register.YMM3, Register.YMM9]],
  [/^seg_reg/, [Register.DS, Register.FS, Register.ES]],
  [/^cr_reg/, [Register.CR0, Register.CR3, Register.CR4]],
  [/^dr_reg/, [Register.DR0, Register.DR7, Register.DR3]],
  [/^sti/, [Register.ST1, Register.ST3, Register.ST5]],
];

const FIXED: ReadonlyMap<OpCodeOperandKind, Register> = new Map(
  (
    [
      ['al', 'AL'],
      ['cl', 'CL'],
      ['ax', 'AX'],
      ['dx', 'DX'],
      ['eax', 'EAX'],
      ['rax', 'RAX'],
      ['st0', 'ST0'],
      ['es', 'ES'],
      ['cs', 'CS'],
      ['ss', 'SS'],
      ['ds', 'DS'],
      ['fs', 'FS'],
      ['gs', 'GS'],
    ] as const
  ).map(([kind, register]) => [K[kind], Register[register]]),
);

const IMMEDIATES: ReadonlyMap<OpCodeOperandKind, readonly [OpKind, readonly number[]]> = new Map([
  [K.imm8, [OpKind.Immediate8, [1, 5, 0x7f, 0x80, 0xff]]],
  [K.imm8_const_1, [OpKind.Immediate8, [1]]],
  [K.imm8sex16, [OpKind.Immediate8to16, [5, -3]]],
  [K.imm8sex32, [OpKind.Immediate8to32, [5, -3, 127]]],
  [K.imm8sex64, [OpKind.Immediate8to64, [5, -3, -128]]],
  [K.imm16, [OpKind.Immediate16, [0x1234, 0x7f, 0xfff0]]],
  [K.imm32, [OpKind.Immediate32, [0x12345678, 0x7f, -2]]],
  [K.imm32sex64, [OpKind.Immediate32to64, [0x12345678, -0x70000000]]],
  [K.imm64, [OpKind.Immediate64, [5, -1]]],
]);

const at = <T>(items: readonly T[], index: number): T => items[index % items.length];

/** Ways to fill in the operands of one encoding. */
const VARIANTS = 12;

/** Lines of AT&T assembly, each the text of an instruction that exists in `bits`-bit code. */
export function generateInstructions(bits: 32 | 64, wants: (code: Code, variant: number) => boolean): string[] {
  const lines = new Set<string>();
  const encoder = new Encoder(bits);
  const formatter = new Formatter(FormatterSyntax.Gas);
  for (let code = 1; Code[code] !== undefined; code++) {
    if (/^(?:EVEX|MVEX|VEX_KNC|XOP|D3NOW|Declare)/.test(Code[code])) continue;
    const info = CodeExt.opCode(code);
    for (let variant = 0; variant < VARIANTS && (bits === 64 ? info.mode64 : info.mode32); variant++) {
      if (!wants(code, variant)) continue;
      const instruction = new Instruction();
      instruction.code = code;
      if (fillOperands(instruction, info, variant, bits)) {
        const text = roundTrip(instruction, encoder, formatter, bits);
        if (text !== undefined) lines.add(text);
      }
      instruction.free();
    }
    info.free();
  }
  formatter.free();
  encoder.free();
  return [...lines];
}

/** The instruction's text as it reads back, unless another encoding reads back. */
function roundTrip(
  instruction: Instruction,
  encoder: Encoder,
  formatter: Formatter,
  bits: 32 | 64,
): string | undefined {
  try {
    encoder.encode(instruction, 0n);
  } catch {
    encoder.takeBuffer();
    return undefined;
  }
  const decoder = new Decoder(bits, encoder.takeBuffer(), DecoderOptions.None);
  const decoded = decoder.decode();
  const text = decoded.code === instruction.code ? formatter.format(decoded) : undefined;
  decoded.free();
  decoder.free();
  return text;
}

function fillOperands(instruction: Instruction, info: OpCodeInfo, variant: number, bits: 32 | 64): boolean {
  for (let operand = 0; operand < info.opCount; operand++) {
    const kind = info.opKind(operand);
    const name = K[kind];
    const orMemory = name.includes('_or_mem');
    if ((orMemory && variant >= 4) || kind === K.mem) {
      instruction.setOpKind(operand, OpKind.Memory);
      fillMemory(instruction, variant, bits);
      continue;
    }
    const row = REGISTERS.find(([pattern]) => pattern.test(name))?.[1];
    const register = FIXED.get(kind) ?? (row && at(bits === 32 ? row.slice(0, -1) : row, variant + operand));
    const immediate = IMMEDIATES.get(kind);
    if (register !== undefined) {
      instruction.setOpKind(operand, OpKind.Register);
      instruction.setOpRegister(operand, register);
    } else if (immediate !== undefined) {
      const isSecond = operand > 0 && kind === K.imm8 && instruction.opKind(operand - 1) === OpKind.Immediate16;
      instruction.setOpKind(operand, isSecond ? OpKind.Immediate8_2nd : immediate[0]);
      const value = at(immediate[1], variant);
      if (isSecond) instruction.immediate8_2nd = value & 0xff;
      else instruction.setImmediateI32(operand, value);
    } else if (kind === K.seg_rSI || kind === K.es_rDI || kind === K.seg_rDI) {
      instruction.setOpKind(operand, stringKind(kind, bits));
    } else return false;
  }
  return true;
}

function stringKind(kind: OpCodeOperandKind, bits: 32 | 64): OpKind {
  if (kind === K.seg_rSI) return bits === 64 ? OpKind.MemorySegRSI : OpKind.MemorySegESI;
  if (kind === K.es_rDI) return bits === 64 ? OpKind.MemoryESRDI : OpKind.MemoryESEDI;
  return bits === 64 ? OpKind.MemorySegRDI : OpKind.MemorySegEDI;
}

const BASES_64: readonly Register[] = [
  Register.RAX,
  Register.RBP,
  Register.RSP,
  Register.R12,
  Register.R13,
  Register.RIP,
  0,
  Register.EBX,
];
const BASES_32: readonly Register[] = [
  Register.EAX,
  Register.EBP,
  Register.ESP,
  Register.EBX,
  Register.EDI,
  Register.None,
  Register.None,
  Register.EBX,
];
const DISPLACEMENTS = [0n, 0x10n, -0x80n, 0x80n, 0x12345n, 0n];

function fillMemory(instruction: Instruction, variant: number, bits: 32 | 64): void {
  const base = at(bits === 64 ? BASES_64 : BASES_32, variant);
  instruction.memoryBase = base;
  instruction.memoryIndex = Register.None;
  instruction.memoryIndexScale = 1;
  if (variant === 9) instruction.segmentPrefix = Register.GS;
  if (base === Register.RIP || base === Register.None) {
    instruction.memoryDisplSize = bits === 64 ? 8 : 4;
    instruction.memoryDisplacement = 0x1234n;
    if (base === Register.None && variant % 2 === 1) {
      instruction.memoryIndex = bits === 64 ? Register.RCX : Register.ECX;
      instruction.memoryIndexScale = 4;
    }
    return;
  }
  const displacement = at(DISPLACEMENTS, variant);
  const width = base === Register.EBX || bits === 32 ? 32 : 64;
  const isShort = displacement >= -128n && displacement <= 127n;
  instruction.memoryDisplSize = displacement === 0n ? 0 : isShort ? 1 : width / 8;
  instruction.memoryDisplacement = BigInt.asUintN(width, displacement);
  if (variant % 3 === 0 && base !== Register.EBX) {
    instruction.memoryIndex = bits === 64 ? Register.R9 : Register.EDI;
    instruction.memoryIndexScale = at([1, 2, 4, 8], variant);
  }
}
