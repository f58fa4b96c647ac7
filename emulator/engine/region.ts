/**
 * A region: blocks of one page that lead to one another, compiled together into one function. It may be entered at each of
 * its blocks; branches between them stay inside.
 */
import type { Instruction } from '../isa/instruction';
import type { Helpers } from '../isa/semantics/context';
import {
  operandRefs,
  operandShape,
  describedOperands,
  descriptionName,
  type Definition,
} from '../isa/semantics/definition';
import * as w from '../wasm/expression';
import type { Value } from '../wasm/expression';
import { FunctionBody, type Label } from '../wasm/function';
import { ValueType } from '../wasm/types';
import { CompiledContext } from './compiled-context';
import type { Block } from './block';
import { Builtin, type HandlerTable } from './handlers';
import * as layout from './layout';
import { instructionVariant, needsRoutine } from './lowering';
import type { Mode } from './mode';
import { CompiledField, ExitReason, Field } from './records';

const STATE = w.i32(0);
const { I32, I64 } = { I32: ValueType.I32, I64: ValueType.I64 };

export interface RegionCode {
  readonly body: FunctionBody;
  /** Guest instructions it holds. */
  readonly instructions: number;
}

/** Where the blocks of a region lead. */
export interface Successors {
  readonly target: Block | undefined;
  readonly next: Block | undefined;
}

export interface RegionBlock {
  readonly block: Block;
  /** Instructions from the start that can be compiled; the rest is left to the interpreter. */
  readonly compiled: number;
  readonly successors: Successors;
}

/** Whether compiled code carries the instruction out; what takes a routine is left to the interpreter. */
function isCompilable(instruction: Instruction, { mode }: Block, table: HandlerTable): boolean {
  return !needsRoutine(instruction, mode) && find(instruction, mode, table) !== undefined;
}

/** The description of an instruction. */
function find(instruction: Instruction, mode: Mode, table: HandlerTable): Definition | undefined {
  const shape = operandShape(instruction, 'memory');
  if (shape === undefined) return undefined;
  const number = table.find(descriptionName(instruction), shape, instructionVariant(instruction, mode));
  return number === undefined ? undefined : table.handler(number).definition;
}

/** How many instructions of `block` can be compiled from its start. */
export function compilablePrefix(
  block: Block,
  table: HandlerTable,
  supports: (instruction: Instruction) => boolean,
): number {
  const stop = block.instructions.findIndex(
    (instruction) => !supports(instruction) || !isCompilable(instruction, block, table),
  );
  return stop < 0 ? block.count : stop;
}

/** Instructions that set all six flags whatever they were, and those that neither touch nor need them. */
const SETS_FLAGS = new Set(['ADD', 'SUB', 'AND', 'OR', 'XOR', 'CMP', 'TEST', 'NEG']);
const IGNORES_FLAGS = new Set(['MOV', 'LEA', 'MOVZX', 'MOVSX', 'MOVSXD', 'NOT', 'NOP', 'BSWAP', 'CBW', 'CWD']);

/** Whether a block sets all flags before anyone, a fault handler included, could see the old ones. */
export function overwritesFlags(block: Block): boolean {
  for (const { mnemonic, operands } of block.instructions) {
    if (mnemonic !== 'LEA' && operands.some(({ kind }) => kind === 'memory')) return false;
    if (SETS_FLAGS.has(mnemonic)) return true;
    if (!IGNORES_FLAGS.has(mnemonic)) return false;
  }
  return false;
}

export interface RegionImports {
  readonly helpers: Helpers;
  readonly table: HandlerTable;
  /** See `EngineImports.lookUp`. */
  readonly lookUp: number;
}

/**
 * Generates `(record) -> record` for a region: enters at the block whose first record it is given (ENTRY there holds the
 * block's number), returns the record to go on at, or 0 for the engine. `slot` is the region's index in the function table.
 */
export function compileRegion(blocks: readonly RegionBlock[], slot: number, imports: RegionImports): RegionCode {
  return new RegionCompiler(blocks, slot, imports).compile();
}

class RegionCompiler {
  private readonly f = new FunctionBody([I32]);
  private readonly budget = this.f.variable(I32);
  private readonly tlb = this.f.variable(I32);
  private readonly next = this.f.variable(I32);
  private readonly entry = this.f.variable(I32);
  private readonly rip = this.f.variable(I64);
  private readonly leave: Label;
  private readonly routine: Label;
  private readonly numberOf = new Map<Block, number>();
  private again: Label = { depth: 0 };
  private labels: Label[] = [];
  private readonly c: CompiledContext;
  private instructions = 0;

  constructor(
    private readonly blocks: readonly RegionBlock[],
    private readonly slot: number,
    private readonly imports: RegionImports,
  ) {
    blocks.forEach(({ block }, number) => this.numberOf.set(block, number));
    this.leave = this.f.openBlock();
    this.routine = this.f.openBlock();
    const { tlb, budget, next, leave, routine } = this;
    const frame = { tlb, budget, next, leave, routine };
    this.c = new CompiledContext(this.f, imports.helpers, frame, blocks[0].block.mode);
  }

  compile(): RegionCode {
    const { f, c } = this;
    this.again = f.openLoop();
    this.labels = [];
    for (let i = 0; i < this.blocks.length; i++) this.labels.unshift(f.openBlock());
    f.branchTable(this.entry, this.labels, this.labels[0]);
    this.blocks.forEach((regionBlock, number) => {
      f.end();
      this.block(regionBlock, number);
      f.releaseTemporaries();
    });
    f.unreachable();
    f.end(); // loop
    f.unreachable();
    f.end(); // routine
    if (c.usesRoutines) this.callRoutine();
    else f.unreachable();
    f.end(); // leave
    c.storeState();
    f.store32(STATE, layout.BUDGET, this.budget);
    f.return(this.next);
    f.unreachable();
    f.first(() => {
      c.loadState();
      f.set(this.budget, w.load32(STATE, layout.BUDGET));
      f.set(this.tlb, w.load32(STATE, layout.TLB_BASE));
      f.set(this.entry, w.load32(f.parameter(0), CompiledField.ENTRY));
    });
    return { body: f, instructions: this.instructions };
  }

  /** Like the interpreter, with registers and flags in their places meanwhile. */
  private callRoutine(): void {
    const { f, c, next, budget } = this;
    c.storeState();
    f.store32(STATE, layout.BUDGET, budget);
    f.set(next, { kind: 'call', type: I32, function: this.imports.helpers.architectural, arguments: [next] });
    f.if(w.and(w.ne(next, w.i32(0)), w.ltS(budget, w.i32(0))), () => {
      f.store32(STATE, layout.EXIT_REASON, w.i32(ExitReason.BUDGET));
      f.store32(STATE, layout.CURRENT_RECORD, next);
      f.set(next, w.i32(0));
    });
    f.return(next);
  }

  private block({ block, compiled, successors }: RegionBlock, number: number): void {
    const { c } = this;
    // The interpreter links the record that ends the block as branches are taken; compiled code follows those links.
    const exits = {
      count: block.count,
      toTarget: () => this.branchEnd(block, number, successors.target, block.end + Field.TARGET),
      toNext: () => this.branchEnd(block, number, successors.next, block.end + Field.NEXT),
      toAddress: (address: Value) => this.indirect(block, address),
    };
    c.flags.forget();
    let next = block.rip;
    for (let i = 0; i < compiled; i++) {
      const instruction = block.instructions[i];
      next = BigInt.asUintN(block.mode.codeSize === 64 ? 64 : 32, next + BigInt(instruction.length));
      const refs = operandRefs(instruction) ?? [];
      const record = block.recordOf(i);
      c.begin({ instruction, refs, operands: describedOperands(instruction), record, next }, exits);
      const definition = find(instruction, block.mode, this.imports.table);
      if (!definition) throw new Error(`${instruction.mnemonic} has no description`);
      definition.emit(c, refs, instructionVariant(instruction, block.mode));
      this.instructions++;
      if (definition.transfer) {
        c.dropFlags();
        return;
      }
    }
    if (compiled < block.count) {
      // The interpreter goes on in the middle of the block and accounts for all of it at its end.
      c.settleFlags();
      c.goOnAt(w.i32(block.recordOf(compiled)));
      return;
    }
    exits.toTarget();
    c.dropFlags();
  }

  private charge(block: Block): void {
    this.f.set(this.budget, w.sub(this.budget, w.i32(block.count)));
  }

  /** Ends a block by going to a block of the region, or to the record that `link` names at that moment. */
  private branchEnd(block: Block, number: number, target: Block | undefined, link: number): void {
    const { f, c } = this;
    this.charge(block);
    const inside = target && this.numberOf.get(target);
    if (target === undefined || inside === undefined) {
      c.settle();
      f.set(this.next, w.load32(w.i32(link), 0));
      f.branchIf(w.geS(this.budget, w.i32(0)), this.leave);
      c.leaveWith(ExitReason.BUDGET, this.next);
      return;
    }
    const dead = overwritesFlags(target);
    if (!dead) c.settle();
    f.if(w.ltS(this.budget, w.i32(0)), () => {
      if (dead) c.settle();
      c.leaveWith(ExitReason.BUDGET, w.i32(target.record));
    });
    if (inside > number) {
      f.branch(this.labels[inside]);
    } else {
      f.set(this.entry, w.i32(inside));
      f.branch(this.again);
    }
  }

  /** Looks an address up in the jump cache; stays inside if that leads to a block of this region. */
  private indirect(block: Block, address: Value): void {
    const { f, c } = this;
    this.charge(block);
    f.set(this.rip, address);
    f.store64(STATE, layout.RIP, 8, this.rip);
    f.if(w.ltS(this.budget, w.i32(0)), () => c.leaveWith(ExitReason.BUDGET, w.i32(0)));
    const hash = w.and(
      w.xor(w.wrap(this.rip), w.wrap(w.shrU(this.rip, w.i64(12)))),
      w.i32(layout.JUMP_CACHE_ENTRIES - 1),
    );
    const entry = f.let(
      w.add(w.load32(STATE, layout.JUMP_CACHE_BASE), w.mul(hash, w.i32(layout.JUMP_CACHE_ENTRY_BYTES))),
    );
    f.if(
      w.eq(w.load64(entry, 0, 8), this.rip),
      () => {
        f.set(this.next, w.load32(entry, 8));
        const isCompiled = w.eq(w.load32(this.next, Field.HANDLER), w.i32(Builtin.COMPILED));
        f.if(w.and(isCompiled, w.eq(w.load32(this.next, CompiledField.SLOT), w.i32(this.slot))), () => {
          f.set(this.entry, w.load32(this.next, CompiledField.ENTRY));
          f.branch(this.again);
        });
        f.branch(this.leave);
      },
      () => {
        f.store32(STATE, layout.EXIT_REASON, w.i32(ExitReason.ENGINE));
        f.set(this.next, { kind: 'call', type: I32, function: this.imports.lookUp, arguments: [] });
        f.branch(this.leave);
      },
    );
    f.unreachable();
  }
}
