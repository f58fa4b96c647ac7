/**
 * How a process that runs a guest is kept small. A guest that makes code without end makes the engine compile without end:
 * what V8 and the C library hold back for later is then several times what is in use.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * Environment of such a process: threads of glibc share one arena, and what is freed goes back to the system. V8's compilers
 * take memory in pieces of up to 32 KiB, by the hundred megabytes: those of 16 KiB and more are mapped, or they would leave
 * the heap in holes. Other C libraries ignore these variables.
 */
export const FRUGAL_ENVIRONMENT: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_MMAP_THRESHOLD_: '16384',
};

/** Arguments of Node for such a process: new objects, most of which die at once, get at most three times so many megabytes. */
export const FRUGAL_ARGUMENTS: readonly string[] = ['--max-semi-space-size=4'];

/**
 * For the process itself, before it makes a machine: V8 collects its old space each time it has grown by a fifth, instead of
 * by as much again.
 */
export function collectEarly(): void {
  setFlagsFromString('--heap-growing-percent=20');
}
