import assert from 'node:assert/strict';
import { join } from 'node:path';
import { loadTarget, systemCallJourneys, type JourneysEnd, type SystemCallJourney } from '../../debug-adapter';
import { builtKernel, SAMPLES } from './client';

function journeys(name: string, maxInstructions?: number): { all: SystemCallJourney[]; end: JourneysEnd } {
  const { target } = loadTarget({
    program: join(SAMPLES, name, `${name === 'hello-syscall' ? 'hello' : name}.S`),
    kernel: builtKernel(),
  });
  const generator = systemCallJourneys(target, maxInstructions === undefined ? {} : { maxInstructions });
  const all: SystemCallJourney[] = [];
  for (;;) {
    const next = generator.next();
    if (next.done) return { all, end: next.value };
    all.push(next.value);
  }
}

describe('system-call journeys', () => {
  it('should tell write and exit of hello-syscall, instruction by instruction', () => {
    const { all, end } = journeys('hello-syscall');
    assert.deepEqual(end, { reason: 'exit', status: 0 });
    assert.deepEqual(
      all.map(({ gate, number, name }) => [gate, number, name]),
      [
        ['syscall', 1, 'write'],
        ['syscall', 60, 'exit'],
      ],
    );
    const [write, exit] = all;
    assert.deepEqual(
      write.arguments.map(({ name, value }) => `${name}=${value.replace(/^0x\w+ /, '')}`),
      ['fd=1', 'buf="Hello, ring 0!\\n"', 'count=15'],
    );
    assert.deepEqual(write.result, { value: '0xf', text: '15' });
    assert.equal(write.exit?.by, 'sysret');
    assert.ok(write.exit.checks.every(({ holds }) => holds));
    assert.equal(write.calls[0].function, '__x64_sys_write');
    assert.equal(exit.result, undefined);

    const [gate, first] = write.instructions;
    assert.deepEqual([gate.ring, gate.text, first.ring, first.symbol], [3, 'syscall', 0, 'entry_SYSCALL_64']);
    const sources = new Map(gate.effects.map(({ target, source }) => [target, source]));
    assert.equal(sources.get('RIP'), 'IA32_LSTAR');
    assert.equal(sources.get('SS'), 'IA32_STAR[47:32] + 8');
    const swapgs = write.instructions.find(({ text }) => text === 'swapgs');
    assert.equal(swapgs?.effects.find(({ target }) => target === 'GS.base')?.source, 'IA32_KERNEL_GS_BASE');
    const pushes = write.instructions.filter(({ text, phase }) => phase === 'entry' && text.startsWith('push'));
    assert.equal(pushes.length, 21);
    assert.ok(pushes.every(({ effects }) => effects.some(({ target }) => target.startsWith('[0xffff'))));
    const symbols = write.instructions.map(({ text }) => /<(.*)>$/.exec(text)?.[1]);
    for (const name of ['do_syscall_64', 'sys_call_table']) assert.ok(symbols.includes(name), name);
    const last = write.instructions.at(-1);
    assert.equal(last?.text, 'sysretq');
    assert.deepEqual([...new Set(write.instructions.map(({ phase }) => phase))], ['entry', 'dispatch', 'exit']);
  });

  it('should say for each sample case why SYSRET could not be used', () => {
    const { all, end } = journeys('sysret-or-iret');
    assert.equal(end.status, 0);
    const whys = all.filter(({ exit }) => exit?.by === 'iret').map(({ exit }) => exit?.why ?? '');
    for (const reason of [
      'not RCX = RIP',
      'not RIP is a canonical user address',
      'not CS is what SYSRET loads',
      'not R11 = RFLAGS',
      'not RF and TF are clear (flags RF',
      'not RF and TF are clear (flags IF TF',
      'not SS is what SYSRET loads',
    ]) {
      assert.ok(
        whys.some((why) => why.includes(reason)),
        reason,
      );
    }
    assert.ok(all.some(({ exit }) => exit?.by === 'sysret'));
  });

  it('should follow int 0x80 and SYSENTER', () => {
    const { all } = journeys('int80-and-sysenter');
    const gates = new Set(all.map(({ gate }) => gate));
    assert.deepEqual([...gates].sort(), ['int', 'syscall', 'sysenter']);
    const sysenter = all.find(({ gate }) => gate === 'sysenter');
    assert.equal(sysenter?.name, 'write');
    const effects = new Map(sysenter.instructions[0].effects.map(({ target, source }) => [target, source]));
    assert.equal(effects.get('RIP'), 'IA32_SYSENTER_EIP');
    assert.equal(effects.get('RSP'), 'IA32_SYSENTER_ESP');
    assert.equal(all.find(({ gate }) => gate === 'int')?.exit?.by, 'iret');
  });

  it('should end at an instruction limit', () => {
    assert.deepEqual(journeys('hello-syscall', 1000).end, { reason: 'instruction limit' });
  });
});
