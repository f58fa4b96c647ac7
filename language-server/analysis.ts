/** What the assembler knows of one translation unit, and questions to it. */
import { assemble, type AssembleResult, type Diagnostic, type SourceLocation } from '../toolchain';
import { type SourceFiles, type Stamp } from './source-files';

export interface Analysis {
  /** The source that was assembled. */
  readonly path: string;
  readonly result: AssembleResult;
  /** Every file asked for, with what it was then; the unit's own among them. */
  readonly stamps: ReadonlyMap<string, Stamp>;
}

/** Assembles the unit at `path`. Never throws for what is in it. */
export function analyse(path: string, files: SourceFiles): Analysis {
  const stamps = new Map<string, Stamp>();
  const read = (asked: string): string | undefined => {
    stamps.set(asked, files.stamp(asked));
    return files.read(asked);
  };
  const result = assemble({ path, text: read(path) ?? '' }, { readFile: read });
  return { path, result, stamps };
}

/** True if every file is still what it was. */
export function isFresh({ stamps }: Analysis, files: SourceFiles): boolean {
  return [...stamps].every(([path, stamp]) => files.stamp(path) === stamp);
}

/** True if `path` is the unit or a file it includes. */
export function covers({ path: unit, result }: Analysis, path: string): boolean {
  return unit === path || result.dependencies.includes(path);
}

export function diagnosticsIn({ result }: Analysis, path: string): Diagnostic[] {
  return result.diagnostics.filter(({ location }) => location.file === path);
}

/** True if a macro's body has that line: it stands for each of the macro's expansions. */
export function isInMacroBody({ result }: Analysis, { file, line }: SourceLocation): boolean {
  return result.macros.some(({ body }) => body.some((each) => each.file === file && each.line === line));
}
