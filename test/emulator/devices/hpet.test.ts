import assert from 'node:assert/strict';
import { Hpet } from '../../../emulator/devices/hpet';
import { SystemBus } from '../../../emulator/devices/system-bus';
import { virtualTime } from './virtual-time';

const BASE = 0xfed00000;
const CONFIGURATION = 0x10;
const STATUS = 0x20;
const COUNTER = 0xf0;
const timerConfiguration = (n: number) => 0x100 + 0x20 * n;
const comparator = (n: number) => 0x108 + 0x20 * n;

const LEVEL = 1 << 1;
const ENABLE = 1 << 2;
const PERIODIC = 1 << 3;
const SET_VALUE = 1 << 6;
const FORCE_32 = 1 << 8;
const route = (pin: number) => pin << 9;

/** Nanoseconds of one tick. */
const TICK = 10;

function setup() {
  const time = virtualTime();
  const bus = new SystemBus();
  const log: string[] = [];
  const note = (line: string, level: boolean) => {
    if (level) log.push(`${line} at ${time.clock.now / TICK}`);
  };
  const levels = new Map<number, boolean>();
  Hpet.attach(bus, time.clock, {
    setPin: (pin, level) => {
      levels.set(pin, level);
      note(`pin ${pin}`, level);
    },
    setLegacyLine: (irq, level) => note(`IRQ ${irq}`, level),
    replaceLegacy: (replaced) => log.push(replaced ? 'replaced' : 'given back'),
  });
  return {
    ...{ log, levels },
    pass: (ticks: number) => time.pass(ticks * TICK),
    read: (register: number, size = 8) => bus.readMemory(BASE + register, size),
    write: (register: number, value: number | bigint, size = 8) =>
      bus.writeMemory(BASE + register, size, BigInt(value)),
  };
}

describe('HPET', () => {
  it('has three periodic timers of 64 bits, and a period that makes 100 MHz', () => {
    const { read } = setup();
    assert.equal(read(0), 0x0098_9680_8086_a201n);
    assert.equal(read(4, 4), 10_000_000n);
    assert.equal(read(timerConfiguration(0)), 0x00f0_0000_0000_0030n);
    assert.equal(read(comparator(2)), 0xffff_ffff_ffff_ffffn);
    assert.equal(read(0x160), 0n, 'no timer 3');
  });

  it('counts while it is enabled, from what was written', () => {
    const { pass, read, write } = setup();
    pass(50);
    assert.equal(read(COUNTER), 0n);
    write(COUNTER, 0xffff_fff0n);
    write(CONFIGURATION, 1);
    pass(0x20);
    assert.equal(read(COUNTER), 0x1_0000_0010n);
    assert.deepEqual([read(COUNTER, 4), read(COUNTER + 4, 4)], [0x10n, 1n]);
    write(CONFIGURATION, 0);
    pass(100);
    assert.equal(read(COUNTER), 0x1_0000_0010n);
    write(COUNTER + 4, 7, 4);
    assert.equal(read(COUNTER), 0x7_0000_0010n);
  });

  it('interrupts once when the counter reaches the comparator', () => {
    const { log, pass, read, write } = setup();
    write(timerConfiguration(1), ENABLE | route(21));
    write(comparator(1), 100);
    write(CONFIGURATION, 1);
    pass(99);
    assert.deepEqual(log, []);
    pass(1000);
    assert.deepEqual(log, ['pin 21 at 100']);
    assert.equal(read(STATUS), 0n, 'no status for edges');
    write(comparator(1), 2000);
    pass(1000);
    assert.deepEqual(log, ['pin 21 at 100', 'pin 21 at 2000']);
  });

  it('interrupts again and again in periodic mode', () => {
    const { log, pass, read, write } = setup();
    write(CONFIGURATION, 1);
    // As Linux does: the first match, then the period.
    write(timerConfiguration(0), ENABLE | PERIODIC | SET_VALUE | FORCE_32 | route(20), 4);
    write(comparator(0), 250, 4);
    write(comparator(0), 100, 4);
    assert.equal(Number(read(timerConfiguration(0), 4)) & SET_VALUE, 0);
    pass(500);
    assert.deepEqual(log, ['pin 20 at 250', 'pin 20 at 350', 'pin 20 at 450']);
    assert.equal(read(comparator(0)), 550n);
  });

  it('comes round after 32 bits in a timer made that narrow', () => {
    const { log, pass, write } = setup();
    write(timerConfiguration(2), ENABLE | FORCE_32 | route(22));
    write(COUNTER, 0x5_ffff_ffffn);
    write(comparator(2), 9);
    write(CONFIGURATION, 1);
    pass(20);
    assert.deepEqual(log, ['pin 22 at 10']);
  });

  it('holds a level-triggered interrupt until its status is cleared', () => {
    const { levels, pass, read, write } = setup();
    write(timerConfiguration(0), ENABLE | LEVEL | route(23));
    write(comparator(0), 5);
    write(CONFIGURATION, 1);
    pass(10);
    assert.deepEqual([levels.get(23), read(STATUS)], [true, 1n]);
    write(STATUS, 2);
    assert.equal(levels.get(23), true);
    write(STATUS, 1);
    assert.deepEqual([levels.get(23), read(STATUS)], [false, 0n]);
  });

  it('takes over IRQ 0 and 8 with legacy replacement', () => {
    const { log, pass, write } = setup();
    write(CONFIGURATION, 3);
    for (const n of [0, 1, 2]) {
      write(timerConfiguration(n), ENABLE | route(20));
      write(comparator(n), 10 * (n + 1));
    }
    pass(50);
    write(CONFIGURATION, 0);
    assert.deepEqual(log, ['replaced', 'IRQ 0 at 10', 'IRQ 8 at 20', 'pin 20 at 30', 'given back']);
  });
});
