/** A Linux guest that goes on where a snapshot was taken of it. */
import { createHash } from 'node:crypto';
import { type EngineStages, type Machine, resumeMachine, SnapshotError } from '../emulator';
import type { LinuxBootOptions } from './boot-linux';
import { builtInterpreter } from './built-interpreter';
import { readSnapshot, SNAPSHOT_VERSION, type SnapshotFile, SnapshotFileError } from './snapshot-file';

export interface ResumeOptions {
  readonly engine?: EngineStages;
  /** Gets each byte the guest sends to its serial port from now on. */
  readonly serial?: (byte: number) => void;
}

export interface ResumedLinux extends Pick<SnapshotFile, 'key' | 'console'> {
  readonly machine: Machine;
}

/**
 * Makes a machine of a snapshot. Whoever shows the guest's console should begin with `console`, the prompt the guest is
 * waiting at. Throws SnapshotFileError.
 */
export async function resumeLinux(path: string, { engine, serial }: ResumeOptions = {}): Promise<ResumedLinux> {
  const { snapshot, key, console } = await readSnapshot(path);
  const interpreterCode = builtInterpreter();
  try {
    const machine = resumeMachine(snapshot, {
      ...(engine === undefined ? {} : { engine }),
      ...(serial ? { serial } : {}),
      ...(interpreterCode ? { interpreterCode } : {}),
    });
    return { machine, key, console };
  } catch (error) {
    if (error instanceof SnapshotError) throw new SnapshotFileError(error.problem, `${path}: ${error.message}`);
    throw error;
  }
}

/** What a boot is made of, as far as the guest could tell. Names of CPU model and platform, undefined for the default. */
export interface BootInputs extends Pick<
  LinuxBootOptions,
  'initrd' | 'commandLine' | 'memoryBytes' | 'cpu' | 'platform' | 'entry'
> {
  readonly kernelBytes: Uint8Array;
}

/**
 * A name for these inputs, 64 hexadecimal digits: a snapshot made of the same ones may be resumed instead of booting
 * again. Another version of the snapshot format gives other names.
 */
export function bootKey({ kernelBytes, initrd, ...rest }: BootInputs): string {
  const { commandLine, memoryBytes, cpu, platform, entry } = rest;
  const files = [kernelBytes, initrd].map((bytes) => bytes && createHash('sha256').update(bytes).digest('hex'));
  const inputs = [SNAPSHOT_VERSION, ...files, commandLine, memoryBytes, cpu, platform, entry];
  return createHash('sha256')
    .update(JSON.stringify(inputs.map((input) => input ?? null)))
    .digest('hex');
}
