import assert from 'node:assert/strict';
import { CPU_MODELS } from '../../../emulator/cpu/cpuid';
import { findMsr, msrs, readMsr, writeMsr } from '../../../emulator/cpu/msr';
import { Efer } from '../../../emulator/cpu/state';
import { Gpr, Seg } from '../../../emulator/isa/instruction';
import {
  CODE64,
  exceptionOf,
  execute,
  longModeCpu,
  protectedModeCpu,
  setLevel,
  USER_CS,
  type TestCpu,
} from './support';

const NON_CANONICAL = 0x0000800000000000n;

function write(cpu: TestCpu, number: number, value: bigint): string {
  return exceptionOf(() => writeMsr(cpu, number, value));
}

describe('RDMSR and WRMSR', () => {
  it('move EDX:EAX to and from the register in ECX, upper halves cleared', () => {
    const cpu = longModeCpu();
    const { gpr } = cpu.state;
    gpr[Gpr.RCX] = 0xffffffffc0000081n;
    gpr[Gpr.RDX] = 0xffffffff00230010n;
    gpr[Gpr.RAX] = 0xffffffff00000000n;
    execute(cpu, 'WRMSR');
    assert.equal(cpu.state.star, 0x0023001000000000n);
    gpr[Gpr.RDX] = -1n & 0xffffffffffffffffn;
    gpr[Gpr.RAX] = gpr[Gpr.RDX];
    execute(cpu, 'RDMSR');
    assert.deepEqual([gpr[Gpr.RDX], gpr[Gpr.RAX]], [0x00230010n, 0n]);
  });

  it('are #GP(0) outside ring 0 and for a register that is not there', () => {
    const cpu = longModeCpu();
    cpu.state.gpr[Gpr.RCX] = 0x12345678n;
    assert.equal(
      exceptionOf(() => execute(cpu, 'RDMSR')),
      '13(0)',
    );
    assert.equal(
      exceptionOf(() => execute(cpu, 'WRMSR')),
      '13(0)',
    );
    setLevel(cpu, 3, USER_CS, CODE64);
    cpu.state.gpr[Gpr.RCX] = 0xc0000080n;
    assert.equal(
      exceptionOf(() => execute(cpu, 'RDMSR')),
      '13(0)',
    );
  });
});

describe('MSRs', () => {
  it('that hold addresses take canonical ones only', () => {
    const cpu = longModeCpu();
    for (const number of [0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101, 0xc0000102, 0x175, 0x176]) {
      assert.equal(write(cpu, number, NON_CANONICAL), '13(0)', number.toString(16));
      assert.equal(write(cpu, number, 0xffffffff81000000n), 'none', number.toString(16));
      assert.equal(readMsr(cpu, number), 0xffffffff81000000n, number.toString(16));
    }
    assert.equal(cpu.state.segments[Seg.GS].base, 0xffffffff81000000n);
  });

  it('EFER: reserved bits, LMA read-only, LME fixed while paging is on', () => {
    const cpu = longModeCpu();
    assert.equal(write(cpu, 0xc0000080, 1n << 12n), '13(0)');
    assert.equal(write(cpu, 0xc0000080, BigInt(Efer.SCE)), '13(0)', 'LME with paging');
    assert.equal(write(cpu, 0xc0000080, BigInt(Efer.LME | Efer.NXE)), 'none');
    assert.equal(cpu.state.efer, Efer.LME | Efer.LMA | Efer.NXE, 'LMA stays');
    const legacy = protectedModeCpu();
    assert.equal(write(legacy, 0xc0000080, BigInt(Efer.LME | Efer.LMA)), 'none');
    assert.equal(legacy.state.efer, Efer.LME);
  });

  it('FMASK, TSC_AUX, PRED_CMD, PAT and MTRR types check reserved bits and values', () => {
    const cpu = longModeCpu();
    assert.equal(write(cpu, 0xc0000084, 1n << 32n), '13(0)');
    assert.equal(write(cpu, 0xc0000103, 1n << 32n), '13(0)');
    assert.equal(write(cpu, 0x49, 2n), '13(0)');
    assert.equal(write(cpu, 0x49, 1n), 'none');
    assert.equal(
      exceptionOf(() => readMsr(cpu, 0x49)),
      '13(0)',
    );
    assert.equal(write(cpu, 0x277, 2n), '13(0)');
    assert.equal(write(cpu, 0x277, 0x0007010600070106n), 'none');
    assert.equal(write(cpu, 0x2ff, 0xc06n), 'none');
    assert.equal(write(cpu, 0x2ff, 0xc02n), '13(0)');
    assert.equal(write(cpu, 0xfe, 0n), '13(0)', 'read-only');
  });

  it('the time-stamp counter continues from what was written', () => {
    const cpu = longModeCpu();
    cpu.timestamp = 1000n;
    assert.equal(readMsr(cpu, 0x10), 1000n);
    writeMsr(cpu, 0x10, 5n);
    cpu.timestamp = 1010n;
    assert.equal(readMsr(cpu, 0x10), 15n);
  });

  it('of AMD exist on AMD models only, of Intel on Intel models only', () => {
    assert.ok(findMsr(CPU_MODELS.amd, 0xc0011029));
    assert.equal(findMsr(CPU_MODELS.intel, 0xc0011029), undefined);
    assert.ok(findMsr(CPU_MODELS.intel, 0x1a0));
    assert.equal(findMsr(CPU_MODELS.amd, 0x1a0), undefined);
    assert.equal(findMsr(CPU_MODELS.amd, 0x48), undefined, 'not without the feature');
  });

  it('have unique numbers and names, and fields that do not overlap', () => {
    assert.equal(new Set(msrs.map(({ number }) => number)).size, msrs.length);
    assert.equal(new Set(msrs.map(({ name }) => name)).size, msrs.length);
    for (const { name, fields } of msrs) {
      let used = 0n;
      for (const { low, width } of fields) {
        const mask = ((1n << BigInt(width)) - 1n) << BigInt(low);
        assert.equal(used & mask, 0n, name);
        used |= mask;
      }
    }
  });
});
