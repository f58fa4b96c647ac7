import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DapClient, HELLO, KERNEL, lineOf, SAMPLES } from './client';

const ENTRY = join(KERNEL, 'entry_64.S');
const CALLING = join(KERNEL, 'calling.h');
const IO = join(KERNEL, 'sys_io.S');

describe('breakpoints', () => {
  let client: DapClient;
  beforeEach(() => {
    client = new DapClient();
  });
  afterEach(() => client.close());

  const at = (path: string, ...lines: (number | object)[]) =>
    client.send('setBreakpoints', {
      source: { path },
      breakpoints: lines.map((each) => (typeof each === 'number' ? { line: each } : (each as { line: number }))),
    });

  it('should stop at a line of entry_64.S and name the breakpoint', async () => {
    await client.launchToEntry();
    const line = lineOf(ENTRY, 'movq	PER_CPU_VAR(cpu_current_top_of_stack), %rsp');
    const [breakpoint] = (await at(ENTRY, line)).breakpoints;
    assert.equal(breakpoint.verified, true);
    assert.equal(breakpoint.line, line);
    const stopped = await client.run('continue');
    assert.equal(stopped.reason, 'breakpoint');
    assert.deepEqual(stopped.hitBreakpointIds, [breakpoint.id]);
    assert.equal(await client.where(), `entry_SYSCALL_64 entry_64.S:${line}`);
  });

  it('should move a breakpoint on a comment to the next line with code', async () => {
    await client.launchToEntry();
    const line = lineOf(ENTRY, 'From here on there is a stack');
    const [breakpoint] = (await at(ENTRY, line)).breakpoints;
    assert.equal(breakpoint.line, lineOf(ENTRY, 'pushq	$__USER_DS'));
    await client.run('continue');
    assert.equal(await client.where(), `entry_SYSCALL_64 entry_64.S:${breakpoint.line}`);
  });

  it('should not verify a line behind all code, or in a foreign file, and say why', async () => {
    await client.launchToEntry();
    const last = readFileSync(HELLO, 'utf8').split('\n').length;
    const [behind] = (await at(HELLO, last)).breakpoints;
    assert.equal(behind.verified, false);
    assert.match(behind.message ?? '', /There is no code at line \d+ or after it/);
    const [foreign] = (await at(join(SAMPLES, 'README.md'), 1)).breakpoints;
    assert.match(foreign.message ?? '', /No code of this session comes from this file/);
  });

  it('should stop in every expansion of a macro body line, and show the body', async () => {
    await client.launchToEntry();
    const line = lineOf(CALLING, 'pushq	%rdi');
    const [breakpoint] = (await at(CALLING, line)).breakpoints;
    assert.match(breakpoint.message ?? '', /^in \d+ places$/);
    await client.run('continue');
    assert.equal(await client.where(), `PUSH_REGS calling.h:${line}`);
    const names = (await client.frames()).map(({ name }) => name);
    assert.deepEqual(names.slice(0, 3), ['PUSH_REGS', 'PUSH_AND_CLEAR_REGS', 'entry_SYSCALL_64']);
  });

  it('should stop on the line that calls a macro and show that line', async () => {
    await client.launchToEntry();
    const line = lineOf(ENTRY, 'PUSH_AND_CLEAR_REGS rax=$-ENOSYS');
    assert.equal((await at(ENTRY, line)).breakpoints[0].line, line);
    await client.run('continue');
    assert.equal(await client.where(), `entry_SYSCALL_64 entry_64.S:${line}`);
  });

  it('should stop in the generated listing', async () => {
    await client.launchToEntry();
    const listing = await client.send('ringside/listing', { image: 'kernel' });
    const address = await client.evaluate('entry_SYSCALL_64_safe_stack,x');
    const row = listing.lines.find((each) => each.address === address);
    assert.ok(row);
    assert.match(listing.text.split('\n')[row.line - 1], /push +\$0x2b/);
    const [breakpoint] = (await at(listing.path, row.line)).breakpoints;
    assert.equal(breakpoint.verified, true);
    await client.run('continue');
    assert.equal(await client.evaluate('rip,x'), address);
  });

  it('should stop at functions by symbol, by the old name of a call, and by expression', async () => {
    await client.launchToEntry();
    const names = ['sys_write', 'ksys_write', 'entry_SYSCALL_64+4', 'nothing_like_that'];
    const { breakpoints } = await client.send('setFunctionBreakpoints', {
      breakpoints: names.map((name) => ({ name })),
    });
    assert.deepEqual(
      breakpoints.map(({ verified }) => verified),
      [true, true, true, false],
    );
    assert.match(breakpoints[3].message ?? '', /There is no function "nothing_like_that"/);
    assert.equal((await client.run('continue')).reason, 'function breakpoint');
    assert.match(await client.evaluate('rip'), /<entry_SYSCALL_64\+0x4>/);
    await client.run('continue');
    assert.match(await client.where(), /^__x64_sys_write /);
  });

  it('should stop at an instruction by its address', async () => {
    await client.launchToEntry();
    const instructionReference = await client.evaluate('do_syscall_64,x');
    await client.send('setInstructionBreakpoints', { breakpoints: [{ instructionReference, offset: 1 }] });
    assert.equal((await client.run('continue')).reason, 'instruction breakpoint');
    assert.match(await client.evaluate('rip'), /<do_syscall_64\+0x1>/);
  });

  it('should heed conditions and tell of one that fails', async () => {
    await client.launchToEntry();
    const line = lineOf(IO, 'SYM_FUNC_START(__x64_sys_write)');
    const wanted = { line, condition: '*(u32*)($rdi + 0x70) == 1' };
    await at(IO, wanted);
    await client.run('continue');
    assert.match(await client.where(), /^__x64_sys_write /);
    const [wrong] = (await at(IO, { line, condition: '1 +' })).breakpoints;
    assert.equal(wrong.verified, false);
    assert.match(wrong.message ?? '', /expected instead of the end/);
  });

  it('should not stop while a condition is false', async () => {
    await client.launchToEntry();
    await at(ENTRY, { line: lineOf(ENTRY, 'pushq	$__USER_DS'), condition: 'rax == 60' });
    await client.run('continue');
    assert.equal(await client.evaluate('rax'), '0x3c (60)');
  });

  it('should count hits', async () => {
    await client.launchToEntry();
    await at(ENTRY, { line: lineOf(ENTRY, 'pushq	$__USER_DS'), hitCondition: '=2' });
    await client.run('continue');
    assert.equal(await client.evaluate('rax'), '0x3c (60)');
  });

  it('should log instead of stopping', async () => {
    await client.launchToEntry();
    const line = lineOf(ENTRY, 'pushq	$__USER_DS');
    await at(ENTRY, { line, logMessage: 'call {rax,d} of \\{{$cpl,d}\\}' });
    await client.send('continue', { threadId: 1 });
    await client.event('terminated');
    assert.equal(client.takeOutput('console'), 'call 1 of {0}\ncall 60 of {0}\nThe program exited with status 0.\n');
  });

  it('should offer the lines that can hold a breakpoint', async () => {
    await client.launchToEntry();
    const first = lineOf(HELLO, 'enter_kernel:');
    const { breakpoints } = await client.send('breakpointLocations', {
      source: { path: HELLO },
      line: first,
      endLine: first + 4,
    });
    assert.deepEqual(breakpoints, [{ line: first + 1 }, { line: first + 4 }]);
  });

  it('should stop after a write to watched memory and tell who wrote', async () => {
    await client.launchTo('entry_SYSCALL_64_safe_stack');
    const info = await client.send('dataBreakpointInfo', { name: '*(u64*)(rsp - 8)' });
    assert.ok(info.dataId);
    assert.deepEqual(info.accessTypes, ['read', 'write', 'readWrite']);
    const { breakpoints } = await client.send('setDataBreakpoints', {
      breakpoints: [{ dataId: info.dataId, accessType: 'write' }],
    });
    assert.equal(breakpoints[0].verified, true);
    const stopped = await client.run('continue');
    assert.equal(stopped.reason, 'data breakpoint');
    assert.deepEqual(stopped.hitBreakpointIds, [breakpoints[0].id]);
    assert.match(stopped.text ?? '', /written by 0x[0-9a-f]+ <entry_SYSCALL_64_safe_stack>: push +\$0x2b/);
  });

  it('should watch a slot of pt_regs, and refuse to watch a register', async () => {
    await client.launchTo('do_syscall_64');
    const { scopes } = await client.send('scopes', { frameId: 1 });
    const ptRegs = scopes.find(({ name }) => name === 'pt_regs')?.variablesReference ?? 0;
    const info = await client.send('dataBreakpointInfo', { variablesReference: ptRegs, name: 'ax' });
    await client.send('setDataBreakpoints', { breakpoints: [{ dataId: info.dataId ?? '', accessType: 'write' }] });
    await client.run('continue');
    assert.match(await client.where(), /^do_syscall_64 /);
    assert.equal((await client.scope('pt_regs')).get('ax')?.value, '0xf (15)');
    const register = await client.send('dataBreakpointInfo', { name: '$rax' });
    assert.equal(register.dataId, null);
    assert.match(register.description, /is not in memory/);
  });
});
