import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeMsr } from '../../../emulator';
import { gnuAssemble, haveGnuAs, machineWith } from './support';

const RESULTS = 0x80000;

describe('A kernel that uses FRED', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  for (const engine of ['tiered', 'interpreter'] as const) {
    it(`serves system calls, faults, interrupts and single steps (${engine})`, () => {
      const code = gnuAssemble(readFileSync(join(import.meta.dirname, 'fred-guest.S'), 'utf8'));
      const machine = machineWith(code, { cpu: 'intel,+fred', engine });
      const stop = machine.run(1_000_000);
      assert.equal(stop.reason, 'halt');
      const result = (offset: number): bigint => machine.memory.readU64(RESULTS + offset);
      const list = (offset: number, count: number): bigint[] =>
        Array.from({ length: count }, (_, i) => result(offset + 8 * i));
      const [
        calls,
        pageFaults,
        address,
        breakpoints,
        interrupts,
        kernelFaults,
        surprises,
        kept,
        steps,
        kernelInterrupts,
      ] = list(0, 10);
      assert.equal(surprises, 0n);
      assert.ok(calls > 500n);
      assert.equal(kernelFaults, calls, 'one UD2 in each, ended by ERETS');
      assert.deepEqual([pageFaults, address, breakpoints], [1n, 0x40001230n, 1n]);
      assert.ok(interrupts >= 4n && kernelInterrupts >= 1n);
      assert.equal(kept, 0x1234n + 0x5678n, 'RCX and R11 survive SYSCALL');
      assert.equal(steps, 4n);
      assert.deepEqual(list(0x100, 4), list(0x200, 4), 'after NOP, SYSCALL, NOP and AND; not after INT n');
    });
  }

  it('shows a system call where a user asks for its entry and exit', () => {
    const source = '.org 0x1000; hlt';
    const machine = machineWith(gnuAssemble(source), { cpu: 'intel,+fred' });
    const { state } = machine;
    state.fred.enabled = true;
    state.fred.config = 0x101000n;
    state.fred.rsp[0] = 0x88000n;
    state.star = 0x00230010_00000000n;
    machine.memory.load(0x102000, Uint8Array.of(0x0f, 0x05, 0xf4));
    machine.memory.load(0x101000, Uint8Array.of(0xf3, 0x0f, 0x01, 0xca));
    for (const segment of [1, 2]) state.segments[segment].rights |= 0x60;
    state.segments[1].selector = 0x33;
    state.segments[2].selector = 0x2b;
    state.cpl = 3;
    state.rip = 0x102000n;
    machine.stopOn.systemCallEntry = machine.stopOn.systemCallExit = true;
    assert.deepEqual(machine.run(100), { reason: 'system-call', phase: 'entry', gate: 'syscall' });
    assert.equal(state.rip, 0x101000n);
    assert.deepEqual(machine.run(100), { reason: 'system-call', phase: 'exit', gate: 'eretu' });
    assert.equal(state.rip, 0x102002n);
  });

  it('resumes an indirect branch whose target had to be paged in, with the tracker still waiting', () => {
    const CONTROL_PROTECTION = 21;
    const branchTo = (target: string) => {
      const source = `mov $0x40103000, %eax; jmp *%rax
        .org 0x1100; mov 0x2000, %rax; mov %rax, 0x2008; .byte 0xf2, 0x0f, 0x01, 0xca
        .org 0x3000; ${target}; hlt`;
      const machine = machineWith(gnuAssemble(source), { cpu: 'intel,+fred,+cet_ibt' });
      const { state } = machine;
      state.fred.enabled = true;
      state.fred.config = 0x101000n;
      state.cr4 |= 1 << 23;
      writeMsr(machine.cpu, 0x6a2, 4n);
      machine.stopOn.exceptions.add(CONTROL_PROTECTION);
      return machine.run(1000);
    };
    assert.equal(branchTo('endbr64').reason, 'halt');
    const stop = branchTo('nop');
    assert.deepEqual(stop, { reason: 'exception', vector: CONTROL_PROTECTION, errorCode: 3, faultAddress: undefined });
  });
});
