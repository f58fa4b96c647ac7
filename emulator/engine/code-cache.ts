/** The blocks of pre-decoded records: made on demand, found by address, dropped when their bytes change. */
import { GuestException } from '../cpu/exceptions';
import type { Instruction } from '../isa/instruction';
import { PAGE_BYTES, type PhysicalMemory } from '../memory';
import { Block, type BlockSource, type Region } from './block';
import { CodePage } from './code-page';
import { Builtin } from './handlers';
import * as layout from './layout';
import type { Lowering } from './lowering';
import type { Mode } from './mode';

/** No block has more instructions; the engine leaves that much of a budget to single steps. */
export const LONGEST_BLOCK = 32;

/** Records an instruction may need: an address record, its own, and two stubs if it ends the block. */
const RECORDS_PER_INSTRUCTION = 2;
const STUBS = 3;

/** Bytes of an instruction that may be in the page after that of its first. */
const LONGEST_TAIL = 14;

/** Where the bytes of instructions come from. Throws GuestException when an address cannot be fetched. */
export interface CodeFetcher {
  /** Decodes the instruction at `rip`. */
  decode(rip: bigint, mode: Mode): Fetched;
  /** Decodes an instruction that is known to be at a physical address of RAM. */
  decodeAt(pa: number, mode: Mode): Instruction;
}

export interface Fetched {
  readonly instruction: Instruction;
  /** Physical page of the first byte, and of the last one if that is in another page. */
  readonly page: number;
  readonly secondPage: number | undefined;
}

const RECORD_COUNT = layout.RECORD_ARENA_BYTES / layout.RECORD_BYTES;
/** The first records are for single steps and are used over and over. */
const STEP_RECORDS = 8;
const ARENA_START = layout.RECORDS + STEP_RECORDS * layout.RECORD_BYTES;
const ARENA_END = layout.RECORDS + layout.RECORD_ARENA_BYTES;

export class CodeCache {
  private top = ARENA_START;
  private readonly byAddress = new Map<number, Block>();
  private readonly byPage = new Map<number, CodePage>();
  /** Block of each record; index 0 is no block. */
  private readonly blockNumber = new Int32Array(RECORD_COUNT);
  private blocks: (Block | undefined)[] = [undefined, undefined];
  private readonly breakpoints = new Set<bigint>();
  private readonly source: BlockSource = {
    instructionOf: new Uint8Array(RECORD_COUNT),
    decode: (block) => this.decodeAgain(block),
  };

  constructor(
    private readonly memory: PhysicalMemory,
    private readonly lowering: Lowering,
    private readonly fetcher: CodeFetcher,
    /** Told when a page starts to hold code, and when a block's record is no longer to be entered. */
    private readonly listener: {
      pageHoldsCode(page: number): void;
      blockDropped(rip: bigint, record: number): void;
      everythingDropped(): void;
      /** A block of a compiled region is about to be dropped. */
      regionBroken(region: Region): void;
    },
  ) {}

  /** Whether another block certainly fits; if not, `clear` first, and not while generated code is running. */
  get full(): boolean {
    if (this.lowering.full) return true;
    return this.top + (LONGEST_BLOCK * RECORDS_PER_INSTRUCTION + STUBS) * layout.RECORD_BYTES > ARENA_END;
  }

  /** Not every mode has its own keys: real-address mode has one for each place of its code segment. */
  private static key(pa: number, mode: Mode): number {
    return pa + (mode.id % 2 ** 11) * 2 ** 42;
  }

  /** The block at `rip`, found or made. Throws GuestException if its first instruction cannot be fetched. */
  at(rip: bigint, pa: number, mode: Mode): Block {
    const key = CodeCache.key(pa, mode);
    const first = this.byAddress.get(key);
    for (let block = first; block; block = block.alias) {
      if (block.rip === rip && block.mode === mode && this.secondPageStillThere(block)) return block;
    }
    const block = this.build(rip, mode, this.top, LONGEST_BLOCK);
    this.top = block.record + block.records * layout.RECORD_BYTES;
    if (block.secondPage === undefined && this.memory.contains(block.pa, block.length)) block.release();
    block.alias = first;
    this.byAddress.set(key, block);
    const offset = pa % PAGE_BYTES;
    this.addToPage(Math.floor(pa / PAGE_BYTES), block, offset, Math.min(offset + block.length, PAGE_BYTES));
    if (block.secondPage !== undefined) this.addToPage(block.secondPage / PAGE_BYTES, block, 0, LONGEST_TAIL);
    return block;
  }

  /** The mapping of the page after the block may have changed since it was made. */
  private secondPageStillThere(block: Block): boolean {
    if (block.secondPage === undefined) return true;
    return this.fetcher.decode(block.rip, block.mode).secondPage === block.secondPage;
  }

  /** A block of one instruction for a single step; it is found by no one else. */
  step(rip: bigint, mode: Mode): Block {
    return this.build(rip, mode, layout.RECORDS, 1);
  }

  /** The block at a physical address that was made for `rip`, if there is one. */
  known(rip: bigint, pa: number, mode: Mode): Block | undefined {
    let block = this.byAddress.get(CodeCache.key(pa, mode));
    while (block && (block.rip !== rip || block.mode !== mode)) block = block.alias;
    return block;
  }

  /** The block that a record belongs to; undefined if it has been dropped. */
  owner(record: number): Block | undefined {
    return this.blocks[this.numberOf(record)];
  }

  private numberOf(record: number): number {
    return this.blockNumber[(record - layout.RECORDS) / layout.RECORD_BYTES];
  }

  private addToPage(number: number, block: Block, start: number, end: number): void {
    let page = this.byPage.get(number);
    if (!page) {
      page = new CodePage();
      this.byPage.set(number, page);
      this.memory.codePages[number] = 1;
      this.listener.pageHoldsCode(number);
    }
    page.add(block, start, end);
  }

  private build(rip: bigint, mode: Mode, record: number, most: number): Block {
    const first = this.fetcher.decode(rip, mode);
    const linear = mode.codeBase + rip;
    const pa = first.page + Number(linear & 0xfffn);
    const block = new Block(rip, mode, pa, first.secondPage, record, this.source);
    new BlockBuilder(block, this.lowering, (address) => this.breakpoints.has(mode.codeBase + address)).fill(
      first,
      most,
      (address) => this.tryDecode(address, mode),
    );
    this.own(block);
    return block;
  }

  /** What a block was made of: its bytes have not changed, or it would have been dropped. */
  private decodeAgain({ pa, count, mode }: Block): Instruction[] {
    let at = pa;
    return Array.from({ length: count }, () => {
      const instruction = this.fetcher.decodeAt(at, mode);
      at += instruction.length;
      return instruction;
    });
  }

  /** Decodes an instruction after the first of a block; faults end the block and arise again when control gets there. */
  private tryDecode(rip: bigint, mode: Mode): Fetched | undefined {
    try {
      return this.fetcher.decode(rip, mode);
    } catch (error) {
      if (error instanceof GuestException) return undefined;
      throw error;
    }
  }

  private own(block: Block): void {
    const start = (block.record - layout.RECORDS) / layout.RECORD_BYTES;
    const number = block.record === layout.RECORDS ? STEP_BLOCK : this.blocks.length;
    this.blocks[number] = block;
    this.blockNumber.fill(number, start, start + block.records);
  }

  /** Blocks with a byte among `length` ones from `pa` on. */
  overlapping(pa: number, length: number): Block[] {
    const found: Block[] = [];
    for (let number = Math.floor(pa / PAGE_BYTES); number * PAGE_BYTES < pa + length; number++) {
      const page = this.byPage.get(number);
      const start = number * PAGE_BYTES;
      if (!page?.mayHold(Math.max(pa - start, 0), Math.min(pa + length - start, PAGE_BYTES))) continue;
      for (const block of page.blocks) {
        // A block that crosses is dropped by any write near its end; its second page is not told apart.
        const inSecond = block.secondPage === start;
        if (inSecond ? pa < start + LONGEST_TAIL : pa < block.pa + block.length && block.pa < pa + length) {
          found.push(block);
        }
      }
    }
    return found;
  }

  /** Drops a block: whoever still jumps to its record is sent through a look-up. */
  drop(block: Block): void {
    if (block.region) this.listener.regionBroken(block.region);
    const key = CodeCache.key(block.pa, block.mode);
    let previous = this.byAddress.get(key);
    if (previous === block) {
      if (block.alias) this.byAddress.set(key, block.alias);
      else this.byAddress.delete(key);
    } else {
      while (previous && previous.alias !== block) previous = previous.alias;
      if (previous) previous.alias = block.alias;
    }
    this.removeFromPage(Math.floor(block.pa / PAGE_BYTES), block);
    if (block.secondPage !== undefined) this.removeFromPage(block.secondPage / PAGE_BYTES, block);
    // Nobody shall take it for code: records that still lead here look the address up.
    this.blocks[this.numberOf(block.record)] = undefined;
    this.lowering.builtin(block.record, Builtin.LOOK_UP, 0, block.rip);
    this.listener.blockDropped(block.rip, block.record);
  }

  private removeFromPage(number: number, block: Block): void {
    const page = this.byPage.get(number);
    if (!page?.blocks.delete(block) || page.blocks.size > 0) return;
    this.byPage.delete(number);
    this.memory.codePages[number] = 0;
  }

  /** Forgets everything; not while generated code is running. */
  clear(): void {
    for (const page of this.byPage.keys()) this.memory.codePages[page] = 0;
    this.byPage.clear();
    this.byAddress.clear();
    this.blocks = [undefined, undefined];
    this.top = ARENA_START;
    this.listener.everythingDropped();
  }

  /** A breakpoint at linear address `va` starts a block of its own, whose record reports it. */
  addBreakpoint(va: bigint): void {
    this.breakpoints.add(va);
    this.dropAround(va);
  }

  removeBreakpoint(va: bigint): void {
    this.breakpoints.delete(va);
    this.dropAround(va);
  }

  private dropAround(va: bigint): void {
    for (const block of [...this.byPage.values()].flatMap(({ blocks }) => [...blocks])) {
      const start = block.mode.codeBase + block.rip;
      if (start <= va && va < start + BigInt(block.length)) this.drop(block);
    }
  }
}

/** Number of the block for single steps. */
const STEP_BLOCK = 1;

/** Fills one block with records. */
class BlockBuilder {
  private at: number;
  private readonly page: bigint;

  constructor(
    private readonly block: Block,
    private readonly lowering: Lowering,
    private readonly isBreakpoint: (rip: bigint) => boolean,
  ) {
    this.at = block.record;
    this.page = (block.mode.codeBase + block.rip) >> 12n;
  }

  /** `decode` yields the instruction at an address, or undefined if the block must end before it. */
  fill(first: Fetched, most: number, decode: (rip: bigint) => Fetched | undefined): void {
    const { block, lowering } = this;
    const { mode } = block;
    if (most > 1 && this.isBreakpoint(block.rip)) {
      lowering.builtin(this.at, Builtin.BREAKPOINT);
      this.note(1, 0);
      block.add(first.instruction);
      return;
    }
    let fetched: Fetched | undefined = first;
    let previous: { record: number; instruction: Instruction } | undefined;
    for (;;) {
      const { instruction } = fetched;
      const index = block.count;
      const address = this.wrap(block.rip + BigInt(block.length));
      block.add(instruction);
      const next = this.wrap(address + BigInt(instruction.length));

      if (
        previous &&
        instruction.mnemonic === 'Jcc' &&
        lowering.fuse(previous.record, previous.instruction, instruction.condition)
      ) {
        this.endWithBranch(previous.record, instruction, next, index);
        return;
      }
      const lowered = lowering.lower(instruction, this.at, next, mode);
      this.note((lowered.record - this.at) / layout.RECORD_BYTES + 1, index);
      this.at = lowered.record + layout.RECORD_BYTES;
      if (lowered.ends) {
        this.endWithBranch(lowered.record, instruction, next, index);
        if (lowered.goesOn) lowering.setTarget(lowered.record, this.stub(lowered.record, next, index));
        return;
      }
      previous = { record: lowered.record, instruction };

      const sameLinearPage = (mode.codeBase + next) >> 12n === this.page;
      fetched =
        block.count < most && fetched.secondPage === undefined && sameLinearPage && !this.isBreakpoint(next)
          ? decode(next)
          : undefined;
      if (!fetched || fetched.secondPage !== undefined) {
        this.link(next, index);
        return;
      }
    }
  }

  private wrap(rip: bigint): bigint {
    return BigInt.asUintN(this.block.mode.codeSize === 64 ? 64 : 32, rip);
  }

  private note(records: number, instruction: number): void {
    this.block.addRecords(records, instruction);
  }

  /** Completes the record that ends the block: its instruction count, and stubs for its targets. */
  private endWithBranch(record: number, instruction: Instruction, next: bigint, index: number): void {
    const { lowering } = this;
    this.block.end = record;
    lowering.setCount(record, index + 1);
    const relative = instruction.operands.find((operand) => operand.kind === 'relative');
    if (instruction.mnemonic === 'CALL') lowering.setReturnAddress(record, this.cut(next, instruction));
    if (relative?.kind !== 'relative') return;
    lowering.setTarget(record, this.stub(record, this.cut(next + BigInt(relative.displacement), instruction), index));
    if (instruction.mnemonic !== 'JMP' && instruction.mnemonic !== 'CALL') {
      lowering.setNext(record, this.stub(record, next, index));
    }
  }

  /** Near branches cut RIP to the operand size. */
  private cut(rip: bigint, { operandSize }: Instruction): bigint {
    return BigInt.asUintN(8 * operandSize, rip);
  }

  private link(next: bigint, index: number): void {
    const record = this.at;
    this.block.end = record;
    this.lowering.builtin(record, Builtin.LINK, index + 1);
    this.note(1, index);
    this.at += layout.RECORD_BYTES;
    this.lowering.setTarget(record, this.stub(record, next, index));
  }

  /** A record that stands for a target not linked yet. */
  private stub(owner: number, target: bigint, index: number): number {
    const record = this.at;
    const samePage = (this.block.mode.codeBase + target) >> 12n === this.page;
    this.lowering.builtin(record, samePage ? Builtin.RESOLVE : Builtin.LOOK_UP, 0, target);
    this.lowering.setTarget(record, owner);
    this.note(1, index);
    this.at += layout.RECORD_BYTES;
    return record;
  }
}
