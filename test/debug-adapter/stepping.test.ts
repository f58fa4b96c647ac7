import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DapClient, HELLO, KERNEL, lineOf, SAMPLES } from './client';

const ENTRY = join(KERNEL, 'entry_64.S');
const CALLING = join(KERNEL, 'calling.h');

describe('stepping', () => {
  let client: DapClient;
  beforeEach(() => {
    client = new DapClient();
  });
  afterEach(() => client.close());

  /** Disassembly of the instruction at RIP. */
  async function nextInstruction(): Promise<string> {
    const memoryReference = await client.evaluate('rip,x');
    return (await client.send('disassemble', { memoryReference, instructionCount: 1 })).instructions[0].instruction;
  }

  it('should stop at _start in ring 3', async () => {
    await client.launch();
    assert.equal((await client.stopped()).reason, 'entry');
    assert.equal(await client.where(), `_start hello.S:${lineOf(HELLO, 'movl	$0xb0b, %ebx')}`);
    assert.equal(await client.evaluate('$cpl'), '3');
  });

  it('should step by line to the next instruction', async () => {
    await client.launchToEntry();
    assert.equal((await client.run('next')).reason, 'step');
    assert.equal(await client.where(), `_start hello.S:${lineOf(HELLO, 'movl	$0xcccc, %ecx')}`);
    assert.equal(await client.evaluate('rbx'), '0xb0b (2827)');
  });

  it('should step into SYSCALL and land in entry_SYSCALL_64 with everything SYSCALL changes', async () => {
    await client.launchTo('enter_kernel');
    await client.run('stepIn');
    assert.equal(await client.where(), `entry_SYSCALL_64 entry_64.S:${lineOf(ENTRY, 'endbr64')}`);
    assert.match(await client.evaluate('rcx'), /<back_in_ring_3>$/);
    assert.equal(await client.evaluate('r11 & 0x202'), '0x202 (514)');
    assert.equal(await client.evaluate('cs'), '0x10 (16)');
    assert.equal(await client.evaluate('ss'), '0x18 (24)');
    assert.equal(await client.evaluate('cpl'), '0');
    assert.equal(await client.evaluate('$if'), '0');
    assert.match(await client.evaluate('rip == lstar'), /1$/);
  });

  it('should step over SYSCALL to the next user instruction', async () => {
    await client.launchTo('enter_kernel');
    await client.run('next');
    assert.equal(await client.where(), `_start hello.S:${lineOf(HELLO, 'cmpq	$-4095, %rax')}`);
    assert.equal(await client.evaluate('rax,d'), '15');
    assert.equal(client.takeOutput('stdout'), 'Hello, ring 0!\n');
  });

  it('should step over a macro call as a whole', async () => {
    await client.launchTo('entry_SYSCALL_64_after_hwframe');
    await client.run('next');
    const call = lineOf(ENTRY, 'PUSH_AND_CLEAR_REGS rax=$-ENOSYS');
    assert.equal(await client.where(), `entry_SYSCALL_64 entry_64.S:${call}`);
    await client.run('next');
    assert.equal(await client.where(), `entry_SYSCALL_64 entry_64.S:${lineOf(ENTRY, 'movq	%rsp, %rdi')}`);
  });

  it('should step into nested macros one level at a time, through and out of them', async () => {
    await client.launchTo('entry_SYSCALL_64_after_hwframe');
    await client.run('next');
    const address = await client.evaluate('rip,x');
    await client.run('stepIn');
    assert.equal(await client.where(), `PUSH_AND_CLEAR_REGS calling.h:${lineOf(CALLING, 'PUSH_REGS rdx=\\rdx')}`);
    await client.run('stepIn');
    assert.equal(await client.where(), `PUSH_REGS calling.h:${lineOf(CALLING, 'pushq	%rdi')}`);
    assert.equal(await client.evaluate('rip,x'), address, 'entering a macro executes nothing');
    await client.run('stepIn');
    assert.equal(await client.where(), `PUSH_REGS calling.h:${lineOf(CALLING, 'pushq	%rsi')}`);
    await client.run('stepOut');
    assert.equal(await client.where(), `PUSH_AND_CLEAR_REGS calling.h:${lineOf(CALLING, '	CLEAR_REGS')}`);
    await client.run('stepOut');
    assert.equal(await client.where(), `entry_SYSCALL_64 entry_64.S:${lineOf(ENTRY, 'movq	%rsp, %rdi')}`);
  });

  it('should step by instruction through a macro', async () => {
    await client.launchTo('entry_SYSCALL_64_after_hwframe');
    await client.stepInstruction();
    assert.equal(await client.where(), `PUSH_REGS calling.h:${lineOf(CALLING, 'pushq	%rdi')}`);
  });

  it('should step into and over calls in the kernel', async () => {
    await client.launchTo('do_syscall_64');
    const call = lineOf(join(KERNEL, 'do_syscall_64.S'), 'call	*%rax');
    while (!(await client.where()).endsWith(`:${call}`)) await client.run('next');
    await client.run('stepIn');
    assert.match(await client.where(), /^__x64_sys_write sys_io\.S/);
    await client.run('stepOut');
    assert.equal(await client.where(), `do_syscall_64 do_syscall_64.S:${call + 1}`);
    assert.equal(await client.evaluate('rax'), '0xf (15)');
  });

  it('should step out of functions, then out of the kernel through SYSRET', async () => {
    await client.launchTo('ksys_write');
    await client.run('stepOut');
    assert.match(await client.where(), /^do_syscall_64 /);
    await client.run('stepOut');
    assert.match(await client.where(), /^entry_SYSCALL_64 /);
    await client.run('stepOut');
    assert.equal(await client.where(), `_start hello.S:${lineOf(HELLO, 'cmpq	$-4095, %rax')}`);
    assert.equal(await client.evaluate('cpl'), '3');
  });

  it('should refuse to step out of the outermost frame and say why', async () => {
    await client.launchToEntry();
    await assert.rejects(client.send('stepOut', { threadId: 1 }), /this is the outermost frame/);
  });

  it('should land in ring 3 when stepping SYSRET itself', async () => {
    await client.launchTo('syscall_return_via_sysret');
    while (!(await nextInstruction()).startsWith('sysretq')) await client.stepInstruction();
    await client.stepInstruction();
    assert.match(await client.where(), /^_start hello\.S/);
  });

  it('should run a repeated string instruction as one step', async () => {
    await client.launchToEntry({ program: join(import.meta.dirname, 'programs', 'repeat.S') });
    await client.runTo('copy');
    await client.run('stepIn');
    assert.match(
      await client.where(),
      new RegExp(`^_start repeat\\.S:${lineOf(join(import.meta.dirname, 'programs', 'repeat.S'), 'copied')}$`),
    );
    assert.equal(
      await client.evaluate('(char*)&target_text'.replace('&', '')),
      await client.evaluate('(char*)target_text'),
    );
    assert.match(await client.evaluate('(char*)target_text'), /"sixteen letters!"$/);
  });

  it('should stop at a breakpoint inside what is stepped over', async () => {
    await client.launchTo('enter_kernel');
    await client.send('setFunctionBreakpoints', { breakpoints: [{ name: 'ksys_write' }] });
    assert.equal((await client.run('next')).reason, 'function breakpoint');
    assert.match(await client.where(), /^ksys_write /);
  });

  it('should end the session when the program exits under a step', async () => {
    await client.launchTo('leave');
    await client.run('next');
    await client.send('next', { threadId: 1 });
    assert.deepEqual(await client.event('exited'), { exitCode: 0 });
    await client.event('terminated');
  });

  const TIMER = join(import.meta.dirname, 'programs', 'timer.S');

  it('should not be lost in interrupts, which still come while code is stepped over', async () => {
    await client.launchToEntry({ program: TIMER, kernel: '' });
    await client.runTo('again');
    for (let turn = 0; turn < 20; turn++) {
      for (const text of ['incq	%rbx', 'call	work', 'jmp	again']) {
        assert.equal(await client.where(), `_start timer.S:${lineOf(TIMER, text)}`);
        await client.run('next');
      }
    }
    assert.equal(await client.evaluate('r15 > 0,d'), '1', 'the timer has interrupted');
  });

  it('should stop in the handler of an interrupt if asked to', async () => {
    await client.launchToEntry({ program: TIMER, kernel: '', stepIntoInterrupts: true });
    await client.runTo('work');
    for (let step = 0; step < 5_000 && !(await client.where()).startsWith('handler'); step++) {
      await client.run('stepIn', { granularity: 'instruction' });
    }
    assert.match(await client.where(), /^handler timer\.S/);
    await client.run('stepOut');
    assert.match(await client.where(), /^work timer\.S/);
  });

  for (const name of [
    'hello-syscall/hello.S',
    'sysret-or-iret/sysret-or-iret.S',
    'int80-and-sysenter/int80-and-sysenter.S',
  ]) {
    it(`should step over ${name} to its end without ever showing the kernel`, async () => {
      await client.launchToEntry({ program: join(SAMPLES, name) });
      let ended = false;
      const exited = client.event('exited').then(() => (ended = true));
      for (let steps = 0; !ended && steps < 300; steps++) {
        assert.ok((await client.frames()).every(({ presentationHint }) => presentationHint !== 'label'));
        const stopped = client.stopped();
        await client.send('next', { threadId: 1 });
        await Promise.race([stopped, exited]);
      }
      assert.ok(ended);
    });
  }
});
