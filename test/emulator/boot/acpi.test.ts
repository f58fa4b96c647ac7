import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acpiTables, createMachine } from '../../../emulator';

/** Reads the tables as an operating system does, from memory. */
function find(processors?: number) {
  const machine = createMachine({ memoryBytes: 4 << 20, platform: 'acpi' });
  for (const { address, bytes } of acpiTables(processors === undefined ? {} : { processors })) {
    assert.deepEqual(machine.memory.bytes.subarray(address, address + bytes.length), new Uint8Array(bytes.length));
    machine.memory.load(address, bytes);
  }
  const { memory } = machine;
  const text = (pa: number, length: number) => Buffer.from(memory.bytes.subarray(pa, pa + length)).toString('latin1');
  const sum = (pa: number, length: number) =>
    memory.bytes.subarray(pa, pa + length).reduce((total, byte) => total + byte, 0) & 0xff;
  let rsdp = 0xe0000;
  while (rsdp < 0x100000 && text(rsdp, 8) !== 'RSD PTR ') rsdp += 16;
  const pointers = (table: number, size: 4 | 8) => {
    const count = (memory.readU32(table + 4) - 36) / size;
    return Array.from({ length: count }, (_, i) => memory.readU32(table + 36 + size * i));
  };
  const xsdt = Number(memory.readU64(rsdp + 24));
  const tables = new Map(pointers(xsdt, 8).map((pa) => [text(pa, 4), pa]));
  return { ...{ memory, text, sum, rsdp, pointers, xsdt, tables }, rsdt: memory.readU32(rsdp + 16) };
}

function table(found: ReturnType<typeof find>, signature: string): number {
  const pa = found.tables.get(signature);
  assert.ok(pa !== undefined, signature);
  return pa;
}

describe('ACPI tables', () => {
  it('are found from the RSDP in the BIOS area, all with good checksums', () => {
    const found = find();
    const { memory, pointers, rsdp, rsdt, sum, text, xsdt, tables } = found;
    assert.deepEqual([sum(rsdp, 20), sum(rsdp, 36), memory.readU8(rsdp + 15)], [0, 0, 2]);
    assert.deepEqual([...tables.keys()], ['FACP', 'APIC', 'HPET']);
    assert.deepEqual(pointers(rsdt, 4), pointers(xsdt, 8));
    const fadt = table(found, 'FACP');
    const dsdt = memory.readU32(fadt + 40);
    assert.equal(text(dsdt, 4), 'DSDT');
    for (const pa of [rsdt, xsdt, dsdt, ...tables.values()]) assert.equal(sum(pa, memory.readU32(pa + 4)), 0);
  });

  it('have a FADT with the ports of the fixed hardware, a reset register and a FACS', () => {
    const found = find();
    const { memory, text } = found;
    const fadt = table(found, 'FACP');
    assert.equal(memory.readU32(fadt + 4), 276);
    assert.deepEqual(
      [46, 48, 56, 64, 76].map((offset) => memory.readU16(fadt + offset)),
      [9, 0, 0x600, 0x604, 0x608],
    );
    assert.deepEqual(
      [88, 89, 90, 91].map((offset) => memory.readU8(fadt + offset)),
      [4, 2, 0, 4],
    );
    assert.equal(memory.readU64(fadt + 120), 0xcf9n);
    assert.equal(memory.readU8(fadt + 128), 6);
    for (const [offset, port] of [
      [148, 0x600],
      [172, 0x604],
      [208, 0x608],
    ]) {
      assert.deepEqual([memory.readU8(fadt + offset), memory.readU64(fadt + offset + 4)], [1, BigInt(port)]);
    }
    assert.equal(memory.readU64(fadt + 140), BigInt(memory.readU32(fadt + 40)));
    const facs = memory.readU32(fadt + 36);
    assert.deepEqual([text(facs, 4), facs % 64, memory.readU32(facs + 4)], ['FACS', 0, 64]);
  });

  it('have a MADT with the processors, the IO-APIC and where IRQ 0 and 9 go', () => {
    const found = find(2);
    const { memory } = found;
    const madt = table(found, 'APIC');
    const entries: string[] = [];
    for (let at = madt + 44; at < madt + memory.readU32(madt + 4); at += memory.readU8(at + 1)) {
      const bytes = memory.bytes.subarray(at, at + memory.readU8(at + 1));
      entries.push(Buffer.from(bytes).toString('hex'));
    }
    assert.deepEqual(entries, [
      '0008000001000000',
      '0008010101000000',
      '010c00000000c0fe00000000',
      '020a0000020000000000',
      '020a0009090000000d00',
      '0406ff000001',
    ]);
    assert.equal(memory.readU32(madt + 36), 0xfee00000);
  });

  it('have an HPET table that agrees with the HPET', () => {
    const found = find();
    const { memory } = found;
    const hpet = table(found, 'HPET');
    assert.equal(memory.readU32(hpet + 4), 56);
    assert.deepEqual([memory.readU32(hpet + 36), memory.readU64(hpet + 44)], [0x8086a201, 0xfed00000n]);
  });

  it('have a DSDT that iasl disassembles', function () {
    const folder = mkdtempSync(join(tmpdir(), 'ringside-'));
    try {
      const dsdt = acpiTables().find(({ bytes }) => Buffer.from(bytes.subarray(0, 4)).toString() === 'DSDT');
      assert.ok(dsdt);
      const file = join(folder, 'dsdt');
      writeFileSync(`${file}.aml`, dsdt.bytes);
      const { error, status } = spawnSync('iasl', ['-d', `${file}.aml`], { cwd: folder });
      if (error) this.skip();
      assert.equal(status, 0);
      const source = readFileSync(`${file}.dsl`, 'latin1');
      for (const part of ['EisaId ("PNP0A03")', 'Device (COM1)', '_S5', 'WordBusNumber', '0xFEBFFFFF']) {
        assert.ok(source.includes(part), part);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
