/** System-call round trips through the sample kernel, page-table isolation included, against QEMU's TCG. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMachine, loadMultiboot } from '../emulator';
import { buildImage, KERNEL_LAYOUT, USER_LAYOUT } from '../toolchain';
import { median, seconds, type Row } from './measure';

const PEER = 'qemu-system-x86_64';
const CALLS = 400_000;
const ROUNDS = 3;
const GOAL = 0.5;

/** The same processor on both sides, as far as the kernel can tell: an Intel one, without PCIDs for QEMU lacks them. */
const MODELS = [
  { what: 'system call round trip', model: 'generic', peer: 'qemu64,vendor=GenuineIntel' },
  { what: 'system call round trip with PCIDs', model: 'intel', peer: 'qemu64,vendor=GenuineIntel,+smep,+smap' },
] as const;

function readFile(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function image(paths: readonly string[], includePaths: readonly string[], rounds?: number): Uint8Array {
  const sources = paths.map((path) => ({ path, text: readFileSync(path, 'utf8') }));
  const defines: Record<string, string> = rounds === undefined ? {} : { ROUNDS: String(rounds) };
  const layout = rounds === undefined ? KERNEL_LAYOUT : USER_LAYOUT;
  const { elf, diagnostics } = buildImage(sources, { includePaths, readFile, defines }, layout);
  if (!elf) throw new Error(diagnostics[0].message);
  return elf;
}

/** Seconds a machine takes from the kernel's entry to the program's exit. */
function ours(kernel: Uint8Array, program: Uint8Array, cpu: string): number {
  const machine = createMachine({ memoryBytes: 64 << 20, cpu });
  loadMultiboot(machine.cpu, kernel, undefined, { modules: [{ bytes: program, string: 'bench' }] });
  return seconds(() => {
    while (machine.run(50_000_000).reason === 'limit');
  });
}

export function benchSystemCalls(root: string): Row[] {
  if (spawnSync(PEER, ['--version']).status !== 0) {
    console.error(`${PEER} is missing (Debian package qemu-system-x86): system calls are not compared.`);
    return [];
  }
  const kernelFolder = join(root, 'samples', 'kernel');
  const sources = readdirSync(kernelFolder).filter((name) => name.endsWith('.S'));
  const kernel = image(
    sources.sort().map((name) => join(kernelFolder, name)),
    [kernelFolder],
  );
  const source = join(root, 'bench', 'programs', 'system-calls.S');
  const [many, one] = [CALLS, 1].map((rounds) => image([source], [], rounds));
  const folder = mkdtempSync(join(tmpdir(), 'ringside-bench-'));
  const path = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  try {
    const [kernelPath, manyPath, onePath] = [path('kernel', kernel), path('many', many), path('one', one)];
    const theirs = (program: string, cpu: string): number =>
      seconds(() =>
        spawnSync(PEER, [
          ...['-m', '64M', '-display', 'none', '-no-reboot', '-serial', 'null', '-cpu', cpu],
          ...['-kernel', kernelPath, '-initrd', program, '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
        ]),
      );
    return MODELS.map(({ what, model, peer }) => {
      // What a single call costs is what many cost more than one: start-up and boot are in both.
      const rounds = Array.from({ length: ROUNDS }, () => {
        const qemu = theirs(manyPath, peer) - theirs(onePath, peer);
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
