/** A file that is not what its format promises: what is wrong, at which place of which thing, and what to do next. */
export class FileFormatError extends Error {
  constructor(
    /** What is wrong, without a full stop. */
    readonly what: string,
    /** Which part of the file, in the format's own words, with a byte offset where that helps. */
    readonly where: string,
    /** What the user can do. */
    readonly remedy: string,
  ) {
    super(`${where}: ${what}. ${remedy}`);
    this.name = new.target.name;
  }
}

/** A malformed, truncated or foreign ELF file. */
export class ElfError extends FileFormatError {}
