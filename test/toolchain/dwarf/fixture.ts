/** A program with nested macro expansions as the assembler would hand it over, its bytes written by hand. */
import type { LineRow, MacroExpansion, ObjectModule, SourceLocation } from '../../../toolchain/elf/object';

export const MAIN = 'main.S';
export const MACROS = 'lib/macros.inc';

export const SOURCES: Readonly<Record<string, string>> = {
  [MACROS]: `.macro CLEAR
  xor %eax, %eax
  xor %edx, %edx
.endm
.macro SAVE
  push %rax
  CLEAR
  pop %rbx
.endm
`,
  [MAIN]: `#include "lib/macros.inc"
  .globl _start
_start:
  nop
  SAVE
inner:
  # a comment
  CLEAR
  call leave
  .type leave, @function
leave:
  mov $60, %al
  mov $3, %edi
  syscall
  .size leave, . - leave
`,
};

const at = (file: string, line: number, column = 3): SourceLocation => ({ file, line, column });

const save: MacroExpansion = { macro: 'SAVE', definition: at(MACROS, 5, 1), call: at(MAIN, 5), parent: undefined };
const clear = (parent: MacroExpansion | undefined, call: SourceLocation): MacroExpansion => ({
  macro: 'CLEAR',
  definition: at(MACROS, 1, 1),
  call,
  parent,
});
const clearInSave = clear(save, at(MACROS, 7));
const clearInStart = clear(undefined, at(MAIN, 8));

const CODE: readonly (readonly [bytes: readonly number[], location: SourceLocation, expansion?: MacroExpansion])[] = [
  [[0x90], at(MAIN, 4)],
  [[0x50], at(MACROS, 6), save],
  [[0x31, 0xc0], at(MACROS, 2), clearInSave],
  [[0x31, 0xd2], at(MACROS, 3), clearInSave],
  [[0x5b], at(MACROS, 8), save],
  [[0x31, 0xc0], at(MACROS, 2), clearInStart],
  [[0x31, 0xd2], at(MACROS, 3), clearInStart],
  [[0xe8, 0, 0, 0, 0], at(MAIN, 9)],
  [[0xb0, 60], at(MAIN, 12)],
  [[0xbf, 3, 0, 0, 0], at(MAIN, 13)],
  [[0x0f, 0x05], at(MAIN, 14)],
];

function rows(): LineRow[] {
  let offset = 0;
  return CODE.map(([bytes, location, expansion]) => {
    const row = { section: '.text', offset, length: bytes.length, location, expansion };
    offset += bytes.length;
    return row;
  });
}

const data = Uint8Array.from(CODE.flatMap(([bytes]) => [...bytes]));
const symbol = { visibility: 'default', section: '.text' } as const;

/** Linked with the user layout, its code begins at 0x401000. */
export const PROGRAM: ObjectModule = {
  source: MAIN,
  sections: [
    { name: '.text', type: 1, flags: 6, alignment: 1, entrySize: 0, data, size: data.length, relocations: [] },
    {
      name: '.data',
      type: 1,
      flags: 3,
      alignment: 8,
      entrySize: 0,
      data: new Uint8Array(16),
      size: 16,
      relocations: [{ offset: 8, type: 1, symbol: '_start', againstSection: false, addend: 0n }],
    },
  ],
  symbols: [
    { ...symbol, name: '_start', value: 0n, size: 0n, type: 'notype', binding: 'global' },
    { ...symbol, name: 'inner', value: 7n, size: 0n, type: 'notype', binding: 'local' },
    { ...symbol, name: 'leave', value: 16n, size: 9n, type: 'function', binding: 'local' },
    { ...symbol, name: 'table', section: '.data', value: 8n, size: 8n, type: 'object', binding: 'global' },
  ],
  lines: rows(),
};
