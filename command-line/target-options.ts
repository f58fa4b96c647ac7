/** What `run` and `trace` have in common: which image on which machine. */
import { statSync } from 'node:fs';
import {
  AdapterError,
  BuildError,
  closest,
  defaultKernel,
  formatOf,
  loadTarget,
  msrRegister,
  parseMemorySize,
  registerNamed,
  writeRegister,
  type ImageFormat,
  type LoadedTarget,
  type Target,
  type TargetOptions,
} from '../debug-adapter';
import { CPU_MODELS, CpuModelError, ENGINE_STAGES, hasMultibootHeader, parseCpuModel } from '../emulator';
import { diagnosticLines, nearName } from './diagnostics';
import { CommandError, UsageError } from './errors';
import { readBytes } from './files';
import type { CommandDescription, Given, Options } from './options';
import type { Terminal } from './terminal';
import { parseChoice, parseNumber, splitAssignment } from './values';

export const IMAGE_OPERAND = {
  placeholder: 'IMAGE',
  help: 'assembly source, ELF executable, flat or multiboot image to run',
} as const satisfies CommandDescription['operand'];

export const TARGET_OPTIONS = {
  kernel: {
    value: 'FILE.S|DIR',
    help: 'kernel the program runs on; "none" for the bare machine. Default for sources and ELF executables: the folder "kernel" beside or above the program, else the sample kernel',
  },
  format: { value: 'FORMAT', help: 'auto (default), asm, elf, flat or multiboot' },
  load: { value: 'ADDR', help: 'flat: physical address to load at (default 0x100000)' },
  entry: {
    value: 'ADDR',
    help: 'flat, bare ELF: address of the first instruction (default: the load address, the ELF entry)',
  },
  mode: {
    value: '32|64',
    help: 'flat: start in 32-bit protected mode with flat segments, or (default) in 64-bit mode in ring 0, memory mapped where it is, a stack below the image',
  },
  cpu: {
    value: 'MODEL',
    help: `CPU model: ${Object.keys(CPU_MODELS).join(', ')}; features may follow, as in intel,+fred,-smap`,
  },
  engine: {
    value: 'STAGES',
    help: 'what carries the guest out, which sees no difference: tiered (default: interpreted, and compiled where it is hot), compiled (from the first time on) or interpreter',
  },
  memory: { value: 'SIZE', help: 'guest RAM, such as 64M (default) or 1G' },
  arg: { value: 'TEXT', multiple: true, help: 'argument of the program: argv[1] and following' },
  env: { value: 'NAME=VALUE', multiple: true, help: 'environment of the program' },
  set: {
    value: 'REG=VALUE',
    multiple: true,
    help: 'a register or MSR at the start, such as rax=0x10 or lstar=0x200000',
  },
} as const satisfies Options;

type GivenTarget = Given<typeof TARGET_OPTIONS>;

export const TARGET_NOTES = [
  'Sources and ELF executables are programs for ring 3 and run on a kernel, as in the debugger, unless they bring boot code of their own (a multiboot header), or --kernel none, --mode, --load, --entry or --until-hlt shows that they are meant for the bare machine. Addresses and values are decimal, or hexadecimal with 0x; sizes may end in K, M or G.',
] as const;

const FORMATS = ['auto', 'asm', 'elf', 'flat', 'multiboot'] as const;
const NO_KERNEL = new Set(['', 'none']);

/** Loads what the options describe, prints warnings, sets registers. `bare`: something else says there is no kernel. */
export function targetOf(
  program: string,
  given: GivenTarget,
  terminal: Terminal,
  options: { readonly serial: (byte: number) => void; readonly bare: boolean },
): Target {
  const mode = given.mode === undefined ? undefined : parseChoice('--mode', given.mode, ['32', '64']);
  const loadAddress = given.load === undefined ? undefined : parseNumber('--load', given.load);
  const entry = given.entry === undefined ? undefined : parseNumber('--entry', given.entry);
  const engine = given.engine === undefined ? undefined : parseChoice('--engine', given.engine, ENGINE_STAGES);
  const registers = given.set.map(parseSetting);
  const memoryBytes = memorySizeOf(given.memory);
  const format = formatFor(program, parseChoice('--format', given.format ?? 'auto', FORMATS));
  const bare = options.bare || mode !== undefined || loadAddress !== undefined || entry !== undefined;
  const kernel = kernelFor(program, given, format, bare);
  checkModel(given.cpu);
  checkImageOptions(given, format);
  const { target, warnings } = built(terminal, {
    program,
    serial: options.serial,
    args: given.arg,
    env: Object.fromEntries(given.env.map(splitAssignment).map(({ name, value }) => [name, value ?? ''])),
    format,
    ...(kernel === undefined ? {} : { kernel }),
    ...(given.cpu === undefined ? {} : { cpu: given.cpu }),
    ...(engine === undefined ? {} : { engine }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(loadAddress === undefined ? {} : { loadAddress }),
    ...(entry === undefined ? {} : { entry }),
    ...(mode === undefined ? {} : { mode: mode === '32' ? 32 : 64 }),
  });
  warnings.forEach((warning) => terminal.error(warning));
  for (const { name, value } of registers) {
    const register = registerNamed(name) ?? msrRegister(name);
    if (!register) throw unknownRegister(name);
    checkUsage(`--set ${name}`, () => writeRegister(target.machine, register, value));
  }
  return target;
}

/** Loads; what is wrong with a source is printed as a compiler would. */
function built(terminal: Terminal, options: TargetOptions): LoadedTarget {
  try {
    return loadTarget(options);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    for (const diagnostic of error.diagnostics) diagnosticLines(diagnostic).forEach((line) => terminal.error(line));
    throw new CommandError(`${nearName(error.path)} could not be assembled.`);
  }
}

/** An ELF file tells itself where it lies and in which mode it runs. */
function checkImageOptions(given: GivenTarget, format: ImageFormat): void {
  if (format === 'flat') return;
  if (given.load !== undefined) {
    throw new UsageError(
      '--load is for flat images; this one says itself where it is loaded.',
      'Add --format flat to load it as it is.',
    );
  }
  if (given.mode === '32' && format === 'asm') {
    throw new UsageError(
      '--mode 32 is for flat images; a source becomes a 64-bit ELF image.',
      'Switch with .code32 and far jumps, as the sample kernel does.',
    );
  }
}

/** What `auto` means for this file. */
function formatFor(program: string, format: (typeof FORMATS)[number]): ImageFormat {
  if (format !== 'auto') return format;
  const told = formatOf(program);
  return told !== 'asm' && hasMultibootHeader(readBytes(program)) ? 'multiboot' : told;
}

function kernelFor(program: string, given: GivenTarget, format: ImageFormat, bare: boolean): string | undefined {
  if (given.kernel !== undefined) return NO_KERNEL.has(given.kernel) ? undefined : given.kernel;
  const isProgram = (format === 'asm' || format === 'elf') && !bare;
  // A folder of sources is a kernel, not a program.
  return isProgram && statSync(program, { throwIfNoEntry: false })?.isFile() === true
    ? defaultKernel(program)
    : undefined;
}

function parseSetting(text: string): { name: string; value: bigint } {
  const { name, value } = splitAssignment(text);
  if (value === undefined)
    throw new UsageError(`--set ${text}: the value is missing.`, 'Write --set REG=VALUE, such as --set rax=0x10.');
  if (!registerNamed(name) && !msrRegister(name)) throw unknownRegister(name);
  return { name, value: parseNumber(`--set ${name}`, value) };
}

function unknownRegister(name: string): UsageError {
  return new UsageError(
    `--set: there is no register "${name}".`,
    'Write the SDM name in lower case: rax, rflags, cr3, fs_base, lstar.',
  );
}

/** Throws UsageError if there is no such CPU model. */
export function checkModel(name: string | undefined): void {
  if (name === undefined) return;
  try {
    parseCpuModel(name);
  } catch (error) {
    if (!(error instanceof CpuModelError)) throw error;
    const { kind, wrong, choices } = error;
    const near = closest(kind === 'feature' ? wrong.toUpperCase().replaceAll('-', '_') : wrong, choices);
    const what = kind === 'sign' ? `"${wrong}" is no change` : `there is no ${kind} "${wrong}"`;
    throw new UsageError(
      `--cpu: ${what}.${near === undefined || kind === 'sign' ? '' : ` Did you mean "${near}"?`}`,
      `Choose one of: ${choices.join(', ')}.`,
    );
  }
}

/** Bytes of `--memory`; undefined without it. */
export function memorySizeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : checkUsage('--memory', () => parseMemorySize(text));
}

/** What is wrong with a value is wrong with the command line. */
function checkUsage<T>(option: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof AdapterError) throw new UsageError(`${option}: ${error.message}`);
    throw error;
  }
}
