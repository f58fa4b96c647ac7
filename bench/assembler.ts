/** Assembling and linking the sample kernel, debug information included; GNU as on the same files beside it. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildImage, KERNEL_LAYOUT } from '../toolchain';
import { milliseconds, seconds, type Row } from './measure';

const GOAL = 0.3;

export function benchAssembler(folder: string): Row[] {
  const paths = readdirSync(folder)
    .filter((name) => name.endsWith('.S'))
    .sort()
    .map((name) => join(folder, name));
  const sources = paths.map((path) => ({ path, text: readFileSync(path, 'utf8') }));
  const build = (): void => {
    const readFile = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);
    const { elf, diagnostics } = buildImage(sources, { includePaths: [folder], readFile }, KERNEL_LAYOUT);
    if (!elf) throw new Error(JSON.stringify(diagnostics[0]));
  };
  // The first time counts: that is what a user waits for.
  const first = seconds(build);
  const again = seconds(build);
  const peer = gnuAs(paths, folder);
  return [
    {
      what: 'assemble the sample kernel, first time',
      ours: milliseconds(first),
      peer: peer === undefined ? '' : `gcc -c ${milliseconds(peer)}`,
      ratio: peer === undefined ? '' : (first / peer).toFixed(2),
      goal: `< ${milliseconds(GOAL)}`,
      reached: first < GOAL,
    },
    {
      what: 'assemble the sample kernel, again',
      ours: milliseconds(again),
      peer: '',
      ratio: '',
      goal: `< ${milliseconds(GOAL)}`,
      reached: again < GOAL,
    },
  ];
}

function gnuAs(paths: readonly string[], folder: string): number | undefined {
  if (spawnSync('gcc', ['--version']).status !== 0) return undefined;
  const out = mkdtempSync(join(tmpdir(), 'ringside-bench-'));
  try {
    return seconds(() => {
      for (const [i, path] of paths.entries()) {
        spawnSync('gcc', ['-c', '-g', '-x', 'assembler-with-cpp', '-I', folder, path, '-o', join(out, `${i}.o`)]);
      }
    });
  } finally {
    rmSync(out, { recursive: true });
  }
}
