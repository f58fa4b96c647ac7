import assert from 'node:assert/strict';
import { completion } from '../../language-server/features/completion';
import { editing } from './support';

function names(sources: Readonly<Record<string, string>>): string[] {
  const { workspace, path, position } = editing(sources);
  return completion(workspace, path, position).items.map(({ label }) => label);
}

function offers(source: string, ...wanted: readonly string[]): void {
  const found = names({ 'a.S': source });
  for (const name of wanted) assert.ok(found.includes(name), `${name} in ${found.slice(0, 20).join(' ')}`);
}

describe('Completion', () => {
  it('offers instructions and macros where a statement begins', () => {
    offers('.macro SAVE\n\tnop\n.endm\n\ts|', 'syscall', 'swapgs', 'SAVE');
    offers('main: p|', 'pushq', 'popq');
    offers('\trep st|', 'stosb');
  });

  it('tells what an instruction does', () => {
    const { workspace, path, position } = editing({ 'a.S': '\tsw|' });
    const swapgs = completion(workspace, path, position).items.find(({ label }) => label === 'swapgs');
    assert.match(swapgs?.detail ?? '', /IA32_KERNEL_GS_BASE/);
  });

  it('offers directives after a dot, registers after a percent sign', () => {
    offers('\t.s|', '.section', '.set', '.skip');
    offers('\tmovq %r|', 'rax', 'r15');
    assert.ok(!names({ 'a.S': '\tmovq %r|' }).includes('ret'));
  });

  it('offers labels, constants and C macros as operands', () => {
    offers('#define size_max 9\n\t.set size, 8\nsecond:\n\tmovl $s|', 'size', 'size_max', 'second');
  });

  it('offers preprocessor directives', () => {
    offers('#i|', 'include', 'ifdef');
  });

  it('replaces the word that is typed, dot included', () => {
    const { workspace, path, position } = editing({ 'a.S': '.Lend:\n\tjmp .L|' });
    const [item] = completion(workspace, path, position).items;
    assert.deepEqual(item?.textEdit, {
      range: { start: { line: 1, character: 5 }, end: { line: 1, character: 7 } },
      newText: '.Lend',
    });
  });

  it('offers nothing in comments', () => {
    assert.deepEqual(names({ 'a.S': '\tnop # s|' }), []);
    assert.deepEqual(names({ 'a.S': '\tnop /* s|' }), []);
  });
});
