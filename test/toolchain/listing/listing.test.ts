import assert from 'node:assert/strict';
import { DebugInfo } from '../../../toolchain/dwarf/debug-info';
import { debugSections } from '../../../toolchain/dwarf/debug-sections';
import type { ObjectModule } from '../../../toolchain/elf/object';
import { type ElfFile, readElf } from '../../../toolchain/elf/reader';
import { KERNEL_LAYOUT, type Layout, USER_LAYOUT } from '../../../toolchain/linker/layout';
import { link } from '../../../toolchain/linker/linker';
import { imageListing, objectListing } from '../../../toolchain/listing/listing';
import { MAIN, PROGRAM, SOURCES } from '../dwarf/fixture';
import { need, Workspace } from '../elf/tools';

function image(module: ObjectModule, layout: Layout = USER_LAYOUT): { elf: ElfFile; bytes: Uint8Array } {
  const { elf, diagnostics } = link([module], layout, { debugSections });
  assert.deepEqual(diagnostics, []);
  assert.ok(elf);
  return { elf: readElf(elf), bytes: elf };
}

/** Address, bytes and symbol of each instruction, and the symbol headers; the same parts of both texts. */
function skeleton(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    if (/^[0-9a-f]{16} <.*>:$/.test(line)) return [line];
    const [, address, bytes, rest] = /^ *([0-9a-f]+):\t((?:[0-9a-f]{2} ?)+) *(?:\t(.*))?$/.exec(line) ?? [];
    if (address === undefined) return [];
    const symbol = /<[^>]*>$/.exec(rest ?? '')?.[0] ?? '';
    return [`${address}: ${bytes?.trim()} ${symbol}`.trim()];
  });
}

const CODE = `
  .globl _start
_start:
  mov $60, %eax
  lea table(%rip), %rbx
  call *table(, %rax, 8)
  jz 1f
  call helper
  movabs $0x123456789abcdef0, %rcx
1: jmp _start
  .globl helper
helper:
  swapgs
  mov %gs:0, %rax
  iretq
  sysretq
  .data
table: .quad helper
`;

describe('listing', () => {
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.remove());

  it('should show source lines, expansions, bytes and instructions', () => {
    const { elf } = image(PROGRAM);
    const listing = imageListing(elf, {
      name: 'main',
      debugInfo: new DebugInfo(elf),
      sourceText: (file) => SOURCES[file],
    });
    assert.equal(
      listing.text,
      `# main: ELF64 image, entry 401000 <_start>

Disassembly of section .text:

0000000000401000 <_start>:
# main.S:4                           nop
  401000:	90                   	nop
# main.S:5                           SAVE
#   SAVE: lib/macros.inc:6           push %rax
  401001:	50                   	push   %rax
#   SAVE: lib/macros.inc:7           CLEAR
#     CLEAR: lib/macros.inc:2        xor %eax, %eax
  401002:	31 c0                	xor    %eax,%eax
#     CLEAR: lib/macros.inc:3        xor %edx, %edx
  401004:	31 d2                	xor    %edx,%edx
#   SAVE: lib/macros.inc:8           pop %rbx
  401006:	5b                   	pop    %rbx

0000000000401007 <inner>:
# main.S:8                           CLEAR
#   CLEAR: lib/macros.inc:2          xor %eax, %eax
  401007:	31 c0                	xor    %eax,%eax
#   CLEAR: lib/macros.inc:3          xor %edx, %edx
  401009:	31 d2                	xor    %edx,%edx
# main.S:9                           call leave
  40100b:	e8 00 00 00 00       	call   0x401010 <leave>

0000000000401010 <leave>:
# main.S:12                          mov $60, %al
  401010:	b0 3c                	mov    $0x3c,%al
# main.S:13                          mov $3, %edi
  401012:	bf 03 00 00 00       	mov    $0x3,%edi
# main.S:14                          syscall
  401017:	0f 05                	syscall
`,
    );
  });

  it('should map lines to addresses and back', () => {
    const { elf } = image(PROGRAM);
    const listing = imageListing(elf, { name: 'main', debugInfo: new DebugInfo(elf) });
    const lines = listing.text.split('\n');
    for (const [index, line] of lines.entries()) {
      const address = /^ {2}([0-9a-f]+):\t/.exec(line)?.[1];
      if (address === undefined) continue;
      assert.equal(listing.lineOf(BigInt(`0x${address}`)), index + 1);
      assert.deepEqual(listing.instructionAt(index + 1)?.address, BigInt(`0x${address}`));
    }
    assert.equal(listing.lineOf(0x40100cn), listing.lineOf(0x40100bn), 'inside an instruction');
    assert.equal(listing.lineOf(0x401019n), undefined);
    assert.equal(listing.lineOf(0x400000n), undefined);
    const header = lines.indexOf('0000000000401010 <leave>:') + 1;
    assert.equal(listing.instructionAt(header)?.address, 0x401010n);
    assert.equal(listing.instructionAt(lines.length), undefined);
  });

  it('should agree with objdump about instructions, bytes and symbols', function () {
    need(this, 'as', 'objdump');
    for (const layout of [USER_LAYOUT, KERNEL_LAYOUT]) {
      const { elf, bytes } = image(workspace.assemble(CODE), layout);
      workspace.write('image', bytes);
      const ours = skeleton(imageListing(elf, { name: 'image' }).text);
      assert.ok(ours.length > 12);
      assert.deepEqual(ours, skeleton(workspace.run('objdump', '-d', '-w', 'image').stdout));
    }
  });

  it('should disassemble 32-bit stretches as 32-bit code', function () {
    need(this, 'as', 'objdump');
    const module = workspace.assemble(
      '.globl _start\n.code32\n_start: inc %eax\npush %ebp\nlcall $8, $1f\n.code64\n1: pushq %rbp\n',
    );
    const [text, ...rest] = module.sections;
    assert.ok(text);
    const codeSizes = [{ offset: 0, bits: 32 } as const, { offset: 9, bits: 64 } as const];
    const { elf } = image({ ...module, sections: [{ ...text, codeSizes }, ...rest] });
    const { text: listing } = imageListing(elf, { name: 'image' });
    assert.match(listing, /40 +\tinc +%eax/);
    assert.match(listing, /55 +\tpush +%ebp/);
    assert.match(listing, /9a 09 10 40 00 08 00 +\tlcall +\$0x?8,\$0x401009/);
    assert.match(listing, /401009:\t55 +\tpush +%rbp/);
    assert.doesNotMatch(listing, /\$code/);
  });

  it('should show data among code as data, of which no line can be stopped at', () => {
    const data = Uint8Array.of(0x40, 0xad, 0xba, 0xef, 0xbe, 0x68, 0x69, 0x0a, 0xc3);
    const [text, ...rest] = PROGRAM.sections;
    assert.ok(text);
    const row = (line: number, offset: number, length: number, content?: 'data' | 32) => ({
      section: '.text',
      offset,
      length,
      location: { file: MAIN, line, column: 3 },
      expansion: undefined,
      ...(content && { content }),
    });
    const module = {
      ...PROGRAM,
      sections: [{ ...text, data, size: data.length }, ...rest],
      symbols: PROGRAM.symbols.slice(0, 1),
      lines: [row(4, 0, 1, 32), row(5, 1, 4, 'data'), row(6, 5, 3, 'data'), row(7, 8, 1)],
    };
    const expected = `
0000000000401000 <_start>:
# main.S:4
  401000:	40                   	inc    %eax
# main.S:5
  401001:	ad ba ef be          	.long	0xbeefbaad
# main.S:6
  401005:	68 69 0a             	.byte	0x68,0x69,0x0a
# main.S:7
  401008:	c3                   	ret
`;
    const { elf } = image(module);
    const debugInfo = new DebugInfo(elf);
    const listing = imageListing(elf, { name: 'image', debugInfo });
    assert.ok(listing.text.endsWith(expected), listing.text);
    assert.ok(
      objectListing(module).endsWith(
        expected
          .replaceAll('401', '0')
          .replace(/^0+ </m, `${'0'.repeat(16)} <`)
          .replace(/^ {2}0+(\d):/gm, '  $1:'),
      ),
    );
    assert.deepEqual(debugInfo.linesOf(MAIN), [4, 7]);
    assert.deepEqual(debugInfo.addressesOf(MAIN, 5), { line: 7, addresses: [0x401008n] });
  });

  it('should show what is no instruction as bytes', () => {
    const [text, ...rest] = PROGRAM.sections;
    assert.ok(text);
    const data = Uint8Array.of(0x06, 0x90, 0x0f);
    const { elf } = image({
      ...PROGRAM,
      sections: [{ ...text, data, size: 3 }, ...rest],
      symbols: PROGRAM.symbols.slice(0, 1),
      lines: [],
    });
    const lines = imageListing(elf, { name: 'image' }).text.split('\n').slice(5);
    assert.deepEqual(
      lines.map((line) => line.split('\t').at(-1)),
      ['(bad)', 'nop', '(bad)', ''],
    );
  });

  it('should list only a range if asked', () => {
    const { elf } = image(PROGRAM);
    const { text } = imageListing(elf, { name: 'main', range: { start: 0x401007n, end: 0x40100bn } });
    assert.deepEqual(skeleton(text), ['0000000000401007 <inner>:', '401007: 31 c0', '401009: 31 d2']);
  });

  it('should list objects with offsets and relocations', function () {
    need(this, 'as', 'objdump');
    const module = workspace.assemble(CODE);
    const text = objectListing(module);
    assert.match(text, /^0000000000000000 <_start>:$/m);
    assert.match(text, /# 8: R_X86_64_PC32 .*-0x4/);
    const theirs = skeleton(workspace.run('objdump', '-d', '-w', 'input.o').stdout);
    const address = (line: string) => line.split(' <')[0];
    assert.deepEqual(skeleton(text).map(address), theirs.map(address));
    assert.match(objectListing(PROGRAM), new RegExp(`# ${MAIN}:14\n {2}17:\t0f 05 +\tsyscall`));
  });
});
