/** `npm run test:linux`: real kernels on the emulator, a shell on their console. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { answer, boot, need, QUICK, RINGSIDE, tell } from './kernels';

/** Spontaneous messages of the kernel that something is wrong begin like this; that there is no ACPI on `legacy` is not wrong. */
const TROUBLE =
  /WARNING:|BUG:|ACPI (?:BIOS )?Error(?!.*valid RSDP was not found)|Oops|general protection|unchecked MSR|invalid opcode|Call Trace/;

describe('Linux', () => {
  for (const name of ['cloud-6.1', 'cloud-6.12', 'small', 'small-bzImage', 'small-6.12', 'small-6.12-bzImage']) {
    it(`${name}: boots to a shell that runs commands`, function () {
      const commands = ['uname -a', 'echo $((6 * 7))', 'ls -l /proc/1/exe', 'cat /proc/interrupts', 'dmesg'];
      const result = boot(need(this, name), { commands });
      assert.equal(result.code, 0);
      tell(result);
      assert.match(answer(result, 'uname -a'), /^Linux .* x86_64 GNU\/Linux\n$/);
      assert.equal(answer(result, 'echo $((6 * 7))'), '42\n');
      assert.match(answer(result, 'ls -l /proc/1/exe'), /\/bin\/busybox/);
      assert.match(answer(result, 'cat /proc/interrupts'), /timer[^]*ttyS0/);
      // The log also has what was printed before the console was there.
      assert.doesNotMatch(answer(result, 'dmesg'), TROUBLE);
    });
  }

  it('two boots are the same, instruction for instruction', function () {
    const kernel = need(this, 'small', 'cloud-6.1');
    const [first, second] = [boot(kernel), boot(kernel)];
    assert.equal(first.console, second.console);
    assert.equal(first.figures.instructionsToUntil, second.figures.instructionsToUntil);
  });

  it('a bzImage unpacks itself, from its 64-bit and from its 32-bit entry', function () {
    const kernel = need(this, 'small-bzImage', 'cloud-6.1');
    for (const entry of ['64', '32']) {
      const result = boot(kernel, { commands: ['uname -s'], options: ['--entry', entry] });
      assert.deepEqual([result.code, answer(result, 'uname -s')], [0, 'Linux\n']);
    }
  });

  it('a kernel in a compression not unpacked here unpacks itself', function () {
    const result = boot(need(this, 'amd64-6.1'), { commands: ['uname -s'] });
    tell(result);
    assert.deepEqual([result.code, answer(result, 'uname -s')], [0, 'Linux\n']);
  });

  it('finds APICs, HPET and an empty PCI bus by ACPI on that platform', function () {
    const commands = ['cat /proc/interrupts', 'dmesg', 'ls /sys/bus/pci/devices'];
    const result = boot(need(this, 'cloud-6.1'), { commands, options: ['--platform', 'acpi'] });
    assert.equal(result.code, 0);
    tell(result);
    assert.match(answer(result, 'cat /proc/interrupts'), /IO-APIC +4-edge +ttyS0/);
    assert.equal(answer(result, 'ls /sys/bus/pci/devices'), '0000:00:00.0\n');
    const log = answer(result, 'dmesg');
    assert.match(log, /clocksource: hpet/);
    assert.doesNotMatch(log, TROUBLE);
  });

  for (const platform of ['legacy', 'acpi']) {
    for (const command of ['reboot -f', 'poweroff -f']) {
      it(`${command} ends the session on the platform ${platform}`, function () {
        // The small kernel knows no ACPI.
        const kernel = platform === 'acpi' ? need(this, 'cloud-6.1') : need(this, 'small', 'cloud-6.1');
        const { code } = boot(kernel, { commands: [command], options: ['--platform', platform] });
        assert.equal(code, 0);
      });
    }
  }

  it('a program of ours runs as the first process', function () {
    const { kernel } = need(this, 'small', 'cloud-6.1');
    const hello = join(__dirname, '..', '..', 'samples', 'hello-syscall', 'hello.S');
    const args = ['boot', '--kernel', kernel, '--init', hello, '--append', QUICK, '--max-seconds', '300'];
    const { stdout, status } = spawnSync(process.execPath, [RINGSIDE, ...args], { encoding: 'latin1' });
    assert.match(stdout, /Hello[^]*Attempted to kill init! exitcode=0x00000000/i);
    assert.equal(status, 3, 'a kernel panics when its first process ends');
  });
});
