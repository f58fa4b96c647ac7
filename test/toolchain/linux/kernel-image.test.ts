import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { FileFormatError } from '../../../toolchain/elf/error';
import { compressionOf, decompressKernel } from '../../../toolchain/linux/decompress';
import { isBzImage, readBzImage } from '../../../toolchain/linux/bz-image';
import { readKernelImage } from '../../../toolchain/linux/kernel-image';
import { KernelImageError } from '../../../toolchain/linux/kernel-image-error';
import { unlz4Legacy } from '../../../toolchain/linux/lz4';
import { have } from '../../command-line/support';
import { bzImage, compressed, smallVmlinux } from './small-kernel';

const vmlinux = smallVmlinux();

/** Where the payload of the images here begins, and the part of it where formats have their headers. */
const PAYLOAD = { min: 5 * 512 + 0x400, max: 5 * 512 + 0x400 + 64 };

/** A fixed sample of cases. */
function property<A, B>(first: fc.Arbitrary<A>, second: fc.Arbitrary<B>, check: (a: A, b: B) => void): void {
  fc.assert(fc.property(first, second, check), { seed: 1, numRuns: 300 });
}

const NO_COMPILER = new Uint8Array();

/** What gcc makes of a source; nothing without gcc. */
function elfOf(source: string, ...options: readonly string[]): Uint8Array {
  if (!have('gcc')) return NO_COMPILER;
  const folder = mkdtempSync(join(tmpdir(), 'ringside-elf-'));
  try {
    const output = join(folder, 'output');
    execFileSync('gcc', ['-x', 'c', '-', '-o', output, ...options], {
      input: source,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function refusal(file: Uint8Array): string {
  try {
    readKernelImage(file);
  } catch (error) {
    assert.ok(error instanceof KernelImageError, String(error));
    return error.message;
  }
  return 'accepted';
}

describe('kernel images', () => {
  for (const compression of ['gzip', 'lzma', 'xz', 'lz4', 'zstd']) {
    it(`unpacks what ${compression} has packed`, function () {
      const payload = compressed(compression, vmlinux);
      if (!payload) return this.skip();
      const { vmlinux: unpacked, bzImage: image } = readKernelImage(bzImage(payload));
      assert.equal(image?.compression, compression);
      assert.deepEqual(Buffer.compare(unpacked?.bytes ?? new Uint8Array(), vmlinux), 0);
    });

    it(`${compression}: a payload that is cut off or altered is an error, not a wrong kernel`, function () {
      const payload = compressed(compression, vmlinux);
      if (!payload) return this.skip();
      assert.match(refusal(bzImage(payload.subarray(0, payload.length >> 1))), /damaged/);
      const size = payload.slice();
      size[size.length - 3] ^= 1;
      assert.match(refusal(bzImage(size)), /damaged/);
    });
  }

  it('unpacks zstd without a checksum, and sees if it is longer or shorter than it promises', function () {
    const payload = compressed('zstd without checksum', vmlinux);
    if (!payload) return this.skip();
    assert.equal(Buffer.compare(decompressKernel(payload), vmlinux), 0);
    for (const change of [-1, 1]) {
      const altered = payload.slice();
      new DataView(altered.buffer).setUint32(altered.length - 4, vmlinux.length + change, true);
      assert.match(refusal(bzImage(altered)), /bytes instead of/);
    }
  });

  it('leaves bzip2 to the kernel itself', function () {
    const payload = compressed('bzip2', vmlinux);
    if (!payload) return this.skip();
    const { vmlinux: unpacked, bzImage: image } = readKernelImage(bzImage(payload));
    assert.deepEqual([unpacked, image?.compression], [undefined, 'bzip2']);
  });

  for (const compression of ['gzip', 'xz', 'zstd']) {
    it(`${compression}: any altered byte is noticed, or does not matter`, function () {
      const payload = compressed(compression, vmlinux);
      if (!payload) return this.skip();
      property(fc.nat(payload.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const altered = payload.slice();
        altered[at] ^= change;
        try {
          assert.equal(Buffer.compare(decompressKernel(altered), vmlinux), 0);
        } catch (error) {
          assert.ok(error instanceof KernelImageError, String(error));
        }
      });
    });
  }

  for (const compression of ['gzip', 'lzma', 'xz', 'lz4', 'zstd', 'bzip2']) {
    it(`${compression}: whatever is cut off or altered, the answer is an image or an error that explains`, function () {
      const payload = compressed(compression, vmlinux);
      if (!payload) return this.skip();
      const image = bzImage(payload);
      // Headers matter most: one half of the changes is there.
      const place = fc.oneof(fc.nat(image.length - 1), fc.integer({ min: 0x1f1, max: 0x300 }), fc.integer(PAYLOAD));
      property(fc.array(fc.tuple(place, fc.nat(255)), { maxLength: 4 }), fc.option(place), (changes, end) => {
        const altered = image.slice(0, end ?? image.length);
        for (const [at, byte] of changes) if (at < altered.length) altered[at] = byte;
        try {
          readKernelImage(altered);
        } catch (error) {
          assert.ok(error instanceof FileFormatError, String(error));
          assert.match(error.message, /: .+[.?]$/);
        }
      });
    });
  }

  it('a bzImage that ends too early is refused, wherever it ends', () => {
    const image = bzImage(Uint8Array.from({ length: 2000 }, (_, index) => index));
    for (let length = 0; length < image.length - 15; length++) {
      assert.notEqual(refusal(image.subarray(0, length)), 'accepted', String(length));
    }
  });

  it('reads the header', () => {
    const payload = Uint8Array.of(0x1f, 0x8b, 8, 0);
    const file = bzImage(payload);
    assert.ok(isBzImage(file));
    const image = readBzImage(file);
    assert.deepEqual([image.version, image.preferredAddress, image.entry32, image.entry64], [0x20f, ...ENTRIES]);
    assert.deepEqual(image.payload, payload);
    assert.equal(image.setupHeader.length, 0x26c - 0x1f1, 'the jump over the header tells where it ends');
    assert.equal(image.code.length, file.length - 5 * 512);
  });

  it('takes vmlinux as it is', () => {
    assert.deepEqual(readKernelImage(vmlinux).vmlinux?.entry, 0x100000n);
  });

  it('says what a file is that cannot be booted', () => {
    const payload = Uint8Array.of(0x1f, 0x8b, 8, 0);
    const arm64 = new Uint8Array(4096);
    arm64.set([0x41, 0x52, 0x4d, 0x64], 0x38);
    // ELF32, little-endian, ET_EXEC, EM_386, without segments.
    const i386 = new Uint8Array(52);
    i386.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 1]);
    // PE: machine, one section, no optional header.
    const pe = (machine: number, section: string): Uint8Array => {
      const file = new Uint8Array(512);
      const header = new DataView(file.buffer);
      file.set(new TextEncoder().encode('MZ'));
      header.setUint32(0x3c, 0x80, true);
      file.set(new TextEncoder().encode('PE'), 0x80);
      header.setUint16(0x84, machine, true);
      header.setUint16(0x86, 1, true);
      file.set(new TextEncoder().encode(section), 0x98);
      return file;
    };
    const aarch64 = i386.slice();
    aarch64.set([2], 4);
    aarch64.set([183, 0], 18);
    const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
    const cases: [string, Uint8Array, RegExp][] = [
      ['nothing', new Uint8Array(), /empty/],
      ['a text', bytes('A text.\n'.repeat(100)), /no Linux kernel/],
      ['a script', bytes('#!/bin/sh\n'.repeat(100)), /a script/],
      ['a package', bytes('!<arch>\ndebian-binary'), /package of Debian.*dpkg -x/],
      ['an initial RAM disk', bytes('070701'), /cpio archive.*Give it as initrd/],
      ['a compressed file', Uint8Array.of(0x1f, 0x8b, 8, 0), /compressed by gzip.*Unpack it first/],
      ['an EFI program', pe(0x8664, '.text'), /program for EFI or Windows \(x86-64\)/],
      ['an EFI program for arm64', pe(0xaa64, '.text'), /\(arm64\)/],
      ['a unified kernel image', pe(0x8664, '.linux'), /unified kernel image.*objcopy/],
      ['half an EFI program', pe(0x8664, '.linux').subarray(0, 0x90), /no Linux kernel/],
      ['vmlinux for arm64', aarch64, /for another processor \(arm64\)/],
      ['a position-independent program', elfOf('int main(void){return 0;}', '-pie'), /a program or library/],
      ['a static program', elfOf('void _start(void){}', '-static', '-nostdlib'), /a program, not a kernel/],
      ['an object', elfOf('int x;', '-c'), /object file, such as a kernel module/],
      ['a 32-bit object', elfOf('int x;', '-c', '-m32'), /32-bit/],
      ['a 32-bit vmlinux', i386, /32-bit/],
      ['arm64', arm64, /arm64/],
      ['a 32-bit bzImage', bzImage(payload, { xloadflags: 0 }), /32-bit/],
      ['an old bzImage', bzImage(payload, { version: 0x206 }), /32-bit.*2\.06/],
      ['a zImage', bzImage(payload, { loadflags: 0 }), /zImage/],
      ['no boot flag', bzImage(payload, { bootFlag: 0 }), /aa55/],
      ['cut off in the header', bzImage(payload).subarray(0, 0x240), /ends within the header/],
      ['cut off', bzImage(new Uint8Array(5000)).subarray(0, 4000), /truncated/],
      ['unknown compression', bzImage(Uint8Array.of(1, 2, 3, 4, 5, 6)), /compression is unknown.*01 02 03 04/],
    ];
    for (const [what, file, message] of cases) {
      if (file !== NO_COMPILER) assert.match(refusal(file), message, what);
    }
  });

  it('knows every compression Linux uses', () => {
    assert.equal(compressionOf(Uint8Array.of(0x89, 0x4c, 0x5a, 0x4f)), 'lzo');
    assert.equal(compressionOf(Uint8Array.of(0, 0, 0, 0)), undefined);
  });
});

const ENTRIES = [0x1000000n, 0x1000000n, 0x1000200n] as const;

describe('LZ4 legacy frames', () => {
  const frame = (...block: number[]): Uint8Array => Uint8Array.of(2, 0x21, 0x4c, 0x18, block.length, 0, 0, 0, ...block);

  it('repeats what overlaps itself', () => {
    const text = new TextDecoder().decode(unlz4Legacy(frame(0x24, 0x61, 0x62, 2, 0, 0x10, 0x63), 11));
    assert.equal(text, 'ababababab' + 'c');
  });

  it('refuses blocks that reach out of themselves', () => {
    const cases: [number[], RegExp][] = [
      [[0x50, 1], /within its literals/],
      [[0x10, 1, 9, 0, 0x10, 1], /before the beginning/],
      [[0x10, 1, 0, 0, 0x10, 1], /before the beginning/],
      [[0x1f, 1, 1, 0, 0xff, 0xff], /within a length/],
      [[0x1f, 1, 1, 0, 200, 0x10, 1], /more than it promises/],
      [[0x10, 1, 1], /within an offset/],
    ];
    for (const [block, message] of cases) assert.throws(() => unlz4Legacy(frame(...block), 100), message);
    assert.throws(() => unlz4Legacy(frame(0x10, 1).subarray(0, 9), 100), /cut off/);
  });
});
