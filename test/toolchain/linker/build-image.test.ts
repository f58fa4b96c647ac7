import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expansionChain } from '../../../toolchain/elf/line-rows';
import { DebugInfo } from '../../../toolchain/dwarf/debug-info';
import { readElf } from '../../../toolchain/elf/reader';
import { readObject } from '../../../toolchain/elf/object-reader';
import { imageListing } from '../../../toolchain/listing/listing';
import { buildImage } from '../../../toolchain/linker/build-image';
import { KERNEL_LAYOUT, USER_LAYOUT } from '../../../toolchain/linker/layout';
import { link } from '../../../toolchain/linker/linker';
import { Build, samples } from '../../samples/build';
import { need, sectionDump, Workspace } from '../elf/tools';

const FILES: Readonly<Record<string, string>> = {
  'exit.inc': `.macro EXIT code
  mov $60, %eax
  mov $\\code, %edi
  syscall
.endm
`,
  'main.S': `#include "exit.inc"
  .globl _start
_start:
  call helper
  EXIT 7
`,
  'helper.S': `  .globl helper
helper:
  nop
  ret
`,
};

const readFile = (path: string): string | undefined => FILES[path];
const source = (path: string, text = FILES[path] ?? '') => ({ path, text });

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

const kernelFolder = join(samples, 'kernel');

function buildKernel(): Uint8Array {
  const names = readdirSync(kernelFolder)
    .filter((name) => name.endsWith('.S'))
    .sort();
  const sources = names.map((name) => source(join(kernelFolder, name), readText(join(kernelFolder, name))));
  const { elf, diagnostics } = buildImage(sources, { readFile: readText }, KERNEL_LAYOUT);
  assert.deepEqual(diagnostics, []);
  assert.ok(elf);
  return elf;
}

describe('buildImage', () => {
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.remove());

  it('should make a program that the real CPU runs, from sources to exit code', () => {
    const { elf, diagnostics, dependencies } = buildImage(
      [source('main.S'), source('helper.S')],
      { readFile },
      USER_LAYOUT,
    );
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(dependencies, ['exit.inc']);
    assert.ok(elf);
    workspace.write('program', elf);
    assert.equal(workspace.attempt(workspace.path('program')).status, 7);
  });

  it('should tell line and expansion of every instruction', () => {
    const { elf } = buildImage([source('main.S'), source('helper.S')], { readFile }, USER_LAYOUT);
    assert.ok(elf);
    const info = new DebugInfo(readElf(elf));
    const call = info.addressesOf('main.S', 5);
    assert.equal(call?.line, 5);
    const found = info.locate(call.addresses[0] ?? 0n);
    assert.deepEqual([found?.location.file, found?.location.line], ['exit.inc', 2]);
    assert.deepEqual(
      expansionChain(found?.expansion).map(({ macro, call: { file, line } }) => [macro, file, line]),
      [['EXIT', 'main.S', 5]],
    );
    assert.equal(found?.function, '_start');
    const helper = readElf(elf).symbols.find(({ name }) => name === 'helper');
    assert.deepEqual(info.addressesOf('helper.S', 1), { line: 3, addresses: [helper?.value] });
  });

  it('should know 32-bit code and data among the code from the source', () => {
    const text = `.section .boot, "ax"
  .long 0x1badb002
  .code32
  .globl _start
_start: inc %eax
  .code64
  swapgs
`;
    const { elf, diagnostics } = buildImage([source('boot.S', text)], {}, KERNEL_LAYOUT);
    assert.deepEqual(diagnostics, []);
    assert.ok(elf);
    const image = readElf(elf);
    const listing = imageListing(image, { name: 'boot', debugInfo: new DebugInfo(image) });
    const lines = listing.text.split('\n').filter((line) => line.startsWith('  '));
    assert.deepEqual(
      lines.map((line) => line.split('\t').slice(2).join(' ')),
      ['.long 0x1badb002', 'inc    %eax', 'swapgs'],
    );
  });

  it('should report the errors of all sources, and link none', () => {
    const sources = [source('one.S', ' bogus\n'), source('main.S'), source('two.S', '\n mov\n')];
    const { elf, diagnostics, modules } = buildImage(sources, { readFile }, USER_LAYOUT);
    assert.equal(elf, undefined);
    assert.deepEqual(
      diagnostics.map(({ location }) => [location.file, location.line]),
      [
        ['one.S', 1],
        ['two.S', 2],
      ],
    );
    assert.deepEqual(
      modules.map((module) => module.source),
      ['main.S'],
    );
  });

  it('should name the line of an undefined symbol, and both lines of one defined twice', () => {
    const missing = buildImage([source('main.S')], { readFile }, USER_LAYOUT).diagnostics;
    assert.deepEqual(
      missing.map(({ location, message }) => `${location.file}:${location.line}: ${message}`),
      ["main.S:4: symbol `helper' is not defined: define it, or link the object that does"],
    );
    const again = source('again.S', '\n  nop\n  .globl helper\nhelper: ret\n');
    const twice = buildImage([source('main.S'), source('helper.S'), again], { readFile }, USER_LAYOUT).diagnostics;
    assert.match(twice[0]?.message ?? '', /`helper' is defined twice, here and at helper\.S:2/);
    assert.deepEqual([twice[0]?.location.file, twice[0]?.location.line], ['again.S', 4]);
  });

  it('should link the sample kernel into the bytes GNU ld makes of the same objects', function () {
    need(this, 'gcc', 'ld', 'objdump');
    const build = new Build();
    try {
      const theirs = build.kernel();
      const names = readdirSync(build.directory).filter((name) => name.endsWith('.o'));
      const objects = names.sort().map((name) => readObject(new Uint8Array(readFileSync(build.path(name))), name));
      const { elf, diagnostics } = link(objects, KERNEL_LAYOUT);
      assert.deepEqual(diagnostics, []);
      assert.ok(elf);
      workspace.write('kernel', elf);
      const sections = ['.text', '.rodata', '.data'];
      assert.equal(sectionDump(workspace, 'kernel', ...sections), sectionDump(workspace, theirs, ...sections));
    } finally {
      build.dispose();
    }
  });

  it('should build the sample kernel as gcc and GNU ld do, to the byte', function () {
    need(this, 'gcc', 'ld', 'objdump');
    const build = new Build();
    try {
      const theirs = build.kernel();
      workspace.write('kernel', buildKernel());
      const sections = ['.text', '.rodata', '.data'];
      assert.equal(sectionDump(workspace, 'kernel', ...sections), sectionDump(workspace, theirs, ...sections));
    } finally {
      build.dispose();
    }
  });

  it('should find the lines of the sample kernel from its listing and back', () => {
    const elf = readElf(buildKernel());
    const debugInfo = new DebugInfo(elf);
    const listing = imageListing(elf, { name: 'kernel', debugInfo, sourceText: readText });
    const entry = elf.symbols.find(({ name }) => name === 'entry_SYSCALL_64')?.value ?? 0n;
    const line = listing.lineOf(entry) ?? 0;
    assert.equal(listing.instructionAt(line)?.address, entry);
    assert.match(listing.text.split('\n')[line - 1] ?? '', /\tendbr64$/);
    const found = debugInfo.locate(entry);
    assert.equal(basename(found?.location.file ?? ''), 'entry_64.S');
    const { addresses } = debugInfo.addressesOf('entry_64.S', found?.location.line ?? 0) ?? { addresses: [] };
    assert.deepEqual(addresses, [entry]);
  });
});
