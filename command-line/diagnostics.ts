/** Assembly diagnostics as lines for a terminal: file:line:column: error: …, then the macro expansions around it. */
import { relative } from 'node:path';
import { expansionChain, type Diagnostic, type SourceLocation } from '../toolchain';

export function diagnosticLines({ severity, message, location, expansion }: Diagnostic): string[] {
  const chain = expansionChain(expansion);
  return [
    `${place(location)}: ${severity}: ${message}`,
    ...[...chain].reverse().map(({ macro, call }) => `${place(call)}: note: in the expansion of macro '${macro}'`),
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
