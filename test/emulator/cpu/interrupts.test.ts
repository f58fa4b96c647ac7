import assert from 'node:assert/strict';
import { DebugFault, debugTrapAfter, type CompletedInstruction } from '../../../emulator/cpu/debug';
import { GuestException, Vector } from '../../../emulator/cpu/exceptions';
import {
  acceptsInterrupt,
  acceptsNmi,
  deliverDebugTrap,
  deliverException,
  deliverInterrupt,
  deliverNmi,
  makesDoubleFault,
  TripleFault,
} from '../../../emulator/cpu/interrupts';
import { Flag } from '../../../emulator/cpu/state';
import { Gpr, Seg, type Operand } from '../../../emulator/isa/instruction';
import {
  CODE32,
  CODE64,
  descriptor,
  exceptionOf,
  execute,
  gate32,
  gate64,
  KERNEL_CS,
  KERNEL_CS32,
  KERNEL_DS,
  longModeCpu,
  protectedModeCpu,
  setLevel,
  SPARE,
  STACK0,
  STACK1,
  TSS_SELECTOR,
  USER_CS,
  USER_CS32,
  USER_DS,
  USER_STACK,
  writeGdt,
  type TestCpu,
} from './support';

const HANDLER = 0xffffffff81234567n;

function immediate(value: number): Operand {
  return { kind: 'immediate', value: BigInt(value), size: 1 };
}

/** Eight-byte words upward from RSP. */
function frame(cpu: TestCpu, count: number): bigint[] {
  const base = Number(cpu.state.gpr[Gpr.RSP]);
  return Array.from({ length: count }, (_, index) => cpu.memory.readU64(base + 8 * index));
}

function userCpu(): TestCpu {
  const cpu = longModeCpu();
  setLevel(cpu, 3, USER_CS, CODE64);
  cpu.state.gpr[Gpr.RSP] = USER_STACK - 3n;
  cpu.state.rip = 0x401000n;
  cpu.state.rflags = Flag.IF | Flag.TF | Flag.NT | Flag.CF;
  return cpu;
}

describe('interrupt delivery in IA-32e mode', () => {
  it('from ring 3: stack from RSP0, SS null, frame of five words and the error code', () => {
    const cpu = userCpu();
    gate64(cpu, Vector.PF, HANDLER);
    deliverException(cpu, new GuestException(Vector.PF, 6, 0xdeadbeefn));
    const { state } = cpu;
    assert.equal(state.rip, HANDLER);
    assert.equal(state.cpl, 0);
    assert.equal(state.cr2, 0xdeadbeefn);
    assert.equal(state.gpr[Gpr.RSP], STACK0 - 48n);
    const flags = BigInt(Flag.IF | Flag.TF | Flag.NT | Flag.CF | Flag.RF | Flag.FIXED);
    assert.deepEqual(frame(cpu, 6), [6n, 0x401000n, BigInt(USER_CS), flags, USER_STACK - 3n, BigInt(USER_DS)]);
    assert.equal(state.rflags, Flag.CF | Flag.FIXED, 'IF, TF, NT and RF are clear');
    assert.equal(state.segments[Seg.SS].selector, 0);
    assert.equal(state.segments[Seg.SS].unusable, true);
  });

  it('at the same level: the current stack, aligned to 16 bytes; a trap gate keeps IF', () => {
    const cpu = longModeCpu();
    cpu.state.rflags = Flag.IF;
    cpu.state.gpr[Gpr.RSP] = 0x1f00bn;
    gate64(cpu, 0x30, HANDLER, { type: 15 });
    cpu.state.rip = 0x1000n;
    deliverInterrupt(cpu, 0x30);
    assert.equal(cpu.state.gpr[Gpr.RSP], 0x1f000n - 40n);
    assert.deepEqual(frame(cpu, 5), [0x1000n, BigInt(KERNEL_CS), 0x202n, 0x1f00bn, BigInt(KERNEL_DS)]);
    assert.equal(cpu.state.flag(Flag.IF), true);
    assert.equal(cpu.state.segments[Seg.SS].selector, KERNEL_DS, 'SS stays');
  });

  it('uses the IST stack also at the same level', () => {
    const cpu = longModeCpu();
    gate64(cpu, Vector.DF, HANDLER, { ist: 1 });
    deliverException(cpu, new GuestException(Vector.DF, 0));
    assert.equal(cpu.state.gpr[Gpr.RSP], STACK1 - 48n);
  });

  it('ends HLT and the interrupt shadow', () => {
    const cpu = longModeCpu();
    cpu.state.halted = true;
    cpu.state.interruptShadow = 'sti';
    gate64(cpu, 0x20, HANDLER);
    deliverInterrupt(cpu, 0x20);
    assert.equal(cpu.state.halted, false);
    assert.equal(cpu.state.interruptShadow, 'none');
  });

  it('blocks NMIs until IRET', () => {
    const cpu = longModeCpu();
    gate64(cpu, Vector.NMI, HANDLER);
    deliverNmi(cpu);
    assert.equal(cpu.state.nmiBlocked, true);
    assert.equal(acceptsNmi(cpu.state), false);
    execute(cpu, 'IRET');
    assert.equal(cpu.state.nmiBlocked, false);
  });

  it('INT n: checks the gate DPL, pushes the following address, RF clear', () => {
    const cpu = userCpu();
    gate64(cpu, 0x80, HANDLER);
    const int80 = () => execute(cpu, 'INT', { operands: [immediate(0x80)] });
    assert.equal(exceptionOf(int80), '13(402)');
    gate64(cpu, 0x80, HANDLER, { dpl: 3 });
    int80();
    assert.equal(cpu.state.rip, HANDLER);
    assert.equal(frame(cpu, 1)[0], 0x401002n);
    assert.equal(frame(cpu, 3)[2] & BigInt(Flag.RF), 0n);
  });

  it('does not check the gate DPL for exceptions and external interrupts', () => {
    const cpu = userCpu();
    gate64(cpu, 0x21, HANDLER);
    deliverInterrupt(cpu, 0x21);
    assert.equal(cpu.state.rip, HANDLER);
  });

  it('error codes of bad gates name the vector, of bad segments the selector; EXT only for events', () => {
    const cpu = longModeCpu();
    const int = (vector: number) => exceptionOf(() => execute(cpu, 'INT', { operands: [immediate(vector)] }));
    cpu.state.idtr.limit = 0x30 * 16 - 1;
    assert.equal(int(0x30), '13(182)', 'beyond the limit');
    cpu.state.idtr.limit = 0xfff;
    gate64(cpu, 0x31, HANDLER, { type: 6 });
    assert.equal(int(0x31), '13(18a)', 'a 16-bit gate');
    gate64(cpu, 0x32, HANDLER, { present: false });
    assert.equal(int(0x32), '11(192)', 'not present');
    gate64(cpu, 0x33, HANDLER, { selector: 0 });
    assert.equal(int(0x33), '13(0)', 'null selector');
    gate64(cpu, 0x34, HANDLER, { selector: KERNEL_DS });
    assert.equal(int(0x34), '13(18)', 'not code');
    gate64(cpu, 0x35, HANDLER, { selector: KERNEL_CS32 });
    assert.equal(int(0x35), '13(8)', 'not 64-bit code');
    writeGdt(cpu, SPARE, descriptor(0, 0xfffff, CODE64 & ~0x80));
    gate64(cpu, 0x36, HANDLER, { selector: SPARE });
    assert.equal(int(0x36), '11(50)', 'segment not present');
    gate64(cpu, 0x37, 1n << 47n);
    assert.equal(int(0x37), '13(0)', 'non-canonical handler');
  });

  it('a fault while delivering leaves registers as they were', () => {
    const cpu = userCpu();
    cpu.memory.writeU64(0x3008, 0n);
    cpu.memory.writeU64(0xa004, 0x200010n);
    gate64(cpu, 0x80, HANDLER, { dpl: 3 });
    const before = [cpu.state.gpr[Gpr.RSP], cpu.state.rflags, cpu.state.cpl, cpu.state.segments[Seg.CS].selector];
    assert.equal(
      exceptionOf(() => execute(cpu, 'INT', { operands: [immediate(0x80)] })),
      '14(2)',
    );
    assert.deepEqual(
      [cpu.state.gpr[Gpr.RSP], cpu.state.rflags, cpu.state.cpl, cpu.state.segments[Seg.CS].selector],
      before,
    );
  });

  it('a TSS too short for the stack pointer is #TS(TR)', () => {
    const cpu = userCpu();
    cpu.state.tr.limit = 10;
    gate64(cpu, 0x80, HANDLER, { dpl: 3 });
    assert.equal(
      exceptionOf(() => execute(cpu, 'INT', { operands: [immediate(0x80)] })),
      `10(${TSS_SELECTOR.toString(16)})`,
    );
  });

  it('INTO traps only with OF, INT3 uses vector 3', () => {
    const cpu = longModeCpu();
    gate64(cpu, Vector.OF, HANDLER);
    gate64(cpu, Vector.BP, HANDLER + 1n);
    execute(cpu, 'INTO', {}, 0x1000n);
    assert.equal(cpu.state.rip, 0x1002n);
    cpu.state.rflags = Flag.OF;
    execute(cpu, 'INTO', {}, 0x1000n);
    assert.equal(cpu.state.rip, HANDLER);
    execute(cpu, 'INT3', {}, 0x1000n);
    assert.equal(cpu.state.rip, HANDLER + 1n);
  });
});

describe('double and triple fault', () => {
  it('follows SDM table 6-5', () => {
    assert.equal(makesDoubleFault(Vector.GP, Vector.NP), true);
    assert.equal(makesDoubleFault(Vector.PF, Vector.PF), true);
    assert.equal(makesDoubleFault(Vector.PF, Vector.GP), true);
    assert.equal(makesDoubleFault(Vector.GP, Vector.PF), false);
    assert.equal(makesDoubleFault(Vector.UD, Vector.GP), false);
    assert.equal(makesDoubleFault(Vector.DE, Vector.SS), true);
    assert.equal(makesDoubleFault(0x20, Vector.GP), false);
  });

  it('#GP without a usable gate becomes #DF with error code 0 at the faulting instruction', () => {
    const cpu = longModeCpu();
    cpu.state.rip = 0x1234n;
    gate64(cpu, Vector.DF, HANDLER, { ist: 1 });
    deliverException(cpu, new GuestException(Vector.GP, 0x10));
    assert.equal(cpu.state.rip, HANDLER);
    assert.deepEqual(frame(cpu, 2), [0n, 0x1234n]);
  });

  it('a benign exception without a gate is followed by #GP(EXT)', () => {
    const cpu = longModeCpu();
    gate64(cpu, Vector.GP, HANDLER);
    deliverException(cpu, new GuestException(Vector.UD));
    assert.equal(frame(cpu, 1)[0], BigInt(Vector.UD * 8 + 3));
    const external = longModeCpu();
    gate64(external, Vector.GP, HANDLER);
    deliverInterrupt(external, 0x40);
    assert.equal(frame(external, 1)[0], BigInt(0x40 * 8 + 3));
  });

  it('shuts down with the first vector when #DF cannot be delivered', () => {
    const cpu = longModeCpu();
    cpu.state.idtr.limit = 0;
    assert.throws(
      () => deliverException(cpu, new GuestException(Vector.PF, 0, 0x1000n)),
      (error) => error instanceof TripleFault && error.vector === 14,
    );
    assert.equal(cpu.state.cr2, 0x1000n);
  });

  it("a stack that is not mapped turns a page fault into a double fault; CR2 is the stack's", () => {
    const cpu = userCpu();
    cpu.memory.writeU64(0x3008, 0n);
    cpu.memory.writeU64(0xa004, 0x200010n);
    gate64(cpu, Vector.PF, HANDLER);
    gate64(cpu, Vector.DF, HANDLER + 8n, { ist: 1 });
    deliverException(cpu, new GuestException(Vector.PF, 4, 0x5000n));
    assert.equal(cpu.state.rip, HANDLER + 8n);
    assert.equal(cpu.state.cr2, 0x200008n);
  });
});

describe('interrupt delivery in 32-bit protected mode', () => {
  function dwords(cpu: TestCpu, count: number): number[] {
    const base = Number(cpu.state.gpr[Gpr.RSP]);
    return Array.from({ length: count }, (_, index) => cpu.memory.readU32(base + 4 * index));
  }

  it('at the same level pushes EFLAGS, CS and EIP', () => {
    const cpu = protectedModeCpu();
    cpu.state.rflags = Flag.IF;
    cpu.state.rip = 0x1000n;
    gate32(cpu, 0x20, 0x12345678);
    deliverInterrupt(cpu, 0x20);
    assert.equal(cpu.state.rip, 0x12345678n);
    assert.equal(cpu.state.gpr[Gpr.RSP], 0x1f000n - 12n);
    assert.deepEqual(dwords(cpu, 3), [0x1000, KERNEL_CS32, 0x202]);
    assert.equal(cpu.state.flag(Flag.IF), false);
  });

  it('from ring 3 switches to SS0:ESP0 of the TSS', () => {
    const cpu = protectedModeCpu();
    setLevel(cpu, 3, USER_CS32, CODE32);
    cpu.state.gpr[Gpr.RSP] = 0x30000n;
    cpu.state.rip = 0x1000n;
    gate32(cpu, Vector.GP, 0x5000);
    deliverException(cpu, new GuestException(Vector.GP, 0x18));
    assert.deepEqual(dwords(cpu, 6), [0x18, 0x1000, USER_CS32, Flag.RF | 2, 0x30000, USER_DS]);
    assert.equal(cpu.state.gpr[Gpr.RSP], STACK0 - 24n);
    assert.equal(cpu.state.segments[Seg.SS].selector, KERNEL_DS);
    assert.equal(cpu.state.cpl, 0);
  });

  it('a 16-bit gate pushes words', () => {
    const cpu = protectedModeCpu();
    cpu.state.rip = 0x1000n;
    gate32(cpu, 0x20, 0x5678, { type: 6 });
    deliverInterrupt(cpu, 0x20);
    assert.equal(cpu.state.gpr[Gpr.RSP], 0x1f000n - 6n);
  });

  it('a bad inner stack segment is #TS(selector), one that is not present #SS(selector)', () => {
    const cpu = protectedModeCpu();
    setLevel(cpu, 3, USER_CS32, CODE32);
    gate32(cpu, 0x80, 0x5000, { dpl: 3 });
    const int80 = () => exceptionOf(() => execute(cpu, 'INT', { operands: [immediate(0x80)] }));
    cpu.memory.writeU32(0xa008, USER_DS);
    assert.equal(int80(), '10(28)');
    cpu.memory.writeU32(0xa008, 0);
    assert.equal(int80(), '10(0)');
    cpu.memory.writeU32(0xa008, SPARE);
    writeGdt(cpu, SPARE, descriptor(0, 0xfffff, 0xc013));
    assert.equal(int80(), '12(50)');
  });

  it('delivers through the real-mode vector table without CR0.PE', () => {
    const cpu = protectedModeCpu();
    cpu.state.cr0 = 0x10;
    cpu.state.idtr.base = 0n;
    cpu.memory.writeU32(0x10 * 4, 0xf0001234);
    cpu.state.segments[Seg.SS].rights = 0x93;
    cpu.state.gpr[Gpr.RSP] = 0x100n;
    cpu.state.rip = 0x55n;
    execute(cpu, 'INT', { operands: [immediate(0x10)] });
    assert.equal(cpu.state.rip, 0x1234n);
    assert.equal(cpu.state.segments[Seg.CS].base, 0xf0000n);
    assert.equal(cpu.memory.readU16(0xfa), 0x57);
  });
});

describe('interrupt window', () => {
  it('needs IF and no shadow', () => {
    const { state } = longModeCpu();
    assert.equal(acceptsInterrupt(state), false);
    state.rflags = Flag.IF;
    assert.equal(acceptsInterrupt(state), true);
    state.interruptShadow = 'sti';
    assert.equal(acceptsInterrupt(state), false);
  });

  it('STI opens it one instruction later, and only if IF was clear', () => {
    const cpu = longModeCpu();
    execute(cpu, 'STI');
    assert.equal(cpu.state.interruptShadow, 'sti');
    cpu.state.interruptShadow = 'none';
    execute(cpu, 'STI');
    assert.equal(cpu.state.interruptShadow, 'none');
  });
});

describe('RF in the pushed RFLAGS', () => {
  const pushedResumeFlag = (deliver: (cpu: TestCpu) => void): boolean => {
    const cpu = longModeCpu();
    for (const vector of [1, 6, 8, 0x20]) gate64(cpu, vector, HANDLER);
    deliver(cpu);
    const errorCode = Number(cpu.state.gpr[Gpr.RSP]) % 16 === 0 ? 1 : 0;
    return (frame(cpu, 4)[2 + errorCode] & BigInt(Flag.RF)) !== 0n;
  };

  it('is set for faults, not for instruction breakpoints, interrupts and double faults', () => {
    assert.equal(
      pushedResumeFlag((cpu) => deliverException(cpu, new GuestException(Vector.UD))),
      true,
    );
    assert.equal(
      pushedResumeFlag((cpu) => deliverException(cpu, new DebugFault(1))),
      false,
    );
    assert.equal(
      pushedResumeFlag((cpu) => deliverException(cpu, new DebugFault(1 << 13))),
      true,
    );
    assert.equal(
      pushedResumeFlag((cpu) => deliverInterrupt(cpu, 0x20)),
      false,
    );
    assert.equal(
      pushedResumeFlag((cpu) => deliverInterrupt(cpu, 0x20, true)),
      true,
    );
    assert.equal(
      pushedResumeFlag((cpu) => deliverException(cpu, new GuestException(Vector.DF, 0))),
      false,
    );
  });
});

describe('#DB traps', () => {
  const plain: CompletedInstruction = {
    mnemonic: 'ADD',
    trapFlagBefore: false,
    trapFlagAfter: false,
    inStackShadow: false,
    branched: false,
    branchTrapFlag: false,
    dataBreakpoints: 0,
    heldBreakpoints: 0,
  };
  const BS = 0x4000;

  it('single-steps by TF as it was when the instruction began', () => {
    assert.deepEqual(debugTrapAfter(plain), { deliver: 0, hold: 0, join: 0 });
    assert.equal(debugTrapAfter({ ...plain, trapFlagBefore: true, trapFlagAfter: true }).deliver, BS);
    assert.equal(debugTrapAfter({ ...plain, mnemonic: 'POPF', trapFlagAfter: true }).deliver, 0);
    assert.equal(debugTrapAfter({ ...plain, mnemonic: 'POPF', trapFlagBefore: true }).deliver, BS);
    assert.equal(debugTrapAfter({ ...plain, mnemonic: 'IRET', trapFlagAfter: true }).deliver, 0);
    assert.equal(
      debugTrapAfter({ ...plain, mnemonic: 'SYSENTER', trapFlagBefore: true, trapFlagAfter: true }).deliver,
      BS,
    );
  });

  it('SYSCALL and SYSRET trap by TF at their end', () => {
    assert.equal(debugTrapAfter({ ...plain, mnemonic: 'SYSRET', trapFlagAfter: true }).deliver, BS);
    assert.equal(debugTrapAfter({ ...plain, mnemonic: 'SYSCALL', trapFlagBefore: true }).deliver, 0);
  });

  it('software interrupts end single-stepping', () => {
    for (const mnemonic of ['INT', 'INT3', 'INT1']) {
      assert.equal(debugTrapAfter({ ...plain, mnemonic, trapFlagBefore: true, branched: true }).deliver, 0);
    }
    assert.equal(debugTrapAfter({ ...plain, mnemonic: 'INTO', trapFlagBefore: true, trapFlagAfter: true }).deliver, BS);
  });

  it('after MOV SS the step is lost and data breakpoints wait', () => {
    const shadow = {
      ...plain,
      mnemonic: 'MOV_SREG_LOAD',
      trapFlagBefore: true,
      inStackShadow: true,
      dataBreakpoints: 1,
    };
    assert.deepEqual(debugTrapAfter(shadow), { deliver: 0, hold: 1, join: 0 });
    assert.equal(debugTrapAfter({ ...plain, mnemonic: 'SYSCALL', heldBreakpoints: 1 }).deliver, 1);
    assert.deepEqual(debugTrapAfter({ ...plain, mnemonic: 'INT1', heldBreakpoints: 1 }), {
      ...{ deliver: 0, hold: 0, join: 1 },
    });
  });

  it('with DEBUGCTL.BTF only branches trap', () => {
    const step = { ...plain, trapFlagBefore: true, branchTrapFlag: true };
    assert.equal(debugTrapAfter(step).deliver, 0);
    assert.equal(debugTrapAfter({ ...step, branched: true }).deliver, BS);
  });

  it('delivery records the reason in DR6 and pushes RF clear', () => {
    const cpu = longModeCpu();
    gate64(cpu, Vector.DB, HANDLER);
    cpu.state.dr6 = 0xffff0ff3;
    deliverDebugTrap(cpu, BS);
    assert.equal(cpu.state.dr6, 0xffff4ff0);
    assert.equal(frame(cpu, 3)[2] & BigInt(Flag.RF), 0n);
  });
});
