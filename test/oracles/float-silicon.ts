/** Runs floating-point instructions on the processor at hand, by float-harness.c. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Silicon } from './silicon';

/** `struct record` of the harness: what goes in and what comes out. */
export const RECORD_BYTES = 368;
export const CODE_AT = 0;
export const CODE_LENGTH_AT = 24;
export const VECTOR_AT = 25;
export const CONTROL_AT = 26;
export const STATUS_AT = 28;
export const TAGS_AT = 30;
export const MXCSR_AT = 32;
export const FLAGS_AT = 36;
export const RAX_AT = 40;
export const ST_AT = 48;
export const XMM_AT = 176;
export const MEMORY_AT = 240;

const FOLDER = join(import.meta.dirname, '../../.cache/oracles');

export class FloatSilicon {
  private constructor(private readonly harness: string) {}

  /** The harness, built; undefined if there is no C compiler or this is no x86-64 Linux with AVX, FMA and F16C. */
  static build(): FloatSilicon | undefined {
    if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
    const flags = Silicon.flags();
    if (!['avx', 'fma', 'f16c', 'sse4_1'].every((flag) => flags.has(flag))) return undefined;
    mkdirSync(FOLDER, { recursive: true });
    const harness = join(FOLDER, 'float-harness');
    const source = join(import.meta.dirname, 'float-harness.c');
    const result = spawnSync('gcc', ['-O2', '-mno-red-zone', '-fcf-protection=none', '-o', harness, source]);
    return result.status === 0 ? new FloatSilicon(harness) : undefined;
  }

  /** Executes records; the answer has as many bytes as `records` unless one of them broke the harness. */
  run(records: Buffer): Buffer {
    return spawnSync(this.harness, { input: records, maxBuffer: 1 << 30, timeout: 60_000 }).stdout;
  }
}
