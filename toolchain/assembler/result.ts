/** What an assembly is given and what it yields. */
import type { Diagnostic, MacroExpansion, ObjectModule, SourceLocation } from '../elf/object';
import type { PreprocessResult, ReadFile, SourceLine } from '../preprocessor';
import type { EmittedRow } from './assembly';
import type { AsmMacro } from './macros';
import type { SymbolReference } from './symbols';

export interface AssembleOptions {
  readonly includePaths?: readonly string[];
  /** C macros (or, for a .s file, symbols are not touched by them). */
  readonly defines?: Readonly<Record<string, string | true>>;
  readonly readFile?: ReadFile;
  /** For .incbin; without it, files are read as text. */
  readonly readBinary?: (path: string) => Uint8Array | undefined;
  /** Whether the source goes through the C preprocessor; by default unless its name ends in `.s`, as with gcc. */
  readonly preprocess?: boolean;
}

/** A symbol with a value, where its definition stands. */
export interface SymbolDefinitionSite {
  readonly name: string;
  readonly kind: 'label' | 'constant';
  readonly location: SourceLocation;
  readonly endColumn: number;
  readonly isGlobal: boolean;
  readonly isFunction: boolean;
  readonly section: string | undefined;
}

/** One call of an assembler macro with what became of it. */
export interface MacroCall {
  readonly macro: AsmMacro;
  readonly location: SourceLocation;
  readonly endColumn: number;
  readonly expansion: MacroExpansion;
  /** The body with the arguments put in. */
  readonly lines: readonly SourceLine[];
}

export interface AssembleResult {
  /** Absent if there were errors. */
  readonly module: ObjectModule | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** Every other file that was read. */
  readonly dependencies: readonly string[];
  readonly definitions: readonly SymbolDefinitionSite[];
  readonly references: readonly SymbolReference[];
  readonly macros: readonly AsmMacro[];
  readonly macroCalls: readonly MacroCall[];
  /** What the C preprocessor found; absent if it was not used. */
  readonly preprocessed: PreprocessResult | undefined;
  /** For the listing: which statement produced which bytes. */
  readonly rows: readonly EmittedRow[];
  /** Every statement assembled, in order. */
  readonly statements: readonly SourceLine[];
}
