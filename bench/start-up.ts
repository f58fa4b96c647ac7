/** From the start of the emulator's process to the guest's first instructions: a multiboot image that sends a byte. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { canBuildGuests, Guests, isInstalled } from './guests';
import { median, milliseconds, type Row } from './measure';
import { QEMU_SYSTEM_ARGUMENTS } from './processors';

const ROUNDS = 7;

/** Seconds until the process has written something. */
function firstOutput(command: string, args: readonly string[]): Promise<number> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    child.on('error', reject);
    child.stdout.once('data', () => {
      resolve((performance.now() - start) / 1000);
      child.kill('SIGKILL');
    });
    child.on('close', () => reject(new Error(`${command} ${args.join(' ')} wrote nothing`)));
  });
}

export async function benchStartUp(root: string): Promise<Row[]> {
  if (!canBuildGuests()) return [];
  const built = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the command line could not be bundled');
  const haveQemu = isInstalled('qemu-system-x86_64', 'qemu-system-x86', 'start-up is not compared with it');
  const guests = new Guests(join(root, 'bench', 'programs'));
  try {
    const image = guests.build('nothing', 'system-64');
    const rounds: { ours: number; theirs: number }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push({
        theirs: haveQemu ? await firstOutput('qemu-system-x86_64', [...QEMU_SYSTEM_ARGUMENTS, image]) : 0,
        ours: await firstOutput(process.execPath, [join(root, 'dist', 'ringside.js'), 'run', image]),
      });
    }
    const each = (side: 'ours' | 'theirs'): string => milliseconds(median(rounds.map((round) => round[side])));
    return [
      {
        what: 'start of the process to first output of a multiboot image',
        ours: each('ours'),
        peer: haveQemu ? `qemu-system-x86_64 TCG ${each('theirs')}` : '',
        ratio: haveQemu ? median(rounds.map(({ ours, theirs }) => theirs / ours)).toFixed(2) : '',
        goal: '',
        reached: true,
      },
    ];
  } finally {
    guests.dispose();
  }
}
