import { FileFormatError } from '../elf/error';

/** Malformed or unsupported debugging information. */
export class DwarfError extends FileFormatError {}
