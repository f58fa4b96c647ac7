/** What a command talks to: the process's streams, or a test's. */
import type { Readable } from 'node:stream';

export interface Terminal {
  /** Writes to standard output. */
  out(data: string | Uint8Array): void;
  /** Writes a line to standard error. */
  error(line: string): void;
  /** Standard input; undefined if nobody types there for the guest. */
  readonly input: Readable | undefined;
  /** Takes over the keyboard of a terminal, every key as it is pressed; undefined if standard input is none. */
  openKeyboard?(): Keyboard | undefined;
  /** Output may be coloured. */
  readonly hasColor: boolean;
}

export interface Keyboard {
  readonly input: Readable;
  /** Gives the terminal back as it was. */
  close(): void;
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
    openKeyboard() {
      const { stdin } = process;
      if (!stdin.isTTY) return undefined;
      stdin.setRawMode(true);
      return { input: stdin, close: () => void stdin.setRawMode(false) };
    },
    hasColor: process.stdout.isTTY && process.stdout.hasColors(),
  };
}
