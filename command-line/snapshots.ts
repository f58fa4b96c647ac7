/** What `ringside boot` saves. */
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type SnapshotFile, writeSnapshot } from '../debug-adapter';
import type { Machine } from '../emulator';
import { UsageError } from './errors';
import type { LinuxEnd } from './linux-console';

/** A boot may take long: a folder that does not exist is better told before. Throws UsageError. */
export function checkSnapshotPath(path: string): void {
  const folder = dirname(resolve(path));
  if (path !== '' && statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new UsageError(
    `--save-snapshot: there is no folder ${folder}.`,
    'Create it, or name a file in a folder that there is.',
  );
}

const GOES_ON: ReadonlySet<LinuxEnd['reason']> = new Set([
  ...(['conversation', 'quit', 'instruction-limit', 'time-limit'] as const),
]);

/** Whether it was not the guest that ended. */
export function canGoOn({ reason }: LinuxEnd): boolean {
  return GOES_ON.has(reason);
}

/** Throws AdapterError if the file cannot be written. */
export async function saveSnapshot(
  path: string,
  machine: Machine,
  about: Pick<SnapshotFile, 'key' | 'console'>,
): Promise<void> {
  await writeSnapshot(path, { snapshot: machine.save(), ...about });
}
