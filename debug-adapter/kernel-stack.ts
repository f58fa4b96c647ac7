/** Where a Linux kernel stands, in words: for messages about one that does not go on. */
import type { Machine } from '../emulator';
import { ElfError, type ElfFile, kernelSlide, type Symbol } from '../toolchain';
import { Target } from './target';

/** Frames that are named. */
const MOST_FRAMES = 16;

/**
 * The functions a kernel is in, innermost first, each as `name+0x1f`; empty if nothing is known of it, as before it has
 * unpacked itself. `vmlinux` is its image as linked: how far it was moved shows in IA32_LSTAR.
 */
export function kernelCallStack(machine: Machine, vmlinux: ElfFile | undefined): string[] {
  const target = kernelTarget(machine, vmlinux);
  if (!target) return [];
  const frames = target.unwinder.unwind().slice(0, MOST_FRAMES);
  return frames.flatMap(({ rip, ring, kind }) => {
    if (ring !== 0) return [];
    // What does not return may be called by the last instruction of a function: the address behind it is another's.
    const back = kind === 'call' ? 1n : 0n;
    const place = target.symbols.at(rip - back);
    return place ? [`${place.symbol.name}+0x${(place.offset + Number(back)).toString(16)}`] : [];
  });
}

/** A machine with what is known of the kernel on it; undefined if that is nothing. */
export function kernelTarget(machine: Machine, vmlinux: ElfFile | undefined): Target | undefined {
  const symbols = vmlinux ? symbolsOf(vmlinux) : [];
  if (!vmlinux || symbols.length === 0) return undefined;
  const entry = symbols.find(({ name }) => name === 'entry_SYSCALL_64')?.value;
  const slide = entry === undefined ? undefined : kernelSlide(entry, machine.state.lstar);
  const elf = moved(vmlinux, slide ?? 0n);
  const image = {
    role: 'kernel',
    path: 'vmlinux',
    bytes: elf.bytes,
    elf,
    debugInfo: undefined,
    listing: undefined,
  } as const;
  return new Target(machine, [image], elf.entry);
}

/** None if its symbol table is damaged: it is of help, but not needed. */
function symbolsOf(vmlinux: ElfFile): readonly Symbol[] {
  try {
    return vmlinux.symbols;
  } catch (error) {
    if (error instanceof ElfError) return [];
    throw error;
  }
}

/** The image as it would be if it had been linked so much higher. */
function moved(elf: ElfFile, slide: bigint): ElfFile {
  if (slide === 0n) return elf;
  const { bits, type, machine, entry, bytes } = elf;
  return {
    ...{ bits, type, machine, entry, bytes },
    symbols: elf.symbols.map((symbol) => ({
      ...symbol,
      value: inKernel(symbol.value) ? symbol.value + slide : symbol.value,
    })),
    sections: elf.sections.map((section) => ({
      ...section,
      address: inKernel(section.address) ? section.address + slide : section.address,
    })),
    segments: elf.segments.map((segment) => ({
      ...segment,
      va: inKernel(segment.va) ? segment.va + slide : segment.va,
    })),
  };
}

/** Addresses within a CPU's own data are offsets: they are not moved. */
function inKernel(va: bigint): boolean {
  return va >> 63n !== 0n;
}
