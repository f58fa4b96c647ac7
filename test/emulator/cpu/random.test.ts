import assert from 'node:assert/strict';
import { STATUS_FLAGS, Flag } from '../../../emulator/cpu/state';
import { Gpr } from '../../../emulator/isa/instruction';
import type { Pc } from '../../../emulator/pc';
import { gnuAssemble, haveGnuAs, machineWith } from '../engine/support';
import { execute, longModeCpu, register } from './support';

describe('RDRAND and RDSEED', () => {
  it('fill a register of 16, 32 or 64 bits, set CF and clear the other status flags', () => {
    const cpu = longModeCpu();
    const { state } = cpu;
    for (const mnemonic of ['RDRAND', 'RDSEED']) {
      for (const [size, kept] of [
        [2, 0xffff_ffff_ffff_0000n],
        [4, 0n],
        [8, 0n],
      ] as const) {
        state.gpr[Gpr.RDI] = ~0n;
        state.rflags = STATUS_FLAGS | Flag.DF | Flag.IF;
        execute(cpu, mnemonic, { operands: [register(Gpr.RDI, size)] });
        assert.equal(state.rflags, Flag.CF | Flag.DF | Flag.IF | Flag.FIXED);
        const changed = (1n << BigInt(8 * size)) - 1n;
        assert.equal(state.gpr[Gpr.RDI] & ~changed, kept, `${mnemonic} of ${size} bytes`);
        assert.notEqual(state.gpr[Gpr.RDI] & changed, changed);
      }
    }
  });

  it('give numbers whose bits are as often 0 as 1, and none twice', () => {
    const cpu = longModeCpu();
    const seen = new Set<bigint>();
    const ones = new Array<number>(64).fill(0);
    for (let i = 0; i < 4000; i++) {
      execute(cpu, 'RDRAND', { operands: [register(Gpr.RAX)] });
      const value = cpu.state.gpr[Gpr.RAX];
      seen.add(value);
      for (let bit = 0; bit < 64; bit++) ones[bit] += Number((value >> BigInt(bit)) & 1n);
    }
    assert.equal(seen.size, 4000);
    for (const count of ones) assert.ok(Math.abs(count - 2000) < 160, `${count} of 4000`);
  });
});

describe('RDRAND and RDSEED on a machine', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  const draw = (options: Parameters<typeof machineWith>[1] = {}): Pc => {
    const machine = machineWith(gnuAssemble('rdrand %rax\n rdseed %ebx\n rdrand %cx\n rdseed %rdx\n hlt'), options);
    machine.run(10);
    return machine;
  };
  const drawn = ({ state }: Pc): bigint[] => [Gpr.RAX, Gpr.RBX, Gpr.RCX, Gpr.RDX].map((gpr) => state.gpr[gpr]);

  it('repeat with the same seed and differ with another', () => {
    assert.deepEqual(drawn(draw()), drawn(draw()));
    assert.deepEqual(drawn(draw({ seed: 0x123456789abcdefn })), drawn(draw({ seed: 0x123456789abcdefn })));
    assert.notDeepEqual(drawn(draw()), drawn(draw({ seed: 1n })));
    assert.equal(new Set(drawn(draw())).size, 4);
  });

  it('go on from the state they had', () => {
    const first = draw();
    const { randomState } = first.state;
    const second = draw();
    for (const machine of [first, second]) {
      machine.state.rip = 0x100000n;
      machine.state.halted = false;
      machine.state.randomState = randomState;
      machine.run(10);
    }
    assert.deepEqual(drawn(first), drawn(second));
  });
});
