import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AdapterError, initialFileSystem } from '../../debug-adapter';
import { smallVmlinux } from '../toolchain/linux/small-kernel';
import { Folder, have, run } from './support';

const CACHE = join(__dirname, '..', '..', '.cache', 'linux');

describe('initial files of ringside boot', () => {
  const folder = new Folder();
  after(() => folder.dispose());

  /** A folder with everything an archive can hold that needs no root rights. */
  function tree(name: string): string {
    const root = folder.file(name);
    mkdirSync(join(root, 'deep', 'er'), { recursive: true });
    writeFileSync(join(root, 'deep', 'er', 'file'), 'content\n');
    linkSync(join(root, 'deep', 'er', 'file'), join(root, 'deep', 'other-name'));
    symlinkSync('deep/er/file', join(root, 'symlink'));
    symlinkSync('/nowhere/at/all', join(root, 'dangling'));
    writeFileSync(join(root, 'x'.repeat(255)), '');
    writeFileSync(join(root, 'secret'), 'only for root', { mode: 0o600 });
    writeFileSync(join(root, 'setuid'), '');
    chmodSync(join(root, 'setuid'), 0o4755);
    execFileSync('mkfifo', [join(root, 'pipe')]);
    return root;
  }

  it('a folder becomes an archive with the same content as GNU cpio would make', function () {
    if (!have('cpio')) return this.skip();
    const root = tree('tree');
    const list = (archive: Uint8Array): string[] =>
      execFileSync('cpio', ['-itv', '--quiet', '-n'], { input: archive, encoding: 'utf8' })
        .trim()
        .split('\n')
        .map((line) => line.replace(/ +/g, ' ').replace(/(\S+ \S+) \S+ \S+ (.*?) \w{3} \d+ +[\d:]+ /, '$1 $2 '))
        .sort();
    const names = execFileSync('find', ['.', '-mindepth', '1'], { cwd: root, encoding: 'utf8' });
    const theirs = execFileSync('cpio', ['-o', '-H', 'newc', '--quiet', '-R', '0:0'], { cwd: root, input: names });
    const ours = list(initialFileSystem({ initrd: root }) ?? new Uint8Array()).filter(
      (line) => !/ dev(?:\/|$)/.test(line),
    );
    // Which of several names has the content is the writer's choice; folders have as many links as folders in them.
    const normal = (lines: readonly string[]): string[] =>
      lines
        .map((line) => line.replace(/^(d\S+) \d+/, '$1').replace(/ [08] (deep\/(?:er\/file|other-name))$/, ' $1'))
        .sort();
    assert.deepEqual(normal(ours), normal(list(theirs).map((line) => line.replace(' ./', ' '))));
  });

  it('a file of 2 GiB, a file that cannot be read and a program that is none are told by name', function () {
    const root = folder.file('huge');
    mkdirSync(root);
    writeFileSync(join(root, 'film'), '');
    truncateSync(join(root, 'film'), 2 ** 31);
    const refusal = (options: Parameters<typeof initialFileSystem>[0]): string => {
      try {
        initialFileSystem(options);
      } catch (error) {
        assert.ok(error instanceof AdapterError, String(error));
        return error.message;
      }
      return 'accepted';
    };
    assert.match(refusal({ initrd: root }), /film: it has 2147483648 bytes.*Leave it out/);
    assert.match(refusal({ initrd: folder.file('nothing') }), /nothing cannot be read \(ENOENT\)/);
    assert.match(refusal({ init: folder.write('flat', Uint8Array.of(0x90)) }), /no program Linux could start/);
  });

  it('--init of a source finds its includes with -I, and macros with -D', async () => {
    mkdirSync(folder.file('include'));
    folder.write('include/number.h', '#define NUMBER VALUE\n');
    const init = folder.write('init.S', '#include <number.h>\n.globl _start\n_start: mov $NUMBER, %eax\n syscall\n');
    const kernel = folder.write('vmlinux', smallVmlinux());
    const boot = ['boot', '--kernel', kernel, '--memory', '32M', '--until', '/ # ', '--max-seconds', '60'];
    const found = await run([...boot, '--init', init, '-I', folder.file('include'), '-D', 'VALUE=60']);
    assert.deepEqual([found.code, found.error], [0, '']);
    const missing = await run([...boot, '--init', init]);
    assert.equal(missing.code, 10);
    assert.match(missing.error, /number\.h/);
    const useless = await run([...boot, '-I', '.']);
    assert.equal(useless.code, 2);
    assert.match(useless.error, /-I and -D need --init/);
  });

  it('Linux takes it all out again', async function () {
    const kernel = join(CACHE, 'small-bzImage');
    const busybox = join(CACHE, 'busybox');
    if (!existsSync(kernel) || !existsSync(busybox)) return this.skip();
    this.timeout(120_000);
    const root = tree('for-linux');
    const { out, code } = await run([
      ...['boot', '--kernel', kernel, '--busybox', busybox, '--initrd', root, '--fast-time', '--max-seconds', '100'],
      ...['--until', '/ # ', '--send', 'cat deep/other-name symlink; echo more >>deep/er/file; cat deep/other-name\\n'],
      ...['--send', 'stat -c "%n %A %h" deep/er/file pipe setuid secret x*x dev/console\\n'],
    ]);
    assert.equal(code, 0);
    const text = out.replaceAll('\r', '');
    assert.match(text, /\ncontent\ncontent\ncontent\nmore\n/);
    for (const line of [
      'deep/er/file -rw-r--r-- 2',
      'pipe prw-r--r-- 1',
      'setuid -rwsr-xr-x 1',
      'secret -rw------- 1',
    ]) {
      assert.ok(text.includes(`\n${line}\n`), `${line}\n${text.slice(-1000)}`);
    }
    assert.match(text, new RegExp(`\\nx{255} -rw-r--r-- 1\\n`));
  });
});
