/** DAP `launch`: from checked attributes to a booted target. */
import { statSync } from 'node:fs';
import { formatOf, readText } from './build';
import { defaultKernel } from './default-kernel';
import { AdapterError } from './errors';
import { readLinuxKernel } from './linux/kernel-file';
import { LinuxInputs } from './linux/load-linux';
import { AUTOMATIC, bootOrResume, OFF } from './linux/snapshots';
import { loadTarget, type LoadedTarget } from './load-target';
import { parseMemorySize } from './launch-attributes';
import type { LaunchAttributes } from './protocol';

/** `kernel: "none"` says the same as an empty text, for clients whose users write configurations by hand. */
const NO_KERNEL = 'none';

/** Attributes that only a Linux kernel gives meaning to. */
const LINUX_ATTRIBUTES = ['initrd', 'busybox', 'append', 'platform', 'entry', 'fastTime', 'snapshot'] as const;

/** `fresh` boots Linux even where a snapshot of it is. Throws AdapterError. */
export async function launch(
  attributes: LaunchAttributes,
  serial: (byte: number) => void,
  fresh: boolean,
): Promise<LoadedTarget & { readSource: typeof readText }> {
  const { kernel } = attributes;
  const named = kernel === undefined || kernel === '' || kernel === NO_KERNEL ? undefined : kernel;
  const linux = named === undefined ? undefined : readLinuxKernel(named);
  const loaded =
    named !== undefined && linux
      ? await launchLinux(attributes, linuxInputs(attributes, named, linux, serial), fresh)
      : launchProgram(attributes, serial);
  return { ...loaded, readSource: readText };
}

function launchProgram(attributes: LaunchAttributes, serial: (byte: number) => void): LoadedTarget {
  const { program, args, env } = attributes;
  const meaningless = LINUX_ATTRIBUTES.find((name) => attributes[name] !== undefined);
  if (meaningless !== undefined) {
    throw new AdapterError(
      `Launch attribute "${meaningless}" is for Linux, but ${attributes.kernel ?? 'the kernel'} is no Linux kernel. Name a bzImage (vmlinuz) or vmlinux as "kernel", or leave "${meaningless}" out.`,
    );
  }
  if (program === undefined) {
    throw new AdapterError(
      `Launch attribute "program" is missing, and ${attributes.kernel ?? 'the kernel'} is no Linux kernel that could be booted without one.`,
    );
  }
  const kernel = attributes.kernel ?? (isProgram(program) ? defaultKernel(program) : NO_KERNEL);
  return loadTarget({
    program,
    serial,
    ...(kernel && kernel !== NO_KERNEL ? { kernel } : {}),
    ...machineOptions(attributes),
    ...(args ? { args } : {}),
    ...(env ? { env } : {}),
  });
}

/** Who wants to see the first instruction of the kernel wants to see the boot. */
function launchLinux(attributes: LaunchAttributes, inputs: LinuxInputs, fresh: boolean): Promise<LoadedTarget> {
  const { program, stopOnEntry = false, snapshot = AUTOMATIC } = attributes;
  return bootOrResume(inputs, program === undefined && stopOnEntry ? OFF : snapshot, fresh);
}

function linuxInputs(
  attributes: LaunchAttributes,
  kernel: string,
  kernelBytes: Uint8Array,
  serial: (byte: number) => void,
): LinuxInputs {
  const { program, initrd, busybox, append, platform, entry, fastTime, args, env } = attributes;
  return new LinuxInputs({
    kernel,
    kernelBytes,
    serial,
    ...machineOptions(attributes),
    ...(program === undefined ? {} : { program }),
    ...(initrd === undefined ? {} : { initrd }),
    ...(busybox === undefined ? {} : { busybox }),
    ...(append === undefined ? {} : { append }),
    ...(platform === undefined ? {} : { platform }),
    ...(entry === undefined ? {} : { entry }),
    ...(fastTime === undefined ? {} : { fastTime }),
    ...(args ? { args } : {}),
    ...(env ? { env } : {}),
  });
}

function machineOptions({ cpu, engine, memory }: LaunchAttributes) {
  return {
    ...(cpu === undefined ? {} : { cpu }),
    ...(engine === undefined ? {} : { engine }),
    ...(memory === undefined ? {} : { memoryBytes: parseMemorySize(memory) }),
  };
}

/** A flat image and a folder of sources, which is a kernel, run on the bare machine. */
function isProgram(path: string): boolean {
  return formatOf(path) !== 'flat' && !statSync(path).isDirectory();
}
