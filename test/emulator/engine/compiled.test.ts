import assert from 'node:assert/strict';
import type { Pc } from '../../../emulator/pc';
import { assemble } from '../../../toolchain';
import { compareCases } from '../../oracles/compiled/cases';
import { compareProgram } from '../../oracles/compiled/compare';
import { CODE, haveGnuAs, machineWith } from './support';

function code(text: string): Uint8Array {
  const { module, diagnostics } = assemble({ path: 'code.s', text: `${text}\n` }, {});
  const section = module?.sections.find(({ name }) => name === '.text');
  if (!section) throw new Error(diagnostics[0].message);
  return section.data;
}

function state({ state: cpu, instructionCount, memory }: Pc): string {
  const registers = [...cpu.gpr].map((value) => value.toString(16)).join(' ');
  const window = Buffer.from(memory.bytes.subarray(0x50000, 0x52200)).toString('base64');
  return `${instructionCount} ${cpu.rip.toString(16)} ${cpu.rflags.toString(16)} ${registers} ${window}`;
}

describe('Compiled code', function () {
  this.timeout(120_000);

  // `npm run oracle:compiled` makes more of both.
  it('does what the interpreter does in random programs, at every stop', function () {
    let compiled = 0;
    for (const seed of [1, 2, 3]) {
      const result = compareProgram(seed, seed === 3 ? 'tiered' : 'compiled');
      assert.equal(result.mismatch, undefined);
      if (result.compiled) compiled++;
    }
    assert.ok(compiled > 1);
  });

  it('does what the interpreter does in real-address mode, where segments end', function () {
    if (!haveGnuAs()) this.skip();
    for (const seed of [1, 2]) assert.equal(compareProgram(seed, 'compiled', 'real').mismatch, undefined);
  });

  it('does what the interpreter does in cases of all instructions', function () {
    const { mismatches, mnemonics } = compareCases({ cases: 300, seed: 1 });
    assert.deepEqual(mismatches, []);
    assert.ok(mnemonics.size > 80);
  });

  it('notices when it is patched by itself', function () {
    const bytes = code(`
          xor %ecx, %ecx
        1: mov %ecx, %eax
          and $0x7f, %al
          test $0xfff, %ecx
          jnz 2f
          mov %al, value(%rip)
          incb value(%rip)
        2: add value(%rip), %dl
          .byte 0x83, 0xc6
        value: .byte 0
          inc %ecx
          cmp $400000, %ecx
          jne 1b
          hlt
        `);
    const compiled = machineWith(bytes, { engine: 'tiered' });
    const interpreted = machineWith(bytes, { engine: 'interpreter' });
    for (const machine of [compiled, interpreted]) assert.deepEqual(machine.run(10_000_000), { reason: 'halt' });
    assert.equal(state(compiled), state(interpreted));
  });

  it('stops at a breakpoint that its hot loop passes now and then', function () {
    const bytes = code(`
        mov $5000, %ecx
      1: dec %ecx
        jnz 1b
        jmp 2f
      2: inc %rax
        mov $5000, %ecx
        jmp 1b`);
    // The block after the jump, which exists before the breakpoint does, and is within the region of the loop.
    const address = BigInt(CODE + bytes.length - 10);
    const machine = machineWith(bytes, { engine: 'tiered' });
    machine.run(20_000);
    machine.addBreakpoint(address);
    machine.run(20_000);
    for (let slice = 0; slice < 10; slice++) machine.run(3000);
    for (let round = 0; round < 20; round++) {
      const before = machine.state.gpr[0];
      const stop = machine.run(1_000_000);
      assert.deepEqual(stop, { reason: 'breakpoint', address });
      assert.ok(machine.state.gpr[0] - before <= 1n);
    }
    machine.removeBreakpoint(address);
    assert.deepEqual(machine.run(400_000), { reason: 'limit' });
  });

  it('is not made of a block that has been overwritten', function () {
    const bytes = code('1: add $1, %rax\n jmp 2f\n2: add $1, %rbx\n jmp 1b');
    const machine = machineWith(bytes, { engine: 'tiered' });
    machine.state.gpr[0] = machine.state.gpr[3] = 0n;
    machine.run(1000);
    const immediate = BigInt(CODE + bytes.length - 3);
    assert.equal(machine.writeLinear(immediate, Uint8Array.of(2)), 1);
    const [rax, rbx] = [machine.state.gpr[0], machine.state.gpr[3]];
    for (let slice = 0; slice < 200; slice++) machine.run(1001 + slice);
    const difference = 2n * (machine.state.gpr[0] - rax) - (machine.state.gpr[3] - rbx);
    assert.ok(difference === 0n || difference === 2n, `off by ${difference}`);
  });
});
