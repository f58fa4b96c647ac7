import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { ElfError } from '../../../toolchain/elf/error';
import type { ObjectModule } from '../../../toolchain/elf/object';
import { readObject } from '../../../toolchain/elf/object-reader';
import { readElf } from '../../../toolchain/elf/reader';
import { writeObject } from '../../../toolchain/elf/writer';
import { USER_LAYOUT } from '../../../toolchain/linker/layout';
import { link } from '../../../toolchain/linker/linker';
import { need, Workspace } from './tools';

const ANSWER: ObjectModule = {
  source: 'answer.S',
  sections: [
    {
      name: '.text',
      type: 1,
      flags: 6,
      alignment: 16,
      entrySize: 0,
      data: Uint8Array.of(0xe8, 0, 0, 0, 0, 0xc3),
      size: 6,
      relocations: [{ offset: 1, type: 4, symbol: '_start', againstSection: false, addend: -4n }],
    },
    { name: '.bss', type: 8, flags: 3, alignment: 8, entrySize: 0, data: new Uint8Array(), size: 64, relocations: [] },
  ],
  symbols: [
    {
      name: '_start',
      value: 0n,
      size: 6n,
      type: 'function',
      binding: 'global',
      visibility: 'hidden',
      section: '.text',
    },
    { name: 'room', value: 8n, size: 8n, type: 'object', binding: 'local', visibility: 'default', section: '.bss' },
    {
      name: 'constant',
      value: 42n,
      size: 0n,
      type: 'notype',
      binding: 'global',
      visibility: 'default',
      section: '*ABS*',
    },
  ],
  lines: [],
};

function answerImage(): Uint8Array {
  const { elf } = link([ANSWER], USER_LAYOUT);
  assert.ok(elf);
  return elf;
}

/** Everything the reader offers, touched. */
function readAll(bytes: Uint8Array): void {
  const elf = readElf(bytes);
  assert.ok(elf.symbols.length >= 0);
  if (elf.type === 1) {
    const { diagnostics, elf: linked } = link([readObject(bytes, 'mutated')], USER_LAYOUT);
    assert.ok(linked ?? diagnostics.length > 0);
  }
}

describe('ELF reader', () => {
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.remove());

  it('should read sections, segments and symbols of an image', () => {
    const elf = readElf(answerImage());
    assert.equal(elf.bits, 64);
    assert.equal(elf.type, 2);
    assert.equal(elf.entry, 0x401000n);
    assert.deepEqual(
      elf.segments.map(({ type, va, memorySize }) => [type, va, memorySize]),
      [
        [1, 0x400000n, 64 + 4 * 56],
        [1, 0x401000n, 6],
        [1, 0x402000n, 64],
        [0x6474e551, 0n, 0],
      ],
    );
    assert.deepEqual(
      [...(elf.sections.find(({ name }) => name === '.text')?.data ?? [])],
      [0xe8, 0xfb, 255, 255, 255, 0xc3],
    );
    const start = elf.symbols.find(({ name }) => name === '_start');
    assert.deepEqual(start, { ...ANSWER.symbols[0], value: 0x401000n });
    assert.equal(elf.symbols.find(({ name }) => name === 'room')?.value, 0x402008n);
    assert.deepEqual(
      elf.symbols.find(({ name }) => name === 'constant'),
      ANSWER.symbols[2],
    );
  });

  it('should read back what the object writer wrote', () => {
    const { source, sections, symbols } = readObject(writeObject(ANSWER), 'answer.S');
    assert.equal(source, 'answer.S');
    assert.deepEqual(
      sections.map((section) => ({ ...section, data: [...section.data], codeSizes: undefined })),
      ANSWER.sections.map((section) => ({ ...section, data: [...section.data], codeSizes: undefined })),
    );
    assert.deepEqual(
      new Set(
        symbols.map((symbol) =>
          JSON.stringify(symbol, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
        ),
      ),
      new Set(
        ANSWER.symbols.map((symbol) =>
          JSON.stringify(symbol, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
        ),
      ),
    );
  });

  it('should keep code sizes as mapping symbols', () => {
    const [text, ...rest] = ANSWER.sections;
    assert.ok(text);
    const codeSizes = [{ offset: 5, bits: 32 } as const];
    const bytes = writeObject({ ...ANSWER, sections: [{ ...text, codeSizes }, ...rest] });
    assert.deepEqual(readObject(bytes, 'answer.S').sections[0]?.codeSizes, [{ offset: 0, bits: 64 }, ...codeSizes]);
  });

  it('should read 32-bit files with the addresses readelf shows', function () {
    need(this, 'as', 'ld', 'nm');
    workspace.write('small.s', '.globl _start\n_start: mov $word, %eax\nret\n.data\nword: .long 1\n.bss\n.skip 100\n');
    workspace.run('as', '--32', 'small.s', '-o', 'small.o');
    workspace.run('ld', '-m', 'elf_i386', 'small.o', '-o', 'small');
    const elf = readElf(workspace.read('small'));
    assert.equal(elf.bits, 32);
    assert.equal(elf.machine, 3);
    const [firstLoad] = elf.segments;
    assert.equal(firstLoad?.type, 1);
    for (const line of workspace.run('nm', 'small').stdout.trim().split('\n')) {
      const [value, , name] = line.split(' ');
      assert.equal(elf.symbols.find((symbol) => symbol.name === name)?.value, BigInt(`0x${value}`), name);
    }
  });

  it('should agree with nm and readelf about a program made by gcc', function () {
    need(this, 'gcc', 'nm', 'readelf');
    workspace.write('main.c', 'int shared[4]; static int own = 3; int main(void) { return own + shared[1]; }');
    workspace.run('gcc', '-g', 'main.c', '-o', 'main');
    const elf = readElf(workspace.read('main'));
    const theirs = workspace.run('nm', '-a', 'main').stdout.trim().split('\n');
    for (const line of theirs) {
      const [, value, name] = /^([0-9a-f]{16}) . (.*)$/.exec(line) ?? [];
      if (value === undefined) continue;
      const found = elf.symbols.some((symbol) => symbol.name === name && symbol.value === BigInt(`0x${value}`));
      assert.ok(found, line);
    }
    const headers = workspace.run('readelf', '-SW', 'main').stdout;
    for (const { name, address } of elf.sections.slice(1)) {
      assert.ok(headers.includes(`${name} `) && headers.includes(address.toString(16).padStart(16, '0')), name);
    }
  });

  it('should say what is wrong, where, and what to do', () => {
    const image = answerImage();
    const broken = (change: (bytes: Uint8Array) => Uint8Array | undefined) => {
      const copy = image.slice();
      return change(copy) ?? copy;
    };
    const cases: [RegExp, Uint8Array][] = [
      [/ELF header: no ELF file.*Give an x86-64/, new Uint8Array()],
      [/no ELF file/, new TextEncoder().encode('#!/bin/sh\n')],
      [/unknown file class 7/, broken((bytes) => void (bytes[4] = 7))],
      [/not little-endian/, broken((bytes) => void (bytes[5] = 2))],
      [/another processor \(e_machine 183\)/, broken((bytes) => void (bytes[18] = 183))],
      [/ELF header, offset \d+: needs \d bytes/, image.slice(0, 40)],
      [/section header table: .* reach past the end of the file.*truncated/, image.slice(0, -1)],
      [/program header 1: its 6 bytes at offset 4096 reach past/, broken(stripSections).slice(0, 4100)],
    ];
    for (const [pattern, bytes] of cases) {
      assert.throws(
        () => readAll(bytes),
        (error) => error instanceof ElfError && pattern.test(error.message),
        pattern.source,
      );
    }
  });

  it('should answer any mutation or truncation with an ElfError or a value', () => {
    const originals = [answerImage(), writeObject(ANSWER)];
    const mutation = fc.record({
      which: fc.nat(1),
      edits: fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constant(255), fc.constant(0))), { maxLength: 8 }),
      /** Half of the edits go into the headers, where they matter most. */
      inHeaders: fc.boolean(),
      keep: fc.option(fc.nat()),
    });
    fc.assert(
      fc.property(mutation, ({ which, edits, inHeaders, keep }) => {
        const bytes = originals[which]?.slice() ?? new Uint8Array();
        const tables = new DataView(bytes.buffer).getUint32(40, true);
        for (const [at, value] of edits) {
          const place = inHeaders ? (at % 2 ? at % 64 : tables + (at % (bytes.length - tables))) : at % bytes.length;
          bytes[place] = value;
        }
        expectElfErrorAtMost(keep === null ? bytes : bytes.slice(0, keep % bytes.length));
      }),
      { numRuns: 3000 },
    );
  });

  it('should answer every truncation of a program made by others with an ElfError', () => {
    const bytes = new Uint8Array(readFileSync(process.execPath).subarray(0, 1 << 16));
    for (let length = 0; length < bytes.length; length += 97) {
      assert.throws(() => readAll(bytes.slice(0, length)), ElfError);
    }
  });
});

function stripSections(bytes: Uint8Array): undefined {
  bytes.fill(0, 40, 48);
  return undefined;
}

function expectElfErrorAtMost(bytes: Uint8Array): void {
  try {
    readAll(bytes);
  } catch (error) {
    assert.ok(error instanceof ElfError, String(error));
  }
}
