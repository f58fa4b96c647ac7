import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { PtRegs } from '../../debug-adapter/protocol';
import { DapClient, KERNEL, lineOf, SAMPLES } from './client';

describe('requests of the views', () => {
  let client: DapClient;
  beforeEach(() => {
    client = new DapClient();
  });
  afterEach(() => client.close());

  const ptRegs = async (): Promise<PtRegs> => {
    const response = await client.send('ringside/ptRegs', undefined);
    assert.ok(response.available, response.available ? '' : response.reason);
    return response;
  };

  it('should list MSRs with decoded fields and symbols, the system call ones first', async () => {
    await client.launchToEntry();
    const { msrs } = await client.send('ringside/msrs', undefined);
    assert.deepEqual(
      msrs.slice(0, 5).map(({ linuxName }) => linuxName),
      ['MSR_EFER', 'MSR_STAR', 'MSR_LSTAR', 'MSR_CSTAR', 'MSR_SYSCALL_MASK'],
    );
    assert.match(msrs[0].group, /^System call/);
    const lstar = msrs.find(({ linuxName }) => linuxName === 'MSR_LSTAR');
    assert.equal(lstar?.symbol?.name, 'entry_SYSCALL_64');
    assert.equal(lstar?.symbol?.location?.path, join(KERNEL, 'entry_64.S'));
    const star = msrs.find(({ linuxName }) => linuxName === 'MSR_STAR');
    assert.equal(star?.value, '0x23001000000000');
    assert.match(star?.fields[0].meaning ?? '', /SYSRET loads CS 0x33 \(64-bit\) or 0x23 \(32-bit\), SS 0x2b/);
    assert.match(star?.fields[1].meaning ?? '', /SYSCALL loads CS 0x10, SS 0x18/);
  });

  it('should mark MSRs that changed since the stop before', async () => {
    await client.launchTo('entry_SYSCALL_64');
    await client.stepInstruction();
    const changed = async () =>
      (await client.send('ringside/msrs', undefined)).msrs
        .filter((row) => row.changed)
        .map(({ linuxName }) => linuxName);
    assert.deepEqual(await changed(), []);
    await client.stepInstruction();
    assert.deepEqual((await changed()).sort(), ['MSR_GS_BASE', 'MSR_KERNEL_GS_BASE']);
  });

  it('should write MSRs and refuse reserved bits by name', async () => {
    await client.launchToEntry();
    const row = await client.send('ringside/writeMsr', { number: 0xc0000084, value: '0x700' });
    assert.equal(row.value, '0x700');
    await assert.rejects(
      client.send('ringside/writeMsr', { number: 0xc0000080, value: '0x100000' }),
      /IA32_EFER does not take 0x100000: bits 0x100000 are reserved/,
    );
    await assert.rejects(
      client.send('ringside/writeMsr', { number: 0xc0000082, value: '0x8000000000000000' }),
      /IA32_LSTAR does not take .* not canonical/,
    );
    await assert.rejects(client.send('ringside/writeMsr', { number: 0x12345, value: '0x0' }), /no MSR 0x12345/);
  });

  it('should say in ring 3 why there is no pt_regs', async () => {
    await client.launchToEntry();
    const response = await client.send('ringside/ptRegs', undefined);
    assert.equal(response.available, false);
    assert.match(
      response.available ? '' : response.reason,
      /ring 3: pt_regs exists only while the kernel works for it/,
    );
  });

  it('should fill pt_regs push by push and mark what was just filled', async () => {
    await client.launchTo('entry_SYSCALL_64_safe_stack');
    assert.equal((await ptRegs()).slots.filter(({ filled }) => filled).length, 0);
    for (const slot of ['ss', 'sp', 'flags', 'cs', 'ip', 'orig_ax']) {
      await client.stepInstruction();
      const { slots, complete, stackPointer, address } = await ptRegs();
      assert.deepEqual(
        slots.filter(({ changed }) => changed).map(({ name }) => name),
        [slot],
      );
      assert.equal(complete, false);
      assert.equal(stackPointer, slots.find(({ name }) => name === slot)?.address);
      assert.equal(slots[0].address, address);
    }
    const { event, slots } = await ptRegs();
    assert.equal(event, 'syscall 1 (write)');
    assert.equal(slots.find(({ name }) => name === 'ip')?.symbol?.name, 'back_in_ring_3');
    assert.equal(slots.find(({ name }) => name === 'orig_ax')?.note, 'write');
  });

  it('should decode the complete pt_regs', async () => {
    await client.launchTo('do_syscall_64');
    const { slots, complete } = await ptRegs();
    assert.equal(complete, true);
    assert.equal(slots.length, 21);
    assert.equal(slots.find(({ name }) => name === 'ax')?.note, '-ENOSYS');
    assert.equal(slots.find(({ name }) => name === 'flags')?.note, 'IF');
    assert.equal(slots.find(({ name }) => name === 'bx')?.value, '0xb0b');
  });

  it('should name the exception a pt_regs belongs to', async () => {
    await client.launchToEntry({ program: join(import.meta.dirname, 'programs', 'faults.S') });
    await client.runTo('exc_page_fault');
    assert.equal((await ptRegs()).event, '#PF page fault');
  });

  it('should show the system-call table with the row about to be called', async () => {
    await client.launchToEntry();
    const before = await client.send('ringside/syscallTable', undefined);
    assert.equal(before.current, undefined);
    assert.ok(before.rows.length > 300);
    const write = before.rows[1];
    assert.deepEqual(
      [write.number, write.name, write.handler, write.implemented],
      [1, 'write', '__x64_sys_write', true],
    );
    assert.deepEqual(write.location, {
      path: join(KERNEL, 'sys_io.S'),
      line: lineOf(join(KERNEL, 'sys_io.S'), 'SYM_FUNC_START(__x64_sys_write)') + 1,
    });
    assert.deepEqual(
      write.arguments.map(({ name }) => name),
      ['fd', 'buf', 'count'],
    );
    assert.equal(before.rows[2].implemented, false);
    assert.equal(before.rows[63].name, 'uname');
    assert.equal(before.rows[107].name, 'geteuid');
    await client.runTo('enter_kernel');
    const at = await client.send('ringside/syscallTable', undefined);
    assert.equal(at.current, 1);
    assert.equal(at.rows[1].arguments[1].value?.replace(/0x\w+/, '…'), '… "Hello, ring 0!\\n"');
    await client.runTo('ksys_write');
    assert.equal((await client.send('ringside/syscallTable', undefined)).current, 1);
  });

  it('should switch to the i386 table for the older gates', async () => {
    await client.launchToEntry({ program: join(SAMPLES, 'int80-and-sysenter', 'int80-and-sysenter.S') });
    await client.runTo('do_int80_syscall_32');
    const { rows, note, current } = await client.send('ringside/syscallTable', undefined);
    assert.match(note ?? '', /i386 calls/);
    assert.equal(
      rows.find(({ number }) => number === current)?.handler.startsWith('__ia32_sys_') || current === 20,
      true,
    );
  });

  it('should tell ring, mode, page tables and what the last instruction did', async () => {
    await client.launchTo('enter_kernel');
    const user = await client.send('ringside/cpu', undefined);
    assert.deepEqual([user.ring, user.mode, user.addressSpace, user.model.length > 0], [3, '64-bit', 'user', true]);
    await client.run('stepIn');
    const { last, addressSpace } = await client.send('ringside/cpu', undefined);
    assert.equal(addressSpace, 'user');
    assert.equal(last?.text, 'syscall');
    const effects = new Map(last?.effects.map((effect) => [effect.target, effect]));
    assert.equal(effects.get('RIP')?.source, 'IA32_LSTAR');
    assert.equal(effects.get('RCX')?.source, 'RIP of the next instruction');
    assert.equal(effects.get('CS')?.after, '0x10');
    assert.equal(effects.get('CS')?.source, 'IA32_STAR[47:32]');
    assert.deepEqual(effects.get('RFLAGS.IF'), {
      target: 'RFLAGS.IF',
      before: '1',
      after: '0',
      source: 'cleared by IA32_FMASK',
    });
    await client.runTo('entry_SYSCALL_64_safe_stack');
    assert.equal((await client.send('ringside/cpu', undefined)).addressSpace, 'kernel');
  });

  it('should give the listing of either image, with addresses and lines', async () => {
    await client.launchToEntry();
    const { path, text, lines } = await client.send('ringside/listing', {});
    assert.match(path, /^ringside-listing:\/.*hello\.S\.lst$/);
    const row = lines.find(({ line }) => text.split('\n')[line - 1].includes('syscall'));
    assert.equal(row?.length, 2);
    assert.match(row?.location?.path ?? '', /hello\.S$/);
    assert.match(text, /^# hello\.S:\d+ /m);
    assert.equal((await client.send('source', { source: { path }, sourceReference: 0 })).content, text);
    const { sources } = await client.send('loadedSources', {});
    assert.ok(sources.some((source) => source.path === path));
    assert.ok(sources.some(({ name }) => name === 'entry_64.S'));
    const { modules } = await client.send('modules', {});
    assert.deepEqual(
      modules.map(({ id }) => id),
      ['program', 'kernel'],
    );
    await assert.rejects(
      client.send('ringside/listing', { path: 'ringside-listing:/nothing.lst' }),
      /There is no listing of/,
    );
  });
});
