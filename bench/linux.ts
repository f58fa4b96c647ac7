/**
 * A real Linux kernel with a shell: from the start of the process to the prompt, next to QEMU; and what the user feels then:
 * how long a key takes to be echoed, and what an idle guest costs.
 */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialFileSystem } from '../debug-adapter';
import { isInstalled } from './guests';
import { median, milliseconds, type Row } from './measure';

const PROMPT = '/ # ';
/** Both sides: no interrupt controller but the 8259s, which Ringside has by default; no ciphers that test themselves. */
const COMMAND_LINE = 'console=ttyS0 nokaslr noapic nolapic acpi=off cryptomgr.notests';
const MEMORY = '256M';
/** At the most so many times QEMU's time. */
const GOAL = 3;
const ROUNDS = 5;
const PATIENCE_SECONDS = 120;

const KEYS = 40;
const ECHO_GOAL = 0.05;
const IDLE_SECONDS = 10;
/** V8 is done with optimizing what the boot made hot. */
const SETTLING_SECONDS = 8;
const IDLE_GOAL = 0.02;
const RESUME_GOAL = 1;

/** What `npm run test:linux` fetches and compiles. */
const KERNELS = [
  { name: 'small-bzImage', what: 'small 6.1 kernel' },
  { name: 'cloud-6.1', what: "Debian's 6.1 cloud kernel" },
];

/** A process with a guest's console on its standard streams. */
class Console {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly start = performance.now();
  private text = '';
  private waiting: { readonly text: string; readonly seen: () => void } | undefined;

  constructor(command: string, args: readonly string[]) {
    this.child = spawn(command, args, { stdio: 'pipe' });
    this.child.stdout.on('data', (data: Buffer) => {
      this.text += data.toString('latin1');
      this.look();
    });
    this.child.stderr.resume();
  }

  /** Seconds since the process was started. */
  get age(): number {
    return (performance.now() - this.start) / 1000;
  }

  type(text: string): void {
    this.child.stdin.write(text);
  }

  /** Until the text appears after the one waited for before. */
  async until(text: string): Promise<void> {
    const alarm = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE_SECONDS * 1000);
    await new Promise<void>((resolve, reject) => {
      this.waiting = { text, seen: resolve };
      this.child.on('error', reject);
      this.child.on('close', () => reject(new Error(`the guest did not write "${text}":\n${this.text.slice(-500)}`)));
      this.look();
    });
    clearTimeout(alarm);
    this.child.removeAllListeners();
  }

  /** Seconds of processor time so far (proc_pid_stat(5): utime and stime, in hundredths). */
  get processorTime(): number {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** Until the process ends by itself. */
  ended(): Promise<void> {
    return new Promise((resolve) => this.child.on('close', () => resolve()));
  }

  close(): void {
    this.child.kill('SIGKILL');
  }

  private look(): void {
    const { waiting } = this;
    const at = waiting ? this.text.indexOf(waiting.text) : -1;
    if (!waiting || at < 0) return;
    this.text = this.text.slice(at + waiting.text.length);
    this.waiting = undefined;
    waiting.seen();
  }
}

export async function benchLinux(root: string): Promise<Row[]> {
  const cache = join(root, '.cache', 'linux');
  const busybox = join(cache, 'busybox');
  const kernels = KERNELS.filter(({ name }) => existsSync(join(cache, name)));
  if (kernels.length < KERNELS.length || !existsSync(busybox)) {
    console.error(
      'Kernels or busybox are missing: "npm run test:linux" fetches and compiles them; booting is not measured.',
    );
    return [];
  }
  const built = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the command line could not be bundled');
  const haveQemu = isInstalled('qemu-system-x86_64', 'qemu-system-x86', 'booting is not compared with it');

  const folder = mkdtempSync(join(tmpdir(), 'ringside-bench-linux-'));
  try {
    const initrd = join(folder, 'initrd');
    writeFileSync(initrd, initialFileSystem({ busybox }) ?? '');
    const ringside = (...args: readonly string[]): Console =>
      new Console(process.execPath, [join(root, 'dist', 'ringside.js'), 'boot', ...args]);
    const boots = (kernel: string): string[] => [
      ...['--kernel', kernel, '--initrd', initrd, '--memory', MEMORY, '--cpu', 'intel', '--append', COMMAND_LINE],
    ];
    const qemu = (kernel: string): Console =>
      new Console('qemu-system-x86_64', [
        ...[
          '-accel',
          'tcg',
          '-cpu',
          'Nehalem',
          '-m',
          MEMORY,
          '-display',
          'none',
          '-serial',
          'stdio',
          '-monitor',
          'none',
        ],
        ...['-no-reboot', '-nodefaults', '-net', 'none', '-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE],
      ]);
    const rows: Row[] = [];
    for (const { name, what } of kernels) {
      const kernel = join(cache, name);
      rows.push(await benchBoot(what, () => ringside(...boots(kernel)), haveQemu ? () => qemu(kernel) : undefined));
    }
    const kernel = join(cache, kernels[0].name);
    rows.push(...(await benchPrompt(() => ringside(...boots(kernel)))));
    rows.push(await benchResume(join(folder, 'snapshot'), boots(kernel), ringside));
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Seconds from the start of a process to its guest's prompt. */
async function prompt(start: () => Console): Promise<number> {
  const console_ = start();
  try {
    await console_.until(PROMPT);
    return console_.age;
  } finally {
    console_.close();
  }
}

async function benchBoot(what: string, ours: () => Console, theirs: (() => Console) | undefined): Promise<Row> {
  const rounds: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({ theirs: theirs ? await prompt(theirs) : 0, ours: await prompt(ours) });
  }
  const ratio = median(rounds.map((round) => round.theirs / round.ours));
  return {
    what: `${what} to the prompt, process start included`,
    ours: milliseconds(median(rounds.map((round) => round.ours))),
    peer: theirs ? `qemu-system-x86_64 TCG ${milliseconds(median(rounds.map((round) => round.theirs)))}` : '',
    ratio: theirs ? ratio.toFixed(2) : '',
    goal: theirs ? `>= ${(1 / GOAL).toFixed(2)}` : '',
    reached: !theirs || ratio >= 1 / GOAL,
  };
}

const wait = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function benchPrompt(start: () => Console): Promise<Row[]> {
  const console_ = start();
  try {
    await console_.until(PROMPT);
    await wait(SETTLING_SECONDS);
    const before = console_.processorTime;
    await wait(IDLE_SECONDS);
    const idle = (console_.processorTime - before) / IDLE_SECONDS;
    const echoes: number[] = [];
    for (let key = 0; key < KEYS; key++) {
      const letter = String.fromCharCode(0x61 + (key % 26));
      const typed = performance.now();
      console_.type(letter);
      await console_.until(letter);
      echoes.push((performance.now() - typed) / 1000);
      await wait(0.1);
    }
    const slowest = Math.max(...echoes);
    return [
      {
        what: `echo of a typed key, median and slowest of ${KEYS}`,
        ours: `${milliseconds(median(echoes))}, ${milliseconds(slowest)}`,
        ...{ peer: '', ratio: '', goal: `< ${milliseconds(ECHO_GOAL)}`, reached: slowest < ECHO_GOAL },
      },
      {
        what: 'processor time of a guest that idles at its prompt',
        ours: `${(100 * idle).toFixed(1)} % of a core`,
        ...{ peer: '', ratio: '', goal: `< ${100 * IDLE_GOAL} %`, reached: idle < IDLE_GOAL },
      },
    ];
  } finally {
    console_.close();
  }
}

/** From the start of the process to the answer of a shell that was saved at its prompt. */
async function benchResume(
  snapshot: string,
  boots: readonly string[],
  ringside: (...args: readonly string[]) => Console,
): Promise<Row> {
  const saving = ringside(...boots, '--until', PROMPT, '--save-snapshot', snapshot);
  await saving.ended();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const console_ = ringside('--snapshot', snapshot);
    try {
      console_.type('echo li""ve\n');
      await console_.until('live');
      times.push(console_.age);
    } finally {
      console_.close();
    }
  }
  return {
    what: 'resumed from a snapshot at the prompt to the answer to a command, process start included',
    ours: milliseconds(median(times)),
    ...{ peer: '', ratio: '', goal: `< ${milliseconds(RESUME_GOAL)}`, reached: median(times) < RESUME_GOAL },
  };
}
