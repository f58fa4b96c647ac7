import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { gzipInitramfs, programInitramfs } from '../../../toolchain/initramfs/initramfs';
import { initrdProblem } from '../../../toolchain/initramfs/recognize';
import { have } from '../../command-line/support';

const archive = programInitramfs(Uint8Array.of(1, 2, 3));

describe('what is given as initial RAM disk', () => {
  it('archives, also behind padding, compressed ones and file systems are accepted', () => {
    assert.equal(initrdProblem(archive), undefined);
    assert.equal(initrdProblem(Buffer.concat([new Uint8Array(512), archive])), undefined);
    assert.equal(initrdProblem(gzipInitramfs(archive)), undefined);
    const ext2 = new Uint8Array(4096);
    ext2.set([0x53, 0xef], 0x438);
    assert.equal(initrdProblem(ext2), undefined);
  });

  it('an archive in another format of cpio, a text and nothing are not', function () {
    assert.match(initrdProblem(new TextEncoder().encode('#!/bin/sh\n')) ?? '', /begins with 23 21 2f 62/);
    assert.match(initrdProblem(new Uint8Array()) ?? '', /empty/);
    assert.match(initrdProblem(new Uint8Array(100)) ?? '', /begins with 00/);
    if (!have('cpio')) return this.skip();
    const odc = execFileSync('cpio', ['-o', '-H', 'odc', '--quiet'], { input: `${__filename}\n` });
    assert.match(initrdProblem(odc) ?? '', /format odc.*newc/);
  });
});
