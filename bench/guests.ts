/** The guest programs of the benchmarks, built by GCC for Linux and for a machine without an operating system. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Programs of the hot loops; those that compute with SSE are built with it. */
export const HOT_LOOPS = [
  ...(['sieve', 'crc32', 'calls', 'quicksort', 'pointer-chase', 'strings'] as const),
  ...(['matrix-f32', 'matrix-f64'] as const),
];

const USES_SSE = /^matrix-/;

/**
 * What a program is built for: `linux`, a static 64-bit executable; `system-64` and `system-32`, flat multiboot images
 * for the bare machine in long mode, and in protected mode without paging.
 */
export type Target = 'linux' | 'system-64' | 'system-32';

const FLAGS = [
  ...['-O2', '-std=gnu17', '-ffreestanding', '-nostdlib', '-static', '-fno-pic', '-no-pie', '-mno-red-zone'],
  ...['-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fcf-protection=none'],
  // Loops stay the loops that were written: no vectors where none were asked for, no calls of memset.
  ...['-fno-tree-vectorize', '-fno-tree-loop-distribute-patterns'],
  ...['-Wl,--build-id=none', '-Wl,-z,noexecstack'],
];

/** Whether the program can be run, by asking for its version. */
export function isInstalled(command: string, debianPackage: string, consequence: string): boolean {
  if (spawnSync(command, ['--version']).status === 0) return true;
  console.error(`${command} is missing (Debian package ${debianPackage}): ${consequence}.`);
  return false;
}

/** Whether GCC is there to build guests. */
export function canBuildGuests(): boolean {
  return isInstalled('gcc', 'gcc', 'programs for the guest are not built, and nothing that runs them is measured');
}

/** A folder of built guests; `dispose` removes it. */
export class Guests {
  private readonly folder = mkdtempSync(join(tmpdir(), 'ringside-bench-'));

  /** `sources`: the folder bench/programs. */
  constructor(private readonly sources: string) {}

  /** Path of an image of `name`.c, or of another source with `work` in it. Throws when GCC does not like it. */
  build(name: string, target: Target, source = join(this.sources, `${name}.c`)): string {
    const image = join(this.folder, `${name}-${target}`);
    const start = join(this.sources, target === 'linux' ? 'linux.S' : 'system.S');
    const { status, stderr } = spawnSync(
      'gcc',
      [
        ...FLAGS,
        ...(USES_SSE.test(name) ? ['-msse2', '-mfpmath=sse'] : ['-mgeneral-regs-only']),
        target === 'system-32' ? '-m32' : '-m64',
        ...(target === 'linux' ? ['-DLINUX'] : ['-T', join(this.sources, 'system.ld'), '-Wl,--oformat=binary']),
        ...['-I', this.sources, '-o', image, start, join(this.sources, 'main.c'), source],
      ],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`gcc could not build ${name} for ${target}:\n${stderr}`);
    return image;
  }

  /** Path of a file in the folder, for sources that are generated. */
  path(name: string): string {
    return join(this.folder, name);
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true });
  }
}
