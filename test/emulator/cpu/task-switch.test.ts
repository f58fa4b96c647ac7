/** What a task switch that fails leaves behind: QEMU reports it in terms of the wrong task. */
import assert from 'node:assert/strict';
import { deliverException, deliverInterrupt } from '../../../emulator/cpu/interrupts';
import { GuestException } from '../../../emulator/cpu/exceptions';
import { Flag } from '../../../emulator/cpu/state';
import {
  descriptor,
  exceptionOf,
  execute,
  gate32,
  KERNEL_CS32,
  KERNEL_DS,
  protectedModeCpu,
  SPARE,
  TSS,
  TSS_SELECTOR,
  writeGdt,
  type TestCpu,
} from './support';

const OTHER = 0xb000;
const ENTRY = 0x12340;
const STACK = 0x1e000;
const BUSY_TSS = 0x8b;

/** A second 32-bit task at selector SPARE, ready to run. */
function withTask(model = 'intel'): TestCpu {
  const cpu = protectedModeCpu(model);
  writeGdt(cpu, SPARE, descriptor(OTHER, 0x67, 0x89));
  writeGdt(cpu, TSS_SELECTOR, descriptor(TSS, 0x67, BUSY_TSS));
  const { memory } = cpu;
  memory.writeU32(OTHER + 32, ENTRY);
  memory.writeU32(OTHER + 36, Flag.FIXED);
  memory.writeU32(OTHER + 56, STACK);
  for (const [index, selector] of [KERNEL_DS, KERNEL_CS32, KERNEL_DS, KERNEL_DS].entries()) {
    memory.writeU32(OTHER + 72 + 4 * index, selector);
  }
  return cpu;
}

function jump(cpu: TestCpu): string {
  const far = { kind: 'far', selector: SPARE, offset: 0 } as const;
  return exceptionOf(() => execute(cpu, 'JMP_FAR', { operandSize: 4, operands: [far] }, 0x5000n));
}

/** Type byte of a descriptor. */
function typeOf(cpu: TestCpu, selector: number): number {
  return cpu.memory.readU8(Number(cpu.state.gdtr.base) + selector + 5);
}

describe('Task switches', () => {
  it('that find the new task wrong fault in it, at its first instruction, with the old one saved', () => {
    const cpu = withTask();
    cpu.memory.writeU32(OTHER + 76, KERNEL_DS);
    assert.equal(jump(cpu), `10(${KERNEL_DS.toString(16)})`);
    assert.equal(cpu.state.rip, BigInt(ENTRY));
    assert.equal(cpu.state.gpr[4], BigInt(STACK));
    assert.equal(cpu.state.tr.selector, SPARE);
    assert.equal(cpu.memory.readU32(TSS + 32), 0x5002);
    assert.deepEqual([typeOf(cpu, TSS_SELECTOR), typeOf(cpu, SPARE)], [0x89, BUSY_TSS]);
  });

  it('that find the TSS too short fault in the old task, which goes on', () => {
    const cpu = withTask();
    writeGdt(cpu, SPARE, descriptor(OTHER, 0x66, 0x89));
    assert.equal(jump(cpu), `10(${SPARE.toString(16)})`);
    assert.equal(cpu.state.rip, 0x5000n);
    assert.equal(cpu.state.tr.selector, TSS_SELECTOR);
    assert.deepEqual([typeOf(cpu, TSS_SELECTOR), typeOf(cpu, SPARE)], [BUSY_TSS, 0x89]);
  });

  it('for a fault save where it was, with RF, and push its error code in the new task', () => {
    const cpu = withTask();
    gate32(cpu, 13, 0, { type: 5, selector: SPARE });
    cpu.state.rip = 0x6000n;
    deliverException(cpu, new GuestException(13, 0x58));
    assert.equal(cpu.state.rip, BigInt(ENTRY));
    assert.equal(cpu.state.gpr[4], BigInt(STACK - 4));
    assert.equal(cpu.memory.readU32(STACK - 4), 0x58);
    assert.equal(cpu.memory.readU32(TSS + 32), 0x6000);
    assert.equal(cpu.memory.readU32(TSS + 36) & Flag.RF, Flag.RF);
    assert.equal(cpu.memory.readU16(OTHER), TSS_SELECTOR);
    assert.equal(cpu.state.flag(Flag.NT), true);
  });

  describe('with shadow stacks', () => {
    const SSP = 0x40ff8;
    const OLD_SSP = 0x41ff0n;

    /** Without paging any page may be a shadow stack. */
    function withShadowStack(): TestCpu {
      const cpu = withTask('intel,+cet_ss');
      writeGdt(cpu, SPARE, descriptor(OTHER, 0x6b, 0x89));
      cpu.memory.writeU32(OTHER + 104, SSP);
      cpu.memory.writeU64(SSP, BigInt(SSP));
      gate32(cpu, 13, 0, { type: 5, selector: SPARE });
      cpu.state.cr0 |= 0x10000;
      cpu.state.cr4 |= 1 << 23;
      cpu.state.cet.supervisor = 1n;
      cpu.state.cet.ssp = OLD_SSP;
      cpu.state.rip = 0x6000n;
      return cpu;
    }
    const shadow = (cpu: TestCpu): bigint[] => [0, 8, 16, 24].map((offset) => cpu.memory.readU64(SSP - 24 + offset));

    it('take that of the TSS, push where the old task was, and come back with IRET', () => {
      const cpu = withShadowStack();
      const { state } = cpu;
      deliverException(cpu, new GuestException(13, 0x58));
      assert.equal(state.cet.ssp, BigInt(SSP - 24));
      assert.deepEqual(shadow(cpu), [OLD_SSP, 0x6000n, BigInt(KERNEL_CS32), BigInt(SSP) | 1n]);
      execute(cpu, 'IRET', { operandSize: 4 });
      assert.equal(state.tr.selector, TSS_SELECTOR);
      assert.equal(state.rip, 0x6000n);
      assert.equal(state.cet.ssp, OLD_SSP);
      assert.equal(cpu.memory.readU64(SSP), BigInt(SSP), 'free again');
    });

    it('come back only to where the shadow stack says: #CP(2) in the task returned to', () => {
      const cpu = withShadowStack();
      deliverException(cpu, new GuestException(13, 0x58));
      cpu.memory.writeU32(TSS + 32, 0x6004);
      assert.equal(
        exceptionOf(() => execute(cpu, 'IRET', { operandSize: 4 })),
        '21(2)',
      );
      assert.equal(cpu.state.tr.selector, TSS_SELECTOR);
    });

    it('without a token, or without a place for SSP in the TSS, are #TS', () => {
      for (const [limit, token] of [
        [0x6b, SSP | 1],
        [0x6b, 0],
        [0x67, SSP],
      ]) {
        const cpu = withShadowStack();
        writeGdt(cpu, SPARE, descriptor(OTHER, limit, 0x89));
        cpu.memory.writeU64(SSP, BigInt(token));
        assert.equal(jump(cpu), `10(${SPARE.toString(16)})`);
      }
    });
  });

  it('for an interrupt say so in the error codes of what goes wrong', () => {
    const cpu = withTask();
    gate32(cpu, 0x20, 0, { type: 5, selector: SPARE });
    gate32(cpu, 11, 0x7000);
    writeGdt(cpu, SPARE, descriptor(OTHER, 0x67, 0x09));
    deliverInterrupt(cpu, 0x20);
    assert.equal(cpu.state.rip, 0x7000n);
    assert.equal(cpu.memory.readU32(Number(cpu.state.gpr[4])), SPARE | 1);
  });
});
