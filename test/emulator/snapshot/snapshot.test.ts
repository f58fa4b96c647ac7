import assert from 'node:assert/strict';
import { join } from 'node:path';
import fc from 'fast-check';
import { loadTarget } from '../../../debug-adapter';
import {
  createMachine,
  ENGINE_STAGES,
  hasFormOf,
  type Machine,
  type MachineOptions,
  resumeMachine,
  type Saved,
  savedFromText,
  savedToText,
  type Snapshot,
  SnapshotError,
} from '../../../emulator';
import type { Pc } from '../../../emulator/pc';
import { countFields, differences, unsavedFields } from './fields';
import { runFor, type Running, timersGuest } from './support';

const HELLO = join(process.cwd(), 'samples/hello-syscall/hello.S');
const KERNEL = join(process.cwd(), 'samples/kernel');

/** A snapshot as it comes out of a file. */
function written(snapshot: Snapshot): Snapshot {
  return { ...snapshot, state: savedFromText(savedToText(snapshot.state)) };
}

function assertSame(actual: Snapshot, expected: Snapshot): void {
  assert.equal(savedToText(actual.state), savedToText(expected.state));
  assert.deepEqual(actual.memory.runs, expected.memory.runs);
  actual.memory.chunks.forEach((chunk, i) => assert.ok(Buffer.compare(chunk, expected.memory.chunks[i]) === 0));
}

/** A machine resumed from a snapshot of this one. */
function resumed({ machine }: Running, engine: MachineOptions['engine'] = 'tiered'): Running {
  const output: string[] = [];
  const serial = (byte: number): unknown => output.push(String.fromCharCode(byte));
  return { machine: resumeMachine(written(machine.save()), { engine, serial }), output };
}

/** When to take the snapshot, and how long to go on. */
const moments = {
  before: fc.nat(6000),
  after: fc.integer({ min: 1, max: 6000 }),
  slow: fc.boolean(),
  typed: fc.uint8Array({ maxLength: 24 }),
};

describe('snapshots', function () {
  this.timeout(120_000);

  it('of a restored machine are those it was restored from, whenever they are taken', () => {
    const { machine } = timersGuest();
    const other = timersGuest().machine;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), moments.typed, (instructions, typed) => {
        machine.sendSerial(typed);
        runFor(machine, instructions);
        const snapshot = machine.save();
        other.restore(written(snapshot));
        assertSame(other.save(), snapshot);
      }),
      { numRuns: 20 },
    );
  });

  it('go on as the machine itself does, whatever executes them', () => {
    fc.assert(
      fc.property(
        fc.record({ ...moments, first: fc.constantFrom(...ENGINE_STAGES), then: fc.constantFrom(...ENGINE_STAGES) }),
        ({ before, after, slow, typed, first, then }) => {
          const original = timersGuest({ engine: first, slow });
          original.machine.sendSerial(typed);
          runFor(original.machine, before);
          const other = resumed(original, then);
          original.output.length = 0;
          for (const { machine } of [original, other]) {
            machine.sendSerial(typed);
            runFor(machine, after);
          }
          assert.equal(other.output.join(''), original.output.join(''));
          assert.equal(other.machine.cpu.timestamp, original.machine.cpu.timestamp);
          assertSame(other.machine.save(), original.machine.save());
        },
      ),
      { numRuns: 8 },
    );
  });

  it('hold what is to come after the next instruction: the trap of a breakpoint that MOV SS has met', () => {
    const original = timersGuest();
    const { machine } = original;
    const held = (): boolean => /"heldBreakpoints":[1-9]/.test(savedToText(machine.save().state));
    runFor(machine, 200);
    for (let steps = 0; !held(); steps++) {
      assert.ok(steps < 200);
      runFor(machine, 1);
    }
    assert.equal(machine.state.interruptShadow, 'ss');
    const other = resumed(original);
    original.output.length = 0;
    for (const each of [machine, other.machine]) runFor(each, 12);
    assert.deepEqual([original.output, other.output], [['d'], ['d']]);
    assertSame(other.machine.save(), machine.save());
  });

  it('have every field of devices, clock and processor', () => {
    for (const slow of [false, true]) {
      const original = timersGuest({ slow });
      original.machine.sendSerial(new TextEncoder().encode('more than fits into the FIFO of a 16550'));
      runFor(original.machine, 5432);
      const other = resumed(original).machine;
      for (const partsOf of [devicesOf, stateOf]) {
        assert.ok(countFields(partsOf(original.machine)) > 50);
        assert.deepEqual(differences(partsOf(other), partsOf(original.machine)), []);
      }
    }
  });

  it('have every field that is not fixed or derived', () => {
    const { machine } = timersGuest();
    runFor(machine, 1000);
    const unsaved = unsavedFields(devicesOf(machine)).filter((name) => !name.endsWith('.widest'));
    assert.deepEqual(unsaved, [
      // Derived.
      ...['Clock.nextEventAt', 'Clock.queue', 'LocalApic.interruptRequested', 'LocalApic.page'],
      // Fixed.
      ...['Pic8259.master', 'Uart.base'],
      // The whole of what it saves.
      'VectorSet.words',
    ]);
  });

  it('bring a machine back to where it was', () => {
    const { machine, output } = timersGuest();
    machine.sendSerial(Uint8Array.of(0x31, 0x32));
    runFor(machine, 4000);
    const start = machine.save();
    const run = (): string => {
      output.length = 0;
      runFor(machine, 5000);
      return output.join('');
    };
    const first = run();
    const end = machine.save();
    for (let pa = 0x300000; pa < 0x310000; pa += 4096) machine.memory.writeU32(pa, pa);
    machine.restore(start);
    assert.equal(run(), first);
    assertSame(machine.save(), end);
  });

  it('of the sample kernel go on to the same end', () => {
    let output = '';
    const { machine } = loadTarget({
      ...{ program: HELLO, kernel: KERNEL },
      serial: (byte) => (output += String.fromCharCode(byte)),
    }).target;
    const snapshots: Snapshot[] = [];
    while (machine.run(1500).reason === 'limit') snapshots.push(machine.save());
    const end = machine.run(1);
    assert.equal(end.reason, 'exit');
    assert.ok(snapshots.length > 3);
    for (const snapshot of [...snapshots, machine.save()]) {
      let rest = '';
      const other = resumeMachine(snapshot, { serial: (byte) => (rest += String.fromCharCode(byte)) });
      assert.deepEqual(other.run(10_000_000), end);
      assert.ok(output.endsWith(rest));
      assert.equal(other.instructionCount, machine.instructionCount);
      assertSame(other.save(), machine.save());
    }
  });

  it('of a processor that shut down stay shut down', () => {
    const machine = createMachine({ memoryBytes: 1 << 20 });
    machine.state.idtr.limit = 0;
    const stop = machine.run(10);
    assert.equal(stop.reason, 'shutdown');
    assert.deepEqual(resumeMachine(machine.save()).run(10), stop);
  });

  it('leave breakpoints and what a debugger stops at as they are', () => {
    const { machine } = timersGuest();
    runFor(machine, 500);
    const snapshot = machine.save();
    runFor(machine, 3000);
    const { rip } = machine.state;
    machine.addBreakpoint(rip);
    machine.restore(snapshot);
    const stop = machine.run(1_000_000);
    assert.deepEqual(stop, { reason: 'breakpoint', address: rip });
  });
});

function devicesOf(machine: Machine): object {
  return (machine as Pc).devices;
}

function stateOf(machine: Machine): object {
  return { state: machine.state, memory: machine.memory.linear };
}

describe('snapshots that do not fit', () => {
  const options: MachineOptions = { memoryBytes: 2 << 20, platform: 'acpi', cpu: 'intel' };
  const snapshot = createMachine(options).save();

  function problem(machine: Machine, changed: Snapshot): readonly [string, string] {
    const before = machine.save();
    try {
      machine.restore(changed);
    } catch (error) {
      assert.ok(error instanceof SnapshotError);
      assertSame(machine.save(), before);
      return [error.problem, error.message];
    }
    assert.fail('it was taken');
  }

  it('are of another machine', () => {
    const of = (other: Partial<MachineOptions>) => problem(createMachine({ ...options, ...other }), snapshot);
    const message = (text: string): readonly [string, string] => [
      'other-machine',
      `The snapshot is of a machine with ${text}.`,
    ];
    assert.deepEqual(of({ memoryBytes: 4 << 20 }), message('2 MiB of memory, not 4 MiB of memory'));
    assert.deepEqual(of({ platform: 'legacy' }), message('platform acpi, not legacy'));
    assert.deepEqual(of({ cpu: 'amd' }), message('CPU model intel, not amd'));
    assert.deepEqual(of({ cpu: 'intel,+fred' }), message('CPU model intel, not intel,+fred'));
  });

  it('are of another version: a field more, a field less, one of another type', () => {
    const machine = createMachine(options);
    const text = savedToText(snapshot.state);
    for (const changed of [
      text.replace('"divisor":', '"baud":'),
      text.replace('"scratch":0,', ''),
      text.replace('"scratch":0,', '"scratch":0,"parity":1,'),
      text.replace('"scratch":0,', '"scratch":"0",'),
      text.replace(/^\{"processors":\[.*?\],"clock"/, '{"processors":[],"clock"'),
    ]) {
      assert.notEqual(changed, text);
      assert.equal(problem(machine, { ...snapshot, state: savedFromText(changed) })[0], 'other-version');
    }
    assert.equal(problem(machine, { ...snapshot, state: undefined })[0], 'other-version');
  });

  it('have memory that the machine has not', () => {
    const machine = createMachine(options);
    const page = new Uint8Array(4096);
    for (const memory of [
      { runs: [[512, 1]] as const, chunks: [page] },
      { runs: [[0, 2]] as const, chunks: [page] },
      { runs: [[0, 1]] as const, chunks: [page, page] },
      { runs: [[0, 1]] as const, chunks: [page.subarray(2048), page.subarray(2048)] },
      {
        runs: [
          [1, 1],
          [0, 1],
        ] as const,
        chunks: [page, page],
      },
      { runs: [[0.5, 1]] as const, chunks: [page] },
    ]) {
      assert.equal(problem(machine, { ...snapshot, memory })[0], 'other-version');
    }
  });
});

describe('saved data', () => {
  it('survives as text', () => {
    const leaf = fc.oneof(fc.integer(), fc.bigInt(), fc.boolean(), fc.string(), fc.constant(undefined));
    const names = fc.string().filter((name) => name !== 'bigint' && name !== '__proto__');
    const { tree } = fc.letrec<{ tree: Saved }>((tie) => ({
      tree: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('tree')), fc.dictionary(names, tie('tree'))),
    }));
    fc.assert(
      fc.property(tree, (saved) => {
        const back = savedFromText(savedToText(saved));
        assert.equal(savedToText(back), savedToText(saved));
        assert.ok(hasFormOf(saved, back));
      }),
    );
  });
});
