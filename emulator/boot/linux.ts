/**
 * The Linux/x86 boot protocol (Documentation/x86/boot.rst and zero-page.rst of the kernel): the kernel in memory, boot
 * parameters, command line and initial RAM disk beside it, entered in 64-bit mode or, by its 32-bit entry, in protected
 * mode.
 */
import { Gpr } from '../isa/instruction';
import { PAGE_BYTES } from '../memory';
import { bootParameters, type E820Range, MOST_COMMAND_LINE } from './boot-parameters';
import { physicalEntry } from './flat';
import { hex, ImageError, type Image, type ImageSegment } from './image';
import { loadSegments, startIdentityMapped, startProtectedMode, type BootTarget } from './start-state';

/** A kernel to be entered: vmlinux itself, or the self-extracting program of a bzImage. */
export interface LinuxKernel {
  readonly image: Image;
  /** Its setup header as the file has it, from offset 1f1h; without one (vmlinux) the loader makes its own. */
  readonly setupHeader?: Uint8Array;
}

export interface LinuxOptions {
  readonly commandLine?: string;
  readonly initrd?: Uint8Array;
}

/** What became of it, in physical addresses. */
export interface LinuxPlacement {
  readonly bootParameters: number;
  readonly initrd: number | undefined;
}

/** In conventional memory, below the kernel. The boot protocol wants selector 10h for code and 18h for data. */
const START_GDT = { gdt: 0x8000, codeSelector: 0x10 };
const BOOT_PARAMETERS = 0x20000;
const COMMAND_LINE = 0x21000;
const STACK_TOP = 0x90000n;

/** The 64-bit protocol wants at least kernel, boot parameters and command line mapped. */
const MAPPED_BYTES = 4 * 2 ** 30;

const MIB1 = 0x100000;
/** Conventional memory ends here; video memory and ROM follow up to 1 MiB. */
const LOWER_MEMORY_END = 0x9fc00;
/** Memory the kernel takes while it starts, above its image: page tables, memory map, decompressed initrd. */
const LEAST_FREE = 8 << 20;
/** 32-bit fields hold the address of the initial RAM disk; older kernels want it below 2 GiB less a page. */
const HIGHEST_INITRD = 0x7fffffff;

const E820_RAM = 1;
const E820_RESERVED = 2;

/** Loads a Linux kernel and enters it. Throws ImageError. */
export function loadLinux(target: BootTarget, kernel: LinuxKernel, options: LinuxOptions = {}): LinuxPlacement {
  const { memory, state } = target;
  const { image } = kernel;
  const { commandLine = '', initrd } = options;
  checkFits(image.segments, initrd, memory.size);
  const { high } = loadSegments(memory, image.segments);
  const initrdAt = initrd && initrdAddress(initrd.length, high, memory.size);
  if (initrd && initrdAt !== undefined) memory.load(initrdAt, initrd);
  const text = new TextEncoder().encode(`${commandLine}\0`);
  if (text.length > MOST_COMMAND_LINE) {
    throw new ImageError(
      'too-big',
      `The kernel command line has ${text.length - 1} bytes, a kernel takes ${MOST_COMMAND_LINE - 1}: shorten it.`,
    );
  }
  memory.load(COMMAND_LINE, text);
  const parameters = bootParameters({
    setupHeader: kernel.setupHeader,
    commandLineAddress: COMMAND_LINE,
    initrd: initrd && { address: initrdAt ?? 0, bytes: initrd.length },
    e820: memoryMap(memory.size),
  });
  memory.load(BOOT_PARAMETERS, parameters);
  const entry = physicalEntry(image);
  if (image.mode === 64) {
    startIdentityMapped(target, { ...START_GDT, mappedBytes: MAPPED_BYTES, entry, stack: STACK_TOP });
  } else {
    startProtectedMode(target, entry, STACK_TOP, START_GDT);
  }
  state.gpr[Gpr.RSI] = BigInt(BOOT_PARAMETERS);
  return { bootParameters: BOOT_PARAMETERS, initrd: initrdAt };
}

/** The memory a kernel needs to start, before anything is loaded. */
function checkFits(segments: readonly ImageSegment[], initrd: Uint8Array | undefined, size: number): void {
  const end = segments.reduce((high, { pa, memoryBytes }) => Math.max(high, Number(pa) + memoryBytes), MIB1);
  if (end + LEAST_FREE > size) {
    throw new ImageError(
      'too-big',
      `The kernel needs at least ${mebibytes(end + LEAST_FREE)} of memory, the machine has ${mebibytes(size)}: give it more.`,
    );
  }
  const room = Math.min(size, HIGHEST_INITRD) - end;
  if (initrd && initrd.length + LEAST_FREE > room) {
    throw new ImageError(
      'too-big',
      `The initial RAM disk has ${mebibytes(initrd.length)}, beside the kernel ${mebibytes(Math.max(0, room - LEAST_FREE))} of memory are left for it: give the machine more memory, or a smaller disk.`,
    );
  }
}

/** As high as it may lie, out of the way of a kernel that decompresses itself. */
function initrdAddress(length: number, kernelEnd: number, size: number): number {
  const end = Math.min(size, HIGHEST_INITRD + 1);
  const at = Math.floor((end - length) / PAGE_BYTES) * PAGE_BYTES;
  if (at < kernelEnd) throw new ImageError('too-big', `The initial RAM disk does not fit above ${hex(kernelEnd)}.`);
  return at;
}

function memoryMap(size: number): E820Range[] {
  return [
    { base: 0, end: LOWER_MEMORY_END, type: E820_RAM },
    { base: LOWER_MEMORY_END, end: 0xa0000, type: E820_RESERVED },
    { base: 0xf0000, end: MIB1, type: E820_RESERVED },
    { base: MIB1, end: size, type: E820_RAM },
  ];
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
