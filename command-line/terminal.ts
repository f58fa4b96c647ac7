/** What a command talks to: the process's streams, or a test's. */
import type { Readable } from 'node:stream';

export interface Terminal {
  /** Writes to standard output. */
  out(data: string | Uint8Array): void;
  /** Writes a line to standard error. */
  error(line: string): void;
  /** Standard input; undefined if nobody types there for the guest. */
  readonly input: Readable | undefined;
  /** Output may be coloured. */
  readonly hasColor: boolean;
}

/** The terminal of this process. A reader of our output that goes away (`| head`) is no error. */
export function processTerminal(): Terminal {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
  return {
    out: (data) => void process.stdout.write(data),
    error: (line) => void process.stderr.write(`${line}\n`),
    // A getter: touching process.stdin makes the process wait for it.
    get input() {
      return process.stdin.isTTY ? undefined : process.stdin;
    },
    hasColor: process.stdout.isTTY && process.stdout.hasColors(),
  };
}
