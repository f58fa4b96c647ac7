import assert from 'node:assert/strict';
import { createMachine, loadFlat, MachineError, type Platform, type Stop } from '../../../emulator';
import { cpuid } from '../../../emulator/cpu/cpuid';
import { readControlRegister, writeControlRegister } from '../../../emulator/cpu/control-registers';
import { readMsr, writeMsr } from '../../../emulator/cpu/msr';
import { Frequency } from '../../../emulator/clock';
import { exceptionOf } from '../cpu/support';

const APIC_BASE = 0x1b;
const TSC_DEADLINE = 0x6e0;
const XAPIC = 0xfee00900n;
const X2APIC = 0xfee00d00n;

function machine(platform: Platform | undefined, cpu = 'intel') {
  return createMachine({ memoryBytes: 4 << 20, cpu, ...(platform && { platform }) });
}

/** A machine about to run these instructions in 64-bit mode, with all devices mapped. */
function running(code: readonly number[], engine: 'tiered' | 'interpreter' | 'compiled' = 'tiered') {
  const made = createMachine({ memoryBytes: 4 << 20, platform: 'acpi', engine });
  loadFlat(made.cpu, { bytes: Uint8Array.from(code), loadAddress: 0x100000n, mode: 64 });
  // A page of 1 GiB for the last of the first four.
  const pointers = Number(made.memory.readU64(Number(made.state.cr3)) & ~0xfffn);
  made.memory.writeU64(pointers + 8 * 3, 0xc0000083n);
  return made;
}

describe('platforms', () => {
  it('claim an APIC only where there is one', () => {
    const features = (platform: Platform | undefined, cpu?: string) => {
      const { cpu: processor } = machine(platform, cpu);
      const { ecx, edx } = cpuid(processor, 1, 0);
      return [(edx >> 9) & 1, (ecx >> 21) & 1, (ecx >> 24) & 1];
    };
    assert.deepEqual(features(undefined), [0, 0, 0]);
    assert.deepEqual(features('legacy'), [0, 0, 0]);
    assert.deepEqual(features('acpi'), [1, 1, 1]);
    assert.deepEqual(features('acpi', 'intel,-x2apic'), [1, 0, 1]);
    assert.deepEqual(features('acpi', 'intel,-apic'), [0, 0, 0]);
    assert.deepEqual(features('acpi', 'amd'), [1, 0, 0]);
    assert.throws(() => machine('pc98' as Platform), MachineError);
  });

  it('have the same devices at the same ports, and the new ones on acpi alone', () => {
    const [legacy, acpi] = [machine(undefined), machine('acpi')];
    assert.deepEqual([legacy.bus.readMemory(0xfec00000, 4), acpi.bus.readMemory(0xfec00000, 4)], [0xffffffffn, 0n]);
    assert.deepEqual([legacy.bus.readPort(0x604, 2), acpi.bus.readPort(0x604, 2)], [0xffff, 1]);
    for (const port of [0x2f8, 0x3e8, 0x2e8]) assert.equal(acpi.bus.readPort(port + 5, 1), 0xff, 'COM2 to COM4');
  });

  it('change IA32_APIC_BASE as the modes of the APIC allow', () => {
    const { cpu } = machine('acpi');
    const write = (value: bigint) => exceptionOf(() => writeMsr(cpu, APIC_BASE, value));
    assert.equal(readMsr(cpu, APIC_BASE), XAPIC);
    assert.equal(write(0xfee00500n), '13(0)', 'EXTD without EN');
    assert.equal(write(X2APIC), 'none');
    assert.equal(write(XAPIC), '13(0)', 'x2APIC to xAPIC');
    assert.equal(readMsr(cpu, 0x803), 0x50014n);
    assert.equal(write(0xfee00100n), 'none');
    assert.equal((cpuid(cpu, 1, 0).edx >> 9) & 1, 0, 'a disabled APIC disappears');
    assert.equal(write(X2APIC), '13(0)', 'disabled to x2APIC');
    assert.equal(write(XAPIC), 'none');
    const without = machine('acpi', 'intel,-x2apic').cpu;
    assert.equal(
      exceptionOf(() => writeMsr(without, APIC_BASE, X2APIC)),
      '13(0)',
    );
    assert.deepEqual(
      [cpuid(cpu, 0xb, 0), cpuid(cpu, 0xb, 1), cpuid(cpu, 0xb, 2)].map(({ ebx, ecx }) => [ebx, ecx]),
      [
        [1, 0x100],
        [1, 0x201],
        [0, 2],
      ],
    );
  });

  it('have CR8 and the task priority in one', () => {
    const { cpu } = machine('acpi');
    writeControlRegister(cpu, 8, 9n);
    assert.equal(cpu.bus.readMemory(0xfee00080, 4), 0x90n);
    cpu.bus.writeMemory(0xfee00080, 4, 0x4fn);
    assert.equal(readControlRegister(cpu, 8), 4n);
  });

  it('have their memory types set up as firmware does on acpi', () => {
    const { cpu } = machine('acpi');
    assert.equal(readMsr(cpu, 0x2ff), 0xc06n);
    assert.equal(readMsr(cpu, 0x259), 0n);
    assert.equal(readMsr(cpu, 0x26f), 0x0505050505050505n);
    assert.deepEqual([readMsr(cpu, 0x200), readMsr(cpu, 0x201)], [0xc0000000n, 0xffc0000800n]);
    assert.equal(readMsr(machine('legacy').cpu, 0x2ff), 0n);
    machine('acpi', 'intel,-mtrr');
  });

  it('end on soft-off and reset', () => {
    const ends = (code: readonly number[]): Stop => running(code).run(100);
    // mov $0x3400, %eax; mov $0x604, %edx; out %ax, %dx; hlt
    const off = [0xb8, 0, 0x34, 0, 0, 0xba, 4, 6, 0, 0, 0x66, 0xef, 0xf4];
    assert.deepEqual(ends(off), { reason: 'power-off' });
    // mov $0xfe, %al; out %al, $0x64; hlt
    assert.deepEqual(ends([0xb0, 0xfe, 0xe6, 0x64, 0xf4]), { reason: 'reset' });
    // mov $0xfee00310, %edi; movl $0, (%rdi); movl $0x4500, -16(%rdi); hlt: INIT to oneself
    const init = [0xbf, 0x10, 3, 0xe0, 0xfe, 0xc7, 7, 0, 0, 0, 0, 0xc7, 0x47, 0xf0, 0, 0x45, 0, 0, 0xf4];
    assert.deepEqual(ends(init), { reason: 'reset' });
  });
});

describe('clocks', () => {
  it('agree: time-stamp counter, power management timer, HPET, APIC timer and 8254', () => {
    // jmp .
    const made = running([0xeb, 0xfe]);
    const { cpu } = made;
    const { bus } = cpu;
    bus.writeMemory(0xfee003e0, 4, 0xbn);
    bus.writeMemory(0xfee00320, 4, 0x10000n);
    bus.writeMemory(0xfee00380, 4, 0xffffffffn);
    bus.writeMemory(0xfed00010, 4, 1n);
    bus.writePort(0x43, 1, 0x34);
    bus.writePort(0x40, 1, 0);
    bus.writePort(0x40, 1, 0);
    for (const instructions of [1, 999_999, 20_000_000]) {
      made.run(instructions);
      const now = made.instructionCount;
      assert.equal(cpu.timestamp, BigInt(now));
      assert.equal(bus.readPort(0x608, 4), new Frequency(3_579_545).ticksAt(now));
      assert.equal(bus.readMemory(0xfed000f0, 8), BigInt(Math.floor(now / 10)));
      assert.equal(bus.readMemory(0xfee00390, 4), BigInt(0xffffffff - now));
      bus.writePort(0x43, 1, 0);
      const count = bus.readPort(0x40, 1) | (bus.readPort(0x40, 1) << 8);
      const elapsed = (0x10000 - count) & 0xffff;
      assert.ok(Math.abs(elapsed - (Math.floor(now * 1.193182e-3) & 0xffff)) <= 1);
    }
  });

  for (const engine of ['interpreter', 'tiered', 'compiled'] as const) {
    it(`fire the TSC deadline before the instruction it is meant for (${engine})`, () => {
      // mov $0x6e0, %ecx; mov $5000, %eax; xor %edx, %edx; wrmsr; sti; 1: inc %rbx; jmp 1b
      const code = [0xb9, 0xe0, 6, 0, 0, 0xb8, 0x88, 0x13, 0, 0, 0x31, 0xd2, 0x0f, 0x30, 0xfb];
      const made = running([...code, 0x48, 0xff, 0xc3, 0xeb, 0xfb], engine);
      const { memory, state, cpu } = made;
      cpu.bus.writeMemory(0xfee00320, 4, 0x40040n);
      // The gate of vector 40h leads to HLT with interrupts off.
      memory.load(0x8000 + 16 * 0x40, Uint8Array.of(0, 0x90, 8, 0, 0, 0x8e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
      memory.writeU8(0x9000, 0xf4);
      Object.assign(state.idtr, { base: 0x8000n, limit: 0xfff });
      assert.deepEqual(made.run(10_000), { reason: 'halt' });
      // The write was the fourth instruction; two of each round of the loop came after STI.
      assert.equal(made.instructionCount, 5001);
      assert.equal(state.gpr[3], BigInt((5000 - 5 + 1) >> 1));
      assert.equal(readMsr(cpu, TSC_DEADLINE), 0n);
    });

    it(`interrupt after the very instruction that asks for it by an x2APIC register (${engine})`, () => {
      // 1: mov $0x1b, %ecx; rdmsr; or $0x400, %eax; wrmsr; sti; mov $0x83f, %ecx; mov $0x42, %eax; xor %edx, %edx
      const enter = [0xb9, 0x1b, 0, 0, 0, 0x0f, 0x32, 0x0d, 0, 4, 0, 0, 0x0f, 0x30, 0xfb, 0xb9, 0x3f, 8, 0, 0];
      // wrmsr; inc %rbx; cli; mov $0x80b, %ecx; xor %eax, %eax; wrmsr; hlt
      const send = [
        0xb8, 0x42, 0, 0, 0, 0x31, 0xd2, 0x0f, 0x30, 0x48, 0xff, 0xc3, 0xfa, 0xb9, 0x0b, 8, 0, 0, 0x31, 0xc0,
      ];
      const made = running([...enter, ...send, 0x0f, 0x30, 0xf4], engine);
      const { memory, state, cpu } = made;
      // The handler: mov %rbx, %rsi; mov (%rsp), %rdi; iretq
      memory.load(0x8000 + 16 * 0x42, Uint8Array.of(0, 0x90, 8, 0, 0, 0x8e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
      memory.load(0x9000, Uint8Array.of(0x48, 0x89, 0xde, 0x48, 0x8b, 0x3c, 0x24, 0x48, 0xcf));
      Object.assign(state.idtr, { base: 0x8000n, limit: 0xfff });
      state.gpr[3] = 7n;
      assert.deepEqual(made.run(10_000), { reason: 'halt' });
      assert.deepEqual([state.gpr[6], state.gpr[7], state.gpr[3]], [7n, 0x10001dn, 8n]);
      assert.equal(readMsr(cpu, 0x812), 0n, 'its end was told');
    });

    it(`interrupt after the very instruction that asks for it by a write to memory (${engine})`, () => {
      // mov $0xfee00300, %edi; mov $300, %ecx; sti; 1: inc %rbx; dec %ecx; jnz 1b; movl $0x40041, (%rdi); inc %rbx; hlt
      const code = [0xbf, 0, 3, 0xe0, 0xfe, 0xb9, 0x2c, 1, 0, 0, 0xfb, 0x48, 0xff, 0xc3, 0xff, 0xc9, 0x75, 0xf9];
      const made = running([...code, 0xc7, 7, 0x41, 0, 4, 0, 0x48, 0xff, 0xc3, 0xf4], engine);
      const { memory, state } = made;
      memory.load(0x8000 + 16 * 0x41, Uint8Array.of(0, 0x90, 8, 0, 0, 0x8e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
      memory.writeU8(0x9000, 0xf4);
      Object.assign(state.idtr, { base: 0x8000n, limit: 0xfff });
      assert.deepEqual(made.run(10_000), { reason: 'halt' });
      assert.equal(state.gpr[3], 300n);
      assert.equal(memory.readU64(Number(state.gpr[4])), 0x100018n, 'returns to the next instruction');
    });
  }
});
