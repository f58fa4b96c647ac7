/** Runs cases on the processor at hand, by cpu-harness.c, which the C compiler of the system makes ready. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, LOW_WINDOW, type Outcome, PATCH_BYTES } from './case';

const CASE_BYTES = 256;
const RESULT_BYTES = 184;
const NO_PATCH = 0xffffffff;
const FOLDER = join(import.meta.dirname, '../../.cache/oracles');

export class Silicon {
  private constructor(private readonly harness: string) {}

  /** The harness, built; undefined if there is no C compiler or this is no x86-64 Linux. */
  static build(): Silicon | undefined {
    if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
    if (!Silicon.flags().has('fsgsbase')) return undefined;
    mkdirSync(FOLDER, { recursive: true });
    const harness = join(FOLDER, 'cpu-harness');
    const result = spawnSync('gcc', [
      ...['-O2', '-ffreestanding', '-fno-stack-protector', '-fcf-protection=none', '-fPIE', '-mno-red-zone'],
      ...['-mgeneral-regs-only', '-static', '-nostdlib', '-Wl,-Ttext-segment=0x5a0000000000', '-Wl,--build-id=none'],
      ...['-o', harness, join(import.meta.dirname, 'cpu-harness.c')],
    ]);
    return result.status === 0 ? new Silicon(harness) : undefined;
  }

  /** Features of the processor, by their names in /proc/cpuinfo. */
  static flags(): ReadonlySet<string> {
    const line = /^flags\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
    return new Set(line?.[1].split(' '));
  }

  /** Whether the window can be mapped where 16-bit addresses reach it. */
  static allowsLowWindow(): boolean {
    return process.getuid?.() === 0 || Number(readFileSync('/proc/sys/vm/mmap_min_addr', 'utf8')) <= LOW_WINDOW;
  }

  /** Executes the cases, each on its own; fewer outcomes than cases mean that the next case broke the harness. */
  run(cases: readonly Case[]): Outcome[] {
    const input = Buffer.alloc(cases.length * CASE_BYTES);
    cases.forEach((test, i) => encodeCase(test, input.subarray(i * CASE_BYTES, (i + 1) * CASE_BYTES)));
    const { stdout } = spawnSync(this.harness, { input, maxBuffer: 1 << 30, timeout: 20_000 });
    const outcomes: Outcome[] = [];
    for (let at = 0; at + RESULT_BYTES <= stdout.length;) {
      const outcome = decodeResult(stdout, at);
      outcomes.push(outcome);
      at += RESULT_BYTES + outcome.changed.length;
    }
    return outcomes;
  }
}

/** `struct test_case` of the harness. */
function encodeCase(test: Case, to: Buffer): void {
  test.gpr.forEach((value, i) => to.writeBigUInt64LE(value, 8 * i));
  to.writeBigUInt64LE(test.fsBase, 128);
  to.writeBigUInt64LE(test.gsBase, 136);
  to.writeUInt32LE(test.rflags, 144);
  to.writeUInt16LE(test.codeOffset, 148);
  to.writeUInt8(test.code.length, 150);
  to.writeUInt8(test.compatibility ? 1 : 0, 151);
  to.set(test.code, 152);
  [0, 1].forEach((i) => {
    const patch = test.patches.at(i);
    to.writeUInt32LE(patch?.offset ?? NO_PATCH, 184 + 4 * i);
    if (patch) to.set(patch.bytes, 192 + PATCH_BYTES * i);
  });
}

/** `struct result` of the harness. */
function decodeResult(from: Buffer, at: number): Outcome {
  const changedLength = from.readUInt32LE(at + 176);
  const vector = from.readUInt32LE(at + 164);
  return {
    gpr: BigUint64Array.from({ length: 16 }, (_, i) => from.readBigUInt64LE(at + 8 * i)),
    rip: from.readBigUInt64LE(at + 128),
    fsBase: from.readBigUInt64LE(at + 136),
    gsBase: from.readBigUInt64LE(at + 144),
    cr2: vector === 14 ? from.readBigUInt64LE(at + 152) : 0n,
    rflags: from.readUInt32LE(at + 160),
    vector,
    errorCode: from.readUInt32LE(at + 168),
    changedAt: from.readUInt32LE(at + 172),
    changed: from.subarray(at + RESULT_BYTES, at + RESULT_BYTES + changedLength),
  };
}
