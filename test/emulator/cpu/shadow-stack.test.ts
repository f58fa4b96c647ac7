import assert from 'node:assert/strict';
import { readControlRegister, writeControlRegister } from '../../../emulator/cpu/control-registers';
import { deliverException } from '../../../emulator/cpu/interrupts';
import { GuestException } from '../../../emulator/cpu/exceptions';
import { readLinear, writeLinear } from '../../../emulator/cpu/linear-memory';
import { readMsr, writeMsr } from '../../../emulator/cpu/msr';
import { PageAccess } from '../../../emulator/cpu/paging';
import { Gpr, type Instruction, type Operand } from '../../../emulator/isa/instruction';
import {
  CODE32,
  CODE64,
  exceptionOf,
  execute,
  gate32,
  gate64,
  KERNEL_CS,
  longModeCpu,
  PD,
  protectedModeCpu,
  PT,
  register,
  setLevel,
  type TestCpu,
  TSS,
  USER_CS,
  USER_CS32,
  writeGdt,
} from './support';

const U_CET = 0x6a0;
const S_CET = 0x6a2;
const PL0_SSP = 0x6a4;
const PL3_SSP = 0x6a7;
const SSP_TABLE = 0x6a8;

const [SH_STK_EN, WR_SHSTK_EN] = [1n, 2n];
const CR4_CET = 1n << 23n;

/** Pages of shadow stacks: present, accessed, dirty, not writable. */
const KERNEL_SHADOW = 0x40000;
const IST_SHADOW = 0x41000;
const USER_SHADOW = 0x50000;
const OTHER_SHADOW = 0x51000;
const KERNEL_TOKEN = BigInt(KERNEL_SHADOW + 0xff8);
const IST_TOKEN = BigInt(IST_SHADOW + 0xff8);
const USER_TOP = BigInt(USER_SHADOW + 0x1000);
const SSP_TABLE_PAGE = 0x60000;

const MEMORY: Operand = {
  kind: 'memory',
  size: 8,
  segment: 3,
  base: -1,
  index: -1,
  scale: 0,
  displacement: 0n,
  ripRelative: false,
};

/** 64-bit mode with the low 2 MiB in 4 KiB pages and shadow stacks enabled at every privilege level. */
function cetCpu(level: 0 | 3 = 0, controls = SH_STK_EN): TestCpu {
  const cpu = longModeCpu('intel,+cet_ss,+cet_ibt');
  const { memory, state } = cpu;
  memory.writeU64(PD, BigInt(PT) | 7n);
  for (let page = 0; page < 512; page++) memory.writeU64(PT + 8 * page, BigInt(page << 12) | 0x67n);
  const map = (address: number, rights: number): void => {
    memory.writeU64(PT + (address >> 12) * 8, BigInt(address | rights));
  };
  for (const page of [KERNEL_SHADOW, IST_SHADOW]) map(page, 0x61);
  for (const page of [USER_SHADOW, OTHER_SHADOW]) map(page, 0x65);
  writeControlRegister(cpu, 4, readControlRegister(cpu, 4) | CR4_CET);
  writeMsr(cpu, U_CET, controls);
  writeMsr(cpu, S_CET, controls);
  writeMsr(cpu, PL0_SSP, KERNEL_TOKEN);
  memory.writeU64(Number(KERNEL_TOKEN), KERNEL_TOKEN);
  writeMsr(cpu, SSP_TABLE, BigInt(SSP_TABLE_PAGE));
  memory.writeU64(SSP_TABLE_PAGE + 8, IST_TOKEN);
  memory.writeU64(Number(IST_TOKEN), IST_TOKEN);
  if (level === 3) {
    setLevel(cpu, 3, USER_CS, CODE64);
    state.cet.ssp = USER_TOP;
  } else {
    state.cet.ssp = KERNEL_TOKEN;
  }
  return cpu;
}

const shadow = (cpu: TestCpu, va: bigint): bigint => cpu.memory.readU64(Number(va));

/** Executes an instruction with a memory operand at `address`. */
function executeAt(cpu: TestCpu, mnemonic: string, address: bigint, fields: Partial<Instruction> = {}): void {
  cpu.operandAddress = address;
  execute(cpu, mnemonic, { operands: [MEMORY], ...fields });
}

const relative = (displacement: number): Partial<Instruction> => ({ operands: [{ kind: 'relative', displacement }] });

describe('Shadow stacks', () => {
  describe('are enabled by CR4.CET and two MSRs', () => {
    it('CR4.CET needs CR0.WP, and the feature', () => {
      const cpu = longModeCpu('intel,+cet_ss');
      writeControlRegister(cpu, 0, readControlRegister(cpu, 0) & ~(1n << 16n));
      const cr4 = readControlRegister(cpu, 4);
      assert.equal(
        exceptionOf(() => writeControlRegister(cpu, 4, cr4 | CR4_CET)),
        '13(0)',
      );
      writeControlRegister(cpu, 0, readControlRegister(cpu, 0) | (1n << 16n));
      writeControlRegister(cpu, 4, cr4 | CR4_CET);
      assert.equal(
        exceptionOf(() => writeControlRegister(cpu, 0, readControlRegister(cpu, 0) & ~(1n << 16n))),
        '13(0)',
      );
      const without = longModeCpu('intel');
      assert.equal(
        exceptionOf(() => writeControlRegister(without, 4, cr4 | CR4_CET)),
        '13(0)',
      );
      assert.equal(
        exceptionOf(() => readMsr(without, S_CET)),
        '13(0)',
      );
    });

    it('reserved bits, SUPPRESS with TRACKER, and misaligned pointers are refused', () => {
      const cpu = cetCpu();
      for (const value of [0x40n, 0x200n, 0xc00n, 1n << 50n])
        assert.equal(
          exceptionOf(() => writeMsr(cpu, U_CET, value)),
          '13(0)',
          value.toString(16),
        );
      writeMsr(cpu, U_CET, 0x1234_5000_083fn);
      assert.equal(readMsr(cpu, U_CET), 0x1234_5000_083fn);
      assert.equal(
        exceptionOf(() => writeMsr(cpu, PL3_SSP, 0x1002n)),
        '13(0)',
      );
      assert.equal(
        exceptionOf(() => writeMsr(cpu, PL0_SSP, 1n << 50n)),
        '13(0)',
      );
      const tracking = longModeCpu('intel,+cet_ibt');
      assert.equal(
        exceptionOf(() => writeMsr(tracking, S_CET, SH_STK_EN)),
        '13(0)',
        'no shadow stacks',
      );
      assert.equal(
        exceptionOf(() => readMsr(tracking, PL0_SSP)),
        '13(0)',
      );
    });

    it('without them RDSSP does nothing and the others are undefined', () => {
      const cpu = cetCpu(0, 0n);
      cpu.state.gpr[Gpr.RAX] = 5n;
      execute(cpu, 'RDSSP', { operands: [register(Gpr.RAX)] });
      assert.equal(cpu.state.gpr[Gpr.RAX], 5n);
      for (const mnemonic of ['INCSSP', 'SAVEPREVSSP', 'RSTORSSP', 'WRSS', 'SETSSBSY', 'CLRSSBSY'])
        assert.equal(
          exceptionOf(() => execute(cpu, mnemonic, { operands: [register(0)] })),
          '6',
          mnemonic,
        );
      cpu.state.cr4 &= ~Number(CR4_CET);
      assert.equal(
        exceptionOf(() => execute(cpu, 'WRUSS', { operands: [MEMORY, register(0)] })),
        '6',
      );
    });
  });

  describe('live in pages of their own', () => {
    const user = PageAccess.USER | PageAccess.SHADOW_STACK;

    it('which can be read like others, and not written', () => {
      const cpu = cetCpu(3);
      assert.equal(readLinear(cpu, USER_TOP - 8n, 8, PageAccess.USER), 0n);
      assert.equal(
        exceptionOf(() => writeLinear(cpu, USER_TOP - 8n, 8, 1n, PageAccess.USER)),
        '14(7)',
      );
      assert.equal(
        exceptionOf(() => writeLinear(cpu, KERNEL_TOKEN, 8, 1n, PageAccess.READ)),
        '14(3)',
      );
    });

    it('and nothing else is one: the error code has bit 6', () => {
      const cpu = cetCpu(3);
      writeLinear(cpu, USER_TOP - 8n, 8, 0x1234n, user);
      assert.equal(shadow(cpu, USER_TOP - 8n), 0x1234n);
      assert.equal(
        exceptionOf(() => writeLinear(cpu, 0x30000n, 8, 1n, user)),
        '14(47)',
        'an ordinary page',
      );
      assert.equal(
        exceptionOf(() => readLinear(cpu, 0x30000n, 8, user)),
        '14(45)',
      );
      assert.equal(
        exceptionOf(() => readLinear(cpu, KERNEL_TOKEN, 8, user)),
        '14(45)',
        'a supervisor page',
      );
      assert.equal(
        exceptionOf(() => readLinear(cpu, USER_TOP - 8n, 8, PageAccess.SHADOW_STACK)),
        '14(41)',
      );
      cpu.memory.writeU64(PT + (USER_SHADOW >> 12) * 8, BigInt(USER_SHADOW) | 0x25n);
      assert.equal(
        exceptionOf(() => readLinear(cpu, USER_TOP - 8n, 8, user)),
        '14(45)',
        'not dirty',
      );
      cpu.memory.writeU64(PT + (USER_SHADOW >> 12) * 8, BigInt(USER_SHADOW) | 0x65n);
      cpu.memory.writeU64(PD, BigInt(PT) | 5n);
      assert.equal(
        exceptionOf(() => readLinear(cpu, USER_TOP - 8n, 8, user)),
        '14(45)',
        'not writable further up',
      );
    });
  });

  describe('near CALL and RET', () => {
    it('push and compare the return address', () => {
      const cpu = cetCpu(3);
      const stack = cpu.state.gpr[Gpr.RSP];
      execute(cpu, 'CALL', relative(0x100), 0x10000n);
      assert.equal(cpu.state.rip, 0x10102n);
      assert.equal(shadow(cpu, USER_TOP - 8n), 0x10002n);
      assert.equal(cpu.state.cet.ssp, USER_TOP - 8n);
      execute(cpu, 'RET');
      assert.equal(cpu.state.rip, 0x10002n);
      assert.equal(cpu.state.cet.ssp, USER_TOP);
      assert.equal(cpu.state.gpr[Gpr.RSP], stack);
    });

    it('a changed return address is #CP(1) and leaves no trace', () => {
      const cpu = cetCpu(3);
      execute(cpu, 'CALL', relative(0x100), 0x10000n);
      const { gpr } = cpu.state;
      const stack = gpr[Gpr.RSP];
      cpu.memory.writeU64(Number(stack), 0x666n);
      assert.equal(
        exceptionOf(() => execute(cpu, 'RET')),
        '21(1)',
      );
      assert.equal(gpr[Gpr.RSP], stack);
      assert.equal(cpu.state.cet.ssp, USER_TOP - 8n);
    });

    it('a call of the next instruction pushes nothing', () => {
      const cpu = cetCpu(3);
      execute(cpu, 'CALL', relative(0));
      assert.equal(cpu.state.cet.ssp, USER_TOP);
    });

    it('a shadow stack that cannot be written leaves the ordinary one alone', () => {
      const cpu = cetCpu(3);
      cpu.state.cet.ssp = BigInt(USER_SHADOW);
      const stack = cpu.state.gpr[Gpr.RSP];
      cpu.memory.writeU64(Number(stack) - 8, 0x77n);
      assert.equal(
        exceptionOf(() => execute(cpu, 'CALL', relative(0x100))),
        '14(47)',
      );
      assert.equal(cpu.state.gpr[Gpr.RSP], stack);
      assert.equal(cpu.memory.readU64(Number(stack) - 8), 0x77n);
    });

    it('push four bytes in compatibility mode', () => {
      const cpu = cetCpu(3);
      setLevel(cpu, 3, USER_CS32, CODE32);
      execute(cpu, 'CALL', { ...relative(0x100), operandSize: 4 }, 0x10000n);
      assert.equal(cpu.state.cet.ssp, USER_TOP - 4n);
      assert.equal(cpu.memory.readU32(Number(USER_TOP) - 4), 0x10002);
      execute(cpu, 'RET', { operandSize: 4 });
      assert.equal(cpu.state.rip, 0x10002n);
    });
  });

  describe('instructions', () => {
    it('RDSSP and INCSSP', () => {
      const cpu = cetCpu(3);
      const { state } = cpu;
      state.cet.ssp = USER_TOP - 0x100n;
      execute(cpu, 'RDSSP', { operands: [register(Gpr.RAX)] });
      assert.equal(state.gpr[Gpr.RAX], USER_TOP - 0x100n);
      state.gpr[Gpr.RCX] = 0xff00_0003n;
      execute(cpu, 'INCSSP', { operands: [register(Gpr.RCX)] });
      assert.equal(state.cet.ssp, USER_TOP - 0x100n + 24n, 'the low byte counts');
      execute(cpu, 'INCSSP', { operands: [register(Gpr.RCX, 4)], operandSize: 4 });
      assert.equal(state.cet.ssp, USER_TOP - 0x100n + 36n);
      state.gpr[Gpr.RCX] = 255n;
      assert.equal(
        exceptionOf(() => execute(cpu, 'INCSSP', { operands: [register(Gpr.RCX)] })),
        'none',
        'into the next',
      );
      state.cet.ssp = USER_TOP - 8n;
      cpu.memory.writeU64(PT + (OTHER_SHADOW >> 12) * 8, 0n);
      assert.equal(
        exceptionOf(() => execute(cpu, 'INCSSP', { operands: [register(Gpr.RCX)] })),
        '14(44)',
      );
      state.gpr[Gpr.RCX] = 0n;
      state.cet.ssp = USER_TOP;
      assert.equal(
        exceptionOf(() => execute(cpu, 'INCSSP', { operands: [register(Gpr.RCX)] })),
        '14(44)',
      );
    });

    it('WRSS needs WR_SHSTK_EN, WRUSS ring 0; both need an aligned address', () => {
      const cpu = cetCpu(3);
      const { gpr } = cpu.state;
      gpr[Gpr.RAX] = 0x1122334455667788n;
      const operands = [MEMORY, register(Gpr.RAX)];
      assert.equal(
        exceptionOf(() => executeAt(cpu, 'WRSS', USER_TOP - 8n, { operands })),
        '6',
      );
      cpu.state.cet.user |= WR_SHSTK_EN;
      executeAt(cpu, 'WRSS', USER_TOP - 8n, { operands });
      assert.equal(shadow(cpu, USER_TOP - 8n), 0x1122334455667788n);
      assert.equal(
        exceptionOf(() => executeAt(cpu, 'WRSS', USER_TOP - 12n, { operands })),
        '13(0)',
      );
      executeAt(cpu, 'WRSS', USER_TOP - 12n, { operands: [MEMORY, register(Gpr.RAX, 4)], operandSize: 4 });
      assert.equal(cpu.memory.readU32(Number(USER_TOP) - 12), 0x55667788);
      assert.equal(
        exceptionOf(() => executeAt(cpu, 'WRSS', 0x30000n, { operands })),
        '14(47)',
      );
      assert.equal(
        exceptionOf(() => executeAt(cpu, 'WRUSS', USER_TOP - 8n, { operands })),
        '13(0)',
      );
      const kernel = cetCpu(0);
      kernel.state.gpr[Gpr.RAX] = 9n;
      executeAt(kernel, 'WRUSS', USER_TOP - 8n, { operands });
      assert.equal(shadow(kernel, USER_TOP - 8n), 9n);
      const onKernel = (): void => executeAt(kernel, 'WRUSS', KERNEL_TOKEN, { operands });
      assert.equal(exceptionOf(onKernel), '14(47)', 'a user access whatever the privilege level');
    });

    it('RSTORSSP changes stacks and SAVEPREVSSP leaves a way back', () => {
      const cpu = cetCpu(3);
      const { state } = cpu;
      const token = BigInt(OTHER_SHADOW) + 0xff0n;
      cpu.memory.writeU64(Number(token), (token + 8n) | 1n);
      state.rflags |= 1;
      executeAt(cpu, 'RSTORSSP', token);
      assert.equal(state.cet.ssp, token);
      assert.equal(state.rflags & 1, 0, 'no hole');
      assert.equal(shadow(cpu, token), USER_TOP | 3n, 'previous-SSP token');
      execute(cpu, 'SAVEPREVSSP');
      assert.equal(state.cet.ssp, token + 8n);
      assert.equal(shadow(cpu, USER_TOP - 8n), USER_TOP | 1n, 'restore token');
      executeAt(cpu, 'RSTORSSP', USER_TOP - 8n);
      assert.equal(state.cet.ssp, USER_TOP - 8n);
    });

    it('RSTORSSP tells of a hole by CF, and refuses what is no restore token', () => {
      const cpu = cetCpu(3);
      const token = BigInt(OTHER_SHADOW) + 0xff0n;
      cpu.memory.writeU64(Number(token), (token + 12n) | 1n);
      executeAt(cpu, 'RSTORSSP', token);
      assert.equal(cpu.state.rflags & 1, 1);
      for (const wrong of [token + 8n, (token + 8n) | 3n, (token + 16n) | 1n, 0n]) {
        cpu.memory.writeU64(Number(token), wrong);
        assert.equal(
          exceptionOf(() => executeAt(cpu, 'RSTORSSP', token)),
          '21(4)',
          wrong.toString(16),
        );
      }
      assert.equal(
        exceptionOf(() => executeAt(cpu, 'RSTORSSP', token + 4n)),
        '13(0)',
      );
      assert.equal(shadow(cpu, token), 0n);
    });

    it('SETSSBSY and CLRSSBSY take and give the stack of IA32_PL0_SSP', () => {
      const cpu = cetCpu(0);
      const { state } = cpu;
      state.cet.ssp = 0n;
      execute(cpu, 'SETSSBSY');
      assert.equal(state.cet.ssp, KERNEL_TOKEN);
      assert.equal(shadow(cpu, KERNEL_TOKEN), KERNEL_TOKEN | 1n);
      assert.equal(
        exceptionOf(() => execute(cpu, 'SETSSBSY')),
        '21(5)',
        'busy',
      );
      executeAt(cpu, 'CLRSSBSY', KERNEL_TOKEN);
      assert.equal(state.rflags & 1, 0);
      assert.equal(state.cet.ssp, 0n);
      assert.equal(shadow(cpu, KERNEL_TOKEN), KERNEL_TOKEN);
      executeAt(cpu, 'CLRSSBSY', KERNEL_TOKEN);
      assert.equal(state.rflags & 1, 1, 'it was not busy');
      const user = cetCpu(3);
      assert.equal(
        exceptionOf(() => execute(user, 'SETSSBSY')),
        '13(0)',
      );
      assert.equal(
        exceptionOf(() => executeAt(user, 'CLRSSBSY', KERNEL_TOKEN)),
        '13(0)',
      );
    });
  });

  describe('changes of privilege level', () => {
    it('SYSCALL saves SSP and leaves 0, SYSRET restores it', () => {
      const cpu = cetCpu(3);
      const { state } = cpu;
      state.lstar = 0x12000n;
      state.star = (BigInt(USER_CS32) << 48n) | (BigInt(KERNEL_CS) << 32n);
      state.cet.ssp = USER_TOP - 0x20n;
      execute(cpu, 'SYSCALL');
      assert.equal(state.cet.privilegeSsp[3], USER_TOP - 0x20n);
      assert.equal(state.cet.ssp, 0n);
      execute(cpu, 'SYSRET');
      assert.equal(state.cpl, 3);
      assert.equal(state.cet.ssp, USER_TOP - 0x20n);
    });

    it('an interrupt from ring 3 takes the stack of ring 0, IRET gives it back', () => {
      const cpu = cetCpu(3);
      const { state } = cpu;
      gate64(cpu, 0x80, 0x13000n, { dpl: 3 });
      state.cet.ssp = USER_TOP - 0x40n;
      execute(cpu, 'INT', { operands: [{ kind: 'immediate', value: 0x80n, size: 1 }] }, 0x10000n);
      assert.equal(state.cpl, 0);
      assert.equal(state.cet.ssp, KERNEL_TOKEN);
      assert.equal(shadow(cpu, KERNEL_TOKEN), KERNEL_TOKEN | 1n);
      assert.equal(readMsr(cpu, PL3_SSP), USER_TOP - 0x40n);
      execute(cpu, 'IRET');
      assert.equal(state.cpl, 3);
      assert.equal(state.rip, 0x10002n);
      assert.equal(state.cet.ssp, USER_TOP - 0x40n);
      assert.equal(shadow(cpu, KERNEL_TOKEN), KERNEL_TOKEN);
    });

    it('a busy stack or a token of another address is #GP(0)', () => {
      const cpu = cetCpu(3);
      gate64(cpu, 0x80, 0x13000n, { dpl: 3 });
      const int80 = (): void => execute(cpu, 'INT', { operands: [{ kind: 'immediate', value: 0x80n, size: 1 }] });
      for (const token of [KERNEL_TOKEN | 1n, KERNEL_TOKEN - 8n]) {
        cpu.memory.writeU64(Number(KERNEL_TOKEN), token);
        assert.equal(exceptionOf(int80), '13(0)');
      }
      cpu.state.cet.privilegeSsp[0] = KERNEL_TOKEN - 8n;
      cpu.memory.writeU64(Number(KERNEL_TOKEN) - 8, KERNEL_TOKEN - 8n);
      assert.equal(exceptionOf(int80), '13(0)', 'a frame would not fit an aligned 32 bytes with the token');
      cpu.state.cet.privilegeSsp[0] = KERNEL_TOKEN - 32n;
      cpu.memory.writeU64(Number(KERNEL_TOKEN) - 32, KERNEL_TOKEN - 32n);
      assert.equal(exceptionOf(int80), 'none');
    });

    it('an exception in ring 0 pushes CS, address and SSP; IRET compares them', () => {
      const cpu = cetCpu(0);
      const { state } = cpu;
      gate64(cpu, 6, 0x14000n);
      state.cet.ssp = KERNEL_TOKEN - 0x24n;
      state.rip = 0x10000n;
      const before = state.cet.ssp;
      deliverException(cpu, new GuestException(6));
      const frame = (before & ~7n) - 24n;
      assert.equal(state.cet.ssp, frame);
      assert.deepEqual(
        [shadow(cpu, frame), shadow(cpu, frame + 8n), shadow(cpu, frame + 16n)],
        [before, 0x10000n, 16n],
      );
      cpu.memory.writeU64(Number(frame) + 8, 0x10001n);
      assert.equal(
        exceptionOf(() => execute(cpu, 'IRET')),
        '21(2)',
      );
      cpu.memory.writeU64(Number(frame) + 8, 0x10000n);
      execute(cpu, 'IRET');
      assert.equal(state.rip, 0x10000n);
      assert.equal(state.cet.ssp, before);
    });

    it('an interrupt stack table entry brings a shadow stack of its own, which IRET gives back', () => {
      const cpu = cetCpu(0);
      const { state } = cpu;
      gate64(cpu, 2, 0x15000n, { ist: 1 });
      cpu.memory.writeU64(TSS + 0x24, 0x22000n);
      state.cet.ssp = KERNEL_TOKEN - 0x20n;
      state.rip = 0x10000n;
      deliverException(cpu, new GuestException(2));
      assert.equal(state.cet.ssp, IST_TOKEN - 24n);
      assert.equal(shadow(cpu, IST_TOKEN), IST_TOKEN | 1n);
      execute(cpu, 'IRET');
      assert.equal(state.cet.ssp, KERNEL_TOKEN - 0x20n);
      assert.equal(shadow(cpu, IST_TOKEN), IST_TOKEN);
    });

    it('SYSENTER and SYSEXIT do as SYSCALL and SYSRET', () => {
      const cpu = cetCpu(3);
      const { state } = cpu;
      [state.sysenterCs, state.sysenterEip, state.sysenterEsp] = [BigInt(KERNEL_CS), 0x12000n, 0x1f000n];
      execute(cpu, 'SYSENTER');
      assert.deepEqual([state.cet.privilegeSsp[3], state.cet.ssp], [USER_TOP, 0n]);
      execute(cpu, 'SYSEXIT');
      assert.equal(state.cet.ssp, USER_TOP);
    });

    it('a call gate to ring 0 takes its stack, a far RET goes back', () => {
      const cpu = cetCpu(3);
      const { state, memory } = cpu;
      writeGdt(cpu, 0x50, BigInt(KERNEL_CS << 16) | 0x6000n | (0xec00n << 32n) | (1n << 48n));
      writeGdt(cpu, 0x58, 0n);
      memory.writeU64(0x60100, 0n);
      memory.writeU64(0x60108, 0x53n);
      state.cet.ssp = USER_TOP - 0x10n;
      executeAt(cpu, 'CALL_FAR', 0x60100n);
      assert.deepEqual([state.cpl, state.rip, state.cet.ssp], [0, 0x16000n, KERNEL_TOKEN]);
      assert.equal(shadow(cpu, KERNEL_TOKEN), KERNEL_TOKEN | 1n);
      execute(cpu, 'RET_FAR');
      assert.deepEqual([state.cpl, state.cet.ssp], [3, USER_TOP - 0x10n]);
      assert.equal(shadow(cpu, KERNEL_TOKEN), KERNEL_TOKEN);
    });

    it('a far JMP or CALL to compatibility mode needs an SSP below 4 GiB', () => {
      const cpu = cetCpu(3);
      cpu.memory.writeU64(0x60100, 0x16000n);
      cpu.memory.writeU64(0x60108, BigInt(USER_CS32));
      cpu.state.cet.ssp = 0x1_0000_0000n + USER_TOP;
      for (const mnemonic of ['JMP_FAR', 'CALL_FAR'])
        assert.equal(
          exceptionOf(() => executeAt(cpu, mnemonic, 0x60100n)),
          '13(0)',
          mnemonic,
        );
      cpu.state.cet.ssp = USER_TOP;
      executeAt(cpu, 'JMP_FAR', 0x60100n);
      assert.equal(cpu.state.mode64, false);
    });

    it('virtual-8086 mode has none: it cannot be entered while ring 3 has, and leaves by the stack of ring 0', () => {
      const cpu = protectedModeCpu('intel,+cet_ss');
      const { state, memory } = cpu;
      state.cr0 |= 0x10000;
      state.cr4 |= Number(CR4_CET);
      state.cet.supervisor = 1n;
      state.cet.ssp = KERNEL_TOKEN;
      state.cet.privilegeSsp[0] = KERNEL_TOKEN;
      memory.writeU64(Number(KERNEL_TOKEN), KERNEL_TOKEN | 1n);
      const frame = [0x100, 0x1000, 0x23202, 0xf000, 0x2000, 0, 0, 0, 0];
      frame.forEach((value, i) => memory.writeU32(0x1f000 + 4 * i, value));
      state.cet.user = 1n;
      assert.equal(
        exceptionOf(() => execute(cpu, 'IRET', { operandSize: 4 })),
        '13(0)',
      );
      state.cet.user = 0n;
      execute(cpu, 'IRET', { operandSize: 4 });
      assert.equal(state.virtual8086, true);
      assert.equal(shadow(cpu, KERNEL_TOKEN), KERNEL_TOKEN, 'given back');
      gate32(cpu, 6, 0x14000);
      deliverException(cpu, new GuestException(6));
      assert.equal(state.cet.ssp, KERNEL_TOKEN);
      assert.equal(shadow(cpu, KERNEL_TOKEN), KERNEL_TOKEN | 1n);
    });

    it('far CALL and RET at one level push and compare a frame', () => {
      const cpu = cetCpu(0);
      const { state } = cpu;
      writeGdt(cpu, 0x50, 0x00af9b000000ffffn);
      const start = KERNEL_TOKEN - 0x40n;
      state.cet.ssp = start;
      cpu.memory.writeU64(0x60100, 0x16000n);
      cpu.memory.writeU64(0x60108, 0x50n);
      executeAt(cpu, 'CALL_FAR', 0x60100n);
      assert.equal(state.rip, 0x16000n);
      assert.equal(shadow(cpu, start - 24n), start);
      execute(cpu, 'RET_FAR');
      assert.equal(state.segments[1].selector, KERNEL_CS);
      assert.equal(state.cet.ssp, start);
    });
  });
});
