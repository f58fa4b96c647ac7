/**
 * Access rights of pages against QEMU: R/W, U/S and XD on two levels, SMEP, SMAP, AC, CR0.WP and protection keys for every
 * kind of access, from CPL 0 and 3, to pages of 4 KiB, 2 MiB and 1 GiB, with 4 and with 5 levels of tables.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildGuest, runHere, runOnQemu } from './qemu-support';

/** Bits of a try's number, as in the guest. */
const AC = 4;
const USER = 64;
const ACCESS = 7;
const DESCRIPTOR = 3;

/**
 * What must be reported where QEMU reports `line`. It lets EFLAGS.AC open SMAP for what ring 0 reads of descriptor tables,
 * but these are implicit accesses, which it does not reach (SDM vol. 3, section 4.6.1).
 */
function corrected([name, line]: [string, string]): [string, string] {
  const first = parseInt(name.slice(1), 16) << 4;
  const tries = line.match(/.../g) ?? [];
  const results = tries.map((result, at) => {
    const number = first + at;
    const implicit = ((number >> ACCESS) & 3) === DESCRIPTOR && !(number & USER);
    return implicit && number & AC ? tries[at - AC] : result;
  });
  return [name, results.join('')];
}

const QEMU = 'qemu64,vendor=GenuineIntel,+smep,+smap,+pdpe1gb';

describe('qemu-guest-paging.S against QEMU', function () {
  this.timeout(60_000);
  let folder: string;
  let image: string;

  before(function () {
    folder = mkdtempSync(join(tmpdir(), 'ringside-'));
    image = join(folder, 'guest.bin');
    if (!buildGuest('qemu-guest-paging.S', 64, image)) this.skip();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [title, features] of [
    ['4 levels', []],
    ['5 levels and protection keys', ['LA57', 'PKU', 'PKS']],
  ] as const) {
    it(`reports the same: ${title}`, () => {
      const theirs = runOnQemu(image, [QEMU, ...features.map((name) => `+${name.toLowerCase()}`)].join());
      const ours = runHere(image, ['intel', ...features.map((name) => `+${name}`)].join());
      assert.equal(theirs.size, 384);
      assert.deepEqual(Object.fromEntries(ours), Object.fromEntries([...theirs].map(corrected)));
    });
  }
});
