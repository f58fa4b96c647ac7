import assert from 'node:assert/strict';
import { writeObject } from '../../../toolchain/elf/writer';
import { need, sectionDump, Workspace } from './tools';

const SOURCE = `
  .globl _start
  .weak optional
  .comm shared, 64, 32
  .hidden inner
_start:
  call inner
  mov table(, %rax, 8), %rbx
  lea message(%rip), %rsi
  movq $optional, %rcx
  movabs $shared, %rdx
  .globl inner
  .type inner, @function
inner: ret
  .size inner, . - inner
  .data
  .balign 16
table: .quad _start, inner + 4, message
  .section .rodata.str1.1, "aMS", @progbits, 1
message: .asciz "text"
  .section .note.GNU-stack, "", @progbits
  .section named, "a"
  .long 1
  .bss
  .skip 100
`;

describe('ELF object writer', () => {
  let workspace: Workspace;
  beforeEach(() => (workspace = new Workspace()));
  afterEach(() => workspace.remove());

  it('should write objects that readelf and objdump read without a complaint', function () {
    need(this, 'as', 'readelf', 'objdump');
    workspace.write('ours.o', writeObject(workspace.assemble(SOURCE)));
    for (const [program, options] of [
      ['readelf', ['-a', '-W']],
      ['objdump', ['-x', '-d', '-r', '-s']],
    ] as const) {
      const { stdout, stderr } = workspace.run(program, ...options, 'ours.o');
      assert.equal(stderr, '');
      assert.doesNotMatch(stdout, /warning|corrupt|<unknown>/i);
    }
  });

  it('should write objects that GNU ld links into the same program as the objects of GNU as', function () {
    need(this, 'as', 'ld', 'objdump');
    workspace.write('ours.o', writeObject(workspace.assemble(SOURCE)));
    const { stderr } = workspace.run('ld', '--fatal-warnings', 'ours.o', '-o', 'ours');
    assert.equal(stderr, '');
    workspace.run('ld', 'input.o', '-o', 'theirs');
    const sections = ['.text', '.data', '.rodata', 'named'];
    assert.equal(sectionDump(workspace, 'ours', ...sections), sectionDump(workspace, 'theirs', ...sections));
    const symbols = (file: string) => workspace.run('nm', '-n', file).stdout.split('\n').sort().join('\n');
    assert.equal(symbols('ours'), symbols('theirs'));
  });

  it('should keep sections, symbols and relocations as GNU as wrote them', function () {
    need(this, 'as', 'objdump');
    workspace.write('ours.o', writeObject(workspace.assemble(SOURCE)));
    const symbols = (file: string) =>
      workspace
        .run('objdump', '-t', file)
        .stdout.split('\n')
        .slice(4)
        .filter((line) => !/ d {2}/.test(line))
        .sort();
    assert.deepEqual(symbols('ours.o'), symbols('input.o'));
    const headers = (file: string) =>
      workspace.run('objdump', '-h', '-w', file).stdout.replace(/[0-9a-f]{8} +2\*\*/g, '2**');
    assert.equal(headers('ours.o').split('\n').slice(4).join('\n'), headers('input.o').split('\n').slice(4).join('\n'));
  });
});
