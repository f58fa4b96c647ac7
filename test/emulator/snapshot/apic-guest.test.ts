/** The guest of APICs, HPET and 8259s that is compared with QEMU (devices/apic-qemu.test.ts), interrupted by snapshots. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMachine, loadMultiboot, resumeMachine, type Stop } from '../../../emulator';
import { buildGuest } from '../cpu/qemu-support';

describe('a guest of APICs and HPET in pieces', function () {
  this.timeout(60_000);

  it('reports what it reports in one piece', function () {
    const folder = mkdtempSync(join(tmpdir(), 'ringside-'));
    try {
      const image = join(folder, 'guest');
      if (!buildGuest('../devices/apic-guest.S', 32, image)) this.skip();
      const bytes = readFileSync(image);
      /** Runs the guest, from a new machine each time so many instructions are over. */
      const run = (instructions: number): { stop: Stop; output: string; time: bigint } => {
        let output = '';
        const serial = (byte: number): void => {
          output += String.fromCharCode(byte);
        };
        let machine = createMachine({ memoryBytes: 4 << 20, platform: 'acpi', engine: 'interpreter', serial });
        loadMultiboot(machine.cpu, bytes, undefined);
        let stop: Stop;
        while ((stop = machine.run(instructions)).reason === 'limit') {
          machine = resumeMachine(machine.save(), { engine: 'interpreter', serial });
        }
        return { stop, output, time: machine.cpu.timestamp };
      };
      const whole = run(Infinity);
      assert.equal(whole.stop.reason, 'exit');
      for (const instructions of [2503, 3001]) assert.deepEqual(run(instructions), whole);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
