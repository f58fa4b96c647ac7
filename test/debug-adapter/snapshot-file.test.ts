import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  AdapterError,
  bootKey,
  type BootInputs,
  readSnapshot,
  resumeLinux,
  SnapshotFileError,
  type SnapshotFileProblem,
  writeSnapshot,
} from '../../debug-adapter';
import { createMachine } from '../../emulator';

/** Where the format says they are. */
const VERSION = 8;
const FILE_LENGTH = 16;

describe('snapshot files', () => {
  let folder: string;
  let path: string;
  /** A snapshot in its file. */
  let content: Buffer;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ringside-'));
    path = join(folder, 'guest.snapshot');
    const machine = createMachine({ memoryBytes: 4 << 20, cpu: 'intel,+x86-64-v3', platform: 'acpi' });
    machine.memory.load(0x5ff0, new TextEncoder().encode('across the end of a page'));
    machine.memory.load((4 << 20) - 3, Uint8Array.of(1, 2, 3));
    machine.sendSerial(Uint8Array.of(0x68, 0x69));
    await writeSnapshot(path, { snapshot: machine.save(), key: 'abc', console: Uint8Array.of(0x24, 0x20) });
    content = readFileSync(path);
  });
  after(() => rmSync(folder, { recursive: true }));

  /** What is wrong with a file of these bytes. */
  async function problem(bytes: Uint8Array): Promise<SnapshotFileProblem | undefined> {
    const changed = join(folder, 'changed');
    writeFileSync(changed, bytes);
    return readSnapshot(changed).then(
      () => undefined,
      (error: unknown) => {
        assert.ok(error instanceof SnapshotFileError && error instanceof AdapterError, String(error));
        assert.ok(error.message.startsWith(changed), 'the message names the file');
        assert.match(error.message, /\. [A-Z][^.]+\.$/, 'and says what to do');
        return error.problem;
      },
    );
  }

  it('give back what was saved', async () => {
    const { machine, key, console } = await resumeLinux(path);
    assert.deepEqual([key, [...console]], ['abc', [0x24, 0x20]]);
    assert.ok(machine.cpu.model.features.has('AVX2') && machine.cpu.model.features.has('X2APIC'));
    const text = new TextDecoder().decode(machine.memory.bytes.subarray(0x5ff0, 0x6008));
    assert.equal(text, 'across the end of a page');
    assert.deepEqual([...machine.memory.bytes.subarray((4 << 20) - 4)], [0, 1, 2, 3]);
    assert.equal(machine.bus.readPort(0x3f8, 1), 0x68, 'the byte that was typed waits in the serial port');
    assert.ok(statSync(path).size < 16384, 'zeros take no room');
  });

  it('are the same for the same machine', async () => {
    const { machine, ...rest } = await resumeLinux(path);
    const again = join(folder, 'again');
    await writeSnapshot(again, { snapshot: machine.save(), ...rest });
    assert.ok(readFileSync(again).equals(content));
  });

  it('with any byte changed are rejected', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(content.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = Buffer.from(content);
        changed[at] ^= change;
        assert.notEqual(await problem(changed), undefined);
      }),
      { numRuns: 200 },
    );
  });

  it('cut off anywhere, or continued, are rejected', async () => {
    for (const length of [0, 7, 8, 9, 55, 56, 1000, content.length - 1]) {
      assert.equal(await problem(content.subarray(0, length)), length < 8 ? 'not-a-snapshot' : 'truncated');
    }
    assert.equal(await problem(Buffer.concat([content, Buffer.of(0)])), 'damaged');
  });

  it('say what is wrong with them', async () => {
    const changed = (at: number, value: number): Buffer => {
      const bytes = Buffer.from(content);
      bytes.writeUInt32LE(value, at);
      return bytes;
    };
    const version = content.readUInt32LE(VERSION);
    assert.equal(await problem(changed(VERSION, version - 1)), 'older-version');
    assert.equal(await problem(changed(VERSION, version + 1)), 'newer-version');
    assert.equal(await problem(changed(FILE_LENGTH, content.length + 1)), 'truncated');
    assert.equal(await problem(changed(content.length - 4, 0)), 'damaged');
    assert.equal(await problem(readFileSync(__filename)), 'not-a-snapshot');
    await assert.rejects(readSnapshot(join(folder, 'nothing')), { problem: 'unreadable' });
  });

  it('replace the one before only when they are complete', async () => {
    const { machine, ...rest } = await resumeLinux(path);
    const into = join(folder, 'no such folder', 'file');
    await assert.rejects(writeSnapshot(into, { snapshot: machine.save(), ...rest }), AdapterError);
    // A folder in its place: the last step fails.
    await assert.rejects(writeSnapshot(folder, { snapshot: machine.save(), ...rest }), AdapterError);
    assert.deepEqual(
      readdirSync(join(folder, '..')).filter((name) => name.endsWith('.tmp') && name.startsWith('ringside-')),
      [],
    );
    assert.ok(readFileSync(path).equals(content));
  });

  it('are found by what the guest was made of', () => {
    const inputs: BootInputs = { kernelBytes: Uint8Array.of(1), initrd: Uint8Array.of(2), commandLine: 'quiet' };
    const others: BootInputs[] = [
      { ...inputs, kernelBytes: Uint8Array.of(2) },
      { ...inputs, initrd: Uint8Array.of(1) },
      { kernelBytes: Uint8Array.of(1), commandLine: 'quiet' },
      { ...inputs, commandLine: 'debug' },
      { ...inputs, memoryBytes: 128 << 20 },
      { ...inputs, cpu: 'amd' },
      { ...inputs, platform: 'acpi' },
      { ...inputs, entry: '64' },
    ];
    assert.equal(bootKey(inputs), bootKey({ ...inputs, kernelBytes: Uint8Array.of(1) }));
    assert.equal(new Set([inputs, ...others].map(bootKey)).size, 1 + others.length);
  });
});
