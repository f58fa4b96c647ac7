/**
 * Exceptions, privilege changes, system calls, single-stepping and devices against QEMU: qemu-guest.S runs on both and
 * must report the same, but for the cases in which QEMU (7.2, TCG) is known not to do what the manuals say.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMachine, loadMultiboot, type Stop } from '../../../emulator';

const FOLDER = join(process.cwd(), 'test/emulator/cpu');

/** Case numbers with what must be reported where QEMU differs, and why it does. */
const DEVIATIONS: Readonly<Record<string, string>> = {
  // An IST stack at the same privilege level does not null SS (SDM vol. 3, section 6.14.4).
  '5': ' V8 0 a 10 2 18 fc0 18',
  '13': ' V88 0 2 10 2 18 fb0 18',
  '20': ' V8 0 8 10 2 18 fc0 18',
  '22': ' V8 0 a 10 2 18 fc0 18',
  // An access that runs over the end of the canonical range is #GP.
  '6': ' Vd 0 a 10 2 18 fc0 18',
  // A reserved bit is found in a present entry: P is set too.
  '9': ' Ve 9 0 10 2 18 fc0 18 204000',
  '1a': ' Ve 9 c 10 2 18 fc0 18 204ffe',
  // Error codes name a gate by vector * 8, also where gates have 16 bytes; EXT is set for exceptions.
  b: ' Vb 40a 0 10 2 18 fc0 18',
  c: ' Vd 412 0 10 2 18 fc0 18',
  '12': ' Vd 182 8 10 2 18 fc0 18',
  '23': ' Vb 33 8 10 2 18 fc0 18',
  '76': ' Vd 102 15 33 202 2b fc0 0',
  '86': ' Vd 40a 15 33 202 2b fc0 0',
  // A non-canonical target is found by the transfer, not by the fetch after it.
  '15': ' Vd 0 0 10 2 18 fc0 18',
  '5a': ' Vd 0 d 10 2 18 fb0 18',
  // The RPL of a null SS must be the CPL.
  '311': ' Vd 0 5 10 2 0 fc0 0',
  '321': ' Vd 8 5 10 2 18 fc0 18',
  // There is no LDT.
  '400': ' Vd c 5 10 2 18 fc0 18',
  '402': '',
  // A code segment with L and D set is reserved.
  '550': ' Vd 60 7 10 2 18 fb0 18',
  '551': ' Vd 60 10 10 2 18 f90 18',
  '552': ' Vd 60 15 10 2 18 fc0 18',
  '553': ' Vd 60 15 10 2 18 fc0 18',
  // DR7.GD, EFER.LME under paging, INT1.
  af: ' Dffff2ff0 13 10 2',
  b0: ' Vd 0 c 10 2 18 fc0 18',
  cb: ' Dffff0ff0 1 10 2',
};

function succeeds(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}

/** Reports by case number. */
function reports(output: string): Map<string, string> {
  const lines = output.split('\n').filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

function runHere(image: Uint8Array, cpu: string): string {
  let output = '';
  const serial = (byte: number) => (output += String.fromCharCode(byte));
  const machine = createMachine({ memoryBytes: 32 << 20, cpu, serial });
  loadMultiboot(machine.cpu, image, undefined);
  let stop: Stop;
  do stop = machine.run(1_000_000);
  while (stop.reason === 'limit' && machine.instructionCount < 10_000_000);
  assert.deepEqual(stop, { reason: 'exit', code: 0x21 });
  return output;
}

describe('architecture against QEMU', function () {
  this.timeout(60_000);
  let folder: string;
  let image: string;

  before(function () {
    folder = mkdtempSync(join(tmpdir(), 'ringside-'));
    image = join(folder, 'guest.bin');
    const object = join(folder, 'guest.o');
    const built =
      succeeds('as', '--64', '-I', FOLDER, '-o', object, join(FOLDER, 'qemu-guest.S')) &&
      succeeds('ld', '-N', '-Ttext=0x100000', '-e', '0x100000', '--oformat', 'binary', '-o', image, object);
    if (!built || !succeeds('qemu-system-x86_64', '--version')) this.skip();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [cpu, vendor] of [
    ['intel', 'GenuineIntel'],
    ['amd', 'AuthenticAMD'],
  ] as const) {
    it(`reports the same as QEMU: ${cpu}`, () => {
      const log = join(folder, 'serial.txt');
      const { status } = spawnSync('qemu-system-x86_64', [
        ...['-accel', 'tcg', '-cpu', `qemu64,vendor=${vendor},+smep,+smap,+fsgsbase,+umip`, '-m', '32'],
        ...['-display', 'none', '-no-reboot', '-serial', `file:${log}`],
        ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-kernel', image],
      ]);
      assert.equal(status, 0x21);
      const theirs = reports(readFileSync(log, 'latin1'));
      const ours = reports(runHere(readFileSync(image), cpu));
      assert.ok(ours.size > 200);
      const expected = new Map([...theirs].map(([name, report]) => [name, DEVIATIONS[name] ?? report]));
      assert.deepEqual(Object.fromEntries(ours), Object.fromEntries(expected));
    });
  }
});
