import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { debugSections } from '../../../toolchain/dwarf/debug-sections';
import { writeObject } from '../../../toolchain/elf/writer';
import { USER_LAYOUT } from '../../../toolchain/linker/layout';
import { link } from '../../../toolchain/linker/linker';
import { need, Workspace } from '../elf/tools';
import { PROGRAM, SOURCES } from './fixture';

describe('DWARF writers', () => {
  let workspace: Workspace;
  beforeEach(() => {
    workspace = new Workspace();
    mkdirSync(workspace.path('lib'));
    for (const [name, text] of Object.entries(SOURCES)) workspace.write(name, text);
    const options = { compilationDirectory: workspace.folder };
    workspace.write('main.o', writeObject(PROGRAM, debugSections(PROGRAM, options)));
    const { elf } = link([PROGRAM], USER_LAYOUT, { debugSections: (module) => debugSections(module, options) });
    assert.ok(elf);
    workspace.write('main', elf);
  });
  afterEach(() => workspace.remove());

  function gdb(...commands: string[]): string {
    const options = commands.flatMap((command) => ['-ex', command]);
    const { stdout, stderr } = workspace.attempt('gdb', '-q', '-nx', '-batch', ...options, './main');
    return stdout + stderr;
  }

  it('should satisfy readelf and objdump in objects and images', function () {
    need(this, 'readelf', 'objdump');
    for (const file of ['main.o', 'main']) {
      for (const [program, option] of [
        ['readelf', '--debug-dump=info,abbrev,rawline,decodedline,Ranges,str'],
        ['objdump', '-dlSr'],
      ] as const) {
        const { stdout, stderr } = workspace.run(program, option, file);
        assert.equal(stderr, '', `${program} ${file}`);
        assert.doesNotMatch(stdout, /warning|corrupt|unknown|<bad/i);
      }
    }
  });

  it('should give GNU ld and our linker the same debugging information', function () {
    need(this, 'ld', 'addr2line');
    assert.equal(workspace.run('ld', '--fatal-warnings', '-z', 'noexecstack', 'main.o', '-o', 'theirs').stderr, '');
    const addresses = Array.from({ length: 25 }, (_, index) => (0x401000 + index).toString(16));
    const answer = (file: string) => workspace.run('addr2line', '-ipfe', file, ...addresses).stdout;
    assert.equal(answer('main'), answer('theirs'));
  });

  it('should let addr2line show every expansion as an inlined function', function () {
    need(this, 'addr2line');
    const answer = (address: string) => workspace.run('addr2line', '-ipfse', 'main', address).stdout;
    assert.equal(answer('401000'), '_start at main.S:4\n');
    assert.equal(answer('401001'), 'SAVE at macros.inc:6\n (inlined by) _start at main.S:5\n');
    assert.equal(
      answer('401004'),
      'CLEAR at macros.inc:3\n (inlined by) SAVE at macros.inc:7\n (inlined by) _start at main.S:5\n',
    );
    assert.equal(answer('401009'), 'CLEAR at macros.inc:3\n (inlined by) _start at main.S:8\n');
    assert.equal(answer('401012'), 'leave at main.S:13\n');
  });

  it('should let gdb break at lines and show expansions as inline frames', function () {
    need(this, 'gdb');
    const output = gdb(
      'break macros.inc:3',
      'run',
      'backtrace',
      'continue',
      'backtrace',
      'break main.S:11',
      'continue',
    );
    if (/ptrace|not permitted/i.test(output)) this.skip();
    assert.match(output, /Breakpoint 1 at 0x401004: macros\.inc:3\. \(2 locations\)/);
    assert.match(
      output,
      /#0 {2}CLEAR \(\) at lib\/macros\.inc:3\n#1 {2}SAVE \(\) at lib\/macros\.inc:7\n#2 {2}_start \(\) at main\.S:5/,
    );
    assert.match(output, /#0 {2}CLEAR \(\) at lib\/macros\.inc:3\n#1 {2}_start \(\) at main\.S:8/);
    assert.match(output, /Breakpoint 2, leave \(\) at main\.S:12\n12\t {2}mov \$60, %al/);
  });

  it('should let gdb find the addresses of lines and functions', function () {
    need(this, 'gdb');
    const output = gdb('info line main.S:9', 'info line macros.inc:8', 'info address leave', 'info line *0x401012');
    assert.match(output, /Line 9 of "main\.S" starts at address 0x40100b <_start\+11> and ends at 0x401010 <leave>/);
    assert.match(output, /Line 8 of ".*macros\.inc" starts at address 0x401006/);
    assert.match(output, /Symbol "leave" is a function at address 0x401010/);
    assert.match(output, /Line 13 of "main\.S" starts at address 0x401012 <leave\+2>/);
  });

  it('should describe no module that has no code or brings DWARF of its own', () => {
    assert.deepEqual(debugSections({ ...PROGRAM, lines: [] }), []);
    const sections = [...PROGRAM.sections, ...debugSections(PROGRAM)];
    assert.deepEqual(debugSections({ ...PROGRAM, sections }), []);
  });
});
