import assert from 'node:assert/strict';
import { Cr0, Cr4, Efer } from '../../../emulator/cpu/state';
import { Gpr, type Operand } from '../../../emulator/isa/instruction';
import {
  CODE32,
  CODE64,
  exceptionOf,
  execute,
  KERNEL_CS32,
  longModeCpu,
  PD,
  PDPT,
  PML4,
  protectedModeCpu,
  register,
  setLevel,
  USER_CS,
  type TestCpu,
} from './support';

function writeCr(cpu: TestCpu, index: number, value: bigint): string {
  cpu.state.gpr[Gpr.RAX] = value;
  const control: Operand = { kind: 'control', register: index };
  return exceptionOf(() => execute(cpu, 'MOV_CR', { operands: [control, register(Gpr.RAX)] }));
}

function readCr(cpu: TestCpu, index: number): bigint {
  execute(cpu, 'MOV_CR', { operands: [register(Gpr.RBX), { kind: 'control', register: index }] });
  return cpu.state.gpr[Gpr.RBX];
}

function writeDr(cpu: TestCpu, index: number, value: bigint): string {
  cpu.state.gpr[Gpr.RAX] = value;
  return exceptionOf(() =>
    execute(cpu, 'MOV_DR', { operands: [{ kind: 'debug', register: index }, register(Gpr.RAX)] }),
  );
}

describe('CR0', () => {
  it('refuses PG without PE, NW without CD and bits 63..32', () => {
    const cpu = protectedModeCpu();
    assert.equal(writeCr(cpu, 0, 0x80000010n), '13(0)');
    assert.equal(writeCr(cpu, 0, 0x20000011n), '13(0)');
    assert.equal(writeCr(cpu, 0, 0x100000011n), '13(0)');
    assert.equal(writeCr(cpu, 0, 0x11n), 'none');
    assert.equal(readCr(cpu, 0), 0x11n);
  });

  it('activates long mode with LME and PAE, and deactivates it from compatibility mode', () => {
    const cpu = protectedModeCpu();
    cpu.state.efer = Efer.LME;
    cpu.state.cr3 = BigInt(PML4);
    assert.equal(writeCr(cpu, 0, 0x80000011n), '13(0)', 'without PAE');
    writeCr(cpu, 4, BigInt(Cr4.PAE));
    assert.equal(writeCr(cpu, 0, 0x80000011n), 'none');
    assert.equal(cpu.state.efer, Efer.LME | Efer.LMA);
    assert.equal(writeCr(cpu, 4, 0n), '13(0)', 'PAE must stay');
    assert.equal(writeCr(cpu, 0, 0x11n), 'none');
    assert.equal(cpu.state.efer, Efer.LME);
    assert.equal(writeCr(longModeCpu(), 0, 0x11n), '13(0)', 'not from 64-bit mode');
  });

  it('loads and checks the PDPTEs of PAE paging', () => {
    const cpu = protectedModeCpu();
    cpu.state.cr3 = BigInt(PDPT);
    cpu.state.cr4 = Cr4.PAE;
    cpu.memory.writeU64(PDPT, BigInt(PD | 7));
    assert.equal(writeCr(cpu, 0, 0x80000011n), '13(0)', 'R/W and U/S are reserved there');
    cpu.memory.writeU64(PDPT, BigInt(PD | 1));
    assert.equal(writeCr(cpu, 0, 0x80000011n), 'none');
    assert.equal(cpu.state.pdptes[0], PD | 1);
  });

  it('LMSW sets PE but does not clear it; CLTS clears TS; SMSW reads', () => {
    const cpu = protectedModeCpu();
    cpu.state.gpr[Gpr.RAX] = 0xfff8n;
    execute(cpu, 'LMSW', { operands: [register(Gpr.RAX, 2)] });
    assert.equal(cpu.state.cr0, Cr0.PE | Cr0.ET | Cr0.TS);
    execute(cpu, 'CLTS');
    assert.equal(cpu.state.cr0, Cr0.PE | Cr0.ET);
    execute(cpu, 'SMSW', { operands: [register(Gpr.RCX, 4)] });
    assert.equal(cpu.state.gpr[Gpr.RCX], 0x11n);
  });
});

describe('CR3 and CR4', () => {
  it('flush translations but global ones on a write to CR3', () => {
    const cpu = longModeCpu();
    writeCr(cpu, 3, BigInt(PML4));
    assert.deepEqual(cpu.flushes, [{ kind: 'all', argument: 1n }]);
  });

  it('with PCIDs flush the new one only, nothing with bit 63, which is not stored', () => {
    const cpu = longModeCpu();
    assert.equal(writeCr(cpu, 3, (1n << 63n) | BigInt(PML4)), '13(0)', 'bit 63 needs PCIDE');
    assert.equal(writeCr(cpu, 4, BigInt(Cr4.PAE | Cr4.PCIDE)), 'none');
    cpu.flushes.length = 0;
    writeCr(cpu, 3, BigInt(PML4 | 0x801));
    assert.deepEqual(cpu.flushes, [{ kind: 'pcid', argument: 0x801n }]);
    cpu.flushes.length = 0;
    writeCr(cpu, 3, (1n << 63n) | BigInt(PML4 | 1));
    assert.deepEqual(cpu.flushes, []);
    assert.equal(readCr(cpu, 3), BigInt(PML4 | 1));
  });

  it('PCIDE needs long mode and a zero PCID', () => {
    assert.equal(writeCr(protectedModeCpu(), 4, BigInt(Cr4.PCIDE)), '13(0)');
    const cpu = longModeCpu();
    cpu.state.cr3 = BigInt(PML4 | 0x18);
    assert.equal(writeCr(cpu, 4, BigInt(Cr4.PAE | Cr4.PCIDE)), '13(0)');
  });

  it('refuse what the model does not have', () => {
    assert.equal(writeCr(longModeCpu('generic'), 4, BigInt(Cr4.PAE | Cr4.SMEP)), '13(0)');
    assert.equal(writeCr(longModeCpu('intel'), 4, BigInt(Cr4.PAE | Cr4.SMEP)), 'none');
    assert.equal(writeCr(longModeCpu(), 4, BigInt(Cr4.PAE | Cr4.LA57)), '13(0)');
    assert.equal(writeCr(longModeCpu(), 3, 1n << 40n), '13(0)', 'beyond MAXPHYADDR');
  });

  it('CR8 has four bits; other control registers do not exist', () => {
    const cpu = longModeCpu();
    assert.equal(writeCr(cpu, 8, 16n), '13(0)');
    assert.equal(writeCr(cpu, 8, 15n), 'none');
    assert.equal(readCr(cpu, 8), 15n);
    assert.equal(writeCr(cpu, 1, 0n), '6');
    assert.equal(writeCr(cpu, 5, 0n), '6');
  });

  it('are for ring 0', () => {
    const cpu = longModeCpu();
    setLevel(cpu, 3, USER_CS, CODE64);
    assert.equal(writeCr(cpu, 3, 0n), '13(0)');
  });
});

describe('debug registers', () => {
  it('keep their fixed bits', () => {
    const cpu = longModeCpu();
    writeDr(cpu, 6, 0n);
    writeDr(cpu, 7, 0xffffffffn & ~0x2000n);
    assert.equal(cpu.state.dr6, 0xffff0ff0);
    assert.equal(cpu.state.dr7, 0xffff07ff);
    assert.equal(writeDr(cpu, 7, 1n << 32n), '13(0)');
  });

  it('DR4 and DR5 are DR6 and DR7, or #UD with CR4.DE', () => {
    const cpu = longModeCpu();
    writeDr(cpu, 5, 0x401n);
    assert.equal(cpu.state.dr7, 0x401);
    cpu.state.cr4 |= Cr4.DE;
    assert.equal(writeDr(cpu, 5, 0x401n), '6');
  });

  it('are guarded by DR7.GD', () => {
    const cpu = longModeCpu();
    writeDr(cpu, 7, 0x2400n);
    assert.equal(writeDr(cpu, 0, 0n), '1');
  });
});

describe('SMSW and its kin under UMIP', () => {
  it('are #GP(0) outside ring 0', () => {
    const cpu = longModeCpu();
    cpu.state.cr4 |= Cr4.UMIP;
    const run = (mnemonic: string) => exceptionOf(() => execute(cpu, mnemonic, { operands: [register(Gpr.RAX)] }));
    cpu.operandAddress = 0x6000n;
    for (const mnemonic of ['SMSW', 'SLDT', 'STR', 'SGDT', 'SIDT']) assert.equal(run(mnemonic), 'none', mnemonic);
    setLevel(cpu, 3, USER_CS, CODE64);
    for (const mnemonic of ['SMSW', 'SLDT', 'STR', 'SGDT', 'SIDT']) assert.equal(run(mnemonic), '13(0)', mnemonic);
  });
});

describe('LGDT and SGDT', () => {
  it('use a 64-bit base in 64-bit mode, 24 bits with a 16-bit operand outside', () => {
    const cpu = longModeCpu();
    cpu.operandAddress = 0x6000n;
    cpu.memory.writeU16(0x6000, 0x77);
    cpu.memory.writeU64(0x6002, 0xffffffff82000000n);
    execute(cpu, 'LGDT');
    assert.deepEqual(cpu.state.gdtr, { base: 0xffffffff82000000n, limit: 0x77 });
    cpu.memory.writeU64(0x6002, 1n << 47n);
    assert.equal(
      exceptionOf(() => execute(cpu, 'LIDT')),
      '13(0)',
    );
    setLevel(cpu, 0, KERNEL_CS32, CODE32);
    execute(cpu, 'LIDT', { operandSize: 2 });
    assert.equal(cpu.state.idtr.base, 0n);
  });
});
