/** How the meaning of an instruction is written down, and which operand shapes it exists in. */
import type { Instruction, Operand } from '../instruction';
import type { Context, OperandRef, SegmentKind, Size } from './context';

/** What besides the operands decides the code of an instruction. */
export interface Variant {
  readonly operandSize: Size;
  readonly addressSize: 2 | 4 | 8;
  readonly condition: number;
  readonly repeat: 'none' | 'rep' | 'repne';
  readonly segmentation: SegmentKind;
  /** The low 8 bits of the immediate operand, 0 if there is none. */
  readonly immediate: number;
}

/** Which parts of a `Variant` a definition depends on; each multiplies the number of handlers. */
export type Trait = 'operandSize' | 'addressSize' | 'condition' | 'repeat' | 'segmentation' | 'immediate';

export interface Definition {
  readonly mnemonic: string;
  /** Operand lists the instruction exists with. */
  readonly forms: readonly (readonly OperandRef[])[];
  readonly traits: readonly Trait[];
  /** Operand sizes for the trait 'operandSize'; default all. */
  readonly operandSizes?: readonly Size[];
  /**
   * The interpreter stages it only once it is met, as a function of its own: there are too many such forms, and each is
   * rare. The trait 'immediate' needs it.
   */
  readonly outOfLine: boolean;
  /** Ends a basic block: it goes on elsewhere than at the next instruction. */
  readonly transfer: boolean;
  /** A transfer whose target is the next instruction: it may have to be left to its routine, which ends a block. */
  readonly goesOn: boolean;
  readonly emit: (c: Context, operands: readonly OperandRef[], variant: Variant) => void;
}

export const ALL_SIZES: readonly Size[] = [1, 2, 4, 8];
export const WORD_SIZES: readonly Size[] = [2, 4, 8];

/**
 * Expands operand patterns: `r`, `m`, `rm`, `i`, each optionally with a fixed size (`r4`, `rm1`); without one it takes
 * every size of `sizes`, the same in the whole list.
 */
export function forms(
  patterns: readonly string[],
  sizes: readonly Size[] = ALL_SIZES,
): readonly (readonly OperandRef[])[] {
  const result: OperandRef[][] = [];
  const seen = new Set<string>();
  for (const pattern of patterns) {
    for (const size of sizes) {
      let lists: OperandRef[][] = [[]];
      for (const part of pattern === '' ? [] : pattern.split(' ')) {
        const fixed = /\d$/.test(part) ? (Number(part.at(-1)) as Size) : size;
        const kinds = part.startsWith('rm') ? ['register', 'memory'] : [KIND[part[0]]];
        lists = lists.flatMap((list) =>
          kinds.map((kind) => [...list, { kind: kind as OperandRef['kind'], size: fixed }]),
        );
      }
      for (const list of lists) {
        const key = list.map(({ kind, size: width }) => (kind === 'immediate' ? kind : kind + String(width))).join();
        if (!seen.has(key)) result.push(list);
        seen.add(key);
      }
    }
  }
  return result;
}

const KIND: Record<string, OperandRef['kind']> = { r: 'register', m: 'memory', i: 'immediate' };

/** A definition with the usual defaults. */
export function define(
  mnemonic: string,
  operandForms: readonly (readonly OperandRef[])[],
  emit: Definition['emit'],
  options: Partial<Pick<Definition, 'traits' | 'operandSizes' | 'transfer' | 'goesOn' | 'outOfLine'>> = {},
): Definition {
  const { traits = [], operandSizes, transfer = false, goesOn = false, outOfLine = false } = options;
  return { mnemonic, forms: operandForms, traits, operandSizes, transfer, goesOn, outOfLine, emit };
}

const KIND_CODE = {
  ...{ register: 0, memory: 1, immediate: 2, indexed: 3 },
  ...{ xmm: 4, ymm: 5, mmx: 6, m128: 7, m256: 8, gather: 9, gather256: 10 },
} as const;
const SIZE_CODE: Record<number, number> = { 1: 0, 2: 1, 4: 2, 8: 3 };
const REPEAT_CODE = { none: 0, rep: 1, repne: 2 } as const;
const SEGMENTATION_CODE = { flat64: 0, flat32: 1, checked: 2 } as const;

/** `shapeCode` of no operands: a leading one, so that lists of different lengths differ. */
export const NO_OPERANDS = 1;

/** `shapeCode` of a list and one operand more. */
function withOperand(code: number, kind: OperandRef['kind'], size: Size): number {
  return (code << 6) | (KIND_CODE[kind] << 2) | (kind === 'immediate' ? 0 : SIZE_CODE[size]);
}

/** Packs operand kinds and sizes: 6 bits each. */
export function shapeCode(operands: readonly OperandRef[]): number {
  let code = NO_OPERANDS;
  for (const { kind, size } of operands) code = withOperand(code, kind, size);
  return code;
}

/** Packs the parts of `variant` that `traits` name. */
export function variantCode(variant: Variant, traits: readonly Trait[]): number {
  let code = 0;
  for (const trait of traits) {
    if (trait === 'condition') code = (code << 4) | variant.condition;
    else if (trait === 'operandSize') code = (code << 2) | SIZE_CODE[variant.operandSize];
    else if (trait === 'addressSize') code = (code << 2) | SIZE_CODE[variant.addressSize];
    else if (trait === 'immediate') code = (code << 8) | variant.immediate;
    else if (trait === 'repeat') code = (code << 2) | REPEAT_CODE[variant.repeat];
    else code = (code << 2) | SEGMENTATION_CODE[variant.segmentation];
  }
  return code;
}

/** Name of the description for shifts and rotates whose immediate count is 0 after masking: flags stay as they are. */
export const SHIFT_BY_0 = 'SHIFT_BY_0';

const SHIFTS = new Set(['ROL', 'ROR', 'RCL', 'RCR', 'SHL', 'SHR', 'SAR', 'SHLD', 'SHRD']);

/** The name under which `instruction` is described: its mnemonic, but for shifts by 0. */
export function descriptionName({ mnemonic, operands, operandSize }: Instruction): string {
  if (!SHIFTS.has(mnemonic)) return mnemonic;
  const count = operands[operands.length - 1];
  const mask = operandSize === 8 ? 63n : 31n;
  return count.kind === 'immediate' && (count.value & mask) === 0n ? SHIFT_BY_0 : mnemonic;
}

/** Instructions whose operands are implied by the variant: a description takes none. */
const IMPLIED = new Set(['MOVS', 'CMPS', 'SCAS', 'LODS', 'STOS', 'NOP']);

/** How many of the operands of `instruction`, from the first, its description may take. */
export function describedCount(instruction: Instruction): number {
  if (IMPLIED.has(instruction.mnemonic)) return 0;
  return descriptionName(instruction) === SHIFT_BY_0 ? 1 : instruction.operands.length;
}

/**
 * The operands of `instruction` that its description takes. Branch displacements are the stage's own business; a
 * segment register is read as a 16-bit register; an operand whose memory is not accessed has the size of its partner.
 */
export function describedOperands(instruction: Instruction): readonly Operand[] {
  return instruction.operands.slice(0, describedCount(instruction)).filter(({ kind }) => kind !== 'relative');
}

/** `describedOperands` as the references definitions are written with; undefined if one has no counterpart there. */
export function operandRefs(instruction: Instruction): OperandRef[] | undefined {
  const refs: OperandRef[] = [];
  for (const operand of describedOperands(instruction)) {
    const kind = refKind(operand);
    if (kind === undefined) return undefined;
    refs.push({ kind, size: refSize(instruction, operand) });
  }
  return refs;
}

/**
 * `shapeCode` of `operandRefs`, with memory operands of up to 8 bytes as `memory`; undefined if there are none. Every
 * instruction that is lowered is asked for it, so it makes no lists.
 */
export function operandShape(instruction: Instruction, memory: 'memory' | 'indexed'): number | undefined {
  const count = describedCount(instruction);
  let code = NO_OPERANDS;
  for (let i = 0; i < count; i++) {
    const operand = instruction.operands[i];
    if (operand.kind === 'relative') continue;
    const kind = refKind(operand);
    if (kind === undefined) return undefined;
    code = withOperand(code, kind === 'memory' ? memory : kind, refSize(instruction, operand));
  }
  return code;
}

function refKind(operand: Operand): OperandRef['kind'] | undefined {
  switch (operand.kind) {
    case 'register':
    case 'segment':
      return 'register';
    case 'immediate':
    case 'mmx':
      return operand.kind;
    case 'xmm':
      return operand.size === 32 ? 'ymm' : 'xmm';
    case 'gather':
      return operand.indexSize === 32 ? 'gather256' : 'gather';
    case 'memory':
      return operand.size === 32 ? 'm256' : operand.size === 16 ? 'm128' : 'memory';
    default:
      return undefined;
  }
}

/** Vectors are taken apart in units of 8 bytes. */
function refSize(instruction: Instruction, operand: Operand): Size {
  switch (operand.kind) {
    case 'register':
    case 'gather':
      return operand.size;
    case 'segment':
      return 2;
    case 'immediate':
      return instruction.operandSize;
    case 'memory':
      if (SIZES_ACCESSED.has(operand.size)) return operand.size as Size;
      return UNACCESSED[instruction.mnemonic]?.(instruction) ?? 8;
    default:
      return 8;
  }
}

const SIZES_ACCESSED = new Set<number>([1, 2, 4, 8]);
const UNACCESSED: Record<string, ((instruction: Instruction) => Size) | undefined> = {
  LEA: ({ operandSize }) => operandSize,
  CLFLUSH: () => 1,
  CLFLUSHOPT: () => 1,
  CLWB: () => 1,
};
