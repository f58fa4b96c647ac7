/** Kernels and programs for their initial file systems that are on this computer, to choose from. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface FoundKernel {
  readonly path: string;
  /** What `uname -r` would say; undefined if the file does not tell or cannot be read. */
  readonly version: string | undefined;
  readonly bytes: number;
  /** Some distributions let only root read the kernels in /boot. */
  readonly readable: boolean;
}

/** Names under which kernels are kept. */
const KERNEL_NAME = /^(?:vmlinuz|vmlinux|bzImage)/;

/** Offsets in a bzImage, and what is there (Documentation/x86/boot.rst of the kernel, "The Real-Mode Kernel Header"). */
const MAGIC_OFFSET = 0x202;
const MAGIC = 'HdrS';
const VERSION_POINTER = 0x20e;
/** What that pointer is relative to. */
const VERSION_BASE = 0x200;
/** Setup code is shorter than this. */
const SETUP_BYTES = 0x8000;

/** Where Linux distributions keep their kernels. */
export function installedKernels(boot = '/boot', modules = '/usr/lib/modules'): FoundKernel[] {
  const paths = [
    ...namesIn(boot).map((name) => join(boot, name)),
    ...namesIn(modules).map((name) => join(modules, name, 'vmlinuz')),
  ];
  return paths.flatMap((path) => foundKernel(path) ?? []);
}

/** A file that has the name and, if it can be read, the beginning of a kernel. */
export function foundKernel(path: string): FoundKernel | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!KERNEL_NAME.test(basename(path)) || !stats?.isFile()) return undefined;
  const head = headOf(path, SETUP_BYTES);
  if (!head) return { path, version: undefined, bytes: stats.size, readable: false };
  const isBzImage = head.toString('latin1', MAGIC_OFFSET, MAGIC_OFFSET + MAGIC.length) === MAGIC;
  if (!isBzImage && !isElf(head)) return undefined;
  return { path, version: isBzImage ? versionIn(head) : undefined, bytes: stats.size, readable: true };
}

/** Up to the first space: the rest tells who built it and when. */
function versionIn(head: Buffer): string | undefined {
  const start = VERSION_BASE + head.readUInt16LE(VERSION_POINTER);
  return /^[\w.+~-]+/.exec(head.toString('latin1', start, start + 128))?.[0];
}

/** The initial RAM disk a distribution keeps beside a kernel. */
export function initrdBeside(kernel: string): string | undefined {
  const version = basename(kernel).replace(/^vmlinuz-?/, '');
  const names = [`initrd.img-${version}`, `initramfs-${version}.img`, `initrd-${version}`];
  return names.map((name) => join(dirname(kernel), name)).find((path) => headOf(path, 1) !== undefined);
}

/** The first static busybox of these files. */
export function staticBusybox(candidates = ['/bin/busybox', '/usr/bin/busybox', '/sbin/busybox.static']) {
  return candidates.find(isStaticExecutable);
}

/** Program header type of the name of a dynamic loader. */
const PT_INTERP = 3;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;

/** Whether Linux could start it without any other file (gABI, "Program Header"). */
function isStaticExecutable(path: string): boolean {
  const head = headOf(path, 4096);
  if (!head || head.length < ELF_HEADER_BYTES || !isElf(head)) return false;
  const start = Number(head.readBigUInt64LE(32));
  const count = head.readUInt16LE(56);
  for (let index = 0; index < count; index++) {
    const at = start + index * PROGRAM_HEADER_BYTES;
    if (at + 4 <= head.length && head.readUInt32LE(at) === PT_INTERP) return false;
  }
  return true;
}

function isElf(head: Buffer): boolean {
  return head.toString('latin1', 0, 4) === '\x7fELF';
}

/** The beginning of a file; undefined if it cannot be read. */
function headOf(path: string, length: number): Buffer | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      const head = Buffer.alloc(length);
      return head.subarray(0, readSync(file, head, 0, length, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort().reverse();
  } catch {
    return [];
  }
}
