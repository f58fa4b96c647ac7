/** The kernels `npm run test:linux` hands to its tests, and a conversation with the shell of a booted one. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const RINGSIDE = join(__dirname, '..', '..', 'dist', 'ringside.js');
const PROMPT = '/ # ';
/** No kernel is loaded at random, and no cipher tests itself for 900 million instructions. */
export const QUICK = 'nokaslr cryptomgr.notests';

const paths = JSON.parse(process.env.RINGSIDE_KERNELS ?? '{}') as Readonly<Record<string, string>>;

/** The first of these kernels that is there, and the busybox; without either the test is skipped. */
export function need(test: Mocha.Context, ...names: readonly string[]): { kernel: string; busybox: string } {
  const kernel = names.map((name) => paths[name]).find((path) => path !== undefined);
  const { busybox } = paths;
  if (kernel === undefined || busybox === undefined) test.skip();
  return { kernel, busybox };
}

export interface BootOptions {
  readonly append?: string;
  readonly commands?: readonly string[] | undefined;
  /** Further options of `ringside boot`. */
  readonly options?: readonly string[] | undefined;
}

/** A boot that has ended. */
export interface Boot {
  readonly code: number | null;
  /** What the console showed, with plain line ends and without requests to the terminal. */
  readonly console: string;
  /** Of --stats. */
  readonly figures: Readonly<Record<string, number>>;
}

/** Boots to a shell, types each command at a prompt, and ends at the prompt after the last. */
export function boot(
  { kernel, busybox }: { kernel: string; busybox: string },
  { append = QUICK, commands, options }: BootOptions = {},
): Boot {
  return converse(['--kernel', kernel, '--busybox', busybox, '--append', append], { commands, options });
}

/** Goes on from a snapshot taken at a prompt, as `boot` does. */
export function resume(snapshot: string, conversation: Pick<BootOptions, 'commands' | 'options'> = {}): Boot {
  return converse(['--snapshot', snapshot], conversation);
}

function converse(
  start: readonly string[],
  { commands = [], options = [] }: Pick<BootOptions, 'commands' | 'options'>,
): Boot {
  const folder = mkdtempSync(join(tmpdir(), 'ringside-linux-'));
  try {
    const figures = join(folder, 'stats.json');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        ...[RINGSIDE, 'boot', ...start],
        ...['--max-seconds', '900', '--fast-time', '--stats', figures, '--until', PROMPT],
        ...commands.flatMap((command) => ['--send', `${command}\\n`]),
        ...options,
      ],
      { encoding: 'latin1', maxBuffer: 1 << 26 },
    );
    if (stderr !== '') console.log(stderr);
    const console_ = stdout.replaceAll('\r', '').replaceAll('\x1b[6n', '');
    if (status !== 0) console.log(console_.slice(-4000));
    return { code: status, console: console_, figures: JSON.parse(readFileSync(figures, 'utf8')) as Boot['figures'] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the console showed after the command, up to the next prompt. */
export function answer({ console: text }: Boot, command: string): string {
  const start = text.indexOf(`${PROMPT}${command}\n`);
  assert.ok(start >= 0, `the shell did not show ${command}:\n${text.slice(-2000)}`);
  const from = start + PROMPT.length + command.length + 1;
  return text.slice(from, text.indexOf(PROMPT, from));
}

/** Prints what a boot cost. */
export function tell({ figures }: Boot): void {
  const million = ((figures.instructionsToUntil ?? 0) / 1e6).toFixed(0);
  console.log(`      prompt after ${million} million instructions, ${figures.secondsToUntil?.toFixed(1)} seconds`);
}
