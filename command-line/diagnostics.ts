/** Assembly diagnostics as lines for a terminal: file:line:column: error: …, then the macro expansions around it. */
import { relative } from 'node:path';
import { expansionBacktrace, type Diagnostic, type SourceLocation } from '../toolchain';

export function diagnosticLines({ severity, message, location, expansion }: Diagnostic): string[] {
  return [
    `${place(location)}: ${severity}: ${message}`,
    ...expansionBacktrace(expansion).flatMap(({ expansion: { macro, call }, omitted }) => [
      `${place(call)}: note: in the expansion of macro '${macro}'`,
      ...(omitted > 0 ? [`  … and ${omitted} more`] : []),
    ]),
  ];
}

function place({ file, line, column }: SourceLocation): string {
  const name = nearName(file);
  return column === 0 ? `${name}:${line}` : `${name}:${line}:${column}`;
}

/** Files below the current folder are named as seen from there. */
export function nearName(file: string): string {
  const near = relative('.', file);
  return near === '' || near.startsWith('..') ? file : near;
}
