/**
 * The handlers of the interpreter: which there are, and the number by which a record names each. The list is derived from
 * the definitions; nothing is enumerated twice.
 */
import type { OperandRef, SegmentKind } from '../isa/semantics/context';
import {
  ALL_SIZES,
  shapeCode,
  variantCode,
  type Definition,
  type Trait,
  type Variant,
} from '../isa/semantics/definition';

import * as layout from './layout';

export interface Handler {
  readonly definition: Definition;
  readonly operands: readonly OperandRef[];
  readonly variant: Variant;
  /** A conditional branch carried out together with the instruction: its condition code. */
  readonly fusedCondition?: number;
}

/** Handlers that belong to no definition. */
export const enum Builtin {
  /** A branch target in the same page not looked up yet: finds or makes the block, and links the branch to it. */
  RESOLVE,
  /** A branch target elsewhere: looked up each time it is reached. */
  LOOK_UP,
  /** A block was cut here (page end, length): goes on at TARGET. */
  LINK,
  BREAKPOINT,
  /** The first record of a compiled block: see `CompiledField`. */
  COMPILED,
  /** An architectural routine: plain TypeScript. */
  ARCHITECTURAL,
  /** A handler staged as a function of its own, see `OutOfLineField`. */
  OUT_OF_LINE,
  /** Address records, see `AddressField`. */
  ADDRESS_64,
  ADDRESS_32,
  ADDRESS_32_FLAT,
  ADDRESS_16_FLAT,
  CHECKED_32,
  CHECKED_16,
  COUNT,
}

/** Memory operands of these may use an index register without an address record in front: they are the common ones. */
const INDEXED = new Set(['MOV', 'MOVZX', 'MOVSX', 'MOVSXD', 'LEA', 'ADD', 'CMP']);

/** What can be carried out together with a conditional branch that follows, in which operand shapes and sizes. */
const FUSED: Readonly<Record<string, readonly string[]>> = {
  CMP: ['r r', 'r i', 'm i', 'r m', 'm r'],
  TEST: ['r r', 'r i'],
  SUB: ['r i', 'r r'],
  ADD: ['r i', 'r r'],
  DEC: ['r'],
  INC: ['r'],
};
const FUSED_SIZES: ReadonlySet<number> = new Set([1, 4, 8]);

const SEGMENTATIONS: readonly SegmentKind[] = ['flat64', 'flat32', 'checked'];
const CONDITIONS = Array.from({ length: 16 }, (_, i) => i);

function variants({ traits, operandSizes = ALL_SIZES }: Definition): Variant[] {
  let list: Variant[] = [
    { operandSize: 8, addressSize: 8, condition: 0, repeat: 'none', segmentation: 'flat64', immediate: 0 },
  ];
  const expand = <Key extends Trait>(trait: Key, values: readonly Variant[Key][]): void => {
    if (traits.includes(trait)) list = list.flatMap((v) => values.map((value) => ({ ...v, [trait]: value })));
  };
  expand('operandSize', operandSizes);
  expand('addressSize', [2, 4, 8]);
  expand('condition', CONDITIONS);
  expand('repeat', ['none', 'rep', 'repne']);
  expand('segmentation', SEGMENTATIONS);
  // A 16-bit address needs no 64-bit code, a 64-bit address no segments.
  return list.filter(
    ({ addressSize, segmentation }) =>
      !traits.includes('segmentation') ||
      !traits.includes('addressSize') ||
      (segmentation === 'flat64' ? addressSize !== 2 : addressSize !== 8),
  );
}

const operandKey = (operands: readonly OperandRef[]): string => operands.map(({ kind }) => kind[0]).join(' ');

interface Shape {
  readonly definition: Definition;
  readonly operands: readonly OperandRef[];
  /** By `variantCode`. */
  readonly numbers: Map<number, number>;
}

/** Handlers from this number on are out of line. */
const OUT_OF_LINE_BASE = 1 << 20;

/** Numbers of all handlers, by what they do. */
export class HandlerTable {
  /** Those in the jump table of the interpreter. */
  readonly handlers: Handler[] = [];
  /** Mnemonic, then operand shape: one mnemonic may have several definitions (IMUL, CALL), told apart by operands. */
  private readonly byMnemonic = new Map<string, Map<number, Shape>>();
  private readonly fused = new Map<number, number>();
  private readonly transfers = new Set<string>();
  /** Handlers that are functions of their own, as far as they have been asked for. */
  private readonly outOfLine: Handler[] = [];

  constructor(definitions: readonly Definition[]) {
    for (const definition of definitions) this.addDefinition(definition);
    for (const definition of definitions) this.addFused(definition);
  }

  private addDefinition(definition: Definition): void {
    const { mnemonic, traits, outOfLine } = definition;
    if (definition.transfer && !definition.goesOn) this.transfers.add(mnemonic);
    for (const form of definition.forms) {
      const shapes = [form];
      if (INDEXED.has(mnemonic) && form.some(({ kind }) => kind === 'memory')) {
        shapes.push(form.map((operand) => (operand.kind === 'memory' ? { ...operand, kind: 'indexed' } : operand)));
      }
      for (const operands of shapes) {
        const shape: Shape = { definition, operands, numbers: new Map() };
        for (const variant of outOfLine ? [] : variants(definition)) {
          shape.numbers.set(variantCode(variant, traits), this.push({ definition, operands, variant }));
        }
        const known = this.byMnemonic.get(mnemonic) ?? new Map<number, Shape>();
        known.set(shapeCode(operands), shape);
        this.byMnemonic.set(mnemonic, known);
      }
    }
  }

  private addFused(definition: Definition): void {
    const patterns = FUSED[definition.mnemonic];
    if (!patterns) return;
    for (const operands of definition.forms) {
      if (!FUSED_SIZES.has(operands[0].size) || !patterns.includes(operandKey(operands))) continue;
      const plain = this.find(definition.mnemonic, shapeCode(operands), variants(definition)[0]);
      for (const fusedCondition of CONDITIONS) {
        const number = this.push({ definition, operands, variant: variants(definition)[0], fusedCondition });
        this.fused.set((plain ?? 0) * 16 + fusedCondition, number);
      }
    }
  }

  private push(handler: Handler): number {
    this.handlers.push(handler);
    return Builtin.COUNT + this.handlers.length - 1;
  }

  /** The handler for an instruction, or undefined if no definition has these operands, packed by `shapeCode`. */
  find(mnemonic: string, operandShape: number, variant: Variant): number | undefined {
    const shape = this.byMnemonic.get(mnemonic)?.get(operandShape);
    if (!shape) return undefined;
    const code = variantCode(variant, shape.definition.traits);
    const known = shape.numbers.get(code);
    if (known !== undefined || !shape.definition.outOfLine) return known;
    const number = OUT_OF_LINE_BASE + this.outOfLine.length;
    this.outOfLine.push({ definition: shape.definition, operands: shape.operands, variant });
    shape.numbers.set(code, number);
    return number;
  }

  /** Whether handler `number` is a function of its own. */
  isOutOfLine(number: number): boolean {
    return number >= OUT_OF_LINE_BASE;
  }

  /** What handler `number`, as `find` returned it, does. */
  handler(number: number): Handler {
    return number >= OUT_OF_LINE_BASE
      ? this.outOfLine[number - OUT_OF_LINE_BASE]
      : this.handlers[number - Builtin.COUNT];
  }

  /** Whether a memory operand of `mnemonic` may be 'indexed'. */
  allowsIndex(mnemonic: string): boolean {
    return INDEXED.has(mnemonic);
  }

  /** The handler that does `handler` and a conditional branch after it, if there is one. */
  findFused(handler: number, condition: number): number | undefined {
    return this.fused.get(handler * 16 + condition);
  }

  /** Whether a description exists for the mnemonic (else it is an architectural routine). */
  describes(mnemonic: string): boolean {
    return this.byMnemonic.has(mnemonic);
  }

  /** Tells handler tables apart: the number and, in order, the kinds of all handlers, hashed (FNV-1a, 32 bits). */
  fingerprint(): string {
    let hash = 0x811c9dc5;
    for (const { definition, operands, variant, fusedCondition = 0 } of this.handlers) {
      const parts = [shapeCode(operands), variantCode(variant, definition.traits), fusedCondition];
      for (const value of [...[...definition.mnemonic].map((letter) => letter.charCodeAt(0)), ...parts]) {
        hash = Math.imul(hash ^ value, 0x01000193);
      }
    }
    return `${this.handlers.length} ${layout.RAM} ${(hash >>> 0).toString(16)}`;
  }

  /** Whether a described instruction leads elsewhere than to the next one: every definition of one mnemonic does or none. */
  endsBlock(mnemonic: string): boolean {
    return this.transfers.has(mnemonic);
  }

  /** Whether the instruction ends a block although it goes on at the next one. */
  goesOn(handler: number): boolean {
    return handler >= Number(Builtin.COUNT) && this.handler(handler).definition.goesOn;
  }

  /** Whether the instruction ends a block. */
  isTransfer(handler: number): boolean {
    return this.handler(handler).definition.transfer;
  }
}
