import { FileFormatError } from '../elf/error';

/** A file that is no Linux kernel this project can boot, or a damaged one. */
export class KernelImageError extends FileFormatError {}
