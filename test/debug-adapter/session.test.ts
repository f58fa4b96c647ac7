import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DapClient, HELLO, KERNEL, lineOf, RequestError, SAMPLES } from './client';

const PROGRAMS = join(import.meta.dirname, 'programs');

describe('session', () => {
  let client: DapClient;
  beforeEach(() => {
    client = new DapClient();
  });
  afterEach(() => client.close());

  it('should run to the end without stopping, with output and exit status', async () => {
    await client.launch({ kernel: KERNEL, stopOnEntry: false });
    assert.deepEqual(await client.event('exited'), { exitCode: 0 });
    await client.event('terminated');
    assert.equal(client.takeOutput('stdout'), 'Hello, ring 0!\n');
    assert.equal(client.takeOutput('console'), 'The program exited with status 0.\n');
  });

  it('should need no attribute but the program', async () => {
    await client.send('initialize', { adapterID: 'x' });
    await client.send('launch', { program: HELLO });
    await client.event('initialized');
    await client.send('configurationDone', undefined);
    assert.equal((await client.stopped()).reason, 'entry');
    assert.equal(await client.evaluate('cpl,d'), '3');
  });

  it('should run a folder of sources as a kernel', async () => {
    await client.send('initialize', { adapterID: 'x' });
    await client.send('launch', { program: KERNEL });
    await client.event('initialized');
    await client.send('configurationDone', undefined);
    await client.stopped();
    assert.equal(await client.evaluate('cpl,d'), '0');
    await client.send('continue', { threadId: 1 });
    await client.event('terminated');
    assert.match(client.takeOutput('stdout'), /no program: the boot loader must pass one/);
  });

  it('should stop nowhere when run without debugging', async () => {
    await client.launch({ noDebug: true } as object, async () => {
      await client.send('setFunctionBreakpoints', { breakpoints: [{ name: 'do_syscall_64' }] });
      await client.send('setExceptionBreakpoints', { filters: ['system-call-entry'] });
    });
    assert.deepEqual(await client.event('exited'), { exitCode: 0 });
  });

  it('should send serial output as an event of its own where the client has a terminal', async () => {
    await client.launch({ stopOnEntry: false, serial: 'terminal' });
    const { data } = await client.event<{ data: string }>('ringside/serialOutput');
    assert.equal(Buffer.from(data, 'base64').toString(), 'Hello, ring 0!\n');
    await client.event('terminated');
    assert.equal(client.takeOutput('stdout'), '');
  });

  it('should pass arguments and environment to the program', async () => {
    await client.launchToEntry({ args: ['one', 'two'], env: { RING: '3' } });
    assert.equal(await client.evaluate('*(u64*)rsp,d'), '3');
    assert.equal(await client.evaluate('*(u64*)(rsp + 16),s'), '"one"');
    assert.equal(await client.evaluate('*(u64*)(rsp + 40),s'), '"RING=3"');
  });

  it('should hand what is typed to the program', async () => {
    await client.launch({ program: join(PROGRAMS, 'echo.S'), stopOnEntry: false });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await client.send('ringside/serialInput', { data: Buffer.from('ring 3\n').toString('base64') });
    assert.deepEqual(await client.event('exited'), { exitCode: 7 });
    await client.event('terminated');
    assert.match(client.takeOutput('stdout').replaceAll('\r', ''), /ring 3\n$/);
  });

  it('should leave a guest asleep in HLT alone, and pause it', async () => {
    await client.launch({ program: join(PROGRAMS, 'halt.S'), kernel: '', stopOnEntry: false });
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 150_000, `${user + system} µs of host time in 300 ms of sleep`);
    const stopped = client.stopped();
    await client.send('pause', { threadId: 1 });
    assert.equal((await stopped).reason, 'pause');
    assert.match(await client.where(), /halt\.S/);
  });

  it('should say that a guest that halted with interrupts off is done for', async () => {
    await client.launchToEntry({ program: join(PROGRAMS, 'halt.S'), kernel: '' });
    await client.evaluate('rip = for_good');
    const stopped = await client.run('continue');
    assert.equal(stopped.description, 'Halted for good');
  });

  it('should pause an endless loop', async () => {
    await client.launch({ program: join(PROGRAMS, 'loop.S'), stopOnEntry: false });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const stopped = client.stopped();
    await client.send('pause', { threadId: 1 });
    assert.equal((await stopped).reason, 'pause');
    assert.equal((await client.frames())[0].source?.name, 'loop.S');
    assert.match(await client.evaluate('rax > 1000'), /1$/);
  });

  it('should answer requests for the state while running with notStopped', async () => {
    await client.launch({ program: join(PROGRAMS, 'loop.S'), stopOnEntry: false });
    for (const request of [client.send('stackTrace', { threadId: 1 }), client.send('ringside/msrs', undefined)]) {
      await assert.rejects(request, (error: RequestError) => error.response.message === 'notStopped');
    }
    assert.deepEqual(await client.send('threads', undefined), { threads: [{ id: 1, name: 'CPU 0' }] });
  });

  it('should take breakpoints while running', async () => {
    await client.launch({ program: join(PROGRAMS, 'loop.S'), stopOnEntry: false });
    const stopped = client.stopped();
    await client.send('setBreakpoints', { source: { path: join(PROGRAMS, 'loop.S') }, breakpoints: [{ line: 6 }] });
    assert.equal((await stopped).reason, 'breakpoint');
  });

  it('should restart with the breakpoints still in force', async () => {
    await client.launchToEntry({ kernel: KERNEL });
    const line = lineOf(join(KERNEL, 'entry_64.S'), 'pushq	$__USER_DS');
    const source = { path: join(KERNEL, 'entry_64.S') };
    const { id } = (await client.send('setBreakpoints', { source, breakpoints: [{ line }] })).breakpoints[0];
    await client.send('setFunctionBreakpoints', { breakpoints: [{ name: 'nothing' }] });
    await client.run('continue');
    const stopped = client.stopped();
    await client.send('restart', {});
    assert.equal((await stopped).reason, 'entry');
    assert.match(await client.evaluate('rip'), /<_start>/);
    // The client knows its breakpoints by the ids of before.
    assert.deepEqual((await client.run('continue')).hitBreakpointIds, [id]);
    assert.equal(await client.where(), `entry_SYSCALL_64 entry_64.S:${line}`);
  });

  it('should still stop on entry after a breakpoint in the boot of the kernel', async () => {
    await client.launch({}, () => client.send('setFunctionBreakpoints', { breakpoints: [{ name: 'syscall_init' }] }));
    assert.equal((await client.stopped()).reason, 'function breakpoint');
    assert.match(await client.where(), /^syscall_init /);
    assert.equal((await client.run('continue')).reason, 'entry');
    assert.match(await client.where(), /^_start hello\.S/);
  });

  it('should say that a guest that has ended cannot go on', async () => {
    await client.launch({ stopOnEntry: false });
    await client.event('terminated');
    await assert.rejects(client.send('continue', { threadId: 1 }), /The guest has ended/);
  });

  it('should terminate on request, even while running', async () => {
    await client.launch({ program: join(PROGRAMS, 'loop.S'), stopOnEntry: false });
    await client.send('terminate', {});
    await client.event('terminated');
  });

  it('should run two sessions at once without one touching the other', async () => {
    const other = new DapClient();
    try {
      await Promise.all([
        client.launchTo('enter_kernel'),
        other.launchToEntry({ program: join(SAMPLES, 'sysret-or-iret', 'sysret-or-iret.S') }),
      ]);
      await client.run('stepIn');
      assert.match(await client.where(), /^entry_SYSCALL_64 /);
      assert.match(await other.where(), /sysret-or-iret\.S/);
      assert.equal(await other.evaluate('cpl,d'), '3');
    } finally {
      await other.close();
    }
  });

  it('should count lines and columns from 0 for a client that does', async () => {
    await client.send('initialize', { adapterID: 'x', linesStartAt1: false, columnsStartAt1: false });
    await client.send('launch', { program: HELLO, kernel: KERNEL });
    await client.event('initialized');
    const line = lineOf(HELLO, '	syscall') - 1;
    const { breakpoints } = await client.send('setBreakpoints', { source: { path: HELLO }, breakpoints: [{ line }] });
    assert.equal(breakpoints[0].line, line);
    await client.send('configurationDone', undefined);
    await client.stopped();
    await client.run('continue');
    const [top] = await client.frames();
    assert.deepEqual([top.line, top.column], [line, 0]);
  });

  it('should tell the column only where a line holds several statements', async () => {
    const program = join(PROGRAMS, 'statements.S');
    await client.launchToEntry({ program, kernel: '' });
    const columns: number[] = [];
    for (let step = 0; step < 3; step++) {
      const [top] = await client.frames();
      columns.push(top.column);
      await client.stepInstruction();
    }
    assert.deepEqual(columns, [1, 2, 7]);
  });

  it('should run an image on the bare machine, from its first instruction', async () => {
    await client.launchToEntry({ program: join(PROGRAMS, 'triple-fault.S'), kernel: '' });
    assert.match(await client.where(), /^_start triple-fault\.S/);
    assert.equal(await client.evaluate('cpl,d'), '0');
    assert.equal((await client.send('ringside/ptRegs', undefined)).available, false);
    assert.match((await client.send('ringside/syscallTable', undefined)).note ?? '', /no symbol sys_call_table/);
  });

  it('should run the sample kernel itself as the program', async () => {
    await client.launchToEntry({ program: KERNEL, kernel: 'none' });
    assert.match(await client.where(), /^startup_32 head\.S/);
    assert.equal((await client.send('ringside/cpu', undefined)).mode, 'protected');
    await client.runTo('syscall_init');
    assert.match(await client.where(), /^syscall_init syscall_init\.S/);
  });
});

describe('bad input', () => {
  let folder: string;
  let client: DapClient;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ringside-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    client = new DapClient();
  });
  afterEach(() => client.close());

  const write = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const fails = (attributes: object, message: RegExp) => assert.rejects(client.launch(attributes), message);

  it('should show an assembly error with file, line, column and macro calls', () =>
    fails(
      { program: join(PROGRAMS, 'error-in-macro.S') },
      /error-in-macro\.S:2:\d+: error: .*nosuch[\s\S]*in macro STORE, called at .*error-in-macro\.S:7/,
    ));

  it('should name an include file that is missing', () =>
    fails({ program: write('include.S', '#include "nowhere.h"\n') }, /include\.S:1:\d+: error: .*nowhere\.h/));

  it('should name an undefined symbol', () =>
    fails({ program: write('undefined.S', '.globl _start\n_start: call nowhere\n') }, /undefined\.S:2.*nowhere/));

  it('should tell a part of a kernel from a program', () =>
    fails({ program: join(KERNEL, 'entry_64.S'), kernel: KERNEL }, /entry_64\.S is a part of the kernel/));

  it('should name a program that is not there', () =>
    fails({ program: join(folder, 'none.S') }, /There is no file .*none\.S/));

  it('should refuse files that are not what they say', async () => {
    await fails({ program: write('empty', ''), kernel: '' }, /is empty: there is nothing to run/);
    await fails(
      { program: write('truncated', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0)) },
      /truncated: .*ends|truncated/,
    );
    await fails({ program: write('text.bin', 'hello') }, /is no program a kernel can start/);
    await fails({ program: write('hello.c', 'int main;\n') }, /is a text, not an image: give an assembly source/);
    await fails({ program: write('hello.elf', '\x7fELG') }, /is not an ELF file, though its name says so/);
    await fails({ program: HELLO, kernel: write('kernel.bin', 'hello') }, /it is no Linux kernel/);
  });

  it('should refuse images and machines too big', async () => {
    await fails(
      { program: write('big', new Uint8Array(3 << 20)), kernel: '', memory: '2M' },
      /needs memory up to .*give it more memory/,
    );
    await fails({ memory: '1T' }, /"1T" is no memory size/);
    await fails({ memory: '100G' }, /Memory must be 1 MiB to 3 GiB/);
  });

  it('should refuse unknown attributes and CPU models by name', async () => {
    await fails({ kernal: KERNEL }, /Unknown launch attribute "kernal"\. Did you mean "kernel"\?/);
    await fails({ cpu: 'pentium' }, /Unknown CPU model "pentium"\. Choose one of: /);
  });

  it('should say that a folder has no sources', () =>
    fails({ kernel: folder }, /holds no assembly source|has no multiboot header|could not be assembled/));

  it('should know no request that is none', async () => {
    await assert.rejects(client.send('stepBack' as 'next', {}), /does not know the request "stepBack"/);
    await assert.rejects(
      client.send('threads' as 'stackTrace', { threadId: 1 }).then(() => client.send('stackTrace', { threadId: 1 })),
      /launch a program first/,
    );
  });
});
