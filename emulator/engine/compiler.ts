/**
 * Chooses what to compile, compiles it, and takes it back when code changes. Heat is measured by sampling: where
 * a slice of the budget runs out is where time goes.
 */
import { GuestException } from '../cpu/exceptions';
import { ModuleWriter } from '../wasm/module';
import type { Instruction } from '../isa/instruction';
import type { Block, Region } from './block';
import type { CodeCache } from './code-cache';
import { Builtin, type HandlerTable } from './handlers';
import { LEAST_MEMORY_PAGES, REGION_TYPE } from './interpreter';
import type { Lowering } from './lowering';
import type { Mode } from './mode';
import { compilablePrefix, compileRegion, type RegionBlock } from './region';
import { importHelpers } from './out-of-line';

/** A block is compiled once so many slices have ended at it; */
const HOT = 3;
/**
 * as many again for each `MOST_REGIONS` regions that were given up, up to so many times. A guest that makes code without end
 * and runs it for a moment would have a module compiled for each piece, and of each V8 and the C library keep a trace for
 * good. What stays hot is compiled all the same, some milliseconds later.
 */
const MOST_PATIENCE = 40;
const MOST_BLOCKS = 96;
const MOST_INSTRUCTIONS = 600;
/**
 * With more regions than this, or more code, those compiled first make room: memory stays bounded, hot code comes back. Each
 * takes some 30 KB besides its code.
 */
const MOST_REGIONS = 1024;
/** WebAssembly bytes; the machine code made of them takes several times as much. */
const MOST_CODE_BYTES = 6 << 20;

/** The block at `rip`, whose physical address is `pa`, if it is to be compiled along with others. */
type FindBlock = (rip: bigint, pa: number) => Block | undefined;

interface CompiledRegion extends Region {
  readonly saved: readonly Int32Array[];
  /** WebAssembly bytes of its code. */
  readonly codeBytes: number;
}

export class Compiler {
  /** By slot, in the order in which they were compiled. */
  private readonly regions = new Map<number, CompiledRegion>();
  private codeBytes = 0;
  /** Regions given up so far: evicted, overwritten, or dropped with all blocks. */
  private givenUp = 0;
  /** Slots that have been used, and those of them that are free again. */
  private slots = 0;
  private freeSlots: number[] = [];

  constructor(
    private readonly linear: WebAssembly.Memory,
    private readonly functions: WebAssembly.Table,
    private readonly code: CodeCache,
    private readonly lowering: Lowering,
    private readonly handlers: HandlerTable,
    private readonly supports: (instruction: Instruction) => boolean,
    /** Exports of the interpreter's module: all that `importHelpers` may import. */
    private readonly helpers: WebAssembly.Exports,
  ) {}

  /** Regions in force. */
  get size(): number {
    return this.regions.size;
  }

  /** Heat of a block that is worth compiling. */
  private get hot(): number {
    return HOT * (1 + Math.min(MOST_PATIENCE, Math.floor(this.givenUp / MOST_REGIONS)));
  }

  /** A slice of the budget ran out at `block`, so generated code is not running: compiles around it once it is hot. */
  sample(block: Block): void {
    if (block.region || ++block.heat < this.hot) return;
    this.compileAround(block, (rip, pa) => this.code.known(rip, pa, block.mode));
  }

  /**
   * Control is about to enter `block`: compiles it with the code of its page that it leads to, of which blocks are made
   * here. If a compiled region asked for this, it leaves as soon as it has its answer, so that it may be taken back too.
   */
  compileAtOnce(block: Block): void {
    if (block.region) return;
    this.compileAround(block, (rip, pa) => this.code.known(rip, pa, block.mode) ?? this.made(rip, pa, block.mode));
  }

  private made(rip: bigint, pa: number, mode: Mode): Block | undefined {
    if (this.code.full) return undefined;
    try {
      return this.code.at(rip, pa, mode);
    } catch (error) {
      // Control may never get there; if it does, the exception arises then.
      if (error instanceof GuestException) return undefined;
      throw error;
    }
  }

  private compileAround(root: Block, find: FindBlock): void {
    const blocks = this.collect(root, find);
    if (blocks.length === 0) return;
    for (const oldest of this.regions.values()) {
      if (this.regions.size < MOST_REGIONS && this.codeBytes < MOST_CODE_BYTES) break;
      this.drop(oldest);
    }
    this.compile(blocks, this.freeSlots.pop() ?? this.slots++);
  }

  private compile(blocks: readonly RegionBlock[], slot: number): void {
    const writer = new ModuleWriter(LEAST_MEMORY_PAGES);
    const helpers = importHelpers(writer);
    const { body } = compileRegion(blocks, slot, { helpers, table: this.handlers, lookUp: helpers.lookUp });
    writer.define(writer.declare(REGION_TYPE, 'region'), body);
    const code = writer.encode();
    const instance = new WebAssembly.Instance(new WebAssembly.Module(code as BufferSource), {
      env: { ...this.helpers, memory: this.linear },
    });
    this.functions.set(slot, instance.exports.region);

    const members = blocks.map(({ block }) => block);
    const saved = members.map(({ record }) => this.lowering.save(record));
    const region = { slot, blocks: members, saved, codeBytes: code.length };
    this.regions.set(slot, region);
    this.codeBytes += code.length;
    members.forEach((block, entry) => {
      block.region = region;
      block.release();
      this.lowering.enterCompiled(block.record, slot, entry);
    });
  }

  /** The blocks reachable from `root` within its page, in the order of their addresses. */
  private collect(root: Block, find: FindBlock): RegionBlock[] {
    const found = new Map<Block, RegionBlock>();
    const waiting = [root];
    let instructions = 0;
    for (let block = waiting.shift(); block; block = waiting.shift()) {
      if (found.has(block) || block.region || block.secondPage !== undefined) continue;
      // The interpreter reports breakpoints.
      if (this.lowering.handlerOf(block.record) === Number(Builtin.BREAKPOINT)) continue;
      const compiled = compilablePrefix(block, this.handlers, this.supports);
      if (compiled === 0) continue;
      if (found.size >= MOST_BLOCKS || instructions + compiled > MOST_INSTRUCTIONS) break;
      const successors = this.successors(block, find);
      found.set(block, { block, compiled, successors });
      instructions += compiled;
      if (compiled < block.count) continue;
      const { target, next = this.following(block, find) } = successors;
      for (const successor of [target, next]) if (successor) waiting.push(successor);
    }
    return [...found.values()].sort((a, b) => (a.block.rip < b.block.rip ? -1 : 1));
  }

  /** The block after a CALL is where its RET comes back to; after other branches there is code only if it has been seen. */
  private following(block: Block, find: FindBlock): Block | undefined {
    const calls = block.instructions[block.count - 1].mnemonic === 'CALL';
    const seen: FindBlock = (rip, pa) => this.code.known(rip, pa, block.mode);
    return this.inPage(block, block.rip + BigInt(block.length), calls ? find : seen);
  }

  private successors(block: Block, find: FindBlock): { target: Block | undefined; next: Block | undefined } {
    const last = block.instructions[block.count - 1];
    const after = block.rip + BigInt(block.length);
    const relative = last.operands.find((operand) => operand.kind === 'relative');
    if (relative?.kind !== 'relative') {
      const cut = !this.handlers.endsBlock(last.mnemonic);
      return { target: cut ? this.inPage(block, after, find) : undefined, next: undefined };
    }
    const target = this.inPage(
      block,
      BigInt.asUintN(8 * last.operandSize, after + BigInt(relative.displacement)),
      find,
    );
    const conditional = last.mnemonic !== 'JMP' && last.mnemonic !== 'CALL';
    return { target, next: conditional ? this.inPage(block, after, find) : undefined };
  }

  /** The block at `rip` if that is in the same page as `block`. */
  private inPage(block: Block, rip: bigint, find: FindBlock): Block | undefined {
    const { codeBase } = block.mode;
    if ((codeBase + rip) >> 12n !== (codeBase + block.rip) >> 12n) return undefined;
    const found = find(rip, block.pa + Number(rip - block.rip));
    return found?.secondPage === undefined ? found : undefined;
  }

  /** A block of the region changes: its blocks are interpreted again. */
  drop(region: Region): void {
    const compiled = this.regions.get(region.slot);
    if (!compiled) return;
    this.regions.delete(region.slot);
    this.freeSlots.push(region.slot);
    this.givenUp++;
    this.codeBytes -= compiled.codeBytes;
    this.functions.set(region.slot, null);
    compiled.blocks.forEach((block, i) => {
      this.lowering.restore(block.record, compiled.saved[i]);
      block.region = undefined;
      block.heat = 0;
    });
  }

  /** All blocks are gone. */
  forget(): void {
    for (const slot of this.regions.keys()) this.functions.set(slot, null);
    this.givenUp += this.regions.size;
    this.regions.clear();
    this.codeBytes = 0;
    this.slots = 0;
    this.freeSlots = [];
  }
}
