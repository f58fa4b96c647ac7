import assert from 'node:assert/strict';
import { Gpr } from '../../../emulator/isa/instruction';
import type { Pc } from '../../../emulator/pc';
import { CODE, gnuAssemble, haveGnuAs, machineWith } from './support';

const GDT = 0x4000;
const IDT = 0x5000;
const LOG = 0x60000;

/** A machine with a GDT and an IDT whose vector `vector` leads to the label `handler`, at `offset` in the code. */
function withHandler(code: Uint8Array, vector: number, offset: number): Pc {
  const machine = machineWith(code);
  const { memory, state } = machine;
  memory.writeU64(GDT + 8, 0x00af9b000000ffffn);
  memory.writeU64(GDT + 16, 0x00cf93000000ffffn);
  state.gdtr.base = BigInt(GDT);
  state.gdtr.limit = 23;
  state.idtr.base = BigInt(IDT);
  state.idtr.limit = 0xfff;
  const target = BigInt(CODE + offset);
  memory.writeU64(
    IDT + 16 * vector,
    (target & 0xffffn) | (8n << 16n) | (0x8en << 40n) | (((target >> 16n) & 0xffffn) << 48n),
  );
  return machine;
}

/** The timer ticks every 20 PIT counts; the handler logs where it interrupted and the time-stamp counter. */
const TICKING = `
  handler:
    push %rax
    push %rdx
    rdtsc
    mov %eax, (%r15)
    mov 16(%rsp), %rdx
    mov %edx, 4(%r15)
    add $8, %r15
    mov $0x20, %al
    out %al, $0x20
    pop %rdx
    pop %rax
    iretq
  start:
    mov $${LOG}, %r15d
    mov $0x11, %al
    out %al, $0x20
    mov $0x20, %al
    out %al, $0x21
    mov $4, %al
    out %al, $0x21
    mov $1, %al
    out %al, $0x21
    mov $0xfe, %al
    out %al, $0x21
    mov $0x34, %al
    out %al, $0x43
    mov $20, %al
    out %al, $0x40
    xor %al, %al
    out %al, $0x40
    sti
  loop:
    inc %rbx
    lea 3(%rbx,%rbx,2), %rcx
    test $1, %bl
    jz loop
    xor %rcx, %rsi
    cli
    inc %rdi
    sti
    jmp loop`;

/** Bytes of the handler, which comes first. */
const START_OFFSET = 28;

describe('Interrupts', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  const ticking = (): Pc => {
    const machine = withHandler(gnuAssemble(TICKING), 0x20, 0);
    machine.state.rip = BigInt(CODE + START_OFFSET);
    return machine;
  };

  it('of the timer arrive at the same instruction however the machine is run', function () {
    const [whole, sliced, stepped] = [ticking(), ticking(), ticking()];
    const total = 400_000;
    whole.run(total);
    for (let left = total; left > 0;) {
      const count = Math.min(left, 1 + ((left * 31) % 777));
      sliced.run(count);
      left -= count;
    }
    const log = ({ memory }: Pc): string => Buffer.from(memory.bytes.subarray(LOG, LOG + 4096)).toString('hex');
    const ticks = Number(whole.state.gpr[15] - BigInt(LOG)) / 8;
    assert.ok(ticks >= 20, `only ${ticks} interrupts`);
    assert.equal(log(whole), log(sliced));
    while (stepped.instructionCount < 60_000) stepped.step();
    const early = Number(stepped.state.gpr[15] - BigInt(LOG)) * 2;
    assert.ok(early > 0);
    assert.equal(log(stepped).slice(0, early), log(whole).slice(0, early));
    assert.equal(whole.state.gpr[3], sliced.state.gpr[3]);
  });

  it('wait while a step holds them, and are reported when a step takes one', function () {
    const machine = ticking();
    machine.run(19_000);
    for (;;) {
      const { delivered } = machine.step();
      if (delivered !== undefined) {
        assert.equal(delivered, 0x20);
        assert.equal(machine.state.rip, BigInt(CODE));
        break;
      }
      assert.ok(machine.instructionCount < 100_000);
    }
    const holding = ticking();
    holding.run(19_000);
    for (let i = 0; i < 20_000; i++) assert.equal(holding.step({ holdInterrupts: true }).delivered, undefined);
    // The loop disables interrupts for a moment now and then.
    assert.ok(Array.from({ length: 4 }, () => holding.step().delivered).includes(0x20));
  });

  it('end HLT at the time they are due', function () {
    const machine = withHandler(
      gnuAssemble(TICKING.replace(/ {2}loop:[^]*/, '  loop: hlt\n inc %rbx\n jmp loop')),
      0x20,
      0,
    );
    machine.state.rip = BigInt(CODE + START_OFFSET);
    machine.run(2000);
    assert.ok(machine.state.gpr[3] > 50n);
  });

  it('come when the time that is let pass has come, if an idle processor shall wait for it', function () {
    const machine = withHandler(gnuAssemble(TICKING.replace(/ {2}loop:[^]*/, '  loop: hlt\n jmp loop')), 0x20, 0);
    machine.state.rip = BigInt(CODE + START_OFFSET);
    machine.stopOn.idle = true;
    const idle = (): number => {
      const stop = machine.run(1000);
      assert.ok(stop.reason === 'idle', stop.reason);
      return stop.duration;
    };
    const wait = idle();
    // 20 counts of the PIT are 16762 ns.
    assert.ok(wait > 16_000 && wait <= 16_762, `${wait}`);
    const before = machine.instructionCount;
    const log = Number(machine.state.gpr[15]);
    machine.passTime(1000);
    assert.equal(idle(), wait - 1000);
    assert.equal(machine.instructionCount, before, 'nothing runs while the processor waits');
    machine.passTime(1e9);
    // No more than the time to the timer's events passes, until the first of them is an interrupt.
    while (machine.instructionCount === before) {
      idle();
      machine.passTime(1e9);
    }
    assert.equal(Number(machine.state.gpr[15]), log + 8, 'the handler ran once');
    assert.ok(machine.memory.readU32(log) < 50_000, 'at the time of the tick');
  });

  it('one #DB tells of INT1 and of the data breakpoint that MOV SS before it held back', () => {
    const source = `
      handler:
        inc %rbx
        mov %dr6, %rcx
        iretq
      start:
        lea word(%rip), %rax
        mov %rax, %dr0
        mov $0xf0002, %eax
        mov %rax, %dr7
        mov word(%rip), %ss
        int1
      word:
        .word 0x10, 0`;
    const [vector, handlerBytes] = [1, 8];
    const machine = withHandler(gnuAssemble(source), vector, 0);
    machine.state.rip = BigInt(CODE + handlerBytes);
    machine.run(6 + 3);
    const { rip, dr6, gpr } = machine.state;
    const word = machine.memory.readU16(Number(rip));
    assert.deepEqual([word, gpr[Gpr.RBX], Number(gpr[Gpr.RCX]), dr6], [0x10, 1n, 0xffff0ff1, 0xffff0ff1]);
  });

  it('an instruction breakpoint after MOV SS is disregarded', () => {
    const source = `
      handler:
        inc %rbx
        mov (%rsp), %rcx
        iretq
      start:
        lea after(%rip), %rax
        mov %rax, %dr0
        add $1, %rax
        mov %rax, %dr1
        mov $0xa, %eax
        mov %rax, %dr7
        mov %ss, %edx
        mov %edx, %ss
      after:
        nop
        nop`;
    const [vector, handlerBytes] = [1, 9];
    const code = gnuAssemble(source);
    const machine = withHandler(code, vector, 0);
    machine.state.rip = BigInt(CODE + handlerBytes);
    machine.run(9 + 2);
    const { gpr } = machine.state;
    assert.deepEqual([gpr[Gpr.RBX], gpr[Gpr.RCX]], [1n, BigInt(CODE + code.length - 1)]);
  });

  it('wait for the instruction after STI and after MOV SS', function () {
    // The request is pending all the time: IRQ 0 raised by the timer in one-shot mode.
    const source = TICKING.replace(
      '    sti\n  loop:',
      '    mov $2000, %ecx\n  1: dec %ecx\n    jnz 1b\n    mov %ss, %edx\n    sti\n    mov %edx, %ss\n    inc %rbp\n    inc %rbp\n  loop:',
    );
    const machine = withHandler(gnuAssemble(source), 0x20, 0);
    machine.state.rip = BigInt(CODE + START_OFFSET);
    machine.state.gpr[5] = 0n;
    machine.addBreakpoint(BigInt(CODE));
    assert.equal(machine.run(100_000).reason, 'breakpoint');
    // STI shadows MOV SS, which shadows the first INC: the interrupt comes before the second.
    assert.equal(machine.state.gpr[5], 1n);
  });
});
