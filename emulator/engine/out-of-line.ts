/**
 * Handlers of the interpreter that are functions of their own: `record -> 0 to leave`. Each is staged and compiled when code
 * that needs it is decoded for the first time.
 */
import type { Helpers } from '../isa/semantics/context';
import * as w from '../wasm/expression';
import { FunctionBody } from '../wasm/function';
import { ModuleWriter } from '../wasm/module';
import { ValueType } from '../wasm/types';
import type { Handler, HandlerTable } from './handlers';
import { IMPORT_TYPES, LEAST_MEMORY_PAGES, REGION_TYPE } from './interpreter';
import { InterpreterContext, type Frame } from './interpreter-context';
import * as layout from './layout';
import type { ExitReason } from './records';
import { ROUTINE_TYPES } from './routines';

/** Indices in the function table below this one belong to compiled regions. */
export const OUT_OF_LINE_SLOTS = 4096;

const STATE = w.i32(0);

/** Stages a description as a function: leaving returns 0, going on returns 1. */
class OutOfLineContext extends InterpreterContext {
  override exit(reason: ExitReason): void {
    this.f.store32(STATE, layout.EXIT_REASON, w.i32(reason));
    this.f.store32(STATE, layout.CURRENT_RECORD, this.writer());
    this.f.return(w.i32(0));
  }

  override next(): void {
    this.f.return(w.i32(1));
  }
}

function stage({ definition, operands, variant }: Handler, helpers: Helpers): FunctionBody {
  const f = new FunctionBody([ValueType.I32]);
  const outside = { depth: 0 };
  const frame: Frame = {
    record: f.parameter(0),
    budget: w.i32(0),
    tlb: f.let(w.load32(STATE, layout.TLB_BASE)),
    rip: w.i64(0),
    dispatch: outside,
    indirect: outside,
  };
  const context = new OutOfLineContext(f, helpers, frame, variant.segmentation);
  context.setOperands(operands);
  definition.emit(context, operands, variant);
  context.next();
  f.unreachable();
  return f;
}

/**
 * The engine's functions and routines, each imported into the module when its index is first asked for: an import costs time and
 * memory for every instance. All code must be staged before the module's own functions are declared.
 */
export function importHelpers(writer: ModuleWriter): Helpers & { readonly lookUp: number } {
  const helpers = {};
  for (const [name, type] of Object.entries({ ...IMPORT_TYPES, ...ROUTINE_TYPES })) {
    let index: number | undefined;
    Object.defineProperty(helpers, name, { get: () => (index ??= writer.importFunction(name, type)) });
  }
  return helpers as Helpers & { readonly lookUp: number };
}

/** So many functions are kept: a form with an immediate has 256 of them, and a guest may use all forms. */
const MOST_FUNCTIONS = 2048;

/** Compiled handlers, shared by all machines; the oldest first. */
const modules = new Map<Handler, WebAssembly.Module>();

function moduleOf(handler: Handler): WebAssembly.Module {
  let module = modules.get(handler);
  if (!module) {
    const writer = new ModuleWriter(LEAST_MEMORY_PAGES);
    const helpers = importHelpers(writer);
    const body = stage(handler, helpers);
    writer.define(writer.declare(REGION_TYPE, 'handler'), body);
    module = new WebAssembly.Module(writer.encode() as BufferSource);
    for (const oldest of modules.keys()) {
      if (modules.size < MOST_FUNCTIONS) break;
      modules.delete(oldest);
    }
    modules.set(handler, module);
  }
  return module;
}

export class OutOfLineHandlers {
  /** Index in the function table, by the number of the handler. */
  private readonly slots = new Map<number, number>();

  constructor(
    private readonly linear: WebAssembly.Memory,
    private readonly functions: WebAssembly.Table,
    private readonly table: HandlerTable,
    /** Exports of the interpreter's module: all that `importHelpers` may import. */
    private readonly helpers: WebAssembly.Exports,
  ) {}

  /** No more functions should be asked for before all code is dropped and `forget` called. */
  get full(): boolean {
    return this.slots.size >= MOST_FUNCTIONS;
  }

  /** No record refers to a function any more. */
  forget(): void {
    if (!this.full) return;
    for (const slot of this.slots.values()) this.functions.set(slot, null);
    this.slots.clear();
  }

  /** Where in the function table handler `number` is. */
  slot(number: number): number {
    const known = this.slots.get(number);
    if (known !== undefined) return known;
    const instance = new WebAssembly.Instance(moduleOf(this.table.handler(number)), {
      env: { ...this.helpers, memory: this.linear },
    });
    const slot = OUT_OF_LINE_SLOTS + this.slots.size;
    if (this.functions.length <= slot) this.functions.grow(slot + 64 - this.functions.length);
    this.functions.set(slot, instance.exports.handler);
    this.slots.set(number, slot);
    return slot;
  }
}
