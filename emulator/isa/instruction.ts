/**
 * The one shape of a decoded instruction. The decoder makes it; the interpreter stage, the compiled stage and the
 * architectural routines in ../cpu read it. Terms are those of the Intel SDM, volume 2, chapter 2.
 */

/** General registers in encoding order (SDM vol. 2, table 2-2 and REX): index into `CpuState.gpr`. */
export const enum Gpr {
  RAX,
  RCX,
  RDX,
  RBX,
  RSP,
  RBP,
  RSI,
  RDI,
  R8,
  R9,
  R10,
  R11,
  R12,
  R13,
  R14,
  R15,
}

/** Segment registers in encoding order (SDM vol. 2, section 2.1.5): index into `CpuState.segments`. */
export const enum Seg {
  ES,
  CS,
  SS,
  DS,
  FS,
  GS,
}

/**
 * Operand width in bytes. 6 and 10 are the descriptor-table operands and far pointers (m16:32, m16:64, LGDT), 10 also
 * the extended reals and packed decimals of the x87 FPU; 16 and 32 vectors; 14 and 28 the x87 environment, 94 and 108
 * the whole x87 state (FLDENV, FRSTOR).
 */
export type OperandSize = 0 | 1 | 2 | 4 | 6 | 8 | 10 | 14 | 16 | 28 | 32 | 94 | 108;

export interface RegisterOperand {
  readonly kind: 'register';
  readonly register: number;
  readonly size: 1 | 2 | 4 | 8;
  /** AH, CH, DH, BH: bits 8..15 of registers 0..3. */
  readonly high: boolean;
}

export interface MemoryOperand {
  readonly kind: 'memory';
  readonly size: OperandSize;
  readonly segment: Seg;
  /** Base register, or -1 for none. RIP-relative operands have `ripRelative` set and base -1. */
  readonly base: number;
  /** Index register, or -1 for none. */
  readonly index: number;
  /** log2 of the scale: 0..3. */
  readonly scale: number;
  /** Sign-extended displacement; for moffs forms the zero-extended 64-bit offset. */
  readonly displacement: bigint;
  readonly ripRelative: boolean;
}

export interface ImmediateOperand {
  readonly kind: 'immediate';
  /** Sign-extended to 64 bits where the instruction does so; take the low `size` bytes. */
  readonly value: bigint;
  readonly size: OperandSize;
}

/** Branch displacement, relative to the next instruction. */
export interface RelativeOperand {
  readonly kind: 'relative';
  readonly displacement: number;
}

/** ptr16:16 and ptr16:32, the direct far pointers of CALL and JMP outside 64-bit mode. */
export interface FarOperand {
  readonly kind: 'far';
  readonly selector: number;
  readonly offset: number;
}

export interface SystemRegisterOperand {
  readonly kind: 'segment' | 'control' | 'debug';
  readonly register: number;
}

/**
 * XMM or YMM register. An instruction that uses only some low bytes of it, such as ADDSS, still names all of XMM; how
 * much it uses is the instruction's business, and shows in the size of the memory operand that can stand in its place.
 */
export interface VectorRegisterOperand {
  readonly kind: 'xmm';
  /** 0..15. */
  readonly register: number;
  /** 16 is XMM, 32 is YMM. */
  readonly size: 16 | 32;
}

/** MM0 to MM7. */
export interface MmxRegisterOperand {
  readonly kind: 'mmx';
  readonly register: number;
}

/** x87 stack register ST(0) to ST(7), counted from the top of the stack. */
export interface StackRegisterOperand {
  readonly kind: 'st';
  readonly register: number;
}

/**
 * Vector memory operand of the gather instructions (VSIB, SDM vol. 2, section 2.3.12): each element of an index
 * register gives one address. Not a `MemoryOperand`, because there is no one address.
 */
export interface GatherOperand {
  readonly kind: 'gather';
  /** Width of one element in memory, in bytes. */
  readonly size: 4 | 8;
  readonly segment: Seg;
  /** General register, or -1 for none. */
  readonly base: number;
  /** XMM or YMM register 0..15. */
  readonly index: number;
  /** 16 is XMM, 32 is YMM. */
  readonly indexSize: 16 | 32;
  /** log2 of the scale: 0..3. */
  readonly scale: number;
  /** Sign-extended. */
  readonly displacement: bigint;
}

export type Operand =
  | RegisterOperand
  | MemoryOperand
  | ImmediateOperand
  | RelativeOperand
  | FarOperand
  | SystemRegisterOperand
  | VectorRegisterOperand
  | MmxRegisterOperand
  | StackRegisterOperand
  | GatherOperand;

export interface Instruction {
  /** SDM mnemonic in capitals; condition codes are folded into one name (`Jcc`, `SETcc`, `CMOVcc`) with `condition`. */
  readonly mnemonic: string;
  /** Bytes, 1..15. */
  readonly length: number;
  /**
   * Effective operand size in bytes after prefixes, REX.W and mode: 2, 4 or 8; 1 for byte forms. Of an instruction with
   * vector registers that of its general register: 8 with W, else 4.
   */
  readonly operandSize: 1 | 2 | 4 | 8;
  /** Effective address size in bytes: 2, 4 or 8. */
  readonly addressSize: 2 | 4 | 8;
  /** Destination first, as in the SDM. */
  readonly operands: readonly Operand[];
  /** Condition code 0..15 (SDM vol. 1, appendix B) for Jcc, SETcc, CMOVcc; else 0. */
  readonly condition: number;
  readonly lock: boolean;
  /** F3 / F2 in front of a string instruction. */
  readonly repeat: 'none' | 'rep' | 'repne';
  /** 3E in front of a near indirect JMP or CALL: the no-track prefix (SDM vol. 1, section 17.3.1). */
  readonly notrack?: true;
}
