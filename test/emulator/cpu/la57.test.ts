import assert from 'node:assert/strict';
import { writeControlRegister } from '../../../emulator/cpu/control-registers';
import { cpuid } from '../../../emulator/cpu/cpuid';
import { writeMsr } from '../../../emulator/cpu/msr';
import { PageAccess } from '../../../emulator/cpu/paging';
import { Cr0, Cr4, Efer } from '../../../emulator/cpu/state';
import { Gpr, Seg } from '../../../emulator/isa/instruction';
import { CODE, gnuAssemble, haveGnuAs, machineWith } from '../engine/support';
import {
  CODE64,
  exceptionOf,
  execute,
  longModeCpu,
  PD,
  PML4,
  register,
  setLevel,
  testCpu,
  USER_CS,
  type TestCpu,
} from './support';

const MODEL = 'intel,+LA57';
/** Canonical with 57 bits, not with 48. */
const WIDE = 0x00ff_0000_0000_0000n;
const WIDE_NEGATIVE = 0xff00_1234_5678_9000n;
/** Canonical with neither. */
const BEYOND = 0x0100_0000_0000_0000n;
const ADDRESSES = [0x7fff_ffff_f000n, 0xffff_8000_0000_0000n, WIDE, WIDE_NEGATIVE, BEYOND, 0xfeff_ffff_ffff_ffffn];
const PML5 = 0x5000;
const SECOND_PML4 = 0x6000;

/** 64-bit mode with 5-level paging: PML5[0] and PML5[100h] lead to the same tables. */
function la57Cpu(): TestCpu {
  const cpu = longModeCpu(MODEL);
  cpu.memory.writeU64(PML5, BigInt(PML4 | 7));
  cpu.state.cr4 |= Cr4.LA57;
  cpu.state.cr3 = BigInt(PML5);
  return cpu;
}

/** Which of `ADDRESSES` an action takes. */
function taken(action: (va: bigint) => void): boolean[] {
  return ADDRESSES.map((va) => exceptionOf(() => action(va)) === 'none');
}

const TAKES_48 = [true, true, false, false, false, false];
const TAKES_57 = [true, true, true, true, false, false];

describe('CR4.LA57', () => {
  const set = (cpu: TestCpu, cr4: number): string => exceptionOf(() => writeControlRegister(cpu, 4, BigInt(cr4)));

  it('is there with the feature, which CPUID reports with the width of addresses', () => {
    assert.equal(set(testCpu(), Cr4.PAE | Cr4.LA57), '13(0)');
    assert.equal(set(testCpu(MODEL), Cr4.PAE | Cr4.LA57), 'none');
    assert.equal((cpuid(testCpu(MODEL), 7, 0).ecx >>> 16) & 1, 1);
    assert.equal((cpuid(testCpu(MODEL), 0x80000008, 0).eax >>> 8) & 0xff, 57);
    assert.equal((cpuid(testCpu(), 0x80000008, 0).eax >>> 8) & 0xff, 48);
  });

  it('can be neither set nor cleared while long mode is active', () => {
    const cpu = longModeCpu(MODEL);
    assert.equal(set(cpu, cpu.state.cr4 | Cr4.LA57), '13(0)');
    const five = la57Cpu();
    assert.equal(set(five, five.state.cr4 & ~Cr4.LA57), '13(0)');
    assert.equal(set(five, five.state.cr4 | Cr4.PGE), 'none');
  });

  it('means nothing outside long mode', () => {
    const cpu = testCpu(MODEL);
    cpu.state.cr4 = Cr4.PSE | Cr4.LA57;
    cpu.memory.writeU32(PD, 0x00400087);
    cpu.state.cr3 = BigInt(PD);
    cpu.state.cr0 = (Cr0.PG | Cr0.PE) >>> 0;
    assert.equal(cpu.paging.walk(0, 0x1234, PageAccess.READ), true);
    assert.equal(cpu.paging.page, 0x401000);
  });
});

describe('5-level paging', () => {
  it('translates by bits 56 to 48 first', () => {
    const cpu = la57Cpu();
    assert.equal(cpu.paging.walk(0, 0x5678, PageAccess.READ), true);
    assert.equal(cpu.paging.page, 0x5000);
    assert.equal(cpu.paging.walk(0x00100000, 0x5678, PageAccess.READ), false, 'PML5[10h] is not present');
    assert.equal(cpu.paging.errorCode, 0);
    cpu.memory.writeU64(PML5 + 8 * 0x10, BigInt(PML4 | 7));
    assert.equal(cpu.paging.walk(0x00100000, 0x5678, PageAccess.READ), true);
    assert.equal(cpu.paging.page, 0x5000);
    assert.equal(cpu.memory.readU64(PML5 + 8 * 0x10), BigInt(PML4 | 0x27), 'A is set in the PML5 entry');
    cpu.memory.writeU64(PML5 + 8 * 0x1ff, BigInt(SECOND_PML4 | 7));
    cpu.memory.writeU64(SECOND_PML4 + 8 * 0x1ff, cpu.memory.readU64(PML4));
    assert.equal(cpu.paging.probe(0xffff_ff80_0000_5678n)?.pa, 0x5678);
  });

  it('grants what all five levels grant', () => {
    const cpu = la57Cpu();
    const error = (access: number): string =>
      cpu.paging.walk(0, 0x5678, access) ? 'ok' : cpu.paging.errorCode.toString(16);
    cpu.memory.writeU64(PML5, BigInt(PML4 | 5));
    assert.equal(error(PageAccess.WRITE), '3');
    cpu.memory.writeU64(PML5, BigInt(PML4 | 3));
    assert.equal(error(PageAccess.USER), '5');
    cpu.memory.writeU64(PML5, BigInt(PML4 | 7) | (1n << 63n));
    assert.equal(error(PageAccess.FETCH), '11');
    cpu.memory.writeU64(PML5, BigInt(PML4 | 0x87));
    assert.equal(error(PageAccess.READ), '9', 'PS is reserved');
  });
});

describe('canonical addresses', () => {
  const RCX = register(Gpr.RCX);

  it('are those of 57 bits for registers if the processor has 5-level paging, in use or not', () => {
    const loads: ((cpu: TestCpu, va: bigint) => void)[] = [
      ...[0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101, 0xc0000102, 0x175, 0x176].map(
        (msr) => (cpu: TestCpu, va: bigint) => {
          writeMsr(cpu, msr, va);
        },
      ),
      (cpu, va) => {
        cpu.memory.writeU64(0x18002, va);
        cpu.operandAddress = 0x18000n;
        execute(cpu, 'LGDT');
      },
      (cpu, va) => {
        cpu.state.cr4 |= Cr4.FSGSBASE;
        cpu.state.gpr[Gpr.RCX] = va;
        execute(cpu, 'WRGSBASE', { operands: [RCX] });
      },
      (cpu, va) => {
        cpu.memory.writeU64(0x18000, 0n);
        cpu.memory.writeU64(0x18008, va);
        cpu.operandAddress = 0x18000n;
        cpu.state.gpr[Gpr.RCX] = 0n;
        execute(cpu, 'INVPCID', { operands: [RCX] });
      },
    ];
    for (const [at, load] of loads.entries()) {
      assert.deepEqual(
        taken((va) => load(longModeCpu(), va)),
        TAKES_48,
        `without the feature, ${at}`,
      );
      assert.deepEqual(
        taken((va) => load(longModeCpu(MODEL), va)),
        TAKES_57,
        `with it, ${at}`,
      );
    }
  });

  it('are for RIP those of the paging in use', () => {
    const returns: ((cpu: TestCpu, va: bigint) => void)[] = [
      (cpu, va) => {
        cpu.state.gpr[Gpr.RCX] = va;
        execute(cpu, 'SYSRET', { operandSize: 8 });
      },
      (cpu, va) => {
        cpu.state.sysenterCs = 0x10n;
        cpu.state.gpr[Gpr.RDX] = va;
        cpu.state.gpr[Gpr.RCX] = va;
        execute(cpu, 'SYSEXIT', { operandSize: 8 });
      },
      (cpu, va) => {
        [va, BigInt(USER_CS), 2n, va, 0x2bn].forEach((word, at) => {
          cpu.memory.writeU64(0x1f000 + 8 * at, word);
        });
        execute(cpu, 'IRET', { operandSize: 8 });
      },
    ];
    for (const [at, goBack] of returns.entries()) {
      assert.deepEqual(
        taken((va) => goBack(longModeCpu(MODEL), va)),
        TAKES_48,
        `4 levels, ${at}`,
      );
      assert.deepEqual(
        taken((va) => goBack(la57Cpu(), va)),
        TAKES_57,
        `5 levels, ${at}`,
      );
    }
  });

  it('are for the stack of a handler those of the paging in use', () => {
    const push = (cpu: TestCpu, rsp: bigint): string => {
      cpu.state.gpr[Gpr.RSP] = rsp;
      return exceptionOf(() => execute(cpu, 'INT3'));
    };
    const vector3 = (cpu: TestCpu): TestCpu => {
      cpu.memory.writeU64(0x9000 + 16 * 3, 0x00008e0000100000n);
      return cpu;
    };
    assert.equal(push(vector3(longModeCpu(MODEL)), WIDE), '12(0)');
    assert.equal(push(vector3(la57Cpu()), WIDE), '14(2)');
    assert.equal(push(vector3(la57Cpu()), BEYOND + 0x100n), '12(0)');
  });

  it('bases loaded with 57 bits are #GP where 48 are in use', () => {
    const cpu = longModeCpu(MODEL);
    writeMsr(cpu, 0xc0000101, WIDE);
    assert.equal(cpu.state.segments[Seg.GS].base, WIDE);
    setLevel(cpu, 3, USER_CS, CODE64);
    cpu.state.gdtr.base = WIDE;
    assert.equal(
      exceptionOf(() => execute(cpu, 'LAR', { operands: [RCX, register(Gpr.RDX, 2)] })),
      'none',
      'a null selector is not looked up',
    );
    cpu.state.gpr[Gpr.RDX] = 0x10n;
    assert.equal(
      exceptionOf(() => execute(cpu, 'LAR', { operands: [RCX, register(Gpr.RDX, 2)] })),
      '13(0)',
    );
  });
});

describe('generated code with 5-level paging', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  /** PML5[10h] leads to the same tables as PML5[0]. */
  const HIGH = 0x0010_0000_0000_0000n;
  const TABLES = { pml4: 0x1000n, pml5: 0x5000 };

  for (const engine of ['interpreter', 'tiered'] as const) {
    it(`reads, writes, jumps and returns beyond 48 bits: ${engine}`, () => {
      // A loop that is called at its high address and uses memory there, then accesses beyond 57 bits.
      const machine = machineWith(
        gnuAssemble(`
          movabs $0x${HIGH.toString(16)}, %rbx
          add    %rbx, %rsp
          mov    $100000, %ecx
          xor    %eax, %eax
        1:call   2f
          lea    3f(%rip), %rdx
          or     %rbx, %rdx
          call   *%rdx
          dec    %ecx
          jnz    1b
          hlt
        2:add    $1, %rax
          mov    %rax, 0x200000(%rbx)
          ret
        3:add    0x200000(%rbx), %rax
          sub    0x200000, %rax
          ret
        `),
        { cpu: MODEL, engine },
      );
      const { memory, state } = machine;
      memory.writeU64(TABLES.pml5, TABLES.pml4 | 7n);
      memory.writeU64(TABLES.pml5 + 8 * 0x10, TABLES.pml4 | 7n);
      state.cr3 = BigInt(TABLES.pml5);
      state.cr4 |= Cr4.LA57;
      state.rip = HIGH + BigInt(CODE);
      assert.deepEqual(machine.run(10_000_000), { reason: 'halt' });
      assert.equal(state.gpr[Gpr.RAX], 100000n);
      assert.equal(state.rip >> 48n, 0x10n);
    });

    it(`raises #GP(0) and #SS(0) for what is not canonical: ${engine}`, () => {
      const code = gnuAssemble('jmp *%rax\n call *%rax\n mov (%rax), %ecx\n mov %ecx, (%rax)\n push %rbp\n ret');
      const attempt = (offset: number, address: bigint, levels: 4 | 5): string => {
        const machine = machineWith(code, { cpu: MODEL, engine });
        const { memory, state } = machine;
        memory.writeU64(TABLES.pml5, TABLES.pml4 | 7n);
        if (levels === 5) {
          state.cr3 = BigInt(TABLES.pml5);
          state.cr4 |= Cr4.LA57;
        }
        state.efer |= Efer.SCE;
        state.rip = BigInt(CODE + offset);
        state.gpr[Gpr.RAX] = address;
        if (offset >= 8) state.gpr[Gpr.RSP] = address;
        for (let vector = 0; vector < 32; vector++) machine.stopOn.exceptions.add(vector);
        const stop = machine.run(2);
        if (stop.reason !== 'exception') return stop.reason;
        return `${stop.vector}(${(stop.errorCode ?? 0).toString(16)}) at ${state.rip === address ? 'target' : 'instruction'}`;
      };
      const results = (address: bigint, levels: 4 | 5): string[] =>
        [0, 2, 4, 6, 8].map((offset) => attempt(offset, address, levels));
      const here = (vector: number): string => `${vector}(0) at instruction`;
      assert.deepEqual(results(WIDE, 4), [here(13), here(13), here(13), here(13), here(12)]);
      assert.deepEqual(results(BEYOND, 5), [here(13), here(13), here(13), here(13), '14(2) at instruction']);
      const absent = ['14(0) at target', '14(0) at target', here(14), '14(2) at instruction', '14(2) at instruction'];
      assert.deepEqual(results(WIDE, 5), absent);
      assert.equal(attempt(2 + 2, WIDE + 0xffff_ffff_fffdn, 5), here(13), 'over the end of the lower half');
    });
  }
});
