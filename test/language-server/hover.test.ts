import assert from 'node:assert/strict';
import type { MarkupContent } from 'vscode-languageserver';
import { hover } from '../../language-server/features/hover';
import { editing } from './support';

function text(sources: Readonly<Record<string, string>>): string {
  const { workspace, path, position } = editing(sources);
  const found = hover(workspace, path, position);
  return found ? (found.contents as MarkupContent).value : '';
}

describe('Hover', () => {
  it('tells what an instruction does, reads and writes, its flags and its bytes', () => {
    const value = text({ 'a.S': '\tnop\n\tsy|scall\n' });
    assert.match(value, /SYSCALL/);
    assert.match(value, /RIP := IA32_LSTAR/);
    assert.match(value, /writes: `%rcx`, `%r11`/);
    assert.match(value, /`0f 05` at `\.text\+0x1`/);
  });

  it('tells which flags are undefined', () => {
    assert.match(text({ 'a.S': '\tshl|q %cl, %rax\n' }), /flags: .*leaves undefined OF AF/);
  });

  it('tells memory operands in AT&T syntax', () => {
    assert.match(text({ 'a.S': '\tmo|vq %rax, %gs:8(%rbx,%rcx,4)\n' }), /writes: `memory %gs:0x8\(%rbx,%rcx,4\)`/);
  });

  it('knows 32-bit code', () => {
    assert.match(text({ 'a.S': '\t.code32\n\tpus|h %ebp\n' }), /`55`/);
    assert.match(text({ 'a.S': '\t.code32\n\tpus|h %ebp\n' }), /%esp/);
  });

  it('still works while there is an error elsewhere', () => {
    assert.match(text({ 'a.S': '\tmovx %eax\n\tswap|gs\n' }), /IA32_KERNEL_GS_BASE/);
  });

  it('shows the expansion of a macro call with its size', () => {
    const value = text({ 'a.S': '.macro TWO reg:req, n=2\n\tpushq \\reg\n\taddq $\\n, %rsp\n.endm\n\tTW|O %rdi\n' });
    assert.match(value, /pushq %rdi\n\taddq \$2, %rsp/);
    assert.match(value, /here 5 bytes/);
  });

  it('shows the definition of a C macro', () => {
    const value = text({ 'a.S': '#define OFFSET(n) (8 * (n))\n\tmovl $OFF|SET(3), %eax\n' });
    assert.match(value, /#define OFFSET\(n\) \(8 \* \(n\)\)/);
  });

  it('tells the number a C macro stands for', () => {
    const defines = '#define INDEX 5\n#define SELECTOR (INDEX * 8 + 3)\n#define NAME label\n';
    assert.match(text({ 'a.S': `${defines}\tpushq $SEL|ECTOR\n` }), /= 43 \(0x2b\)/);
    assert.doesNotMatch(text({ 'a.S': `${defines}label:\tjmp NA|ME\n` }), / = /);
  });

  it('tells the value of a constant and the place of a label', () => {
    assert.match(text({ 'a.S': '\t.set len, 4 * 4\n\tmovl $le|n, %eax\n' }), /constant `len` = 16 \(0x10\)/);
    assert.match(
      text({ 'a.S': '\t.globl f\n\tnop\nf:\tret\n\tjmp |f\n' }),
      /global label `f` in section `\.text` at 0x1/,
    );
  });

  it('says nothing in a comment', () => {
    assert.equal(text({ 'a.S': '\tnop  # a no|te\n' }), '');
  });
});
