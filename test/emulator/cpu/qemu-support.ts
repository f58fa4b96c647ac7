/** Builds guests and runs them on QEMU and here; what they print on COM1 is what is compared. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMachine, loadMultiboot, type MachineOptions, type Stop } from '../../../emulator';

const FOLDER = join(process.cwd(), 'test/emulator/cpu');
/** Value that guests write to the debug-exit port, as an exit code. */
const EXIT = 0x21;
const MOST_INSTRUCTIONS = 20_000_000;

function succeeds(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}

/** Assembles `source` and links it to the file `image`; false if that cannot be done here, or there is no QEMU. */
export function buildGuest(source: string, bits: 32 | 64, image: string): boolean {
  const object = `${image}.o`;
  const emulation = bits === 64 ? 'elf_x86_64' : 'elf_i386';
  const link = ['-m', emulation, '-N', '-Ttext=0x100000', '-e', '0x100000', '--oformat', 'binary'];
  return (
    succeeds('as', `--${bits}`, '-I', FOLDER, '-o', object, join(FOLDER, source)) &&
    succeeds('ld', ...link, '-o', image, object) &&
    succeeds('qemu-system-x86_64', '--version')
  );
}

/** Reports by what stands before the colon of their line. */
function reports(output: string): Map<string, string> {
  const lines = output.split('\n').filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

/** What the guest reports on QEMU's TCG with `-cpu cpu`. */
export function runOnQemu(image: string, cpu: string): Map<string, string> {
  const log = `${image}.txt`;
  const { status } = spawnSync('qemu-system-x86_64', [
    ...['-accel', 'tcg', '-cpu', cpu, '-m', '32', '-display', 'none', '-no-reboot', '-serial', `file:${log}`],
    ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-kernel', image],
  ]);
  assert.equal(status, EXIT);
  return reports(readFileSync(log, 'latin1'));
}

/** What it reports on the CPU model of that name here. */
export function runHere(
  image: string,
  cpu: string,
  options: Pick<MachineOptions, 'platform' | 'engine'> = {},
): Map<string, string> {
  let output = '';
  const serial = (byte: number): void => {
    output += String.fromCharCode(byte);
  };
  const machine = createMachine({ memoryBytes: 32 << 20, cpu, serial, ...options });
  loadMultiboot(machine.cpu, readFileSync(image), undefined);
  let stop: Stop;
  do stop = machine.run(1_000_000);
  while (stop.reason === 'limit' && machine.instructionCount < MOST_INSTRUCTIONS);
  assert.deepEqual(stop, { reason: 'exit', code: EXIT });
  return reports(output);
}
