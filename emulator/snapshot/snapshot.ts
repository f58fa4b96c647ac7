/**
 * A snapshot: everything a machine needs to go on where it was. What is derived from that, such as translations and
 * compiled code, is not in it.
 */
import type { CpuModel } from '../cpu/cpuid';
import type { Platform } from '../devices';
import type { Saved } from './saved';
import type { SavedMemory } from './saved-memory';

export interface Snapshot {
  readonly machine: MachineDescription;
  /** State of processors, clock and devices in the form that they themselves give it. */
  readonly state: Saved;
  readonly memory: SavedMemory;
}

/** What kind of machine: only one of the same kind can go on. */
export type MachineDescription = ReturnType<typeof describeMachine>;

export function describeMachine(memoryBytes: number, platform: Platform, { features, ...model }: CpuModel) {
  return { memoryBytes, platform, cpu: { ...model, features: [...features].sort() } };
}

/** The CPU model of a description. */
export function modelOf({ cpu: { features, ...model } }: MachineDescription): CpuModel {
  return { ...model, features: new Set(features) };
}

/** In which way a machine is of another kind than the one in `wanted`; undefined if it is of the same. */
export function differenceOf(machine: MachineDescription, wanted: MachineDescription): string | undefined {
  const mebibytes = (bytes: number): string => `${bytes / 2 ** 20} MiB of memory`;
  if (machine.memoryBytes !== wanted.memoryBytes)
    return `${mebibytes(wanted.memoryBytes)}, not ${mebibytes(machine.memoryBytes)}`;
  if (machine.platform !== wanted.platform) return `platform ${wanted.platform}, not ${machine.platform}`;
  if (machine.cpu.name !== wanted.cpu.name) return `CPU model ${wanted.cpu.name}, not ${machine.cpu.name}`;
  if (JSON.stringify(machine.cpu) !== JSON.stringify(wanted.cpu))
    return `a CPU model ${wanted.cpu.name} with other features`;
  return undefined;
}
