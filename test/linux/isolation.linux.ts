/** Page-table isolation and the random placement of kernels. */
import assert from 'node:assert/strict';
import { answer, boot, need, QUICK } from './kernels';

describe('Linux: page-table isolation', () => {
  const isolated = (test: Mocha.Context, model: string, append = ''): boolean => {
    const options = ['--cpu', model];
    const result = boot(need(test, 'small', 'cloud-6.1'), {
      ...{ append: `${QUICK} ${append}`, commands: ['dmesg', 'echo done'], options },
    });
    assert.deepEqual([result.code, answer(result, 'echo done')], [0, 'done\n']);
    return answer(result, 'dmesg').includes('page tables isolation: enabled');
  };

  it('is there on an Intel model, which leaks without it, not on an AMD one', function () {
    assert.deepEqual([isolated(this, 'intel'), isolated(this, 'amd')], [true, false]);
  });

  it('obeys the command line', function () {
    assert.deepEqual([isolated(this, 'intel', 'nopti'), isolated(this, 'amd', 'pti=on')], [false, true]);
  });
});

describe('Linux: random placement', () => {
  const LINKED_AT = 0xffffffff81000000n;
  const SYMBOLS = 'grep -w -e _text -e entry_SYSCALL_64 -e __per_cpu_start /proc/kallsyms';

  /** Where _text is, by /proc/kallsyms; the other symbols must have moved along. */
  const textAt = (test: Mocha.Context, append: string, entry: string): bigint => {
    const result = boot(need(test, 'cloud-6.1'), { append, commands: [SYMBOLS], options: ['--entry', entry] });
    assert.equal(result.code, 0);
    const symbols = new Map(
      [...answer(result, SYMBOLS).matchAll(/^([0-9a-f]{16}) . (\w+)$/gm)].map(([, address, name]) => [
        name,
        BigInt(`0x${address}`),
      ]),
    );
    const [text, entry64] = [symbols.get('_text') ?? 0n, symbols.get('entry_SYSCALL_64') ?? 0n];
    assert.ok(entry64 > text && entry64 - text < 1n << 25n, `entry_SYSCALL_64 ${entry64.toString(16)}`);
    return text;
  };

  it('moves a kernel that unpacks itself, unless nokaslr', function () {
    const moved = textAt(this, 'cryptomgr.notests', '64');
    assert.notEqual(moved, LINKED_AT);
    assert.equal(moved % 0x200000n, 0n);
    assert.equal(textAt(this, QUICK, '64'), LINKED_AT);
  });

  it('leaves a kernel that is entered directly where it was linked', function () {
    assert.equal(textAt(this, 'cryptomgr.notests', 'direct'), LINKED_AT);
  });
});
