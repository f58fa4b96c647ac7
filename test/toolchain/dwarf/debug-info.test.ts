import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DebugInfo } from '../../../toolchain/dwarf/debug-info';
import { debugSections } from '../../../toolchain/dwarf/debug-sections';
import { DwarfError } from '../../../toolchain/dwarf/error';
import { ElfError } from '../../../toolchain/elf/error';
import type { LineRow, MacroExpansion } from '../../../toolchain/elf/object';
import { expansionChain } from '../../../toolchain/elf/line-rows';
import { readElf } from '../../../toolchain/elf/reader';
import { USER_LAYOUT } from '../../../toolchain/linker/layout';
import { link } from '../../../toolchain/linker/linker';
import { need, Workspace } from '../elf/tools';
import { MACROS, MAIN, PROGRAM } from './fixture';

function image(): Uint8Array {
  const { elf } = link([PROGRAM], USER_LAYOUT, { debugSections });
  assert.ok(elf);
  return elf;
}

/** In the words of addr2line -f -i: innermost first, function and place. */
function inlineStack(info: DebugInfo, address: bigint): string[] {
  const found = info.locate(address);
  if (!found) return ['?? ??:0'];
  const chain = expansionChain(found.expansion).reverse();
  const places = [found.location, ...chain.map(({ call }) => call)];
  const names = [...chain.map(({ macro }) => macro), found.function ?? '??'];
  return places.map(({ file, line }, index) => `${names[index]} ${file}:${line || '?'}`);
}

/** The same from addr2line itself, for many addresses. */
function theirStacks(workspace: Workspace, file: string, addresses: readonly bigint[]): string[][] {
  const hex = addresses.map((address) => `0x${address.toString(16)}`);
  const { stdout } = workspace.run('addr2line', '-a', '-f', '-i', '-e', file, ...hex);
  return stdout
    .split(/^0x[0-9a-f]+\n/m)
    .slice(1)
    .map((block) => {
      const lines = block.trimEnd().split('\n');
      return lines.flatMap((name, index) =>
        index % 2 ? [] : [`${name} ${(lines[index + 1] ?? '').replace(/ \(discriminator \d+\)$/, '')}`],
      );
    });
}

const INLINES = `
static inline __attribute__((always_inline)) int twice(int x) {
  __asm__ volatile ("nop");
  return x * 2;
}
static inline __attribute__((always_inline)) int thrice(int x) {
  int y = twice(x);
  __asm__ volatile ("nop");
  return y + x;
}
__attribute__((noinline)) int sum(int n) {
  int s = 0;
  for (int i = 0; i < n; i++)
    s += thrice(i) ^ twice(n);
  return s;
}
__attribute__((cold, noinline)) int rare(int n) { return thrice(n) - 1; }
int main(int argc, char **argv) {
  if (argc > 5) return rare(argc);
  return sum(argc);
}
`;

describe('DWARF readers', () => {
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.remove());

  it('should find line, function and nested expansions of an address', () => {
    const info = new DebugInfo(readElf(image()));
    assert.deepEqual([...info.files].sort(), [MACROS, MAIN]);
    assert.deepEqual(inlineStack(info, 0x401004n), [`CLEAR ${MACROS}:3`, `SAVE ${MACROS}:7`, `_start ${MAIN}:5`]);
    assert.deepEqual(inlineStack(info, 0x401009n), [`CLEAR ${MACROS}:3`, `_start ${MAIN}:8`]);
    const found = info.locate(0x401005n);
    assert.deepEqual([found?.start, found?.end, found?.location.column], [0x401004n, 0x401006n, 3]);
    assert.deepEqual(found?.expansion?.ranges, [{ start: 0x401002n, end: 0x401006n }]);
    assert.deepEqual(found?.expansion?.parent?.ranges, [{ start: 0x401001n, end: 0x401007n }]);
    assert.equal(found?.expansion, info.locate(0x401002n)?.expansion);
    assert.deepEqual(found?.expansion?.definition, { file: MACROS, line: 1, column: 0 });
    assert.equal(info.locate(0x401019n), undefined, 'end of sequence');
    assert.equal(info.locate(0x400fffn), undefined);
  });

  it('should find every address of a line, and the next line with code for one without', () => {
    const info = new DebugInfo(readElf(image()));
    assert.deepEqual(info.addressesOf(MAIN, 4), { line: 4, addresses: [0x401000n] });
    assert.deepEqual(info.addressesOf(MACROS, 3), { line: 3, addresses: [0x401004n, 0x401009n] });
    assert.deepEqual(info.addressesOf(MAIN, 5), { line: 5, addresses: [0x401001n] }, 'a macro call');
    assert.deepEqual(info.addressesOf(MAIN, 6), { line: 8, addresses: [0x401007n] }, 'a label and a comment');
    assert.equal(info.addressesOf(MAIN, 15), undefined);
    assert.equal(info.addressesOf('other.S', 1), undefined);
    assert.deepEqual(info.linesOf(MAIN), [4, 5, 8, 9, 12, 13, 14]);
    assert.deepEqual(info.addressesOf(`/home/user/project/./src/../${MAIN}`, 4)?.addresses, [0x401000n]);
    assert.deepEqual(info.addressesOf('macros.inc', 8)?.addresses, [0x401006n]);
    assert.deepEqual(info.addressesOf('C:\\project\\lib\\macros.inc', 8)?.addresses, [0x401006n]);
  });

  for (const version of [2, 3, 4, 5]) {
    it(`should agree with addr2line about a program gcc made with DWARF ${version}`, function () {
      need(this, 'gcc', 'addr2line');
      workspace.write('inlines.c', INLINES);
      // Version 2 itself has no words for ranges and calls; gcc borrows those of version 3 unless told not to.
      const strictness = version === 2 ? '-gno-strict-dwarf' : '-gstrict-dwarf';
      workspace.run('gcc', '-O2', `-gdwarf-${version}`, strictness, 'inlines.c', '-o', 'inlines');
      const elf = readElf(workspace.read('inlines'));
      const info = new DebugInfo(elf);
      const addresses = elf.symbols
        .filter(({ name }) => ['main', 'sum', 'rare'].includes(name))
        .flatMap(({ value, size }) => Array.from({ length: Number(size) }, (_, offset) => value + BigInt(offset)));
      assert.ok(addresses.length > 50);
      const ours = addresses.map((address) => inlineStack(info, address));
      assert.ok(ours.some((stack) => stack.length === 3));
      assert.deepEqual(ours, theirStacks(workspace, 'inlines', addresses));
    });

    it(`should agree with addr2line about a program GNU as made with DWARF ${version}`, function () {
      need(this, 'as', 'ld', 'addr2line');
      workspace.write('two.s', '.globl two\n.type two, @function\ntwo:\n nop\n\n ret\n.size two, .-two\n');
      workspace.write('one.s', '.globl _start\n_start:\n call two\n nop\n hlt\n.section .other,"ax"\n int3\n');
      for (const file of ['one', 'two']) workspace.run('as', `--gdwarf-${version}`, `${file}.s`, '-o', `${file}.o`);
      workspace.run('ld', 'one.o', 'two.o', '-o', 'both');
      const info = new DebugInfo(readElf(workspace.read('both')));
      const lines = (address: bigint) => info.locate(address)?.location;
      assert.deepEqual(lines(0x401000n), { file: workspace.path('one.s'), line: 3, column: 0 });
      const two = info.addressesOf('two.s', 5);
      assert.equal(two?.line, 6);
      const [address] = two.addresses;
      const theirs = workspace.run('addr2line', '-e', 'both', (address ?? 0n).toString(16)).stdout.trim();
      assert.equal(theirs, `${workspace.path('two.s')}:6`);
    });
  }

  for (const options of [['-gdwarf64'], ['-flto'], ['-gdwarf-4', '-fdebug-types-section'], ['-no-pie', '-static']]) {
    it(`should agree with addr2line about a program gcc made with ${options.join(' ')}`, function () {
      need(this, 'gcc', 'addr2line');
      workspace.write('inlines.c', INLINES);
      workspace.run('gcc', '-O2', '-g', ...options, 'inlines.c', '-o', 'inlines');
      const elf = readElf(workspace.read('inlines'));
      const info = new DebugInfo(elf);
      const addresses = elf.symbols
        .filter(({ name }) => ['main', 'sum', 'rare'].includes(name))
        .flatMap(({ value, size }) => Array.from({ length: Number(size) }, (_, offset) => value + BigInt(offset)));
      assert.ok(addresses.length > 30);
      const ours = addresses.map((address) => inlineStack(info, address));
      // addr2line 2.40 cannot read 64-bit DWARF: it is shown the same code with 32-bit DWARF.
      const oracle = options.filter((option) => option !== '-gdwarf64');
      workspace.run('gcc', '-O2', '-g', ...oracle, 'inlines.c', '-o', 'inlines');
      // With -flto it takes file 1 of a DWARF 5 line table for file 0.
      const theirs = theirStacks(workspace, 'inlines', addresses).map((stack) =>
        stack.map((place) => place.replace('<artificial>', 'inlines.c')),
      );
      assert.deepEqual(ours, theirs);
    });
  }

  it('should read the lines of a unit whose other half is in a .dwo file', function () {
    need(this, 'gcc', 'addr2line');
    workspace.write('inlines.c', INLINES);
    workspace.run('gcc', '-O1', '-gdwarf-5', '-gsplit-dwarf', '-c', 'inlines.c');
    workspace.run('gcc', 'inlines.o', '-o', 'inlines');
    const elf = readElf(workspace.read('inlines'));
    const main = elf.symbols.find(({ name }) => name === 'main')?.value ?? 0n;
    const found = new DebugInfo(elf).locate(main);
    const theirs = workspace.run('addr2line', '-e', 'inlines', main.toString(16)).stdout.trim();
    assert.equal(`${found?.location.file}:${found?.location.line}`, theirs);
  });

  it('should put a breakpoint on a C statement where gdb puts it', function () {
    need(this, 'gcc', 'gdb');
    workspace.write('inlines.c', INLINES);
    for (const [optimisation, lines] of [
      ['-O0', [3, 4, 13, 14, 15, 19, 20, 21]],
      ['-O2', [3, 8]],
    ] as const) {
      workspace.run('gcc', optimisation, '-g', 'inlines.c', '-o', 'inlines');
      const info = new DebugInfo(readElf(workspace.read('inlines')));
      for (const line of lines) {
        const options = ['-ex', `break inlines.c:${line}`, '-ex', 'info breakpoints'];
        const { stdout } = workspace.attempt('gdb', '-q', '-nx', '-batch', ...options, './inlines');
        const theirs = [...stdout.matchAll(/ (0x[0-9a-f]{16}) (?:in|<)/g)].map(([, address]) => BigInt(address ?? 0));
        assert.ok(theirs.length > 0, stdout);
        const ours = info.addressesOf('inlines.c', line)?.addresses;
        assert.deepEqual(
          ours,
          theirs.sort((a, b) => (a < b ? -1 : 1)),
          `${optimisation} line ${line}`,
        );
      }
    }
  });

  it('should read back whatever line rows and expansions were written', () => {
    const place = fc.record(
      {
        file: fc.constantFrom('main.S', 'lib/macros.inc', '/abs/other.inc'),
        line: fc.integer({ min: 1, max: 70000 }),
        column: fc.nat(300),
      },
      { noNullPrototype: true },
    );
    // Each row: bytes, place, and how the expansions around it change: leave some, enter some.
    const step = fc.record({
      length: fc.integer({ min: 1, max: 400 }),
      location: place,
      leave: fc.nat(3),
      enter: fc.array(fc.record({ macro: fc.constantFrom('A', 'B'), definition: place, call: place }), {
        maxLength: 2,
      }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        let expansion: MacroExpansion | undefined;
        let offset = 0;
        const lines = steps.map(({ length, location, leave, enter }): LineRow => {
          for (let i = 0; i < leave; i++) expansion = expansion?.parent;
          for (const entered of enter) expansion = { ...entered, parent: expansion };
          const row = { section: '.text', offset, length, location, expansion };
          offset += length;
          return row;
        });
        const [text] = PROGRAM.sections;
        assert.ok(text);
        const sections = [{ ...text, data: new Uint8Array(offset), size: offset }];
        const { elf } = link([{ ...PROGRAM, sections, symbols: PROGRAM.symbols.slice(0, 1), lines }], USER_LAYOUT, {
          debugSections,
        });
        assert.ok(elf);
        const info = new DebugInfo(readElf(elf));
        for (const row of lines) {
          const found = info.locate(0x401000n + BigInt(row.offset + row.length - 1));
          assert.deepEqual(found?.location, row.location);
          const facts = ({ macro, call, definition: { file, line } }: MacroExpansion) => [macro, call, file, line];
          assert.deepEqual(expansionChain(found?.expansion).map(facts), expansionChain(row.expansion).map(facts));
          assert.ok(info.linesOf(row.location.file).includes(row.location.line));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('should answer any mutation with a DwarfError, an ElfError or a value', () => {
    const original = image();
    const sections = readElf(original).sections.filter(({ name }) => name.startsWith('.debug'));
    const places = sections.flatMap(({ offset, size }) => Array.from({ length: size }, (_, index) => offset + index));
    const edits = fc.array(
      fc.tuple(fc.nat(places.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 127, 128, 255))),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    fc.assert(
      fc.property(edits, (changes) => {
        const bytes = original.slice();
        for (const [place, value] of changes) bytes[places[place] ?? 0] = value;
        try {
          const info = new DebugInfo(readElf(bytes));
          for (const file of info.files) info.linesOf(file);
          info.locate(0x401004n);
          info.addressesOf(MAIN, 4);
        } catch (error) {
          assert.ok(error instanceof DwarfError || error instanceof ElfError, String((error as Error).stack));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('should say what to do about compressed sections', function () {
    need(this, 'objcopy');
    workspace.write('plain', image());
    workspace.run('objcopy', '--compress-debug-sections', 'plain', 'compressed');
    const elf = readElf(workspace.read('compressed'));
    if (elf.sections.every(({ flags }) => !(flags & 0x800))) this.skip();
    assert.throws(() => new DebugInfo(elf), /\.debug_\w+: the section is compressed\. Run objcopy --decompress/);
  });
});
