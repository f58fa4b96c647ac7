/** Resident memory of a process in which a guest runs mixed code, some of it generated without end. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { FRUGAL_ARGUMENTS, FRUGAL_ENVIRONMENT } from '../debug-adapter/process-memory';
import { canBuildGuests, Guests } from './guests';
import type { Row } from './measure';

const GUEST_MB = 64;
const GOAL_MB = GUEST_MB + 300;

/** Runs for `minutes`; the largest figure counts. */
export function benchMemory(root: string, minutes: number): Row[] {
  if (!canBuildGuests()) return [];
  const guests = new Guests(join(root, 'bench', 'programs'));
  try {
    // Bundled beside this program.
    const program = join(dirname(process.argv[1]), 'memory-run.js');
    const args = [
      ...FRUGAL_ARGUMENTS,
      program,
      guests.build('mixed', 'system-64'),
      String(GUEST_MB),
      String(60 * minutes),
    ];
    const { status, stdout } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      // As the extension starts the debug adapter.
      env: { ...process.env, ...FRUGAL_ENVIRONMENT },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) throw new Error('the run of mixed code failed');
    const figures = stdout
      .trim()
      .split('\n')
      .map((line) => Number(line.split(' ')[0]));
    const largest = Math.max(...figures);
    return [
      {
        what: `resident after ${minutes} min of mixed code, guest of ${GUEST_MB} MB`,
        ours: `${figures[figures.length - 1]} MB, at most ${largest} MB`,
        peer: '',
        ratio: '',
        goal: `< ${GOAL_MB} MB`,
        reached: largest < GOAL_MB,
      },
    ];
  } finally {
    guests.dispose();
  }
}
