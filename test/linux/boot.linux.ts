/** `npm run test:linux`: real kernels on the emulator, a shell on their console. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROMPT = '/ # ';
const RINGSIDE = join(__dirname, '..', '..', 'dist', 'ringside.js');
const kernels = JSON.parse(process.env.RINGSIDE_KERNELS ?? '{}') as Readonly<Record<string, string>>;

interface Boot {
  readonly code: number | null;
  /** What the console showed, with plain line ends and without requests to the terminal. */
  readonly console: string;
  /** Of --stats. */
  readonly figures: Readonly<Record<string, number>>;
}

describe('Linux', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringside-linux-'));
  after(() => rmSync(folder, { recursive: true }));

  function boot(kernel: string, append: string, commands: readonly string[], ...more: readonly string[]): Boot {
    const figures = join(folder, 'stats.json');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        ...[RINGSIDE, 'boot', '--kernel', kernel, '--busybox', kernels.busybox ?? '', '--append', append],
        ...['--max-seconds', '900', '--fast-time', '--stats', figures, '--until', PROMPT],
        ...commands.flatMap((command) => ['--send', `${command}\\n`]),
        ...more,
      ],
      { encoding: 'latin1', maxBuffer: 1 << 26 },
    );
    if (stderr !== '') console.log(stderr);
    const console_ = stdout.replaceAll('\r', '').replaceAll('\x1b[6n', '');
    if (status !== 0) console.log(console_.slice(-4000));
    return { code: status, console: console_, figures: JSON.parse(readFileSync(figures, 'utf8')) as Boot['figures'] };
  }

  /** What the console showed after the command, up to the next prompt. */
  function answer({ console: text }: Boot, command: string): string {
    const start = text.indexOf(`${PROMPT}${command}\n`);
    assert.ok(start >= 0, `the shell did not show ${command}:\n${text.slice(-2000)}`);
    const from = start + PROMPT.length + command.length + 1;
    return text.slice(from, text.indexOf(PROMPT, from));
  }

  function tell({ figures }: Boot): void {
    const million = ((figures.instructionsToUntil ?? 0) / 1e6).toFixed(0);
    console.log(`      prompt after ${million} million instructions, ${figures.secondsToUntil?.toFixed(1)} seconds`);
  }

  const QUICK = 'nokaslr cryptomgr.notests';

  for (const name of ['cloud-6.1', 'cloud-6.12', 'small', 'small-bzImage']) {
    it(`${name}: boots to a shell that runs commands`, function () {
      const kernel = kernels[name];
      if (kernel === undefined) return this.skip();
      const commands = ['uname -a', 'echo $((6 * 7))', 'ls -l /proc/1/exe', 'cat /proc/interrupts', 'dmesg'];
      const result = boot(kernel, QUICK, commands);
      assert.equal(result.code, 0);
      tell(result);
      assert.match(answer(result, 'uname -a'), /^Linux .* x86_64 GNU\/Linux\n$/);
      assert.equal(answer(result, 'echo $((6 * 7))'), '42\n');
      assert.match(answer(result, 'ls -l /proc/1/exe'), /\/bin\/busybox/);
      assert.match(answer(result, 'cat /proc/interrupts'), /timer[^]*ttyS0/);
      // Spontaneous messages of the kernel begin like this; `dmesg` shows what was printed before the console was there.
      const log = answer(result, 'dmesg');
      assert.doesNotMatch(log, /WARNING:|BUG:|Oops|general protection|unchecked MSR|invalid opcode|Call Trace/);
    });
  }

  it('two boots are the same, instruction for instruction', function () {
    const kernel = kernels.small ?? kernels['cloud-6.1'];
    if (kernel === undefined) return this.skip();
    const [first, second] = [boot(kernel, QUICK, []), boot(kernel, QUICK, [])];
    assert.equal(first.console, second.console);
    assert.equal(first.figures.instructionsToUntil, second.figures.instructionsToUntil);
  });

  it('a bzImage unpacks itself, from its 64-bit and from its 32-bit entry', function () {
    const kernel = kernels['small-bzImage'] ?? kernels['cloud-6.1'];
    if (kernel === undefined) return this.skip();
    for (const entry of ['64', '32']) {
      const result = boot(kernel, QUICK, ['uname -s'], '--entry', entry);
      assert.deepEqual([result.code, answer(result, 'uname -s')], [0, 'Linux\n']);
    }
  });

  it('a kernel in a compression not unpacked here unpacks itself', function () {
    const kernel = kernels['amd64-6.1'];
    if (kernel === undefined) return this.skip();
    const result = boot(kernel, QUICK, ['uname -s']);
    tell(result);
    assert.deepEqual([result.code, answer(result, 'uname -s')], [0, 'Linux\n']);
  });

  it('goes without page-table isolation on an AMD model, with it on an Intel one', function () {
    const kernel = kernels.small ?? kernels['cloud-6.1'];
    if (kernel === undefined) return this.skip();
    const isolation = (model: string): boolean =>
      boot(kernel, QUICK, ['dmesg'], '--cpu', model).console.includes('page tables isolation: enabled');
    assert.deepEqual([isolation('intel'), isolation('amd')], [true, false]);
  });

  it('finds APICs, HPET and an empty PCI bus by ACPI on that platform', function () {
    const kernel = kernels['cloud-6.1'];
    if (kernel === undefined) return this.skip();
    const commands = ['cat /proc/interrupts', 'dmesg', 'ls /sys/bus/pci/devices', 'poweroff -f'];
    const result = boot(kernel, QUICK, commands, '--platform', 'acpi');
    assert.equal(result.code, 0, 'poweroff ends the session');
    tell(result);
    assert.match(answer(result, 'cat /proc/interrupts'), /IO-APIC +4-edge +ttyS0/);
    const log = answer(result, 'dmesg');
    assert.match(log, /clocksource: hpet/);
    assert.doesNotMatch(log, /WARNING:|BUG:|ACPI (?:BIOS )?Error|Oops|unchecked MSR|Call Trace/);
  });

  for (const command of ['reboot -f', 'poweroff -f']) {
    it(`${command} ends the session`, function () {
      const kernel = kernels.small ?? kernels['cloud-6.1'];
      if (kernel === undefined) return this.skip();
      assert.equal(boot(kernel, QUICK, [command]).code, 0);
    });
  }

  it('a program of ours runs as the first process', function () {
    const kernel = kernels.small ?? kernels['cloud-6.1'];
    if (kernel === undefined) return this.skip();
    const hello = join(__dirname, '..', '..', 'samples', 'hello-syscall', 'hello.S');
    const args = ['boot', '--kernel', kernel, '--init', hello, '--append', QUICK, '--max-seconds', '300'];
    const { stdout, status } = spawnSync(process.execPath, [RINGSIDE, ...args], { encoding: 'latin1' });
    assert.match(stdout, /Hello[^]*Attempted to kill init! exitcode=0x00000000/i);
    assert.equal(status, 3, 'a kernel panics when its first process ends');
  });
});
