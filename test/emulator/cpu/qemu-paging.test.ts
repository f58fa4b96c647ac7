/**
 * Access rights of pages against QEMU: R/W, U/S and XD on two levels, SMEP, SMAP, AC, CR0.WP, EFER.NXE and protection keys
 * for every kind of access, from CPL 0 and 3, to pages of all sizes, with 32-bit, PAE, 4-level and 5-level paging.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildGuest, runHere, runOnQemu } from './qemu-support';

/** Where a guest has these in the number of a try. */
interface TryBits {
  readonly ac: number;
  readonly user: number;
  /** Position of the kind of access. */
  readonly access: number;
}

interface Guest {
  readonly source: string;
  readonly bits: 32 | 64;
  readonly tryBits: TryBits;
  /** Reports: one for 64 tries. */
  readonly reports: number;
}

const GUEST_32: Guest = {
  source: 'qemu-guest-paging32.S',
  bits: 32,
  tryBits: { ac: 1, user: 16, access: 5 },
  reports: 176,
};
const GUEST_64: Guest = {
  source: 'qemu-guest-paging.S',
  bits: 64,
  tryBits: { ac: 4, user: 64, access: 7 },
  reports: 448,
};

/** The kind of access that reads a descriptor table. */
const DESCRIPTOR = 3;
/** Error-code bits. */
const [P, RSVD] = [1, 8];
/** Two digits: there was no exception. */
const NONE = 0x40;

/**
 * What must be reported where QEMU reports `line`:
 * - It lets EFLAGS.AC open SMAP for what ring 0 reads of descriptor tables, but these are implicit accesses, which AC does
 *   not reach (SDM vol. 3, section 4.6.1).
 * - A reserved bit is found in a present entry: P is set too (section 4.7).
 */
function corrected([name, line]: [string, string], { ac, user, access }: TryBits): [string, string] {
  const first = parseInt(name.slice(1), 16) << 4;
  const tries = line.match(/.../g) ?? [];
  const results = tries.map((_, at) => {
    const number = first + at;
    const implicit = ((number >> access) & 3) === DESCRIPTOR && !(number & user);
    const result = tries[implicit && number & ac ? at - ac : at];
    const code = parseInt(result.slice(0, 2), 16);
    const reserved = code < NONE && code & RSVD ? P : 0;
    return (code | reserved).toString(16).padStart(2, '0') + result[2];
  });
  return [name, results.join('')];
}

const QEMU = 'qemu64,vendor=GenuineIntel,+smep,+smap,+pdpe1gb';

for (const [guest, title, features] of [
  [GUEST_32, '32-bit and PAE paging', []],
  [GUEST_64, '4-level paging', []],
  [GUEST_64, '5-level paging and protection keys', ['LA57', 'PKU', 'PKS']],
] as const) {
  describe(`${guest.source} against QEMU`, function () {
    this.timeout(60_000);
    let folder: string;
    let image: string;

    before(function () {
      folder = mkdtempSync(join(tmpdir(), 'ringside-'));
      image = join(folder, 'guest.bin');
      if (!buildGuest(guest.source, guest.bits, image)) this.skip();
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    it(`reports the same: ${title}`, () => {
      const theirs = runOnQemu(image, [QEMU, ...features.map((name) => `+${name.toLowerCase()}`)].join());
      const ours = runHere(image, ['intel', ...features.map((name) => `+${name}`)].join());
      assert.equal(theirs.size, guest.reports);
      const expected = [...theirs].map((report) => corrected(report, guest.tryBits));
      assert.deepEqual(Object.fromEntries(ours), Object.fromEntries(expected));
    });
  });
}
