import assert from 'node:assert/strict';
import { Clock, Frequency } from '../../../emulator/clock';
import { Pit, PIT_HERTZ } from '../../../emulator/devices/pit';
import { SystemBus } from '../../../emulator/devices/system-bus';

function setup() {
  const bus = new SystemBus();
  let now = 0;
  const clock = new Clock(() => now);
  const edges: number[] = [];
  const frequency = new Frequency(PIT_HERTZ);
  let level = true;
  Pit.attach(bus, clock, (next) => {
    if (next && !level) edges.push(frequency.ticksAt(now));
    level = next;
  });
  return {
    edges,
    write: (port: number, ...values: number[]) => values.forEach((value) => bus.writePort(port, 1, value)),
    read: (port: number) => bus.readPort(port, 1),
    /** Runs to a tick, every event at its exact time. */
    runTo: (tick: number): void => {
      const end = frequency.timeOf(tick);
      while (clock.nextEventAt <= end) {
        now = clock.nextEventAt;
        clock.runDue();
      }
      now = end;
    },
  };
}

describe('8254', () => {
  it('mode 2 raises OUT every N ticks, without drift', () => {
    const { edges, write, runTo } = setup();
    write(0x43, 0x34);
    write(0x40, 0xa9, 0x04);
    runTo(1 + 1193 * 1000);
    assert.equal(edges.length, 1000);
    edges.forEach((tick, index) => assert.equal(tick, 1 + 1193 * (index + 1)));
  });

  it('mode 3 raises OUT every N ticks, high for the longer half', () => {
    const { edges, write, read, runTo } = setup();
    write(0x43, 0x36);
    write(0x40, 0x05, 0x00);
    const levels: number[] = [];
    for (let tick = 1; tick <= 10; tick++) {
      runTo(tick);
      write(0x43, 0xe2);
      levels.push(read(0x40) >> 7);
    }
    assert.deepEqual(levels, [1, 1, 1, 0, 0, 1, 1, 1, 0, 0]);
    assert.deepEqual(edges, [6]);
  });

  it('mode 0 raises OUT once, at the end of the count', () => {
    const { edges, write, runTo } = setup();
    write(0x43, 0x30);
    write(0x40, 100, 0);
    runTo(100);
    assert.deepEqual(edges, []);
    runTo(1000);
    assert.deepEqual(edges, [101]);
  });

  it('mode 4 strobes low for one tick', () => {
    const { edges, write, runTo } = setup();
    write(0x43, 0x38);
    write(0x40, 100, 0);
    runTo(1000);
    assert.deepEqual(edges, [102]);
  });

  it('latches the count: it stays while the counter goes on', () => {
    const { write, read, runTo } = setup();
    write(0x43, 0x34);
    write(0x40, 0xe8, 0x03);
    runTo(101);
    write(0x43, 0x00);
    runTo(501);
    assert.equal(read(0x40) | (read(0x40) << 8), 900);
    assert.equal(read(0x40) | (read(0x40) << 8), 500);
  });

  it('reads back status and count together', () => {
    const { write, read, runTo } = setup();
    write(0x43, 0x34);
    write(0x40, 0xe8, 0x03);
    runTo(1);
    write(0x43, 0xc2);
    assert.equal(read(0x40), 0xb4);
    assert.equal(read(0x40) | (read(0x40) << 8), 1000);
  });

  it('counts in BCD', () => {
    const { write, read, runTo } = setup();
    write(0x43, 0x35);
    write(0x40, 0x00, 0x10);
    runTo(2);
    write(0x43, 0x00);
    assert.equal(read(0x40) | (read(0x40) << 8), 0x999);
  });

  it('a new count takes effect at the end of the period', () => {
    const { edges, write, runTo } = setup();
    write(0x43, 0x34);
    write(0x40, 100, 0);
    runTo(50);
    write(0x40, 10, 0);
    runTo(121);
    assert.deepEqual(edges, [101, 111, 121]);
  });

  it('channel 2 counts with its gate and shows OUT at port 61h', () => {
    const { write, read, runTo } = setup();
    write(0x61, 0);
    write(0x43, 0xb0);
    write(0x42, 50, 0);
    runTo(1000);
    assert.equal(read(0x61) & 0x20, 0);
    write(0x61, 1);
    runTo(1049);
    assert.equal(read(0x61) & 0x20, 0);
    runTo(1051);
    assert.equal(read(0x61) & 0x21, 0x21);
  });
});
