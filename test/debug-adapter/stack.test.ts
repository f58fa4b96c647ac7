import assert from 'node:assert/strict';
import { join } from 'node:path';
import { loadTarget, type Target } from '../../debug-adapter';
import { findPtRegs } from '../../debug-adapter/pt-regs';
import { stackRows } from '../../debug-adapter/stack';
import { PT_REGS_NAMES, ptRegsRegister, readWord } from '../../debug-adapter/symbols/unwind';
import { builtKernel, HELLO, lineOf, SAMPLES } from './client';

/** Registers the program has at its first SYSCALL; the kernel must be seen to keep them at every instruction. */
const SAVED = ['rsp', 'rbx', 'rbp', 'rdi', 'rsi', 'rdx', 'r8', 'r9', 'r10', 'r12', 'r13', 'r14', 'r15'];

function runTo(target: Target, va: bigint): void {
  target.machine.addBreakpoint(va);
  assert.equal(target.machine.run(10_000_000).reason, 'breakpoint');
  target.machine.removeBreakpoint(va);
}

function symbol(target: Target, name: string): bigint {
  const found = target.symbols.named(name);
  assert.ok(found, name);
  return found.value;
}

describe('stack through a system call', () => {
  let target: Target;
  beforeEach(() => {
    ({ target } = loadTarget({ program: HELLO, kernel: builtKernel() }));
    runTo(target, symbol(target, 'enter_kernel'));
  });

  it('should show the user frame with its registers below the kernel at every single instruction', () => {
    const { state, machine } = target;
    const names = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
    const before = new Map(names.map((name, index) => [name, state.gpr[index]]));
    const next = state.rip + 2n;
    machine.step();
    let instructions = 0;
    for (; state.cpl === 0; machine.step(), instructions++) {
      const where = `at ${target.symbolic(state.rip)}: ${target.instructionAt(state.rip)?.text}`;
      const frames = target.unwinder.unwind();
      const user = frames.at(-1);
      assert.equal(user?.ring, 3, where);
      assert.equal(user.kind, 'kernel-entry', where);
      assert.equal(user.rip, next, where);
      for (const name of SAVED) assert.equal(user.registers.get(name)?.value, before.get(name), `${name} ${where}`);
      const calls = frames.slice(0, -1);
      assert.ok(
        calls.slice(1).every(({ kind }) => kind === 'call'),
        where,
      );
    }
    assert.ok(instructions > 300, `${instructions} instructions`);
    assert.equal(state.rip, next);
  });

  it('should name the functions and macros of the stack and divide the rings', () => {
    runTo(target, symbol(target, 'ksys_write'));
    const names = stackRows(target, 0).map(({ name, location }) => `${name}:${location?.line ?? ''}`);
    assert.deepEqual(
      names.map((name) => name.replace(/:\d*$/, '')),
      ['ksys_write', 'do_syscall_64', 'entry_SYSCALL_64', '── ring 3 ──', '_start'],
    );
    assert.equal(names.at(-1), `_start:${lineOf(HELLO, '	syscall')}`);
  });

  it('should see pt_regs being filled push by push, and taken apart on the way out', () => {
    const { state, machine } = target;
    machine.step();
    const counts: number[] = [];
    for (; state.cpl === 0; machine.step()) {
      const frame = findPtRegs(target);
      const count = typeof frame === 'string' ? -1 : frame.filled.filter(Boolean).length;
      if (count !== counts.at(-1)) counts.push(count);
    }
    const up = Array.from({ length: 22 }, (_, index) => index);
    // Out: r15 … rsi are popped, then the trampoline stack takes over and pt_regs is gone.
    const down = Array.from({ length: 14 }, (_, index) => 20 - index);
    assert.deepEqual(counts, [-1, ...up, ...down, -1]);
  });

  it('should find in each filled slot the register it is named after', () => {
    const { state } = target;
    const names = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
    const before = new Map(names.map((name, index) => [name, state.gpr[index]]));
    runTo(target, symbol(target, 'do_syscall_64'));
    const frame = findPtRegs(target);
    assert.ok(typeof frame !== 'string');
    PT_REGS_NAMES.forEach((slot, index) => {
      const value = readWord(target, frame.base + BigInt(8 * index));
      if (slot === 'orig_ax') assert.equal(value, 1n);
      else if (slot === 'ax') assert.equal(BigInt.asIntN(64, value ?? 0n), -38n);
      else if (SAVED.includes(ptRegsRegister(slot) ?? ''))
        assert.equal(value, before.get(ptRegsRegister(slot) ?? ''), slot);
    });
  });

  it('should cross the boundary in exception handlers too', () => {
    runTo(target, symbol(target, 'do_syscall_64'));
    // A fault in the handler: the frames are the exception's, the interrupted kernel code, the entry code, user code.
    const { state, machine } = target;
    state.rip = symbol(target, 'ksys_write');
    state.gpr[7] = 0xdead000000000000n;
    const fault = symbol(target, 'do_error_trap');
    machine.writeLinear(state.rip, Uint8Array.of(0x0f, 0x0b));
    machine.addBreakpoint(fault);
    assert.equal(machine.run(1_000_000).reason, 'breakpoint');
    const names = stackRows(target, 0).map(({ name }) => name);
    assert.equal(names[0], 'do_error_trap');
    assert.ok(names.includes('asm_exc_invalid_op'), names.join());
    assert.deepEqual(names.slice(-2), ['── ring 3 ──', '_start']);
  });

  for (const name of ['sysret-or-iret', 'int80-and-sysenter']) {
    it(`should end in ring 3 at every kernel instruction of ${name}`, () => {
      ({ target } = loadTarget({ program: join(SAMPLES, name, `${name}.S`), kernel: builtKernel() }));
      runTo(target, target.entry);
      const { machine, state } = target;
      const seen = new Set<bigint>();
      for (let reason = 'limit'; reason === 'limit'; reason = machine.step().stop.reason) {
        if (state.cpl === 3 || seen.has(state.rip)) continue;
        seen.add(state.rip);
        const here = target.symbolic(state.rip) ?? '';
        const frames = target.unwinder.unwind();
        // SYSENTER saves no return address: there is none until the kernel supplies it.
        if (here.startsWith('entry_SYSENTER_compat') && frames.length === 1) continue;
        assert.equal(frames.at(-1)?.ring, 3, `${here}: ${frames.map(({ rip }) => target.symbolic(rip)).join(' < ')}`);
      }
      assert.ok(seen.size > 300);
    });
  }
});
