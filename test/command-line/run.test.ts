import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Folder, have, run, samples } from './support';

/** Sends a zero-terminated text at `message` to COM1 in 64-bit code. */
const PRINT = `
	leaq	message(%rip), %rsi
	movw	$0x3f8, %dx
1:	lodsb
	testb	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:`;

/** Prints EAX at entry, CR0 without its caching bits, IF, and mem_upper in whole 4 MiB; exits with 6 written to the debug-exit port. */
const MULTIBOOT = `
	.code32
	.set	BASE, 0x100000
header:
	.long	0x1badb002, 0x10002, -(0x1badb002 + 0x10002)
	.long	BASE, BASE, 0, 0, BASE + start - header
start:
	movl	$BASE + 0x8000, %esp
	movl	%eax, %ebp
	call	print
	movl	%cr0, %ebp
	andl	$0x80000001, %ebp
	call	print
	pushfl
	popl	%ebp
	andl	$0x200, %ebp
	call	print
	movl	8(%ebx), %ebp
	andl	$~0xfff, %ebp
	call	print
	movb	$6, %al
	outb	%al, $0xf4
1:	hlt
	jmp	1b
print:
	movw	$0x3f8, %dx
	movl	$8, %ecx
1:	roll	$4, %ebp
	movl	%ebp, %eax
	andb	$15, %al
	addb	$'0, %al
	cmpb	$'9, %al
	jbe	2f
	addb	$'a - '0 - 10, %al
2:	outb	%al, %dx
	loop	1b
	movb	$' , %al
	outb	%al, %dx
	ret
`;

/** A kernel that starts no program but exits with 77 written to the debug-exit port. */
const KERNEL = `
	.section .boot, "ax"
	.code32
	.long	0x1badb002, 0, -0x1badb002
	.globl	_start
_start:
	movb	$77, %al
	outb	%al, $0xf4
1:	jmp	1b
`;

describe('ringside run', () => {
  let folder: Folder;
  before(() => (folder = new Folder()));
  after(() => folder.dispose());

  it('runs flat 64-bit code in ring 0 and writes every register at the end', async () => {
    const image = folder.flat('a.bin', '\tmovl $5, %eax\n\taddq %rbx, %rax\n\tpushq %rax\n\tpopq %r15\n\thlt\n');
    const registers = folder.file('a.json');
    const { code, error } = await run([
      ...['run', image, '--mode', '64', '--until-hlt', '--registers', registers],
      ...['--set', 'rbx=0x10', '--set', 'lstar=0xffffffff81000000', '--load', '2097152'],
    ]);
    assert.deepEqual({ code, error }, { code: 0, error: '' });
    const found = folder.json('a.json');
    assert.equal(found.rax, '0x15');
    assert.equal(found.r15, '0x15');
    assert.equal(found.rsp, '0x200000', 'the stack is below the image');
    assert.equal(found.rip, '0x20000c');
    assert.equal(found.lstar, '0xffffffff81000000');
    assert.equal(found.efer, '0x500');
    assert.equal(found.cpl, '0x0');
    assert.equal(found.instructions, 5);
    const { cs, cs_base, cs_limit, cs_rights } = found;
    assert.deepEqual([cs, cs_base, cs_limit, cs_rights], ['0x8', '0x0', '0xffffffff', '0xa09b']);
    const hidden = 'cs ss ds es fs gs ldtr tr'
      .split(' ')
      .flatMap((name) => [name, ...['base', 'limit', 'rights'].map((part) => `${name}_${part}`)]);
    const names = [
      ...'rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip rflags'.split(' '),
      ...hidden,
      ...'gdtr_base gdtr_limit idtr_base idtr_limit cpl cr0 cr2 cr3 cr4 cr8 xcr0 dr0 dr1 dr2 dr3 dr6 dr7'.split(' '),
      ...'efer star lstar cstar fmask kernel_gs_base sysenter_cs sysenter_esp sysenter_eip tsc_aux'.split(' '),
    ];
    assert.deepEqual(Object.keys(found), [...names, 'instructions']);
    for (const name of names) assert.match(String(found[name]), /^0x[0-9a-f]+$/, name);
  });

  it('runs flat 32-bit code in protected mode', async () => {
    const image = folder.flat('b.bin', '\t.code32\n\tmovl %cr0, %eax\n\tmovw %cs, %bx\n\tpushl %eax\n\thlt\n');
    await run(['run', image, '--mode', '32', '--until-hlt', '--registers', folder.file('b.json')]);
    const { rax, rbx, efer } = folder.json('b.json');
    assert.deepEqual({ rax, rbx, efer }, { rax: '0x31', rbx: '0x8', efer: '0x0' });
  });

  it('starts at --entry', async () => {
    const image = folder.flat('c.bin', '\tud2\n\tmovl $7, %ecx\n\thlt\n');
    await run(['run', image, '--entry', '0x100002', '--until-hlt', '--registers', folder.file('c.json')]);
    assert.equal(folder.json('c.json').rcx, '0x7');
  });

  it('ends with (value << 1) | 1 of what the guest writes to port 0xf4', async () => {
    const image = folder.flat('d.bin', '\tmovb $21, %al\n\toutb %al, $0xf4\n1:\tjmp 1b\n');
    assert.equal((await run(['run', image])).code, 43);
  });

  it('writes the serial port to standard output, or to a file', async () => {
    const image = folder.flat('e.bin', `${PRINT}\n\thlt\nmessage:\t.asciz "one\\ntwo"\n`);
    assert.equal((await run(['run', image, '--until-hlt'])).out, 'one\ntwo');
    const file = folder.file('serial.txt');
    assert.equal((await run(['run', image, '--until-hlt', '--serial', file])).out, '');
    assert.equal(readFileSync(file, 'latin1'), 'one\ntwo');
  });

  it('gives the guest what is piped in', async () => {
    const echo = `
	movw	$0x3fd, %dx
1:	inb	%dx, %al
	testb	$1, %al
	jz	1b
	movw	$0x3f8, %dx
	inb	%dx, %al
	incb	%al
	outb	%al, %dx
	hlt
`;
    const image = folder.flat('f.bin', echo);
    assert.equal((await run(['run', image, '--until-hlt', '--max-instructions', '1000000000'], 'A')).out, 'B');
  });

  it('boots a multiboot image as QEMU does', async function () {
    const image = folder.flat('kernel.bin', MULTIBOOT);
    const { code, out } = await run(['run', image, '--memory', '64M']);
    assert.deepEqual({ code, out }, { code: 13, out: '2badb002 00000001 00000000 0000f000 ' });
    if (!have('qemu-system-x86_64')) this.skip();
    const devices = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-display', 'none', '-serial', 'stdio'];
    const qemu = spawnSync('qemu-system-x86_64', ['-kernel', image, '-m', '64', '-no-reboot', ...devices], {
      encoding: 'latin1',
      timeout: 10_000,
    });
    assert.deepEqual({ code: qemu.status, out: qemu.stdout }, { code, out });
  });

  it('tells how a guest ended that did not end by itself', async () => {
    const loop = await run([
      'run',
      folder.flat('loop.bin', '1:\tjmp 1b\n'),
      '--max-instructions',
      '1000',
      '--registers',
      folder.file('l.json'),
    ]);
    assert.equal(loop.code, 4);
    assert.match(loop.error, /after 1000 instructions/);
    assert.equal(folder.json('l.json').instructions, 1000);
    const fault = await run(['run', folder.flat('fault.bin', '\tud2\n')]);
    assert.equal(fault.code, 6);
    assert.match(fault.error, /triple fault[^]*#UD/);
    const halt = await run(['run', folder.flat('halt.bin', '\tcli\n\thlt\n')]);
    assert.equal(halt.code, 8);
    assert.match(halt.error, /halted/);
    const reset = await run(['run', folder.flat('reset.bin', '\tmov $0xfe, %al\n\tout %al, $0x64\n1:\tjmp 1b\n')]);
    assert.equal(reset.code, 8);
    assert.match(reset.error, /reset the machine/);
  });

  it('runs a program on the sample kernel', async () => {
    const { code, out } = await run(['run', join(samples, 'hello-syscall', 'hello.S')]);
    assert.deepEqual({ code, out: out.replaceAll('\r', '') }, { code: 1, out: 'Hello, ring 0!\n' });
  });

  it('ends in the same state whatever --engine carries it out', async () => {
    const ends: unknown[] = [];
    for (const engine of ['interpreter', 'compiled', 'tiered']) {
      const program = join(samples, 'hello-syscall', 'hello.S');
      const { code } = await run(['run', program, '--engine', engine, '--registers', folder.file('engine.json')]);
      ends.push({ code, ...folder.json('engine.json') });
    }
    assert.deepEqual(ends[1], ends[0]);
    assert.deepEqual(ends[2], ends[0]);
  });
  it('takes the folder "kernel" beside or above the program for its kernel', async () => {
    mkdirSync(folder.file('project/programs'), { recursive: true });
    mkdirSync(folder.file('project/kernel'));
    folder.write('project/programs/kernel', 'a file of that name is none');
    folder.write('project/kernel/boot.S', KERNEL);
    const program = folder.write('project/programs/p.S', '\t.globl _start\n_start:\tnop\n');
    assert.equal((await run(['run', program])).code, 2 * 77 + 1);
  });

  it('assembles code for the bare machine', async () => {
    const source = folder.write('bare.S', '\t.globl _start\n_start:\tmovl $value, %eax\n\thlt\n\t.set value, 6 * 7\n');
    const { code } = await run(['run', source, '--until-hlt', '--registers', folder.file('bare.json')]);
    assert.equal(code, 0);
    assert.equal(folder.json('bare.json').rax, '0x2a');
  });

  it('prints errors of a source with file, line, column and the macro expansions', async () => {
    const source = folder.write('wrong.S', '.macro M\n\tbadly\n.endm\n\tM\n');
    const { code, error } = await run(['run', source]);
    assert.equal(code, 10);
    assert.match(error, /wrong\.S:2:2: error: 'badly'/);
    assert.match(error, /wrong\.S:4:2: note: in the expansion of macro 'M'/);
    folder.write('wrong.S', '.macro M\n\tbadly\n.endm\n\tM\n\tM\n\tM\n');
    const repeated = (await run(['run', source])).error;
    assert.equal(repeated.match(/'badly'/g)?.length, 1);
    assert.match(repeated, /'badly' .*\(and in 2 more expansions\)\n.*wrong\.S:4:2: note/);
    assert.match(repeated, /wrong\.S could not be assembled/);
    folder.write('wrong.S', '.macro M\n\tM\n.endm\n\tM\n');
    const endless = (await run(['run', source])).error;
    assert.match(endless, /'M' calls itself without end/);
    assert.match(endless, /\n {2}… and 90 more\n/);
    assert.equal(endless.match(/in the expansion/g)?.length, 10);
  });

  it('refuses images that are not what they are said to be', async () => {
    const image = folder.write('g.bin', Uint8Array.of(0xf4));
    const cases: [string[], RegExp][] = [
      [['--format', 'elf'], /not an ELF file/],
      [['--format', 'multiboot'], /multiboot header/],
      [['--load', '0x3ffffff', '--memory', '64M'], /more memory|lower/],
      [['--memory', '1K'], /Memory must be/],
    ];
    for (const [options, message] of cases) {
      const { code, error } = await run(['run', image, ...options]);
      assert.equal(code, 10, options.join(' '));
      assert.match(error, message);
      assert.doesNotMatch(error, /\n\s+at /, 'no stack trace');
    }
    assert.match((await run(['run', folder.file('missing')])).error, /There is no file .*missing/);
    assert.match(
      (await run(['run', folder.write('hello.c', 'int main;\n')])).error,
      /hello\.c is a text, not an image/,
    );
    assert.match((await run(['run', folder.write('empty.bin', '')])).error, /empty/);
    const truncated = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1);
    assert.match((await run(['run', folder.write('cut.elf', truncated)])).error, /cut\.elf.*truncated/);
  });
});
