import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Folder, have, run, samples } from './support';

describe('ringside assemble', () => {
  let folder: Folder;
  before(() => (folder = new Folder()));
  after(() => folder.dispose());

  it('writes an object that GNU ld links and the real CPU runs', async function () {
    if (!have('ld') || process.platform !== 'linux' || process.arch !== 'x64') this.skip();
    const object = folder.file('hello.o');
    const { code, error } = await run(['assemble', join(samples, 'hello-syscall', 'hello.S'), '-o', object]);
    assert.deepEqual({ code, error }, { code: 0, error: '' });
    const program = folder.file('hello');
    assert.equal(spawnSync('ld', ['-o', program, object]).status, 0);
    const { stdout, status } = spawnSync(program, { encoding: 'utf8' });
    assert.deepEqual({ stdout, status }, { stdout: 'Hello, ring 0!\n', status: 0 });
  });

  it('takes include directories and definitions', async () => {
    mkdirSync(folder.file('include'));
    folder.write('include/n.h', '#define N VALUE + 1\n');
    const source = folder.write('n.S', '#include <n.h>\n#ifdef FLAG\n\tmovl $N, %eax\n#endif\n');
    const object = folder.file('n.o');
    const given = ['-I', folder.file('include'), '-D', 'VALUE=0x41', '-DFLAG'];
    assert.equal((await run(['assemble', source, '-o', object, ...given])).code, 0);
    assert.ok(readFileSync(object).includes(Buffer.of(0xb8, 0x42, 0, 0, 0)));
  });

  it('writes a listing with the source beside the code', async () => {
    const source = folder.write('l.S', '.macro TWICE\n\tnop\n\tnop\n.endm\nmain:\tTWICE\n\tret\n');
    const listing = folder.file('l.lst');
    await run(['assemble', source, '-o', folder.file('l.o'), '--listing', listing]);
    const text = readFileSync(listing, 'utf8');
    assert.match(text, /^ +5 .*main:\tTWICE$/m);
    assert.match(text, /^ +2 00000000 90 +>\t+nop$/m);
    assert.match(text, /^ +6 00000002 c3 +\t+ret$/m);
  });

  it('prints errors with their macro expansions, and writes nothing', async () => {
    const source = folder.write('bad.S', '.macro IN\n\tmovl $1\n.endm\n.macro OUT\n\tIN\n.endm\n\tOUT\n');
    const { code, error } = await run(['assemble', source, '-o', folder.file('bad.o')]);
    assert.equal(code, 1);
    const [first, inner, outer] = error.split('\n');
    assert.match(first ?? '', /bad\.S:2:\d+: error: /);
    assert.match(inner ?? '', /bad\.S:5:2: note: in the expansion of macro 'IN'/);
    assert.match(outer ?? '', /bad\.S:7:2: note: in the expansion of macro 'OUT'/);
    assert.throws(() => readFileSync(folder.file('bad.o')));
  });
});
