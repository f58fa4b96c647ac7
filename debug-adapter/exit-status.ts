/** What a program's exit status tells (wait(2), signal(7)). */

/** Signals by which a kernel answers an exception of the processor, and the exceptions. */
const FATAL_SIGNALS: ReadonlyMap<number, readonly [name: string, exceptions: string]> = new Map([
  [4, ['SIGILL', '#UD']],
  [5, ['SIGTRAP', '#DB or #BP']],
  [7, ['SIGBUS', '#SS or #AC']],
  [8, ['SIGFPE', '#DE']],
  [11, ['SIGSEGV', '#PF or #GP']],
]);

/** A sentence on how the program ended; of one that an exception ended, how to stop before that. */
export function describeExit(status: number): string {
  const exited = `The program exited with status ${status}`;
  const signal = FATAL_SIGNALS.get(status - 128);
  if (!signal) return `${exited}.`;
  const [name, exceptions] = signal;
  return `${exited}, as one does that ${name} ends. An exception breakpoint on ${exceptions} stops at the instruction that causes it.`;
}
