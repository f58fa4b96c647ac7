/**
 * What a user of the debug adapter can do wrong. A message says what is wrong, where, and what to do; the session turns
 * the error into a DAP error response.
 */
export class AdapterError extends Error {
  constructor(
    message: string,
    /** Whether the client should interrupt the user with the message (DAP `Message.showUser`). */
    readonly showUser = true,
  ) {
    super(message);
  }
}

/** A request that needs a stopped guest came while it runs; DAP reserves the message `notStopped` for it. */
export class NotStoppedError extends AdapterError {
  constructor() {
    super('The guest is running. Pause it first.', false);
  }
}

/** `name` of `candidates` that is fewest edits away from `wrong`, if it is near enough to be meant. */
export function closest(wrong: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.ceil(wrong.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wrong.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance: insertions, deletions and substitutions that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
