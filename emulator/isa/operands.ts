/**
 * Operand codes of the opcode maps and how each is read from the instruction bytes. A code is an addressing method and
 * an operand type in the notation of the SDM, vol. 2, sections A.2.1 and A.2.2: `Ev` is a general register or memory
 * operand named by ModRM.rm, of the effective operand size.
 */
import type {
  GatherOperand,
  ImmediateOperand,
  MemoryOperand,
  MmxRegisterOperand,
  Operand,
  OperandSize,
  RegisterOperand,
  StackRegisterOperand,
  SystemRegisterOperand,
  VectorRegisterOperand,
} from './instruction';
import { Gpr, Seg } from './instruction';

/** SDM vol. 2, A.2.1, and the operands the maps there name outright. */
const enum Method {
  None,
  /** A: direct far pointer in the instruction. */
  FarPointer,
  /** B: general register in VEX.vvvv. */
  Vvvv,
  /** BA, BB, BD: memory at DS:rAX, DS:rBX and DS:rDI. */
  AtRax,
  AtRbx,
  AtRdiData,
  /** C, D: control and debug register in ModRM.reg. */
  Control,
  Debug,
  /** E: ModRM.rm as register or memory. */
  RegisterOrMemory,
  /** Rv/Mw: ModRM.rm; a register of the operand size, or 16 bits in memory. */
  RegisterOrWord,
  /** Ry/M and a type: ModRM.rm; a general register of 64 bits with W, else 32, or memory of the type. */
  RegisterByWOrMemory,
  /** G: general register in ModRM.reg. */
  Register,
  /** V, H, L: XMM or YMM register in ModRM.reg, in VEX.vvvv, in the high half of the last byte. */
  Vector,
  VvvvVector,
  ImmediateVector,
  /** W: ModRM.rm as XMM or YMM register or memory; U: as register only. */
  VectorOrMemory,
  RmVector,
  /** P: MMX register in ModRM.reg; Q: ModRM.rm as MMX register or memory; N: as register only. */
  Mmx,
  MmxOrMemory,
  RmMmx,
  /** STi: x87 register in ModRM.rm; ST0: the top of the x87 stack. */
  StackRegister,
  StackTop,
  /** VMx, VMdq: gather operand whose index register is as wide as the vector, or is XMM. */
  Gather,
  GatherByXmm,
  /** I, and sI for an 8-bit one that is sign-extended to the operand size. */
  Immediate,
  SignedByte,
  /** J: branch displacement. */
  Relative,
  /** M: ModRM.rm, memory only. */
  Memory,
  /** O: memory offset without ModRM. */
  Offset,
  /** R: ModRM.rm as register whatever ModRM.mod says. */
  RmRegister,
  /** S: segment register in ModRM.reg. */
  Segment,
  /** X, Y: DS:rSI and ES:rDI of the string instructions. */
  AtRsi,
  AtRdi,
  /** Z: general register in the low three opcode bits. */
  OpcodeRegister,
  /** AL, eAX, rAX; CL; DX; the constant 1; ES to GS, with the number in the place of the type. */
  Accumulator,
  Cl,
  Dx,
  One,
  FixedSegment,
}

/** SDM vol. 2, A.2.2. */
const enum Type {
  None,
  Byte,
  Word,
  Doubleword,
  Quadword,
  DoubleQuadword,
  /** v: the effective operand size. */
  Effective,
  /** z: the effective operand size, at most 32 bits. */
  AtMost32,
  /** y: 64 bits with REX.W or VEX.W, else 32. */
  ByW,
  /** p: far pointer in memory: selector and an offset of the operand size. */
  FarPointer,
  /** s: pseudo-descriptor, 6 bytes or in 64-bit mode 10. */
  PseudoDescriptor,
  /** a: the two bounds of BOUND. */
  Bounds,
  /** x: the vector length, 128 bits or with VEX.L 256. */
  VectorLength,
  /** h, f, e: half, a fourth, an eighth of the vector length in memory; a register is XMM. */
  Half,
  Fourth,
  Eighth,
  /** qq: 256 bits. */
  QuadQuadword,
  /** t: 80 bits. */
  TenByte,
  /** env, state: the x87 environment and the whole x87 state, each smaller with 16-bit operand size. */
  Environment,
  State,
}

const METHODS: Readonly<Record<string, Method>> = {
  A: Method.FarPointer,
  B: Method.Vvvv,
  BA: Method.AtRax,
  BB: Method.AtRbx,
  BD: Method.AtRdiData,
  C: Method.Control,
  D: Method.Debug,
  E: Method.RegisterOrMemory,
  'Ry/M': Method.RegisterByWOrMemory,
  G: Method.Register,
  H: Method.VvvvVector,
  I: Method.Immediate,
  sI: Method.SignedByte,
  J: Method.Relative,
  L: Method.ImmediateVector,
  M: Method.Memory,
  N: Method.RmMmx,
  O: Method.Offset,
  P: Method.Mmx,
  Q: Method.MmxOrMemory,
  R: Method.RmRegister,
  S: Method.Segment,
  U: Method.RmVector,
  V: Method.Vector,
  VM: Method.Gather,
  VMX: Method.GatherByXmm,
  W: Method.VectorOrMemory,
  X: Method.AtRsi,
  Y: Method.AtRdi,
  Z: Method.OpcodeRegister,
};

const TYPES: Readonly<Record<string, Type>> = {
  '': Type.None,
  b: Type.Byte,
  w: Type.Word,
  d: Type.Doubleword,
  q: Type.Quadword,
  dq: Type.DoubleQuadword,
  v: Type.Effective,
  z: Type.AtMost32,
  y: Type.ByW,
  p: Type.FarPointer,
  s: Type.PseudoDescriptor,
  a: Type.Bounds,
  x: Type.VectorLength,
  h: Type.Half,
  f: Type.Fourth,
  e: Type.Eighth,
  qq: Type.QuadQuadword,
  t: Type.TenByte,
  env: Type.Environment,
  state: Type.State,
};

const TYPE_BITS = 5;
const TYPE_MASK = (1 << TYPE_BITS) - 1;
const encode = (method: Method, type: number): number => (method << TYPE_BITS) | type;
const methodOf = (code: number): Method => code >> TYPE_BITS;

/** Operands that are not a method and a type. */
const FIXED: Readonly<Record<string, number>> = {
  AL: encode(Method.Accumulator, Type.Byte),
  AX: encode(Method.Accumulator, Type.Word),
  eAX: encode(Method.Accumulator, Type.AtMost32),
  rAX: encode(Method.Accumulator, Type.Effective),
  CL: encode(Method.Cl, Type.Byte),
  DX: encode(Method.Dx, Type.Word),
  '1': encode(Method.One, Type.Byte),
  'Rv/Mw': encode(Method.RegisterOrWord, Type.Effective),
  ES: encode(Method.FixedSegment, Seg.ES),
  CS: encode(Method.FixedSegment, Seg.CS),
  SS: encode(Method.FixedSegment, Seg.SS),
  DS: encode(Method.FixedSegment, Seg.DS),
  FS: encode(Method.FixedSegment, Seg.FS),
  GS: encode(Method.FixedSegment, Seg.GS),
  ST0: encode(Method.StackTop, Type.None),
  STi: encode(Method.StackRegister, Type.None),
};

/** "No operand". */
export const NO_OPERAND = 0;

/** The number of an operand notation such as `Eb`, `sIb`, `Rv/Mw` or `eAX`. */
export function operandCode(notation: string): number {
  const fixed = FIXED[notation];
  if (fixed !== undefined) return fixed;
  const [, method, type] = /^(sI|B[ABD]|VMX?|Ry\/M|[A-Z])([a-z]*)$/.exec(notation) ?? [];
  if (!(method in METHODS) || !(type in TYPES)) throw new Error(`Unknown operand notation ${notation}`);
  return encode(METHODS[method], TYPES[type]);
}

/** Whether an operand of this code is named by a ModRM byte. */
export function usesModrm(code: number): boolean {
  switch (methodOf(code)) {
    case Method.Control:
    case Method.Debug:
    case Method.RegisterOrMemory:
    case Method.RegisterOrWord:
    case Method.RegisterByWOrMemory:
    case Method.Register:
    case Method.Vector:
    case Method.VectorOrMemory:
    case Method.RmVector:
    case Method.Mmx:
    case Method.MmxOrMemory:
    case Method.RmMmx:
    case Method.StackRegister:
    case Method.Gather:
    case Method.GatherByXmm:
    case Method.Memory:
    case Method.RmRegister:
    case Method.Segment:
      return true;
    default:
      return false;
  }
}

/** Whether ModRM.mod has no meaning for an operand of this code (MOV to and from control and debug registers). */
export function ignoresMod(code: number): boolean {
  return methodOf(code) === Method.RmRegister;
}

/** Whether an operand of this code is named by VEX.vvvv, which must be 1111b otherwise. */
export function usesVvvv(code: number): boolean {
  const method = methodOf(code);
  return method === Method.Vvvv || method === Method.VvvvVector;
}

/** Whether an operand of this code is a vector register, alone or as one of two possibilities. */
export function isVector(code: number): boolean {
  const method = methodOf(code);
  return method >= Method.Vector && method <= Method.RmMmx;
}

const register = (number: number, size: 1 | 2 | 4 | 8, high = false): RegisterOperand => ({
  kind: 'register',
  register: number,
  size,
  high,
});

/** Operands are immutable, so that equal registers and small immediates can be the same object. */
const NUMBERS = [...Array(16).keys()];
const REGISTERS_8 = NUMBERS.map((number) => register(number, 1));
const REGISTERS_8_LEGACY = NUMBERS.map((number) => (number < 4 ? register(number, 1) : register(number & 3, 1, true)));
const REGISTERS_16 = NUMBERS.map((number) => register(number, 2));
const REGISTERS_32 = NUMBERS.map((number) => register(number, 4));
const REGISTERS_64 = NUMBERS.map((number) => register(number, 8));
const system = (kind: SystemRegisterOperand['kind']) =>
  NUMBERS.map((number): SystemRegisterOperand => ({ kind, register: number }));
const SEGMENTS = system('segment');
const CONTROLS = system('control');
const DEBUGS = system('debug');
const vector = (size: 16 | 32) =>
  NUMBERS.map((number): VectorRegisterOperand => ({ kind: 'xmm', register: number, size }));
const VECTORS_128 = vector(16);
const VECTORS_256 = vector(32);
const MMX = NUMBERS.slice(0, 8).map((number): MmxRegisterOperand => ({ kind: 'mmx', register: number }));
const STACK = NUMBERS.slice(0, 8).map((number): StackRegisterOperand => ({ kind: 'st', register: number }));

/** CR0, CR2, CR3, CR4 and CR8; the others do not exist (SDM vol. 2, MOV to/from control registers: #UD). */
const CONTROL_REGISTERS = 0b1_0001_1101;

const SMALL_MINIMUM = -128;
const SMALL_VALUES = Array.from({ length: 384 }, (_, index) => index + SMALL_MINIMUM);
const SMALL_BIGINTS = SMALL_VALUES.map(BigInt);
const smallImmediates = (size: OperandSize) =>
  SMALL_BIGINTS.map((value): ImmediateOperand => ({ kind: 'immediate', value, size }));
const SMALL_IMMEDIATES = [
  [],
  smallImmediates(1),
  smallImmediates(2),
  [],
  smallImmediates(4),
  [],
  [],
  [],
  smallImmediates(8),
];

const isSmall = (value: number): boolean => value >= SMALL_MINIMUM && value < SMALL_MINIMUM + SMALL_BIGINTS.length;
const bigint = (value: number): bigint => (isSmall(value) ? SMALL_BIGINTS[value - SMALL_MINIMUM] : BigInt(value));

function immediate(value: number, size: OperandSize): ImmediateOperand {
  return isSmall(value)
    ? SMALL_IMMEDIATES[size][value - SMALL_MINIMUM]
    : { kind: 'immediate', value: BigInt(value), size };
}

/** Base and index of the 16-bit addressing forms by ModRM.rm (SDM vol. 2, table 2-1). */
const BASE_16 = [Gpr.RBX, Gpr.RBX, Gpr.RBP, Gpr.RBP, Gpr.RSI, Gpr.RDI, Gpr.RBP, Gpr.RBX];
const INDEX_16 = [Gpr.RSI, Gpr.RDI, Gpr.RSI, Gpr.RDI, -1, -1, -1, -1];

/** One instruction while it is being decoded: the bytes, what the prefixes said, and where reading goes on. */
export class Decoding {
  code: Uint8Array = new Uint8Array(0);
  /** Index of the next byte to read. */
  position = 0;
  mode: 16 | 32 | 64 = 64;
  opcode = 0;
  modrm = 0;
  /** The REX bits 0100WRXB, or the same bits of a VEX prefix, not inverted. */
  rex = 0;
  /** Whether a REX prefix stands before the opcode: SPL, BPL, SIL, DIL instead of AH, CH, DH, BH. */
  hasRex = false;
  /** VEX.vvvv, not inverted; outside 64-bit mode only its low three bits name a register. */
  vvvv = 0;
  /** Vector length in bytes: 32 with VEX.L. */
  vectorLength: 16 | 32 = 16;
  operandSize: 1 | 2 | 4 | 8 = 4;
  addressSize: 2 | 4 | 8 = 8;
  /** Segment override, or -1. */
  override = -1;

  private base = -1;
  private index = -1;
  private scale = 0;
  private displacement = 0;
  private ripRelative = false;
  /** The SIB byte, or -1. */
  private sib = -1;

  private readUint8(): number {
    return this.code[this.position++];
  }
  private readInt8(): number {
    return (this.code[this.position++] << 24) >> 24;
  }
  private readUint16(): number {
    const { code, position } = this;
    this.position = position + 2;
    return code[position] | (code[position + 1] << 8);
  }
  private readInt32(): number {
    const { code, position } = this;
    this.position = position + 4;
    return code[position] | (code[position + 1] << 8) | (code[position + 2] << 16) | (code[position + 3] << 24);
  }
  private readUint64(): bigint {
    const low = this.readInt32() >>> 0;
    return BigInt(low) | (BigInt(this.readInt32() >>> 0) << 32n);
  }

  /** Reads SIB and displacement after a ModRM byte that names memory (SDM vol. 2, section 2.1.5, tables 2-1 to 2-3). */
  readAddress(): void {
    const mod = this.modrm >> 6;
    const rm = this.modrm & 7;
    this.scale = 0;
    this.index = -1;
    this.displacement = 0;
    this.ripRelative = false;
    this.sib = -1;
    if (this.addressSize === 2) {
      this.readAddress16(mod, rm);
      return;
    }
    let base = rm;
    if (rm === 4) {
      const sib = this.readUint8();
      this.sib = sib;
      base = sib & 7;
      this.scale = sib >> 6;
      const index = ((sib >> 3) & 7) | ((this.rex & 2) << 2);
      if (index !== (Gpr.RSP as number)) this.index = index;
      else this.scale = 0;
    }
    if (mod === 0 && base === 5) {
      this.base = -1;
      this.ripRelative = rm === 5 && this.mode === 64;
      this.displacement = this.readInt32();
      return;
    }
    this.base = base | ((this.rex & 1) << 3);
    if (mod === 1) this.displacement = this.readInt8();
    else if (mod === 2) this.displacement = this.readInt32();
  }

  private readAddress16(mod: number, rm: number): void {
    if (mod === 0 && rm === 6) {
      this.base = -1;
      this.displacement = (this.readUint16() << 16) >> 16;
      return;
    }
    this.base = BASE_16[rm];
    this.index = INDEX_16[rm];
    if (mod === 1) this.displacement = this.readInt8();
    else if (mod === 2) this.displacement = (this.readUint16() << 16) >> 16;
  }

  /** Reads one operand; undefined if it names a register that does not exist (#UD). */
  operand(code: number): Operand | undefined {
    const type = (code & TYPE_MASK) as Type;
    switch (methodOf(code)) {
      case Method.RegisterOrMemory:
        if (this.modrm >= 0xc0) return this.register((this.modrm & 7) | ((this.rex & 1) << 3), this.size(type));
        return this.memory(this.size(type));
      case Method.Register:
        return this.register(((this.modrm >> 3) & 7) | ((this.rex & 4) << 1), this.size(type));
      case Method.Immediate:
        return this.immediate(type);
      case Method.SignedByte:
        return immediate(this.readInt8(), this.operandSize);
      case Method.Relative:
        return { kind: 'relative', displacement: this.relative(type) };
      case Method.Memory:
        return this.modrm < 0xc0 ? this.memory(this.size(type)) : undefined;
      case Method.VectorOrMemory:
        return this.modrm >= 0xc0 ? this.vector(this.rm(), type) : this.memory(this.size(type));
      case Method.Vector:
        return this.vector(((this.modrm >> 3) & 7) | ((this.rex & 4) << 1), type);
      case Method.VvvvVector:
        return this.vector(this.vvvvRegister(), type);
      case Method.RmVector:
        return this.modrm >= 0xc0 ? this.vector(this.rm(), type) : undefined;
      case Method.ImmediateVector:
        return this.vector((this.readUint8() >> 4) & (this.mode === 64 ? 15 : 7), type);
      case Method.Mmx:
        return MMX[(this.modrm >> 3) & 7];
      case Method.MmxOrMemory:
        return this.modrm >= 0xc0 ? MMX[this.modrm & 7] : this.memory(this.size(type));
      case Method.RmMmx:
        return this.modrm >= 0xc0 ? MMX[this.modrm & 7] : undefined;
      case Method.StackRegister:
        return STACK[this.modrm & 7];
      case Method.StackTop:
        return STACK[0];
      case Method.Gather:
        return this.gather(type, this.vectorLength);
      case Method.GatherByXmm:
        return this.gather(type, 16);
      case Method.RegisterByWOrMemory:
        return this.modrm >= 0xc0 ? this.register(this.rm(), this.rex & 8 ? 8 : 4) : this.memory(this.size(type));
      case Method.OpcodeRegister:
        return this.register((this.opcode & 7) | ((this.rex & 1) << 3), this.size(type));
      case Method.RegisterOrWord:
        if (this.modrm >= 0xc0) return this.register((this.modrm & 7) | ((this.rex & 1) << 3), this.operandSize);
        return this.memory(2);
      case Method.Accumulator:
        return this.register(Gpr.RAX, this.size(type));
      case Method.Cl:
        return REGISTERS_8[Gpr.RCX];
      case Method.One:
        return immediate(1, 1);
      case Method.Dx:
        return REGISTERS_16[Gpr.RDX];
      case Method.AtRsi:
        return this.memoryAt(Gpr.RSI, this.size(type));
      case Method.AtRdi:
        return memoryOperand(this.size(type), Seg.ES, Gpr.RDI, -1, 0, 0n, false);
      case Method.AtRax:
        return this.memoryAt(Gpr.RAX, this.size(type));
      case Method.AtRbx:
        return this.memoryAt(Gpr.RBX, this.size(type));
      case Method.AtRdiData:
        return this.memoryAt(Gpr.RDI, this.size(type));
      case Method.Vvvv:
        return this.register(this.vvvvRegister(), this.size(type));
      case Method.Offset:
        return memoryOperand(this.size(type), this.segmentOr(Seg.DS), -1, -1, 0, this.offset(), false);
      case Method.RmRegister:
        return this.register((this.modrm & 7) | ((this.rex & 1) << 3), this.size(type));
      case Method.Segment:
        return SEGMENTS[(this.modrm >> 3) & 7];
      case Method.FixedSegment:
        return SEGMENTS[type];
      case Method.Control: {
        const number = ((this.modrm >> 3) & 7) | ((this.rex & 4) << 1);
        return (CONTROL_REGISTERS >> number) & 1 ? CONTROLS[number] : undefined;
      }
      case Method.Debug:
        return this.rex & 4 ? undefined : DEBUGS[(this.modrm >> 3) & 7];
      case Method.FarPointer: {
        const offset = this.operandSize === 2 ? this.readUint16() : this.readInt32() >>> 0;
        return { kind: 'far', selector: this.readUint16(), offset };
      }
      case Method.None:
        return undefined;
    }
  }

  private size(type: Type): OperandSize {
    switch (type) {
      case Type.Byte:
        return 1;
      case Type.Effective:
        return this.operandSize;
      case Type.AtMost32:
        return this.operandSize === 8 ? 4 : this.operandSize;
      case Type.ByW:
        return this.rex & 8 ? 8 : 4;
      case Type.Word:
        return 2;
      case Type.Doubleword:
        return 4;
      case Type.Quadword:
        return 8;
      case Type.DoubleQuadword:
        return 16;
      case Type.FarPointer:
        return (this.operandSize + 2) as OperandSize;
      case Type.PseudoDescriptor:
        return this.mode === 64 ? 10 : 6;
      case Type.Bounds:
        return (this.operandSize * 2) as OperandSize;
      case Type.VectorLength:
        return this.vectorLength;
      case Type.Half:
        return this.vectorLength === 32 ? 16 : 8;
      case Type.Fourth:
        return this.vectorLength === 32 ? 8 : 4;
      case Type.Eighth:
        return this.vectorLength === 32 ? 4 : 2;
      case Type.QuadQuadword:
        return 32;
      case Type.TenByte:
        return 10;
      case Type.Environment:
        return this.operandSize === 2 ? 14 : 28;
      case Type.State:
        return this.operandSize === 2 ? 94 : 108;
      case Type.None:
        return 0;
    }
  }

  private register(number: number, size: OperandSize): RegisterOperand {
    switch (size) {
      case 8:
        return REGISTERS_64[number];
      case 4:
        return REGISTERS_32[number];
      case 2:
        return REGISTERS_16[number];
      default:
        return this.hasRex ? REGISTERS_8[number] : REGISTERS_8_LEGACY[number];
    }
  }

  /** ModRM.rm with REX.B. */
  private rm(): number {
    return (this.modrm & 7) | ((this.rex & 1) << 3);
  }

  private vvvvRegister(): number {
    return this.mode === 64 ? this.vvvv : this.vvvv & 7;
  }

  private vector(number: number, type: Type): VectorRegisterOperand {
    const long = type === Type.VectorLength ? this.vectorLength === 32 : type === Type.QuadQuadword;
    return (long ? VECTORS_256 : VECTORS_128)[number];
  }

  /**
   * A VSIB operand. #UD without SIB byte or with 16-bit addresses (SDM vol. 2, 2.3.12.1), and if destination, index
   * and mask are not three registers (SDM vol. 2, VPGATHERDD).
   */
  private gather(type: Type, indexSize: 16 | 32): GatherOperand | undefined {
    const { sib, rex } = this;
    if (this.modrm >= 0xc0 || sib < 0) return undefined;
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    const destination = ((this.modrm >> 3) & 7) | ((rex & 4) << 1);
    const mask = this.vvvvRegister();
    if (index === destination || index === mask || destination === mask) return undefined;
    const { segment, base, displacement } = this.memory(0);
    const size = type === Type.Quadword ? 8 : 4;
    return { kind: 'gather', size, segment, base, index, indexSize, scale: sib >> 6, displacement };
  }

  private segmentOr(segment: Seg): Seg {
    return this.override < 0 ? segment : this.override;
  }

  private memory(size: OperandSize): MemoryOperand {
    const { base } = this;
    const segment = this.segmentOr(base === Number(Gpr.RSP) || base === Number(Gpr.RBP) ? Seg.SS : Seg.DS);
    return memoryOperand(size, segment, base, this.index, this.scale, bigint(this.displacement), this.ripRelative);
  }

  private memoryAt(base: Gpr, size: OperandSize): MemoryOperand {
    return memoryOperand(size, this.segmentOr(Seg.DS), base, -1, 0, 0n, false);
  }

  private immediate(type: Type): ImmediateOperand {
    const size = this.size(type);
    if (size === 1) return immediate(this.readUint8(), 1);
    if (size === 2) return immediate(this.readUint16(), 2);
    if (size === 8) return { kind: 'immediate', value: BigInt.asIntN(64, this.readUint64()), size };
    // z: 32 bits, sign-extended to a 64-bit operand
    return immediate(this.readInt32(), this.operandSize === 8 ? 8 : 4);
  }

  private relative(type: Type): number {
    if (type === Type.Byte) return this.readInt8();
    return this.operandSize === 2 ? (this.readUint16() << 16) >> 16 : this.readInt32();
  }

  private offset(): bigint {
    if (this.addressSize === 8) return this.readUint64();
    return bigint(this.addressSize === 4 ? this.readInt32() >>> 0 : this.readUint16());
  }
}

function memoryOperand(
  size: OperandSize,
  segment: Seg,
  base: number,
  index: number,
  scale: number,
  displacement: bigint,
  ripRelative: boolean,
): MemoryOperand {
  return { kind: 'memory', size, segment, base, index, scale, displacement, ripRelative };
}
