/** The guest of `ringside boot`: a kernel about to be entered, or a machine that goes on where it was saved. */
import {
  bootKey,
  bootLinux,
  initialFileSystem,
  kernelCommandLine,
  LINUX_ENTRIES,
  type LinuxBootOptions,
  resumeLinux,
} from '../debug-adapter';
import { CPU_MODELS, ENGINE_STAGES, type Machine, PLATFORMS } from '../emulator';
import { type ElfFile, initrdProblem } from '../toolchain';
import { UsageError } from './errors';
import { readBytes } from './files';
import type { Given, Options } from './options';
import { checkModel, memorySizeOf } from './target-options';
import type { Terminal } from './terminal';
import { definitions, parseChoice } from './values';

export const GUEST_OPTIONS = {
  kernel: { value: 'FILE', help: 'bzImage (vmlinuz) or vmlinux of an x86-64 kernel' },
  initrd: { value: 'FILE|DIR', help: 'initial RAM disk; a folder becomes one' },
  busybox: { value: 'FILE', help: 'static busybox: an initial RAM disk with its commands and a shell' },
  init: { value: 'ELF|FILE.S', help: 'static executable or assembly source that runs as /init, the first process' },
  I: { short: 'I', value: 'DIR', multiple: true, help: 'look for #include files of --init FILE.S there too' },
  D: { short: 'D', value: 'NAME=VALUE', multiple: true, help: 'define a C macro for --init FILE.S' },
  append: {
    value: 'TEXT',
    help: 'kernel command line; console=ttyS0 comes before it unless it names a console (default: console=ttyS0 nokaslr)',
  },
  memory: { value: 'SIZE', help: 'guest RAM (default 256M)' },
  cpu: {
    value: 'MODEL',
    help: `CPU model: ${Object.keys(CPU_MODELS).join(', ')}; features may follow, as in intel,+fred,-smap`,
  },
  platform: {
    value: 'legacy|acpi',
    help: 'legacy (default): 8259, 8254, serial port, clock; acpi: also local and IO-APIC, HPET, PCI host bridge, ACPI',
  },
  entry: {
    value: 'direct|64|32',
    help: 'direct (default): a bzImage is unpacked here and entered at vmlinux; 64 or 32: it unpacks itself, from its entry of that mode',
  },
  snapshot: {
    value: 'FILE',
    help: 'instead of all of the above: go on where --save-snapshot saved a guest, the prompt included',
  },
  engine: { value: 'STAGES', help: 'tiered (default), compiled or interpreter' },
} as const satisfies Options;

type GivenGuest = Given<typeof GUEST_OPTIONS>;

/** What a snapshot settles. */
const SETTLED = ['kernel', 'initrd', 'busybox', 'init', 'append', 'memory', 'cpu', 'platform', 'entry'] as const;

/** Throws UsageError if there is nothing to start from, or too much. */
export function checkGuestOptions(given: GivenGuest, usage: string): void {
  const { kernel, snapshot, init } = given;
  if (init === undefined && given.I.length + given.D.length > 0) {
    throw new UsageError('-I and -D need --init FILE.S.', 'They are for the assembly source of the first process.');
  }
  if (snapshot === undefined) {
    if (kernel === undefined || kernel === '') throw new UsageError('boot needs --kernel FILE.', usage);
    return;
  }
  const settled = SETTLED.find((name) => given[name] !== undefined);
  if (settled === undefined) return;
  throw new UsageError(
    `--${settled} cannot be combined with --snapshot, which settles it.`,
    `Leave --${settled} out to go on from the snapshot, or --snapshot to boot anew.`,
  );
}

export interface StartedGuest {
  readonly machine: Machine;
  /** Undefined if only the kernel could unpack it, and of a guest that goes on. */
  readonly vmlinux: ElfFile | undefined;
  /** What stands in the last line of its console. */
  readonly console: Uint8Array;
  /** Which inputs it was made of: see `bootKey`. */
  readonly key: () => string;
}

export interface GuestHost {
  readonly serial: (byte: number) => void;
  readonly terminal: Terminal;
}

/** Makes the guest of options that `checkGuestOptions` has seen. */
export async function startGuest(given: GivenGuest, { serial, terminal }: GuestHost): Promise<StartedGuest> {
  const engine = given.engine === undefined ? undefined : parseChoice('--engine', given.engine, ENGINE_STAGES);
  const host = { serial, ...(engine === undefined ? {} : { engine }) };
  if (given.snapshot !== undefined) {
    const { machine, console, key } = await resumeLinux(given.snapshot, host);
    return { machine, console, key: () => key, vmlinux: undefined };
  }
  const kernel = given.kernel ?? '';
  const inputs = bootInputs(given, terminal);
  const { machine, vmlinux } = bootLinux({ ...inputs, ...host, kernel });
  const key = (): string => bootKey({ ...inputs, kernelBytes: readBytes(kernel) });
  return { machine, vmlinux, console: new Uint8Array(), key };
}

function bootInputs(given: GivenGuest, terminal: Terminal): Omit<LinuxBootOptions, 'kernel' | 'serial' | 'engine'> {
  const memoryBytes = memorySizeOf(given.memory);
  const entry = given.entry === undefined ? undefined : parseChoice('--entry', given.entry, LINUX_ENTRIES);
  const platform = given.platform === undefined ? undefined : parseChoice('--platform', given.platform, PLATFORMS);
  checkModel(given.cpu);
  const initrd = initialFileSystem({ ...given, includePaths: given.I, defines: definitions(given.D) });
  const problem = initrd && initrdProblem(initrd);
  if (problem !== undefined) terminal.error(`ringside: warning: the initial RAM disk will be of no use: ${problem}.`);
  return {
    commandLine: kernelCommandLine(given.append),
    ...(initrd === undefined ? {} : { initrd }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(given.cpu === undefined ? {} : { cpu: given.cpu }),
    ...(platform === undefined ? {} : { platform }),
    ...(entry === undefined ? {} : { entry }),
  };
}
