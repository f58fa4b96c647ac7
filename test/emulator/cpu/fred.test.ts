/** FRED against the text of its specification: there is no processor or emulator at hand to compare with. */
import assert from 'node:assert/strict';
import { readControlRegister, writeControlRegister } from '../../../emulator/cpu/control-registers';
import { DebugFault } from '../../../emulator/cpu/debug';
import { GuestException } from '../../../emulator/cpu/exceptions';
import {
  deliverDebugTrap,
  deliverException,
  deliverInterrupt,
  deliverNmi,
  TripleFault,
} from '../../../emulator/cpu/interrupts';
import { readMsr, writeMsr } from '../../../emulator/cpu/msr';
import { Flag } from '../../../emulator/cpu/state';
import { Gpr, Seg, type Operand } from '../../../emulator/isa/instruction';
import {
  CODE32,
  CODE64,
  descriptor,
  DPL3,
  exceptionOf,
  execute,
  KERNEL_CS,
  KERNEL_DS,
  longModeCpu,
  PD,
  register,
  setLevel,
  SPARE,
  type TestCpu,
  USER_CS,
  USER_CS32,
  USER_DS,
  writeGdt,
} from './support';

const CR4_FRED = 1n << 32n;
const [RSP0, STKLVLS, SSP1, CONFIG] = [0x1cc, 0x1d0, 0x1d1, 0x1d4];
const ENTRY = 0x100000n;
const STACKS = [0x20000n, 0x21000n, 0x22000n, 0x23000n];
const USER_RSP = 0x30000n;
const FLAGS = 0x202;

function fredCpu(level: 0 | 3, model = 'intel,+fred'): TestCpu {
  const cpu = longModeCpu(model);
  const { state } = cpu;
  writeControlRegister(cpu, 4, readControlRegister(cpu, 4) | CR4_FRED);
  STACKS.forEach((stack, index) => writeMsr(cpu, RSP0 + index, stack));
  writeMsr(cpu, CONFIG, ENTRY);
  state.star = (BigInt(USER_CS32) << 48n) | (BigInt(KERNEL_CS) << 32n);
  setLevel(cpu, level, level === 3 ? USER_CS : KERNEL_CS, CODE64);
  state.gpr[Gpr.RSP] = level === 3 ? USER_RSP : 0x1f008n;
  state.rflags = FLAGS;
  state.rip = 0x10000n;
  state.segments[Seg.GS].base = 0x1111n;
  state.kernelGsBase = 0x2222n;
  return cpu;
}

interface Frame {
  readonly errorCode: bigint;
  readonly rip: bigint;
  readonly cs: number;
  readonly stackLevel: number;
  readonly waiting: boolean;
  readonly flags: number;
  readonly rsp: bigint;
  readonly ss: number;
  readonly sti: boolean;
  readonly software: boolean;
  readonly nmi: boolean;
  readonly vector: number;
  readonly type: number;
  readonly mode64: boolean;
  readonly nested: boolean;
  readonly length: number;
  readonly data: bigint;
  readonly reserved: bigint;
}

/** The frame RSP points to, taken apart. */
function frameOf(cpu: TestCpu): Frame {
  const at = Number(cpu.state.gpr[Gpr.RSP]);
  const quadword = (index: number): bigint => cpu.memory.readU64(at + 8 * index);
  const [cs, ss] = [quadword(2), quadword(5)];
  const bits = (value: bigint, low: number, width: number): number =>
    Number((value >> BigInt(low)) & ((1n << BigInt(width)) - 1n));
  assert.equal(cs >> 19n, 0n);
  assert.equal(bits(ss, 19, 13), 0);
  return {
    errorCode: quadword(0),
    rip: quadword(1),
    cs: bits(cs, 0, 16),
    stackLevel: bits(cs, 16, 2),
    waiting: bits(cs, 18, 1) === 1,
    flags: Number(quadword(3)),
    rsp: quadword(4),
    ss: bits(ss, 0, 16),
    sti: bits(ss, 16, 1) === 1,
    software: bits(ss, 17, 1) === 1,
    nmi: bits(ss, 18, 1) === 1,
    vector: bits(ss, 32, 8),
    type: bits(ss, 48, 4),
    mode64: bits(ss, 57, 1) === 1,
    nested: bits(ss, 58, 1) === 1,
    length: bits(ss, 60, 4),
    data: quadword(6),
    reserved: quadword(7),
  };
}

/** What an event in ring 3 leaves on the stack, but for what makes it special. */
const FROM_USER: Frame = {
  errorCode: 0n,
  rip: 0x10000n,
  cs: USER_CS,
  stackLevel: 0,
  waiting: false,
  flags: FLAGS,
  rsp: USER_RSP,
  ss: USER_DS,
  sti: false,
  software: false,
  nmi: false,
  vector: 0,
  type: 0,
  mode64: true,
  nested: false,
  length: 0,
  data: 0n,
  reserved: 0n,
};
const FROM_KERNEL: Frame = { ...FROM_USER, cs: KERNEL_CS, ss: KERNEL_DS, rsp: 0x1f008n };

const interrupt = (vector: number): { operands: Operand[] } => ({
  operands: [{ kind: 'immediate', value: BigInt(vector), size: 1 }],
});

describe('FRED', () => {
  describe('is enabled by CR4.FRED', () => {
    it('in 64-bit mode, on processors that have it', () => {
      const cpu = fredCpu(0);
      assert.equal(readControlRegister(cpu, 4) >> 32n, 1n);
      const without = longModeCpu('intel');
      assert.equal(
        exceptionOf(() => writeControlRegister(without, 4, 0x20n | CR4_FRED)),
        '13(0)',
      );
      assert.equal(
        exceptionOf(() => readMsr(without, CONFIG)),
        '13(0)',
      );
      const compatibility = longModeCpu('intel,+fred');
      setLevel(compatibility, 0, 8, CODE32);
      assert.equal(
        exceptionOf(() => writeControlRegister(compatibility, 4, 0x20n | CR4_FRED)),
        '13(0)',
      );
      assert.equal(
        exceptionOf(() => writeControlRegister(cpu, 4, 0x20n | (1n << 33n))),
        '13(0)',
      );
    });

    it('and its MSRs refuse misaligned and reserved bits', () => {
      const cpu = fredCpu(0);
      for (const [number, value] of [
        [RSP0, 0x20020n],
        [RSP0 + 3, 1n << 60n],
        [SSP1, 0x20004n],
        [CONFIG, ENTRY | 4n],
        [CONFIG, ENTRY | 0x10n],
        [CONFIG, ENTRY | 0x800n],
      ] as const)
        assert.equal(
          exceptionOf(() => writeMsr(cpu, number, value)),
          '13(0)',
          value.toString(16),
        );
      writeMsr(cpu, CONFIG, ENTRY | 0x7cbn);
      assert.equal(readMsr(cpu, CONFIG), ENTRY | 0x7cbn);
      writeMsr(cpu, STKLVLS, 0xffff_ffff_ffff_ffffn);
    });

    it('which takes SYSRET, SYSEXIT, SWAPGS and the way out by IRET away', () => {
      const cpu = fredCpu(0);
      for (const mnemonic of ['SYSRET', 'SYSEXIT', 'SWAPGS'])
        assert.equal(
          exceptionOf(() => execute(cpu, mnemonic)),
          '6',
          mnemonic,
        );
      const iret = (cs: number, ss: number): string => {
        const stack = Number(cpu.state.gpr[Gpr.RSP]);
        [0x12000, cs, FLAGS, 0x1e000, ss].forEach((value, i) => cpu.memory.writeU64(stack + 8 * i, BigInt(value)));
        return exceptionOf(() => execute(cpu, 'IRET'));
      };
      assert.equal(iret(USER_CS, USER_DS), `13(${(USER_CS & ~3).toString(16)})`);
      assert.equal(iret(8, KERNEL_DS), '13(8)', 'to compatibility mode in ring 0');
      assert.equal(iret(KERNEL_CS, KERNEL_DS), 'none');
      const without = longModeCpu('intel,+fred');
      for (const mnemonic of ['ERETU', 'ERETS'])
        assert.equal(
          exceptionOf(() => execute(without, mnemonic)),
          '6',
        );
      const user = fredCpu(3);
      for (const mnemonic of ['ERETU', 'ERETS'])
        assert.equal(
          exceptionOf(() => execute(user, mnemonic)),
          '6',
        );
    });
  });

  describe('delivers events of ring 3', () => {
    it('SYSCALL: to the entry page, with a frame, RCX and R11 as they were', () => {
      const cpu = fredCpu(3);
      const { state } = cpu;
      state.gpr[Gpr.RCX] = 0x77n;
      state.gpr[Gpr.R11] = 0x88n;
      execute(cpu, 'SYSCALL');
      assert.equal(state.rip, ENTRY);
      assert.equal(state.gpr[Gpr.RSP], STACKS[0] - 64n);
      assert.deepEqual([state.gpr[Gpr.RCX], state.gpr[Gpr.R11]], [0x77n, 0x88n]);
      const special = { rip: 0x10002n, software: true, vector: 1, type: 7, length: 2 };
      assert.deepEqual(frameOf(cpu), { ...FROM_USER, ...special });
      assert.equal(state.cpl, 0);
      assert.equal(state.rflags, Flag.FIXED);
      assert.deepEqual([state.segments[Seg.CS].selector, state.segments[Seg.SS].selector], [KERNEL_CS, KERNEL_DS]);
      assert.ok(state.mode64);
      assert.deepEqual([state.segments[Seg.GS].base, state.kernelGsBase], [0x2222n, 0x1111n], 'GS is exchanged');
    });

    it('SYSENTER, from compatibility mode too, without its MSRs', () => {
      const cpu = fredCpu(3);
      setLevel(cpu, 3, USER_CS32, CODE32);
      execute(cpu, 'SYSENTER', { operandSize: 4 });
      const frame = frameOf(cpu);
      const special = { rip: 0x10002n, cs: USER_CS32, software: true, vector: 2, type: 7, length: 2, mode64: false };
      assert.deepEqual(frame, { ...FROM_USER, ...special });
    });

    it('INT n, INT3 and INT1 need no gate', () => {
      for (const [mnemonic, fields, expected] of [
        ['INT', interrupt(0x80), { software: true, vector: 0x80, type: 4 }],
        ['INT', interrupt(14), { software: true, vector: 14, type: 4 }],
        ['INT3', { length: 1 }, { vector: 3, type: 6, length: 1 }],
        ['INT1', { length: 1 }, { vector: 1, type: 5, length: 1 }],
      ] as const) {
        const cpu = fredCpu(3);
        execute(cpu, mnemonic, fields);
        assert.deepEqual(frameOf(cpu), { ...FROM_USER, rip: 0x10002n, length: 2, ...expected }, mnemonic);
      }
    });

    it('exceptions: with error code, RF, and CR2 or DR6 as event data', () => {
      const flags = FLAGS | Flag.RF;
      for (const [exception, expected] of [
        [new GuestException(13, 0x58), { vector: 13, errorCode: 0x58n }],
        [new GuestException(6), { vector: 6 }],
        [new GuestException(14, 6, 0x1234567n), { vector: 14, errorCode: 6n, data: 0x1234567n }],
      ] as const) {
        const cpu = fredCpu(3);
        deliverException(cpu, exception);
        assert.deepEqual(frameOf(cpu), { ...FROM_USER, type: 3, flags, ...expected });
      }
      const page = fredCpu(3);
      deliverException(page, new GuestException(14, 6, 0x1234567n));
      assert.equal(page.state.cr2, 0x1234567n);
      const step = fredCpu(3);
      deliverDebugTrap(step, 0x4000);
      assert.deepEqual(frameOf(step), { ...FROM_USER, type: 3, vector: 1, data: 0x4000n });
      const breakpoint = fredCpu(3);
      deliverException(breakpoint, new DebugFault(2));
      assert.equal(frameOf(breakpoint).data, 2n);
    });

    it('external interrupts and NMIs', () => {
      const cpu = fredCpu(3);
      deliverInterrupt(cpu, 0x31);
      assert.deepEqual(frameOf(cpu), { ...FROM_USER, vector: 0x31 });
      const nmi = fredCpu(3);
      deliverNmi(nmi);
      assert.deepEqual(frameOf(nmi), { ...FROM_USER, vector: 2, type: 2, nmi: true });
      assert.equal(nmi.state.nmiBlocked, true);
    });
  });

  describe('delivers events of ring 0', () => {
    it('256 bytes on, below the stack in use, aligned to 64 bytes', () => {
      const cpu = fredCpu(0);
      const { state } = cpu;
      deliverException(cpu, new GuestException(13, 0));
      assert.equal(state.rip, ENTRY + 256n);
      assert.equal(state.gpr[Gpr.RSP], 0x1f000n - 64n);
      assert.deepEqual(frameOf(cpu), { ...FROM_KERNEL, type: 3, vector: 13, flags: FLAGS | Flag.RF });
      assert.equal(state.segments[Seg.GS].base, 0x1111n, 'GS stays');
    });

    it('further down by the red zone that IA32_FRED_CONFIG asks for', () => {
      const cpu = fredCpu(0);
      writeMsr(cpu, CONFIG, ENTRY | (3n << 6n));
      deliverException(cpu, new GuestException(13, 0));
      assert.equal(cpu.state.gpr[Gpr.RSP], 0x1f008n - 8n - 3n * 64n - 64n);
    });

    it('on the stack of their level, and never of a lower one', () => {
      const cpu = fredCpu(0);
      const { state } = cpu;
      writeMsr(cpu, STKLVLS, (1n << 2n) | (2n << 4n) | (3n << 16n));
      writeMsr(cpu, CONFIG, ENTRY | (1n << 9n));
      deliverNmi(cpu);
      assert.equal(state.fred.stackLevel, 2);
      assert.equal(readMsr(cpu, CONFIG) & 3n, 2n);
      assert.equal(state.gpr[Gpr.RSP], STACKS[2] - 64n);
      assert.equal(frameOf(cpu).stackLevel, 0, 'that before');
      deliverDebugTrap(cpu, 0x4000);
      assert.equal(state.fred.stackLevel, 2);
      assert.equal(state.gpr[Gpr.RSP], STACKS[2] - 128n);
      assert.equal(frameOf(cpu).stackLevel, 2);
      const maskable = fredCpu(0);
      writeMsr(maskable, CONFIG, ENTRY | (1n << 9n));
      deliverInterrupt(maskable, 0x31);
      assert.equal(maskable.state.gpr[Gpr.RSP], STACKS[1] - 64n);
      const requested = fredCpu(0);
      writeMsr(requested, STKLVLS, 1n << 28n);
      execute(requested, 'INT', interrupt(14));
      assert.equal(requested.state.fred.stackLevel, 0, 'INT 14 is no page fault');
    });

    it('in the shadow of STI say so', () => {
      const cpu = fredCpu(0);
      cpu.state.stiBlocking = true;
      deliverException(cpu, new GuestException(6));
      assert.ok(frameOf(cpu).sti);
    });
  });

  describe('while another event is delivered', () => {
    /** Makes the page of an address of the first 2 MiB vanish: all of them. */
    const unmap = (cpu: TestCpu): void => cpu.memory.writeU64(PD, 0n);

    it('an exception is marked as nested and goes to the stack of its level, from ring 3 too', () => {
      const cpu = fredCpu(3);
      writeMsr(cpu, RSP0, 0x40000000n);
      writeMsr(cpu, STKLVLS, 1n << 28n);
      assert.equal(
        exceptionOf(() => execute(cpu, 'SYSCALL')),
        '14(2)',
      );
      assert.equal(cpu.state.cpl, 3, 'nothing has happened yet');
      try {
        execute(cpu, 'SYSCALL');
      } catch (error) {
        cpu.state.rip = 0x10000n;
        deliverException(cpu, error as GuestException);
      }
      assert.equal(cpu.state.fred.stackLevel, 1);
      const special = { type: 3, vector: 14, errorCode: 2n, data: 0x3ffffff8n, nested: true };
      assert.deepEqual(frameOf(cpu), { ...FROM_USER, ...special, flags: FLAGS | Flag.RF });
    });

    it('two page faults make a double fault, which is not marked, and one more the end', () => {
      const cpu = fredCpu(3);
      writeMsr(cpu, RSP0, 0x40000000n);
      writeMsr(cpu, STKLVLS, 3n << 16n);
      deliverException(cpu, new GuestException(14, 4, 0x5000n));
      assert.equal(cpu.state.fred.stackLevel, 3);
      assert.deepEqual(frameOf(cpu), { ...FROM_USER, type: 3, vector: 8, flags: FLAGS });
      const lost = fredCpu(3);
      unmap(lost);
      assert.throws(() => deliverException(lost, new GuestException(14, 4, 0x5000n)), TripleFault);
    });
  });

  describe('ERETU', () => {
    function entered(): TestCpu {
      const cpu = fredCpu(3);
      execute(cpu, 'SYSCALL');
      return cpu;
    }
    const poke = (cpu: TestCpu, index: number, value: bigint): void => {
      cpu.memory.writeU64(Number(cpu.state.gpr[Gpr.RSP]) + 8 * index, value);
    };

    it('restores ring 3 and exchanges GS', () => {
      const cpu = entered();
      const { state } = cpu;
      execute(cpu, 'ERETU');
      assert.equal(state.cpl, 3);
      assert.equal(state.rip, 0x10002n);
      assert.equal(state.gpr[Gpr.RSP], USER_RSP);
      assert.equal(state.rflags, FLAGS);
      const [cs, ss] = [state.segments[Seg.CS], state.segments[Seg.SS]];
      assert.deepEqual([cs.selector, cs.rights, ss.selector], [USER_CS, CODE64 | DPL3, USER_DS]);
      assert.deepEqual([state.segments[Seg.GS].base, state.kernelGsBase], [0x1111n, 0x2222n]);
    });

    it('goes to compatibility mode by the selectors of STAR, with 32 bits of RIP and RSP', () => {
      const cpu = entered();
      poke(cpu, 1, 0x7_0001_0000n);
      poke(cpu, 2, BigInt(USER_CS32));
      poke(cpu, 4, 0x7_0003_0000n);
      execute(cpu, 'ERETU');
      assert.equal(cpu.state.mode64, false);
      assert.deepEqual([cpu.state.rip, cpu.state.gpr[Gpr.RSP]], [0x10000n, 0x30000n]);
    });

    it('loads other selectors from their descriptors, as IRET does', () => {
      const cpu = entered();
      writeGdt(cpu, SPARE, descriptor(0, 0xfffff, CODE32 | DPL3));
      poke(cpu, 1, 0x10000n);
      poke(cpu, 2, BigInt(SPARE | 3));
      execute(cpu, 'ERETU');
      assert.equal(cpu.state.segments[Seg.CS].selector, SPARE | 3);
      const wrong = entered();
      writeGdt(wrong, SPARE, descriptor(0, 0xfffff, CODE64));
      poke(wrong, 2, BigInt(SPARE | 3));
      assert.equal(
        exceptionOf(() => execute(wrong, 'ERETU')),
        `13(${SPARE.toString(16)})`,
      );
    });

    it('refuses ring 0, IOPL, reserved bits, addresses that are not canonical, and other stack levels', () => {
      for (const [index, value] of [
        [1, 1n << 50n],
        [2, BigInt(KERNEL_CS)],
        [2, BigInt(USER_CS) | (1n << 16n)],
        [3, 0x3202n],
        [3, 0x200n],
        [3, 0x20202n],
        [5, BigInt(KERNEL_DS)],
        [5, BigInt(USER_DS) | (1n << 19n)],
      ] as const) {
        const cpu = entered();
        poke(cpu, index, value);
        assert.equal(
          exceptionOf(() => execute(cpu, 'ERETU')),
          '13(0)',
          `${index}: ${value.toString(16)}`,
        );
        assert.equal(cpu.state.cpl, 0);
      }
      const cpu = entered();
      cpu.state.fred.stackLevel = 1;
      assert.equal(
        exceptionOf(() => execute(cpu, 'ERETU')),
        '13(0)',
      );
    });

    it('asks for the single step that a system call with TF set is owed', () => {
      const cpu = fredCpu(3);
      cpu.state.rflags |= Flag.TF;
      execute(cpu, 'SYSCALL');
      assert.equal(cpu.state.flag(Flag.TF), false);
      execute(cpu, 'ERETU');
      assert.equal(cpu.state.flag(Flag.TF), true);
      assert.equal(cpu.state.pendingDebugTraps, 0x4000);
    });

    it('unblocks NMIs if the frame is of one, and only then', () => {
      const cpu = fredCpu(3);
      deliverNmi(cpu);
      execute(cpu, 'ERETU');
      assert.equal(cpu.state.nmiBlocked, false);
      const other = entered();
      other.state.nmiBlocked = true;
      execute(other, 'ERETU');
      assert.equal(other.state.nmiBlocked, true);
    });
  });

  describe('ERETS', () => {
    it('restores ring 0 with stack level, RF and interrupt blocking', () => {
      const cpu = fredCpu(0);
      const { state } = cpu;
      writeMsr(cpu, STKLVLS, 1n << 12n);
      state.stiBlocking = true;
      deliverException(cpu, new GuestException(6));
      assert.equal(state.fred.stackLevel, 1);
      execute(cpu, 'ERETS');
      assert.equal(state.rip, 0x10000n);
      assert.equal(state.gpr[Gpr.RSP], 0x1f008n);
      assert.equal(state.rflags, FLAGS | Flag.RF);
      assert.equal(state.fred.stackLevel, 0);
      assert.equal(state.interruptShadow, 'sti');
    });

    it('does not raise the stack level, and wants CS and SS to be those in use', () => {
      const cpu = fredCpu(0);
      deliverException(cpu, new GuestException(6));
      const frame = Number(cpu.state.gpr[Gpr.RSP]);
      cpu.memory.writeU64(frame + 16, BigInt(KERNEL_CS) | (3n << 16n));
      execute(cpu, 'ERETS');
      assert.equal(cpu.state.fred.stackLevel, 0);
      for (const [offset, value] of [
        [16, BigInt(USER_CS)],
        [16, BigInt(KERNEL_CS) | (1n << 19n)],
        [40, BigInt(USER_DS)],
        [24, 0n],
      ] as const) {
        const wrong = fredCpu(0);
        deliverException(wrong, new GuestException(6));
        wrong.memory.writeU64(Number(wrong.state.gpr[Gpr.RSP]) + offset, value);
        assert.equal(
          exceptionOf(() => execute(wrong, 'ERETS')),
          '13(0)',
          `${offset}`,
        );
      }
    });
  });

  describe('with control-flow enforcement', () => {
    const MODEL = 'intel,+fred,+cet_ss,+cet_ibt';
    const [U_CET, S_CET, PL0_SSP, PL3_SSP] = [0x6a0, 0x6a2, 0x6a4, 0x6a7];
    const [SH_STK_EN, ENDBR_EN, TRACKER] = [1n, 4n, 0x800n];
    /** The second 2 MiB are one page: a supervisor shadow stack. */
    const SHADOW = 0x300000n;
    const SHADOW1 = 0x301000n;

    function cetCpu(level: 0 | 3, supervisor = SH_STK_EN): TestCpu {
      const cpu = fredCpu(level, MODEL);
      cpu.memory.writeU64(PD + 8, 0x2000e1n);
      writeControlRegister(cpu, 4, readControlRegister(cpu, 4) | (1n << 23n));
      writeMsr(cpu, S_CET, supervisor);
      writeMsr(cpu, PL0_SSP, SHADOW);
      writeMsr(cpu, SSP1, SHADOW1);
      cpu.state.cet.ssp = SHADOW - 0x20n;
      return cpu;
    }

    it('events of ring 3 take the pointer of IA32_PL0_SSP, without a token', () => {
      const cpu = cetCpu(3);
      writeMsr(cpu, U_CET, SH_STK_EN);
      cpu.state.cet.ssp = 0x5000n;
      execute(cpu, 'SYSCALL');
      assert.equal(cpu.state.cet.ssp, SHADOW);
      assert.equal(readMsr(cpu, PL3_SSP), 0x5000n);
      assert.equal(cpu.memory.readU64(Number(SHADOW)), 0n);
      execute(cpu, 'ERETU');
      assert.equal(cpu.state.cet.ssp, 0x5000n);
      execute(cpu, 'SYSCALL');
      cpu.state.cet.ssp = SHADOW - 8n;
      assert.equal(
        exceptionOf(() => execute(cpu, 'ERETU')),
        '21(2)',
        'the shadow stack must be empty',
      );
    });

    it('events of ring 0 push CS, RIP and SSP, which ERETS compares', () => {
      const cpu = cetCpu(0);
      writeMsr(cpu, STKLVLS, 1n << 12n);
      deliverException(cpu, new GuestException(6));
      assert.equal(cpu.state.cet.ssp, SHADOW1 - 24n);
      const pushed = [0, 8, 16].map((offset) => cpu.memory.readU64(Number(SHADOW1) - 24 + offset));
      assert.deepEqual(pushed, [SHADOW - 0x20n, 0x10000n, BigInt(KERNEL_CS)]);
      const rip = Number(cpu.state.gpr[Gpr.RSP]) + 8;
      cpu.memory.writeU64(rip, 0x10001n);
      assert.equal(
        exceptionOf(() => execute(cpu, 'ERETS')),
        '21(2)',
      );
      cpu.memory.writeU64(rip, 0x10000n);
      execute(cpu, 'ERETS');
      assert.equal(cpu.state.cet.ssp, SHADOW - 0x20n);
    });

    it('the tracker of indirect branches is saved and reset, so that entry points need no ENDBR64', () => {
      const cpu = cetCpu(0, ENDBR_EN | TRACKER);
      deliverException(cpu, new GuestException(14, 0, 0x10000n));
      assert.ok(frameOf(cpu).waiting);
      assert.equal(readMsr(cpu, S_CET), ENDBR_EN);
      execute(cpu, 'ERETS');
      assert.equal(readMsr(cpu, S_CET), ENDBR_EN | TRACKER);
    });

    it('there are no supervisor tokens', () => {
      const cpu = cetCpu(0);
      for (const mnemonic of ['SETSSBSY', 'CLRSSBSY'])
        assert.equal(
          exceptionOf(() => execute(cpu, mnemonic)),
          '6',
        );
    });
  });

  it('LKGS loads GS and leaves the base for ring 3', () => {
    const cpu = longModeCpu('intel,+lkgs');
    const { state } = cpu;
    writeGdt(cpu, SPARE, descriptor(0x12345678, 0xfffff, 0xc093 | DPL3));
    state.segments[Seg.GS].base = 0xffff_8000_0000_0000n;
    const lkgs = (selector: number): void => {
      state.gpr[Gpr.RAX] = BigInt(selector);
      execute(cpu, 'LKGS', { operands: [register(Gpr.RAX, 2)] });
    };
    lkgs(SPARE | 3);
    assert.deepEqual([state.segments[Seg.GS].selector, state.kernelGsBase], [SPARE | 3, 0x12345678n]);
    assert.equal(state.segments[Seg.GS].base, 0xffff_8000_0000_0000n);
    lkgs(0);
    assert.deepEqual([state.segments[Seg.GS].selector, state.kernelGsBase], [0, 0n]);
    assert.equal(
      exceptionOf(() => lkgs(0x70)),
      '13(70)',
    );
    setLevel(cpu, 3, USER_CS, CODE64);
    assert.equal(
      exceptionOf(() => lkgs(SPARE | 3)),
      '13(0)',
    );
  });
});
