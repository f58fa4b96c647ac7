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

/** Files below the current folder are named as seen from there. */
function place({ file, line, column }: SourceLocation): string {
  const near = relative('.', file);
  const name = near === '' || near.startsWith('..') ? file : near;
  return column === 0 ? `${name}:${line}` : `${name}:${line}:${column}`;
}
