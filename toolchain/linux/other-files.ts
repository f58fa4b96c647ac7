/** What a file is that was given as a Linux kernel for x86-64 and is none, as far as its first bytes show. */
import { compressionOf } from './decompress';
import { KernelImageError } from './kernel-image-error';

export const TAKE_X86 = 'Take the bzImage (vmlinuz) or vmlinux of an x86-64 kernel.';
const WHERE = 'kernel image';

/** Kernels for other processors have a magic number of their own here (arch/arm64, arch/riscv: asm/image.h). */
const OTHER_KERNEL = 0x38;
const OTHER_KERNELS: Readonly<Record<string, string>> = { 'ARM\x64': 'arm64', 'RSC\x05': 'RISC-V' };

/** Programs for EFI and Windows (PE format): where the offset of the header is, and what is in it. */
const PE_OFFSET = 0x3c;
const PE_MAGIC = 0x4550;
const PE_MACHINE = 4;
const PE_SECTIONS = 6;
const PE_OPTIONAL_HEADER_BYTES = 20;
const PE_HEADER_BYTES = 24;
const PE_SECTION_BYTES = 40;
const PE_MACHINES: Readonly<Record<number, string>> = {
  0x8664: 'x86-64',
  0x14c: 'i386',
  0xaa64: 'arm64',
  0x1c0: 'ARM',
  0x5064: 'RISC-V',
};

/** e_machine of ELF files. */
const ELF_MACHINE = 18;
const ELF_MACHINES: Readonly<Record<number, string>> = {
  8: 'MIPS',
  20: 'PowerPC',
  21: 'PowerPC64',
  22: 's390',
  40: 'ARM',
  183: 'arm64',
  243: 'RISC-V',
  258: 'LoongArch',
};

/** What else people have at hand, and what to do with it. */
const FORMATS: readonly (readonly [magic: string, what: string, remedy: string])[] = [
  ['!<arch>\n', 'an archive, such as a package of Debian', 'Unpack it (dpkg -x): the kernel is boot/vmlinuz in it.'],
  ['\xed\xab\xee\xdb', 'an RPM package', 'Unpack it: the kernel is in it.'],
  ['07070', 'a cpio archive, such as an initial RAM disk', `Give it as initrd. ${TAKE_X86}`],
  ['\x27\x05\x19\x56', 'an image for U-Boot', TAKE_X86],
  ['#!', 'a script', TAKE_X86],
];

/** The error for a file that is neither a bzImage nor an ELF file. */
export function noKernel(file: Uint8Array): KernelImageError {
  const error = (what: string, remedy = TAKE_X86): KernelImageError => new KernelImageError(what, WHERE, remedy);
  if (file.length === 0) return error('the file is empty');
  const other = OTHER_KERNELS[text(file, OTHER_KERNEL, 4)];
  if (other !== undefined) return error(`it is a kernel for ${other}, this machine is an x86-64 PC`);
  const format = FORMATS.find(([magic]) => text(file, 0, magic.length) === magic);
  if (format) return error(`it is ${format[1]}`, format[2]);
  const compression = compressionOf(file);
  if (compression !== undefined) {
    return error(`it is a file compressed by ${compression}`, 'Unpack it first: a kernel may be in it.');
  }
  return programForEfi(file, error) ?? error('it is no Linux kernel: neither a bzImage nor an ELF file');
}

/** Kernels are such programs, too, but have the header of a bzImage besides. */
function programForEfi(
  file: Uint8Array,
  error: (what: string, remedy?: string) => KernelImageError,
): KernelImageError | undefined {
  if (text(file, 0, 2) !== 'MZ') return undefined;
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const start = file.length >= PE_OFFSET + 4 ? view.getUint32(PE_OFFSET, true) : file.length;
  if (start + PE_HEADER_BYTES > file.length || view.getUint32(start, true) !== PE_MAGIC) return undefined;
  const number = view.getUint16(start + PE_MACHINE, true);
  const processor = PE_MACHINES[number] ?? `processor ${number.toString(16)}h`;
  const sections = start + PE_HEADER_BYTES + view.getUint16(start + PE_OPTIONAL_HEADER_BYTES, true);
  const names = Array.from({ length: view.getUint16(start + PE_SECTIONS, true) }, (_, index) =>
    text(file, sections + PE_SECTION_BYTES * index, 8).replace(/\0+$/, ''),
  );
  if (names.includes('.linux')) {
    return error(
      'it is a unified kernel image, an EFI program with a kernel in it',
      'Take the kernel out: objcopy -O binary --only-section=.linux FILE vmlinuz.',
    );
  }
  return error(`it is a program for EFI or Windows (${processor}), not a Linux kernel`);
}

/** The error for an ELF file of a processor other than x86; undefined if it is for x86, or too short to tell. */
export function elfOfOtherProcessor(file: Uint8Array): KernelImageError | undefined {
  const machine = ELF_MACHINES[file[ELF_MACHINE] | (file[ELF_MACHINE + 1] << 8)];
  if (machine === undefined) return undefined;
  return new KernelImageError(
    `it is for another processor (${machine}), this machine is an x86-64 PC`,
    'ELF file',
    TAKE_X86,
  );
}

function text(file: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...file.subarray(at, at + length));
}
