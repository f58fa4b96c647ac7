/** Interrupts through APICs, HPET and 8259s against QEMU: the guest runs on both and must report the same. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENGINE_STAGES } from '../../../emulator';
import { buildGuest, runHere, runOnQemu } from '../cpu/qemu-support';

/** QEMU leaves local vector table entries unmasked when software disables the APIC (SDM vol. 3, section 11.4.7.2). */
const DEVIATIONS: Readonly<Record<string, string>> = { '1': ' 00050014 00000030 00010030' };

describe('a guest of APICs and HPET', () => {
  it('sees what it sees on QEMU, whatever executes it', function () {
    const folder = mkdtempSync(join(tmpdir(), 'ringside-'));
    try {
      const image = join(folder, 'guest');
      if (!buildGuest('../devices/apic-guest.S', 32, image)) this.skip();
      const expected = { ...Object.fromEntries(runOnQemu(image, 'qemu64')), ...DEVIATIONS };
      assert.equal(Object.keys(expected).length, 15);
      for (const engine of ENGINE_STAGES) {
        assert.deepEqual(Object.fromEntries(runHere(image, 'intel', { platform: 'acpi', engine })), expected, engine);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
