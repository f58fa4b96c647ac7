/** What editors and debuggers are told beside the bytes: line rows, symbols, macros, calls, listing. */
import assert from 'node:assert/strict';
import { assemble, listing, signatureOf } from '../../../toolchain/assembler';
import type { MacroExpansion } from '../../../toolchain/elf/object';

const SOURCE = `#include "defs.h"
.macro SAVE reg, off=0
	push %\\reg
	.if \\off
	INNER \\off
	.endif
.endm
.macro INNER n
	add $\\n, %rsp
.endm
	.globl start
	.type start, @function
start:	nop; ret
1:	SAVE rax, 8
	jmp 1b
	SAVE rbx
	.p2align 4
	mov $VALUE, %eax
	.data
table:	.quad start, table
constant = 5
`;

const FILES: Readonly<Record<string, string>> = { 'defs.h': '#define VALUE 7\n' };

const result = assemble({ path: 'main.S', text: SOURCE }, { readFile: (path) => FILES[path] });

function path(expansion: MacroExpansion | undefined): string {
  return expansion === undefined ? '' : `${path(expansion.parent)}${expansion.macro}@${expansion.call.line} `;
}

describe('Assembler facts', () => {
  it('line rows: innermost line of the body, with the chain of expansions', () => {
    const rows = result.module?.lines.map(
      ({ section, offset, length, location, expansion, content }) =>
        `${section} ${offset}+${length} ${location.line}:${location.column} ${path(expansion)}${content ?? ''}`,
    );
    assert.deepEqual(rows, [
      '.text 0+1 13:1 64',
      '.text 1+1 13:13 64',
      '.text 2+1 3:2 SAVE@14 64',
      '.text 3+4 9:2 SAVE@14 INNER@5 64',
      '.text 7+2 15:2 64',
      '.text 9+1 3:2 SAVE@16 64',
      '.text 16+5 18:2 64',
      '.data 0+16 20:1 data',
    ]);
  });

  it('definitions and references with their places', () => {
    const definitions = result.definitions.map(
      ({ name, kind, location, endColumn, isGlobal, isFunction, section }) =>
        `${name} ${kind} ${location.line}:${location.column}-${endColumn} ${section ?? ''} ${isGlobal} ${isFunction}`,
    );
    assert.deepEqual(definitions, [
      'start label 13:1-6 .text true true',
      'table label 20:1-6 .data false false',
      'constant constant 21:1-9  false false',
    ]);
    const references = result.references.map(
      ({ name, location, endColumn }) => `${name} ${location.line}:${location.column}-${endColumn}`,
    );
    assert.deepEqual(references, ['start 11:9-14', 'start 12:8-13', '1b 15:6-8', 'start 20:14-19', 'table 20:21-26']);
  });

  it('macros, their calls, and what each call became', () => {
    assert.deepEqual(result.macros.map(signatureOf), ['SAVE reg, off=0', 'INNER n']);
    const calls = result.macroCalls.map(
      ({ macro, location, endColumn, lines }) =>
        `${macro.name} ${location.line}:${location.column}-${endColumn} ${lines.map(({ text }) => text.trim()).join(' / ')}`,
    );
    assert.deepEqual(calls, [
      'SAVE 14:4-15 push %rax / .if 8 / INNER 8 / .endif',
      'INNER 5:2-12 add $8, %rsp',
      'SAVE 16:2-10 push %rbx / .if 0 / INNER 0 / .endif',
    ]);
  });

  it('includes, C macros and their uses', () => {
    assert.deepEqual(result.dependencies, ['defs.h']);
    assert.deepEqual(result.preprocessed?.includes, [
      { location: { file: 'main.S', line: 1, column: 10 }, endColumn: 18, name: 'defs.h', path: 'defs.h' },
    ]);
    assert.deepEqual(
      result.preprocessed?.uses.map(({ name, definition, call, endColumn }) => [
        name,
        definition.file,
        call,
        endColumn,
      ]),
      [['VALUE', 'defs.h', { file: 'main.S', line: 18, column: 7 }, 12]],
    );
  });

  it('.include and .incbin, and the files they read', () => {
    const files: Readonly<Record<string, string>> = {
      'src/part.s': 'nop # a comment\n.incbin "blob", 1, 2\n',
      'lib/blob': 'abcd',
    };
    const options = { includePaths: ['lib'], readFile: (name: string) => files[name] };
    const included = assemble({ path: 'src/main.S', text: '\tret\n.include "part.s"\n\tret\n' }, options);
    assert.equal(Buffer.from(included.module?.sections[0].data ?? []).toString('hex'), 'c3906263c3');
    assert.deepEqual(included.dependencies, ['src/part.s', 'lib/blob']);
    assert.deepEqual(included.module?.lines[1].location, { file: 'src/part.s', line: 1, column: 1 });
    const missing = assemble({ path: 'src/main.S', text: '.include "no.s"\n.incbin "no"\n' }, options);
    assert.deepEqual(
      missing.diagnostics.map(({ message }) => message),
      ["cannot find 'no.s': looked in src, lib", "cannot find 'no': looked in src, lib"],
    );
    const endless = assemble({ path: 'a.s', text: '.include "a.s"\n' }, { readFile: () => '.include "a.s"\n' });
    assert.match(endless.diagnostics[0].message, /includes itself without end/);
  });

  it('a listing with offsets, bytes and expansions', () => {
    const lines = listing(result).split('\n');
    assert.equal(lines[0], 'main.S:');
    assert.ok(lines.includes('   13 00000000 90               start:	nop'.replace('start:	nop', '	start:	nop')));
    assert.ok(lines.includes('   14                           	1:	SAVE rax, 8'));
    assert.ok(lines.includes('    3 00000002 50               >		push %rax'));
    assert.ok(lines.includes('    9 00000003 4883c408         >>		add $8, %rsp'));
    assert.ok(lines.includes('   17 0000000a 660f1f440000     		.p2align 4'));
  });
});
