import type { CommandDescription } from '../options';
import type { Terminal } from '../terminal';

/** A command of `ringside`: what it is, and what it does. */
export interface Command {
  readonly description: CommandDescription;
  /** Exit code when it cannot do what was asked; default 1. */
  readonly failureCode?: number;
  /** Returns the exit code. Throws UsageError, CommandError, or an error of the rooms it calls. */
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

/** For a server: never resolves; the process ends when its client has gone. */
export function untilClientLeaves(): Promise<never> {
  return new Promise(() => undefined);
}
