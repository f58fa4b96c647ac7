import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTarget } from '../../debug-adapter';
import { disassemble } from '../../debug-adapter/disassembly';
import { builtKernel, DapClient, HELLO } from './client';

describe('memory', () => {
  let client: DapClient;
  before(async () => {
    client = new DapClient();
    await client.launchToEntry();
  });
  after(() => client.close());

  it('should read bytes by reference, offset and count', async () => {
    const memoryReference = await client.evaluate('message,x');
    const { data, address } = await client.send('readMemory', { memoryReference, offset: 7, count: 4 });
    assert.equal(Buffer.from(data ?? '', 'base64').toString(), 'ring');
    assert.equal(BigInt(address), BigInt(memoryReference) + 7n);
  });

  it('should tell how much cannot be read', async () => {
    assert.deepEqual(await client.send('readMemory', { memoryReference: '0x10', count: 64 }), {
      address: '0x10',
      unreadableBytes: 64,
    });
    const memoryReference = await client.evaluate('(_start & ~0xfff) - 8,x');
    const read = await client.send('readMemory', { memoryReference, count: 16 });
    assert.ok((read.unreadableBytes ?? 0) === 8 || Buffer.from(read.data ?? '', 'base64').length === 16);
  });

  it('should write, tell clients, and refuse what is not mapped', async () => {
    const memoryReference = await client.evaluate('rsp - 64,x');
    const data = Buffer.from('ringside').toString('base64');
    assert.deepEqual(await client.send('writeMemory', { memoryReference, data }), { bytesWritten: 8 });
    assert.deepEqual(await client.event('memory'), { memoryReference, offset: 0, count: 8 });
    assert.equal((await client.send('readMemory', { memoryReference, count: 8 })).data, data);
    await assert.rejects(
      client.send('writeMemory', { memoryReference: '0x10', data }),
      /Only 0 of 8 bytes at 0x10 are mapped/,
    );
    assert.deepEqual(await client.send('writeMemory', { memoryReference: '0x10', data, allowPartial: true }), {
      bytesWritten: 0,
    });
    await assert.rejects(
      client.send('readMemory', { memoryReference: 'here', count: 1 }),
      /"here" is no memory reference/,
    );
  });

  it('should disassemble around an address with source and symbols', async () => {
    const memoryReference = await client.evaluate('enter_kernel,x');
    const { instructions } = await client.send('disassemble', {
      memoryReference,
      instructionOffset: -2,
      instructionCount: 4,
    });
    assert.deepEqual(
      instructions.map(({ instruction }) => instruction.replace(/ +/, ' ')),
      ['lea 0xfb0(%rip),%rsi <message>', 'mov $0xf,%edx', 'syscall', 'cmp $0xfffffffffffff001,%rax'],
    );
    assert.equal(instructions[2].symbol, 'enter_kernel');
    assert.equal(instructions[2].location?.name, 'hello.S');
    assert.equal(instructions[2].instructionBytes, '0f 05');
  });

  it('should show memory that is not mapped as invalid', async () => {
    const { instructions } = await client.send('disassemble', {
      memoryReference: '0x10',
      instructionOffset: -4,
      instructionCount: 8,
    });
    assert.equal(instructions.length, 8);
    assert.ok(
      instructions.every(
        ({ presentationHint, instruction }) => presentationHint === 'invalid' && instruction === '(not mapped)',
      ),
    );
  });
});

describe('disassembly of the whole sample kernel', () => {
  it('should begin at the same instructions backwards as forwards', () => {
    const { target } = loadTarget({ program: HELLO, kernel: builtKernel() });
    const start = target.symbols.named('__entry_64_text')?.value ?? 0n;
    const forward = disassemble(target, start, 0, 400).map(({ va }) => va);
    for (const index of [60, 61, 62, 123, 200, 399]) {
      const backward = disassemble(target, forward[index], -60, 60).map(({ va }) => va);
      assert.deepEqual(backward, forward.slice(index - 60, index));
    }
  });

  it('should agree with objdump on where instructions begin', function () {
    if (spawnSync('objdump', ['--version']).status !== 0) return this.skip();
    const { target } = loadTarget({ program: HELLO, kernel: builtKernel() });
    const kernel = target.images.find(({ role }) => role === 'kernel');
    assert.ok(kernel);
    const folder = mkdtempSync(join(tmpdir(), 'ringside-'));
    try {
      const file = join(folder, 'kernel');
      writeFileSync(file, kernel.bytes);
      const text = execFileSync('objdump', ['-d', '--no-show-raw-insn', '-j', '.text', file], { encoding: 'utf8' });
      const theirs = [...text.matchAll(/^([0-9a-f]{16}|ffffffff[0-9a-f]+):?\s+/gm)].map(([, va]) => va);
      const starts = new Set(theirs.map((va) => BigInt(`0x${va}`)));
      const entry = target.symbols.named('entry_SYSCALL_64');
      assert.ok(entry);
      const ours = disassemble(target, entry.value, 0, 80).map(({ va }) => va);
      assert.deepEqual(
        ours.filter((va) => !starts.has(va)),
        [],
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
