/** Snapshots of a real kernel. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootLinux, initialFileSystem, readSnapshot, writeSnapshot } from '../../debug-adapter';
import { ENGINE_STAGES, type Machine, resumeMachine, savedToText } from '../../emulator';
import { answer, boot, need, QUICK, resume, tell } from './kernels';

const TROUBLE = /WARNING:|BUG:|Oops|rcu:.*stall|soft lockup|clocksource:.*unstable|Call Trace/;

describe('snapshots of Linux', () => {
  let folder: string;
  let file: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringside-linux-'));
    file = join(folder, 'prompt.snapshot');
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [name, options] of [
    ['small', []],
    ['cloud-6.1', ['--platform', 'acpi', '--cpu', 'intel,+x86-64-v3']],
  ] as const) {
    it(`${name}: goes on at the prompt in a new process, as often as one likes`, function () {
      const kernel = need(this, name);
      const first = boot(kernel, {
        // Whatever the kernel has to say behind the prompt would be the console's last line.
        append: `${QUICK} loglevel=4`,
        commands: ['x=42'],
        options: [...options, '--save-snapshot', file],
      });
      assert.equal(first.code, 0);
      tell(first);
      console.log(`      ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB`);
      for (let time = 0; time < 2; time++) {
        const commands = ['uname -s', 'echo $x', 'sleep 1', 'cat /proc/interrupts', 'dmesg'];
        const result = resume(file, { commands });
        assert.equal(result.code, 0);
        tell(result);
        assert.ok(result.console.startsWith('/ # uname -s\n'), 'the prompt is shown again, the log is not');
        assert.deepEqual([answer(result, 'uname -s'), answer(result, 'echo $x')], ['Linux\n', '42\n']);
        assert.match(answer(result, 'cat /proc/interrupts'), /timer[^]*ttyS0/);
        assert.doesNotMatch(answer(result, 'dmesg'), TROUBLE);
      }
      assert.equal(resume(file, { commands: ['reboot -f'] }).code, 0);
    });
  }

  for (const [name, options, moments] of [
    ['small', {}, [5, 30, 60]],
    ['cloud-6.1', { platform: 'acpi', cpu: 'intel,+x86-64-v3' }, [40, 200, 340]],
  ] as const) {
    it(`${name}: in the middle of a boot go on instruction for instruction, whatever executes them`, async function () {
      const { kernel, busybox } = need(this, name);
      const initrd = initialFileSystem({ busybox });
      const output: string[] = [];
      const { machine } = bootLinux({
        ...{ kernel, commandLine: `console=ttyS0 ${QUICK}`, ...(initrd && { initrd }), ...options },
        serial: (byte) => output.push(String.fromCharCode(byte)),
      });
      for (const [index, millions] of moments.entries()) {
        const [saved, compared] = [millions * 1_000_000, (millions + 3) * 1_000_000];
        runTo(machine, saved);
        await writeSnapshot(file, { snapshot: machine.save(), key: '', console: new Uint8Array() });
        const { snapshot } = await readSnapshot(file);
        const before = output.length;
        runTo(machine, compared);
        const engine = ENGINE_STAGES[index];
        let text = '';
        const other = resumeMachine(snapshot, { engine, serial: (byte) => (text += String.fromCharCode(byte)) });
        runTo(other, compared);
        assert.equal(text, output.slice(before).join(''), engine);
        const [mine, its] = [machine.save(), other.save()];
        assert.equal(savedToText(its.state), savedToText(mine.state), engine);
        assert.deepEqual(its.memory.runs, mine.memory.runs);
        its.memory.chunks.forEach((chunk, i) => assert.equal(Buffer.compare(chunk, mine.memory.chunks[i]), 0));
      }
    });
  }
});

function runTo(machine: Machine, instructions: number): void {
  while (machine.instructionCount < instructions) {
    assert.equal(machine.run(Math.min(5_000_000, instructions - machine.instructionCount)).reason, 'limit');
  }
}
