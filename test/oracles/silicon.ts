/** Runs cases on the processor at hand, by cpu-harness.c, which the C compiler of the system makes ready. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, fits, LOW_WINDOW, type Outcome, type Patch } from './case';
import { AT, EXTENDED_STATE_BYTES, StoredState, writeExtendedState } from './extended-state';

const CASE_BYTES = 208;
const RESULT_BYTES = 184;
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
    const input = Buffer.alloc(cases.reduce((sum, test) => sum + encodedBytes(test), 0));
    let end = 0;
    for (const test of cases) end = encodeCase(test, input, end);
    const { stdout, error } = spawnSync(this.harness, { input, maxBuffer: 1 << 30, timeout: 60_000 });
    if (error) throw error;
    const outcomes: Outcome[] = [];
    for (let at = 0; at + RESULT_BYTES <= stdout.length;) {
      const [outcome, next] = decodeResult(stdout, at, cases[outcomes.length].extended !== undefined);
      outcomes.push(outcome);
      at = next;
    }
    return outcomes;
  }
}

const encodedPatches = ({ patches }: Case): readonly Patch[] => patches.filter(fits);

function encodedBytes(test: Case): number {
  const patches = encodedPatches(test).reduce((sum, { bytes }) => sum + bytes.length, 0);
  return CASE_BYTES + patches + (test.extended ? EXTENDED_STATE_BYTES : 0);
}

/** `struct test_case` of the harness and what follows it; tells where it ends. */
function encodeCase(test: Case, to: Buffer, at: number): number {
  const view = new DataView(to.buffer, to.byteOffset + at, CASE_BYTES);
  for (let i = 0; i < 16; i++) view.setBigUint64(8 * i, test.gpr[i], true);
  view.setBigUint64(128, test.fsBase, true);
  view.setBigUint64(136, test.gsBase, true);
  view.setUint32(144, test.rflags, true);
  view.setUint16(148, test.codeOffset, true);
  view.setUint8(150, test.code.length);
  view.setUint8(151, test.compatibility ? 1 : 0);
  to.set(test.code, at + 152);
  view.setUint32(200, test.extended ? 1 : 0, true);
  let end = at + CASE_BYTES;
  encodedPatches(test).forEach(({ offset, bytes }, i) => {
    view.setUint32(184 + 4 * i, offset, true);
    view.setUint32(192 + 4 * i, bytes.length, true);
    to.set(bytes, end);
    end += bytes.length;
  });
  if (!test.extended) return end;
  writeExtendedState(test.extended, to.subarray(end));
  return end + EXTENDED_STATE_BYTES;
}

/** `struct result` of the harness and what follows it; tells where it ends. */
function decodeResult(from: Buffer, at: number, extended: boolean): [outcome: Outcome, end: number] {
  const view = new DataView(from.buffer, from.byteOffset + at, RESULT_BYTES);
  const gpr = new BigUint64Array(16);
  for (let i = 0; i < 16; i++) gpr[i] = view.getBigUint64(8 * i, true);
  const vector = view.getUint32(164, true);
  const bytesAt = at + RESULT_BYTES;
  const bytesEnd = bytesAt + view.getUint32(176, true);
  if (extended) from.fill(0, bytesEnd + AT.mxcsrMask, bytesEnd + AT.st);
  const outcome: Outcome = {
    gpr,
    rip: view.getBigUint64(128, true),
    fsBase: view.getBigUint64(136, true),
    gsBase: view.getBigUint64(144, true),
    cr2: vector === 14 ? view.getBigUint64(152, true) : 0n,
    rflags: view.getUint32(160, true),
    vector,
    errorCode: view.getUint32(168, true),
    changedAt: view.getUint32(172, true),
    changed: from.subarray(bytesAt, bytesEnd),
    extended: extended ? new StoredState(from.subarray(bytesEnd, bytesEnd + EXTENDED_STATE_BYTES)) : undefined,
  };
  return [outcome, extended ? bytesEnd + EXTENDED_STATE_BYTES : bytesEnd];
}
