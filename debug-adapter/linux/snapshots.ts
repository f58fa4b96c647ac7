/** Snapshots of booted guests: the next start with the same inputs goes on from one. */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Machine } from '../../emulator';
import type { LoadedTarget } from '../load-target';
import { SnapshotFileError, writeSnapshot } from '../snapshot-file';
import type { SnapshotPlace } from './guest';
import type { LinuxInputs } from './load-linux';

/** Environment variable with the folder for snapshots that nobody named. */
export const SNAPSHOT_FOLDER = 'RINGSIDE_SNAPSHOTS';
/** Without a folder, or by name of a file, as `LaunchAttributes.snapshot` says. */
export const AUTOMATIC = 'auto';
export const OFF = 'off';

const SUFFIX = '.snapshot';
/** So many of those that nobody named are kept, each of some ten megabytes. */
const KEPT = 5;

/**
 * The machine of a snapshot of the same inputs, or one that boots. `fresh` boots anyway. Throws AdapterError, also for a
 * snapshot the user has named that is of no use; one that nobody named is replaced then.
 */
export async function bootOrResume(inputs: LinuxInputs, snapshot: string, fresh: boolean): Promise<LoadedTarget> {
  const place = placeOf(inputs, snapshot);
  if (!place) return inputs.load();
  if (!existsSync(place.path)) return inputs.load(place);
  if (fresh) return inputs.load();
  try {
    const loaded = await inputs.resume(place);
    const note = `Goes on from a snapshot of ${statSync(place.path).mtime.toLocaleString()}. Restart boots anew; "snapshot": "off" does so each time.`;
    return { ...loaded, warnings: [...loaded.warnings, note] };
  } catch (error) {
    if (!(error instanceof SnapshotFileError) || snapshot !== AUTOMATIC) throw error;
    rmSync(place.path, { force: true });
    const loaded = inputs.load(place);
    return { ...loaded, warnings: [...loaded.warnings, error.message] };
  }
}

function placeOf(inputs: LinuxInputs, snapshot: string): SnapshotPlace | undefined {
  if (snapshot === OFF) return undefined;
  if (snapshot !== AUTOMATIC) return { path: snapshot, key: inputs.key };
  const { [SNAPSHOT_FOLDER]: folder } = process.env;
  if (!folder) return undefined;
  const { key } = inputs;
  return { path: join(folder, `${key}${SUFFIX}`), key };
}

/** Saves a machine that has booted; resolves to what the user should know. Throws AdapterError. */
export async function saveBoot(machine: Machine, { path, key }: SnapshotPlace, console: Uint8Array): Promise<string> {
  const snapshot = machine.save();
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  await writeSnapshot(path, { snapshot, key, console });
  if (folder === process.env[SNAPSHOT_FOLDER]) removeOldest(folder);
  return 'A snapshot of the booted machine is saved: the next start takes a second. Restart boots anew; "snapshot": "off" does so each time.';
}

function removeOldest(folder: string): void {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => join(folder, name))
    .map((path) => ({ path, time: statSync(path).mtimeMs }))
    .sort((a, b) => b.time - a.time);
  for (const { path } of files.slice(KEPT)) rmSync(path, { force: true });
}
