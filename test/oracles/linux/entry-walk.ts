/** Recorded walks along the system-call path: entry-walk-*.txt beside this file, whose headers tell how they were made. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The state before one instruction. */
export interface RecordedStep {
  /** Symbol and offset, or `user`. */
  readonly place: string;
  readonly instruction: string;
  /** Every register recorded, by gdb's name (`k_gs_base` is IA32_KERNEL_GS_BASE). */
  readonly registers: ReadonlyMap<string, bigint>;
  /** Names of those that differ from the step before. */
  readonly changed: ReadonlySet<string>;
}

export function recordedWalk(name: string): RecordedStep[] {
  const steps: RecordedStep[] = [];
  let registers: ReadonlyMap<string, bigint> = new Map();
  for (const line of readFileSync(join(__dirname, `${name}.txt`), 'utf8').split('\n')) {
    if (line.startsWith('#') || line === '') continue;
    const [place = '', instruction = '', changes = ''] = line.split(/ \| ?/);
    const changed = changes
      .split(' ')
      .filter((text) => text !== '')
      .map((text): [string, bigint] => {
        const [register = '', value = ''] = text.split('=');
        return [register, BigInt(`0x${value}`)];
      });
    registers = new Map([...registers, ...changed]);
    steps.push({ place, instruction, registers, changed: new Set(changed.map(([register]) => register)) });
  }
  return steps;
}
