/** The guest programs of the benchmarks, assembled by our own toolchain for the bare machine and for Linux. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMachine, loadImage } from '../emulator';
import { buildImage, readElf, USER_LAYOUT } from '../toolchain';

export const PROGRAMS = ['sieve', 'crc32', 'calls', 'quicksort'] as const;

/** An ELF executable of bench/programs/`name`.S. */
export function buildProgram(folder: string, name: string, bare: boolean): Uint8Array {
  const path = join(folder, `${name}.S`);
  const { elf, diagnostics } = buildImage(
    [{ path, text: readFileSync(path, 'utf8') }],
    {
      includePaths: [folder],
      defines: bare ? { BARE: '1' } : {},
      readFile: (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined),
    },
    USER_LAYOUT,
  );
  if (!elf)
    throw new Error(
      diagnostics.map(({ location, message }) => `${location.file}:${location.line}: ${message}`).join('\n'),
    );
  return elf;
}

/** Runs a program made for the bare machine to its HLT; returns seconds and instructions. */
export function runBare(elf: Uint8Array, engine: 'tiered' | 'interpreter'): { seconds: number; instructions: number } {
  const machine = createMachine({ memoryBytes: 64 << 20, engine });
  const file = readElf(elf);
  const segments = file.segments
    .filter(({ type }) => type === 1)
    .map(({ va, pa, data, memorySize }) => ({ va, pa, bytes: data, memoryBytes: Number(memorySize) }));
  loadImage(machine.cpu, { entry: file.entry, segments, mode: 64 });
  const start = performance.now();
  let reason: string;
  do reason = machine.run(50_000_000).reason;
  while (reason === 'limit');
  if (reason !== 'halt') throw new Error(`a benchmark program ended with ${reason}`);
  return { seconds: (performance.now() - start) / 1000, instructions: machine.instructionCount };
}
