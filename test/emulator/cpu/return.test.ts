import assert from 'node:assert/strict';
import { Flag } from '../../../emulator/cpu/state';
import { Gpr, Seg, type Operand } from '../../../emulator/isa/instruction';
import {
  CODE32,
  CODE64,
  DATA,
  descriptor,
  DPL3,
  exceptionOf,
  execute,
  KERNEL_CS,
  KERNEL_CS32,
  KERNEL_DS,
  longModeCpu,
  protectedModeCpu,
  setLevel,
  SPARE,
  USER_CS,
  USER_CS32,
  USER_DS,
  writeGdt,
  type TestCpu,
} from './support';

const SP = 0x1f000n;

function words(cpu: TestCpu, size: 4 | 8, values: readonly (number | bigint)[]): void {
  values.forEach((value, index) => {
    if (size === 8) cpu.memory.writeU64(Number(SP) + 8 * index, BigInt(value));
    else cpu.memory.writeU32(Number(SP) + 4 * index, Number(value));
  });
}

function longCpu(...frame: (number | bigint)[]): TestCpu {
  const cpu = longModeCpu();
  words(cpu, 8, frame);
  return cpu;
}

describe('IRETQ', () => {
  it('to ring 3: RIP, CS, RFLAGS, RSP, SS; RF is restored', () => {
    const cpu = longCpu(0x401000, USER_CS, Flag.IF | Flag.RF | Flag.TF | Flag.VM | 0x8028, 0x7ffd0, USER_DS);
    execute(cpu, 'IRET');
    const { state } = cpu;
    assert.deepEqual([state.rip, state.cpl, state.gpr[Gpr.RSP]], [0x401000n, 3, 0x7ffd0n]);
    assert.equal(state.rflags, Flag.IF | Flag.RF | Flag.TF | Flag.FIXED, 'VM and reserved bits are not taken');
    assert.equal(state.segments[Seg.CS].selector, USER_CS);
    assert.equal(state.segments[Seg.SS].selector, USER_DS);
  });

  it('to the same level also pops SS:RSP, which may be null in ring 0', () => {
    const cpu = longCpu(0x1000, KERNEL_CS, 2, 0x12340, 0);
    execute(cpu, 'IRET');
    assert.equal(cpu.state.gpr[Gpr.RSP], 0x12340n);
    assert.equal(cpu.state.segments[Seg.SS].unusable, true);
  });

  it('nulls data segments of inner levels, keeping FS and GS bases', () => {
    const cpu = longCpu(0x401000, USER_CS, 2, 0, USER_DS);
    const [es, , , ds, fs, gs] = cpu.state.segments;
    ds.selector = KERNEL_DS;
    ds.rights = DATA;
    fs.selector = 0;
    fs.rights = 0x10000;
    fs.base = 0x7f0000001000n;
    gs.selector = 3;
    gs.rights = 0x10000;
    execute(cpu, 'IRET');
    assert.equal(ds.selector, 0);
    assert.equal(ds.unusable, true);
    assert.equal(es.selector, USER_DS, 'usable in ring 3');
    assert.equal(fs.base, 0x7f0000001000n);
    assert.equal(gs.selector, 0, 'a null selector loses its RPL');
  });

  it('to compatibility mode', () => {
    const cpu = longCpu(0x401000, USER_CS32, 2, 0xffffd000, USER_DS);
    execute(cpu, 'IRET');
    assert.equal(cpu.state.mode64, false);
    assert.equal(cpu.state.gpr[Gpr.RSP], 0xffffd000n);
  });

  it('to a 16-bit stack loads SP only: the rest of RSP leaks', () => {
    const cpu = longCpu(0x401000, USER_CS32, 2, 0x1234, SPARE | 3);
    writeGdt(cpu, SPARE, descriptor(0, 0xfffff, (DATA | DPL3) & ~0x4000));
    execute(cpu, 'IRET');
    assert.equal(cpu.state.gpr[Gpr.RSP], 0x11234n);
  });

  it('faults name the culprit and change nothing but the NMI blocking', () => {
    const faults: [string, (number | bigint)[]][] = [
      ['13(0)', [0x1000, 0, 2, 0, USER_DS]],
      ['13(18)', [0x1000, KERNEL_DS, 2, 0, USER_DS]],
      ['13(30)', [0x1000, USER_CS & ~3, 2, 0, USER_DS]],
      ['13(0)', [1n << 47n, USER_CS, 2, 0, USER_DS]],
      ['13(0)', [0x1000, USER_CS, 2, 0, 0]],
      ['13(18)', [0x1000, USER_CS, 2, 0, KERNEL_DS | 3]],
      ['13(28)', [0x1000, USER_CS, 2, 0, USER_DS & ~3]],
      ['13(78)', [0x1000, 0x7b, 2, 0, USER_DS]],
      ['13(80)', [0x1000, 0x83, 2, 0, USER_DS]],
    ];
    for (const [expected, frame] of faults) {
      const cpu = longCpu(...frame);
      cpu.state.nmiBlocked = true;
      assert.equal(
        exceptionOf(() => execute(cpu, 'IRET')),
        expected,
        frame.join(),
      );
      assert.deepEqual(
        [cpu.state.gpr[Gpr.RSP], cpu.state.cpl, cpu.state.segments[Seg.CS].selector],
        [SP, 0, KERNEL_CS],
      );
      assert.equal(cpu.state.nmiBlocked, false);
    }
  });

  it('segments that are not present: #NP for CS, #SS for SS', () => {
    const cs = longCpu(0x1000, SPARE | 3, 2, 0, USER_DS);
    writeGdt(cs, SPARE, descriptor(0, 0xfffff, (CODE64 | DPL3) & ~0x80));
    assert.equal(
      exceptionOf(() => execute(cs, 'IRET')),
      '11(50)',
    );
    const ss = longCpu(0x1000, USER_CS, 2, 0, SPARE | 3);
    writeGdt(ss, SPARE, descriptor(0, 0xfffff, (DATA | DPL3) & ~0x80));
    assert.equal(
      exceptionOf(() => execute(ss, 'IRET')),
      '12(50)',
    );
  });

  it('with NT set is #GP(0) in long mode', () => {
    const cpu = longCpu(0x401000, USER_CS, 2, 0, USER_DS);
    cpu.state.rflags = Flag.NT;
    assert.equal(
      exceptionOf(() => execute(cpu, 'IRET')),
      '13(0)',
    );
  });

  it('from a non-canonical stack is #SS(0)', () => {
    const cpu = longModeCpu();
    cpu.state.gpr[Gpr.RSP] = 1n << 47n;
    assert.equal(
      exceptionOf(() => execute(cpu, 'IRET')),
      '12(0)',
    );
  });

  it('sets the accessed bit of the descriptors it loads', () => {
    const cpu = longCpu(0x1000, SPARE | 3, 2, 0, USER_DS);
    writeGdt(cpu, SPARE, descriptor(0, 0xfffff, (CODE64 | DPL3) & ~1));
    execute(cpu, 'IRET');
    assert.equal(cpu.memory.readU8(0x8000 + SPARE + 5) & 1, 1);
  });
});

describe('IRETD in protected mode', () => {
  it('at the same level pops three words', () => {
    const cpu = protectedModeCpu();
    words(cpu, 4, [0x1000, KERNEL_CS32, Flag.IF | Flag.AC]);
    execute(cpu, 'IRET', { operandSize: 4 });
    assert.deepEqual([cpu.state.rip, cpu.state.gpr[Gpr.RSP]], [0x1000n, SP + 12n]);
    assert.equal(cpu.state.rflags, Flag.IF | Flag.AC | Flag.FIXED);
  });

  it('in ring 3 changes IF only with IOPL 3, and never IOPL', () => {
    for (const [iopl, expected] of [
      [0, Flag.FIXED],
      [3, Flag.IF | Flag.IOPL | Flag.FIXED],
    ]) {
      const cpu = protectedModeCpu();
      setLevel(cpu, 3, USER_CS32, CODE32);
      cpu.state.rflags = iopl << 12;
      words(cpu, 4, [0x1000, USER_CS32, Flag.IF | (1 << 12)]);
      execute(cpu, 'IRET', { operandSize: 4 });
      assert.equal(cpu.state.rflags, expected);
    }
  });

  it('checks EIP against the segment limit', () => {
    const cpu = protectedModeCpu();
    writeGdt(cpu, SPARE, descriptor(0, 0xfff, CODE32 & ~0x8000));
    words(cpu, 4, [0x1000, SPARE, 2]);
    assert.equal(
      exceptionOf(() => execute(cpu, 'IRET', { operandSize: 4 })),
      '13(0)',
    );
  });
});

describe('far RET', () => {
  it('outward releases the parameters from both stacks', () => {
    const cpu = protectedModeCpu();
    words(cpu, 4, [0x1000, USER_CS32, 0xaaaa, 0xbbbb, 0x30000, USER_DS]);
    const release: Operand = { kind: 'immediate', value: 8n, size: 2 };
    execute(cpu, 'RET_FAR', { operandSize: 4, operands: [release] });
    assert.deepEqual([cpu.state.rip, cpu.state.cpl, cpu.state.gpr[Gpr.RSP]], [0x1000n, 3, 0x30008n]);
  });

  it('at the same level', () => {
    const cpu = longCpu(0x1000, KERNEL_CS);
    execute(cpu, 'RET_FAR');
    assert.deepEqual([cpu.state.rip, cpu.state.gpr[Gpr.RSP]], [0x1000n, SP + 16n]);
    const inward = longCpu(0x1000, KERNEL_CS);
    setLevel(inward, 3, USER_CS, CODE64);
    assert.equal(
      exceptionOf(() => execute(inward, 'RET_FAR')),
      '13(10)',
    );
  });
});

describe('far JMP and CALL', () => {
  const far = (selector: number, offset: number): Operand => ({ kind: 'far', selector, offset });
  const memory: Operand = {
    ...{
      kind: 'memory',
      size: 6,
      segment: Seg.DS,
      base: -1,
      index: -1,
      scale: 0,
      displacement: 0n,
      ripRelative: false,
    },
  };

  it('JMP switches between 64-bit and compatibility mode', () => {
    const cpu = longModeCpu();
    cpu.memory.writeU32(0x5000, 0x1234);
    cpu.memory.writeU16(0x5004, KERNEL_CS32);
    cpu.operandAddress = 0x5000n;
    execute(cpu, 'JMP_FAR', { operandSize: 4, operands: [memory] });
    assert.deepEqual(
      [cpu.state.rip, cpu.state.mode64, cpu.state.segments[Seg.CS].selector],
      [0x1234n, false, KERNEL_CS32],
    );
    execute(cpu, 'JMP_FAR', { operandSize: 4, operands: [far(KERNEL_CS, 0x5678)] });
    assert.deepEqual([cpu.state.rip, cpu.state.mode64], [0x5678n, true]);
  });

  it('checks the privilege of the target', () => {
    const cpu = protectedModeCpu();
    const jump = (selector: number) =>
      exceptionOf(() => execute(cpu, 'JMP_FAR', { operandSize: 4, operands: [far(selector, 0x1000)] }));
    assert.equal(jump(0), '13(0)');
    assert.equal(jump(USER_CS32), '13(20)');
    assert.equal(jump(KERNEL_DS), '13(18)');
    writeGdt(cpu, SPARE, descriptor(0, 0xfffff, CODE32 | 4));
    setLevel(cpu, 3, USER_CS32, CODE32);
    assert.equal(jump(SPARE), 'none', 'conforming');
    assert.equal(cpu.state.segments[Seg.CS].selector, SPARE | 3, 'at the same level');
  });

  it('CALL pushes CS and the return address', () => {
    const cpu = protectedModeCpu();
    execute(cpu, 'CALL_FAR', { operandSize: 4, operands: [far(KERNEL_CS32, 0x1000)] }, 0x500n);
    assert.equal(cpu.memory.readU32(Number(SP) - 8), 0x502);
    assert.equal(cpu.memory.readU32(Number(SP) - 4), KERNEL_CS32);
    assert.equal(cpu.state.gpr[Gpr.RSP], SP - 8n);
  });

  it('CALL through a call gate switches stacks and copies parameters', () => {
    const cpu = protectedModeCpu();
    const gate = (0x0000ec02n << 32n) | (BigInt(KERNEL_CS32) << 16n) | 0x4000n;
    writeGdt(cpu, SPARE, gate);
    setLevel(cpu, 3, USER_CS32, CODE32);
    cpu.state.gpr[Gpr.RSP] = 0x30000n;
    cpu.memory.writeU32(0x30000, 0x11);
    cpu.memory.writeU32(0x30004, 0x22);
    execute(cpu, 'CALL_FAR', { operandSize: 4, operands: [far(SPARE | 3, 0)] }, 0x500n);
    assert.deepEqual([cpu.state.rip, cpu.state.cpl, cpu.state.gpr[Gpr.RSP]], [0x4000n, 0, 0x20000n - 24n]);
    const frame = [0, 4, 8, 12, 16, 20].map((offset) => cpu.memory.readU32(0x20000 - 24 + offset));
    assert.deepEqual(frame, [0x502, USER_CS32, 0x11, 0x22, 0x30000, USER_DS]);
    execute(cpu, 'RET_FAR', { operandSize: 4, operands: [{ kind: 'immediate', value: 8n, size: 2 }] });
    assert.deepEqual([cpu.state.rip, cpu.state.cpl, cpu.state.gpr[Gpr.RSP]], [0x502n, 3, 0x30008n]);
  });

  it('CALL through a 64-bit call gate: RSP0, SS null', () => {
    const cpu = longModeCpu();
    writeGdt(cpu, SPARE, (0x8123ec00n << 32n) | (BigInt(KERNEL_CS) << 16n) | 0x4000n);
    writeGdt(cpu, SPARE + 8, 0xffffffffn);
    setLevel(cpu, 3, USER_CS32, CODE32);
    execute(cpu, 'CALL_FAR', { operandSize: 4, operands: [far(SPARE | 3, 0)] }, 0x500n);
    assert.deepEqual([cpu.state.rip, cpu.state.cpl], [0xffffffff81234000n, 0]);
    assert.equal(cpu.memory.readU64(0x20000 - 32), 0x502n);
    assert.equal(cpu.state.segments[Seg.SS].unusable, true);
  });
});

describe('task switch', () => {
  it('JMP to a TSS saves the old task and loads the new one; IRET with NT returns from a CALL', () => {
    const cpu = protectedModeCpu();
    const NEW_TSS = 0xb000;
    writeGdt(cpu, 0x40, descriptor(0xa000, 0x67, 0x8b));
    writeGdt(cpu, SPARE, descriptor(NEW_TSS, 0x67, 0x89));
    const set = (offset: number, value: number) => cpu.memory.writeU32(NEW_TSS + offset, value);
    set(32, 0x4000);
    set(36, Flag.CF);
    set(40, 0x1234);
    set(56, 0x1a000);
    for (const offset of [72, 80, 84, 88, 92]) set(offset, KERNEL_DS);
    set(76, KERNEL_CS32);
    cpu.state.gpr[Gpr.RBX] = 0x5555n;
    execute(cpu, 'CALL_FAR', { operandSize: 4, operands: [{ kind: 'far', selector: SPARE, offset: 0 }] }, 0x500n);
    const { state } = cpu;
    assert.deepEqual([state.rip, state.gpr[Gpr.RAX], state.gpr[Gpr.RSP]], [0x4000n, 0x1234n, 0x1a000n]);
    assert.equal(state.rflags, Flag.CF | Flag.NT | Flag.FIXED);
    assert.equal(state.tr.selector, SPARE);
    assert.equal(cpu.memory.readU32(0xa000 + 32), 0x502, 'EIP of the old task');
    assert.equal(cpu.memory.readU32(0xa000 + 52), 0x5555, 'EBX of the old task');
    // The old task's saved image has no CR3; without paging none is needed.
    execute(cpu, 'IRET', { operandSize: 4 });
    assert.deepEqual([state.rip, state.gpr[Gpr.RBX], state.tr.selector], [0x502n, 0x5555n, 0x40]);
    assert.equal(cpu.memory.readU8(0x8000 + SPARE + 5), 0x89, 'available again');
    assert.equal(cpu.memory.readU8(0x8000 + 0x40 + 5), 0x8b, 'still busy');
  });
});
