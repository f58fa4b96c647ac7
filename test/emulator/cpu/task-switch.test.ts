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
function withTask(): TestCpu {
  const cpu = protectedModeCpu();
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
