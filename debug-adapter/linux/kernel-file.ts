/** Tells a Linux kernel from the other things that a launch configuration may name as its kernel. */
import { readFileSync, statSync } from 'node:fs';
import { hasMultibootHeader } from '../../emulator';
import { ElfError, isElf, readElf, START_KERNEL_MAP } from '../../toolchain';
import { AdapterError } from '../errors';

const SOURCE = /\.(s|asm)$/i;
const PT_LOAD = 1;

/**
 * The bytes of a file that is to be booted as a Linux kernel; undefined for assembly sources, folders of them, and images
 * that are booted by multiboot. What is none of all that counts as a damaged Linux kernel, whose loader says what is
 * wrong with it. Throws AdapterError for what is not there or cannot be read.
 */
export function readLinuxKernel(path: string): Uint8Array | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) throw new AdapterError(`There is no file ${path}. Check the path.`);
  if (stats.isDirectory() || SOURCE.test(path)) return undefined;
  const bytes = readBytes(path);
  if (hasMultibootHeader(bytes)) return undefined;
  return isElf(bytes) && !isLinkedAsKernel(bytes) ? undefined : bytes;
}

/** Some distributions let only root read the kernels in /boot. */
function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const remedy = /EACCES|EPERM/.test(code)
      ? `Make a copy that you may read, as with: sudo install -m 644 ${path} ~/`
      : 'Check the path.';
    throw new AdapterError(`The kernel ${path} cannot be read (${code}). ${remedy}`);
  }
}

/** Whether it lies where Linux maps itself, in the highest 2 GiB (arch/x86/include/asm/page_64_types.h). */
function isLinkedAsKernel(bytes: Uint8Array): boolean {
  try {
    const { segments, bits } = readElf(bytes);
    return bits === 32 || segments.some(({ type, va }) => type === PT_LOAD && va >= START_KERNEL_MAP);
  } catch (error) {
    if (error instanceof ElfError) return true;
    throw error;
  }
}
