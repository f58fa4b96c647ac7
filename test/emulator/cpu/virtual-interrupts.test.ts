import assert from 'node:assert/strict';
import { cpuid } from '../../../emulator/cpu/cpuid';
import { writeControlRegister } from '../../../emulator/cpu/control-registers';
import { enterVirtual8086 } from '../../../emulator/cpu/virtual-8086';
import { Cr4, Flag } from '../../../emulator/cpu/state';
import { Gpr, Seg, type Operand } from '../../../emulator/isa/instruction';
import { gnuAssemble, haveGnuAs, machineWith } from '../engine/support';
import {
  CODE32,
  CODE64,
  exceptionOf,
  execute,
  gate32,
  longModeCpu,
  protectedModeCpu,
  setLevel,
  testCpu,
  TSS,
  USER_CS,
  USER_CS32,
  type TestCpu,
} from './support';

const IOPL_3 = Flag.IOPL;
const PROGRAM = 0x1000;
const STACK = 0x2000;
const IO_MAP = 0x88;
const vector = (value: number): { operands: Operand[] } => ({
  operands: [{ kind: 'immediate', value: BigInt(value), size: 1 }],
});

/** A program in virtual-8086 mode with CR4.VME, at IP 100h of segment 1000h; all software interrupts are redirected. */
function virtual8086Cpu(flags = 0): TestCpu {
  const cpu = protectedModeCpu();
  const { state, memory } = cpu;
  state.cr4 |= Cr4.VME;
  memory.writeU16(TSS + 102, IO_MAP);
  state.tr.limit = IO_MAP + 0x2000;
  enterVirtual8086(state, Flag.FIXED | Flag.VM | Flag.IF | flags, [
    [Seg.CS, PROGRAM],
    [Seg.SS, STACK],
    [Seg.DS, PROGRAM],
    [Seg.ES, PROGRAM],
    [Seg.FS, PROGRAM],
    [Seg.GS, PROGRAM],
  ]);
  state.rip = 0x100n;
  state.gpr[Gpr.RSP] = 0x800n;
  // The program's handler of INT 21h is at 3000:0040, the monitor's of vector 13 at 5000h.
  memory.writeU32(4 * 0x21, 0x3000_0040);
  gate32(cpu, 0x21, 0x6000, { dpl: 3 });
  return cpu;
}

const flagsOf = ({ state }: TestCpu): number => state.rflags & (Flag.IF | Flag.VIF | Flag.VIP | Flag.IOPL | Flag.TF);
const word = (cpu: TestCpu, offset: number): number => cpu.memory.readU16(STACK * 16 + offset);

describe('VME', () => {
  it('is a feature of all models and lets CR4.VME and CR4.PVI be set', () => {
    for (const model of ['intel', 'amd', 'generic']) assert.equal((cpuid(testCpu(model), 1, 0).edx >>> 1) & 1, 1);
    for (const bit of [Cr4.VME, Cr4.PVI]) {
      assert.equal(
        exceptionOf(() => writeControlRegister(testCpu(), 4, BigInt(bit))),
        'none',
      );
      assert.equal(
        exceptionOf(() => writeControlRegister(testCpu('intel,-VME'), 4, BigInt(bit))),
        '13(0)',
      );
    }
  });

  it('makes CLI and STI clear and set VIF below IOPL 3', () => {
    const cpu = virtual8086Cpu();
    execute(cpu, 'STI');
    assert.equal(flagsOf(cpu), Flag.IF | Flag.VIF);
    assert.equal(cpu.state.interruptShadow, 'none');
    execute(cpu, 'CLI');
    assert.equal(flagsOf(cpu), Flag.IF);
    const full = virtual8086Cpu(IOPL_3 | Flag.VIF);
    execute(full, 'CLI');
    assert.equal(flagsOf(full), Flag.VIF | IOPL_3);
    const without = virtual8086Cpu();
    without.state.cr4 &= ~Cr4.VME;
    for (const mnemonic of ['CLI', 'STI'])
      assert.equal(
        exceptionOf(() => execute(without, mnemonic)),
        '13(0)',
      );
  });

  it('makes STI #GP(0) while an interrupt waits; CLI does not mind', () => {
    const cpu = virtual8086Cpu(Flag.VIP);
    assert.equal(
      exceptionOf(() => execute(cpu, 'STI')),
      '13(0)',
    );
    assert.equal(flagsOf(cpu), Flag.IF | Flag.VIP);
    assert.equal(
      exceptionOf(() => execute(cpu, 'CLI')),
      'none',
    );
  });

  it('lets PUSHF show VIF as IF and IOPL as 3; PUSHFD stays #GP(0)', () => {
    const cpu = virtual8086Cpu(Flag.CF | Flag.NT);
    execute(cpu, 'PUSHF', { operandSize: 2 });
    assert.equal(cpu.state.gpr[Gpr.RSP], 0x7fen);
    assert.equal(word(cpu, 0x7fe), Flag.CF | Flag.NT | IOPL_3 | Flag.FIXED);
    cpu.state.setControlFlags(Flag.VIF, true);
    execute(cpu, 'PUSHF', { operandSize: 2 });
    assert.equal(word(cpu, 0x7fc), Flag.CF | Flag.NT | IOPL_3 | Flag.IF | Flag.FIXED);
    assert.equal(
      exceptionOf(() => execute(cpu, 'PUSHF', { operandSize: 4 })),
      '13(0)',
    );
    const full = virtual8086Cpu(IOPL_3 | Flag.VIF);
    full.state.setControlFlags(Flag.IF, false);
    execute(full, 'PUSHF', { operandSize: 2 });
    assert.equal(word(full, 0x7fe), IOPL_3 | Flag.FIXED, 'at IOPL 3 it is IF');
  });

  for (const [mnemonic, prepare] of [
    ['POPF', (cpu: TestCpu, image: number): void => cpu.memory.writeU16(STACK * 16 + 0x800, image)],
    [
      'IRET',
      (cpu: TestCpu, image: number): void => {
        cpu.memory.writeU16(STACK * 16 + 0x800, 0x222);
        cpu.memory.writeU16(STACK * 16 + 0x802, 0x1234);
        cpu.memory.writeU16(STACK * 16 + 0x804, image);
      },
    ],
  ] as const) {
    it(`lets ${mnemonic} take IF for VIF, and refuse TF, IF while an interrupt waits, and 32 bits`, () => {
      const attempt = (before: number, image: number, operandSize: 2 | 4 = 2): string => {
        const cpu = virtual8086Cpu(before);
        prepare(cpu, image);
        const exception = exceptionOf(() => execute(cpu, mnemonic, { operandSize }));
        if (exception === 'none') return (cpu.state.rflags & ~(Flag.FIXED | Flag.VM)).toString(16);
        assert.equal(cpu.state.gpr[Gpr.RSP], 0x800n);
        assert.equal(cpu.state.rip, 0x100n);
        return exception;
      };
      const hex = (flags: number): string => flags.toString(16);
      assert.equal(attempt(0, Flag.IF | Flag.CF | IOPL_3 | Flag.NT), hex(Flag.IF | Flag.VIF | Flag.CF | Flag.NT));
      assert.equal(attempt(Flag.VIF | Flag.CF | Flag.DF | Flag.AC, 0), hex(Flag.IF | Flag.AC));
      assert.equal(attempt(0, Flag.TF), '13(0)');
      assert.equal(attempt(Flag.VIP, Flag.IF), '13(0)');
      assert.equal(attempt(Flag.VIP | Flag.VIF, Flag.ZF), hex(Flag.IF | Flag.VIP | Flag.ZF));
      assert.equal(attempt(0, 0, 4), '13(0)');
      assert.equal(attempt(IOPL_3 | Flag.VIP, Flag.IF | Flag.TF), hex(IOPL_3 | Flag.VIP | Flag.IF | Flag.TF));
    });
  }

  it('IRET goes where the frame says', () => {
    const cpu = virtual8086Cpu();
    [0x222, 0x1234, 0].forEach((value, at) => {
      cpu.memory.writeU16(STACK * 16 + 0x800 + 2 * at, value);
    });
    execute(cpu, 'IRET', { operandSize: 2 });
    const cs = cpu.state.segments[Seg.CS];
    assert.deepEqual([cs.selector, cs.base, cpu.state.rip], [0x1234, 0x12340n, 0x222n]);
    assert.equal(cpu.state.gpr[Gpr.RSP], 0x806n);
  });
});

describe('INT n with VME', () => {
  const redirect = (cpu: TestCpu, number: number, program: boolean): void => {
    const byte = TSS + IO_MAP - 32 + (number >> 3);
    cpu.memory.writeU8(byte, program ? 0 : 1 << (number & 7));
  };

  it('goes to the program itself if its bit is clear: below IOPL 3 with VIF for IF', () => {
    const cpu = virtual8086Cpu(Flag.VIF | Flag.TF | Flag.CF);
    redirect(cpu, 0x21, true);
    execute(cpu, 'INT', vector(0x21));
    const { state } = cpu;
    assert.deepEqual([state.segments[Seg.CS].selector, state.rip, state.cpl], [0x3000, 0x40n, 3]);
    assert.equal(state.gpr[Gpr.RSP], 0x7fan);
    assert.deepEqual([word(cpu, 0x7fa), word(cpu, 0x7fc)], [0x102, PROGRAM]);
    assert.equal(word(cpu, 0x7fe), Flag.FIXED | Flag.IF | IOPL_3 | Flag.TF | Flag.CF);
    assert.equal(flagsOf(cpu), Flag.IF, 'VIF and TF are cleared');
  });

  it('at IOPL 3 with IF itself', () => {
    const cpu = virtual8086Cpu(IOPL_3 | Flag.VIF);
    redirect(cpu, 0x21, true);
    execute(cpu, 'INT', vector(0x21));
    assert.equal(cpu.state.rip, 0x40n);
    assert.equal(word(cpu, 0x7fe), Flag.FIXED | Flag.IF | IOPL_3);
    assert.equal(flagsOf(cpu), Flag.VIF | IOPL_3);
  });

  it('goes to the monitor if its bit is set: by #GP(0), at IOPL 3 through the IDT', () => {
    const cpu = virtual8086Cpu();
    redirect(cpu, 0x21, false);
    assert.equal(
      exceptionOf(() => execute(cpu, 'INT', vector(0x21))),
      '13(0)',
    );
    const full = virtual8086Cpu(IOPL_3);
    redirect(full, 0x21, false);
    execute(full, 'INT', vector(0x21));
    assert.deepEqual([full.state.rip, full.state.cpl, full.state.virtual8086], [0x6000n, 0, false]);
  });

  it('is #GP(0) without a map, INT3 and INTO never ask it', () => {
    const short = virtual8086Cpu(IOPL_3);
    short.state.tr.limit = IO_MAP - 32 + 3;
    assert.equal(
      exceptionOf(() => execute(short, 'INT', vector(0x21))),
      '13(0)',
    );
    const cpu = virtual8086Cpu(Flag.OF);
    gate32(cpu, 3, 0x7000, { dpl: 3 });
    execute(cpu, 'INT3');
    assert.equal(cpu.state.rip, 0x7000n);
  });

  it('leaves all as it was if the stack has no room', () => {
    const cpu = virtual8086Cpu();
    cpu.state.gpr[Gpr.RSP] = 1n;
    assert.equal(
      exceptionOf(() => execute(cpu, 'INT', vector(0x21))),
      '12(0)',
    );
    assert.deepEqual([cpu.state.segments[Seg.CS].selector, cpu.state.rip], [PROGRAM, 0x100n]);
    assert.equal(flagsOf(cpu), Flag.IF);
  });
});

describe('PVI', () => {
  const cpus = (flags: number): TestCpu[] => {
    const [long, legacy] = [longModeCpu(), protectedModeCpu()];
    setLevel(long, 3, USER_CS, CODE64);
    setLevel(legacy, 3, USER_CS32, CODE32);
    for (const { state } of [long, legacy]) {
      state.cr4 |= Cr4.PVI;
      state.rflags = Flag.FIXED | flags;
    }
    return [long, legacy];
  };

  it('makes CLI and STI clear and set VIF at CPL 3, STI #GP(0) while an interrupt waits', () => {
    for (const cpu of cpus(Flag.IF)) {
      execute(cpu, 'STI');
      assert.equal(flagsOf(cpu), Flag.IF | Flag.VIF);
      execute(cpu, 'CLI');
      assert.equal(flagsOf(cpu), Flag.IF);
      cpu.state.setControlFlags(Flag.VIP, true);
      assert.equal(
        exceptionOf(() => execute(cpu, 'STI')),
        '13(0)',
      );
    }
  });

  it('does not reach CPL 1, IOPL 3, or virtual-8086 mode', () => {
    for (const cpu of cpus(Flag.IF)) {
      cpu.state.cpl = 1;
      assert.equal(
        exceptionOf(() => execute(cpu, 'CLI')),
        '13(0)',
      );
    }
    for (const cpu of cpus(Flag.IF | IOPL_3)) {
      execute(cpu, 'CLI');
      assert.equal(flagsOf(cpu), IOPL_3);
    }
    const virtual = virtual8086Cpu();
    virtual.state.cr4 = Cr4.PVI;
    assert.equal(
      exceptionOf(() => execute(virtual, 'CLI')),
      '13(0)',
    );
  });

  it('leaves POPF and IRET as they are', () => {
    for (const cpu of cpus(Flag.VIF)) {
      cpu.memory.writeU64(0x1f000, BigInt(Flag.IF | Flag.CF));
      cpu.state.gpr[Gpr.RSP] = 0x1f000n;
      execute(cpu, 'POPF', { operandSize: cpu.state.mode64 ? 8 : 4 });
      assert.equal(flagsOf(cpu), Flag.VIF);
    }
  });

  it('lets IRET at CPL 0 restore VIF and VIP, from a 16-bit image not', () => {
    const cpu = longModeCpu();
    const iret = (operandSize: 2 | 8): number => {
      const size = operandSize;
      [0x1234, 0x10, Flag.VIF | Flag.VIP, 0x1000, 0x18].forEach((value, at) => {
        if (size === 8) cpu.memory.writeU64(0x1e000 + 8 * at, BigInt(value));
        else cpu.memory.writeU16(0x1e000 + 2 * at, value & 0xffff);
      });
      cpu.state.gpr[Gpr.RSP] = 0x1e000n;
      execute(cpu, 'IRET', { operandSize });
      return flagsOf(cpu);
    };
    assert.equal(iret(8), Flag.VIF | Flag.VIP);
    assert.equal(iret(2), Flag.VIF | Flag.VIP);
    cpu.state.rflags = Flag.FIXED;
    assert.equal(iret(2), 0);
  });
});

describe('a program in virtual-8086 mode with VME', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  for (const engine of ['interpreter', 'tiered'] as const) {
    it(`clears, sets, pushes and pops its interrupt flag without the monitor: ${engine}`, () => {
      // 3000 rounds of CLI, PUSHF, STI, POPF and an INT 40h that counts and returns; at the end HLT, which is #GP.
      const code = gnuAssemble(
        `.code16
            mov    $3000, %cx
        1:  cli
            pushf
            sti
            pushf
            pop    %ax
            test   $0x200, %ax
            jz     2f
            popf
            pushf
            pop    %ax
            test   $0x200, %ax
            jnz    2f
            sti
            int    $0x40
            pushf
            pop    %ax
            test   $0x200, %ax
            jz     2f
            dec    %cx
            jnz    1b
        2:  hlt
            .org   0x80
            pushf
            pop    %ax
            test   $0x200, %ax
            jnz    2b
            inc    %bx
            iret`,
        32,
      );
      const machine = machineWith(new Uint8Array(0), { engine });
      const { memory, state } = machine;
      memory.load(0x10100, code);
      memory.writeU32(4 * 0x40, 0x1000_0180);
      memory.writeU16(TSS + 102, IO_MAP);
      state.cr0 = 0x11;
      state.efer = 0;
      state.cr4 = Cr4.VME;
      state.tr.base = BigInt(TSS);
      state.tr.limit = 0x200;
      state.tr.rights = 0x8b;
      const selectors = [Seg.ES, Seg.CS, Seg.SS, Seg.DS, Seg.FS, Seg.GS].map((seg) => [seg, 0x1000] as const);
      enterVirtual8086(state, Flag.FIXED | Flag.VM, selectors);
      state.gpr.fill(0n);
      state.gpr[Gpr.RSP] = 0x8000n;
      state.rip = 0x100n;
      machine.stopOn.exceptions.add(13);
      const stop = machine.run(1_000_000);
      assert.deepEqual([stop.reason, machine.readLinear(0x10000n + state.rip, 1)[0]], ['exception', 0xf4]);
      assert.deepEqual([state.gpr[Gpr.RBX], state.gpr[Gpr.RCX]], [3000n, 0n]);
      assert.equal(state.flag(Flag.IF), false);
    });
  }
});
