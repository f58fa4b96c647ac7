/**
 * The code the engine generates and what it calls: interpreter, compiled regions, and the helpers they import. Finds the
 * record for an address, runs it, and tells afterwards where it stopped.
 */
import { GuestException, Vector } from '../cpu/exceptions';
import { Cr4 } from '../cpu/state';
import { FloatUnit } from '../float-unit';
import { Gpr, type Instruction, type Seg } from '../isa/instruction';
import { BulkString } from './bulk-string';
import type { LocatedInstruction, Region } from './block';
import { CodeCache } from './code-cache';
import { Compiler } from './compiler';
import { Fetcher } from './fetch';
import { Builtin } from './handlers';
import type { EngineImports, Interpreter } from './interpreter';
import * as layout from './layout';
import { Lowering } from './lowering';
import { MemoryAccess, type AccessFault } from './memory-access';
import { OUT_OF_LINE_SLOTS, OutOfLineHandlers } from './out-of-line';
import type { Processor } from './processor';

/**
 * What carries guest code out: the interpreter, and compiled code where it is hot; compiled code from the first time control
 * gets there (what cannot be compiled is interpreted); or the interpreter alone.
 */
export const ENGINE_STAGES = ['tiered', 'compiled', 'interpreter'] as const;
export type EngineStages = (typeof ENGINE_STAGES)[number];

export class GeneratedCode {
  readonly code: CodeCache;
  readonly access: MemoryAccess;
  /** Runs from a record until something is left to the engine: see `ExitReason`. */
  readonly run: (record: number) => void;
  /** What a look-up that made generated code leave has to report; RIP is exact then. */
  fault: AccessFault | undefined;

  private readonly fetcher: Fetcher;
  private readonly lowering: Lowering;
  private readonly bulk: BulkString;
  private readonly floatUnit: FloatUnit;
  private readonly outOfLine: OutOfLineHandlers;
  private readonly compiler: Compiler | undefined;
  private readonly compilesAtOnce: boolean;
  private readonly i32: Int32Array;

  /** `architectural` carries out the routine of a record, see `EngineImports.architectural`. */
  constructor(
    private readonly processor: Processor,
    interpreter: Interpreter,
    decoderFeatures: number,
    stages: EngineStages,
    architectural: (record: number) => number,
  ) {
    const { memory, spaces } = processor;
    const { linear } = memory;
    this.i32 = new Int32Array(linear.buffer, 0, 256);
    const supports = (instruction: Instruction): boolean => processor.supports(instruction);
    this.fetcher = new Fetcher(processor, decoderFeatures);
    const imports = this.imports(architectural);
    const functions = new WebAssembly.Table({ element: 'anyfunc', initial: OUT_OF_LINE_SLOTS + 64 });
    const { exports } = new WebAssembly.Instance(interpreter.module, {
      env: { memory: linear, table: functions, ...imports },
    });
    this.run = exports.run as (record: number) => void;
    const { table } = interpreter;
    this.outOfLine = new OutOfLineHandlers(linear, functions, table, exports);
    this.lowering = new Lowering(linear, table, supports, this.outOfLine);
    this.code = new CodeCache(memory, this.lowering, this.fetcher, {
      pageHoldsCode: (page) => spaces.forbidWrites(page * 4096),
      blockDropped: (rip, record) => spaces.forgetJump(rip, record),
      everythingDropped: () => {
        spaces.flushJumps();
        this.compiler?.forget();
        this.outOfLine.forget();
      },
      regionBroken: (region) => this.regionBroken(region),
    });
    memory.codeWritten = (pa, length) => {
      for (const block of this.code.overlapping(pa, length)) this.code.drop(block);
    };
    this.access = new MemoryAccess(processor, this.code);
    this.bulk = new BulkString(processor, processor.watch, linear);
    this.floatUnit = new FloatUnit(linear);

    this.compilesAtOnce = stages === 'compiled';
    if (stages !== 'interpreter') {
      this.compiler = new Compiler(linear, functions, this.code, this.lowering, table, supports, exports);
    }
  }

  /** Regions of code that are compiled now. */
  get compiledRegions(): number {
    return this.compiler?.size ?? 0;
  }

  /** The record at which RIP is executed. Throws GuestException if it cannot be fetched. */
  recordAtRip(): number {
    const { mode, state } = this.processor;
    const { rip } = state;
    let pa: number;
    if (mode.codeSize === 64) {
      const vaLow = this.i32[layout.RIP >> 2];
      pa = this.fetcher.pageOf(this.i32[(layout.RIP >> 2) + 1], vaLow, mode) + (vaLow & 0xfff);
    } else {
      const linear = this.processor.cut(mode.codeBase + rip);
      pa = this.fetcher.page(linear, mode) + Number(linear & 0xfffn);
    }
    const block = this.code.at(rip, pa, mode);
    if (this.compilesAtOnce) this.compiler?.compileAtOnce(block);
    this.processor.enterJump(block.record);
    return block.record;
  }

  /** `recordAtRip` for generated code: 0 if the engine has to see to it first. */
  recordForGenerated(): number {
    const known = this.processor.knownJump();
    if (known !== 0) return known;
    if (this.code.full) return 0;
    try {
      return this.recordAtRip();
    } catch (error) {
      if (!(error instanceof GuestException)) throw error;
      this.fault = error;
      return 0;
    }
  }

  private regionBroken(region: Region): void {
    this.compiler?.drop(region);
    // Blocks are compiled when they are looked up.
    if (this.compilesAtOnce) for (const block of region.blocks) this.code.drop(block);
  }

  private imports(architectural: (record: number) => number): EngineImports {
    return {
      slowRead: (low, high, size) => this.access.slowRead(low, high, size),
      slowWrite: (low, high, size, record) => this.access.slowWrite(low, high, size, record),
      commitWrite: () => this.access.commitWrite(),
      checkSegment: (segment, size, write) => this.checkSegment(segment, size, write),
      divideWide: (divisor, signed) => this.divideWide(divisor, signed !== 0),
      bulkString: (record) => this.bulkString(record),
      floatOperation: (operation) => this.floatOperation(operation),
      architectural,
      resolve: (stub) => this.resolve(stub),
      lookUp: () => this.recordForGenerated(),
    };
  }

  /** Links the branch that owns the stub to the block it stands for. */
  private resolve(stub: number): number {
    const target = this.lowering.stubAddress(stub);
    this.processor.state.rip = target;
    const record = this.recordForGenerated();
    if (record === 0) return 0;
    if (this.code.owner(record)?.secondPage !== undefined) {
      // Its second page may be mapped differently next time: it has to be looked up each time.
      this.lowering.setHandler(stub, Builtin.LOOK_UP);
      return record;
    }
    this.lowering.link(this.lowering.stubOwner(stub), stub, record);
    return record;
  }

  private checkSegment(segment: Seg, size: number, write: number): number {
    const { processor } = this;
    try {
      processor.checkOffset({ segment, size, access: write ? 'write' : 'read' });
      return 1;
    } catch (error) {
      if (!(error instanceof GuestException)) throw error;
      this.access.fault = error;
      return 0;
    }
  }

  /** DIV and IDIV of 128 by 64 bits; 0 if the quotient does not fit. */
  private divideWide(divisor: bigint, signed: boolean): number {
    const { gpr } = this.processor.state;
    const cut = (value: bigint, bits: number): bigint =>
      signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
    const dividend = cut((gpr[Gpr.RDX] << 64n) | gpr[Gpr.RAX], 128);
    const by = cut(divisor, 64);
    const quotient = dividend / by;
    if (cut(quotient, 64) !== quotient) return 0;
    gpr[Gpr.RAX] = BigInt.asUintN(64, quotient);
    gpr[Gpr.RDX] = BigInt.asUintN(64, dividend % by);
    return 1;
  }

  /** An unmasked exception is #XM, unless the operating system does not say that it handles it (SDM vol. 1, 11.5.3). */
  private floatOperation(operation: number): number {
    if (this.floatUnit.execute(operation)) return 1;
    const handled = (this.processor.state.cr4 & Cr4.OSXMMEXCPT) !== 0;
    this.access.fault = new GuestException(handled ? Vector.XM : Vector.UD);
    return 0;
  }

  private bulkString(record: number): number {
    if (this.i32[layout.ONE_ITERATION >> 2]) return 0;
    const at = this.instructionAt(record);
    return at ? this.bulk.run(at.instruction, this.processor.mode) : 0;
  }

  /** The instruction a record carries out. */
  instructionAt(record: number): LocatedInstruction | undefined {
    const block = this.code.owner(record);
    if (!block) return undefined;
    return block.locate(record);
  }

  /** Address a branch record leads to: the start of its block, or what a stub stands for. */
  addressOf(record: number): bigint {
    const handler = this.lowering.handlerOf(record);
    if (handler === Number(Builtin.RESOLVE) || handler === Number(Builtin.LOOK_UP)) {
      return this.lowering.stubAddress(record);
    }
    return this.code.owner(record)?.rip ?? this.processor.state.rip;
  }

  /** Tells the compiler where a slice ended; it compiles what that makes hot. */
  sampleAt(record: number): void {
    const block = record !== 0 && this.compiler ? this.code.owner(record) : undefined;
    if (!block || block.record !== record) return;
    this.compiler?.sample(block);
  }
}
