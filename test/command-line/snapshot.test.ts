import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { smallVmlinux } from '../toolchain/linux/small-kernel';
import { Folder, run, type Outcome } from './support';

const PROMPT = ['--until', '/ # '];
const LIMIT = ['--max-seconds', '60'];

describe('ringside boot and snapshots', () => {
  const folder = new Folder();
  const kernel = folder.write('vmlinux', smallVmlinux());
  const file = folder.file('guest.snapshot');
  after(() => folder.dispose());

  const boot = (...args: readonly string[]): Promise<Outcome> =>
    run(['boot', '--kernel', kernel, '--memory', '32M', ...LIMIT, ...args]);
  const resume = (...args: readonly string[]): Promise<Outcome> => run(['boot', '--snapshot', file, ...LIMIT, ...args]);

  it('saves the guest at the last prompt, and goes on there', async () => {
    const saved = await boot(...PROMPT, '--send', 'a\\n', '--save-snapshot', file);
    assert.deepEqual(saved, { code: 0, out: 'console=ttyS0 nokaslr\n\n/ # a\n/ # ', error: '' });
    assert.deepEqual(await resume(...PROMPT), { code: 0, out: '/ # ', error: '' });
    const { code, out } = await resume(...PROMPT, '--send', 'b\\n', '--send', 'c\\n', '--engine', 'interpreter');
    assert.deepEqual([code, out], [0, '/ # b\n/ # c\n/ # ']);
  });

  it('saves a guest that goes on once more', async () => {
    const next = folder.file('next.snapshot');
    assert.equal((await resume(...PROMPT, '--send', 'x marks\\n', '--save-snapshot', next)).code, 7);
    assert.equal((await resume(...PROMPT, '--send', 'b\\n', '--save-snapshot', next)).code, 0);
    const { out, code } = await run(['boot', '--snapshot', next, ...LIMIT, ...PROMPT, '--send', 'o\\n']);
    assert.deepEqual([out, code], ['/ # oreboot: Power down\n', 0]);
  });

  it('saves at a limit, and counts limits from where it goes on', async () => {
    const all = 'console=ttyS0 nokaslr\n\n/ # ';
    const limited = await boot('--until', 'never', '--max-instructions', '100', '--save-snapshot', file);
    assert.equal(limited.code, 4);
    assert.ok(limited.out.length > 0 && limited.out.length < 20 && all.startsWith(limited.out));
    assert.deepEqual(await resume(...PROMPT), { code: 0, out: all, error: '' });
    const again = await resume('--until', 'never', '--max-instructions', '500', '--stats', folder.file('stats.json'));
    assert.equal(again.code, 4);
    assert.equal(folder.json('stats.json').instructions, 600);
  });

  it('saves nothing of a guest that has ended', async () => {
    const before = readFileSync(file);
    const { code, error } = await boot(...PROMPT, '--send', 'o\\n', '--save-snapshot', file);
    assert.equal(code, 0);
    assert.match(error, /no snapshot was saved: the guest has ended/);
    assert.ok(readFileSync(file).equals(before));
  });

  it('says what is wrong with what it is given', async () => {
    const cases: [string[], number, RegExp][] = [
      [['--snapshot', file, '--kernel', kernel], 2, /--kernel cannot be combined with --snapshot/],
      [['--snapshot', file, '--cpu', 'amd'], 2, /--cpu cannot be combined/],
      [['--kernel', kernel, '--save-snapshot', folder.file('no/file')], 2, /there is no folder .*\/no\.\nCreate it/],
      [['--snapshot', folder.file('missing')], 10, /missing cannot be read \(ENOENT\)/],
      [['--snapshot', kernel], 10, /vmlinux is not a snapshot/],
      [['--snapshot', folder.write('cut', readFileSync(file).subarray(0, 5000))], 10, /cut is cut off: it has 5000 of/],
      [['--kernel', kernel, ...PROMPT, '--save-snapshot', folder.path], 10, /cannot be written/],
    ];
    for (const [args, code, message] of cases) {
      const { code: got, error } = await run(['boot', ...args, ...LIMIT]);
      assert.match(error, message, args.join(' '));
      assert.equal(got, code, args.join(' '));
    }
  });
});
