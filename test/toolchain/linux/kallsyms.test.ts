import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Symbol } from '../../../toolchain/elf/object';
import { type ElfFile, readElf } from '../../../toolchain/elf/reader';
import { readKallsyms } from '../../../toolchain/linux/kallsyms';
import { readKernelImage } from '../../../toolchain/linux/kernel-image';
import { kernelSlide } from '../../../toolchain/linux/slide';
import { have } from '../../command-line/support';
import { BASE, kernelWith, type KallsymsLayout, LAYOUTS, symbolsIn } from './kallsyms-writer';

const CACHE = join(__dirname, '..', '..', '..', '.cache', 'linux');

function read(layout: KallsymsLayout): Symbol[] | undefined {
  return readKallsyms(kernelWith(layout));
}

describe('kallsyms', () => {
  for (const layout of LAYOUTS) {
    it(`reads tables ${JSON.stringify(layout)}`, () => {
      const symbols = read(layout);
      assert.deepEqual(
        symbols?.map(({ name, value }) => ({ name, value })),
        symbolsIn(layout).map(({ name, value }) => ({ name, value })),
      );
    });
  }

  it('tells kinds, bindings and sections', () => {
    const symbols = read(LAYOUTS[0]) ?? [];
    const found = (name: string): unknown[] => {
      const symbol = symbols.find((each) => each.name === name);
      return [symbol?.type, symbol?.binding, symbol?.section];
    };
    assert.deepEqual(found('cpu_number'), ['notype', 'global', '.data..percpu']);
    assert.deepEqual(found('entry_SYSCALL_64'), ['function', 'global', '.text']);
    assert.deepEqual(found('helper_0'), ['function', 'local', '.text']);
    assert.deepEqual(found('weak_one'), ['function', 'weak', '.text']);
    assert.deepEqual(found('sys_call_table'), ['object', 'global', '.rodata']);
  });

  it('an image without tables has no symbols', () => {
    assert.equal(readKallsyms(kernelWith(undefined)), undefined);
    assert.deepEqual(readKernelImage(kernelWith(undefined).bytes).vmlinux?.symbols, []);
  });

  it('damaged tables give symbols or none, and never an error', () => {
    for (const layout of LAYOUTS) {
      const { bytes } = kernelWith(layout);
      const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
          const altered = bytes.slice();
          // The headers shall stay readable: they are another test's.
          for (const [at, byte] of changes) if (at >= 0x1000 && at < bytes.length - 0x400) altered[at] = byte;
          readKallsyms(readElf(altered));
        }),
        { seed: 1, numRuns: 60 },
      );
      for (let end = 0x1000; end < bytes.length; end += 211) {
        const segment = readElf(bytes).segments.map((each) => ({ ...each, data: each.data.subarray(0, end) }));
        readKallsyms({ ...readElf(bytes), segments: segment });
      }
    }
  });

  it('a kernel built with symbols carries the same ones, also after strip', function () {
    const path = join(CACHE, 'small-vmlinux');
    if (!existsSync(path) || !have('strip')) return this.skip();
    const folder = mkdtempSync(join(tmpdir(), 'ringside-kallsyms-'));
    try {
      const stripped = join(folder, 'vmlinux');
      execFileSync('strip', ['-o', stripped, path]);
      const own = readKernelImage(readFileSync(stripped)).vmlinux?.symbols ?? [];
      const key = ({ name, value }: Symbol): string => `${name} ${value.toString(16)}`;
      const linked = new Set(readElf(readFileSync(path)).symbols.map(key));
      assert.ok(own.length > 10_000, String(own.length));
      assert.deepEqual(own.filter((symbol) => !linked.has(key(symbol))).map(key), []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  for (const name of ['cloud-6.1', 'cloud-6.12', 'amd64-6.1']) {
    it(`${name} as Debian ships it tells its symbols`, function () {
      const path = join(CACHE, name);
      if (!existsSync(path)) return this.skip();
      const { vmlinux } = readKernelImage(readFileSync(path));
      const start = process.cpuUsage().user;
      const symbols = vmlinux?.symbols ?? [];
      const milliseconds = (process.cpuUsage().user - start) / 1000;
      assert.ok(symbols.length > 80_000, String(symbols.length));
      assert.ok(milliseconds < 1000, `${milliseconds} ms`);
      const values = new Map(symbols.map(({ name: each, value }) => [each, value]));
      assert.equal(values.get('_text'), 0xffffffff81000000n);
      // The system-call table holds the addresses of its handlers.
      const table = values.get('sys_call_table') ?? 0n;
      assert.equal(quadword(vmlinux, table + 8n), values.get('__x64_sys_write'));
      assert.equal(quadword(vmlinux, table + 8n * 60n), values.get('__x64_sys_exit'));
      // SWAPGS, perhaps behind ENDBR64.
      const entry = values.get('entry_SYSCALL_64') ?? 0n;
      const code = [0n, 4n].map((offset) => (quadword(vmlinux, entry + offset) ?? 0n) & 0xffffffn);
      assert.ok(code.includes(0xf8010fn), code.join());
    });
  }
});

/** The eight bytes that a kernel's image has at `va`. */
function quadword(elf: ElfFile | undefined, va: bigint): bigint | undefined {
  const segment = elf?.segments.find(
    ({ type, va: start, data }) => type === 1 && va >= start && va < start + BigInt(data.length),
  );
  if (!segment) return undefined;
  const { buffer, byteOffset } = segment.data;
  return new DataView(buffer, byteOffset).getBigUint64(Number(va - segment.va), true);
}

describe('kernel address randomization', () => {
  it('a slide is a multiple of 2 MiB within the mapping of the kernel', () => {
    const entry = BASE + 0xc00080n;
    assert.equal(kernelSlide(entry, entry), 0n);
    assert.equal(kernelSlide(entry, entry + 0x1e400000n), 0x1e400000n);
    assert.equal(kernelSlide(entry, entry + 0x1000n), undefined);
    assert.equal(kernelSlide(entry, 0x1000n), undefined);
    assert.equal(kernelSlide(entry, 0n), undefined);
  });
});
