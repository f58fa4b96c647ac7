/** What the assembler has to say, fit to be read. */
import type { Diagnostic } from '../toolchain';

/** A mistake in the body of a macro arises in every expansion: told once, with the first one, and counted. */
export function mergeExpansions(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const groups = new Map<string, Diagnostic[]>();
  for (const diagnostic of diagnostics) {
    const { severity, message, location } = diagnostic;
    const key = [severity, message, location.file, location.line, location.column].join('\0');
    groups.set(key, [...(groups.get(key) ?? []), diagnostic]);
  }
  return [...groups.values()].map(([first, ...others]) => {
    if (others.length === 0 || !first.expansion) return first;
    const count = `and in ${others.length} more expansion${others.length === 1 ? '' : 's'}`;
    return { ...first, message: `${first.message} (${count})` };
  });
}
