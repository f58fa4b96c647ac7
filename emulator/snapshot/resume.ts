/** Machines made from snapshots. */
import { createMachine, type MachineOptions, type Pc } from '../pc';
import { modelOf, type Snapshot } from './snapshot';

/** What is not the machine's own: who carries it out and who listens. */
export type HostOptions = Pick<MachineOptions, 'engine' | 'interpreterCode' | 'serial' | 'debugConsole'>;

/** Makes a machine that goes on where the snapshot was taken. Throws SnapshotError, and MachineError for the options. */
export function resumeMachine(snapshot: Snapshot, host: HostOptions = {}): Pc {
  const { memoryBytes, platform } = snapshot.machine;
  const machine = createMachine({ ...host, memoryBytes, platform, cpu: modelOf(snapshot.machine) });
  machine.restore(snapshot, true);
  return machine;
}
