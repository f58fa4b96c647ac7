/** What surrounds x87 arithmetic: exceptions of the system, pending errors, the environment in memory, pointers. */
import assert from 'node:assert/strict';
import { Vector } from '../../../emulator/cpu/exceptions';
import { setFlatSegment } from '../../../emulator/cpu/segmentation';
import { Cr0, Flag } from '../../../emulator/cpu/state';
import { Seg } from '../../../emulator/isa/instruction';
import { CODE64, longModeCpu, protectedModeCpu, setLevel, testCpu, USER_CS, type TestCpu } from '../cpu/support';
import { CODE, exceptionOf, execute, OPERAND } from './support';

const FLD1 = [0xd9, 0xe8];
const FLDZ = [0xd9, 0xee];
const FLDPI = [0xd9, 0xeb];
const FDIVP = [0xde, 0xf9];
const FNSTSW_AX = [0xdf, 0xe0];
const FNCLEX = [0xdb, 0xe2];
const FNINIT = [0xdb, 0xe3];
const FWAIT = [0x9b];
/** With a memory operand; (%rdi) in 32- and 64-bit code. */
const FLDCW = [0xd9, 0x2f];
const FSTP_M32 = [0xd9, 0x1f];
const FSTP_M80 = [0xdb, 0x3f];
const FADD_M32 = [0xd8, 0x07];
const FNSTENV = [0xd9, 0x37];
const FLDENV = [0xd9, 0x27];
const FNSAVE = [0xdd, 0x37];
const FRSTOR = [0xdd, 0x27];
const ZE_UNMASKED = 0x37b;
const UNMAPPED = 0x40000000n;

function withOperand(cpu: TestCpu, address = BigInt(OPERAND)): TestCpu {
  cpu.operandAddress = address;
  cpu.state.cr0 |= Cr0.NE;
  return cpu;
}

function dividesByZero(cpu: TestCpu): void {
  cpu.memory.writeU16(OPERAND, ZE_UNMASKED);
  for (const code of [FLDCW, FLD1, FLDZ, FDIVP]) execute(cpu, code);
}

describe('x87 unit', () => {
  it('is not available while CR0.EM or CR0.TS is set', () => {
    for (const bit of [Cr0.EM, Cr0.TS]) {
      const cpu = withOperand(longModeCpu());
      cpu.state.cr0 |= bit;
      for (const code of [FLD1, FNINIT, FNSTSW_AX, FSTP_M32]) assert.equal(exceptionOf(cpu, code), Vector.NM);
    }
  });

  it('lets FWAIT pass under CR0.TS unless CR0.MP is set', () => {
    const cpu = withOperand(longModeCpu());
    cpu.state.cr0 = (cpu.state.cr0 & ~Cr0.MP) | Cr0.TS;
    assert.equal(exceptionOf(cpu, FWAIT), undefined);
    cpu.state.cr0 |= Cr0.MP;
    assert.equal(exceptionOf(cpu, FWAIT), Vector.NM);
  });

  it('reports an unmasked exception at the next waiting instruction', () => {
    const cpu = withOperand(longModeCpu());
    dividesByZero(cpu);
    const { extended, gpr } = cpu.state;
    assert.equal(extended.tags, 0xc0, 'both operands are still on the stack');
    for (const code of [FLD1, FWAIT, FLDCW, FSTP_M32]) assert.equal(exceptionOf(cpu, code), Vector.MF);
    execute(cpu, FNSTSW_AX);
    assert.equal(gpr[0] & 0xffffn, 0xb084n, 'busy, TOP 6, summary, ZE');
    execute(cpu, FNCLEX);
    assert.equal(exceptionOf(cpu, FWAIT), undefined);
  });

  it('raises no #MF while CR0.NE is clear', () => {
    const cpu = withOperand(longModeCpu());
    dividesByZero(cpu);
    cpu.state.cr0 &= ~Cr0.NE;
    assert.equal(exceptionOf(cpu, FWAIT), undefined);
  });

  it('keeps the stack and the status when a store faults', () => {
    const cpu = withOperand(longModeCpu(), UNMAPPED);
    execute(cpu, FLDPI);
    const { status, tags } = cpu.state.extended;
    for (const code of [FSTP_M32, FSTP_M80, FNSAVE, FNSTENV]) {
      assert.equal(exceptionOf(cpu, code), Vector.PF);
      assert.deepEqual([cpu.state.extended.status, cpu.state.extended.tags], [status, tags]);
    }
    assert.equal(cpu.state.extended.control, 0x37f);
  });

  it('faults at a store that an unmasked exception would have prevented', () => {
    const cpu = withOperand(longModeCpu(), UNMAPPED);
    cpu.state.extended.control = 0x37e;
    assert.equal(exceptionOf(cpu, FSTP_M32), Vector.PF);
    assert.equal(cpu.state.extended.status, 0);
  });

  it('checks the alignment of extended reals for 8 bytes, of environments for their words', () => {
    const cpu = withOperand(longModeCpu());
    setLevel(cpu, 3, USER_CS, CODE64);
    cpu.state.cr0 |= Cr0.AM;
    cpu.state.rflags |= Flag.AC;
    execute(cpu, FLD1);
    const misaligned = (code: readonly number[], offset: number): boolean => {
      cpu.operandAddress = BigInt(OPERAND + offset);
      return exceptionOf(cpu, code) === Number(Vector.AC);
    };
    assert.deepEqual([misaligned(FSTP_M80, 4), misaligned(FSTP_M80, 2)], [true, true]);
    assert.deepEqual([misaligned(FNSTENV, 4), misaligned(FNSTENV, 2)], [false, true]);
    assert.deepEqual([misaligned([0x66, ...FNSTENV], 2), misaligned([0x66, ...FNSTENV], 1)], [false, true]);
    assert.equal(misaligned(FSTP_M80, 8), false);
  });

  it('remembers the last instruction and its operand, not control instructions', () => {
    const cpu = withOperand(protectedModeCpu());
    const { extended, segments } = cpu.state;
    segments[Seg.DS].base = 0x1000n;
    execute(cpu, FLD1);
    execute(cpu, FADD_M32);
    execute(cpu, FLDCW);
    execute(cpu, FNSTSW_AX);
    assert.equal(extended.instructionPointer, BigInt(CODE));
    assert.equal(extended.instructionSelector, segments[Seg.CS].selector);
    assert.equal(extended.opcode, 0x007, 'D8 07');
    assert.equal(extended.dataPointer, BigInt(OPERAND) - 0x1000n);
    assert.equal(extended.dataSelector, segments[Seg.DS].selector);
    execute(cpu, [0x66, ...FLDPI]);
    assert.equal(extended.opcode, 0x1eb, 'D9 EB');
    assert.equal(extended.dataPointer, BigInt(OPERAND) - 0x1000n, 'an instruction without operand in memory keeps it');
  });
});

describe('x87 data pointer in 64-bit mode', () => {
  it('comes with the selector of the segment, though its base counts for nothing', () => {
    const cpu = withOperand(longModeCpu());
    const { extended, segments } = cpu.state;
    segments[Seg.DS].selector = 0x2b;
    segments[Seg.SS].selector = 0x18;
    execute(cpu, FADD_M32);
    assert.deepEqual([extended.dataPointer, extended.dataSelector], [BigInt(OPERAND), 0x2b]);
    execute(cpu, [0xd8, 0x04, 0x24]);
    assert.equal(extended.dataSelector, 0x18, 'an operand based on RSP');
  });
});

describe('x87 environment', () => {
  const words = (cpu: TestCpu, count: number): number[] =>
    Array.from({ length: count }, (_, i) => cpu.memory.readU16(OPERAND + 2 * i));

  /** 1 and 0 on the stack, and the pointers of the last two instructions at known places. */
  function prepared(cpu: TestCpu): TestCpu {
    withOperand(cpu);
    for (const code of [FLD1, FLDZ]) execute(cpu, code);
    const { extended } = cpu.state;
    extended.instructionPointer = 0x12345678n;
    extended.instructionSelector = 0xf000;
    extended.opcode = 0x5a1;
    extended.dataPointer = 0x9abcn;
    extended.dataSelector = 0x1234;
    return cpu;
  }

  function realMode(): TestCpu {
    const cpu = testCpu();
    setFlatSegment(cpu.state.segments[Seg.CS], 0, 0x9b);
    return prepared(cpu);
  }

  it('has 28 bytes with selectors in 32-bit protected mode', () => {
    const cpu = prepared(protectedModeCpu());
    execute(cpu, FNSTENV);
    // 1 is in R7, 0 in R6; upper halves that hold nothing are all ones.
    const first = [0x37f, 0xffff, 0x3000, 0xffff, 0x1fff, 0xffff];
    assert.deepEqual(words(cpu, 14), [...first, 0x5678, 0x1234, 0xf000, 0x5a1, 0x9abc, 0, 0x1234, 0xffff]);
  });

  it('has 14 bytes with an operand-size prefix', () => {
    const cpu = prepared(protectedModeCpu());
    cpu.memory.writeU16(OPERAND + 14, 0x7777);
    execute(cpu, [0x66, ...FNSTENV]);
    assert.deepEqual(words(cpu, 8), [0x37f, 0x3000, 0x1fff, 0x5678, 0xf000, 0x9abc, 0x1234, 0x7777]);
  });

  it('holds linear addresses in real-address mode', () => {
    const cpu = realMode();
    // 0xf0000 + 0x12345678 and 0x12340 + 0x9abc.
    execute(cpu, [0xd9, 0x35]);
    assert.deepEqual(words(cpu, 7), [0x37f, 0x3000, 0x1fff, 0x5678, 0x35a1, 0xbdfc, 0x1000]);
    const wide = realMode();
    execute(wide, [0x66, 0xd9, 0x35]);
    assert.equal(wide.memory.readU16(OPERAND + 12), 0x5678);
    assert.equal(wide.memory.readU32(OPERAND + 16), 0x12435a1);
    assert.equal(wide.memory.readU16(OPERAND + 20), 0xbdfc);
    assert.equal(wide.memory.readU32(OPERAND + 24), 0x1000);
  });

  it('masks all exceptions once it is stored, and comes back with FLDENV', () => {
    const cpu = prepared(longModeCpu());
    const { extended } = cpu.state;
    extended.control = 0x340;
    execute(cpu, FNSTENV);
    assert.equal(extended.control, 0x37f);
    execute(cpu, FNINIT);
    execute(cpu, FLDENV);
    assert.deepEqual([extended.control, extended.status, extended.tags], [0x340, 0x3000, 0xc0]);
    assert.deepEqual([extended.instructionPointer, extended.opcode], [0x12345678n, 0x5a1]);
  });

  it('makes an exception pending that its control word does not mask', () => {
    const cpu = withOperand(longModeCpu());
    execute(cpu, FNSTENV);
    cpu.memory.writeU16(OPERAND, 0x37e);
    cpu.memory.writeU16(OPERAND + 4, 1);
    execute(cpu, FLDENV);
    assert.equal(cpu.state.extended.status, 0x8081);
    assert.equal(exceptionOf(cpu, FWAIT), Vector.MF);
  });

  it('is followed by the registers from ST(0) on; FNSAVE initializes, FRSTOR brings them back', () => {
    const cpu = prepared(longModeCpu());
    execute(cpu, FLDPI);
    execute(cpu, FNSAVE);
    const { extended } = cpu.state;
    assert.deepEqual([extended.control, extended.status, extended.tags], [0x37f, 0, 0]);
    assert.equal(cpu.memory.readU64(OPERAND + 28), 0xc90fdaa22168c235n);
    assert.equal(cpu.memory.readU16(OPERAND + 36), 0x4000);
    assert.equal(cpu.memory.readU64(OPERAND + 38), 0n);
    execute(cpu, FLD1);
    execute(cpu, FRSTOR);
    assert.deepEqual([extended.status & 0x3800, extended.tags], [0x2800, 0xe0]);
    execute(cpu, FSTP_M80);
    assert.equal(cpu.memory.readU64(OPERAND), 0xc90fdaa22168c235n);
  });
});
