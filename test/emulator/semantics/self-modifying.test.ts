import assert from 'node:assert/strict';
import { Gpr, Vector } from '../../../emulator';
import { CODE, DATA, PAGE, WAYS, haveGnuAs, machineFor, map } from './support';

describe('Code that is written', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  for (const [way, go] of Object.entries(WAYS)) {
    it(`takes effect at the next instruction, ${way}`, function () {
      // The store changes the immediate of the MOV right behind it.
      const machine = machineFor('nop\nmovb $0x42, 1f+1(%rip)\n1: mov $1, %al\nhlt');
      assert.equal(go(machine).reason, 'halt');
      assert.equal(machine.state.gpr[Gpr.RAX] & 0xffn, 0x42n);
    });

    it(`takes effect in a loop that changes itself each time round, ${way}`, function () {
      const machine = machineFor(`
        mov $10, %ecx
      1: incb 2f+1(%rip)
      2: mov $0, %al
        add %al, %bl
        dec %ecx
        jnz 1b
        hlt`);
      assert.equal(go(machine).reason, 'halt');
      assert.equal(machine.state.gpr[Gpr.RBX] & 0xffn, 55n);
    });

    it(`takes effect when a store turns the instructions behind it into others of other lengths, ${way}`, function () {
      // Eight NOPs become MOV $imm64, %rax without its last two bytes, which are the following NOPs.
      const machine = machineFor('nop\nmov %rdx, 1f(%rip)\n1: .fill 10, 1, 0x90\nhlt');
      machine.state.gpr[Gpr.RDX] = 0x66554433_2211b848n;
      assert.equal(go(machine).reason, 'halt');
      assert.equal(machine.state.gpr[Gpr.RAX], 0x9090665544332211n);
    });

    it(`takes effect when a string instruction overwrites what follows it, ${way}`, function () {
      const machine = machineFor('nop\nrep stosb\n.fill 64, 1, 0xf4');
      const { gpr } = machine.state;
      gpr[Gpr.RDI] = BigInt(CODE + 3);
      gpr[Gpr.RCX] = 40n;
      gpr[Gpr.RAX] = 0x90n;
      assert.equal(go(machine).reason, 'halt');
      // HLT counts as executed: RIP is behind it.
      assert.equal(machine.state.rip, BigInt(CODE + 3 + 40 + 1));
    });

    it(`takes effect in a page seen at two addresses, ${way}`, function () {
      const machine = machineFor(
        'movabs $0x200000, %rax\nmov $2, %ecx\n1: call *%rax\nmovb $7, 0x201001\nloop 1b\nhlt',
      );
      const { memory } = machine;
      // The page at DATA is also the one after it.
      memory.writeU64(0x6000 + 8, memory.readU64(0x6000));
      memory.load(DATA, Uint8Array.of(0xb3, 5, 0x00, 0xdf, 0xc3)); // mov $5, %bl; add %bl, %bh; ret
      assert.equal(go(machine).reason, 'halt');
      assert.equal((machine.state.gpr[Gpr.RBX] >> 8n) & 0xffn, 12n);
    });
  }
});

describe('Code at the end of a page', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  const add = [0x48, 0x81, 0xc3, 0x78, 0x56, 0x34, 0x12]; // add $0x12345678, %rbx
  for (const [way, go] of Object.entries(WAYS)) {
    for (let inFirst = 1; inFirst < add.length; inFirst++) {
      it(`executes an instruction with ${inFirst} bytes there and the rest in the next page, ${way}`, function () {
        const machine = machineFor('nop\njmp *%rdx');
        const { gpr } = machine.state;
        gpr[Gpr.RDX] = BigInt(DATA + PAGE - inFirst);
        machine.memory.load(DATA + PAGE - inFirst, Uint8Array.of(...add, 0xf4));
        assert.equal(go(machine).reason, 'halt');
        assert.equal(gpr[Gpr.RBX], 0x12345678n);
      });

      it(`raises #PF for the next page after ${inFirst} bytes if it is not mapped, ${way}`, function () {
        const machine = machineFor('nop\njmp *%rdx');
        const { gpr } = machine.state;
        gpr[Gpr.RDX] = BigInt(DATA + PAGE - inFirst - 1);
        machine.memory.load(DATA + PAGE - inFirst - 1, Uint8Array.of(0x90, ...add.slice(0, inFirst)));
        map(machine, DATA + PAGE, 'absent');
        const stop = go(machine);
        assert.equal(stop.reason, 'exception');
        assert.equal(stop.vector, Vector.PF);
        assert.equal(stop.faultAddress, BigInt(DATA + PAGE));
        assert.equal(machine.state.rip, BigInt(DATA + PAGE - inFirst));
        assert.equal(gpr[Gpr.RBX], 0n);
      });
    }

    it(`executes an instruction that ends the page without touching the next one, ${way}`, function () {
      const machine = machineFor('nop\njmp *%rdx\nhlt');
      const { gpr } = machine.state;
      gpr[Gpr.RDX] = BigInt(DATA + PAGE - add.length - 2);
      // ... and then jumps back: jmp *%rcx.
      gpr[Gpr.RCX] = BigInt(CODE + 3);
      machine.memory.load(DATA + PAGE - add.length - 2, Uint8Array.of(...add, 0xff, 0xe1));
      map(machine, DATA + PAGE, 'absent');
      assert.equal(go(machine).reason, 'halt');
      assert.equal(gpr[Gpr.RBX], 0x12345678n);
    });
  }
});
