/** What ends a command early, and the exit codes of `ringside`. */

/**
 * Exit codes. What a guest writes to the debug-exit port becomes (value << 1) | 1, always odd; the even codes tell how a
 * guest ended that wrote nothing there.
 */
export const enum ExitCode {
  SUCCESS = 0,
  FAILURE = 1,
  USAGE = 2,
  /** `boot`: kernel panic or triple fault. A guest that writes 1 to the debug-exit port ends alike. */
  GUEST_FAILURE = 3,
  /** Of `boot` also: the seconds are over. */
  INSTRUCTION_LIMIT = 4,
  TRIPLE_FAULT = 6,
  HALTED = 8,
  /** `run` and `boot` could not even begin: 1 would be a guest that wrote 0. */
  NOT_RUN = 10,
}

/** The command line itself is wrong; `hint` says what to write instead. */
export class UsageError extends Error {
  constructor(
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}

/** A command cannot do what was asked, or has told what is wrong already (then the message is empty). */
export class CommandError extends Error {}
