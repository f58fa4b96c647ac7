import assert from 'node:assert/strict';
import { DapClient } from './client';

describe('variables and expressions in a session', () => {
  let client: DapClient;
  beforeEach(() => {
    client = new DapClient();
  });
  afterEach(() => client.close());

  it('should show registers, flags, segments, control registers and MSRs', async () => {
    await client.launchTo('entry_SYSCALL_64');
    const general = await client.scope('General');
    assert.equal(general.get('rax')?.value, '0x1');
    assert.match(general.get('rcx')?.value ?? '', /<back_in_ring_3>$/);
    assert.match(general.get('rip')?.memoryReference ?? '', /^0x/);
    assert.equal((await client.scope('Flags')).get('if')?.value, '0');
    assert.match((await client.scope('Segments')).get('cs')?.value ?? '', /^0x10 ring 0, 64-bit code, DPL 0/);
    assert.match((await client.scope('Control registers')).get('cr0')?.value ?? '', /\[PG .*PE\]$/);
    const msrs = await client.scope('MSRs');
    assert.match(msrs.get('lstar')?.value ?? '', /<entry_SYSCALL_64>$/);
    assert.equal(msrs.get('star')?.value, '0x23001000000000');
  });

  it('should unfold a register into named bits and let them be set', async () => {
    await client.launchToEntry();
    const rflags = (await client.scope('General')).get('rflags');
    assert.match(rflags?.value ?? '', /^0x202 \[IF\]$/);
    const reference = rflags?.variablesReference ?? 0;
    const { variables } = await client.send('variables', { variablesReference: reference });
    assert.equal(variables.find(({ name }) => name === 'IF')?.value, '0x1');
    await client.send('setVariable', { variablesReference: reference, name: 'CF', value: '1' });
    assert.equal(await client.evaluate('$cf,d'), '1');
    await assert.rejects(
      client.send('setVariable', { variablesReference: reference, name: 'CF', value: '2' }),
      /does not fit the 1 bit of CF/,
    );
  });

  it('should show vector registers as lanes of each type, and let lanes be set', async () => {
    await client.launchToEntry();
    const vectors = await client.scope('SSE');
    assert.equal(vectors.get('xmm0')?.value, `0x${'0'.repeat(32)}`);
    assert.match(vectors.get('mxcsr')?.value ?? '', /^0x1f80 \[PM UM OM ZM DM IM\]$/);
    const lanesOf = async (reference: number | undefined) => {
      const { variables } = await client.send('variables', { variablesReference: reference ?? 0 });
      return new Map(variables.map((variable) => [variable.name, variable]));
    };
    const types = await lanesOf(vectors.get('xmm0')?.variablesReference);
    assert.deepEqual([...types.keys()].slice(0, 3), ['v4_float', 'v2_double', 'v16_int8']);
    const floats = types.get('v4_float')?.variablesReference ?? 0;
    const set = (name: string, value: string) =>
      client.send('setVariable', { variablesReference: floats, name, value });
    assert.equal((await set('[0]', '1.5')).value, '1.5');
    assert.equal((await set('[3]', '-Infinity')).value, '-Infinity');
    assert.equal((await lanesOf(floats)).get('[0]')?.value, '1.5');
    const after = await client.scope('SSE');
    assert.equal(after.get('xmm0')?.value, '0xff80000000000000000000003fc00000');
    await assert.rejects(set('[1]', 'one'), /"one" is no number\. Write 1\.5/);
    const x87 = await client.scope('x87');
    assert.equal(x87.get('st(0)')?.value, '(empty)');
    assert.match(x87.get('fctrl')?.value ?? '', /^0x37f \[PC=3 PM UM OM ZM DM IM\]$/);
  });

  it('should set registers to numbers, symbols and expressions', async () => {
    await client.launchToEntry();
    const { scopes } = await client.send('scopes', { frameId: 1 });
    const variablesReference = scopes[0].variablesReference;
    const set = async (name: string, value: string) =>
      (await client.send('setVariable', { variablesReference, name, value })).value;
    assert.equal(await set('rax', '42'), '0x2a (42)');
    assert.equal(await set('rbx', '-1'), '0xffffffffffffffff (-1)');
    assert.match(await set('rcx', 'message'), /<message>$/);
    assert.equal(await set('rdx', 'rax * 2'), '0x54 (84)');
    await client.event('invalidated');
  });

  it('should refuse nonsense and name the accepted forms', async () => {
    await client.launchToEntry();
    const { scopes } = await client.send('scopes', { frameId: 1 });
    const set = (scope: string, name: string, value: string) =>
      client.send('setVariable', {
        variablesReference: scopes.find((each) => each.name === scope)?.variablesReference ?? 0,
        name,
        value,
      });
    await assert.rejects(
      set('General', 'rax', 'banana'),
      /"banana" is no value for rax: .*Write a number \(42, -1, 0x2a/,
    );
    await assert.rejects(set('General', 'rax', '0x10000000000000000'), /does not fit 64 bits/);
    await assert.rejects(set('General', 'rip', '0x8000000000000000'), /is not canonical/);
    await assert.rejects(set('General', 'rflags', '0'), /sets reserved bits of RFLAGS/);
    await assert.rejects(set('Segments', 'cs', '0x33'), /A selector alone cannot be set/);
    await assert.rejects(set('Control registers', 'cr4', '0xffffffff'), /MOV to CR4 would raise #GP/);
    await assert.rejects(set('Control registers', 'cpl', '0'), /The privilege level changes by a gate/);
    await assert.rejects(set('MSRs', 'lstar', '0x8000000000000000'), /the address is not canonical/);
    assert.match(await client.evaluate('rip'), /<_start>/, 'nothing was changed');
  });

  it('should show the user registers in the ring 3 frame and keep them editable', async () => {
    await client.launchTo('ksys_write');
    const frames = await client.frames();
    const user = frames.at(-1)?.id ?? 0;
    assert.equal((await client.scope('General', user)).get('rbx')?.value, '0xb0b (2827)');
    assert.equal(await client.evaluate('rbx', user), '0xb0b (2827)');
    assert.equal(await client.evaluate('$cpl,d', user), '3');
    await client.send('setExpression', { expression: '$rbx', value: '0x77', frameId: user });
    assert.equal((await client.scope('pt_regs')).get('bx')?.value.split(' ')[0], '0x77');
    const middle = frames[2].id;
    await assert.rejects(client.evaluate('rcx', middle), /was not saved in this frame/);
  });

  it('should set expressions and memory', async () => {
    await client.launchToEntry();
    const set = await client.send('setExpression', { expression: '*(u32*)(rsp - 16)', value: '0xcafe' });
    assert.equal(set.value, '0xcafe (51966)');
    assert.equal(await client.evaluate('*(u16*)(rsp - 16),x'), '0xcafe');
    await assert.rejects(client.send('setExpression', { expression: 'message', value: '1' }), /cannot be set/);
  });

  it('should evaluate for hovers with what is pointed to, and read MSRs by name', async () => {
    await client.launchToEntry();
    const hover = await client.send('evaluate', { expression: 'message', context: 'hover' });
    assert.match(hover.result, /^0x[0-9a-f]+ <message> → 0x[0-9a-f]+$/);
    assert.match(hover.memoryReference ?? '', /^0x/);
    assert.equal(await client.evaluate('message,s'), '"Hello, ring 0!\\n"');
    assert.match(await client.evaluate('$lstar'), /<entry_SYSCALL_64>/);
    assert.equal(
      await client.evaluate('efer'),
      await client.evaluate('$ia32_efer,x').then(() => client.evaluate('efer')),
    );
    await assert.rejects(client.evaluate('mesage'), /did you mean message\?/);
  });

  it('should assign in the debug console, but not in a watch', async () => {
    await client.launchToEntry();
    assert.equal((await client.send('evaluate', { expression: 'rax = 7', context: 'repl' })).result, '0x7');
    await client.event('invalidated');
    await assert.rejects(client.send('evaluate', { expression: 'rax = 8', context: 'watch' }), /Use the debug console/);
    assert.equal(await client.evaluate('rax'), '0x7');
  });

  it('should complete registers and symbols', async () => {
    await client.launchToEntry();
    const labels = async (text: string) =>
      (await client.send('completions', { text, column: text.length + 1 })).targets.map(({ label }) => label);
    assert.ok((await labels('$lst')).includes('$lstar'));
    assert.ok((await labels('entry_SYSC')).includes('entry_SYSCALL_64'));
  });

  it('should take no values of an earlier stop', async () => {
    await client.launchToEntry();
    const { scopes } = await client.send('scopes', { frameId: 1 });
    await client.run('next');
    await client.scope('General');
    const { variablesReference } = scopes[0];
    await assert.rejects(client.send('variables', { variablesReference }), /of an earlier stop/);
  });
});
