/** Puts the machine together: memory, processor, bus and devices of a PC. */
import { Clock } from './clock';
import { withLocalApic, type CpuModel } from './cpu/cpuid';
import { CpuModelError, parseCpuModel } from './cpu/model-name';
import { setMemoryTypes } from './boot/memory-types';
import { attachDevices, type Devices, type Platform, PLATFORMS } from './devices';
import { restoreDevices, saveDevices } from './devices/shared-devices';
import { readTimestamp } from './cpu/timestamp';
import { SystemBus } from './devices/system-bus';
import { Engine } from './engine/engine';
import { ENGINE_STAGES, type EngineStages } from './engine/generated-code';
import type { Processor } from './engine/processor';
import { generateInterpreter, loadInterpreter, type Interpreter } from './engine/interpreter';
import { HandlerTable } from './engine/handlers';
import { RAM } from './engine/layout';
import { DecoderFeature } from './isa/decoder';
import { definitions } from './isa/semantics';
import type { DataBreakpoint, Machine, RequestedEnd, Stop, StepResult } from './machine';
import { PAGE_BYTES, PhysicalMemory } from './memory';
import { SnapshotError } from './snapshot/errors';
import { hasFormOf } from './snapshot/saved';
import { isSavedMemory, restoreMemory, saveMemory } from './snapshot/saved-memory';
import { describeMachine, differenceOf, type MachineDescription, type Snapshot } from './snapshot/snapshot';

export interface MachineOptions {
  /** Bytes of RAM, a multiple of 4096, at least 1 MiB. */
  readonly memoryBytes: number;
  /** Name of a CPU model, also with features as in `intel,+FRED,-SMAP` (`cpuModel`), or a model; default `intel`. */
  readonly cpu?: string | CpuModel;
  /** Seed of what RDRAND and RDSEED give, 64 bits: the same one repeats the same run. Default 0. */
  readonly seed?: bigint;
  /**
   * `tiered` compiles hot code, `compiled` all code before it first runs, `interpreter` none. Default `tiered`. What the
   * guest sees is the same.
   */
  readonly engine?: EngineStages;
  /** What `interpreterCode()` returned at build time; without it the interpreter is generated, in a tenth of a second. */
  readonly interpreterCode?: Uint8Array;
  /**
   * `legacy` (default): 8259s, 8254, serial port, clock chip. `acpi`: also local APIC and IO-APIC, HPET, ACPI registers and
   * a PCI host bridge, to be described to the guest by `acpiTables`; CPU models gain APIC, Intel's also X2APIC and
   * TSC_DEADLINE unless they are taken away by name.
   */
  readonly platform?: Platform;
  /** Receives the bytes the guest sends to its first serial port. */
  readonly serial?: (byte: number) => void;
  /** Receives the bytes the guest writes to port E9h. */
  readonly debugConsole?: (byte: number) => void;
}

/** A machine cannot be made as asked. */
export class MachineError extends Error {}

const LEAST_MEMORY = 1 << 20;
/** 32-bit WebAssembly memories end at 4 GiB, of which the engine needs a little. */
const MOST_MEMORY = 3 * 2 ** 30;
const WASM_PAGE = 0x10000;

/** The interpreter depends on nothing but the program itself: it is generated once and shared. */
let interpreter: Interpreter | undefined;

/** The interpreter's code, to be kept by a build for `MachineOptions.interpreterCode`. */
export function interpreterCode(): Uint8Array {
  return generateInterpreter(new HandlerTable(definitions));
}

/** Makes a machine in its state after reset. Throws MachineError. */
export function createMachine(options: MachineOptions): Pc {
  return new Pc(options);
}

/**
 * The model of that name (`CPU_MODELS`), with features added and taken away by `,+FEATURE` and `,-FEATURE` after it.
 * On the `acpi` platform the model has a local APIC. Throws MachineError naming the ones there are.
 */
export function cpuModel(name: string, platform: Platform = 'legacy'): CpuModel {
  try {
    return parseCpuModel(name, platform === 'acpi' ? withLocalApic : undefined);
  } catch (error) {
    if (error instanceof CpuModelError) throw new MachineError(error.message);
    throw error;
  }
}

function decoderFeatures(model: CpuModel): number {
  let features: number = DecoderFeature.VEX;
  if (model.features.has('BMI1')) features |= DecoderFeature.BMI1;
  if (model.features.has('LZCNT')) features |= DecoderFeature.LZCNT;
  if (model.features.has('CET_SS')) features |= DecoderFeature.CET_SS;
  if (model.features.has('CET_IBT')) features |= DecoderFeature.CET_IBT;
  return features;
}

export class Pc implements Machine {
  readonly memory: PhysicalMemory;
  readonly bus = new SystemBus();
  readonly platform: Platform;
  readonly cpu: Processor;
  private readonly engine: Engine;
  private readonly clock: Clock;
  private readonly description: MachineDescription;
  /** The end the guest asked for. */
  private requestedEnd: RequestedEnd | undefined;
  readonly devices: Devices;

  constructor({
    memoryBytes,
    cpu = 'intel',
    engine = 'tiered',
    interpreterCode,
    platform = 'legacy',
    serial = () => {},
    debugConsole = () => {},
    seed = 0n,
  }: MachineOptions) {
    const fits =
      Number.isInteger(memoryBytes / PAGE_BYTES) && memoryBytes >= LEAST_MEMORY && memoryBytes <= MOST_MEMORY;
    if (!fits)
      throw new MachineError(`Memory must be 1 MiB to 3 GiB in whole pages of 4 KiB, not ${memoryBytes} bytes.`);
    if (!ENGINE_STAGES.includes(engine))
      throw new MachineError(`Unknown engine "${engine}". Choose one of: ${ENGINE_STAGES.join(', ')}.`);
    if (!PLATFORMS.includes(platform))
      throw new MachineError(`Unknown platform "${platform}". Choose one of: ${PLATFORMS.join(', ')}.`);
    this.platform = platform;
    const linear = new WebAssembly.Memory({ initial: Math.ceil((RAM + memoryBytes) / WASM_PAGE) });
    this.memory = new PhysicalMemory(linear, memoryBytes);
    const model = typeof cpu === 'string' ? cpuModel(cpu, platform) : cpu;
    interpreter ??= loadInterpreter(definitions, interpreterCode);
    const clock = new Clock(() => this.cpu.instructionCount);
    this.clock = clock;
    this.description = describeMachine(memoryBytes, platform, model);
    this.devices = attachDevices(this.bus, clock, {
      ...{ platform, memoryBytes, serial, debugConsole },
      timestamp: () => readTimestamp(this.cpu),
      end: (end) => {
        this.requestedEnd ??= end;
      },
    });
    const { interrupts, localApic, processorBus } = this.devices;
    const end = (): RequestedEnd | undefined => this.requestedEnd;
    const environment = {
      clock,
      interruptPending: () => interrupts.interruptRequested,
      acknowledgeInterrupt: () => interrupts.acknowledge(),
      nmiPending: () => localApic?.nmiPending === true,
      acknowledgeNmi: () => {
        if (localApic) localApic.nmiPending = false;
      },
      get end() {
        return end();
      },
    };
    this.engine = new Engine(
      ...([this.memory, processorBus, model, environment, interpreter] as const),
      ...([decoderFeatures(model), engine, localApic] as const),
    );
    this.cpu = this.engine.processor;
    if (platform === 'acpi') setMemoryTypes(this.cpu);
    this.cpu.state.randomState = BigInt.asUintN(64, seed);
  }

  get state(): Processor['state'] {
    return this.cpu.state;
  }
  get stopOn(): Engine['stopOn'] {
    return this.engine.stopOn;
  }
  /** Regions of code that are compiled now. */
  get compiledRegions(): number {
    return this.engine.compiledRegions;
  }
  get instructionCount(): number {
    return this.cpu.instructionCount;
  }

  run(maxInstructions: number): Stop {
    return this.engine.run(maxInstructions);
  }
  step(options?: { readonly holdInterrupts?: boolean }): StepResult {
    return this.engine.step(options);
  }
  addBreakpoint(va: bigint): void {
    this.engine.addBreakpoint(va);
  }
  removeBreakpoint(va: bigint): void {
    this.engine.removeBreakpoint(va);
  }
  addDataBreakpoint(breakpoint: DataBreakpoint): void {
    this.engine.addDataBreakpoint(breakpoint);
  }
  removeDataBreakpoint(breakpoint: DataBreakpoint): void {
    this.engine.removeDataBreakpoint(breakpoint);
  }

  physicalAddress(va: bigint, cr3?: bigint): number | undefined {
    return this.cpu.paging.probe(BigInt.asUintN(64, va), cr3)?.pa;
  }

  readLinear(va: bigint, length: number, cr3?: bigint): Uint8Array {
    const data = new Uint8Array(length);
    const done = this.eachPage(va, length, cr3, (pa, at, count) => {
      data.set(this.memory.bytes.subarray(pa, pa + count), at);
    });
    return data.subarray(0, done);
  }

  writeLinear(va: bigint, data: Uint8Array, cr3?: bigint): number {
    const written = this.eachPage(va, data.length, cr3, (pa, at, count) => {
      this.memory.load(pa, data.subarray(at, at + count));
    });
    // What was written may be a page table.
    this.cpu.flush(false);
    return written;
  }

  /** Calls `visit` for each run of RAM within a page; returns the bytes before the first that is not there. */
  private eachPage(
    va: bigint,
    length: number,
    cr3: bigint | undefined,
    visit: (pa: number, at: number, count: number) => void,
  ): number {
    let at = 0;
    while (at < length) {
      const pa = this.physicalAddress(va + BigInt(at), cr3);
      if (pa === undefined) return at;
      const count = Math.min(length - at, PAGE_BYTES - (pa % PAGE_BYTES));
      if (!this.memory.contains(pa, count)) return at;
      visit(pa, at, count);
      at += count;
    }
    return at;
  }

  save(): Snapshot {
    return { machine: this.description, state: this.saveState(), memory: saveMemory(this.memory) };
  }

  private saveState() {
    // What is due happens before the next instruction in any case.
    this.clock.runDue();
    const { localApic, shared } = this.devices;
    return {
      processors: [{ ...this.engine.save(), localApic: localApic?.save() }],
      clock: this.clock.save(),
      devices: saveDevices(shared),
      end: this.requestedEnd,
    };
  }

  /** `blank`: RAM holds nothing but zeros, as that of a new machine. */
  restore({ machine, state, memory }: Snapshot, blank = false): void {
    const difference = differenceOf(this.description, machine);
    if (difference !== undefined) {
      throw new SnapshotError('other-machine', `The snapshot is of a machine with ${difference}.`);
    }
    const fits = state !== undefined && hasFormOf(this.saveState(), state) && state.processors.length === 1;
    if (!fits || !isSavedMemory(memory, this.memory.size)) {
      throw new SnapshotError(
        'other-version',
        'The snapshot was made by another version of Ringside. Boot again and save a new one.',
      );
    }
    const [{ localApic, ...processor }] = state.processors;
    restoreMemory(this.memory, memory, blank);
    this.requestedEnd = state.end;
    this.clock.restore(state.clock);
    restoreDevices(this.devices.shared, state.devices);
    if (localApic) this.devices.localApic?.restore(localApic);
    this.engine.restore(processor);
  }

  passTime(duration: number): void {
    this.clock.pass(duration);
  }

  sendSerial(data: Uint8Array): void {
    this.devices.serial.receive(data);
  }
}
