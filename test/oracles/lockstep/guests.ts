/** Lockstep of the 16-bit guest of the emulator's tests: real-address mode, virtual-8086 mode and tasks. */
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

/** Builds the guest without the cases in which QEMU is known to differ (see qemu.test.ts), and runs it to its end. */
export async function runGuest16(): Promise<LockstepResult> {
  const folder = mkdtempSync(join(tmpdir(), 'ringside-guest-'));
  try {
    const object = join(folder, 'guest.o');
    const image = join(folder, 'guest.bin');
    const source = join(SOURCES, 'qemu-guest16.S');
    run('as', ['--32', '--defsym', 'LOCKSTEP=1', '-I', SOURCES, '-o', object, source]);
    const address = `0x${LOAD_ADDRESS.toString(16)}`;
    const format = ['-m', 'elf_i386', '-N', '--oformat', 'binary'];
    run('ld', [...format, `-Ttext=${address}`, '-e', address, '-o', image, object]);
    const bytes = readFileSync(image);
    return await lockstep({
      ...{ kernelPath: image, kernel: bytes, programPath: image, program: bytes },
      entry: LOAD_ADDRESS + HEADER_BYTES,
      cpu: 'qemu64,vendor=GenuineIntel,+smep,+smap,+fsgsbase,+umip',
      model: 'intel',
      maxInstructions: 200_000,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
