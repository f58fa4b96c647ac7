import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CODE, gnuAssemble, haveGnuAs, machineWith } from './support';
import type { Pc } from '../../../emulator/pc';

/** Everything a guest could tell of the processor. */
function snapshot({ state, instructionCount }: Pc): string {
  return [instructionCount, state.rip.toString(16), state.rflags.toString(16), ...state.gpr].join(' ');
}

describe('Engine', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  /** Branches of all kinds, calls, memory, strings, and flags that live across blocks. */
  const mixture = (): Uint8Array =>
    gnuAssemble(`
      xor %eax, %eax
      mov $0x50000, %ebx
    outer:
      mov $37, %ecx
    1: add %rcx, %rax
      mov %rax, (%rbx,%rcx,8)
      call leaf
      test $3, %al
      jnz 2f
      adc $7, %rdx
      sbb %edx, %esi
    2: dec %rcx
      jnz 1b
      lea 0x51000, %rdi
      mov $40, %ecx
      rep stosb
      inc %r8
      cmp $1000000, %r8
      jb outer
      hlt
    leaf:
      ror $3, %rax
      push %rax
      pop %r9
      bt $5, %r9
      setc %r10b
      ret`);

  it('stops after exactly the number of instructions asked for, in the same state as single steps', function () {
    const code = mixture();
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 8 }), (runs) => {
        const running = machineWith(code);
        const stepping = machineWith(code);
        for (const count of runs) {
          const before = running.instructionCount;
          assert.deepEqual(running.run(count), { reason: 'limit' });
          assert.equal(running.instructionCount - before, count);
          for (let i = 0; i < count; i++) stepping.step();
          assert.equal(snapshot(running), snapshot(stepping));
        }
      }),
      { numRuns: 25, seed: 1 },
    );
  });

  it('does the same whatever the slices', function () {
    const code = mixture();
    const [whole, sliced] = [machineWith(code), machineWith(code)];
    whole.run(300_000);
    for (let left = 300_000; left > 0;) {
      const count = Math.min(left, 1 + ((left * 7919) % 5000));
      sliced.run(count);
      left -= count;
    }
    assert.equal(snapshot(whole), snapshot(sliced));
    const memory = ({ memory: { bytes } }: Pc): Uint8Array => bytes.slice(0x50000, 0x52000);
    assert.deepEqual(memory(whole), memory(sliced));
  });

  describe('breakpoints', function () {
    const loop = (): Uint8Array =>
      gnuAssemble(`
        xor %eax, %eax
      1: inc %rax
        cmp $5, %rax
        jne 1b
        hlt`);

    it('stop before the instruction, each time, and not on the first one of a run', function () {
      const machine = machineWith(loop());
      const inc = BigInt(CODE) + 2n;
      machine.addBreakpoint(inc);
      for (let round = 0n; round < 5n; round++) {
        assert.deepEqual(machine.run(1000), { reason: 'breakpoint', address: inc });
        assert.equal(machine.state.rip, inc);
        assert.equal(machine.state.gpr[0], round);
      }
      assert.deepEqual(machine.run(1000), { reason: 'halt' });
    });

    it('take effect in the middle of a hot loop and are forgotten when removed', function () {
      const machine = machineWith(gnuAssemble('1: inc %rax\n add %rax, %rbx\n jmp 1b'));
      machine.run(10_000);
      const add = BigInt(CODE) + 3n;
      machine.addBreakpoint(add);
      assert.equal(machine.run(1000).reason, 'breakpoint');
      machine.removeBreakpoint(add);
      assert.equal(machine.run(1000).reason, 'limit');
    });

    it('on data stop after the instruction that touched them', function () {
      const machine = machineWith(
        gnuAssemble('mov $0x50008, %ebx\n mov (%rbx), %rax\n incl 1(%rbx)\n movb $1, 8(%rbx)\n nop\n hlt'),
      );
      const breakpoint = { va: 0x5000an, length: 2, access: 'write' } as const;
      machine.addDataBreakpoint(breakpoint);
      const stop = machine.run(1000);
      assert.deepEqual(stop, {
        reason: 'data-breakpoint',
        breakpoint,
        access: 'write',
        instruction: BigInt(CODE) + 8n,
      });
      assert.equal(machine.memory.readU32(0x50009), 1);
      assert.equal(machine.state.rip, BigInt(CODE) + 11n);
      assert.deepEqual(machine.run(1000), { reason: 'halt' });
    });

    it('on data see reads, repeated stores and accesses across a page', function () {
      const machine = machineWith(
        gnuAssemble('mov $0x50ffe, %edi\n mov (%rdi), %eax\n mov $16, %ecx\n rep stosb\n hlt'),
      );
      machine.addDataBreakpoint({ va: 0x51000n, length: 1, access: 'readWrite' });
      const first = machine.run(1000);
      assert.equal(first.reason === 'data-breakpoint' && first.access, 'read');
      const second = machine.run(1000);
      assert.equal(second.reason === 'data-breakpoint' && second.access, 'write');
    });
  });

  describe('code that changes', function () {
    it('is executed as it stands, even the instruction right after the store', function () {
      // movb $0x90 over the HLT that follows.
      const machine = machineWith(gnuAssemble('movb $0x90, 1f(%rip)\n1: hlt\n mov $7, %eax\n hlt'));
      assert.deepEqual(machine.run(100), { reason: 'halt' });
      assert.equal(machine.state.gpr[0], 7n);
    });

    it('is executed as it stands when a hot loop patches a block it has linked to', function () {
      const machine = machineWith(
        gnuAssemble(`
          xor %ecx, %ecx
        1: mov %cl, immediate(%rip)
          call function
          add %eax, %edx
          inc %ecx
          cmp $100, %ecx
          jne 1b
          hlt
          .balign 64
        function:
          .byte 0xb8
        immediate: .long 0
          ret`),
      );
      assert.deepEqual(machine.run(10_000), { reason: 'halt' });
      assert.equal(machine.state.gpr[2], 4950n);
    });
  });

  it('raises exceptions at the instruction that causes them and stops there when asked', function () {
    const machine = machineWith(gnuAssemble('mov $1, %eax\n mov %rax, %rbx\n mov 0x40000000, %rcx\n hlt'));
    machine.stopOn.exceptions.add(14);
    assert.deepEqual(machine.run(100), {
      reason: 'exception',
      vector: 14,
      errorCode: 0,
      faultAddress: 0x40000000n,
    });
    assert.equal(machine.state.rip, BigInt(CODE) + 8n);
    assert.equal(machine.instructionCount, 2);
    // Nothing is there to handle it: the second time it goes all the way.
    assert.deepEqual(machine.run(100), { reason: 'shutdown', vector: 14 });
    assert.deepEqual(machine.run(100), { reason: 'shutdown', vector: 14 });
  });

  it('comes back from a repeated instruction that never seems to end', function () {
    const machine = machineWith(
      gnuAssemble('mov $-1, %rcx\n mov $0x50000, %edi\n std\n xor %edi, %edi\n rep lodsb\n hlt'),
    );
    machine.state.gpr[6] = 0x3fffffffn;
    assert.deepEqual(machine.run(1_000_000), { reason: 'limit' });
    assert.equal(machine.state.rip, BigInt(CODE) + 15n);
  });

  it('runs two machines side by side', function () {
    const [a, b] = [machineWith(gnuAssemble('mov $1, %eax\n hlt')), machineWith(gnuAssemble('mov $2, %eax\n hlt'))];
    a.run(10);
    b.run(10);
    assert.deepEqual([a.state.gpr[0], b.state.gpr[0]], [1n, 2n]);
  });
});
