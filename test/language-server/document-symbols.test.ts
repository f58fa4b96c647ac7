import assert from 'node:assert/strict';
import type { DocumentSymbol } from 'vscode-languageserver';
import { documentSymbols } from '../../language-server/features/document-symbols';
import { Editor } from './support';

/** Names, indented by depth. */
function outline(text: string): string[] {
  const editor = new Editor();
  editor.open('/w/a.S', text);
  const lines = (symbols: readonly DocumentSymbol[], indent: string): string[] =>
    symbols.flatMap(({ name, children }) => [indent + name, ...lines(children ?? [], `${indent}  `)]);
  return lines(documentSymbols(editor.workspace.unit('/w/a.S'), '/w/a.S', editor.workspace.files), '');
}

describe('Outline', () => {
  it('puts local labels below the global ones they belong to', () => {
    assert.deepEqual(outline('\t.globl f\nf:\ninner:\n.Lloop:\n\tjmp .Lloop\n\t.globl g\ng:\n\tret\n'), [
      'f',
      '  inner',
      '    .Lloop',
      'g',
    ]);
  });

  it('has constants, macros and C macros', () => {
    assert.deepEqual(outline('#define A 1\n\t.set b, 2\nc = 3\n.macro D x\n\tpushq \\x\n.endm\n'), [
      'A',
      'b',
      'c',
      'D',
    ]);
  });

  it('groups by section', () => {
    assert.deepEqual(outline('_start:\n\tnop\n\t.data\nvalue:\n\t.quad 0\n\t.text\nlast:\n\tret\n'), [
      '.text',
      '  _start',
      '.data',
      '  value',
      '.text',
      '  last',
    ]);
  });

  it('leaves out what macro expansions define', () => {
    assert.deepEqual(outline('.macro M\n.Lx\\@:\n\tnop\n.endm\na:\n\tM\n\tM\n'), ['M', 'a']);
  });

  it('has every name within its range', () => {
    const editor = new Editor();
    editor.open('/w/a.S', '\t.globl f\nf:\ninner:\n.L1:\n\tret\n.macro M\n\tnop\n.endm\n');
    const check = ({ range, selectionRange, children = [] }: DocumentSymbol): void => {
      assert.ok(range.start.line <= selectionRange.start.line && selectionRange.end.line <= range.end.line);
      for (const child of children) {
        assert.ok(range.start.line <= child.range.start.line && child.range.end.line <= range.end.line);
        check(child);
      }
    };
    documentSymbols(editor.workspace.unit('/w/a.S'), '/w/a.S', editor.workspace.files).forEach(check);
  });
});
