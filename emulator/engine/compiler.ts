/**
 * Chooses what to compile, compiles it, and takes it back when code changes. Heat is measured by sampling: where
 * a slice of the budget runs out is where time goes.
 */
import { ModuleWriter } from '../wasm/module';
import type { Instruction } from '../isa/instruction';
import type { Block, CodeCache, Region } from './code-cache';
import type { HandlerTable } from './handlers';
import { LEAST_MEMORY_PAGES, REGION_TYPE, type EngineImports } from './interpreter';
import type { Lowering } from './lowering';
import { compilablePrefix, compileRegion, type RegionBlock } from './region';
import { importHelpers, OUT_OF_LINE_SLOTS } from './out-of-line';
import type { Routines } from './routines';

/** A block is compiled once so many slices have ended at it. */
const HOT = 3;
const MOST_BLOCKS = 96;
const MOST_INSTRUCTIONS = 600;
/** With more functions than this everything compiled is dropped: memory stays bounded, hot code comes back. */
const MOST_REGIONS = OUT_OF_LINE_SLOTS;

interface CompiledRegion extends Region {
  readonly saved: readonly Int32Array[];
}

export class Compiler {
  private readonly regions = new Map<number, CompiledRegion>();
  private slots = 0;

  constructor(
    private readonly linear: WebAssembly.Memory,
    private readonly functions: WebAssembly.Table,
    private readonly code: CodeCache,
    private readonly lowering: Lowering,
    private readonly handlers: HandlerTable,
    private readonly supports: (instruction: Instruction) => boolean,
    private readonly imports: EngineImports,
    private readonly routines: Routines,
  ) {}

  /** Regions in force. */
  get size(): number {
    return this.regions.size;
  }

  /** A slice of the budget ran out at `block`, so generated code is not running: compiles around it once it is hot. */
  sample(block: Block): void {
    if (block.region || ++block.heat < HOT) return;
    const blocks = this.collect(block);
    if (blocks.length === 0) return;
    if (this.slots >= MOST_REGIONS) this.dropAll();
    this.compile(blocks, this.slots++);
  }

  private compile(blocks: readonly RegionBlock[], slot: number): void {
    const writer = new ModuleWriter(LEAST_MEMORY_PAGES);
    const helpers = importHelpers(writer);
    const { body } = compileRegion(blocks, slot, { helpers, table: this.handlers, lookUp: helpers.lookUp });
    writer.define(writer.declare(REGION_TYPE, 'region'), body);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(writer.encode() as BufferSource), {
      env: { memory: this.linear, ...this.imports, ...this.routines },
    });
    this.functions.set(slot, instance.exports.region);

    const members = blocks.map(({ block }) => block);
    const region = { slot, blocks: members, saved: members.map(({ record }) => this.lowering.save(record)) };
    this.regions.set(slot, region);
    members.forEach((block, entry) => {
      block.region = region;
      this.lowering.enterCompiled(block.record, slot, entry);
    });
  }

  /** The blocks reachable from `root` within its page that exist already, in the order of their addresses. */
  private collect(root: Block): RegionBlock[] {
    const found = new Map<Block, RegionBlock>();
    const waiting = [root];
    let instructions = 0;
    for (let block = waiting.shift(); block; block = waiting.shift()) {
      if (found.has(block) || block.region || block.secondPage !== undefined) continue;
      const compiled = compilablePrefix(block, this.handlers, this.supports);
      if (compiled === 0) continue;
      if (found.size >= MOST_BLOCKS || instructions + compiled > MOST_INSTRUCTIONS) break;
      const successors = this.successors(block);
      found.set(block, { block, compiled, successors });
      instructions += compiled;
      if (compiled < block.instructions.length) continue;
      // The block after a CALL is where its RET comes back to.
      const { target, next = this.following(block) } = successors;
      for (const successor of [target, next]) if (successor) waiting.push(successor);
    }
    return [...found.values()].sort((a, b) => (a.block.rip < b.block.rip ? -1 : 1));
  }

  private following(block: Block): Block | undefined {
    return this.inPage(block, block.rip + BigInt(block.length));
  }

  private successors(block: Block): { target: Block | undefined; next: Block | undefined } {
    const last = block.instructions[block.instructions.length - 1];
    const after = block.rip + BigInt(block.length);
    const relative = last.operands.find((operand) => operand.kind === 'relative');
    if (relative?.kind !== 'relative') {
      const cut = !this.handlers.endsBlock(last.mnemonic);
      return { target: cut ? this.inPage(block, after) : undefined, next: undefined };
    }
    const target = this.inPage(block, BigInt.asUintN(8 * last.operandSize, after + BigInt(relative.displacement)));
    const conditional = last.mnemonic !== 'JMP' && last.mnemonic !== 'CALL';
    return { target, next: conditional ? this.inPage(block, after) : undefined };
  }

  /** The block at `rip` if that is in the same page as `block`. */
  private inPage(block: Block, rip: bigint): Block | undefined {
    const { codeBase } = block.mode;
    if ((codeBase + rip) >> 12n !== (codeBase + block.rip) >> 12n) return undefined;
    const found = this.code.known(rip, block.pa + Number(rip - block.rip), block.mode);
    return found?.secondPage === undefined ? found : undefined;
  }

  /** A block of the region changes: its blocks are interpreted again. */
  drop(region: Region): void {
    const compiled = this.regions.get(region.slot);
    if (!compiled) return;
    this.regions.delete(region.slot);
    this.functions.set(region.slot, null);
    compiled.blocks.forEach((block, i) => {
      this.lowering.restore(block.record, compiled.saved[i]);
      block.region = undefined;
      block.heat = 0;
    });
  }

  /** Takes all compiled code back; not while it is running. */
  dropAll(): void {
    for (const region of [...this.regions.values()]) this.drop(region);
    this.slots = 0;
  }

  /** All blocks are gone. */
  forget(): void {
    this.regions.clear();
    this.slots = 0;
    for (let i = 0; i < MOST_REGIONS; i++) this.functions.set(i, null);
  }
}
