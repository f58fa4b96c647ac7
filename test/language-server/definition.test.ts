import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { definition } from '../../language-server/features/definition';
import { editing, Editor, marked, samples } from './support';

/** `file:line:character` of each definition, counted from 0. */
function definitions(sources: Readonly<Record<string, string>>): string[] {
  const { workspace, path, position } = editing(sources);
  return definition(workspace, path, position).map(
    ({ uri, range }) => `${basename(fileURLToPath(uri))}:${range.start.line}:${range.start.character}`,
  );
}

describe('Go to definition', () => {
  it('finds a label', () => {
    assert.deepEqual(definitions({ 'a.S': '_start:\n\tjmp\tla|st\nlast:\n\tret\n' }), ['a.S:2:0']);
  });

  it('finds the numeric label that is meant', () => {
    const source = '1:\tnop\n\tjmp 1@b\n1:\tjmp 1@b\n\tjmp 1@f\n1:\tret\n';
    const at = (index: number): string[] => {
      const parts = source.split('@');
      return definitions({ 'a.S': `${parts.slice(0, index + 1).join('')}|${parts.slice(index + 1).join('')}` });
    };
    assert.deepEqual([at(0), at(1), at(2)], [['a.S:0:0'], ['a.S:2:0'], ['a.S:4:0']]);
  });

  it('finds a constant in an expression', () => {
    assert.deepEqual(definitions({ 'a.S': '\t.set\tsize, 8\n\tmovl\t$si|ze + 1, %eax\n' }), ['a.S:0:6']);
  });

  it('finds a C macro through an include', () => {
    assert.deepEqual(
      definitions({
        'a.S': '#include "n.h"\n\tmovl\t$NR_wri|te, %eax\n',
        'n.h': '#define NR_read 0\n#define NR_write 1\n',
      }),
      ['n.h:1:8'],
    );
  });

  it('finds an assembler macro in an included file', () => {
    assert.deepEqual(
      definitions({ 'a.S': '#include "m.h"\n\tSA|VE %rax\n', 'm.h': '.macro SAVE reg\n\tpushq \\reg\n.endm\n' }),
      ['m.h:0:7'],
    );
  });

  it('finds a label named in the arguments of a macro call', () => {
    assert.deepEqual(definitions({ 'a.S': '.macro GO target\n\tjmp \\target\n.endm\n\tGO en|d\nend:\n\tret\n' }), [
      'a.S:4:0',
    ]);
  });

  it('opens an included file', () => {
    assert.deepEqual(definitions({ 'a.S': '#include "n|.h"\n', 'n.h': '#define N 1\n' }), ['n.h:0:0']);
  });

  it('works in a file that others include', () => {
    assert.deepEqual(
      definitions({
        'a.S': '#define SIZE 8\n#include "m.h"\n\tPUT\n',
        'm.h': '.macro PUT\n\tmovl $SI|ZE, %eax\n.endm\n',
      }),
      ['a.S:0:8'],
    );
  });

  it('follows the text of open documents, not of the disk', () => {
    const editor = new Editor();
    editor.open('/w/a.S', 'one:\n\tjmp one\n');
    const at = { line: 1, character: 6 };
    assert.equal(definition(editor.workspace, '/w/a.S', at)[0]?.range.start.line, 0);
    editor.open('/w/a.S', '\n\n\tjmp one\none:\n');
    assert.equal(definition(editor.workspace, '/w/a.S', { line: 2, character: 6 })[0]?.range.start.line, 3);
  });

  it('finds a symbol that another source of the folder defines', () => {
    const path = join(samples, 'kernel', 'entry_64.S');
    const text = readFileSync(path, 'utf8');
    const { position } = marked(text.replace('call\tdo_syscall_64', 'call\tdo_sys|call_64'));
    const editor = new Editor();
    editor.open(path, text);
    const [found] = definition(editor.workspace, path, position);
    assert.ok(found, 'do_syscall_64 is found');
    assert.equal(basename(fileURLToPath(found.uri)), 'do_syscall_64.S');
    const line = readFileSync(fileURLToPath(found.uri), 'utf8').split('\n')[found.range.start.line] ?? '';
    assert.ok(line.slice(found.range.start.character).startsWith('do_syscall_64'), line);
  });

  it('finds nothing in a comment or at a register', () => {
    assert.deepEqual(definitions({ 'a.S': 'rax:\tmovq %ra|x, %rbx\n' }), []);
    assert.deepEqual(definitions({ 'a.S': '\tnop # not|hing\n' }), []);
  });
});
