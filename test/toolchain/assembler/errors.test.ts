/** Errors say what is wrong, where, in which macro expansion, and what to do. */
import assert from 'node:assert/strict';
import { assemble, type AssembleOptions } from '../../../toolchain/assembler';
import type { Diagnostic, MacroExpansion } from '../../../toolchain/elf/object';

function chain(expansion: MacroExpansion | undefined): string {
  if (expansion === undefined) return '';
  return ` in ${expansion.macro}@${expansion.call.line}${chain(expansion.parent)}`;
}

function describeDiagnostic({ severity, message, location, endColumn, expansion }: Diagnostic): string {
  return `${location.line}:${location.column}-${endColumn} ${severity}: ${message}${chain(expansion)}`;
}

function diagnose(text: string, options: AssembleOptions = {}, path = 'main.S'): string[] {
  return assemble({ path, text }, options).diagnostics.map(describeDiagnostic);
}

/** One line in, one message out. */
const SINGLE: readonly (readonly [string, string])[] = [
  ['mvo %eax, %ebx', "1:1-4 error: 'mvo' is neither an instruction nor a macro; did you mean 'mov'?"],
  ['mov %eax, %rbx', "1:1-15 error: the operands of 'mov' differ in size: %eax has 32 bits, %rbx has 64 bits"],
  ['movl %rax, %ebx', "1:6-10 error: 'movl' works on 32 bits (suffix 'l'), but %rax has 64"],
  ['movzbl %ax, %eax', "1:8-11 error: the source of 'movzbl' has 8 bits ('b'), but %ax has 16"],
  ['mov %eex, %eax', '1:5-9 error: there is no register %eex; did you mean %eax?'],
  ['mov rax, rbx', "1:5-8 error: 'rax' is read as a symbol: a register is written with %, as %rax"],
  ['mov $5', "1:1-7 error: 'mov' takes 2 operands, not 1"],
  [
    'mov %eax, $5',
    "1:11-13 error: an immediate cannot be the destination of 'mov' (AT&T syntax puts the destination last)",
  ],
  [
    'add $0x123456789, %rax',
    "1:5-17 error: the immediate 0x123456789 does not fit in the 32 signed bits 'add' has for it",
  ],
  ['movb $300, %al', '1:6-10 error: the immediate 0x12c does not fit in 8 bits'],
  ['push %eax', "1:6-10 error: 'push' has no form for the 32-bit %eax; it works on 16 or 64 bits"],
  [
    'mov (%rax), (%rbx)',
    "1:13-19 error: 'mov' cannot have two memory operands: load one of them into a register first",
  ],
  ['mov 8(%rax,%rbx,3), %eax', '1:17-18 error: the scale must be 1, 2, 4 or 8'],
  ['mov (%rax,%rsp), %eax', '1:5-16 error: %rsp cannot be an index register'],
  ['mov %rax %rbx', "1:10-14 error: expected ',' between operands, found '%rbx'"],
  ['.strng "abc"', "1:1-7 error: unknown directive '.strng'; did you mean '.string'?"],
  ['.ascii "abc', '1:8-12 error: this string has no closing quote'],
  ['.byte 1 +', '1:10-11 error: expected a number or a symbol before the end of the line'],
  ['.align 3', '1:8-9 error: the alignment 3 is not a power of two'],
  ['jmp 1b', "1:5-7 error: there is no label '1:' before this line for '1b'"],
  ['.code16', '1:1-8 error: 16-bit code is not supported: start in .code32 or .code64'],
  ['.if nowhere', "1:5-12 error: the condition must be a number, but 'nowhere' is not defined before this line"],
  ['.endm', '1:1-6 error: .endm without .macro'],
  ['.long a - b', "1:7-12 error: 'a' is not defined, so this difference cannot be computed"],
  ['.bss; .byte 1', '1:7-14 error: section .bss has no contents in the file: only reserve space in it (.skip, .zero)'],
  ['.macro m', '1:1-9 error: this .macro has no .endm'],
  ['.set a, b; .set b, a; .quad a', '1:29-30 error: this symbol is defined in terms of itself'],
];

describe('Assembler errors', () => {
  for (const [text, expected] of SINGLE) {
    it(`of ${text}`, () => assert.deepEqual(diagnose(text).slice(0, 1), [expected]));
  }

  it('name the label that is there already', () => {
    assert.deepEqual(diagnose('a: nop\na: nop\n'), [
      "2:1-3 error: 'a' is defined twice; its first definition is at main.S:1",
    ]);
  });

  it('are collected, not only the first', () => {
    assert.equal(diagnose('foo1\nnop\nfoo2\n.bar\nret\nfoo3 %rax\n').length, 4);
  });

  it('stand in the macro body and name the calls that led there', () => {
    const text = '.macro INNER reg\n\tmov %\\reg, %rax\n.endm\n.macro OUTER\n\tINNER eax\n.endm\n\tnop\n\tOUTER\n';
    assert.deepEqual(diagnose(text), [
      "2:2-2 error: the operands of 'mov' differ in size: %eax has 32 bits, %rax has 64 bits in INNER@5 in OUTER@8".replace(
        '2:2-2',
        '2:2-17',
      ),
    ]);
  });

  it('tell how to call a macro', () => {
    const macro = '.macro SAVE reg:req, off=8\n.endm\n';
    const call = (text: string): string[] => diagnose(`${macro}${text}\n`);
    assert.deepEqual(call('SAVE'), [
      "3:1-5 error: macro 'SAVE' needs a value for 'reg'; call it as: SAVE reg:req, off=8",
    ]);
    assert.deepEqual(call('SAVE a, b, c'), [
      "3:12-13 error: too many arguments for macro 'SAVE'; call it with at most 2 arguments: SAVE reg:req, off=8",
    ]);
    assert.match(call('SAVE a, of=5')[0], /has no parameter 'of'; did you mean 'off'\?/);
    assert.match(call('SAVF rax')[0], /did you mean the macro 'SAVE reg:req, off=8'\?/);
  });

  it('stop endless recursion of macros', () => {
    const [message] = diagnose('.macro m\nm\n.endm\nm\n');
    assert.match(message, /macro 'm' calls itself without end/);
    assert.equal(diagnose('.macro m\nm\nm\n.endm\nm\n').length <= 201, true);
  });

  it('say where a missing include was looked for, and nothing of what it may have defined', () => {
    const options = { includePaths: ['lib'], readFile: () => undefined };
    const text = '#include "asm.h"\n\tENTRY(start)\n\tUNKNOWN_MACRO %rax\n.if LATER\n.endif\n\tmov %eax, %rbx\n';
    const messages = diagnose(text, options, 'src/main.S');
    assert.equal(messages[0], "1:10-17 error: cannot find 'asm.h': looked in src, lib");
    assert.equal(messages.filter((message) => message.includes('neither')).length, 0);
    assert.match(messages.at(-1) ?? '', /differ in size/);
  });

  it('come with the column of the source although C macros changed the line', () => {
    const text = '#define ZERO(x) xor x, x; nop\n#define R %eax\n\tZERO(R); mov R, %rbx\n';
    assert.deepEqual(diagnose(text), [
      "3:11-22 error: the operands of 'mov' differ in size: %eax has 32 bits, %rbx has 64 bits",
    ]);
  });

  it('name the C macro that a bad instruction comes from', () => {
    const text = '#define BAD movl %rax, %ebx\n.macro m\n\tBAD\n.endm\n\tBAD\n\tm\n';
    const message = "'movl' works on 32 bits (suffix 'l'), but %rax has 64";
    assert.deepEqual(diagnose(text), [`5:2-5 error: ${message} in BAD@5`, `3:2-5 error: ${message} in BAD@3 in m@6`]);
  });

  it('say that a jump does not reach', () => {
    assert.deepEqual(diagnose('loop far\n.skip 200\nfar:\n'), [
      '1:6-9 error: the target is 200 bytes away, but this instruction reaches only -128 to 127',
    ]);
  });

  it('leave no module, warnings do', () => {
    assert.equal(assemble({ path: 'a.s', text: 'foo\n' }).module, undefined);
    const warned = assemble({ path: 'a.s', text: 'incq (%rax)\nnot (%rax)\n.byte 300\n.warning "look here"\n' });
    assert.notEqual(warned.module, undefined);
    assert.deepEqual(warned.diagnostics.map(describeDiagnostic), [
      "2:1-11 warning: the operand size is not given; using 32 bits (write 'notl', or 'notb', 'w' or 'q' for another)",
      '3:7-10 warning: value 0x12c is cut off to 1 byte',
      '4:1-21 warning: look here',
    ]);
  });

  it('warn of registers without their %', () => {
    assert.deepEqual(diagnose('push rax\nmov rbx, %rcx\nrbx: .quad 0\n'), [
      "1:6-9 warning: 'rax' is read as a symbol, which is not defined here: the register is written %rax",
    ]);
  });

  it('of hostile sizes come quickly', () => {
    assert.match(diagnose('.rept 100000000\nnop\n.endr\n')[0], /more than 500000 statements/);
    assert.match(diagnose('.skip 0x1000000000\n')[0], /more than 2 GiB/);
    assert.match(diagnose('nop\n.org 0x70000000\n')[0], /2:6-16 error: section \.text grows to 1879048192 bytes/);
    assert.match(diagnose('.skip (b - a) << 40\na: jmp b\nb:\n')[0], /grows to/);
  });
});
