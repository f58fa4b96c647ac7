/** Machines for tests: in 64-bit mode at CPL 0, low memory mapped to itself, code given as bytes or assembled by GNU as. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMachine, type MachineOptions } from '../../../emulator';
import type { Pc } from '../../../emulator/pc';

export const CODE = 0x100000;
export const STACK_TOP = 0x90000;
const PML4 = 0x1000;
const PDPT = 0x2000;
const DIRECTORY = 0x3000;
const PRESENT_WRITABLE = 3n;
const LARGE_PAGE = 0x80n;

/** A machine about to execute `code` at `CODE`; the first GiB is mapped to itself in 2 MiB pages, user accessible. */
export function machineWith(code: Uint8Array, options: Partial<MachineOptions> = {}): Pc {
  const machine = createMachine({ memoryBytes: 16 << 20, ...options });
  const { memory, state } = machine;
  const user = 4n;
  memory.writeU64(PML4, BigInt(PDPT) | PRESENT_WRITABLE | user);
  memory.writeU64(PDPT, BigInt(DIRECTORY) | PRESENT_WRITABLE | user);
  for (let i = 0; i < 512; i++) {
    memory.writeU64(DIRECTORY + 8 * i, (BigInt(i) << 21n) | LARGE_PAGE | PRESENT_WRITABLE | user);
  }
  memory.load(CODE, code);
  state.cr3 = BigInt(PML4);
  state.cr4 = 0x20;
  state.efer = 0x500;
  state.cr0 = 0x80010031;
  const [codeRights, dataRights] = [0xa09b, 0xc093];
  state.segments.forEach((segment, i) => {
    segment.selector = i === 1 ? 8 : 16;
    segment.base = 0n;
    segment.limit = 0xffffffff;
    segment.rights = i === 1 ? codeRights : dataRights;
  });
  state.rip = BigInt(CODE);
  state.gpr[4] = BigInt(STACK_TOP);
  return machine;
}

/** Whether GNU as and objcopy are there. */
export function haveGnuAs(): boolean {
  return ['as', 'objcopy'].every((tool) => spawnSync(tool, ['--version']).status === 0);
}

/** Bytes of the .text of an AT&T source, by GNU as. */
export function gnuAssemble(source: string, bits: 32 | 64 = 64): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'ringside-as-'));
  try {
    writeFileSync(join(folder, 'a.s'), source.endsWith('\n') ? source : `${source}\n`);
    const run = (tool: string, ...args: string[]): void => {
      const result = spawnSync(tool, args, { cwd: folder, encoding: 'utf8' });
      if (result.status !== 0) throw new Error(`${tool}: ${result.stderr}`);
    };
    run('as', `--${bits}`, '-o', 'a.o', 'a.s');
    run('objcopy', '-O', 'binary', '-j', '.text', 'a.o', 'a.bin');
    return new Uint8Array(readFileSync(join(folder, 'a.bin')));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
