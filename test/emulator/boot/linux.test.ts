import assert from 'node:assert/strict';
import { ImageError, type Image } from '../../../emulator/boot/image';
import { loadLinux } from '../../../emulator/boot/linux';
import { Flag } from '../../../emulator/cpu/state';
import { Gpr, Seg } from '../../../emulator/isa/instruction';
import { createMachine } from '../../../emulator/pc';

const MIB = 1 << 20;
const CODE = Uint8Array.of(0x90, 0xf4);

function kernel(mode: 32 | 64 = 64, memoryBytes = 2 * MIB): Image {
  const va = 0xffffffff81000000n;
  return { entry: va + 1n, mode, segments: [{ va, pa: 0x1000000n, bytes: CODE, memoryBytes }] };
}

function boot(
  options: Parameters<typeof loadLinux>[2] = {},
  { mode = 64, memory = 64 }: { mode?: 32 | 64; memory?: number } = {},
) {
  const machine = createMachine({ memoryBytes: memory * MIB });
  const placement = loadLinux(machine.cpu, { image: kernel(mode) }, options);
  return { machine, placement, parameters: Number(machine.state.gpr[Gpr.RSI]) };
}

function text(memory: Uint8Array, at: number): string {
  return new TextDecoder().decode(memory.subarray(at, memory.indexOf(0, at)));
}

function problemOf(action: () => void): string {
  try {
    action();
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return `${error.problem}: ${error.message}`;
  }
  return 'none';
}

describe('Linux boot protocol', () => {
  it('enters vmlinux in 64-bit mode, 4 GiB mapped where they are', () => {
    const { machine } = boot();
    const { state } = machine;
    assert.deepEqual([state.rip, state.mode64, state.cpl, state.flag(Flag.IF)], [0x1000001n, true, 0, false]);
    assert.equal(state.segments[Seg.CS].selector, 0x10);
    for (const seg of [Seg.DS, Seg.ES, Seg.SS]) assert.equal(state.segments[seg].selector, 0x18);
    for (const va of [0n, 0x1000000n, 0xffffffffn]) assert.equal(machine.physicalAddress(va), Number(va));
    assert.equal(machine.physicalAddress(1n << 32n), undefined);
    assert.deepEqual([...machine.memory.bytes.subarray(0x1000000, 0x1000002)], [...CODE]);
  });

  it('enters the 32-bit entry in protected mode without paging', () => {
    const { state } = boot({}, { mode: 32 }).machine;
    assert.deepEqual([state.rip, state.protectedMode, state.paging], [0x1000001n, true, false]);
    assert.deepEqual([state.segments[Seg.CS].selector, state.segments[Seg.DS].selector], [0x10, 0x18]);
    assert.deepEqual([state.gpr[Gpr.RBP], state.gpr[Gpr.RDI], state.gpr[Gpr.RBX]], [0n, 0n, 0n]);
  });

  it('writes boot parameters: header, command line, memory map', () => {
    const { machine, parameters } = boot({ commandLine: 'console=ttyS0 nokaslr' });
    const { memory } = machine;
    assert.equal(memory.readU16(parameters + 0x1fe), 0xaa55);
    assert.equal(text(memory.bytes, parameters + 0x202).slice(0, 4), 'HdrS');
    assert.equal(memory.readU16(parameters + 0x206), 0x20f);
    assert.deepEqual([memory.readU8(parameters + 0x210), memory.readU8(parameters + 0x211)], [0xff, 1]);
    assert.equal(text(memory.bytes, memory.readU32(parameters + 0x228)), 'console=ttyS0 nokaslr');
    const entries = Array.from({ length: memory.readU8(parameters + 0x1e8) }, (_, index) => {
      const at = parameters + 0x2d0 + 20 * index;
      return [Number(memory.readU64(at)), Number(memory.readU64(at + 8)), memory.readU32(at + 16)];
    });
    assert.deepEqual(entries.at(0), [0, 0x9fc00, 1]);
    assert.deepEqual(entries.at(-1), [MIB, 63 * MIB, 1]);
  });

  it('keeps the setup header of a bzImage but for what a loader fills in', () => {
    const machine = createMachine({ memoryBytes: 64 * MIB });
    const setupHeader = Uint8Array.from({ length: 0x7b }, (_, index) => index + 1);
    loadLinux(machine.cpu, { image: kernel(), setupHeader });
    const at = Number(machine.state.gpr[Gpr.RSI]) + 0x1f1;
    const bytes = machine.memory.bytes.subarray(at, at + setupHeader.length);
    const changed = [...bytes.keys()]
      .filter((index) => bytes[index] !== setupHeader[index])
      .map((each) => each + 0x1f1);
    const filledIn = [0x210, 0x211, 0x228, 0x229, 0x22a, 0x22b];
    assert.deepEqual(
      changed.filter((offset) => !filledIn.includes(offset)),
      [],
    );
  });

  it('puts the initial RAM disk on a page at the top of memory', () => {
    const initrd = Uint8Array.from({ length: 5000 }, (_, index) => index & 0xff);
    const { machine, placement, parameters } = boot({ initrd });
    const { memory } = machine;
    const at = memory.readU32(parameters + 0x218);
    assert.deepEqual([at, placement.initrd, memory.readU32(parameters + 0x21c)], [64 * MIB - 8192, at, 5000]);
    assert.equal(Buffer.compare(memory.bytes.subarray(at, at + 5000), initrd), 0);
  });

  it('says when memory is too small, for the kernel or for its RAM disk, or the command line too long', () => {
    assert.match(
      problemOf(() => boot({}, { memory: 16 })),
      /too-big: The kernel needs at least 26 MiB of memory, the machine has 16 MiB: give it more/,
    );
    const initrd = new Uint8Array(40 * MIB);
    assert.match(
      problemOf(() => boot({ initrd })),
      /too-big: The initial RAM disk has 40 MiB, .* 38 MiB of memory are left/,
    );
    assert.match(
      problemOf(() => boot({ commandLine: 'x'.repeat(2048) })),
      /too-big: The kernel command line has 2048 bytes/,
    );
  });
});
