/** Assembly diagnostics as lines for a terminal: file:line:column: error: …, then the macro expansions around it. */
import { expansionChain, type Diagnostic, type SourceLocation } from '../toolchain';

export function diagnosticLines({ severity, message, location, expansion }: Diagnostic): string[] {
  const chain = expansionChain(expansion);
  return [
    `${place(location)}: ${severity}: ${message}`,
    ...[...chain].reverse().map(({ macro, call }) => `${place(call)}: note: in the expansion of macro '${macro}'`),
  ];
}

function place({ file, line, column }: SourceLocation): string {
  return column === 0 ? `${file}:${line}` : `${file}:${line}:${column}`;
}
