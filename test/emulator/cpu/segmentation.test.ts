import assert from 'node:assert/strict';
import { segmentAddress } from '../../../emulator/cpu/segmentation';
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
  register,
  setLevel,
  SPARE,
  TSS_SELECTOR,
  USER_CS,
  USER_CS32,
  USER_DS,
  writeGdt,
  type TestCpu,
} from './support';

function load(cpu: TestCpu, seg: Seg, selector: number): string {
  cpu.state.gpr[Gpr.RAX] = BigInt(selector);
  const segment: Operand = { kind: 'segment', register: seg };
  return exceptionOf(() => execute(cpu, 'MOV_SREG_LOAD', { operands: [segment, register(Gpr.RAX, 2)] }));
}

describe('loading segment registers', () => {
  it('fills the hidden part and sets the accessed bit', () => {
    const cpu = protectedModeCpu();
    writeGdt(cpu, SPARE, descriptor(0x12345678, 0xabc, 0x0092));
    assert.equal(load(cpu, Seg.ES, SPARE), 'none');
    const es = cpu.state.segments[Seg.ES];
    assert.deepEqual([es.selector, es.base, es.limit, es.rights], [SPARE, 0x12345678n, 0xabc, 0x93]);
    assert.equal(cpu.memory.readU8(0x8000 + SPARE + 5), 0x93);
    writeGdt(cpu, SPARE, descriptor(0, 0xabc, DATA));
    load(cpu, Seg.ES, SPARE);
    assert.equal(es.limit, 0xabcfff);
  });

  it('data segments: readable, privileged enough, present', () => {
    const cpu = protectedModeCpu();
    setLevel(cpu, 3, USER_CS32, CODE32);
    assert.equal(load(cpu, Seg.DS, KERNEL_DS), '13(18)', 'DPL 0 from CPL 3');
    assert.equal(load(cpu, Seg.DS, TSS_SELECTOR), '13(40)', 'a system segment');
    assert.equal(load(cpu, Seg.DS, 0x80), '13(80)', 'beyond the GDT');
    assert.equal(load(cpu, Seg.DS, 0x2c), '13(2c)', 'no LDT');
    writeGdt(cpu, SPARE, descriptor(0, 0xfffff, 0xc0f9));
    assert.equal(load(cpu, Seg.DS, SPARE), '13(50)', 'execute-only');
    writeGdt(cpu, SPARE, descriptor(0, 0xfffff, (DATA | DPL3) & ~0x80));
    assert.equal(load(cpu, Seg.DS, SPARE), '11(50)', 'not present');
    writeGdt(cpu, SPARE, descriptor(0, 0xfffff, 0xc09f));
    assert.equal(load(cpu, Seg.DS, SPARE), 'none', 'conforming code of any DPL');
    assert.equal(load(cpu, Seg.DS, 3), 'none');
    assert.equal(
      exceptionOf(() => segmentAddress(cpu, Seg.DS, 0n, 1, 'read')),
      '13(0)',
      'null is unusable',
    );
  });

  it('SS: RPL and DPL equal to CPL, writable, #SS if not present', () => {
    const cpu = protectedModeCpu();
    assert.equal(load(cpu, Seg.SS, USER_DS), '13(28)');
    assert.equal(load(cpu, Seg.SS, KERNEL_CS32), '13(8)');
    assert.equal(load(cpu, Seg.SS, 0), '13(0)');
    writeGdt(cpu, SPARE, descriptor(0, 0xfffff, DATA & ~0x80));
    assert.equal(load(cpu, Seg.SS, SPARE), '12(50)');
    assert.equal(load(cpu, Seg.SS, KERNEL_DS), 'none');
    assert.equal(cpu.state.interruptShadow, 'ss');
  });

  it('SS may be null in 64-bit mode below ring 3', () => {
    const cpu = longModeCpu();
    assert.equal(load(cpu, Seg.SS, 0), 'none');
    assert.equal(load(cpu, Seg.SS, 1), '13(0)', 'RPL must be CPL');
    setLevel(cpu, 3, USER_CS, CODE64);
    assert.equal(load(cpu, Seg.SS, 3), '13(0)');
  });

  it('a null selector clears the base of FS on Intel and keeps it on the AMD model', () => {
    for (const [model, base] of [
      ['intel', 0n],
      ['amd', 0x7000n],
    ] as const) {
      const cpu = longModeCpu(model);
      cpu.state.segments[Seg.FS].base = 0x7000n;
      load(cpu, Seg.FS, 0);
      assert.equal(cpu.state.segments[Seg.FS].base, base);
    }
  });

  it('CS cannot be loaded by MOV', () => {
    assert.equal(load(protectedModeCpu(), Seg.CS, KERNEL_CS32), '6');
  });

  it('in real-address mode the base is 16 times the selector', () => {
    const cpu = protectedModeCpu();
    cpu.state.cr0 = 0x10;
    load(cpu, Seg.DS, 0x1234);
    assert.equal(cpu.state.segments[Seg.DS].base, 0x12340n);
  });

  it('LSS loads a pointer; a fault leaves the general register alone', () => {
    const cpu = protectedModeCpu();
    cpu.operandAddress = 0x5000n;
    cpu.memory.writeU32(0x5000, 0x1234);
    cpu.memory.writeU16(0x5004, KERNEL_DS);
    execute(cpu, 'LSS', { operandSize: 4, operands: [register(Gpr.RSP, 4)] });
    assert.equal(cpu.state.gpr[Gpr.RSP], 0x1234n);
    cpu.memory.writeU16(0x5004, USER_DS);
    cpu.memory.writeU32(0x5000, 0x9999);
    assert.equal(
      exceptionOf(() => execute(cpu, 'LSS', { operandSize: 4, operands: [register(Gpr.RSP, 4)] })),
      '13(28)',
    );
    assert.equal(cpu.state.gpr[Gpr.RSP], 0x1234n);
  });

  it('LDT: a segment loads from it once LLDT has loaded it', () => {
    const cpu = protectedModeCpu();
    writeGdt(cpu, SPARE, descriptor(0xc000, 0x17, 0x82));
    cpu.memory.writeU64(0xc008, descriptor(0x4000, 0xfff, 0x00f3));
    cpu.state.gpr[Gpr.RCX] = BigInt(SPARE);
    execute(cpu, 'LLDT', { operands: [register(Gpr.RCX, 2)] });
    assert.equal(load(cpu, Seg.ES, 0x0f), 'none');
    assert.equal(cpu.state.segments[Seg.ES].base, 0x4000n);
    assert.equal(load(cpu, Seg.ES, 0x1f), '13(1c)', 'beyond its limit');
  });

  it('LTR marks the TSS busy and reads a 64-bit base in long mode', () => {
    const cpu = longModeCpu();
    writeGdt(cpu, SPARE, descriptor(0x82000000 | 0, 0x67, 0x89));
    writeGdt(cpu, SPARE + 8, 0xffffffffn);
    cpu.state.gpr[Gpr.RCX] = BigInt(SPARE);
    const ltr = () => exceptionOf(() => execute(cpu, 'LTR', { operands: [register(Gpr.RCX, 2)] }));
    assert.equal(ltr(), 'none');
    assert.equal(cpu.state.tr.base, 0xffffffff82000000n);
    assert.equal(cpu.memory.readU8(0x8000 + SPARE + 5), 0x8b);
    assert.equal(ltr(), '13(50)', 'busy');
    cpu.state.gpr[Gpr.RCX] = 0n;
    assert.equal(ltr(), '13(0)');
  });
});

describe('segment addresses', () => {
  it('check limit, type and presence outside 64-bit mode; #SS for SS', () => {
    const cpu = protectedModeCpu();
    const at = (seg: Seg, offset: bigint, size: number, access: 'read' | 'write' | 'execute') =>
      exceptionOf(() => segmentAddress(cpu, seg, offset, size, access));
    writeGdt(cpu, SPARE, descriptor(0x1000, 0xfff, 0x4091));
    load(cpu, Seg.DS, SPARE);
    assert.equal(segmentAddress(cpu, Seg.DS, 0xffcn, 4, 'read'), 0x1ffcn);
    assert.equal(at(Seg.DS, 0xffdn, 4, 'read'), '13(0)');
    assert.equal(at(Seg.DS, 0n, 4, 'write'), '13(0)', 'read-only');
    assert.equal(at(Seg.CS, 0n, 4, 'write'), '13(0)', 'code');
    assert.equal(at(Seg.DS, 0n, 1, 'execute'), '13(0)', 'data');
    cpu.state.segments[Seg.SS].limit = 0xfff;
    assert.equal(at(Seg.SS, 0x1000n, 1, 'read'), '12(0)');
  });

  it('in an expand-down segment are valid above the limit', () => {
    const cpu = protectedModeCpu();
    writeGdt(cpu, SPARE, descriptor(0, 0xfff, 0x4097));
    load(cpu, Seg.DS, SPARE);
    assert.equal(
      exceptionOf(() => segmentAddress(cpu, Seg.DS, 0xfffn, 1, 'read')),
      '13(0)',
    );
    assert.equal(segmentAddress(cpu, Seg.DS, 0x1000n, 4, 'read'), 0x1000n);
    assert.equal(segmentAddress(cpu, Seg.DS, 0xfffffffcn, 4, 'read'), 0xfffffffcn);
    assert.equal(
      exceptionOf(() => segmentAddress(cpu, Seg.DS, 0xfffffffdn, 4, 'read')),
      '13(0)',
    );
  });

  it('wrap at 4 GiB with a base', () => {
    const cpu = protectedModeCpu();
    cpu.state.segments[Seg.DS].base = 0xfffff000n;
    assert.equal(segmentAddress(cpu, Seg.DS, 0x2000n, 4, 'read'), 0x1000n);
  });

  it('in 64-bit mode use bases of FS and GS only and must be canonical', () => {
    const cpu = longModeCpu();
    cpu.state.segments[Seg.DS].base = 0x5000n;
    cpu.state.segments[Seg.GS].base = 0xffff888000000000n;
    assert.equal(segmentAddress(cpu, Seg.DS, 0x10n, 8, 'write'), 0x10n);
    assert.equal(segmentAddress(cpu, Seg.GS, 0x10n, 8, 'write'), 0xffff888000000010n);
    assert.equal(
      exceptionOf(() => segmentAddress(cpu, Seg.DS, 0x7ffffffffffdn, 4, 'read')),
      '13(0)',
    );
    assert.equal(
      exceptionOf(() => segmentAddress(cpu, Seg.SS, 1n << 47n, 8, 'read')),
      '12(0)',
    );
  });
});

describe('LAR, LSL, VERR, VERW, ARPL', () => {
  function query(cpu: TestCpu, mnemonic: string, selector: number): bigint | undefined {
    cpu.state.gpr[Gpr.RCX] = BigInt(selector);
    const two = mnemonic === 'LAR' || mnemonic === 'LSL';
    const operands = two ? [register(Gpr.RAX, 4), register(Gpr.RCX, 2)] : [register(Gpr.RCX, 2)];
    cpu.state.gpr[Gpr.RAX] = 0n;
    execute(cpu, mnemonic, { operandSize: 4, operands });
    return cpu.state.flag(Flag.ZF) ? cpu.state.gpr[Gpr.RAX] : undefined;
  }

  it('answer for visible segments and clear ZF for others', () => {
    const cpu = longModeCpu();
    setLevel(cpu, 3, USER_CS, CODE64);
    assert.equal(query(cpu, 'LAR', USER_DS), 0xc0f300n);
    assert.equal(query(cpu, 'LSL', USER_DS), 0xffffffffn);
    assert.equal(query(cpu, 'LAR', KERNEL_CS), undefined);
    assert.equal(query(cpu, 'LAR', 0), undefined);
    assert.equal(query(cpu, 'LSL', TSS_SELECTOR), undefined, 'DPL 0');
    assert.equal(query(cpu, 'VERR', USER_CS), 0n);
    assert.equal(query(cpu, 'VERW', USER_CS), undefined);
    assert.equal(query(cpu, 'VERW', USER_DS), 0n);
  });

  it('VERW reads its memory operand', () => {
    const cpu = longModeCpu();
    cpu.operandAddress = 0x10000000n;
    const memory: Operand = {
      ...{
        kind: 'memory',
        size: 2,
        segment: Seg.DS,
        base: -1,
        index: -1,
        scale: 0,
        displacement: 0n,
        ripRelative: false,
      },
    };
    assert.equal(
      exceptionOf(() => execute(cpu, 'VERW', { operands: [memory] })),
      '14(0)',
    );
  });

  it('ARPL raises the RPL', () => {
    const cpu = protectedModeCpu();
    cpu.state.gpr[Gpr.RAX] = 0x10n;
    cpu.state.gpr[Gpr.RCX] = 3n;
    execute(cpu, 'ARPL', { operands: [register(Gpr.RAX, 2), register(Gpr.RCX, 2)] });
    assert.equal(cpu.state.gpr[Gpr.RAX], 0x13n);
    assert.equal(cpu.state.flag(Flag.ZF), true);
    execute(cpu, 'ARPL', { operands: [register(Gpr.RAX, 2), register(Gpr.RCX, 2)] });
    assert.equal(cpu.state.flag(Flag.ZF), false);
  });
});
