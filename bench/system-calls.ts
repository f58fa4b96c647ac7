/** System-call round trips through the sample kernel, page-table isolation included, against QEMU's TCG. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMachine, loadMultiboot, type Stop } from '../emulator';
import { buildImage, type BuildOptions, KERNEL_LAYOUT, type Layout, USER_LAYOUT } from '../toolchain';
import { median, seconds, type Row } from './measure';

const PEER = 'qemu-system-x86_64';
const CALLS = 400_000;
const ROUNDS = 3;
const GOAL = 0.5;
/** Exit code for what the kernel writes to the debug-exit port when the program has ended with status 0. */
const SUCCESS = 1;

/** The same processor on both sides, as far as the kernel can tell: an Intel one, without PCIDs for QEMU lacks them. */
const MODELS = [
  { what: 'system call round trip', isolated: true, model: 'generic', peer: 'qemu64,vendor=GenuineIntel' },
  {
    what: 'system call round trip with PCIDs',
    isolated: true,
    model: 'intel',
    peer: 'qemu64,vendor=GenuineIntel,+smep,+smap',
  },
  {
    what: 'system call round trip without page-table isolation',
    isolated: false,
    model: 'generic',
    peer: 'qemu64,vendor=GenuineIntel',
  },
] as const;

function readFile(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function build(
  paths: readonly string[],
  options: Pick<BuildOptions, 'includePaths' | 'defines'>,
  layout: Layout,
  read = readFile,
): Uint8Array {
  const sources = paths.map((path) => ({ path, text: read(path) ?? '' }));
  const { elf, diagnostics } = buildImage(sources, { readFile: read, ...options }, layout);
  if (!elf) throw new Error(diagnostics[0].message);
  return elf;
}

/** In the sample kernel: the bodies of the macros that go from one side's page tables to the other's, … */
const SWITCH_OF_TABLES = /(?<=\.macro SWITCH_TO_(?:KERNEL|USER)_CR3 .*\n)(?:(?!\.endm)[^\n]*\n)*/g;
/** … and what forbids ring 3 to run on the kernel's. */
const NO_EXECUTION = /\tbtsq\t\$_PAGE_BIT_NX, %rdx\n/;

function withoutIsolation(path: string): string | undefined {
  return readFile(path)?.replace(SWITCH_OF_TABLES, '').replace(NO_EXECUTION, '');
}

/** The sample kernel; without page-table isolation it stays on the kernel's tables, which map the user's pages too. */
function sampleKernel(folder: string, isolated: boolean): Uint8Array {
  const sources = readdirSync(folder).filter((name) => name.endsWith('.S'));
  const paths = sources.sort().map((name) => join(folder, name));
  return build(paths, { includePaths: [folder] }, KERNEL_LAYOUT, isolated ? readFile : withoutIsolation);
}

/** Seconds a machine takes from the kernel's entry to the program's exit. */
function ours(kernel: Uint8Array, program: Uint8Array, cpu: string): number {
  const machine = createMachine({ memoryBytes: 64 << 20, cpu });
  loadMultiboot(machine.cpu, kernel, undefined, { modules: [{ bytes: program, string: 'bench' }] });
  return seconds(() => {
    let stop: Stop;
    do stop = machine.run(50_000_000);
    while (stop.reason === 'limit');
    if (stop.reason !== 'exit' || stop.code !== SUCCESS) throw new Error(`the kernel stopped: ${JSON.stringify(stop)}`);
  });
}

export function benchSystemCalls(root: string): Row[] {
  if (spawnSync(PEER, ['--version']).status !== 0) {
    console.error(`${PEER} is missing (Debian package qemu-system-x86): system calls are not compared.`);
    return [];
  }
  const source = join(root, 'bench', 'programs', 'system-calls.S');
  const [many, one] = [CALLS, 1].map((rounds) => build([source], { defines: { ROUNDS: String(rounds) } }, USER_LAYOUT));
  const folder = mkdtempSync(join(tmpdir(), 'ringside-bench-'));
  const path = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  try {
    const [manyPath, onePath] = [path('many', many), path('one', one)];
    const theirs = (kernelPath: string, program: string, cpu: string): number =>
      seconds(() =>
        spawnSync(PEER, [
          ...['-m', '64M', '-display', 'none', '-no-reboot', '-serial', 'null', '-cpu', cpu],
          ...['-kernel', kernelPath, '-initrd', program, '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
        ]),
      );
    return MODELS.map(({ what, isolated, model, peer }) => {
      const kernel = sampleKernel(join(root, 'samples', 'kernel'), isolated);
      const kernelPath = path('kernel', kernel);
      // What a single call costs is what many cost more than one: start-up and boot are in both.
      const rounds = Array.from({ length: ROUNDS }, () => {
        const qemu = theirs(kernelPath, manyPath, peer) - theirs(kernelPath, onePath, peer);
        const ringside = ours(kernel, many, model) - ours(kernel, one, model);
        return { qemu, ringside, ratio: qemu / ringside };
      });
      const each = (values: readonly number[]): string => `${((median(values) / CALLS) * 1e6).toFixed(2)} us`;
      const ratio = median(rounds.map((round) => round.ratio));
      return {
        what,
        ours: each(rounds.map(({ ringside }) => ringside)),
        peer: `${PEER} TCG ${each(rounds.map(({ qemu }) => qemu))}`,
        ratio: ratio.toFixed(2),
        goal: `>= ${GOAL}`,
        reached: ratio >= GOAL,
      };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
