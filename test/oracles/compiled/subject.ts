/** What is run in two ways: how to make equal machines of it, and where to look and to stop. */
import type { EngineStages } from '../../../emulator';
import type { Pc } from '../../../emulator/pc';
import type { Random } from '../random';

export interface Subject {
  /** A machine about to begin; those of one subject are equal but for the engine. */
  machine(engine: EngineStages): Pc;
  /** Linear addresses of its instructions. */
  readonly addresses: readonly number[];
  /** Linear address of data it uses. */
  data(random: Random): number;
  /** The first physical address at which two machines differ. */
  difference(a: Pc, b: Pc): number | undefined;
}

/** The first physical address from `from` on and below `to` at which two machines differ. */
export function memoryDifference(a: Pc, b: Pc, from: number, to: number): number | undefined {
  const [first, second] = [a, b].map(({ memory: { bytes } }) =>
    Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from),
  );
  if (first.equals(second)) return undefined;
  return from + first.findIndex((byte, i) => byte !== second[i]);
}
