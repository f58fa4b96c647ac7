/** Lockstep of guests of the emulator's tests: real-address mode, virtual-8086 mode and tasks; access rights of pages. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockstep, type LockstepResult } from './lockstep';

const SOURCES = join(process.cwd(), 'test/emulator/cpu');
const LOAD_ADDRESS = 0x100000;
/** The multiboot header comes first. */
const HEADER_BYTES = 32;

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
}

/** A guest of the emulator's tests, built without the cases in which QEMU is known to differ (see its test). */
interface Guest {
  readonly source: string;
  readonly bits: 32 | 64;
  /** QEMU's -cpu, and the model of ours that agrees with it. */
  readonly cpu: string;
  readonly model: string;
}

export const GUESTS: readonly Guest[] = [
  {
    source: 'qemu-guest16.S',
    bits: 32,
    cpu: 'qemu64,vendor=GenuineIntel,+smep,+smap,+fsgsbase,+umip',
    model: 'intel',
  },
  {
    source: 'qemu-guest-paging32.S',
    bits: 32,
    cpu: 'qemu64,vendor=GenuineIntel,+smep,+smap',
    model: 'intel',
  },
  {
    source: 'qemu-guest-paging.S',
    bits: 64,
    cpu: 'qemu64,vendor=GenuineIntel,+smep,+smap,+pdpe1gb',
    model: 'intel',
  },
  {
    source: 'qemu-guest-paging.S',
    bits: 64,
    cpu: 'qemu64,vendor=GenuineIntel,+smep,+smap,+pdpe1gb,+la57,+pku,+pks',
    model: 'intel,+LA57,+PKU,+PKS',
  },
];

/** Runs a guest to its end. */
export async function runGuest({ source, bits, cpu, model }: Guest): Promise<LockstepResult> {
  const folder = mkdtempSync(join(tmpdir(), 'ringside-guest-'));
  try {
    const object = join(folder, 'guest.o');
    const image = join(folder, 'guest.bin');
    run('as', [`--${bits}`, '--defsym', 'LOCKSTEP=1', '-I', SOURCES, '-o', object, join(SOURCES, source)]);
    const address = `0x${LOAD_ADDRESS.toString(16)}`;
    const format = ['-m', bits === 64 ? 'elf_x86_64' : 'elf_i386', '-N', '--oformat', 'binary'];
    run('ld', [...format, `-Ttext=${address}`, '-e', address, '-o', image, object]);
    const bytes = readFileSync(image);
    return await lockstep({
      ...{ kernelPath: image, kernel: bytes, programPath: image, program: bytes },
      ...{ entry: LOAD_ADDRESS + HEADER_BYTES, cpu, model },
      maxInstructions: 200_000,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
