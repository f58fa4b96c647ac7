/** A real Linux kernel on a machine of its own. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import {
  acpiTables,
  createMachine,
  ImageError,
  loadLinux,
  MachineError,
  type EngineStages,
  type LinuxKernel,
  type LinuxPlacement,
  type Machine,
  type Platform,
} from '../emulator';
import { type ElfFile, FileFormatError, type KernelImage, readKernelImage } from '../toolchain';
import { builtInterpreter } from './built-interpreter';
import { AdapterError } from './errors';
import { bootImage } from './load-target';

export interface LinuxBootOptions {
  /** File: bzImage or vmlinux. */
  readonly kernel: string;
  /** Its content, if it was read already. */
  readonly kernelBytes?: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly commandLine?: string;
  /** Default 256 MiB. */
  readonly memoryBytes?: number;
  /** Name of a CPU model. */
  readonly cpu?: string;
  /** What carries the guest's code out; default `tiered`. */
  readonly engine?: EngineStages;
  /** `acpi` adds APICs, HPET and a PCI host bridge, described by ACPI tables; default `legacy`. */
  readonly platform?: Platform;
  /** How a bzImage starts: by vmlinux, unpacked here if its compression is known, or by unpacking itself. */
  readonly entry?: LinuxEntry;
  /** Gets each byte the guest sends to its serial port. */
  readonly serial?: (byte: number) => void;
}

/** `direct`: vmlinux itself is entered. `64` and `32`: the kernel unpacks itself, from the entry of that mode. */
export const LINUX_ENTRIES = ['direct', '64', '32'] as const;
export type LinuxEntry = (typeof LINUX_ENTRIES)[number];

export interface BootedLinux {
  readonly machine: Machine;
  /** The kernel with what it tells of itself; undefined if only the kernel can unpack it. */
  readonly vmlinux: ElfFile | undefined;
  readonly placement: LinuxPlacement;
}

const DEFAULT_MEMORY = 256 << 20;

/** Makes a machine that is about to enter the kernel. Throws AdapterError. */
export function bootLinux(options: LinuxBootOptions): BootedLinux {
  const {
    kernel: path,
    initrd,
    commandLine,
    memoryBytes = DEFAULT_MEMORY,
    cpu,
    engine,
    platform = 'legacy',
    serial,
  } = options;
  try {
    const image = readKernelImage(options.kernelBytes ?? readBytes(path), { gzip });
    const kernel = linuxKernel(image, options.entry ?? 'direct');
    const interpreterCode = builtInterpreter();
    const machine = createMachine({
      memoryBytes,
      platform,
      ...(cpu === undefined ? {} : { cpu }),
      ...(engine === undefined ? {} : { engine }),
      ...(serial ? { serial } : {}),
      ...(interpreterCode ? { interpreterCode } : {}),
    });
    const placement = loadLinux(machine.cpu, kernel, {
      ...(initrd === undefined ? {} : { initrd }),
      ...(commandLine === undefined ? {} : { commandLine }),
    });
    if (platform === 'acpi') for (const { address, bytes } of acpiTables()) machine.memory.load(address, bytes);
    return { machine, vmlinux: image.vmlinux, placement };
  } catch (error) {
    if (error instanceof FileFormatError) throw new AdapterError(`${path}: ${error.message}`);
    if (error instanceof ImageError || error instanceof MachineError) throw new AdapterError(error.message);
    throw error;
  }
}

/** What is entered: vmlinux, or the program around it. */
function linuxKernel({ vmlinux, bzImage }: KernelImage, entry: LinuxEntry): LinuxKernel {
  if (vmlinux && (entry === 'direct' || !bzImage)) {
    return { image: bootImage(vmlinux), ...(bzImage && { setupHeader: bzImage.setupHeader }) };
  }
  if (!bzImage) throw new AdapterError('The kernel is neither a bzImage nor vmlinux.');
  const { preferredAddress: pa, code, initSize, setupHeader } = bzImage;
  const mode = entry === '32' ? 32 : 64;
  return {
    image: {
      mode,
      entry: mode === 32 ? bzImage.entry32 : bzImage.entry64,
      segments: [{ va: pa, pa, bytes: code, memoryBytes: Math.max(initSize, code.length) }],
    },
    setupHeader,
  };
}

/** One byte more than expected is as wrong as any number of them, and does not fill the memory. */
function gzip(data: Uint8Array, size: number): Uint8Array {
  return gunzipSync(data, { maxOutputLength: size + 1 });
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    throw new AdapterError(`${path} cannot be read. Check the path and its permissions.`);
  }
}
