import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic } from 'vscode-languageserver';
import { diagnostics } from '../../language-server/features/diagnostics';
import { Editor, samples } from './support';

function found(sources: Readonly<Record<string, string>>): Map<string, Diagnostic[]> {
  const editor = new Editor();
  for (const [name, text] of Object.entries(sources)) editor.open(join('/w', name), text);
  return diagnostics(editor.workspace.unit('/w/a.S'), editor.workspace.files);
}

function text(diagnostic: Diagnostic | undefined): string {
  return typeof diagnostic?.message === 'string' ? diagnostic.message : '';
}

describe('Diagnostics', () => {
  it('marks the characters that are wrong', () => {
    const [wrong] = found({ 'a.S': '\tnop\n\tmovx\t%eax, %ebx\n' }).get('/w/a.S') ?? [];
    assert.deepEqual(wrong?.range, { start: { line: 1, character: 1 }, end: { line: 1, character: 5 } });
    assert.match(text(wrong), /movx/);
  });

  it('tells the macro expansion stack as related information, innermost first', () => {
    const source = '.macro INNER\n\tbadly\n.endm\n.macro OUTER\n\tINNER\n.endm\n\tnop\n\tOUTER\n\tOUTER\n';
    const list = found({ 'a.S': source }).get('/w/a.S') ?? [];
    assert.equal(list.length, 1, 'one for all expansions');
    assert.equal(list[0]?.range.start.line, 1);
    assert.deepEqual(
      list[0]?.relatedInformation?.map(({ location, message }) => [location.range.start.line, message]),
      [
        [4, 'in the expansion of macro INNER, called here'],
        [7, 'in the expansion of macro OUTER, called here'],
      ],
    );
  });

  it('reports an error in an included file there, and where its macro is called', () => {
    const all = found({ 'a.S': '#include "m.h"\n\tPUT\n', 'm.h': '.macro PUT\n\tbadly\n.endm\n' });
    assert.equal(all.get('/w/m.h')?.[0]?.range.start.line, 1);
    const [call] = all.get('/w/a.S') ?? [];
    assert.equal(call?.range.start.line, 1);
    assert.match(text(call), /in macro PUT/);
  });

  it('reports a missing include at its name', () => {
    const [wrong] = found({ 'a.S': '\n#include "none.h"\n' }).get('/w/a.S') ?? [];
    assert.equal(wrong?.range.start.line, 1);
    assert.match(text(wrong), /none\.h/);
  });

  it('has an empty list for files without errors, so that old ones go away', () => {
    const all = found({ 'a.S': '#include "m.h"\n\tnop\n', 'm.h': '#define N 1\n' });
    assert.deepEqual(
      [...all],
      [
        ['/w/a.S', []],
        ['/w/m.h', []],
      ],
    );
  });

  it('finds nothing wrong with the samples', () => {
    const editor = new Editor();
    for (const folder of readdirSync(samples, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
      for (const name of readdirSync(join(samples, folder.name)).filter((each) => each.endsWith('.S'))) {
        const analysis = editor.workspace.unit(join(samples, folder.name, name));
        assert.deepEqual([...diagnostics(analysis, editor.workspace.files).values()].flat(), [], name);
      }
    }
  });
});
