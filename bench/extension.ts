/** What a user of the extension waits for and downloads: its activation in a real editor, and the size of its package. */
import { spawnSync } from 'node:child_process';
import { milliseconds, type Row } from './measure';

const ACTIVATION_GOAL = 0.1;
const PACKAGE_GOAL_MB = 5;

/** Runs one of the project's scripts and finds a figure in what it prints. */
function figures(root: string, args: readonly string[], pattern: RegExp): number[] {
  const { stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  const found = pattern.exec(stdout);
  if (!found) throw new Error(`node ${args.join(' ')} did not print ${String(pattern)}:\n${stdout}`);
  return found.slice(1).map(Number);
}

export function benchExtension(root: string): Row[] {
  const [megabytes] = figures(root, ['scripts/package.mjs'], /\.vsix: ([\d.]+) MB/);
  const [loading, activating] = figures(
    root,
    ['scripts/test.mjs', '--editor-only', '--grep', 'is activated by an assembly file'],
    /loading took ([\d.]+) ms, activation ([\d.]+) ms/,
  );
  const activation = (loading + activating) / 1000;
  return [
    {
      what: 'activation of the extension, loading included',
      ours: milliseconds(activation),
      peer: '',
      ratio: '',
      goal: `< ${milliseconds(ACTIVATION_GOAL)}`,
      reached: activation < ACTIVATION_GOAL,
    },
    {
      what: 'size of the .vsix',
      ours: `${megabytes} MB`,
      peer: '',
      ratio: '',
      goal: `< ${PACKAGE_GOAL_MB} MB`,
      reached: megabytes < PACKAGE_GOAL_MB,
    },
  ];
}
