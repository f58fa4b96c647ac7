/**
 * The shapes that pass between assembler, linker, ELF and DWARF: one section, one symbol, one relocation, one line row.
 * Names and numbers are those of the System V ABI (gABI chapter 4; x86-64 psABI chapter 4) and of DWARF 5.
 */

/** One symbol, in an object, in a linked image, or in a debugger's table. */
export interface Symbol {
  readonly name: string;
  /** Offset in its section in an object; virtual address in a linked image. */
  readonly value: bigint;
  /** Bytes; 0 if unknown. */
  readonly size: bigint;
  readonly type: 'notype' | 'object' | 'function' | 'section' | 'file' | 'tls';
  readonly binding: 'local' | 'global' | 'weak';
  readonly visibility: 'default' | 'internal' | 'hidden' | 'protected';
  /** Name of the section that defines it; `undefined` for an undefined symbol, '*ABS*', '*COM*' for special ones. */
  readonly section: string | undefined;
  /** Where the source defines it, if that is known. */
  readonly definition?: SourceLocation;
}

/** A relocation with addend (RELA) against a symbol or, with type 'section', a section. */
export interface Relocation {
  /** Offset in the section it applies to. */
  readonly offset: number;
  /** R_X86_64_… number (psABI table 4.9). */
  readonly type: number;
  readonly symbol: string;
  /** True if `symbol` is the name of a section (its section symbol). */
  readonly againstSection: boolean;
  readonly addend: bigint;
}

export interface Section {
  readonly name: string;
  /** SHT_…: 1 PROGBITS, 8 NOBITS, … */
  readonly type: number;
  /** SHF_… bits: 1 write, 2 alloc, 4 exec, 0x10 merge, 0x20 strings. */
  readonly flags: number;
  readonly alignment: number;
  readonly entrySize: number;
  /** Empty for NOBITS. */
  readonly data: Uint8Array;
  /** Bytes in memory: `data.length`, or more for NOBITS. */
  readonly size: number;
  readonly relocations: readonly Relocation[];
  /**
   * Where `.code16`, `.code32` and `.code64` switch, in order of offset. If left out, it follows from the line rows.
   * In ELF these are local symbols `$code16`, `$code32`, `$code64` (elf/mapping-symbols.ts).
   */
  readonly codeSizes?: readonly CodeSize[];
}

/** From `offset` on (to the next entry, or the end of the section) instructions are encoded for `bits`-bit code. */
export interface CodeSize {
  readonly offset: number;
  readonly bits: 16 | 32 | 64;
}

/** A place in a source text. Line and column count from 1; a column of 0 is unknown. */
export interface SourceLocation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One macro expansion: what was called, where it was called, and inside which other expansion. */
export interface MacroExpansion {
  readonly macro: string;
  readonly definition: SourceLocation;
  readonly call: SourceLocation;
  readonly parent: MacroExpansion | undefined;
}

/** The instruction (or data) at `offset` comes from `location`; inside macros that is the line of the macro's body. */
export interface LineRow {
  readonly section: string;
  readonly offset: number;
  /** Bytes the row covers. */
  readonly length: number;
  readonly location: SourceLocation;
  readonly expansion: MacroExpansion | undefined;
  /** What the bytes are: instructions of this code size, or data; 64 if left out. */
  readonly content?: CodeSize['bits'] | 'data';
}

/** An assembled translation unit before it is written as ELF. */
export interface ObjectModule {
  /** The source as given on the command line. */
  readonly source: string;
  readonly sections: readonly Section[];
  readonly symbols: readonly Symbol[];
  readonly lines: readonly LineRow[];
}

/** Something wrong in a source text, for the editor's squiggle and the terminal alike. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'note';
  readonly message: string;
  readonly location: SourceLocation;
  /** Column after the last character concerned, on the same line; 0 is unknown. */
  readonly endColumn: number;
  /** Innermost macro expansion in which it arose. */
  readonly expansion: MacroExpansion | undefined;
}
