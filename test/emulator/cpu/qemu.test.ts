/**
 * Exceptions, privilege changes, system calls, task switches, single-stepping and devices against QEMU: the guests run
 * on both and must report the same, but for the cases in which QEMU (7.2, TCG) is known not to do what the manuals say.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildGuest, runHere, runOnQemu } from './qemu-support';

/** Case numbers of qemu-guest.S with what must be reported where QEMU differs, and why it does. */
const DEVIATIONS_64: Readonly<Record<string, string>> = {
  // An IST stack at the same privilege level does not null SS (SDM vol. 3, section 6.14.4).
  '5': ' V8 0 a 10 2 18 fc0 18',
  '13': ' V88 0 2 10 2 18 fb0 18',
  '20': ' V8 0 8 10 2 18 fc0 18',
  '22': ' V8 0 a 10 2 18 fc0 18',
  // An access that runs over the end of the canonical range is #GP.
  '6': ' Vd 0 a 10 2 18 fc0 18',
  // A reserved bit is found in a present entry: P is set too.
  '9': ' Ve 9 0 10 2 18 fc0 18 204000',
  '1a': ' Ve 9 c 10 2 18 fc0 18 204ffe',
  // Error codes name a gate by vector * 8, also where gates have 16 bytes; EXT is set for exceptions.
  b: ' Vb 40a 0 10 2 18 fc0 18',
  c: ' Vd 412 0 10 2 18 fc0 18',
  '12': ' Vd 182 8 10 2 18 fc0 18',
  '23': ' Vb 33 8 10 2 18 fc0 18',
  '76': ' Vd 102 15 33 202 2b fc0 0',
  '86': ' Vd 40a 15 33 202 2b fc0 0',
  // A non-canonical target is found by the transfer, not by the fetch after it.
  '15': ' Vd 0 0 10 2 18 fc0 18',
  '5a': ' Vd 0 d 10 2 18 fb0 18',
  // The RPL of a null SS must be the CPL.
  '311': ' Vd 0 5 10 2 0 fc0 0',
  '321': ' Vd 8 5 10 2 18 fc0 18',
  // There is no LDT.
  '400': ' Vd c 5 10 2 18 fc0 18',
  '402': '',
  // A code segment with L and D set is reserved.
  '550': ' Vd 60 7 10 2 18 fb0 18',
  '551': ' Vd 60 10 10 2 18 f90 18',
  '552': ' Vd 60 15 10 2 18 fc0 18',
  '553': ' Vd 60 15 10 2 18 fc0 18',
  // DR7.GD, EFER.LME under paging, INT1.
  af: ' Dffff2ff0 13 10 2',
  b0: ' Vd 0 c 10 2 18 fc0 18',
  cb: ' Dffff0ff0 1 10 2',
};

/** The same for qemu-guest32.S: QEMU checks neither limits nor types of segments. */
const DEVIATIONS_32: Readonly<Record<string, string>> = {
  d: ' Vd 0 0 8 2 fe8 10 10',
  e: ' Vd 0 c 8 2 fe8 10 38',
  f: ' Vd 0 c 8 2 fe8 10 40',
  '11': ' Vd 0 0 8 2 fe8 10 10',
  '12': ' Vd 0 c 8 2 fe8 10 48',
  '13': ' V8 0 7 8 2 fe8 10 10',
};

/** Not modelled by QEMU: limits of segments. */
const NO_LIMITS: Readonly<Record<string, string>> = {
  '5': ' Vd 3 1000 2 2 eff8 3000',
  '6': ' Vd 6 1000 2 2 eff8 3000',
  '7': ' Vc 0 1000 2 2 eff8 3000',
  '8': ' Vd 3 1000 2 2 eff8 3000',
  '290': ' Vd 0 0 1000 20202 0 abcd1000 3000 4001 4002 4003 4004 0 0 0 0 fd4 10 28',
  '293': ' Vd 0 0 1000 23202 0 abcd1000 3000 4001 4002 4003 4004 0 0 0 0 fd4 10 28',
};

/** The same for qemu-guest16.S. */
const DEVIATIONS_16: Readonly<Record<string, string>> = {
  ...NO_LIMITS,
  // INT1 (SDM vol. 2, INT n/INTO/INT3/INT1).
  '300':
    ' V1 0 1 1000 20202 0 abcd1000 3000 4001 4002 4003 4004 0 0 0 0 fd4 10 28' +
    ' V3 0 2 1000 20202 28 abcd1000 3000 4001 4002 4003 4004 0 0 0 0 fd4 10 28',
  '303':
    ' V1 0 1 1000 23202 0 abcd1000 3000 4001 4002 4003 4004 0 0 0 0 fd4 10 28' +
    ' V3 0 2 1000 23202 28 abcd1000 3000 4001 4002 4003 4004 0 0 0 0 fd4 10 28',
  // A task gate of the IDT that names a TSS in the LDT is #GP (SDM vol. 2, INT n, TASK-GATE).
  '64': ' Vd 2c 9d 8 2 0 fec 10 28',
  // A fault saves RF in the TSS it leaves (SDM vol. 3, section 17.3.1.1).
  '65': '=7777=10cffc=4002=60=28=10046=9d',
  // A stack segment that is not present is #SS for a task switch, too (SDM vol. 3, table 8-1).
  '78': ' Tc 78 60 89 8b',
};

interface Guest {
  readonly source: string;
  readonly bits: 32 | 64;
  readonly deviations: Readonly<Record<string, string>>;
}

const GUESTS: readonly Guest[] = [
  { source: 'qemu-guest.S', bits: 64, deviations: DEVIATIONS_64 },
  { source: 'qemu-guest32.S', bits: 32, deviations: DEVIATIONS_32 },
  { source: 'qemu-guest16.S', bits: 32, deviations: DEVIATIONS_16 },
];

for (const { source, bits, deviations } of GUESTS) {
  describe(`${source} against QEMU`, function () {
    this.timeout(60_000);
    let folder: string;
    let image: string;

    before(function () {
      folder = mkdtempSync(join(tmpdir(), 'ringside-'));
      image = join(folder, 'guest.bin');
      if (!buildGuest(source, bits, image)) this.skip();
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    for (const [cpu, vendor] of [
      ['intel', 'GenuineIntel'],
      ['amd', 'AuthenticAMD'],
    ] as const) {
      it(`reports the same: ${cpu}`, () => {
        const theirs = runOnQemu(image, `qemu64,vendor=${vendor},+smep,+smap,+fsgsbase,+umip,+rdrand`);
        const ours = runHere(image, `${cpu},+UMIP`);
        assert.ok(ours.size > 100);
        const expected = new Map([...theirs].map(([name, report]) => [name, deviations[name] ?? report]));
        assert.deepEqual(Object.fromEntries(ours), Object.fromEntries(expected));
      });
    }
  });
}
