/** The engine against qemu-x86_64 (Debian's qemu-user) on hot integer loops: interpreted alone, and tiered. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { geometricMean, median, seconds, type Row } from './measure';
import { buildProgram, PROGRAMS, runBare } from './programs';

const PEER = 'qemu-x86_64';
const GOALS = { interpreter: 0.12, tiered: 0.6 } as const;
const ROUNDS = 3;

type Stages = keyof typeof GOALS;

export function benchEngine(programFolder: string, stages: Stages): Row[] {
  if (spawnSync(PEER, ['--version']).status !== 0) {
    console.error(`${PEER} is missing (Debian package qemu-user): the engine is not compared.`);
    return [];
  }
  const goal = GOALS[stages];
  const folder = mkdtempSync(join(tmpdir(), 'ringside-bench-'));
  try {
    const rows = PROGRAMS.map((name) => {
      const path = join(folder, name);
      writeFileSync(path, buildProgram(programFolder, name, false));
      chmodSync(path, 0o755);
      return { name, ...compare(path, buildProgram(programFolder, name, true), stages) };
    });
    const mean = geometricMean(rows.map(({ ratio }) => ratio));
    return [
      ...rows.map(({ name, mips, peerMips, ratio }) => row(`${stages}: ${name}`, mips, peerMips, ratio)),
      {
        what: `${stages}: geometric mean`,
        ours: '',
        peer: '',
        ratio: mean.toFixed(3),
        goal: `>= ${goal}`,
        reached: mean >= goal,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One program: the goal is for all of them together. */
function row(what: string, mips: number, peerMips: number, ratio: number): Row {
  return {
    what,
    ours: `${mips.toFixed(0)} MIPS`,
    peer: `${PEER} ${peerMips.toFixed(0)} MIPS`,
    ratio: ratio.toFixed(3),
    goal: '',
    reached: true,
  };
}

function compare(path: string, bare: Uint8Array, stages: Stages): { mips: number; peerMips: number; ratio: number } {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const theirs = seconds(() => {
      const { status } = spawnSync(PEER, [path]);
      if (status !== 0) throw new Error(`${PEER} ${path}: exit status ${status}`);
    });
    const ours = runBare(bare, stages);
    return { ratio: theirs / ours.seconds, mips: ours.instructions / ours.seconds / 1e6, theirs, ours };
  });
  const { instructions } = rounds[0].ours;
  return {
    mips: median(rounds.map(({ mips }) => mips)),
    peerMips: instructions / median(rounds.map(({ theirs }) => theirs)) / 1e6,
    ratio: median(rounds.map(({ ratio }) => ratio)),
  };
}
