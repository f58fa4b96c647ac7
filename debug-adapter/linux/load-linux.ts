/** From launch attributes to a machine that is about to enter a Linux kernel, and what is known of the kernel. */
import { resolve } from 'node:path';
import type { Machine } from '../../emulator';
import { DebugInfo, type ElfFile, readKernelImage } from '../../toolchain';
import { bootLinux, type LinuxBootOptions } from '../boot-linux';
import { buildImage, formatOf } from '../build';
import { AdapterError } from '../errors';
import type { Image } from '../image';
import { initialFileSystem, type InitialFileSystemOptions } from '../initial-file-system';
import type { LoadedTarget } from '../load-target';
import { bootKey, resumeLinux } from '../resume-linux';
import { Target } from '../target';
import { kernelCommandLine, withProcessArguments } from './command-line';
import type { SnapshotPlace } from './guest';
import { KernelMessages } from './kernel-messages';
import { kernelSymbols } from './kernel-symbols';

export interface LinuxTargetOptions
  extends
    Omit<LinuxBootOptions, 'initrd' | 'commandLine' | 'serial'>,
    Pick<InitialFileSystemOptions, 'initrd' | 'busybox'> {
  readonly kernelBytes: Uint8Array;
  /** Assembly source or static ELF executable that becomes the first process. */
  readonly program?: string;
  /** Kernel command line, as the user gives it. */
  readonly append?: string;
  /** Arguments and environment of the first process. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly fastTime?: boolean;
  readonly serial: (byte: number) => void;
}

/** What a machine with Linux on it is made of. */
export class LinuxInputs {
  private readonly built: ReturnType<typeof buildImage> | undefined;
  private readonly boot: Omit<LinuxBootOptions, 'serial'> & { readonly kernelBytes: Uint8Array };

  /** Builds the program and the initial file system. Throws AdapterError. */
  constructor(private readonly options: LinuxTargetOptions) {
    const { program, append, args = [], env = {}, initrd, busybox } = options;
    const { kernel, kernelBytes, memoryBytes, cpu, engine, platform, entry } = options;
    this.built = program === undefined ? undefined : buildProgram(program);
    const fileSystem = initialFileSystem({
      ...(initrd === undefined ? {} : { initrd }),
      ...(busybox === undefined ? {} : { busybox }),
      ...(this.built ? { init: this.built.image.bytes } : {}),
    });
    this.boot = {
      kernel,
      kernelBytes,
      commandLine: withProcessArguments(kernelCommandLine(append), args, env),
      ...(fileSystem === undefined ? {} : { initrd: fileSystem }),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(cpu === undefined ? {} : { cpu }),
      ...(engine === undefined ? {} : { engine }),
      ...(platform === undefined ? {} : { platform }),
      ...(entry === undefined ? {} : { entry }),
    };
  }

  /** The same for the same inputs: see `bootKey`. */
  get key(): string {
    return bootKey(this.boot);
  }

  /** A machine that is about to enter the kernel; `save` is where a snapshot of it goes when it has booted. Throws AdapterError. */
  load(save?: SnapshotPlace): LoadedTarget {
    const messages = new KernelMessages();
    const { machine, vmlinux } = bootLinux({ ...this.boot, serial: this.serial(messages) });
    return this.target(machine, messages, () => vmlinux, save);
  }

  /** A machine that goes on where the snapshot was taken. Throws SnapshotFileError, AdapterError. */
  async resume({ path, key }: SnapshotPlace): Promise<LoadedTarget> {
    const messages = new KernelMessages();
    messages.inUserspace = true;
    const { engine } = this.boot;
    const serial = this.serial(messages);
    const resumed = await resumeLinux(path, { serial, ...(engine === undefined ? {} : { engine }) });
    if (resumed.key !== key) {
      throw new AdapterError(
        `The snapshot ${path} was made of another kernel, initial file system, command line or machine. Name another file as "snapshot", or remove this one.`,
      );
    }
    resumed.console.forEach(serial);
    // The kernel is unpacked when its symbols are asked for: later than the prompt is there.
    return this.target(resumed.machine, messages, () => readKernelImage(this.options.kernelBytes).vmlinux);
  }

  private serial(messages: KernelMessages): (byte: number) => void {
    return (byte) => {
      messages.see(byte);
      this.options.serial(byte);
    };
  }

  private target(
    machine: Machine,
    messages: KernelMessages,
    vmlinux: () => ElfFile | undefined,
    save?: SnapshotPlace,
  ): LoadedTarget {
    const { kernel, fastTime = false } = this.options;
    machine.stopOn.idle = !fastTime;
    const images = [...(this.built ? [this.built.image] : []), kernelImage(kernel, vmlinux)];
    const entry = this.built?.image.elf?.entry ?? machine.state.rip;
    const guest = { messages, fastTime, hasProgram: this.built !== undefined, ...(save ? { save } : {}) };
    return {
      target: new Target(machine, images, entry, guest),
      warnings: this.built?.warnings ?? [],
    };
  }
}

function buildProgram(path: string): ReturnType<typeof buildImage> {
  const format = formatOf(path);
  if (format !== 'asm' && format !== 'elf') {
    throw new AdapterError(
      `${path} is no program Linux could start: give a static ELF executable or an assembly source.`,
    );
  }
  return buildImage(path, 'program', format);
}

/** A kernel has no listing as a whole: it would have millions of lines. */
function kernelImage(path: string, vmlinux: () => ElfFile | undefined): Image {
  let read: { readonly elf: ElfFile | undefined; readonly debugInfo: DebugInfo | undefined } | undefined;
  const content = (): NonNullable<typeof read> => {
    if (read) return read;
    const elf = vmlinux();
    const hasLines = elf?.sections.some(({ name }) => name === '.debug_line') ?? false;
    return (read = { elf: elf && kernelSymbols(elf), debugInfo: elf && hasLines ? new DebugInfo(elf) : undefined });
  };
  return {
    role: 'kernel',
    path: resolve(path),
    get bytes() {
      return content().elf?.bytes ?? new Uint8Array();
    },
    get elf() {
      return content().elf;
    },
    get debugInfo() {
      return content().debugInfo;
    },
    listing: undefined,
  };
}
