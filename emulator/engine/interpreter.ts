/**
 * Builds the interpreter: one WebAssembly function, a loop around a jump table with a handler for every instruction form,
 * working on records (records.ts). It is generated once per process from the definitions and shared by all machines.
 */
import { FunctionBody, type Label } from '../wasm/function';
import * as w from '../wasm/expression';
import { ModuleWriter } from '../wasm/module';
import { ValueType, type FunctionType } from '../wasm/types';
import type { Helpers } from '../isa/semantics/context';
import type { Definition } from '../isa/semantics/definition';
import { Builtin, HandlerTable, type Handler } from './handlers';
import { InterpreterContext, type Frame } from './interpreter-context';
import * as layout from './layout';
import { AddressField, CompiledField, ExitReason, Field, OutOfLineField } from './records';
import { forRoutines, ROUTINE_BODIES, ROUTINE_TYPES, type RoutineName } from './routines';

const { I32, I64 } = { I32: ValueType.I32, I64: ValueType.I64 };

/**
 * Type of a compiled region: the record it is entered at -> the record to go on at, 0 for the engine; and of a handler out
 * of line: its record -> 0 to leave, with all but the budget noted.
 */
export const REGION_TYPE = { parameters: [ValueType.I32], results: [ValueType.I32] };

/** Functions the interpreter imports from the engine; see `Helpers` for those that semantics use. */
export interface EngineImports {
  slowRead(vaLow: number, vaHigh: number, size: number): number;
  slowWrite(vaLow: number, vaHigh: number, size: number, record: number): number;
  commitWrite(): void;
  checkSegment(segment: number, size: number, write: number): number;
  divideWide(divisor: bigint, signed: number): number;
  bulkString(record: number): number;
  floatOperation(operation: number): number;
  /** Executes the architectural routine of the record; returns the record to go on at, 0 to leave (with the reason set). */
  architectural(record: number): number;
  /** Finds the block a stub stands for and links its branch to it; returns its record, 0 to leave. */
  resolve(stub: number): number;
  /** Finds the block at RIP; returns its record, 0 to leave. */
  lookUp(): number;
}

export interface Interpreter {
  readonly module: WebAssembly.Module;
  readonly table: HandlerTable;
}

/** Initial size, in 64 KiB pages, that the memory of every machine has at least. */
export const LEAST_MEMORY_PAGES = layout.RAM >> 16;

/** Custom section that tells for which handlers the code was generated. */
const FINGERPRINT_SECTION = 'ringside.handlers';

/**
 * The interpreter as a WebAssembly module in binary form. Generating it takes a tenth of a second, so a build may keep it
 * in a file and pass it to `loadInterpreter`.
 */
export function generateInterpreter(table: HandlerTable): Uint8Array {
  const writer = new ModuleWriter(LEAST_MEMORY_PAGES, { table: true });
  const imports = importEngine(writer);
  const routines = forRoutines((name) => writer.declare(ROUTINE_TYPES[name], name));
  const helpers: Helpers = { ...imports, ...routines };
  for (const [name, body] of Object.entries(ROUTINE_BODIES)) writer.define(routines[name as RoutineName], body());

  for (const [name, type] of Object.entries(IMPORT_TYPES)) {
    writer.define(writer.declare(type, name), forwardTo(imports[name as keyof EngineImports], type));
  }

  const run = writer.declare({ parameters: [I32], results: [] }, 'run');
  const signature = writer.signature(REGION_TYPE);
  writer.define(run, interpreterBody(table, helpers, imports, signature));
  writer.addCustomSection(FINGERPRINT_SECTION, fingerprint(table));
  return writer.encode();
}

/**
 * Calls function `target` with its own arguments. Other modules link to the engine's functions through these: for a function
 * of JavaScript each of them would need an adapter of its own.
 */
function forwardTo(target: number, { parameters, results }: FunctionType): FunctionBody {
  const f = new FunctionBody(parameters);
  const values = parameters.map((_, i) => f.parameter(i));
  if (results.length === 0) f.call(target, values);
  else f.return({ kind: 'call', type: results[0], function: target, arguments: values });
  if (results.length > 0) f.unreachable();
  return f;
}

/** Handlers and exports. */
const fingerprint = (table: HandlerTable): string =>
  [table.fingerprint(), ...Object.keys(IMPORT_TYPES), ...Object.keys(ROUTINE_TYPES)].join(' ');

/** Compiles the interpreter: from `code`, if that was generated for the same handlers, else generated now. */
export function loadInterpreter(definitions: readonly Definition[], code?: Uint8Array): Interpreter {
  const table = new HandlerTable(definitions);
  if (code) {
    const module = new WebAssembly.Module(code as BufferSource);
    const sections = WebAssembly.Module.customSections(module, FINGERPRINT_SECTION);
    if (sections.length === 1 && new TextDecoder().decode(sections[0]) === fingerprint(table)) return { module, table };
  }
  return { module: new WebAssembly.Module(generateInterpreter(table) as BufferSource), table };
}

type Imports = Record<keyof EngineImports, number>;

/** Their types. */
export const IMPORT_TYPES: Readonly<Record<keyof EngineImports, FunctionType>> = {
  slowRead: { parameters: [I32, I32, I32], results: [I32] },
  slowWrite: { parameters: [I32, I32, I32, I32], results: [I32] },
  commitWrite: { parameters: [], results: [] },
  checkSegment: { parameters: [I32, I32, I32], results: [I32] },
  divideWide: { parameters: [I64, I32], results: [I32] },
  bulkString: { parameters: [I32], results: [I32] },
  floatOperation: { parameters: [I32], results: [I32] },
  architectural: { parameters: [I32], results: [I32] },
  resolve: { parameters: [I32], results: [I32] },
  lookUp: { parameters: [], results: [I32] },
};

/** Declares the engine's functions as imports of a module; returns their indices. */
function importEngine(writer: ModuleWriter): Imports {
  const entries = Object.entries(IMPORT_TYPES).map(([name, type]) => [name, writer.importFunction(name, type)]);
  return Object.fromEntries(entries) as Imports;
}

/** `run(record)`: executes records until something has to be left to the engine. */
function interpreterBody(table: HandlerTable, helpers: Helpers, imports: Imports, signature: number): FunctionBody {
  const f = new FunctionBody([I32]);
  const record = f.parameter(0);
  const budget = f.variable(I32);
  const tlb = f.variable(I32);
  const rip = f.variable(I64);
  f.set(budget, w.load32(w.i32(0), layout.BUDGET));
  f.set(tlb, w.load32(w.i32(0), layout.TLB_BASE));

  const dispatch = f.openLoop();
  const indirect = f.openBlock();
  const frame: Frame = { record, budget, tlb, rip, dispatch, indirect };
  const count = Builtin.COUNT + table.handlers.length;

  // One block per handler, the outermost for the last: branching out of block n lands where handler n is written.
  const labels: Label[] = [];
  for (let i = 0; i < count; i++) labels.unshift(f.openBlock());
  f.branchTable(w.load32(record, Field.HANDLER), labels, labels[0]);
  for (let number: Builtin = 0; number < Builtin.COUNT; number++) {
    f.end();
    builtin(number, f, helpers, imports, frame, signature);
    f.releaseTemporaries();
  }
  for (const handler of table.handlers) {
    f.end();
    described(handler, f, helpers, frame);
    f.releaseTemporaries();
  }
  f.end(); // indirect: here with RIP to be looked up in `rip`

  f.store64(w.i32(0), layout.RIP, 8, rip);
  const context = new InterpreterContext(f, helpers, frame, 'flat64');
  f.if(w.ltS(budget, w.i32(0)), () => context.exit(ExitReason.BUDGET, w.i32(0)));
  const hash = w.and(w.xor(w.wrap(rip), w.wrap(w.shrU(rip, w.i64(12)))), w.i32(layout.JUMP_CACHE_ENTRIES - 1));
  const entry = f.let(
    w.add(w.load32(w.i32(0), layout.JUMP_CACHE_BASE), w.mul(hash, w.i32(layout.JUMP_CACHE_ENTRY_BYTES))),
  );
  f.set(record, w.load32(entry, 8));
  f.branchIf(w.eq(w.load64(entry, 0, 8), rip), dispatch);
  continueWith(f, frame, { kind: 'call', type: I32, function: imports.lookUp, arguments: [] });
  f.end();
  return f;
}

/** Goes on at the record `value` yields; leaves if that is 0 (the engine has noted why). */
function continueWith(f: FunctionBody, { record, budget, dispatch }: Frame, value: w.Value): void {
  f.set(record, value);
  f.branchIf(record, dispatch);
  f.store32(w.i32(0), layout.BUDGET, budget);
  f.store32(w.i32(0), layout.EXIT_REASON, w.i32(ExitReason.ENGINE));
  f.return();
}

function described(handler: Handler, f: FunctionBody, helpers: Helpers, frame: Frame): void {
  const { definition, operands, variant, fusedCondition } = handler;
  const context = new InterpreterContext(f, helpers, frame, variant.segmentation);
  context.setOperands(operands, fusedCondition !== undefined);
  definition.emit(context, operands, variant);
  if (fusedCondition !== undefined) context.jumpIf(context.flags.condition(fusedCondition));
  else if (!definition.transfer) context.next();
}

function builtin(
  number: Builtin,
  f: FunctionBody,
  helpers: Helpers,
  imports: Imports,
  frame: Frame,
  signature: number,
): void {
  const context = new InterpreterContext(f, helpers, frame, 'flat32');
  const { record } = frame;
  const address = (value: w.Value): void => {
    f.store64(w.i32(0), layout.ADDRESS, 8, value);
    context.next();
  };
  const flat = (addressSize: 2 | 4): void =>
    address(w.zeroExtend(context.computedAddress(addressSize, context.slotValue(AddressField.SEGMENT_BASE)), 4));
  const checked = (addressSize: 2 | 4): void => {
    f.if(w.load32(record, AddressField.WAITS, 1), () => context.requireMmx());
    address(
      context.checkedAddressOf(
        w.load32(record, AddressField.SEGMENT, 1),
        context.computedAddress(addressSize, undefined),
        w.load32(record, AddressField.SIZE),
        w.load32(record, AddressField.WRITE, 2),
      ),
    );
  };
  switch (number) {
    case Builtin.RESOLVE:
      continueWith(f, frame, { kind: 'call', type: I32, function: imports.resolve, arguments: [record] });
      return;
    case Builtin.LOOK_UP:
      f.set(frame.rip, w.load64(record, Field.IMMEDIATE, 8));
      f.branch(frame.indirect);
      return;
    case Builtin.LINK:
      context.jump();
      return;
    case Builtin.BREAKPOINT:
      context.exit(ExitReason.BREAKPOINT);
      return;
    case Builtin.COMPILED:
      f.store32(w.i32(0), layout.BUDGET, frame.budget);
      f.set(record, {
        kind: 'indirect',
        type: I32,
        signature,
        index: w.load32(record, CompiledField.SLOT),
        arguments: [record],
      });
      f.if(w.isZero(record), () => f.return());
      f.set(frame.budget, w.load32(w.i32(0), layout.BUDGET));
      f.set(frame.tlb, w.load32(w.i32(0), layout.TLB_BASE));
      f.branch(frame.dispatch);
      return;
    case Builtin.ARCHITECTURAL:
      context.routine();
      return;
    case Builtin.OUT_OF_LINE:
      f.if(
        w.isZero({
          kind: 'indirect',
          type: I32,
          signature,
          index: w.load32(record, OutOfLineField.FUNCTION),
          arguments: [record],
        }),
        () => {
          f.store32(w.i32(0), layout.BUDGET, frame.budget);
          f.return();
        },
      );
      context.next();
      return;
    case Builtin.ADDRESS_64:
      address(context.computedAddress(8, context.slotValue(AddressField.SEGMENT_BASE)));
      return;
    case Builtin.ADDRESS_32:
      address(context.computedAddress(4, context.slotValue(AddressField.SEGMENT_BASE)));
      return;
    case Builtin.ADDRESS_32_FLAT:
      flat(4);
      return;
    case Builtin.ADDRESS_16_FLAT:
      flat(2);
      return;
    case Builtin.CHECKED_32:
      checked(4);
      return;
    case Builtin.CHECKED_16:
      checked(2);
      return;
    case Builtin.COUNT:
      return;
  }
}
