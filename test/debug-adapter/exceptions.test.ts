import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DapClient, SAMPLES } from './client';

const PROGRAMS = join(import.meta.dirname, 'programs');
const FAULTS = join(PROGRAMS, 'faults.S');

describe('exceptions', () => {
  let client: DapClient;
  beforeEach(() => {
    client = new DapClient();
  });
  afterEach(() => client.close());

  const filter = (filterId: string, condition?: string) =>
    client.send('setExceptionBreakpoints', {
      filters: [],
      filterOptions: [condition === undefined ? { filterId } : { filterId, condition }],
    });

  it('should stop before a page fault is delivered and decode its error code', async () => {
    await client.launchToEntry({ program: FAULTS });
    assert.deepEqual((await filter('exception-14')).breakpoints, [{ verified: true }]);
    const stopped = await client.run('continue');
    assert.equal(stopped.reason, 'exception');
    assert.equal(stopped.text, '#PF page fault at 0x1234');
    assert.match(await client.evaluate('rip'), /<page_fault>/);
    const info = await client.send('exceptionInfo', { threadId: 1 });
    assert.equal(info.exceptionId, '#PF');
    assert.match(
      info.description ?? '',
      /Error code 0x6: user code \(ring 3\) was writing to a page that is not mapped/,
    );
    assert.match(info.description ?? '', /in ring 3: mov +%rax,\(%rax\)/);
  });

  it('should go on into the handler from there', async () => {
    await client.launchToEntry({ program: FAULTS });
    await filter('exception-14');
    await client.run('continue');
    await client.stepInstruction();
    assert.match(await client.where(), /^asm_exc_page_fault entry_64\.S|^idtentry /);
    assert.equal(await client.evaluate('cpl,d'), '0');
  });

  it('should tell #GP and #UD apart', async () => {
    await client.launchToEntry({ program: FAULTS });
    await client.send('setExceptionBreakpoints', { filters: ['exception-13', 'exception-6'] });
    await client.evaluate('rip = privileged');
    assert.match((await client.run('continue')).text ?? '', /^#GP general protection/);
    await client.evaluate('rip = undefined');
    assert.match((await client.run('continue')).text ?? '', /^#UD invalid opcode/);
    await client.evaluate('rip = non_canonical');
    assert.match((await client.run('continue')).text ?? '', /^#GP general protection/);
  });

  it('should tell where a trap came that is delivered already', async () => {
    await client.launchToEntry({ program: join(SAMPLES, 'sysret-or-iret', 'sysret-or-iret.S') });
    await filter('exception-1');
    assert.equal((await client.run('continue')).text, '#DB debug exception');
    const info = await client.send('exceptionInfo', { threadId: 1 });
    assert.match(info.description ?? '', /Before 0x[0-9a-f]+ <case_tf\+0x[0-9a-f]+> in ring 3: pushf/);
    assert.match(info.description ?? '', /has delivered it/);
  });

  it('should say how to stop at an exception that ended the program', async () => {
    await client.launchToEntry({ program: FAULTS });
    await client.evaluate('rip = undefined');
    await client.send('continue', { threadId: 1 });
    await client.event('terminated');
    assert.match(
      client.takeOutput('console'),
      /exited with status 132, as one does that SIGILL ends\. An exception breakpoint on #UD stops/,
    );
  });

  it('should heed a condition over the error code and the address', async () => {
    await client.launchToEntry({ program: FAULTS });
    await filter('exception-14', 'fault_address == 0x9999');
    await client.evaluate('rax = 0x9999');
    await client.evaluate('rip = page_fault');
    assert.match((await client.run('continue')).text ?? '', /at 0x9999/);
  });

  it('should stop at the entry of the call asked for, with its arguments', async () => {
    await client.launchToEntry();
    await filter('system-call-entry', 'exit');
    const stopped = await client.run('continue');
    assert.equal(stopped.text, 'exit(status = 0) by SYSCALL');
    assert.match(await client.where(), /^entry_SYSCALL_64 /);
  });

  it('should know the arguments by name in a condition', async () => {
    await client.launchToEntry();
    await filter('system-call-entry', 'nr == 1 && fd == 1 && count > 10');
    const stopped = await client.run('continue');
    assert.match(stopped.text ?? '', /^write\(fd = 1, buf = 0x[0-9a-f]+ "Hello, ring 0!\\n", count = 15\)/);
  });

  it('should stop at the exit of a call, with its result', async () => {
    await client.launchToEntry();
    await filter('system-call-exit', 'write');
    const stopped = await client.run('continue');
    assert.equal(stopped.text, 'write returned 15 (SYSRET)');
    assert.match(await client.evaluate('rip'), /<back_in_ring_3>/);
  });

  it('should name the call at its exit without a condition too', async () => {
    await client.launchToEntry();
    await filter('system-call-exit');
    assert.equal((await client.run('continue')).text, 'write returned 15 (SYSRET)');
  });

  it('should not hold for a call that has no such argument', async () => {
    await client.launchToEntry();
    await filter('system-call-entry', 'status == 0');
    assert.equal((await client.run('continue')).text, 'exit(status = 0) by SYSCALL');
    assert.equal(client.takeOutput('console'), '');
  });

  it('should refuse unknown filters and conditions that are none', async () => {
    await client.launchToEntry();
    const refusal = async (filterId: string, condition?: string): Promise<string | undefined> =>
      (await filter(filterId, condition)).breakpoints?.[0].message;
    assert.match(
      (await refusal('system-call-entry', 'read,writ')) ?? '',
      /no system call "writ". Did you mean write\?/,
    );
    assert.match((await refusal('system-call-entry', 'fd = 1')) ?? '', /compare with ==/);
    assert.equal(await refusal('system-call-exit', 'read, 999'), undefined);
    assert.match((await filter('nothing')).breakpoints?.[0].message ?? '', /There is no exception filter/);
    assert.match((await filter('exception-14', '1 +')).breakpoints?.[0].message ?? '', /expected instead of the end/);
  });

  it('should explain a triple fault before the session ends', async () => {
    await client.launch({ program: join(PROGRAMS, 'triple-fault.S'), kernel: '' });
    await client.stopped();
    const stopped = await client.run('continue');
    assert.equal(stopped.reason, 'exception');
    assert.equal(stopped.description, 'Paused on triple fault');
    const info = await client.send('exceptionInfo', { threadId: 1 });
    assert.match(info.description ?? '', /1\. #UD invalid opcode at 0x[0-9a-f]+ <_start\+0x5> in ring 0/);
    assert.match(
      info.description ?? '',
      /2\. Delivering it failed: the IDT \(limit 0x0\) ends before the gate for #UD/,
    );
    assert.match(info.description ?? '', /3\. Delivering #DF failed too/);
    await client.send('continue', { threadId: 1 });
    await client.event('terminated');
  });

  it('should say that there is no exception at an ordinary stop', async () => {
    await client.launchToEntry();
    await assert.rejects(client.send('exceptionInfo', { threadId: 1 }), /did not stop at an exception/);
  });
});
