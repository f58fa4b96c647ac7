import assert from 'node:assert/strict';
import { Flag, Gpr } from '../../../emulator';
import { DATA, PAGE, WAYS, haveGnuAs, machineFor, map } from './support';

describe('Repeated string instructions', function () {
  before(function () {
    if (!haveGnuAs()) this.skip();
  });

  for (const [way, go] of Object.entries(WAYS)) {
    it(`stop at a fault with exact counts and go on after it, ${way}`, function () {
      for (const [element, suffix] of [
        [1, 'b'],
        [2, 'w'],
        [4, 'l'],
        [8, 'q'],
      ] as const) {
        for (const backwards of [false, true]) {
          const machine = machineFor(`nop\nrep movs${suffix}\nhlt`);
          const { state, memory } = machine;
          for (let i = 0; i < 2 * PAGE; i++) memory.bytes[DATA + i] = (i * 7 + 3) & 0xff;
          const to = DATA + 4 * PAGE;
          // Half of what is copied lies in each page; the page reached second is not there at first.
          const count = 200;
          const reach = (count / 2) * element;
          const first = backwards ? PAGE + reach - element : PAGE - reach;
          const missing = backwards ? to : to + PAGE;
          map(machine, missing, 'absent');
          state.gpr[Gpr.RSI] = BigInt(DATA + first);
          state.gpr[Gpr.RDI] = BigInt(to + first);
          state.gpr[Gpr.RCX] = BigInt(count);
          if (backwards) state.rflags |= Flag.DF;

          const stop = go(machine);
          assert.equal(stop.reason, 'exception', suffix);
          assert.equal(stop.vector, 14);
          assert.equal(stop.faultAddress, BigInt(backwards ? to + PAGE - element : to + PAGE));
          assert.equal(state.gpr[Gpr.RCX], BigInt(count / 2));
          const moved = BigInt(backwards ? -reach : reach);
          assert.equal(state.gpr[Gpr.RSI], BigInt(DATA + first) + moved);
          assert.equal(state.gpr[Gpr.RDI], BigInt(to + first) + moved);

          map(machine, missing, 'writable');
          assert.equal(go(machine).reason, 'halt');
          assert.equal(state.gpr[Gpr.RCX], 0n);
          const source = memory.bytes.slice(DATA + PAGE - reach, DATA + PAGE + reach);
          assert.deepEqual(memory.bytes.slice(to + PAGE - reach, to + PAGE + reach), source);
        }
      }
    });

    it(`compare and scan until the deciding element, ${way}`, function () {
      const machine = machineFor('nop\nrepe cmpsb\nmov %rcx, %r8\nmov $100, %ecx\nrepne scasb\nhlt');
      const { state, memory } = machine;
      memory.bytes.fill(1, DATA, DATA + 400);
      memory.bytes[DATA + 30] = 2;
      memory.bytes[DATA + 200 + 50] = 9;
      state.gpr[Gpr.RSI] = BigInt(DATA);
      state.gpr[Gpr.RDI] = BigInt(DATA + 200);
      state.gpr[Gpr.RCX] = 100n;
      state.gpr[Gpr.RAX] = 9n;
      assert.equal(go(machine).reason, 'halt');
      // 31 elements were compared; the scan began at the 32nd and ended behind the 51st.
      assert.equal(state.gpr[Gpr.R8], 69n);
      assert.equal(state.gpr[Gpr.RSI], BigInt(DATA + 31));
      assert.equal(state.gpr[Gpr.RDI], BigInt(DATA + 200 + 51));
      assert.equal(state.gpr[Gpr.RCX], 80n);
      assert.ok(state.flag(Flag.ZF));
    });

    it(`copy overlapping areas element by element, ${way}`, function () {
      const machine = machineFor('nop\nrep movsb\nhlt');
      const { state, memory } = machine;
      memory.load(DATA, Uint8Array.of(1, 2, 3));
      state.gpr[Gpr.RSI] = BigInt(DATA);
      state.gpr[Gpr.RDI] = BigInt(DATA + 3);
      state.gpr[Gpr.RCX] = 3000n;
      assert.equal(go(machine).reason, 'halt');
      assert.deepEqual([...memory.bytes.slice(DATA + 2997, DATA + 3003)], [1, 2, 3, 1, 2, 3]);
    });
  }
});
