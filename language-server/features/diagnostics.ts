/** Errors and warnings of the assembler, file by file, with the macro expansions they arose in. */
import { DiagnosticSeverity, type Diagnostic, type DiagnosticRelatedInformation } from 'vscode-languageserver';
import {
  expansionBacktrace,
  expansionChain,
  type Diagnostic as AssemblerDiagnostic,
  type SourceLocation,
} from '../../toolchain';
import type { Analysis } from '../analysis';
import { locationOf, rangeOf } from '../positions';
import type { SourceFiles } from '../source-files';

const SEVERITIES = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  note: DiagnosticSeverity.Information,
} as const;

/** What is wrong in the unit, by the path of the file it is in; the unit and its includes all have an entry. */
export function diagnostics({ path, result }: Analysis, files: SourceFiles): Map<string, Diagnostic[]> {
  const byFile = new Map<string, Map<string, Diagnostic>>();
  for (const file of [path, ...result.dependencies]) byFile.set(file, new Map());
  const add = (file: string, message: string, diagnostic: Diagnostic): void => {
    const { start } = diagnostic.range;
    const inFile = byFile.get(file) ?? new Map<string, Diagnostic>();
    byFile.set(file, inFile);
    // A macro's line is wrong in the same way in each of its expansions.
    const key = `${start.line}:${start.character} ${message}`;
    if (!inFile.has(key)) inFile.set(key, diagnostic);
  };
  for (const each of result.diagnostics) {
    // What has no place in a file (a bad macro on a command line) belongs to the unit.
    const location = byFile.has(each.location.file) ? each.location : { file: path, line: 1, column: 0 };
    add(location.file, each.message, convert(each, location, files));
    const call = expansionChain(each.expansion)[0];
    if (call && call.call.file !== location.file) {
      add(call.call.file, each.message, atCall(each, call.macro, call.call, files));
    }
  }
  return new Map([...byFile].map(([file, list]) => [file, [...list.values()]]));
}

function convert(diagnostic: AssemblerDiagnostic, location: SourceLocation, files: SourceFiles): Diagnostic {
  const { severity, message, endColumn } = diagnostic;
  const relatedInformation = calls(diagnostic, files);
  return {
    severity: SEVERITIES[severity],
    range: rangeOf(location, endColumn, files),
    message,
    source: 'ringside',
    ...(relatedInformation.length > 0 ? { relatedInformation } : {}),
  };
}

/** An error in a macro of another file, shown where the macro is called. */
function atCall(diagnostic: AssemblerDiagnostic, macro: string, call: SourceLocation, files: SourceFiles): Diagnostic {
  const { severity, message, location } = diagnostic;
  return {
    severity: SEVERITIES[severity],
    range: rangeOf(call, call.column + macro.length, files),
    message: `in macro ${macro}: ${message}`,
    source: 'ringside',
    relatedInformation: [{ location: locationOf(location, 0, files), message }, ...calls(diagnostic, files)],
  };
}

/** The macro expansion stack, innermost first. */
function calls({ expansion }: AssemblerDiagnostic, files: SourceFiles): DiagnosticRelatedInformation[] {
  return expansionBacktrace(expansion).map(({ expansion: { macro, call }, omitted }) => ({
    location: locationOf(call, macro.length, files),
    message: `in the expansion of macro ${macro}, called here${omitted > 0 ? ` (… and ${omitted} more)` : ''}`,
  }));
}
