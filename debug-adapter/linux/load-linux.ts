/** From launch attributes to a machine that is about to enter a Linux kernel, and what is known of the kernel. */
import { resolve } from 'node:path';
import { DebugInfo, type ElfFile } from '../../toolchain';
import { bootLinux, type LinuxBootOptions } from '../boot-linux';
import { buildImage, formatOf } from '../build';
import { AdapterError } from '../errors';
import type { Image } from '../image';
import { initialFileSystem, type InitialFileSystemOptions } from '../initial-file-system';
import type { LoadedTarget } from '../load-target';
import { Target } from '../target';
import { kernelCommandLine, withProcessArguments } from './command-line';
import { KernelMessages } from './kernel-messages';
import { kernelSymbols } from './kernel-symbols';

export interface LinuxTargetOptions
  extends
    Omit<LinuxBootOptions, 'initrd' | 'commandLine' | 'serial'>,
    Pick<InitialFileSystemOptions, 'initrd' | 'busybox'> {
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

/** Loads the kernel with the initial file system asked for. Throws AdapterError. */
export function loadLinuxTarget(options: LinuxTargetOptions): LoadedTarget {
  const { program, append, args = [], env = {}, initrd, busybox, fastTime = false, serial, ...boot } = options;
  const built = program === undefined ? undefined : buildProgram(program);
  const fileSystem = initialFileSystem({
    ...(initrd === undefined ? {} : { initrd }),
    ...(busybox === undefined ? {} : { busybox }),
    ...(built ? { init: built.image.bytes } : {}),
  });
  const messages = new KernelMessages();
  const { machine, vmlinux } = bootLinux({
    ...boot,
    commandLine: withProcessArguments(kernelCommandLine(append), args, env),
    ...(fileSystem === undefined ? {} : { initrd: fileSystem }),
    serial: (byte) => {
      messages.see(byte);
      serial(byte);
    },
  });
  machine.stopOn.idle = !fastTime;
  const kernel = kernelImage(options.kernel, vmlinux);
  const entry = built?.image.elf?.entry ?? machine.state.rip;
  return {
    target: new Target(machine, [...(built ? [built.image] : []), kernel], entry, {
      messages,
      fastTime,
      hasProgram: built !== undefined,
    }),
    warnings: built?.warnings ?? [],
  };
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
function kernelImage(path: string, vmlinux: ElfFile | undefined): Image {
  const hasLines = vmlinux?.sections.some(({ name }) => name === '.debug_line') ?? false;
  return {
    role: 'kernel',
    path: resolve(path),
    bytes: vmlinux?.bytes ?? new Uint8Array(),
    elf: vmlinux && kernelSymbols(vmlinux),
    debugInfo: vmlinux && hasLines ? new DebugInfo(vmlinux) : undefined,
    listing: undefined,
  };
}
