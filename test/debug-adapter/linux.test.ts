import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'fflate';
import { buildImage, KERNEL_LAYOUT, readElf } from '../../toolchain';
import { DapClient, HELLO, KERNEL } from './client';
import { bzImage, smallVmlinux } from '../toolchain/linux/small-kernel';

/** A kernel of a few instructions that is entered as Linux is; the real ones are in test/linux. */
describe('Linux as the kernel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringside-linux-'));
  const image = bzImage(gzipSync(smallVmlinux()));
  const kernel = write('vmlinuz', image);
  let client: DapClient;
  let shown = '';
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    client = new DapClient();
    shown = '';
  });
  afterEach(() => client.close());

  function write(name: string, content: string | Uint8Array): string {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  }

  async function launch(attributes: object, configure?: () => Promise<unknown>): Promise<void> {
    const linux = { program: undefined, kernel, memory: '32M', serial: 'terminal' as const };
    await client.launch({ ...linux, ...attributes }, configure);
  }

  /** Waits until the console has shown `text`. */
  async function console(text: string): Promise<void> {
    while (!shown.includes(text)) {
      const { data } = await client.event<{ data: string }>('ringside/serialOutput');
      shown += Buffer.from(data, 'base64').toString('latin1');
    }
  }

  async function type(text: string): Promise<void> {
    await client.send('ringside/serialInput', { data: Buffer.from(text).toString('base64') });
  }

  /** Types a letter the kernel takes as a command, and waits for the session to end. */
  async function end(letter: string): Promise<string> {
    await console('/ # ');
    await type(`${letter}\n`);
    await client.event('terminated');
    return client.takeOutput('console');
  }

  it('boots without a program and runs on: the console in the terminal, what is typed in its hands', async () => {
    await launch({});
    await console('/ # ');
    assert.equal(shown, 'console=ttyS0 nokaslr\n\n/ # ');
    await type('a\n');
    await console('/ # a\n/ # ');
  });

  it('pauses, steps and goes on', async () => {
    await launch({});
    await console('/ # ');
    const stopped = client.stopped();
    await client.send('pause', { threadId: 1 });
    assert.equal((await stopped).reason, 'pause');
    const rip = await client.evaluate('$rip');
    await client.run('next');
    await client.run('stepIn', { granularity: 'instruction' });
    assert.notEqual(await client.evaluate('$rip'), rip);
    await client.send('continue', { threadId: 1 });
    await type('b\n');
    await console('# b\n');
  });

  it('stops at its first instruction if asked to', async () => {
    await launch({ stopOnEntry: true });
    assert.equal((await client.stopped()).reason, 'entry');
    assert.equal(await client.evaluate('$rip'), '0x' + readElf(smallVmlinux()).entry.toString(16) + ' <_start>');
  });

  it('stops at functions of the kernel, and shows them as listings that take breakpoints', async () => {
    await launch({}, () => client.send('setFunctionBreakpoints', { breakpoints: [{ name: 'getc' }] }));
    assert.equal((await client.stopped()).reason, 'function breakpoint');
    const [top] = await client.frames();
    assert.equal(top.name, 'getc');
    const path = top.source?.path ?? '';
    assert.match(path, /^ringside-listing:.*\/vmlinuz\/getc\.lst$/);
    const { text, lines } = await client.send('ringside/listing', { path });
    const row = text.split('\n')[top.line - 1];
    assert.match(row, /mov +\$0x3fd,%dx/);
    const third = lines[2];
    await client.send('setFunctionBreakpoints', { breakpoints: [] });
    const { breakpoints } = await client.send('setBreakpoints', {
      source: { path },
      breakpoints: [{ line: third.line }],
    });
    assert.deepEqual([breakpoints[0].verified, breakpoints[0].instructionReference], [true, third.address]);
    await client.run('continue');
    const [here] = await client.frames();
    assert.deepEqual([here.line, here.instructionPointerReference], [third.line, third.address]);
  });

  it('takes command line, initial RAM disk, arguments and environment', async () => {
    const initrd = write('disk', 'ABCDEF');
    await launch({ append: 'quiet', initrd, args: ['a', 'b c'], env: { HOME: '/' } });
    await console('/ # ');
    assert.equal(shown, 'console=ttyS0 quiet HOME=/ -- a "b c"\nABCDEF\n/ # ');
  });

  it('makes a program the first process of an initial file system', async () => {
    await launch({ program: HELLO, stopOnEntry: false });
    await console('/ # ');
    assert.match(shown, /\n070701\n/);
    const { modules } = await client.send('modules', {});
    assert.deepEqual(
      modules.map(({ id, name }) => [id, name]),
      [
        ['program', 'hello.S'],
        ['kernel', 'vmlinuz'],
      ],
    );
  });

  it('stops at a panic, says why and where, and goes on if asked to', async () => {
    await launch({});
    await console('/ # ');
    const stopped = client.stopped();
    await type('p\n');
    const { reason, description, text } = await stopped;
    assert.deepEqual([reason, description], ['exception', 'Paused on kernel panic']);
    assert.equal(text, 'Kernel panic - not syncing: asked to');
    const info = await client.send('exceptionInfo', { threadId: 1 });
    assert.match(info.description ?? '', /Called from: say_and_spin/);
    await client.send('continue', { threadId: 1 });
    const again = client.stopped();
    await client.send('pause', { threadId: 1 });
    assert.equal((await again).reason, 'pause');
  });

  it('stops at a triple fault', async () => {
    await launch({});
    await console('/ # ');
    const stopped = client.stopped();
    await type('t\n');
    const { reason, text } = await stopped;
    assert.equal(reason, 'exception');
    assert.match(text ?? '', /#UD.*<shutdown>/);
  });

  it('ends with a word when the guest switches the machine off', async () => {
    await launch({});
    assert.equal(await end('o'), 'Linux has switched the machine off.\n');
  });

  it('reports how the boot goes to a client that wants to know', async () => {
    await client.send('initialize', { adapterID: 'ringside', supportsProgressReporting: true });
    await client.send('launch', { kernel, memory: '32M', serial: 'terminal' });
    await client.send('configurationDone', undefined);
    const start = await client.event<{ progressId: string; title: string; cancellable: boolean }>('progressStart');
    assert.deepEqual([start.title, start.cancellable], ['Booting vmlinuz', true]);
    assert.deepEqual(await client.event('progressEnd'), { progressId: start.progressId });
  });

  it('gives up a boot that is cancelled', async () => {
    await client.send('initialize', { adapterID: 'ringside', supportsProgressReporting: true });
    const endless = write('endless', bzImage(gzipSync(smallVmlinux()), {}, Uint8Array.of(0xeb, 0xfe)));
    await client.send('launch', { kernel: endless, memory: '32M', entry: '64' });
    await client.send('configurationDone', undefined);
    const { progressId } = await client.event<{ progressId: string }>('progressStart');
    await client.send('cancel', { progressId });
    assert.deepEqual(await client.event('progressEnd'), { progressId });
    await client.event('terminated');
  });

  describe('snapshots', () => {
    /** Shows a prompt, and halts. */
    const halting = `
	.section .boot.text, "ax"
	.globl _start
_start:
	movw $0x3f8, %dx
	leaq text(%rip), %rsi
	movl $8, %ecx
	cld
	rep outsb
1:	sti
	hlt
	jmp 1b
text:	.ascii "boots\\n# "
	.text
	nop
`;
    let sleeper: string;
    before(() => {
      const files = [{ path: 'halting.S', text: halting }];
      const { elf } = buildImage(files, { entry: '_start' }, KERNEL_LAYOUT);
      assert.ok(elf);
      sleeper = write('halting', bzImage(gzipSync(elf)));
    });

    async function start(attributes: object, restart = false): Promise<string> {
      client = new DapClient();
      shown = '';
      await launch({ kernel: sleeper, ...attributes });
      await console('# ');
      if (restart) {
        shown = '';
        await client.send('restart', {});
        await console('# ');
      }
      const log = client.takeOutput('console');
      await client.close();
      return log;
    }

    it('a boot is saved once it has come to a prompt; the next start goes on from there, a restart boots', async () => {
      const snapshot = join(folder, 'saved.snapshot');
      await launch({ kernel: sleeper, snapshot });
      await console('# ');
      const { output } = await client.event<{ output: string }>('output');
      assert.match(output, /^A snapshot of the booted machine is saved/);
      await client.close();
      assert.match(await start({ snapshot }), /^Goes on from a snapshot of .*Restart boots anew/);
      assert.equal(shown, '# ');
      await start({ snapshot }, true);
      assert.equal(shown, 'boots\n# ');
      await start({ snapshot: 'off' });
      assert.equal(shown, 'boots\n# ');
    });

    it('one that is damaged, or of other inputs, is told', async () => {
      const damaged = write('damaged.snapshot', 'no snapshot');
      await assert.rejects(launch({ kernel: sleeper, snapshot: damaged }), /damaged\.snapshot is not a snapshot/);
      const snapshot = join(folder, 'saved.snapshot');
      await client.close();
      client = new DapClient();
      await assert.rejects(launch({ kernel: sleeper, snapshot, append: 'quiet' }), /was made of another kernel/);
    });

    it('those that nobody named are in the folder of the client, and replaced if they are of no use', async () => {
      const storage = join(folder, 'storage');
      process.env.RINGSIDE_SNAPSHOTS = storage;
      try {
        await launch({ kernel: sleeper });
        await console('# ');
        await client.event('output');
        await client.close();
        const [name] = readdirSync(storage);
        assert.match(await start({}), /^Goes on from a snapshot/);
        writeFileSync(join(storage, name), 'damaged');
        assert.match(await start({}), /is not a snapshot/);
        assert.equal(shown, 'boots\n# ');
      } finally {
        delete process.env.RINGSIDE_SNAPSHOTS;
      }
    });
  });

  describe('bad input', () => {
    const fails = (attributes: object, message: RegExp): Promise<void> =>
      assert.rejects(launch(attributes), { message });

    it('is told by what, where and what next', async () => {
      const odd = bzImage(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
      const elf = smallVmlinux().slice();
      elf[18] = 0xb7;
      await fails({ kernel: join(folder, 'none') }, /There is no file .*none\. Check the path/);
      await fails(
        { kernel: write('zeros', new Uint8Array(9000)) },
        /zeros: .*it is no Linux kernel.* Take the bzImage/,
      );
      await fails({ kernel: write('old', bzImage(Uint8Array.of(1), { xloadflags: 0 })) }, /old: .*32-bit/);
      await fails({ kernel: write('arm', elf) }, /arm: .*another processor/);
      await fails({ kernel: write('short', image.subarray(0, 4000)) }, /short: .*truncated/);
      await fails({ kernel: write('odd', odd) }, /odd: .*compression is unknown .*01 02 03 04/);
      await fails({ initrd: join(folder, 'none') }, /none cannot be read/);
      await fails({ initrd: write('big', new Uint8Array(31 << 20)) }, /31 MiB/);
      await fails({ memory: '2M' }, /give it more/);
      await fails({ program: write('text', 'no program\n') }, /is a text/);
      await fails({ args: ['say "no"'] }, /quotation marks/);
    });

    it('a kernel that only root may read', async function () {
      if (process.getuid?.() === 0) return this.skip();
      const secret = write('secret', smallVmlinux());
      chmodSync(secret, 0o000);
      await fails({ kernel: secret }, /secret cannot be read \(EACCES\)\. Make a copy that you may read/);
    });

    it('attributes of Linux for another kernel', () =>
      fails({ program: HELLO, kernel: KERNEL, initrd: 'x' }, /"initrd" is for Linux.*no Linux kernel/));

    it('neither a program nor a kernel', () => fails({ kernel: '' }, /"program" is missing.*"kernel" a Linux kernel/));
  });
});
