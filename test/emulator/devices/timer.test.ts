import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMachine, loadFlat } from '../../../emulator';
import { Frequency } from '../../../emulator/clock';

const LOAD = 0x100000;
const STAMPS = 0x8000;
const TICKS = 1193;

describe('timer interrupts of a sleeping guest', () => {
  it('arrive at the exact instruction, run after run', function () {
    const folder = mkdtempSync(join(tmpdir(), 'ringside-'));
    try {
      const [object, image] = [join(folder, 'timer.o'), join(folder, 'timer.bin')];
      const source = join(process.cwd(), 'test/emulator/devices/timer-guest.S');
      const link = ['-N', '-e', `${LOAD}`, `-Ttext=0x${LOAD.toString(16)}`, '--oformat', 'binary', '-o', image, object];
      const built = spawnSync('as', ['--64', '-o', object, source]).status === 0 && spawnSync('ld', link).status === 0;
      if (!built) this.skip();
      const run = () => {
        const machine = createMachine({ memoryBytes: 8 << 20 });
        loadFlat(machine.cpu, { bytes: readFileSync(image), loadAddress: BigInt(LOAD), mode: 64 });
        assert.equal(machine.run(1_000_000).reason, 'halt');
        return Array.from({ length: 10 }, (_, index) => machine.memory.readU32(STAMPS + 4 * index));
      };
      const stamps = run();
      assert.deepEqual(run(), stamps);
      // The time stamp is one instruction per tick of 1 GHz; the 8254 counts at 1.193182 MHz.
      const pit = new Frequency(1_193_182);
      const first = pit.ticksAt(stamps[0]);
      assert.deepEqual(
        stamps.map((stamp) => pit.ticksAt(stamp)),
        stamps.map((_, index) => first + TICKS * index),
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
