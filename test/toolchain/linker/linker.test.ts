import assert from 'node:assert/strict';
import type { ObjectModule } from '../../../toolchain/elf/object';
import { readObject } from '../../../toolchain/elf/object-reader';
import { readElf } from '../../../toolchain/elf/reader';
import { KERNEL_LAYOUT, type Layout, USER_LAYOUT } from '../../../toolchain/linker/layout';
import { link, type LinkOptions } from '../../../toolchain/linker/linker';
import { need, sectionDump, Workspace } from '../elf/tools';

const HELLO = `
  .globl _start
_start:
  mov $1, %eax
  mov $1, %edi
  lea message(%rip), %rsi
  mov $length, %edx
  syscall
  mov $60, %eax
  xor %edi, %edi
  syscall
  .section .rodata
message: .ascii "hello\\n"
  length = . - message
`;

/** A kernel in the smallest: loaded by multiboot, it reads its data through the upper half's addresses. */
const KERNEL = `
  .section .boot.header, "a"
header:
  .long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
  .long header, _kernel_start_pa, _kernel_load_end_pa, _kernel_end_pa, _start
  .section .boot.text, "ax"
  .code32
  .globl _start
_start:
  mov $'A', %al
  outb %al, $0xe9
  mov $value - 0xffffffff80000000, %ebx
  mov (%ebx), %al
  outb %al, $0xe9
  mov $zero - 0xffffffff80000000, %ebx
  mov (%ebx), %al
  add $0x10, %al
  outl %eax, $0xf4
  hlt
  .section .boot.tables, "aw", @nobits
  .balign 4096
  .skip 4096
  .section .text.late, "ax"
  .code64
late: ret
  .text
  .globl upper
upper:
  mov $value, %rax
  lea value(%rip), %rbx
  call *table(, %rax, 8)
  call helper
  mov $_text, %rax
  mov $_etext, %rax
  mov $_end, %rax
helper: ret
  .section .entry.text, "ax"
entry: jmp late
  .data
  .globl value
value: .byte 'B'
  .balign 8
table: .quad upper, helper
  .section .rodata
  .asciz "read-only"
  .bss
zero: .skip 8192
`;

/** The kernel layout in GNU ld's words, written for this test. */
const KERNEL_SCRIPT = `
ENTRY(_start)
SECTIONS {
  . = 0x100000;
  _kernel_start_pa = ABSOLUTE(.);
  .boot.header : { *(.boot.header) }
  . = ALIGN(4096);
  .boot.text : { *(.boot.text) }
  . = ALIGN(4096);
  .boot.tables : { *(.boot.tables) }
  . = ALIGN(4096) + 0xffffffff80000000;
  .text : AT(ADDR(.text) - 0xffffffff80000000) { _text = .; *(.entry.text) *(.text .text.*) _etext = .; }
  . = ALIGN(4096);
  .rodata : AT(ADDR(.rodata) - 0xffffffff80000000) { *(.rodata) }
  . = ALIGN(4096);
  .data : AT(ADDR(.data) - 0xffffffff80000000) { *(.data) }
  _kernel_load_end_pa = ABSOLUTE(. - 0xffffffff80000000);
  . = ALIGN(4096);
  .bss : AT(ADDR(.bss) - 0xffffffff80000000) { *(.bss) }
  . = ALIGN(4096);
  _end = .;
  _kernel_end_pa = ABSOLUTE(. - 0xffffffff80000000);
}`;

describe('linker', () => {
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.remove());

  function linked(modules: readonly ObjectModule[], layout: Layout, options?: LinkOptions): Uint8Array {
    const { elf, diagnostics } = link(modules, layout, options);
    assert.deepEqual(diagnostics, []);
    assert.ok(elf);
    return elf;
  }

  function messages(modules: readonly ObjectModule[], layout = USER_LAYOUT): string[] {
    const { elf, diagnostics } = link(modules, layout);
    assert.equal(elf, undefined);
    return diagnostics.map(({ message, location }) => `${location.file}:${location.line}: ${message}`);
  }

  const nm = (file: string): string[] =>
    workspace
      .run('nm', '-n', file)
      .stdout.split('\n')
      .map((line) => line.replace(/ [a-zA-Z] /, ' '))
      .filter(Boolean)
      .sort();

  it('should link a program that the real CPU runs', function () {
    need(this, 'as');
    workspace.write('hello', linked([workspace.assemble(HELLO)], USER_LAYOUT));
    assert.equal(workspace.run(workspace.path('hello')).stdout, 'hello\n');
  });

  it('should place code and read-only data of a program where GNU ld does', function () {
    need(this, 'as', 'ld', 'objdump', 'nm');
    workspace.write('ours', linked([workspace.assemble(HELLO)], USER_LAYOUT));
    workspace.run('ld', 'input.o', '-o', 'theirs');
    for (const section of ['.text', '.rodata']) {
      assert.equal(sectionDump(workspace, 'ours', section), sectionDump(workspace, 'theirs', section));
    }
    const symbols = nm('ours');
    assert.ok(symbols.length > 2);
    const theirs = nm('theirs');
    for (const symbol of symbols) assert.ok(theirs.includes(symbol), symbol);
  });

  it('should link a kernel as GNU ld does with a script that says the same', function () {
    need(this, 'as', 'ld', 'objdump', 'nm');
    workspace.write('ours', linked([workspace.assemble(KERNEL)], KERNEL_LAYOUT));
    workspace.write('kernel.ld', KERNEL_SCRIPT);
    workspace.run('ld', '-T', 'kernel.ld', 'input.o', '-o', 'theirs');
    for (const section of ['.boot.header', '.boot.text', '.text', '.rodata', '.data']) {
      assert.equal(sectionDump(workspace, 'ours', section), sectionDump(workspace, 'theirs', section));
    }
    const theirs = nm('theirs');
    for (const symbol of nm('ours')) assert.ok(theirs.includes(symbol), symbol);
  });

  it('should make a kernel whose file and physical addresses differ by a constant, with the header up front', function () {
    need(this, 'as');
    const bytes = linked([workspace.assemble(KERNEL)], KERNEL_LAYOUT);
    const { segments, symbols } = readElf(bytes);
    const value = (name: string) => symbols.find((symbol) => symbol.name === name)?.value;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    let header = 0;
    while (header < 8192 && view.getUint32(header, true) !== 0x1badb002) header += 4;
    assert.ok(header < 8192);
    assert.equal(view.getUint32(header + 12, true), Number(value('header')));
    assert.equal(value('_kernel_start_pa'), 0x100000n);
    const constant = header - Number(value('header'));
    for (const segment of segments) {
      assert.equal(segment.offset - Number(segment.pa), constant);
      assert.equal(segment.va - segment.pa, segment.va < 0x80000000n ? 0n : 0xffffffff80000000n);
    }
    const lastByte = Math.max(...segments.map(({ pa, data }) => Number(pa) + data.length));
    assert.equal(value('_kernel_load_end_pa'), BigInt(lastByte));
    const end = Math.max(...segments.map(({ pa, memorySize }) => Number(pa) + memorySize));
    assert.equal(value('_kernel_end_pa'), BigInt(Math.ceil(end / 4096) * 4096));
  });

  it('should make a kernel that QEMU loads and runs', function () {
    need(this, 'as', 'qemu-system-x86_64');
    workspace.write('kernel', linked([workspace.assemble(KERNEL)], KERNEL_LAYOUT));
    const debugExit = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
    const options = ['-kernel', 'kernel', '-display', 'none', '-debugcon', 'file:console', '-no-reboot', ...debugExit];
    const { status } = workspace.attempt('qemu-system-x86_64', ...options);
    assert.equal(Buffer.from(workspace.read('console')).toString(), 'AB');
    assert.equal(status, (0x10 << 1) | 1);
  });

  it('should keep every segment within the file, also one of .bss alone', function () {
    need(this, 'as');
    const bytes = linked([workspace.assemble('.globl _start\n_start: ret\n.bss\n.skip 5000\n')], USER_LAYOUT);
    for (const { type, offset, data, va } of readElf(bytes).segments) {
      if (type !== 1) continue;
      assert.ok(offset + data.length <= bytes.length);
      assert.equal(BigInt(offset) % 4096n, va % 4096n);
    }
  });

  it('should never let different protections share a page', function () {
    need(this, 'as');
    const source = `.globl _start\n_start: ret\n.data\n.byte 1\n.section .rodata\n.byte 2\n.section rwx,"awx"\n.byte 3\n
      .section own,"a"\n.byte 4\n.bss\n.skip 5000`;
    const { segments } = readElf(linked([workspace.assemble(source)], USER_LAYOUT));
    const pages = new Map<bigint, number>();
    for (const { va, memorySize, flags, type } of segments) {
      if (type !== 1) continue;
      for (let page = va >> 12n; page <= (va + BigInt(memorySize) - 1n) >> 12n; page++) {
        assert.ok(!pages.has(page) || pages.get(page) === flags);
        pages.set(page, flags);
      }
    }
    assert.deepEqual([...new Set(pages.values())].sort(), [4, 5, 6, 7]);
  });

  it('should give weak, common, section-end and __start_/__stop_ symbols their values', function () {
    need(this, 'as');
    const first = workspace.assemble(`
      .globl _start
      .weak missing, chosen
      .comm shared, 8, 8
_start: ret
chosen: ret
      .data
      .quad missing, chosen, shared, __start_table, __stop_table, _etext, _end
      .section table, "a"
      .quad 1, 2`);
    const second = workspace.assemble(`
      .globl chosen
      .comm shared, 64, 32
chosen: ret
      .section table, "a"
      .quad 3`);
    const { sections, symbols } = readElf(linked([first, second], USER_LAYOUT));
    const section = (name: string) => sections.find((candidate) => candidate.name === name);
    const symbol = (name: string) => symbols.find((candidate) => candidate.name === name);
    const data = section('.data');
    assert.ok(data);
    const quads = [...new BigUint64Array(data.data.slice().buffer)];
    const table = section('table');
    const text = section('.text');
    assert.ok(table && text);
    assert.deepEqual(quads, [
      0n,
      text.address + BigInt(text.size - 1),
      symbol('shared')?.value,
      table.address,
      table.address + 24n,
      text.address + BigInt(text.size),
      symbol('_end')?.value,
    ]);
    assert.equal(symbol('chosen')?.binding, 'global');
    assert.equal(symbol('shared')?.size, 64n);
    assert.equal((symbol('shared')?.value ?? 1n) % 32n, 0n);
  });

  it('should name the symbol and the line where an undefined symbol is used', function () {
    need(this, 'as');
    const module = workspace.assemble('.globl _start\n_start: call nowhere\n');
    const location = { file: 'input.s', line: 2, column: 9 };
    const lines = [{ section: '.text', offset: 0, length: 5, location, expansion: undefined }];
    const [message, ...rest] = messages([{ ...module, lines }]);
    assert.deepEqual(rest, []);
    assert.match(message ?? '', /^input\.s:2: symbol `nowhere' is not defined/);
    const owner = { ...workspace.assemble('nowhere: ret'), source: 'other.s' };
    assert.match(messages([module, owner])[0] ?? '', /other\.s has a local one: add `\.globl nowhere'/);
  });

  it('should name both places of a symbol that is defined twice', function () {
    need(this, 'as');
    const module = workspace.assemble('.globl _start\n_start: ret\n');
    const row = { section: '.text', offset: 0, length: 1, expansion: undefined };
    const at = (file: string, line: number) => ({
      ...module,
      source: file,
      lines: [{ ...row, location: { file, line, column: 1 } }],
    });
    const [message] = messages([at('one.s', 3), at('two.s', 7)]);
    assert.match(message ?? '', /^two\.s:7: symbol `_start' is defined twice, here and at one\.s:3/);
  });

  it('should refuse a value that does not fit its relocation, as GNU ld does', function () {
    need(this, 'as', 'ld');
    for (const [instruction, type] of [
      ['mov $far, %eax', 'R_X86_64_32'],
      ['mov $far, %rax', 'R_X86_64_32S'],
      ['call far', 'R_X86_64_PLT32'],
      ['.word far', 'R_X86_64_16'],
      ['.byte far', 'R_X86_64_8'],
      ['.byte far - .', 'R_X86_64_PC8'],
    ] as const) {
      const module = workspace.assemble(
        `.globl _start, far\n_start: ${instruction}\nfar = 0x123456789abc\n.weak far\n`,
      );
      const [message] = messages([module]);
      assert.match(message ?? '', new RegExp(`\`far'.* does not fit: ${type} holds`), instruction);
      assert.notEqual(workspace.attempt('ld', 'input.o', '-o', 'theirs').status, 0);
    }
  });

  it('should say what to do when there is no entry symbol', function () {
    need(this, 'as');
    assert.match(messages([workspace.assemble('main: ret')])[0] ?? '', /no entry symbol `_start': define this label/);
    assert.match(messages([workspace.assemble('_start: ret')])[0] ?? '', /it is local: add `\.globl _start'/);
  });

  it('should refuse thread-local and global-offset-table relocations in words', function () {
    need(this, 'as');
    const message = messages([
      workspace.assemble('.globl _start\n_start: mov %fs:x@tpoff, %eax\n.section .tdata,"awT"\nx: .long 0'),
    ])[0];
    assert.match(message ?? '', /is not for static code/);
    const got = messages([workspace.assemble('.globl _start, x\n_start: add x@GOTPCREL(%rip), %eax\nx: ret')])[0];
    assert.match(got ?? '', /x@GOTPCREL' needs a global offset table/);
  });

  it('should relax loads from the global offset table so that the program still works', function () {
    need(this, 'as');
    const module = workspace.assemble(`
      .globl _start, leave
_start: mov leave@GOTPCREL(%rip), %rbx
      mov $60, %eax
      mov $7, %edi
      lea leave(%rip), %rcx
      sub %rcx, %rbx
      add %rbx, %rdi
      call *leave@GOTPCREL(%rip)
leave: syscall`);
    workspace.write('relaxed', linked([module], USER_LAYOUT));
    assert.equal(workspace.attempt(workspace.path('relaxed')).status, 7);
  });

  it('should link what a C compiler made', function () {
    need(this, 'gcc');
    workspace.write(
      'program.c',
      `static const char *const text[] = {"one ", "two "};
       static int calls = 40;
       static long call(long n, long a, long b, long c) {
         __asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
         return n;
       }
       int pick(int n) { switch (n) { case 0: return 5; case 1: return 9; case 2: return 77; case 3: return 2; } return 0; }
       void _start(void) {
         for (int i = 0; i < 2; i++) calls += call(1, 1, (long)text[i], 4) >> 2;
         call(60, pick(3) + calls, 0, 0);
       }`,
    );
    const options = ['-g', '-O1', '-ffreestanding', '-fno-pie', '-fno-builtin'];
    workspace.run('gcc', ...options, '-c', 'program.c');
    workspace.write('program', linked([readObject(workspace.read('program.o'), 'program.c')], USER_LAYOUT));
    const { stdout, status } = workspace.attempt(workspace.path('program'));
    assert.deepEqual([stdout, status], ['one two ', 44]);
  });

  it('should refuse an image larger than memory without allocating it', function () {
    need(this, 'as');
    const module = workspace.assemble('.globl _start\n_start: ret\n.bss\n.skip 0x100000000\n');
    assert.match(messages([module])[0] ?? '', /the image would have 4\d\d\d MiB, most of it in \.bss/);
  });
});
