import assert from 'node:assert/strict';
import { writeControlRegister } from '../../../emulator/cpu/control-registers';
import { cpuid } from '../../../emulator/cpu/cpuid';
import { findMsr, readMsr, writeMsr } from '../../../emulator/cpu/msr';
import { PageAccess } from '../../../emulator/cpu/paging';
import { Cr0, Cr4 } from '../../../emulator/cpu/state';
import { Gpr } from '../../../emulator/isa/instruction';
import { CODE, gnuAssemble, haveGnuAs, machineWith } from '../engine/support';
import { exceptionOf, execute, longModeCpu, PD, protectedModeCpu, PT, type TestCpu } from './support';

const MODEL = 'intel,+PKU,+PKS';
const READ = PageAccess.READ;
const WRITE = PageAccess.WRITE;
const USER = PageAccess.USER;
const FETCH = PageAccess.FETCH;
const IMPLICIT = PageAccess.IMPLICIT;
const PKRS = 0x6e1;
const AD = 1;
const WD = 2;

/** 64-bit mode with both kinds of keys in use; page 5000h has key 7 and the rights `entry`. */
function cpuWithKey(entry: number): TestCpu {
  const cpu = longModeCpu(MODEL);
  cpu.memory.writeU64(PD, BigInt(PT | 7));
  cpu.memory.writeU64(PT + 5 * 8, BigInt(0x5000 | entry) | (7n << 59n));
  cpu.state.cr4 |= Cr4.PKE | Cr4.PKS;
  return cpu;
}

const attempt = (cpu: TestCpu, access: number): string =>
  cpu.paging.walk(0, 0x5000, access) ? 'ok' : cpu.paging.errorCode.toString(16);

describe('protection keys', () => {
  it('of user pages are ruled by PKRU, for accesses of all levels but fetches', () => {
    const cpu = cpuWithKey(7);
    const all = (): string[] => [READ, WRITE, USER, USER | WRITE, FETCH, USER | FETCH].map((a) => attempt(cpu, a));
    cpu.state.pkru = (~(3 << 14) & 0xffffffff) >>> 0;
    assert.deepEqual(all(), ['ok', 'ok', 'ok', 'ok', 'ok', 'ok'], 'rights of other keys do not matter');
    cpu.state.pkru = AD << 14;
    assert.deepEqual(all(), ['21', '23', '25', '27', 'ok', 'ok']);
    cpu.state.pkru = WD << 14;
    assert.deepEqual(all(), ['ok', '23', 'ok', '27', 'ok', 'ok']);
    cpu.state.cr0 = (cpu.state.cr0 & ~Cr0.WP) >>> 0;
    assert.deepEqual(all(), ['ok', 'ok', 'ok', '27', 'ok', 'ok'], 'CR0.WP frees the supervisor of WD');
    cpu.state.pkru = AD << 14;
    assert.equal(attempt(cpu, READ), '21', 'but not of AD');
    cpu.state.pkrs = 0;
    cpu.state.pkru = 0;
    assert.deepEqual(all(), ['ok', 'ok', 'ok', 'ok', 'ok', 'ok']);
  });

  it('of supervisor pages are ruled by IA32_PKRS, also when descriptor tables are read', () => {
    const cpu = cpuWithKey(3);
    cpu.state.pkru = 0xffffffff;
    assert.equal(attempt(cpu, WRITE), 'ok');
    cpu.state.pkrs = AD << 14;
    assert.deepEqual(
      [READ, WRITE, IMPLICIT, FETCH].map((a) => attempt(cpu, a)),
      ['21', '23', '21', 'ok'],
    );
    cpu.state.pkrs = WD << 14;
    assert.deepEqual(
      [READ, WRITE].map((a) => attempt(cpu, a)),
      ['ok', '23'],
    );
    assert.equal(attempt(cpu, USER), '5', 'from CPL 3 there is no question of keys');
  });

  it('are ignored bits without CR4.PKE and CR4.PKS', () => {
    const cpu = cpuWithKey(7);
    cpu.state.cr4 &= ~(Cr4.PKE | Cr4.PKS);
    cpu.state.pkru = cpu.state.pkrs = 0xffffffff;
    assert.equal(attempt(cpu, USER | WRITE), 'ok');
    cpu.state.cr4 |= Cr4.PKS;
    assert.equal(attempt(cpu, USER | WRITE), 'ok');
  });

  it('are reported beside what else forbids the access', () => {
    const cpu = cpuWithKey(5);
    cpu.state.pkru = WD << 14;
    assert.equal(attempt(cpu, USER | WRITE), '27');
    cpu.state.pkru = 0;
    assert.equal(attempt(cpu, USER | WRITE), '7');
  });
});

describe('RDPKRU and WRPKRU', () => {
  it('move PKRU at every privilege level and in compatibility mode', () => {
    for (const cpu of [cpuWithKey(7), protectedModeCpu(MODEL)]) {
      cpu.state.cr4 |= Cr4.PKE;
      const { gpr } = cpu.state;
      for (const cpl of [0, 3]) {
        cpu.state.cpl = cpl;
        gpr[Gpr.RAX] = 0xabcdef01_55555550n;
        gpr[Gpr.RCX] = gpr[Gpr.RDX] = 0xabcdef01_00000000n;
        execute(cpu, 'WRPKRU');
        assert.equal(cpu.state.pkru, 0x55555550);
        gpr[Gpr.RAX] = gpr[Gpr.RDX] = ~0n;
        execute(cpu, 'RDPKRU');
        assert.deepEqual([gpr[Gpr.RAX], gpr[Gpr.RDX]], [0x55555550n, 0n]);
      }
    }
  });

  it('need CR4.PKE, ECX 0 and, to write, EDX 0', () => {
    const cpu = longModeCpu(MODEL);
    const attempts = (): string[] => ['RDPKRU', 'WRPKRU'].map((name) => exceptionOf(() => execute(cpu, name)));
    cpu.state.gpr.fill(0n);
    assert.deepEqual(attempts(), ['6', '6']);
    cpu.state.cr4 |= Cr4.PKE;
    assert.deepEqual(attempts(), ['none', 'none']);
    cpu.state.gpr[Gpr.RDX] = 1n;
    assert.equal(
      exceptionOf(() => execute(cpu, 'WRPKRU')),
      '13(0)',
    );
    cpu.state.gpr[Gpr.RCX] = 1n;
    cpu.state.gpr[Gpr.RDX] = 0n;
    assert.deepEqual(attempts(), ['13(0)', '13(0)']);
  });
});

describe('CR4.PKE, CR4.PKS and IA32_PKRS', () => {
  it('are there with their features', () => {
    const settable = (model: string, bit: number): string => {
      const cpu = longModeCpu(model);
      return exceptionOf(() => writeControlRegister(cpu, 4, BigInt(cpu.state.cr4 | bit)));
    };
    assert.deepEqual([settable('intel', Cr4.PKE), settable('intel', Cr4.PKS)], ['13(0)', '13(0)']);
    assert.deepEqual([settable('intel,+PKU', Cr4.PKE), settable('intel,+PKU', Cr4.PKS)], ['none', '13(0)']);
    assert.deepEqual([settable('intel,+PKS', Cr4.PKE), settable('intel,+PKS', Cr4.PKS)], ['13(0)', 'none']);
    assert.equal(findMsr(longModeCpu('intel,+PKU').model, PKRS), undefined);
  });

  it('CPUID reports PKU, PKS and, as OSPKE, CR4.PKE', () => {
    const cpu = longModeCpu(MODEL);
    const bits = (): number => cpuid(cpu, 7, 0).ecx & ((1 << 3) | (1 << 4) | (1 << 31));
    assert.equal(bits() >>> 0, 0x80000008);
    cpu.state.cr4 |= Cr4.PKE;
    assert.equal(bits() >>> 0, 0x80000018);
  });

  it('the register has 32 bits', () => {
    const cpu = longModeCpu(MODEL);
    writeMsr(cpu, PKRS, 0xfffffffcn);
    assert.equal(readMsr(cpu, PKRS), 0xfffffffcn);
    assert.equal(cpu.state.pkrs, 0xfffffffc);
    assert.equal(
      exceptionOf(() => writeMsr(cpu, PKRS, 1n << 32n)),
      '13(0)',
    );
    assert.equal(findMsr(cpu.model, PKRS)?.fields.length, 32);
  });
});

describe('generated code with protection keys', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  const DIRECTORY = 0x3000;
  const IDT = 0x8000;
  const HANDLER = CODE + 0x1000;

  for (const engine of ['interpreter', 'tiered'] as const) {
    it(`notices at once what WRPKRU and IA32_PKRS take away and give back: ${engine}`, () => {
      // Each round writes, takes the right to write away, writes again (a fault, whose handler gives it back), and reads
      // without a right to. The page at 2 MiB is the user's, that at 4 MiB the supervisor's.
      const round = (address: string, take: (rights: string) => string): string => `
        ${take('$0')}
        incl   ${address}
        ${take('$8')}
        mov    ${address}, %esi
        incl   ${address}
        ${take('$4')}
        mov    ${address}, %esi`;
      const machine = machineWith(
        gnuAssemble(`
          mov    $3000, %edi
        1:${round('0x200000', (rights) => `mov ${rights}, %eax; xor %ecx, %ecx; xor %edx, %edx; wrpkru`)}
          ${round('0x400000', (rights) => `mov ${rights}, %eax; mov $0x6e1, %ecx; xor %edx, %edx; wrmsr`)}
          dec    %edi
          jnz    1b
          hlt
          .org   0x1000
          push   %rax                   # of the #PF: count by error code and grant all rights
          push   %rcx
          push   %rdx
          mov    24(%rsp), %eax
          incl   0x90000(, %rax, 4)
          xor    %eax, %eax
          xor    %ecx, %ecx
          xor    %edx, %edx
          wrpkru
          mov    $0x6e1, %ecx
          wrmsr
          pop    %rdx
          pop    %rcx
          pop    %rax
          add    $8, %rsp
          iretq
        `),
        { cpu: MODEL, engine },
      );
      const { memory, state } = machine;
      memory.writeU64(DIRECTORY + 8, 0x200087n | (1n << 59n));
      memory.writeU64(DIRECTORY + 16, 0x400083n | (1n << 59n));
      memory.writeU64(IDT + 16 * 14, BigInt(HANDLER & 0xffff) | (8n << 16n) | (0x8e00n << 32n) | (0x10n << 48n));
      memory.writeU64(0x7008, 0x00af9b000000ffffn);
      memory.writeU64(0x7010, 0x00cf93000000ffffn);
      state.gdtr.base = 0x7000n;
      state.idtr.base = BigInt(IDT);
      state.cr4 |= Cr4.PKE | Cr4.PKS;
      state.gpr[Gpr.RSP] = 0x80000n;
      assert.deepEqual(machine.run(20_000_000), { reason: 'halt' });
      const faults = (code: number): number => memory.readU32(0x90000 + 4 * code);
      assert.deepEqual([faults(0x21), faults(0x23)], [6000, 6000]);
      assert.deepEqual([memory.readU32(0x200000), memory.readU32(0x400000)], [6000, 6000]);
    });
  }

  it('a debugger that sets PKRU is heard as well', () => {
    const machine = machineWith(gnuAssemble('1: mov 0x200000, %eax; jmp 1b'), { cpu: MODEL });
    const { memory, state } = machine;
    memory.writeU64(DIRECTORY + 8, 0x200087n | (15n << 59n));
    state.cr4 |= Cr4.PKE;
    machine.stopOn.exceptions.add(14);
    assert.deepEqual(machine.run(100_000), { reason: 'limit' });
    state.pkru = 1 << 30;
    const stop = machine.run(100_000);
    assert.deepEqual(stop, { reason: 'exception', vector: 14, errorCode: 0x21, faultAddress: 0x200000n });
  });
});
