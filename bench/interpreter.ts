/** The interpreter against qemu-x86_64 (Debian's qemu-user) on hot integer loops. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { geometricMean, median, seconds, type Row } from './measure';
import { buildProgram, PROGRAMS, runBare } from './programs';

const PEER = 'qemu-x86_64';
const GOAL = 0.12;
const ROUNDS = 3;

export function benchInterpreter(programFolder: string): Row[] {
  if (spawnSync(PEER, ['--version']).status !== 0) {
    console.error(`${PEER} is missing (Debian package qemu-user): the interpreter is not compared.`);
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), 'ringside-bench-'));
  try {
    const rows = PROGRAMS.map((name) => {
      const path = join(folder, name);
      writeFileSync(path, buildProgram(programFolder, name, false));
      chmodSync(path, 0o755);
      return { name, ...compare(path, buildProgram(programFolder, name, true)) };
    });
    const ratios = rows.map(({ ratio }) => ratio);
    return [
      ...rows.map(({ name, mips, peerMips, ratio }) => row(`interpreter: ${name}`, mips, peerMips, ratio)),
      {
        what: 'interpreter: geometric mean',
        ours: '',
        peer: '',
        ratio: geometricMean(ratios).toFixed(3),
        goal: `>= ${GOAL}`,
        reached: geometricMean(ratios) >= GOAL,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function row(what: string, mips: number, peerMips: number, ratio: number): Row {
  return {
    what,
    ours: `${mips.toFixed(0)} MIPS`,
    peer: `${PEER} ${peerMips.toFixed(0)} MIPS`,
    ratio: ratio.toFixed(3),
    goal: `>= ${GOAL}`,
    reached: ratio >= GOAL,
  };
}

function compare(path: string, bare: Uint8Array): { mips: number; peerMips: number; ratio: number } {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const theirs = seconds(() => {
      const { status } = spawnSync(PEER, [path]);
      if (status !== 0) throw new Error(`${PEER} ${path}: exit status ${status}`);
    });
    const ours = runBare(bare);
    return { ratio: theirs / ours.seconds, mips: ours.instructions / ours.seconds / 1e6, theirs, ours };
  });
  const { instructions } = rounds[0].ours;
  return {
    mips: median(rounds.map(({ mips }) => mips)),
    peerMips: instructions / median(rounds.map(({ theirs }) => theirs)) / 1e6,
    ratio: median(rounds.map(({ ratio }) => ratio)),
  };
}
