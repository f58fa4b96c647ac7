/** Real-address and virtual-8086 mode where QEMU is no witness: limits, and code seen through many segments. */
import assert from 'node:assert/strict';
import { createMachine, type Stop } from '../../../emulator';
import type { Pc } from '../../../emulator/pc';
import { gnuAssemble, haveGnuAs } from './support';

const SEGMENT = 0x1000;
const STACK_SEGMENT = 0x3000;
const HANDLER = 0x8000;
const CS = 1;
const SS = 2;

/**
 * A machine in real-address mode about to execute `source` at 1000:0000; each exception goes to a handler that leaves its
 * vector in DL, the saved IP in DI, and halts.
 */
function realMode(source: string, engine: 'interpreter' | 'tiered' = 'tiered'): Pc {
  const machine = createMachine({ memoryBytes: 4 << 20, engine });
  const { memory, state } = machine;
  memory.load(SEGMENT * 16, gnuAssemble(`.code16\n${source}`, 32));
  for (let vector = 0; vector < 32; vector++) {
    const handler = HANDLER + 16 * vector;
    memory.writeU32(4 * vector, SEGMENT * 0x10000 + handler);
    memory.load(SEGMENT * 16 + handler, gnuHandler(vector));
  }
  state.cr0 = 0x10;
  state.segments.forEach((segment, index) => {
    segment.selector = index === SS ? STACK_SEGMENT : SEGMENT;
    segment.base = BigInt(segment.selector * 16);
    segment.limit = 0xffff;
    segment.rights = index === CS ? 0x9b : 0x93;
  });
  state.idtr.base = 0n;
  state.idtr.limit = 0x3ff;
  state.rip = 0n;
  state.gpr[4] = 0xf000n;
  return machine;
}

/** pop %di; mov $vector, %dl; hlt */
function gnuHandler(vector: number): Uint8Array {
  return Uint8Array.of(0x5f, 0xb2, vector, 0xf4);
}

function outcome(
  source: string,
  prepare: (machine: Pc) => void = () => {},
): { stop: Stop; vector: number; ip: number } {
  const machine = realMode(source);
  prepare(machine);
  const stop = machine.run(10_000_000);
  const { gpr } = machine.state;
  return { stop, vector: Number(gpr[2] & 0xffn), ip: Number(gpr[7] & 0xffffn) };
}

const HALT: Stop = { reason: 'halt' };

describe('Real-address mode', function () {
  this.timeout(20_000);
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  it('raises #GP for a far jump beyond the limit of the code segment, at the jump', () => {
    assert.deepEqual(outcome('nop\n ljmpl $0x1000, $0x10000'), { stop: HALT, vector: 13, ip: 1 });
  });

  it('raises #GP for a far return and for IRETD beyond the limit', () => {
    assert.deepEqual(outcome('pushl $0x1000\n pushl $0x12345\n lretl'), { stop: HALT, vector: 13, ip: 12 });
    assert.deepEqual(outcome('pushl $2\n pushl $0x1000\n pushl $0x12345\n iretl'), { stop: HALT, vector: 13, ip: 15 });
  });

  it('raises #GP when execution runs over the end of the segment', () => {
    const atEnd = (machine: Pc): void => machine.memory.load(SEGMENT * 16 + 0xfffe, Uint8Array.of(0x90, 0x90));
    assert.deepEqual(outcome('mov $0xfffe, %ax\n jmp *%ax', atEnd), { stop: HALT, vector: 13, ip: 0 });
  });

  it('raises #GP for an instruction that crosses the end of the segment', () => {
    const atEnd = (machine: Pc): void => machine.memory.load(SEGMENT * 16 + 0xfffe, Uint8Array.of(0xb8, 0, 0));
    assert.deepEqual(outcome('mov $0xfffe, %ax\n jmp *%ax', atEnd), { stop: HALT, vector: 13, ip: 0xfffe });
  });

  it('shuts down when the stack has no room for the exception either', () => {
    assert.deepEqual(outcome('mov $1, %sp\n push %ax').stop, { reason: 'shutdown', vector: 12 });
  });

  it('keeps a limit of 4 GiB for data, but not for the stack pointer', () => {
    const machine = realMode(
      'mov $0x7000, %ax\n mov %ax, %ds\n mov 0x100000, %bx\n movl (%ecx), %ebp\n push %bp\n hlt',
    );
    const { memory, state } = machine;
    state.segments[3].limit = 0xffffffff;
    state.gpr[1] = 0x200000n;
    memory.writeU32(0x270000, 0x89abcdef);
    assert.deepEqual(machine.run(100), HALT);
    assert.equal(state.gpr[5], 0x89abcdefn);
    assert.equal(state.gpr[4], 0xeffen);
  });

  for (const engine of ['interpreter', 'tiered'] as const) {
    it(`tells apart one piece of code seen through thousands of segments: ${engine}`, () => {
      // Segment 1100 + i sees linear address 20000 at another offset each time; the routine adds what it sees of itself.
      const machine = realMode(
        `
          mov $3, %dh
        3: mov $0x1100, %cx
          mov $0xf000, %si
        1: mov %si, pointer
          mov %cx, pointer + 2
          lcall *pointer
          inc %cx
          sub $16, %si
          cmp $0x2000, %cx
          jne 1b
          dec %dh
          jnz 3b
          hlt
        pointer: .long 0
        `,
        engine,
      );
      const routine = gnuAssemble(
        '.code16\n call 1f\n 1: pop %bp\n add %bp, %bx\n mov %cs, %ax\n add %eax, %edi\n lret',
        32,
      );
      machine.memory.load(0x20000, routine);
      assert.deepEqual(machine.run(10_000_000), HALT);
      let offsets = 0;
      let segments = 0;
      for (let cs = 0x1100; cs < 0x2000; cs++) {
        offsets += 0x20000 - 16 * cs + 3;
        segments += cs;
      }
      assert.equal(machine.state.gpr[3], BigInt((3 * offsets) & 0xffff));
      assert.equal(machine.state.gpr[7], BigInt(3 * segments));
    });
  }

  it('enters protected and virtual-8086 mode, in which limits hold, and comes back through a gate', () => {
    const machine = realMode(`
        lgdtl gdtr
        lidtl idtr
        mov $1, %ax
        lmsw %ax
        mov $0x10, %ax
        mov %ax, %ss
        mov %ax, %ds
        mov $0x18, %ax
        ltr %ax
        ljmp $8, $1f
      1: pushl $0x4004
        pushl $0x4003
        pushl $0x4002
        pushl $0x4001
        pushl $0x3000
        pushl $0x0800
        pushl $0x23202
        pushl $0x1000
        pushl $v86
        cmpb $0, big
        je 2f
        movl $0x10000, (%esp)
      2: iretl
      v86:
        mov $0x55, %bl
        mov %es:0xfffe, %ax
        mov %es:0xffff, %ax
      handler:
        mov %esp, %ebp
        mov (%bp), %edx
        mov 4(%bp), %edi
        hlt
      big: .byte 0
        .balign 8
      gdt: .quad 0, 0x00009b010000ffff, 0x000093010000ffff, 0x0000890190000067
      gdtr: .word 31
        .long 0x10000 + gdt
      idt: .fill 13, 8, 0
        .word handler, 8, 0x8e00, 0
      idtr: .word 14 * 8 - 1
        .long 0x10000 + idt
    `);
    machine.memory.writeU32(0x19004, 0x7000);
    machine.memory.writeU32(0x19008, 0x10);
    assert.deepEqual(machine.run(1000), HALT);
    const { gpr, segments, cpl, virtual8086 } = machine.state;
    assert.equal(gpr[3] & 0xffn, 0x55n);
    assert.deepEqual([gpr[2], gpr[7] !== 0n], [0n, true]);
    assert.equal(gpr[4], 0x7000n - 40n);
    assert.deepEqual([cpl, virtual8086], [0, false]);
    assert.deepEqual(
      [0, 3, 4, 5].map((index) => [segments[index].selector, segments[index].unusable]),
      Array(4).fill([0, true]),
    );
  });
});
