/**
 * How a process that runs a guest is kept small. A guest that makes code without end makes the engine compile without end:
 * what V8 and the C library hold back for later is then several times what is in use.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * Environment of such a process: compiling threads of glibc share one arena, and memory that is free goes back to the
 * system. Others have no such variables and ignore them.
 */
export const FRUGAL_ENVIRONMENT: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_MMAP_THRESHOLD_: '65536',
};

/**
 * For the process itself, before it makes a machine: V8 collects its old space each time it has grown by a fifth, instead of
 * by as much again.
 */
export function collectEarly(): void {
  setFlagsFromString('--heap-growing-percent=20');
}
