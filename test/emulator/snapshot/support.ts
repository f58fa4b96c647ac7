/** Guests to take snapshots of. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BootImage, createMachine, type EngineStages, loadImage, type Machine } from '../../../emulator';
import { buildImage, KERNEL_LAYOUT, readElf } from '../../../toolchain';

const GUEST = join(__dirname, 'timers-guest.S');

/** The guest's image and where its variable `slow` is. */
let built: { readonly image: BootImage; readonly slow: number } | undefined;

function guest(): NonNullable<typeof built> {
  if (built) return built;
  const { elf, diagnostics } = buildImage([{ path: GUEST, text: readFileSync(GUEST, 'utf8') }], {}, KERNEL_LAYOUT);
  assert.deepEqual(diagnostics, []);
  assert.ok(elf);
  const { symbols, segments, entry } = readElf(elf);
  const slow = symbols.find(({ name }) => name === 'slow');
  assert.ok(slow);
  const loaded = segments.map(({ va, pa, data, memorySize }) => ({ va, pa, bytes: data, memoryBytes: memorySize }));
  built = { image: { entry, segments: loaded, mode: 64 }, slow: Number(slow.value) };
  return built;
}

export interface Running {
  readonly machine: Machine;
  /** What it has written to its serial port. */
  readonly output: string[];
}

export interface TimersOptions {
  readonly engine?: EngineStages;
  /** Sleeping, with the slow timers alone. */
  readonly slow?: boolean;
}

/** A machine about to run the guest of timers-guest.S. */
export function timersGuest({ engine = 'tiered', slow = false }: TimersOptions = {}): Running {
  const output: string[] = [];
  const machine = createMachine({
    ...{ memoryBytes: 6 << 20, platform: 'acpi', cpu: 'intel,+x86-64-v3', engine, seed: 7n },
    serial: (byte) => output.push(String.fromCharCode(byte)),
  });
  const { image, slow: slowAddress } = guest();
  loadImage(machine.cpu, image);
  // A page of 1 GiB for the last of the first four, where the devices are.
  const pointers = Number(machine.memory.readU64(Number(machine.state.cr3)) & ~0xfffn);
  machine.memory.writeU64(pointers + 8 * 3, 0xc0000083n);
  machine.memory.writeU8(slowAddress, slow ? 1 : 0);
  return { machine, output };
}

/** Runs exactly so many instructions. */
export function runFor(machine: Machine, instructions: number): void {
  const end = machine.instructionCount + instructions;
  while (machine.instructionCount < end) {
    assert.equal(machine.run(end - machine.instructionCount).reason, 'limit');
  }
}
