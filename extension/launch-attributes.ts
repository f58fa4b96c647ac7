/** Tells a mistyped launch attribute from a known one. */

/** Attributes VS Code itself gives to any launch configuration. */
const COMMON = new Set([
  ...['type', 'request', 'name', 'noDebug', 'preLaunchTask', 'postDebugTask', 'internalConsoleOptions', 'presentation'],
  ...['debugServer', 'serverReadyAction', 'suppressMultipleSessionWarning', 'windows', 'linux', 'osx'],
]);

/**
 * A message for the first attribute of `given` that is neither VS Code's nor in `known`, with the known one that was
 * probably meant; undefined if there is none. Names that begin with two underscores are VS Code's own.
 */
export function unknownAttribute(given: readonly string[], known: readonly string[]): string | undefined {
  const unknown = given.find((name) => !COMMON.has(name) && !known.includes(name) && !name.startsWith('__'));
  if (unknown === undefined) return undefined;
  const [closest] = [...known].sort((a, b) => distance(unknown, a) - distance(unknown, b));
  const hint =
    closest !== undefined && distance(unknown, closest) <= 2
      ? `Did you mean "${closest}"?`
      : `Ringside knows ${known.join(', ')}.`;
  return `Unknown launch attribute "${unknown}". ${hint}`;
}

/** Levenshtein distance: insertions, deletions and replacements that turn `a` into `b`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
