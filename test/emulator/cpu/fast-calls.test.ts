import assert from 'node:assert/strict';
import { GuestException } from '../../../emulator/cpu/exceptions';
import { segmentAddress } from '../../../emulator/cpu/segmentation';
import { Efer, Flag } from '../../../emulator/cpu/state';
import { Gpr, Seg } from '../../../emulator/isa/instruction';
import {
  CODE32,
  CODE64,
  exceptionOf,
  execute,
  KERNEL_CS,
  longModeCpu,
  protectedModeCpu,
  setLevel,
  USER_CS,
  USER_CS32,
  type TestCpu,
} from './support';

const LSTAR = 0xffffffff81000000n;
const CSTAR = 0xffffffff81001000n;

/** At CPL 3 in 64-bit code, the MSRs as Linux sets them. */
function userCpu(model = 'intel'): TestCpu {
  const cpu = longModeCpu(model);
  const { state } = cpu;
  state.star = 0x0023001000000000n;
  state.lstar = LSTAR;
  state.cstar = CSTAR;
  state.fmask = 0x257fd5n;
  state.sysenterCs = 0x10n;
  state.sysenterEip = 0xffffffff81002000n;
  state.sysenterEsp = 0xfffffe0000001000n;
  state.rip = 0x401000n;
  state.rflags = Flag.IF | Flag.ZF | Flag.CF | Flag.RF;
  setLevel(cpu, 3, USER_CS, CODE64);
  return cpu;
}

describe('SYSCALL', () => {
  it('saves RIP in RCX and RFLAGS without RF in R11, masks RFLAGS, goes to LSTAR at CPL 0', () => {
    const cpu = userCpu();
    const rsp = cpu.state.gpr[Gpr.RSP];
    execute(cpu, 'SYSCALL');
    const { state } = cpu;
    assert.equal(state.rip, LSTAR);
    assert.equal(state.gpr[Gpr.RCX], 0x401002n);
    assert.equal(state.gpr[Gpr.R11], BigInt(Flag.IF | Flag.ZF | Flag.CF | Flag.FIXED));
    assert.equal(state.rflags, Flag.FIXED);
    assert.equal(state.cpl, 0);
    assert.equal(state.gpr[Gpr.RSP], rsp, 'RSP is untouched');
  });

  it('gives CS and SS fixed hidden parts, whatever the GDT says', () => {
    const cpu = userCpu();
    cpu.state.gdtr.limit = 0;
    execute(cpu, 'SYSCALL');
    const [, cs, ss] = cpu.state.segments;
    assert.deepEqual([cs.selector, cs.base, cs.limit, cs.rights.toString(16)], [0x10, 0n, 0xffffffff, 'a09b']);
    assert.deepEqual([ss.selector, ss.base, ss.limit, ss.rights.toString(16)], [0x18, 0n, 0xffffffff, 'c093']);
  });

  it('is #UD without EFER.SCE', () => {
    const cpu = userCpu();
    cpu.state.efer &= ~Efer.SCE;
    assert.equal(
      exceptionOf(() => execute(cpu, 'SYSCALL')),
      '6',
    );
  });

  it('from compatibility mode: #UD on Intel, through CSTAR on AMD', () => {
    const intel = userCpu('intel');
    setLevel(intel, 3, USER_CS32, CODE32);
    assert.equal(
      exceptionOf(() => execute(intel, 'SYSCALL')),
      '6',
    );
    const amd = userCpu('amd');
    setLevel(amd, 3, USER_CS32, CODE32);
    execute(amd, 'SYSCALL');
    assert.equal(amd.state.rip, CSTAR);
    assert.equal(amd.state.gpr[Gpr.RCX], 0x401002n);
    assert.equal(amd.state.mode64, true);
  });

  it('in legacy mode on AMD goes to STAR bits 31..0 and leaves R11 alone', () => {
    const cpu = protectedModeCpu('amd');
    cpu.state.efer = Efer.SCE;
    cpu.state.star = 0x0023001000123456n;
    cpu.state.rflags = Flag.IF;
    setLevel(cpu, 3, USER_CS32, CODE32);
    execute(cpu, 'SYSCALL', {}, 0x1000n);
    assert.equal(cpu.state.rip, 0x123456n);
    assert.equal(cpu.state.gpr[Gpr.RCX], 0x1002n);
    assert.equal(cpu.state.gpr[Gpr.R11], 0n);
    assert.equal(cpu.state.flag(Flag.IF), false);
    assert.equal(cpu.state.segments[Seg.CS].rights, CODE32);
  });
});

describe('SYSRET', () => {
  function kernelCpu(model = 'intel'): TestCpu {
    const cpu = userCpu(model);
    setLevel(cpu, 0, KERNEL_CS, CODE64);
    cpu.state.gpr[Gpr.RCX] = 0x401002n;
    cpu.state.gpr[Gpr.R11] = 0xffffffffffffffffn;
    cpu.state.rflags = 0;
    return cpu;
  }

  it('to 64-bit code: RIP from RCX, RFLAGS from R11 without RF and VM, CS and SS fixed, CPL 3', () => {
    const cpu = kernelCpu();
    execute(cpu, 'SYSRET');
    const { state } = cpu;
    assert.equal(state.rip, 0x401002n);
    assert.equal(state.rflags, 0x3c7fd7 | Flag.FIXED);
    assert.equal(state.cpl, 3);
    const [, cs, ss] = state.segments;
    assert.deepEqual([cs.selector, cs.rights.toString(16)], [USER_CS, 'a0fb']);
    assert.deepEqual([ss.selector, ss.rights.toString(16)], [0x2b, 'c0f3']);
  });

  it('to 32-bit code: ECX only, the 32-bit selector', () => {
    const cpu = kernelCpu();
    cpu.state.gpr[Gpr.RCX] = 0xffffffff00401002n;
    execute(cpu, 'SYSRET', { operandSize: 4 });
    assert.equal(cpu.state.rip, 0x401002n);
    assert.deepEqual(
      [cpu.state.segments[Seg.CS].selector, cpu.state.segments[Seg.CS].rights.toString(16)],
      [0x23, 'c0fb'],
    );
  });

  it('with a non-canonical RCX: Intel raises #GP(0) still at CPL 0, nothing changed', () => {
    const cpu = kernelCpu();
    cpu.state.gpr[Gpr.RCX] = 0x800000000000n;
    assert.equal(
      exceptionOf(() => execute(cpu, 'SYSRET')),
      '13(0)',
    );
    assert.equal(cpu.state.cpl, 0);
    assert.equal(cpu.state.segments[Seg.CS].selector, KERNEL_CS);
    assert.equal(cpu.state.rflags, Flag.FIXED);
  });

  it('with a non-canonical RCX: AMD goes there at CPL 3', () => {
    const cpu = kernelCpu('amd');
    cpu.state.gpr[Gpr.RCX] = 0x800000000000n;
    execute(cpu, 'SYSRET');
    assert.equal(cpu.state.rip, 0x800000000000n);
    assert.equal(cpu.state.cpl, 3);
    assert.throws(() => segmentAddress(cpu, Seg.CS, cpu.state.rip, 1, 'execute'), GuestException);
  });

  it('on AMD leaves the hidden part of SS as it was', () => {
    const cpu = kernelCpu('amd');
    const ss = cpu.state.segments[Seg.SS];
    ss.rights = 0x10000;
    ss.limit = 0x1234;
    execute(cpu, 'SYSRET');
    assert.deepEqual([ss.selector, ss.rights, ss.limit], [0x2b, 0x10000, 0x1234]);
  });

  it('is #UD without SCE or outside 64-bit mode (Intel), #GP(0) outside ring 0', () => {
    const cpu = kernelCpu();
    cpu.state.efer &= ~Efer.SCE;
    assert.equal(
      exceptionOf(() => execute(cpu, 'SYSRET')),
      '6',
    );
    const compat = kernelCpu();
    setLevel(compat, 0, 8, CODE32);
    assert.equal(
      exceptionOf(() => execute(compat, 'SYSRET', { operandSize: 4 })),
      '6',
    );
    const user = userCpu();
    assert.equal(
      exceptionOf(() => execute(user, 'SYSRET')),
      '13(0)',
    );
  });
});

describe('SYSENTER and SYSEXIT', () => {
  it('enters with RSP and RIP from the MSRs, IF clear and TF kept', () => {
    const cpu = userCpu();
    setLevel(cpu, 3, USER_CS32, CODE32);
    cpu.state.rflags = Flag.IF | Flag.TF;
    execute(cpu, 'SYSENTER');
    const { state } = cpu;
    assert.equal(state.rip, 0xffffffff81002000n);
    assert.equal(state.gpr[Gpr.RSP], 0xfffffe0000001000n);
    assert.equal(state.rflags, Flag.TF | Flag.FIXED);
    assert.equal(state.cpl, 0);
    assert.deepEqual(
      [state.segments[Seg.CS].selector, state.segments[Seg.CS].rights, state.segments[Seg.SS].selector],
      [0x10, CODE64, 0x18],
    );
  });

  it('is #GP(0) with a null IA32_SYSENTER_CS', () => {
    const cpu = userCpu();
    cpu.state.sysenterCs = 3n;
    assert.equal(
      exceptionOf(() => execute(cpu, 'SYSENTER')),
      '13(0)',
    );
  });

  it('does not exist in long mode on AMD', () => {
    const cpu = userCpu('amd');
    assert.equal(
      exceptionOf(() => execute(cpu, 'SYSENTER')),
      '6',
    );
    assert.equal(
      exceptionOf(() => execute(cpu, 'SYSEXIT')),
      '6',
    );
    const legacy = protectedModeCpu('amd');
    legacy.state.sysenterCs = 8n;
    legacy.state.sysenterEip = 0x5000n;
    execute(legacy, 'SYSENTER');
    assert.equal(legacy.state.rip, 0x5000n);
  });

  it('exits to 32-bit code at CS + 16 and to 64-bit code at CS + 32', () => {
    for (const [operandSize, cs, rights] of [
      [4, 0x23, 'c0fb'],
      [8, 0x33, 'a0fb'],
    ] as const) {
      const cpu = longModeCpu();
      cpu.state.sysenterCs = 0x10n;
      cpu.state.gpr[Gpr.RDX] = 0x401000n;
      cpu.state.gpr[Gpr.RCX] = 0x7ff000n;
      execute(cpu, 'SYSEXIT', { operandSize });
      const { state } = cpu;
      assert.deepEqual([state.rip, state.gpr[Gpr.RSP], state.cpl], [0x401000n, 0x7ff000n, 3]);
      assert.deepEqual([state.segments[Seg.CS].selector, state.segments[Seg.CS].rights.toString(16)], [cs, rights]);
      assert.equal(state.segments[Seg.SS].selector, cs + 8);
    }
  });

  it('SYSEXIT checks the privilege level and, to 64-bit code, both addresses', () => {
    const cpu = userCpu();
    assert.equal(
      exceptionOf(() => execute(cpu, 'SYSEXIT')),
      '13(0)',
    );
    setLevel(cpu, 0, KERNEL_CS, CODE64);
    cpu.state.gpr[Gpr.RCX] = 1n << 47n;
    assert.equal(
      exceptionOf(() => execute(cpu, 'SYSEXIT')),
      '13(0)',
    );
  });
});

describe('SWAPGS', () => {
  it('exchanges the GS base with KERNEL_GS_BASE in ring 0 of 64-bit mode only', () => {
    const cpu = longModeCpu();
    cpu.state.kernelGsBase = 0xffff888000000000n;
    cpu.state.segments[Seg.GS].base = 0x7000n;
    execute(cpu, 'SWAPGS');
    assert.equal(cpu.state.segments[Seg.GS].base, 0xffff888000000000n);
    assert.equal(cpu.state.kernelGsBase, 0x7000n);
    assert.equal(
      exceptionOf(() => execute(userCpu(), 'SWAPGS')),
      '13(0)',
    );
    assert.equal(
      exceptionOf(() => execute(protectedModeCpu(), 'SWAPGS')),
      '6',
    );
  });
});
