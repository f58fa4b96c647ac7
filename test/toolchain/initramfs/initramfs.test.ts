import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { checkFileSize, type CpioEntry, CpioError, writeCpio } from '../../../toolchain/initramfs/cpio';
import {
  busyboxInitramfs,
  folderInitramfs,
  gzipInitramfs,
  programInitramfs,
} from '../../../toolchain/initramfs/initramfs';

const ENTRIES: readonly CpioEntry[] = [
  { kind: 'folder', path: 'etc', permissions: 0o750 },
  { kind: 'file', path: 'etc/motd', data: new TextEncoder().encode('hello') },
  { kind: 'file', path: 'empty', data: new Uint8Array() },
  { kind: 'link', path: 'message', target: 'etc/motd' },
  { kind: 'character-device', path: 'console', major: 5, minor: 1 },
  { kind: 'block-device', path: 'ram0', major: 1, minor: 0, permissions: 0o640 },
];

const CONSOLE_OF_ITS_OWN: CpioEntry = {
  kind: 'character-device',
  path: 'dev/console',
  major: 5,
  minor: 1,
  permissions: 0o644,
};
const REST_OF_DEV = ['crw-rw-rw- 1 0 0 1, 3 dev/null', 'crw-rw-rw- 1 0 0 4, 64 dev/ttyS0'];

/** Lines of `cpio -tv`: mode, owner, size or device, name. */
function listed(archive: Uint8Array): string[] {
  const text = execFileSync('cpio', ['-itv', '--quiet', '--numeric-uid-gid'], { input: archive, encoding: 'utf8' });
  return text
    .trim()
    .split('\n')
    .map((line) => line.replace(/ +/g, ' ').replace(/ Jan 1 1970/, ''));
}

describe('initial RAM disks', () => {
  before(function () {
    if (spawnSync('cpio', ['--version']).status !== 0) this.skip();
  });

  it('GNU cpio reads every kind of entry', () => {
    assert.deepEqual(listed(writeCpio(ENTRIES)), [
      'drwxr-x--- 2 0 0 0 etc',
      '-rw-r--r-- 1 0 0 5 etc/motd',
      '-rw-r--r-- 1 0 0 0 empty',
      'lrwxrwxrwx 1 0 0 8 message -> etc/motd',
      'crw------- 1 0 0 5, 1 console',
      'brw-r----- 1 0 0 1, 0 ram0',
    ]);
  });

  it('GNU cpio knows several names of one file, pipes, sockets and names of 4095 bytes', () => {
    const long = 'a'.repeat(250).concat('/').repeat(20).slice(0, 4095);
    const folder = mkdtempSync(join(tmpdir(), 'ringside-cpio-'));
    try {
      const entries: CpioEntry[] = [
        { kind: 'file', path: 'first', data: new TextEncoder().encode('content') },
        { kind: 'hard-link', path: 'second', target: 'first' },
        { kind: 'hard-link', path: 'third', target: 'second' },
        { kind: 'pipe', path: 'pipe' },
      ];
      const lines = listed(writeCpio([...entries, { kind: 'socket', path: 'socket' }, { kind: 'folder', path: long }]));
      assert.deepEqual(lines.slice(0, 5), [
        '-rw-r--r-- 3 0 0 7 first',
        '-rw-r--r-- 3 0 0 0 second',
        '-rw-r--r-- 3 0 0 0 third',
        'prw-r--r-- 1 0 0 0 pipe',
        'srwxr-xr-x 1 0 0 0 socket',
      ]);
      assert.ok(lines[5].endsWith(long));
      execFileSync('cpio', ['-id', '--quiet'], { input: writeCpio(entries), cwd: folder });
      assert.equal(readFileSync(join(folder, 'third'), 'utf8'), 'content');
      assert.equal(statSync(join(folder, 'first')).ino, statSync(join(folder, 'third')).ino);
      assert.ok(statSync(join(folder, 'pipe')).isFIFO());
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('refuses what Linux would leave out', () => {
    const refused =
      (entry: CpioEntry): (() => Uint8Array) =>
      () =>
        writeCpio([entry]);
    assert.throws(refused({ kind: 'folder', path: 'a'.repeat(4096) }), CpioError);
    assert.throws(refused({ kind: 'folder', path: 'a\0b' }), /without a zero/);
    assert.throws(refused({ kind: 'hard-link', path: 'a', target: 'b' }), /there is no file b before it/);
    assert.throws(() => checkFileSize('huge', 2 ** 31), /huge: it has 2147483648 bytes/);
    checkFileSize('large', 2 ** 31 - 1);
  });

  it('a folder gets the nodes of the console, unless it has them', () => {
    const lines = listed(folderInitramfs([ENTRIES[0], CONSOLE_OF_ITS_OWN]));
    assert.deepEqual(
      lines.filter((line) => line.includes('dev')),
      ['crw-r--r-- 1 0 0 5, 1 dev/console', 'drwxr-xr-x 2 0 0 0 dev', ...REST_OF_DEV],
    );
  });

  it('GNU cpio takes the content out again', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringside-cpio-'));
    try {
      const files = ENTRIES.filter(({ kind }) => kind === 'file' || kind === 'folder' || kind === 'link');
      execFileSync('cpio', ['-id', '--quiet'], { input: writeCpio(files), cwd: folder });
      assert.equal(readFileSync(join(folder, 'message'), 'utf8'), 'hello');
      assert.equal(readFileSync(join(folder, 'empty'), 'utf8'), '');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('a program becomes /init, with a console to write to', () => {
    const lines = listed(programInitramfs(Uint8Array.of(1, 2, 3)));
    assert.ok(lines.includes('-rwxr-xr-x 1 0 0 3 init'), lines.join('\n'));
    assert.ok(lines.includes('crw------- 1 0 0 5, 1 dev/console'));
  });

  it('busybox comes with links, a start script and what is added', () => {
    const archive = busyboxInitramfs(Uint8Array.of(1, 2, 3), { script: 'echo started', entries: [ENTRIES[2]] });
    const lines = listed(archive);
    assert.ok(lines.includes('-rwxr-xr-x 1 0 0 3 bin/busybox'), lines.join('\n'));
    assert.ok(lines.includes('lrwxrwxrwx 1 0 0 7 bin/sh -> busybox'));
    assert.ok(lines.includes('-rw-r--r-- 1 0 0 0 empty'));
    const script = execFileSync('cpio', ['-i', '--quiet', '--to-stdout', 'init'], { input: archive, encoding: 'utf8' });
    assert.match(script, /^#!\/bin\/sh\n[^]*\necho started\n/);
  });

  it('the same entries are the same bytes, also compressed', () => {
    const archive = writeCpio(ENTRIES);
    assert.deepEqual(writeCpio(ENTRIES), archive);
    assert.deepEqual(gzipInitramfs(archive), gzipInitramfs(archive));
    assert.equal(Buffer.compare(gunzipSync(gzipInitramfs(archive)), archive), 0);
  });
});
