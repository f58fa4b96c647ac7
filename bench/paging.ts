/** What paging costs: page faults that a handler in ring 0 resolves, and accesses to more pages than a TLB holds. */
import { join } from 'node:path';
import { compare, comparisonRow } from './compare';
import { canBuildGuests, Guests, isInstalled } from './guests';
import type { Row } from './measure';
import { qemuSystem, ringside, v86 } from './processors';

/** How many of what each program does, as its source says. */
const PROGRAMS = [
  { name: 'page-faults', what: 'page fault resolved, page unmapped', count: 2048 * 120 },
  { name: 'tlb-misses', what: 'access to one of 16384 pages in turn', count: 16384 * 150 },
] as const;

export async function benchPaging(root: string): Promise<Row[]> {
  if (!canBuildGuests()) return [];
  const haveQemu = isInstalled('qemu-system-x86_64', 'qemu-system-x86', 'paging is not compared with it');
  const ours = ringside();
  const peer = await v86(root);
  const guests = new Guests(join(root, 'bench', 'programs'));
  const rows: Row[] = [];
  try {
    for (const { name, what, count } of PROGRAMS) {
      const each = (seconds: number): string => `${((seconds / count) * 1e9).toFixed(0)} ns`;
      const [wide, narrow] = (['system-64', 'system-32'] as const).map((target) => guests.build(name, target));
      if (haveQemu) {
        const comparison = await compare({ run: ours, image: wide }, { run: qemuSystem, image: wide });
        rows.push(comparisonRow(`${what}, 64-bit`, comparison, 'qemu-system-x86_64 TCG', each));
      }
      const comparison = await compare({ run: ours, image: narrow }, { run: peer, image: narrow });
      rows.push(comparisonRow(`${what}, 32-bit`, comparison, 'v86', each));
    }
    return rows;
  } finally {
    guests.dispose();
  }
}
