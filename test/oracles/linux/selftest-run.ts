/** Runs the kernel's selftests under Linux, on Ringside or on QEMU, and reads what came of each from the console. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxInitramfs, type CpioEntry } from '../../../toolchain';
import type { SelftestProgram } from './selftest-programs';

const RINGSIDE = join(__dirname, '..', '..', '..', 'dist', 'ringside.js');
/**
 * Some programs would never end where they find the processor at fault. Seconds of the guest's time, which on QEMU is the
 * host's, however busy that is.
 */
export const SECONDS_PER_PROGRAM = { ringside: 20, qemu: 120 };
const HOST_SECONDS = 3000;
const MARK = '@@selftest';
const COMMAND_LINE = 'console=ttyS0 nokaslr quiet';

export type Outcome = 'passed' | 'failed' | 'skipped' | 'no end';

export interface SelftestResult {
  readonly outcome: Outcome;
  /** Exit code, or 128 and the number of the signal that ended it. */
  readonly code: number | undefined;
  readonly output: string;
}

/** One run of all programs. */
export interface SelftestRun {
  readonly results: ReadonlyMap<string, SelftestResult>;
  readonly console: string;
  readonly seconds: number;
  /** Executed until the machine was reset; unknown of QEMU. */
  readonly instructions?: number;
}

/** busybox, the programs, and a script as the first process that starts one after another and resets the machine. */
export function selftestFileSystem(
  busybox: string,
  programs: readonly SelftestProgram[],
  secondsPerProgram: number,
): Uint8Array {
  const script = [
    'ulimit -c 0',
    'uname -a',
    'cd /selftests',
    ...programs.map(
      ({ name }) =>
        `echo "${MARK} ${name} begins"; timeout -s KILL ${secondsPerProgram} ./${name} 2>&1; echo "${MARK} ${name} ended $?"`,
    ),
    'reboot -f',
  ];
  const entries: CpioEntry[] = [
    { kind: 'folder', path: 'selftests' },
    ...programs.map(({ name, path }): CpioEntry => ({
      ...{ kind: 'file', path: `selftests/${name}`, data: readFileSync(path), permissions: 0o755 },
    })),
  ];
  return busyboxInitramfs(readFileSync(busybox), { script: script.join('\n'), entries });
}

export function runOnRingside(kernel: string, initrd: string, model: string): SelftestRun {
  const figures = `${initrd}.${model}.json`;
  const start = performance.now();
  const { stdout } = spawnSync(
    process.execPath,
    [
      ...[RINGSIDE, 'boot', '--kernel', kernel, '--initrd', initrd, '--append', COMMAND_LINE, '--cpu', model],
      ...['--fast-time', '--max-seconds', `${HOST_SECONDS}`, '--stats', figures],
    ],
    { encoding: 'latin1', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const seconds = (performance.now() - start) / 1000;
  const { instructions } = JSON.parse(readFileSync(figures, 'utf8')) as { instructions: number };
  rmSync(figures);
  return { ...read(stdout), seconds, instructions };
}

export function runOnQemu(kernel: string, initrd: string): SelftestRun {
  const start = performance.now();
  const { stdout } = spawnSync(
    'qemu-system-x86_64',
    [
      ...['-accel', 'tcg', '-cpu', 'max', '-m', '256', '-no-reboot', '-nodefaults', '-display', 'none'],
      ...['-serial', 'stdio', '-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE],
    ],
    { encoding: 'latin1', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'], timeout: HOST_SECONDS * 1000 },
  );
  return { ...read(stdout), seconds: (performance.now() - start) / 1000 };
}

function read(stdout: string): Pick<SelftestRun, 'results' | 'console'> {
  const console = stdout.replaceAll('\r', '');
  const results = new Map<string, SelftestResult>();
  for (const [, name = '', output = '', code] of console.matchAll(
    new RegExp(`${MARK} (\\w+) begins\\n([^]*?)(?:${MARK} \\1 ended (\\d+)\\n|$(?![^]))`, 'g'),
  )) {
    const number = code === undefined ? undefined : Number(code);
    results.set(name, { outcome: outcomeOf(number), code: number, output });
  }
  return { console, results };
}

/** KSFT_SKIP of the kernel's selftests is 4. */
function outcomeOf(code: number | undefined): Outcome {
  if (code === 0) return 'passed';
  if (code === 4) return 'skipped';
  return code === undefined || code === 128 + 9 ? 'no end' : 'failed';
}
