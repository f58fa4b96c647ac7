import assert from 'node:assert/strict';
import { Flag, Gpr, Seg, Vector } from '../../../emulator';
import type { Pc } from '../../../emulator/pc';
import { CODE, DATA, WAYS, haveGnuAs, machineFor } from './support';

/** Registers of a machine before it starts. */
type Registers = Partial<Record<Gpr, bigint>>;

/** Runs in slices of many lengths, so that they end everywhere in a loop, which makes it hot: it gets compiled. */
function runHot(machine: Pc): string {
  let stop = machine.run(200);
  for (let i = 0; stop.reason === 'limit'; i++) stop = machine.run(200 + (i % 97));
  return stop.reason;
}

const UNUSABLE = 0x10000;

describe('Instructions', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  /** Runs `source` to its HLT in both ways and hands the machine over. */
  function afterwards(source: string, registers: Registers, check: (machine: Pc) => void, bits: 32 | 64 = 64): void {
    for (const go of Object.values(WAYS)) {
      const machine = machineFor(`nop\n${source}\nhlt`, bits);
      for (const [register, value] of Object.entries(registers)) machine.state.gpr[Number(register)] = value;
      assert.equal(go(machine).reason, 'halt', source);
      check(machine);
    }
  }

  it('CMPXCHG of 32 bits leaves the upper half of a register it does not write', function () {
    const upper = 0xaaaaaaaa_00000000n;
    afterwards('cmpxchg %ecx, %edx', { [Gpr.RAX]: upper | 1n, [Gpr.RDX]: upper | 2n, [Gpr.RCX]: 3n }, ({ state }) => {
      assert.equal(state.gpr[Gpr.RDX], upper | 2n);
      assert.equal(state.gpr[Gpr.RAX], 2n);
      assert.ok(!state.flag(Flag.ZF));
    });
    afterwards('cmpxchg %ecx, %edx', { [Gpr.RAX]: upper | 2n, [Gpr.RDX]: upper | 2n, [Gpr.RCX]: 3n }, ({ state }) => {
      assert.equal(state.gpr[Gpr.RDX], 3n);
      assert.equal(state.gpr[Gpr.RAX], upper | 2n);
      assert.ok(state.flag(Flag.ZF));
    });
  });

  it('CMPXCHG8B exchanges across a page boundary', function () {
    const at = DATA + 0xffc;
    afterwards('cmpxchg8b (%rsi)', { [Gpr.RSI]: BigInt(at), [Gpr.RBX]: 5n, [Gpr.RCX]: 6n }, ({ memory, state }) => {
      assert.equal(memory.readU32(at), 5);
      assert.equal(memory.readU32(at + 4), 6);
      assert.ok(state.flag(Flag.ZF));
    });
  });

  it('CMPXCHG8B, POPF and BOUND check the alignment of their operands at CPL 3', function () {
    for (const [source, bits] of [
      ['cmpxchg8b (%rsi)', 64],
      ['popf', 64],
      ['bound %eax, (%esi)', 32],
    ] as const) {
      for (const go of Object.values(WAYS)) {
        const machine = machineFor(`nop\n${source}\nhlt`, bits);
        const { state } = machine;
        state.cpl = 3;
        state.cr0 |= 1 << 18;
        state.rflags |= Flag.AC;
        // Aligned to four bytes only for the first, which wants eight.
        state.gpr[Gpr.RSI] = state.gpr[Gpr.RSP] = BigInt(DATA + (bits === 32 ? 2 : 4));
        const stop = go(machine);
        assert.equal(stop.reason, 'exception', source);
        assert.equal(stop.vector, Vector.AC, source);
        assert.equal(state.rip, BigInt(CODE + 1), source);
      }
    }
  });

  it('BT, BTS, BTR and BTC with a register offset wrap at the address size', function () {
    // 32-bit addresses in 64-bit mode: the byte at FFFF_FFFFh + offset is at the bottom of memory again.
    const bit = 8n * BigInt(DATA + 0x20) + 3n;
    afterwards('btsl %ecx, 0x20(%eax)', { [Gpr.RAX]: 0xffffffe0n, [Gpr.RCX]: bit - 8n * 0x20n }, ({ memory }) => {
      assert.equal(memory.readU32(DATA), 8);
    });
    // With FS the base is added after the wrap.
    const go = WAYS['in blocks'];
    const machine = machineFor('nop\nbtsl %ecx, %fs:(%eax)\nhlt');
    machine.state.segments[Seg.FS].base = BigInt(DATA);
    machine.state.gpr[Gpr.RAX] = 0xfffffff0n;
    machine.state.gpr[Gpr.RCX] = 8n * 0x10n + 1n;
    assert.equal(go(machine).reason, 'halt');
    assert.equal(machine.memory.readU32(DATA), 2);
    // 16-bit addresses.
    const low = { [Gpr.RBX]: 0xfff0n, [Gpr.RCX]: 8n * 0x8010n + 2n };
    afterwards('addr16 bts %ecx, (%bx)', low, ({ memory }) => assert.equal(memory.readU32(0x8000), 4), 32);
  });

  it('XLAT wraps at the address size', function () {
    const table = { [Gpr.RBX]: 0xfffffff0n, [Gpr.RAX]: 0x20n };
    for (const go of Object.values(WAYS)) {
      const machine = machineFor('nop\n.byte 0x67\nxlat\nhlt');
      machine.memory.writeU8(0x10, 0x77);
      for (const [register, value] of Object.entries(table)) machine.state.gpr[Number(register)] = value;
      assert.equal(go(machine).reason, 'halt');
      assert.equal(machine.state.gpr[Gpr.RAX], 0x77n);
    }
  });

  it('ENTER copies frame pointers that it has just pushed', function () {
    const top = DATA + 0x800;
    // The outer frame lies where the new one is built: RBP is what RSP will be after the first push.
    const registers = { [Gpr.RSP]: BigInt(top), [Gpr.RBP]: BigInt(top) };
    afterwards('enter $16, $3', registers, ({ memory, state }) => {
      const [rbp, frame] = [BigInt(top), BigInt(top - 8)];
      assert.equal(memory.readU64(top - 8), rbp);
      // The first outer pointer is read from just below RBP: it is the RBP pushed before.
      assert.equal(memory.readU64(top - 16), rbp);
      assert.equal(memory.readU64(top - 24), rbp);
      assert.equal(memory.readU64(top - 32), frame);
      assert.equal(state.gpr[Gpr.RBP], frame);
      assert.equal(state.gpr[Gpr.RSP], BigInt(top - 32 - 16));
    });
  });

  it('REP INS and REP OUTS need the right to the port even if they do nothing', function () {
    for (const source of ['rep insb', 'rep outsb']) {
      for (const go of Object.values(WAYS)) {
        const machine = machineFor(`nop\n${source}\nhlt`);
        machine.state.cpl = 3;
        const stop = go(machine);
        assert.equal(stop.reason, 'exception', source);
        assert.equal(stop.vector, Vector.GP, source);
        assert.equal(machine.state.rip, BigInt(CODE + 1), source);
      }
    }
  });

  it('UD1 raises #UD whatever is wrong with its operand', function () {
    for (const go of Object.values(WAYS)) {
      const machine = machineFor('nop\nud1 %fs:(%eax), %ecx\nhlt', 32);
      Object.assign(machine.state.segments[Seg.FS], { selector: 0, rights: UNUSABLE });
      const stop = go(machine);
      assert.equal(stop.reason, 'exception');
      assert.equal(stop.vector, Vector.UD);
    }
  });

  it('RET with an immediate releases as much in hot code', function () {
    const machine = machineFor(`
      mov $20000, %ecx
    1: push %rcx
      call 2f
      dec %ecx
      jnz 1b
      hlt
    2: ret $8`);
    const rsp = machine.state.gpr[Gpr.RSP];
    assert.equal(runHot(machine), 'halt');
    assert.equal(machine.state.gpr[Gpr.RSP], rsp);
  });

  it('a conditional branch with an address-size prefix branches in hot 32-bit code', function () {
    const machine = machineFor(
      `
      mov $20000, %ecx
    1: add $1, %al
      .byte 0x67
      jc 2f
      inc %ebx
    2: dec %ecx
      jnz 1b
      hlt`,
      32,
    );
    assert.equal(runHot(machine), 'halt');
    // AL overflows every 256 additions.
    assert.equal(machine.state.gpr[Gpr.RBX], BigInt(20000 - Math.floor(20000 / 256)));
  });
});
