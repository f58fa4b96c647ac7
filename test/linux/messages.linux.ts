/** What kernels complain of: nothing on Ringside that they do not complain of on a similarly bare machine of QEMU's. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { busyboxInitramfs } from '../../toolchain';
import { need, QUICK, RINGSIDE } from './kernels';

/** Messages of the levels emergency to warning, then a restart. */
const SCRIPT = 'echo "@@ messages"; dmesg -r | grep "^<[0-4]>"; echo "@@ end"; reboot -f';
const COMMAND_LINE = `console=ttyS0 ${QUICK} quiet`;
const SECONDS = 600;

/** Without ACPI there is no list of processors, and without PCI no way to its configuration space: both say so. */
const QEMU_MACHINES = {
  legacy: ['-M', 'isapc', '-cpu', 'qemu64,-apic'],
  acpi: ['-M', 'pc', '-cpu', 'qemu64'],
} as const;

function messages(program: string, args: readonly string[]): Set<string> {
  const { stdout, error } = spawnSync(program, args, {
    ...{ encoding: 'latin1', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'inherit'], timeout: SECONDS * 1000 },
  });
  if (error) throw error;
  const text = stdout.replaceAll('\r', '');
  const list = /@@ messages\n([^]*)@@ end\n/.exec(text)?.[1];
  assert.ok(list !== undefined, `no messages of ${program}:\n${text.slice(-2000)}`);
  // Times are of no interest here.
  return new Set([...list.matchAll(/^<\d>\[[ \d.]+\] (.*)$/gm)].map((match) => match[1] ?? ''));
}

function haveQemu(): boolean {
  return spawnSync('qemu-system-x86_64', ['--version']).status === 0;
}

describe('Linux: warnings', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringside-messages-'));
  after(() => rmSync(folder, { recursive: true }));

  for (const [name, platform] of [
    ['cloud-6.1', 'legacy'],
    ['cloud-6.1', 'acpi'],
    ['cloud-6.12', 'acpi'],
    ['amd64-6.1', 'acpi'],
    ['small-bzImage', 'legacy'],
    ['small-6.12-bzImage', 'legacy'],
  ] as const) {
    it(`${name} on the platform ${platform} has none that it has not on QEMU`, function () {
      const { kernel, busybox } = need(this, name);
      if (!haveQemu()) this.skip();
      const initrd = join(folder, 'initrd');
      writeFileSync(initrd, busyboxInitramfs(readFileSync(busybox), { script: SCRIPT }));
      const here = messages(process.execPath, [
        ...[RINGSIDE, 'boot', '--kernel', kernel, '--initrd', initrd, '--append', COMMAND_LINE],
        ...['--platform', platform, '--fast-time', '--max-seconds', `${SECONDS}`],
      ]);
      const there = messages('qemu-system-x86_64', [
        ...['-accel', 'tcg', '-m', '256', '-no-reboot', '-nodefaults', '-display', 'none', '-serial', 'stdio'],
        ...[...QEMU_MACHINES[platform], '-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE],
      ]);
      for (const message of here) console.log(`      both: ${message}`);
      assert.deepEqual(
        [...here].filter((message) => !there.has(message)),
        [],
      );
    });
  }
});
