/** The face of the toolchain: text to objects, objects to images, images to what a debugger shows. */
export type {
  CodeSize,
  Diagnostic,
  LineRow,
  MacroExpansion,
  ObjectModule,
  Relocation,
  Section,
  SourceLocation,
  Symbol,
} from './elf/object';
export { ElfError, FileFormatError } from './elf/error';
export { type ElfFile, type ElfSection, type ElfSegment, isElf, readElf } from './elf/reader';
export { readObject } from './elf/object-reader';
export { writeObject } from './elf/writer';
export { mappingSymbolBits } from './elf/mapping-symbols';
export { expansionBacktrace, expansionChain } from './elf/line-rows';
export { DwarfError } from './dwarf/error';
export { debugSections, type DebugOptions } from './dwarf/debug-sections';
export { type CodeLocation, DebugInfo, type LineAddresses } from './dwarf/debug-info';
export type { AddressRange } from './dwarf/ranges';
export type { CodeExpansion } from './dwarf/units';
export { imageListing, Listing, type ListingOptions, objectListing } from './listing/listing';
export type { ListedInstruction } from './listing/writer';
export { KERNEL_LAYOUT, type Layout, START_KERNEL_MAP, USER_LAYOUT } from './linker/layout';
export { link, type LinkOptions, type LinkResult } from './linker/linker';
export { buildImage, type BuildOptions, type BuiltImage } from './linker/build-image';
export * from './assembler/index';
export * from './preprocessor/index';
export { errnoName } from './linux/errno';
export {
  syscall64,
  type SyscallDescriptor,
  syscallNamed,
  type SyscallParameter,
  SYSCALLS_64,
} from './linux/syscall-tables';
export { KernelImageError } from './linux/kernel-image-error';
export { readKallsyms } from './linux/kallsyms';
export { type KernelImage, readKernelImage } from './linux/kernel-image';
export { kernelSlide } from './linux/slide';
export { type BzImage, readBzImage } from './linux/bz-image';
export { type CpioEntry, CpioError, checkFileSize as checkCpioFileSize, writeCpio } from './initramfs/cpio';
export { busyboxInitramfs, folderInitramfs, gzipInitramfs, programInitramfs } from './initramfs/initramfs';
export { initrdProblem } from './initramfs/recognize';
