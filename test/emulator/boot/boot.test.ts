import assert from 'node:assert/strict';
import { loadFlat, loadImage } from '../../../emulator/boot/flat';
import { ImageError } from '../../../emulator/boot/image';
import { hasMultibootHeader, loadMultiboot } from '../../../emulator/boot/multiboot';
import { Flag } from '../../../emulator/cpu/state';
import { Gpr, Seg } from '../../../emulator/isa/instruction';
import { MEMORY_BYTES, testCpu } from '../cpu/support';

const CODE = Uint8Array.of(0x90, 0xf4);

function problemOf(action: () => void): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return error.problem;
  }
  return 'none';
}

describe('flat images', () => {
  it('64-bit: long mode ring 0, memory mapped where it is, a stack below the image', () => {
    const cpu = testCpu();
    loadFlat(cpu, { bytes: CODE, loadAddress: 0x100000n, mode: 64 });
    const { state, memory, paging } = cpu;
    assert.deepEqual([...memory.bytes.subarray(0x100000, 0x100002)], [...CODE]);
    assert.deepEqual([state.rip, state.cpl, state.mode64, state.rflags], [0x100000n, 0, true, Flag.FIXED]);
    assert.equal(state.gpr[Gpr.RSP], 0x100000n);
    for (const va of [0n, 0x100000n, BigInt(MEMORY_BYTES - 1)]) {
      const page = paging.probe(va);
      assert.deepEqual([page?.pa, page?.writable, page?.executable], [Number(va), true, true]);
    }
    assert.equal(paging.probe(BigInt(MEMORY_BYTES)), undefined);
    assert.equal(memory.readU64(Number(state.gdtr.base) + 8), 0x00af9b000000ffffn, 'the GDT is in memory');
  });

  it('32-bit: flat protected mode without paging', () => {
    const cpu = testCpu();
    loadFlat(cpu, { bytes: CODE, loadAddress: 0x8000n, entry: 0x8001n, mode: 32 });
    const { state } = cpu;
    assert.deepEqual([state.rip, state.paging, state.protectedMode, state.mode64], [0x8001n, false, true, false]);
    for (const seg of [Seg.DS, Seg.ES, Seg.SS]) assert.equal(state.segments[seg].limit, 0xffffffff);
    assert.equal(state.segments[Seg.CS].big, true);
  });

  it('too big, empty or with the entry elsewhere are errors that say so', () => {
    const load = (bytes: number, loadAddress: bigint, entry?: bigint) =>
      problemOf(() => loadFlat(testCpu(), { bytes: new Uint8Array(bytes), loadAddress, entry, mode: 64 }));
    assert.equal(load(MEMORY_BYTES + 1, 0n), 'too-big');
    assert.equal(load(1, 1n << 40n), 'too-big');
    assert.equal(load(0, 0n), 'truncated');
    assert.equal(load(16, 0x1000n, 0x10000000n), 'bad-header');
    assert.throws(() => loadFlat(testCpu(), { bytes: CODE, loadAddress: 1n << 40n, mode: 64 }), /more memory/);
  });
});

describe('ELF images', () => {
  it('are loaded at physical addresses, zero-filled, and entered there', () => {
    const cpu = testCpu();
    cpu.memory.bytes.fill(0xee);
    const segment = { va: 0xffffffff80000000n, pa: 0x200000n, bytes: CODE, memoryBytes: 0x1000 };
    loadImage(cpu, { entry: 0xffffffff80000001n, segments: [segment], mode: 64 });
    assert.equal(cpu.state.rip, 0x200001n);
    assert.deepEqual([...cpu.memory.bytes.subarray(0x200000, 0x200003)], [0x90, 0xf4, 0]);
    assert.equal(cpu.memory.readU8(0x200fff), 0);
    assert.equal(cpu.memory.readU8(0x201000), 0xee);
    assert.equal(
      problemOf(() => loadImage(testCpu(), { entry: 0n, segments: [], mode: 64 })),
      'no-header',
    );
  });
});

/** A file with a multiboot header at offset 16; `words` follow magic, flags and checksum. */
function multibootFile(flags: number, words: number[] = [], length = 64): Uint8Array {
  const file = new Uint8Array(length);
  const view = new DataView(file.buffer);
  const all = [0x1badb002, flags, -(0x1badb002 + flags) >>> 0, ...words];
  all.forEach((word, index) => view.setUint32(16 + 4 * index, word, true));
  return file;
}

/** Address fields that load the whole file at 1 MiB. */
const ADDRESSES = [0x100010, 0x100000, 0, 0, 0x100030];

describe('multiboot', () => {
  it('loads by the address fields and enters with the state of section 3.2', () => {
    const cpu = testCpu();
    const file = multibootFile(0x10003, ADDRESSES);
    loadMultiboot(cpu, file, undefined, { commandLine: 'kernel quiet' });
    const { state, memory } = cpu;
    assert.deepEqual([...memory.bytes.subarray(0x100000, 0x100040)], [...file]);
    assert.equal(state.rip, 0x100030n);
    assert.equal(state.gpr[Gpr.RAX], 0x2badb002n);
    assert.deepEqual([state.protectedMode, state.paging, state.flag(Flag.IF)], [true, false, false]);
    const info = Number(state.gpr[Gpr.RBX]);
    const text = (at: number) => Buffer.from(memory.bytes.subarray(at, memory.bytes.indexOf(0, at))).toString();
    assert.equal(memory.readU32(info) & 0x4d, 0x4d);
    assert.equal(memory.readU32(info + 8), (MEMORY_BYTES >> 10) - 1024);
    assert.equal(text(memory.readU32(info + 16)), 'kernel quiet');
    const [length, map] = [memory.readU32(info + 44), memory.readU32(info + 48)];
    const ranges: [number, bigint, bigint][] = [];
    for (let at = map; at < map + length; at += memory.readU32(at) + 4) {
      ranges.push([memory.readU32(at + 20), memory.readU64(at + 4), memory.readU64(at + 12)]);
    }
    assert.deepEqual(
      ranges.filter(([type]) => type === 1),
      [
        [1, 0n, 0x9fc00n],
        [1, 0x100000n, BigInt(MEMORY_BYTES - 0x100000)],
      ],
    );
  });

  it('places modules on pages, with their strings', () => {
    const cpu = testCpu();
    const modules = [
      { bytes: Uint8Array.of(1, 2, 3), string: 'first' },
      { bytes: new Uint8Array(5000).fill(7), string: 'second arg' },
    ];
    loadMultiboot(cpu, multibootFile(0x10000, ADDRESSES), undefined, { modules });
    const { memory } = cpu;
    const info = Number(cpu.state.gpr[Gpr.RBX]);
    assert.equal(memory.readU32(info + 20), 2);
    const list = memory.readU32(info + 24);
    modules.forEach(({ bytes, string }, index) => {
      const [start, end, name] = [0, 4, 8].map((offset) => memory.readU32(list + 16 * index + offset));
      assert.equal(start % 4096, 0);
      assert.deepEqual([...memory.bytes.subarray(start, end)], [...bytes]);
      assert.equal(Buffer.from(memory.bytes.subarray(name, name + string.length)).toString(), string);
      assert.ok(start >= 0x100040);
    });
  });

  it('without address fields takes the ELF segments', () => {
    const cpu = testCpu();
    const segment = { va: 0x200000n, pa: 0x200000n, bytes: CODE, memoryBytes: 2 };
    const file = multibootFile(0);
    loadMultiboot(cpu, file, { entry: 0x200000n, segments: [segment], mode: 32 });
    assert.equal(cpu.state.rip, 0x200000n);
    assert.equal(
      problemOf(() => loadMultiboot(testCpu(), file, undefined)),
      'bad-header',
    );
  });

  it('honours load end and bss end', () => {
    const cpu = testCpu();
    cpu.memory.bytes.fill(0xee);
    loadMultiboot(cpu, multibootFile(0x10000, [0x100010, 0x100010, 0x100030, 0x100100, 0x100010]), undefined);
    assert.equal(cpu.memory.readU32(0x100010), 0x1badb002);
    assert.equal(cpu.memory.readU8(0x100030), 0);
    assert.equal(cpu.memory.readU8(0x1000ff), 0);
    assert.equal(cpu.memory.readU8(0x10000f), 0xee);
  });

  it('refuses what is not one, is cut off, contradicts itself or asks too much', () => {
    const load = (file: Uint8Array) => problemOf(() => loadMultiboot(testCpu(), file, undefined));
    assert.equal(load(new Uint8Array(100)), 'no-header');
    const wrong = multibootFile(0x10000, ADDRESSES);
    wrong[24] ^= 1;
    assert.equal(load(wrong), 'no-header', 'checksum');
    assert.equal(load(multibootFile(0x10000, [], 40)), 'truncated');
    assert.equal(load(multibootFile(0x10000, [0x100010, 0x100000, 0x200000, 0, 0x100030])), 'truncated');
    assert.equal(load(multibootFile(0x10000, [0x100010, 0x100020, 0, 0, 0x100030])), 'bad-header');
    assert.equal(load(multibootFile(0x10004, ADDRESSES)), 'unsupported');
    assert.equal(load(multibootFile(0x10000, [0x100010, 0x100000, 0, 0x10000000, 0x100030])), 'too-big');
    assert.equal(hasMultibootHeader(new Uint8Array(3)), false);
    assert.equal(hasMultibootHeader(multibootFile(0)), true);
  });
});
