import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bzImage, compressed, smallVmlinux } from '../toolchain/linux/small-kernel';
import { Folder, run, type Outcome } from './support';

const PROMPT = ['--until', '/ # '];
const LIMIT = ['--max-seconds', '60', '--memory', '32M'];

describe('ringside boot', () => {
  const folder = new Folder();
  const kernel = folder.write('vmlinux', smallVmlinux());
  after(() => folder.dispose());

  const boot = (...args: readonly string[]): Promise<Outcome> => run(['boot', '--kernel', kernel, ...LIMIT, ...args]);

  it('ends at the prompt, what the guest wrote printed', async () => {
    assert.deepEqual(await boot(...PROMPT), { code: 0, out: 'console=ttyS0 nokaslr\n\n/ # ', error: '' });
  });

  it('types one text at each prompt, and ends at the one after the last', async () => {
    const { code, out } = await boot(...PROMPT, '--send', 'a\\n', '--send', '\\x62\\n');
    assert.deepEqual([code, out], [0, 'console=ttyS0 nokaslr\n\n/ # a\n/ # b\n/ # ']);
  });

  it('hands over command line and initial RAM disk: a file, a folder, a program', async () => {
    const disk = folder.write('disk', 'ABCDEF');
    const tree = folder.file('tree');
    mkdirSync(join(tree, 'etc'), { recursive: true });
    writeFileSync(join(tree, 'etc', 'motd'), 'hello');
    symlinkSync('etc/motd', join(tree, 'message'));
    const program = folder.write('init.S', '.globl _start\n_start:\n\tmov $60, %eax\n\tsyscall\n');
    for (const [option, value, start] of [
      ['--initrd', disk, 'ABCDEF'],
      ['--initrd', tree, '070701'],
      ['--init', program, '070701'],
    ] as const) {
      const { out } = await boot(...PROMPT, '--append', 'quiet', option, value);
      assert.equal(out, `console=ttyS0 quiet\n${start}\n/ # `);
    }
  });

  it('does not add a console to a command line that names one', async () => {
    assert.match((await boot(...PROMPT, '--append', 'console=ttyS0,9600 x')).out, /^console=ttyS0,9600 x\n/);
  });

  it('unpacks a bzImage, or lets it unpack itself', async function () {
    const payload = compressed('gzip', smallVmlinux());
    if (!payload) return this.skip();
    // mov $0x3f8, %dx; mov $'!', %al; out %al, %dx; mov $3, %al; out %al, $0xf4
    const own = Uint8Array.of(0x66, 0xba, 0xf8, 0x03, 0xb0, 0x21, 0xee, 0xb0, 3, 0xe6, 0xf4);
    const image = folder.write('bzImage', bzImage(payload, {}, own));
    const packed = (...args: readonly string[]): Promise<Outcome> =>
      run(['boot', '--kernel', image, ...LIMIT, ...args]);
    assert.match((await packed(...PROMPT)).out, /\n\/ # $/);
    assert.deepEqual(await packed('--entry', '64'), { code: 7, out: '!', error: '' });
    // A bit of the checksum that gzip writes behind the data, before the size.
    payload[payload.length - 5] ^= 1;
    const damaged = folder.write('damaged', bzImage(payload, {}, own));
    const { code, error } = await run(['boot', '--kernel', damaged, ...LIMIT]);
    assert.equal(code, 10);
    assert.match(error, /damaged: .*gzip.*copy it again/s);
  });

  it('tells by its exit code how the guest ended', async () => {
    const ends: [string, number, RegExp][] = [
      ['p', 3, /kernel panic: asked to/],
      ['t', 3, /triple fault/],
      ['o', 0, /^$/],
      ['h', 8, /halted/],
      ['x', 7, /^$/],
    ];
    for (const [letter, code, message] of ends) {
      // The second prompt never comes.
      const end = await boot(...PROMPT, '--send', `${letter}\\n`);
      assert.equal(end.code, code, letter);
      assert.match(end.error, message, letter);
    }
  });

  it('stops at a limit of instructions or of seconds', async () => {
    const counted = await boot('--until', 'never', '--max-instructions', '1000000');
    assert.equal(counted.code, 4);
    assert.match(
      counted.error,
      /^ringside: stopped after --max-instructions\.\n {2}In getc\+0x\w+, called from prompt\+0x\w+\.$/,
    );
    const timed = await run(['boot', '--kernel', kernel, '--until', 'never', '--max-seconds', '1', '--memory', '32M']);
    assert.equal(timed.code, 4);
    assert.match(timed.error, /^ringside: stopped after --max-seconds\.\n/);
  });

  it('writes figures', async () => {
    await boot(...PROMPT, '--send', 'a\\n', '--stats', folder.file('stats.json'));
    const figures = folder.json('stats.json');
    for (const name of ['wallSeconds', 'secondsToUntil', 'peakRssBytes']) assert.ok(Number(figures[name]) > 0, name);
    assert.ok(Number(figures.instructionsToUntil) > 100);
    assert.ok(Number(figures.instructions) > Number(figures.instructionsToUntil));
  });

  it('warns of an initial RAM disk that is none', async () => {
    const disk = folder.write('no-disk', 'ABCDEF');
    const { code, error } = await boot(...PROMPT, '--initrd', disk);
    assert.equal(code, 0);
    assert.match(error, /^ringside: warning: .*begins with 41 42 43 44/);
  });

  it('says what is wrong with what it is given', async () => {
    const text = folder.write('text', 'no kernel');
    const big = folder.write('big', new Uint8Array(30 << 20));
    const cases: [string[], number, RegExp][] = [
      [[], 2, /needs --kernel/],
      [['--kernel', kernel, 'more'], 2, /options only/],
      [['--kernel', kernel, '--send', 'a'], 2, /--send needs --until/],
      [['--kernel', kernel, '--until', ''], 2, /text is empty/],
      [['--kernel', kernel, '--memory', 'lots'], 2, /no memory size/],
      [['--kernel', kernel, '--cpu', 'intle'], 2, /Did you mean "intel"/],
      [['--kernel', kernel, '--entry', '16'], 2, /direct, 64, 32/],
      [['--kernel', folder.file('missing')], 10, /missing cannot be read/],
      [['--kernel', text], 10, /text: kernel image: it is no Linux kernel/],
      [['--kernel', kernel, '--initrd', folder.file('missing')], 10, /missing cannot be read/],
      [['--kernel', kernel, '--init', text], 10, /text is no|text is a text/],
      [['--kernel', kernel, '--memory', '4M'], 10, /give it more/],
      [['--kernel', kernel, '--memory', '32M', '--initrd', big], 10, /initial RAM disk has 30 MiB/],
    ];
    for (const [args, code, message] of cases) {
      const { code: got, error } = await run(['boot', ...args]);
      assert.match(error, message, args.join(' '));
      assert.equal(got, code, args.join(' '));
    }
  });
});
