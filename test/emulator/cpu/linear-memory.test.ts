import assert from 'node:assert/strict';
import { Vector } from '../../../emulator/cpu/exceptions';
import { readLinear, requireWritable, writeLinear } from '../../../emulator/cpu/linear-memory';
import { PageAccess } from '../../../emulator/cpu/paging';
import { exceptionOf, longModeCpu, MEMORY_BYTES, PD, protectedModeCpu, PT, type TestCpu } from './support';

/** Pages 0x200000 -> 0x10000 and 0x201000 -> 0x12000; 0x202000 is read-only; 0x203000 is absent. */
function scattered(): TestCpu {
  const cpu = longModeCpu();
  cpu.memory.writeU64(PD + 8, BigInt(PT | 7));
  [0x10007, 0x12007, 0x14005, 0].forEach((entry, index) => cpu.memory.writeU64(PT + 8 * index, BigInt(entry)));
  return cpu;
}

describe('linear memory', () => {
  it('reads and writes little-endian at every size', () => {
    const cpu = scattered();
    for (const size of [1, 2, 4, 8] as const) {
      writeLinear(cpu, 0x200010n, size, 0x8877665544332211n, PageAccess.READ);
      assert.equal(readLinear(cpu, 0x200010n, size, PageAccess.READ), BigInt.asUintN(8 * size, 0x8877665544332211n));
    }
    assert.equal(cpu.memory.readU64(0x10010), 0x8877665544332211n);
  });

  it('crosses pages that are not neighbours in memory', () => {
    const cpu = scattered();
    writeLinear(cpu, 0x200ffdn, 8, 0x8877665544332211n, PageAccess.READ);
    assert.equal(cpu.memory.readU8(0x10fff), 0x33);
    assert.equal(cpu.memory.readU32(0x12000), 0x77665544);
    assert.equal(readLinear(cpu, 0x200ffdn, 8, PageAccess.READ), 0x8877665544332211n);
  });

  it('writes nothing if the second page faults, and names its first byte', () => {
    const cpu = scattered();
    cpu.memory.writeU32(0x12ffc, 0xaaaaaaaa);
    assert.throws(() => writeLinear(cpu, 0x201ffen, 4, 0n, PageAccess.READ), {
      vector: Vector.PF,
      errorCode: 3,
      faultAddress: 0x202000n,
    });
    assert.equal(cpu.memory.readU32(0x12ffc), 0xaaaaaaaa);
    assert.equal(
      exceptionOf(() => requireWritable(cpu, 0x201ffen, 4, PageAccess.READ)),
      '14(3)',
    );
    assert.equal(
      exceptionOf(() => readLinear(cpu, 0x202ffen, 4, PageAccess.USER)),
      '14(4)',
    );
  });

  it('checks canonical addresses with the exception asked for', () => {
    const cpu = longModeCpu();
    const read = (va: bigint, vector?: Vector) => exceptionOf(() => readLinear(cpu, va, 8, PageAccess.READ, vector));
    assert.equal(read(1n << 47n), '13(0)');
    assert.equal(read((1n << 47n) - 4n, Vector.SS), '12(0)');
    assert.equal(read(0xffff7ffffffffff8n), '13(0)');
  });

  it('wraps at 4 GiB outside long mode', () => {
    const cpu = protectedModeCpu();
    cpu.memory.writeU32(0, 0x44332211);
    assert.equal(readLinear(cpu, 0x100000000n, 4, PageAccess.READ), 0x44332211n);
  });

  it('reaches devices outside of RAM', () => {
    const cpu = protectedModeCpu();
    const writes: string[] = [];
    cpu.bus.claimMemory(0xfee00000, 0x1000, {
      read: (offset, size) => BigInt(offset * 16 + size),
      write: (offset, size, value) => writes.push(`${offset}:${size}=${value}`),
    });
    assert.equal(readLinear(cpu, 0xfee00020n, 4, PageAccess.READ), 0x204n);
    writeLinear(cpu, 0xfee00020n, 4, 7n, PageAccess.READ);
    assert.deepEqual(writes, ['32:4=7']);
    assert.equal(readLinear(cpu, BigInt(MEMORY_BYTES), 2, PageAccess.READ), 0xffffn);
  });

  it('tells of data accesses, not of those to system tables', () => {
    const cpu = longModeCpu();
    const log: string[] = [];
    cpu.accessed = (va, size, access) => log.push(`${access} ${va}+${size}`);
    readLinear(cpu, 16n, 4, PageAccess.READ);
    writeLinear(cpu, 16n, 8, 0n, PageAccess.READ);
    readLinear(cpu, 16n, 4, PageAccess.IMPLICIT);
    assert.deepEqual(log, ['read 16+4', 'write 16+8']);
  });
});
