/** Real kernels under the debugger: a program is stepped into the kernel's entry, a shell is paused and typed into. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DapClient, HELLO } from '../debug-adapter/client';
import { need, QUICK } from './kernels';

/** What a person does not notice. */
const ECHO_MS = 50;

describe('Linux in the debugger', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringside-debugging-'));
  let client: DapClient;
  let shown: string;
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    client = new DapClient();
    shown = '';
  });
  afterEach(() => client.close());

  async function console_(text: RegExp): Promise<void> {
    while (!text.test(shown)) {
      const { data } = await client.event<{ data: string }>('ringside/serialOutput');
      shown += Buffer.from(data, 'base64').toString('latin1');
    }
  }

  async function type(text: string): Promise<void> {
    shown = '';
    await client.send('ringside/serialInput', { data: Buffer.from(text).toString('base64') });
  }

  for (const name of ['small', 'cloud-6.1']) {
    it(`${name}: a program is stepped from its SYSCALL into the entry of the kernel, and back`, async function () {
      const { kernel } = need(this, name);
      await client.launch({ kernel, program: HELLO, append: QUICK, serial: 'terminal' });
      assert.equal((await client.stopped()).reason, 'entry');
      assert.equal((await client.frames())[0].name, '_start');
      await client.runTo('enter_kernel');
      await client.stepInstruction();
      const [top, boundary, caller] = await client.frames();
      assert.deepEqual([top.name, boundary.name, caller.name], ['entry_SYSCALL_64', '── ring 3 ──', '_start']);
      await client.runTo('do_syscall_64');
      const regs = await client.send('ringside/ptRegs', undefined);
      assert.ok(regs.available && regs.complete);
      assert.equal(regs.event, 'syscall 1 (write)');
      const { rows, current } = await client.send('ringside/syscallTable', undefined);
      assert.deepEqual([current, rows[1].name, rows[1].handler], [1, 'write', '__x64_sys_write']);
      await client.runTo('vfs_write');
      const names = (await client.frames()).map((frame) => frame.name);
      // Without debugging information the chain of callers may end early.
      const callers = name === 'small' ? ['ksys_write', 'do_syscall_64', '── ring 3 ──'] : ['ksys_write'];
      for (const outer of callers) assert.ok(names.includes(outer), outer);
      await client.runTo('back_in_ring_3');
      assert.equal(await client.evaluate('$rax'), '0xf (15)');
      await client.send('continue', { threadId: 1 });
      assert.deepEqual(await client.event('exited'), { exitCode: 0 });
    });
  }

  it('a shell echoes at once, takes a long paste, pauses in the idle loop, and starts in a second next time', async function () {
    const { kernel, busybox } = need(this, 'small', 'cloud-6.1');
    const snapshot = join(folder, 'shell.snapshot');
    const attributes = { program: undefined, kernel, busybox, append: QUICK, serial: 'terminal' as const, snapshot };
    await client.launch(attributes);
    await console_(/\/ # /);
    const { output } = await client.event<{ output: string }>('output');
    assert.match(output, /A snapshot of the booted machine is saved/);
    const echoes: number[] = [];
    for (let i = 0; i < 9; i++) {
      const start = performance.now();
      await type('x');
      await console_(/x/);
      echoes.push(performance.now() - start);
    }
    echoes.sort((a, b) => a - b);
    assert.ok(echoes[4] < ECHO_MS, `echo after ${echoes[4].toFixed(0)} ms`);
    await type('\x15');
    const lines = Array.from({ length: 100 }, (_, i) => `echo line ${i} of a long paste >> /tmp/pasted\n`);
    await type(`${lines.join('')}wc -l /tmp/pasted\n`);
    await console_(/\d+ \/tmp\/pasted\r\n/);
    assert.match(shown, /\b100 \/tmp\/pasted/);
    await console_(/pasted\r\n[^]*\/ # /);
    await new Promise((idle) => setTimeout(idle, 1000));
    const stopped = client.stopped();
    await client.send('pause', { threadId: 1 });
    assert.equal((await stopped).reason, 'pause');
    const names = (await client.frames()).map((frame) => frame.name);
    assert.ok(names.includes('do_idle'), names.join(' '));
    await client.run('next');
    await client.send('continue', { threadId: 1 });
    await client.close();

    client = new DapClient();
    shown = '';
    const start = performance.now();
    await client.launch(attributes);
    await console_(/\/ # /);
    console.log(`      prompt of the snapshot after ${((performance.now() - start) / 1000).toFixed(1)} seconds`);
    await type('uname -s\n');
    await console_(/Linux\r\n/);
    await type('poweroff -f\n');
    await client.event('terminated');
  });

  it('a panic stops where it came', async function () {
    const { kernel } = need(this, 'small', 'cloud-6.1');
    await client.launch({ program: undefined, kernel, append: QUICK, serial: 'terminal' });
    const { reason, text } = await client.stopped();
    assert.equal(reason, 'exception');
    assert.match(text ?? '', /^Kernel panic - not syncing: .*(?:root fs|init)/);
    const names = (await client.frames()).map((frame) => frame.name);
    assert.ok(names.includes('panic'), names.join(' '));
  });
});
