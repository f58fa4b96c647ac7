/** Compares our object module with GNU as's object, byte for byte. */
import assert from 'node:assert/strict';
import { assemble, type AssembleOptions } from '../../../toolchain/assembler';
import type { ObjectModule } from '../../../toolchain/elf/object';
import { gnuAssemble, type OracleObject } from './gnu-as';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Sections that as makes of debug and unwind directives, which we leave out. */
const NOT_COMPARED = /^\.(?:eh_frame|debug_|comment|note\.gnu)/;

export function describeModule(module: ObjectModule): string {
  const lines: string[] = [];
  for (const section of module.sections) {
    if (NOT_COMPARED.test(section.name)) continue;
    if (section.size === 0 && section.alignment === 1) continue;
    lines.push(
      `section ${section.name} type ${section.type} flags ${section.flags} align ${section.alignment} entsize ${section.entrySize} size ${section.size}`,
    );
    lines.push(...chunks(hex(section.data)));
    const relocations = [...section.relocations].sort((a, b) => a.offset - b.offset);
    for (const { offset, type, symbol, againstSection, addend } of relocations) {
      lines.push(`  ${offset.toString(16)} ${type} ${againstSection ? `[${symbol}]` : symbol}+${addend}`);
    }
  }
  const symbols = module.symbols
    .filter(({ type }) => type !== 'section' && type !== 'file')
    .map(
      (symbol) =>
        `${symbol.name} ${symbol.section ?? 'undefined'} ${BigInt.asUintN(64, symbol.value).toString(16)} ${symbol.size} ${symbol.type} ${symbol.binding} ${symbol.visibility}`,
    )
    .sort();
  return [...lines, ...symbols].join('\n');
}

export function describeOracle(object: OracleObject): string {
  const lines: string[] = [];
  for (const section of object.sections.values()) {
    if (NOT_COMPARED.test(section.name)) continue;
    if (section.size === 0 && section.alignment === 1) continue;
    lines.push(
      `section ${section.name} type ${section.type} flags ${section.flags} align ${section.alignment} entsize ${section.entrySize} size ${section.size}`,
    );
    lines.push(...chunks(hex(section.data)));
    const relocations = [...section.relocations].sort((a, b) => parseInt(a, 16) - parseInt(b, 16));
    for (const relocation of relocations) lines.push(`  ${relocation}`);
  }
  return [...lines, ...object.symbols].join('\n');
}

function chunks(text: string): string[] {
  return text.match(/.{1,64}/g) ?? [];
}

/** Asserts that we and GNU as make the same of a source. */
export function assertSameAsGnu(
  text: string,
  name = 'input.s',
  options: AssembleOptions = {},
  files: Readonly<Record<string, string>> = {},
): void {
  const oracle = gnuAssemble(text, name, files);
  assert.ok(oracle.object, `GNU as refuses the source:\n${oracle.messages}`);
  const ours = assemble({ path: name, text }, { readFile: (path) => files[path], ...options });
  const errors = ours.diagnostics.filter(({ severity }) => severity === 'error');
  assert.deepEqual(
    errors.map(({ message, location }) => `${location.line}:${location.column} ${message}`),
    [],
  );
  assert.ok(ours.module);
  const actual = describeModule(ours.module).split('\n');
  const expected = describeOracle(oracle.object).split('\n');
  const different = expected.findIndex((line, index) => line !== actual[index]);
  const from = Math.max(0, different - 3);
  if (different < 0) assert.equal(actual.length, expected.length);
  else assert.deepEqual(actual.slice(from, different + 3), expected.slice(from, different + 3));
}
