import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { crc32 } from '../../../toolchain/linux/crc32';
import { unlzma } from '../../../toolchain/linux/lzma';
import { unxz } from '../../../toolchain/linux/xz';
import { xxhash64Low } from '../../../toolchain/linux/xxhash64';
import { have } from '../../command-line/support';

const CODE_BYTES = 400_000;
const CODE_START = 24 << 20;

/** Real machine code, a part of the program that runs this. */
function machineCode(): Uint8Array {
  const code = new Uint8Array(CODE_BYTES);
  const file = openSync(process.execPath, 'r');
  readSync(file, code, 0, CODE_BYTES, CODE_START);
  closeSync(file);
  return code;
}

function packed(data: Uint8Array, ...options: readonly string[]): Uint8Array {
  return execFileSync('xz', ['-c', ...options], { input: data, maxBuffer: 1 << 26 });
}

describe('xz', () => {
  const code = machineCode();
  before(function () {
    if (!have('xz')) this.skip();
  });

  for (const options of [
    // As scripts/xz_wrap.sh of the kernel has it.
    ['--check=crc32', '--x86', '--lzma2=dict=32MiB'],
    ['--check=none', '-0'],
    ['--check=crc32', '--x86=start=4096', '--lzma2=preset=1,lc=1,lp=3,pb=0'],
    ['--check=crc32', '--lzma2=preset=6,lc=0,lp=0,pb=4,dict=4KiB'],
    // Several blocks; with threads their headers have sizes.
    ['--check=crc32', '--x86', '--lzma2=preset=1', '--block-size=100000'],
    ['--check=crc32', '-1', '-T2', '--block-size=300KiB'],
  ]) {
    it(`unpacks what xz ${options.join(' ')} has packed`, () => {
      assert.equal(Buffer.compare(unxz(packed(code, ...options), CODE_BYTES), code), 0);
    });
  }

  it('unpacks what cannot be packed, what is nothing but repetition, and nothing', () => {
    let seed = 1;
    const noise = Uint8Array.from(
      { length: 200_000 },
      () => (seed = (Math.imul(seed, 1664525) + 1013904223) | 0) >>> 24,
    );
    for (const data of [noise, new Uint8Array(1_000_000), new Uint8Array()]) {
      assert.equal(Buffer.compare(unxz(packed(data, '--check=crc32'), data.length), data), 0);
    }
  });

  it('refuses checksums, filters and sizes that Linux has not', () => {
    assert.throws(() => unxz(packed(code, '-0', '--check=sha256'), CODE_BYTES), /checksum type 10/);
    assert.throws(
      () => unxz(packed(code, '--check=crc32', '--arm', '--lzma2=preset=0'), CODE_BYTES),
      /filters \(7, 21\)/,
    );
    assert.throws(() => unxz(packed(code, '-0', '--check=crc32'), CODE_BYTES - 1), /more than it promises/);
  });
});

describe('lzma', () => {
  const code = machineCode();
  before(function () {
    if (!have('xz')) this.skip();
  });

  for (const options of [['-6'], ['--lzma1=preset=1,lc=4,lp=0,pb=1,dict=64KiB']]) {
    it(`unpacks what xz --format=lzma ${options.join(' ')} has packed`, () => {
      const file = packed(code, '--format=lzma', ...options);
      assert.equal(Buffer.compare(unlzma(file, CODE_BYTES), code), 0);
      assert.throws(() => unlzma(file, CODE_BYTES - 1), /more than it promises/);
      assert.equal(unlzma(file, CODE_BYTES + 1).length, CODE_BYTES);
    });
  }

  it('believes a size in the header, without an end marker', () => {
    const file = packed(code, '--format=lzma').slice();
    new DataView(file.buffer).setBigUint64(5, BigInt(CODE_BYTES), true);
    assert.equal(Buffer.compare(unlzma(file, CODE_BYTES), code), 0);
    assert.throws(() => unlzma(file, 5), /promises 400000 bytes instead of 5/);
    assert.throws(() => unlzma(file.subarray(0, 9), 5), /cut off/);
  });
});

describe('checksums', () => {
  const text = new TextEncoder().encode('123456789');

  it('CRC-32 has the check value of its definition', () => {
    assert.equal(crc32(text), 0xcbf43926);
    assert.equal(crc32(new Uint8Array()), 0);
  });

  it('XXH64 is what zstd writes, for every length of the rest', function () {
    if (!have('zstd')) return this.skip();
    for (const length of [...Array(40).keys(), 1000, 100_003]) {
      const data = Uint8Array.from({ length }, (_, index) => (index * index) >> 3);
      const file = execFileSync('zstd', ['-1', '-c', '--check'], { input: data, stdio: ['pipe', 'pipe', 'ignore'] });
      assert.equal(xxhash64Low(data), file.readUInt32LE(file.length - 4), String(length));
    }
  });
});
