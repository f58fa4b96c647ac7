/** A block: a straight run of instructions within one page (or a single one that reaches into the next page), as records. */
import type { Instruction } from '../isa/instruction';
import * as layout from './layout';
import type { Mode } from './mode';

/** An instruction of a block, found by one of its records. */
export interface LocatedInstruction {
  /** Its number in the block. */
  readonly index: number;
  readonly instruction: Instruction;
  readonly rip: bigint;
  /** Address of the instruction after it. */
  readonly next: bigint;
}

/** Blocks compiled into one function. */
export interface Region {
  /** Index of the function in the function table. */
  readonly slot: number;
  readonly blocks: readonly Block[];
}

/** What all blocks share. */
export interface BlockSource {
  /** For each record of the arena, by number: the index of its instruction in its block. */
  readonly instructionOf: Uint8Array;
  /** Decodes the instructions of the block as it stands. */
  decode(block: Block): Instruction[];
}

const recordNumber = (record: number): number => (record - layout.RECORDS) / layout.RECORD_BYTES;

/**
 * There may be a hundred thousand of them, so they hold little: records are enough to run a block, its instructions are decoded
 * again when somebody asks for them.
 */
export class Block {
  /** Bytes. */
  length = 0;
  /** Instructions. */
  count = 0;
  /** Records, from `record` on. */
  records = 0;
  /** The record whose TARGET and NEXT tell where the block leads, if it ends with a direct branch or was cut. */
  end: number;
  /** How often a slice of the budget ran out here: where time goes. */
  heat = 0;
  /** The region it is compiled in. */
  region: Region | undefined = undefined;
  /** Next block of the same key: of the same physical address at another RIP or, rarely, in another mode. */
  alias: Block | undefined = undefined;

  private decoded: Instruction[] | undefined = [];
  /** Its instructions as far as somebody has asked for them. */
  private located: (LocatedInstruction | undefined)[] | undefined = undefined;

  constructor(
    readonly rip: bigint,
    readonly mode: Mode,
    /** Physical address of the first byte. */
    readonly pa: number,
    /** Physical page that holds the end of an instruction which crosses into it. */
    readonly secondPage: number | undefined,
    /** First record. */
    readonly record: number,
    private readonly source: BlockSource,
  ) {
    this.end = record;
  }

  /** Appends an instruction to a block that is being made. */
  add(instruction: Instruction): void {
    this.decoded?.push(instruction);
    this.count++;
    this.length += instruction.length;
  }

  /** Tells that the next `count` records of the block belong to its instruction `index`. */
  addRecords(count: number, index: number): void {
    const first = recordNumber(this.record) + this.records;
    this.source.instructionOf.fill(index, first, first + count);
    this.records += count;
  }

  get instructions(): readonly Instruction[] {
    return (this.decoded ??= this.source.decode(this));
  }

  /** Forgets the instructions until they are asked for. */
  release(): void {
    this.decoded = undefined;
  }

  /** Address of instruction `index`. */
  addressOf(index: number): bigint {
    let offset = 0;
    for (let i = 0; i < index; i++) offset += this.instructions[i].length;
    return BigInt.asUintN(this.mode.codeSize === 64 ? 64 : 32, this.rip + BigInt(offset));
  }

  /** The first record of instruction `index`. */
  recordOf(index: number): number {
    const first = recordNumber(this.record);
    let number = first;
    while (number < first + this.records && this.source.instructionOf[number] !== index) number++;
    return layout.RECORDS + number * layout.RECORD_BYTES;
  }

  /** The instruction that a record of the block belongs to. */
  locate(record: number): LocatedInstruction {
    const index = this.source.instructionOf[recordNumber(record)];
    this.located ??= [];
    const known = this.located[index];
    if (known) return known;
    const instruction = this.instructions[index];
    const rip = this.addressOf(index);
    const next = BigInt.asUintN(this.mode.codeSize === 64 ? 64 : 32, rip + BigInt(instruction.length));
    return (this.located[index] = { index, instruction, rip, next });
  }
}
