import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Folder, run, samples } from './support';

interface Journeys {
  readonly journeys: {
    readonly name: string;
    readonly exit?: { readonly by: string };
    readonly instructions: { readonly text: string }[];
  }[];
  readonly end: { readonly reason: string; readonly status: number };
}

describe('ringside trace', () => {
  it('prints the journey of each system call, and writes it as JSON', async function () {
    this.timeout(30_000);
    const folder = new Folder();
    const json = folder.file('hello.json');
    const { code, out } = await run(['trace', join(samples, 'hello-syscall', 'hello.S'), '--json', json]);
    assert.equal(code, 0);
    const lines = out.split('\n');
    assert.match(
      lines[0] ?? '',
      /^write\(fd = 1, buf = .*"Hello, ring 0!\\n", count = 15\) = 15 {3}number 1, by SYSCALL/,
    );
    assert.match(out, /ring 3 {2}enter_kernel .*hello\.S:\d+ .*syscall .*RCX .* \(RIP of the next instruction\)/);
    assert.match(out, /RIP .* <entry_SYSCALL_64> {2}\(IA32_LSTAR\)/);
    assert.match(out, /CR3 0x\w+ -> 0x\w+/);
    assert.match(out, /sysretq? /);
    assert.match(out, /back to ring 3 by SYSRET: all checks held/);
    assert.match(out, /terminal \| Hello, ring 0!/);
    assert.match(out, /^exit\(.*\) {3}number 60/m);
    assert.match(out, /status 0; 2 system calls made/);
    const { journeys, end } = folder.json('hello.json') as unknown as Journeys;
    assert.deepEqual(
      journeys.map(({ name, exit }) => [name, exit?.by]),
      [
        ['write', 'sysret'],
        ['exit', undefined],
      ],
    );
    assert.equal(end.reason, 'exit');
    folder.dispose();
  });

  it('tells why the way out is IRET', async () => {
    const folder = new Folder();
    const source =
      '_start:\tmovl $20, %eax\n\tint $0x80\n\tmovl $60, %eax\n\txorl %edi, %edi\n\tsyscall\n\t.globl _start\n';
    const { out } = await run(['trace', folder.write('getpid.S', source)]);
    assert.match(/^.*by INT$/m.exec(out)?.[0] ?? '', /number 20/);
    assert.match(/back to ring 3 by IRET: .*/.exec(out)?.[0] ?? '', /by INT/);
    folder.dispose();
  });
});
