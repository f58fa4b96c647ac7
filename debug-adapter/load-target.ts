/** From launch options to a booted machine: the one place where a parsed image meets a machine. */
import { dirname, resolve } from 'node:path';
import {
  createMachine,
  hasMultibootHeader,
  ImageError,
  isCanonical,
  loadFlat,
  loadImage,
  loadMultiboot,
  MachineError,
  type BootImage,
  type EngineStages,
  type Machine,
} from '../emulator';
import type { ElfFile } from '../toolchain';
import { buildImage, formatOf, type BuildOptions, type ImageFormat } from './build';
import { AdapterError } from './errors';
import { builtInterpreter } from './built-interpreter';
import { Target } from './target';

export interface TargetOptions extends BuildOptions {
  /** Assembly source, ELF executable or flat image. */
  readonly program: string;
  /** Assembly source, folder of sources or ELF image; none: the program runs on the bare machine. */
  readonly kernel?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Name of a CPU model. */
  readonly cpu?: string;
  /** Default 64 MiB. */
  readonly memoryBytes?: number;
  /** What carries the guest's code out; default `tiered`. */
  readonly engine?: EngineStages;
  /** Default: what name and content say. */
  readonly format?: ImageFormat;
  /** For flat images: where they are loaded (default 1 MiB) and their entry (default the load address). */
  readonly loadAddress?: bigint;
  readonly entry?: bigint;
  /** For flat images, default 64. */
  readonly mode?: 32 | 64;
  /** Gets each byte the guest sends to its serial port. */
  readonly serial?: (byte: number) => void;
}

export interface LoadedTarget {
  readonly target: Target;
  /** Warnings of assembler and linker, ready to print. */
  readonly warnings: readonly string[];
}

const DEFAULT_MEMORY = 64 << 20;
const DEFAULT_LOAD_ADDRESS = 0x100000n;
const PT_LOAD = 1;

/** Builds what is source, boots a machine with it, and knows its symbols. Throws AdapterError. */
export function loadTarget(options: TargetOptions): LoadedTarget {
  try {
    return options.kernel ? loadOnKernel(options, options.kernel) : loadBare(options);
  } catch (error) {
    if (error instanceof ImageError || error instanceof MachineError) throw new AdapterError(error.message);
    throw error;
  }
}

function loadOnKernel(options: TargetOptions, kernelPath: string): LoadedTarget {
  const format = options.format ?? formatOf(options.program);
  if (format === 'flat' || format === 'multiboot') {
    throw new AdapterError(
      `${options.program} is no program a kernel can start: give an assembly source or an ELF executable, or name no kernel for it.`,
    );
  }
  if (dirname(resolve(options.program)) === resolve(kernelPath)) {
    throw new AdapterError(
      `${options.program} is a part of the kernel ${kernelPath}. Start a program that runs on it, or the folder itself without a kernel.`,
    );
  }
  const kernel = buildImage(kernelPath, 'kernel', formatOf(kernelPath), options);
  const program = buildImage(options.program, 'program', format, options);
  const machine = makeMachine(options);
  const string = [program.image.path, ...(options.args ?? [])].join(' ');
  const environment = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}\0`);
  const modules = [
    { bytes: program.image.bytes, string },
    ...(environment.length > 0 ? [{ bytes: new TextEncoder().encode(environment.join('')), string: 'environ' }] : []),
  ];
  if (!hasMultibootHeader(kernel.image.bytes)) {
    throw new AdapterError(
      `${kernel.image.path} has no multiboot header in its first 8192 bytes, so it cannot be booted as a kernel.`,
    );
  }
  loadMultiboot(machine.cpu, kernel.image.bytes, kernel.image.elf && bootImage(kernel.image.elf), { modules });
  const entry = program.image.elf?.entry ?? 0n;
  return {
    target: new Target(machine, [program.image, kernel.image], entry),
    warnings: [...kernel.warnings, ...program.warnings],
  };
}

function loadBare(options: TargetOptions): LoadedTarget {
  const format = options.format ?? formatOf(options.program);
  const { image, warnings } = buildImage(options.program, 'program', format, options);
  const machine = makeMachine(options);
  const wantsMultiboot =
    format === 'multiboot' || (format !== 'flat' && image.elf !== undefined && hasMultibootHeader(image.bytes));
  const elf = image.elf && bootImage(image.elf);
  if (wantsMultiboot) {
    const commandLine = [image.path, ...(options.args ?? [])].join(' ');
    loadMultiboot(machine.cpu, image.bytes, elf, { commandLine });
  } else if (elf) {
    loadImage(machine.cpu, options.entry === undefined ? elf : { ...elf, entry: options.entry });
  } else {
    const loadAddress = options.loadAddress ?? DEFAULT_LOAD_ADDRESS;
    const entry = options.entry === undefined ? {} : { entry: checkedAddress(machine, options.entry) };
    loadFlat(machine.cpu, {
      bytes: image.bytes,
      loadAddress: checkedAddress(machine, loadAddress),
      mode: options.mode ?? 64,
      ...entry,
    });
  }
  return { target: new Target(machine, [image], machine.state.rip), warnings };
}

function checkedAddress({ state }: Machine, va: bigint): bigint {
  if (!isCanonical(state, va)) throw new AdapterError(`0x${va.toString(16)} is not a canonical address.`);
  return va;
}

function makeMachine({ cpu, memoryBytes = DEFAULT_MEMORY, engine, serial }: TargetOptions): Machine {
  const interpreterCode = builtInterpreter();
  return createMachine({
    memoryBytes,
    ...(cpu === undefined ? {} : { cpu }),
    ...(engine === undefined ? {} : { engine }),
    ...(serial ? { serial } : {}),
    ...(interpreterCode ? { interpreterCode } : {}),
  });
}

/** What the loaders take of a parsed ELF file. */
export function bootImage(elf: ElfFile): BootImage {
  return {
    entry: elf.entry,
    mode: elf.bits,
    segments: elf.segments
      .filter(({ type }) => type === PT_LOAD)
      .map(({ va, pa, data, memorySize }) => ({ va, pa, bytes: data, memoryBytes: memorySize })),
  };
}
