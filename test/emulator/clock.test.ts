import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Clock, Frequency } from '../../emulator/clock';

describe('clock', () => {
  it('runs events by time, then by order of scheduling', () => {
    let now = 0;
    const clock = new Clock(() => now);
    const log: string[] = [];
    clock.schedule(20, () => log.push('c'));
    clock.schedule(10, () => log.push('a'));
    clock.schedule(10, () => log.push('b'));
    assert.equal(clock.nextEventAt, 10);
    now = 9;
    clock.runDue();
    assert.deepEqual(log, []);
    now = 10;
    clock.runDue();
    assert.deepEqual(log, ['a', 'b']);
    now = 25;
    clock.runDue();
    assert.deepEqual(log, ['a', 'b', 'c']);
    assert.equal(clock.nextEventAt, Infinity);
  });

  it('runs events that an event schedules for now', () => {
    const clock = new Clock(() => 5);
    let runs = 0;
    clock.schedule(1, () => clock.schedule(5, () => runs++));
    clock.runDue();
    assert.equal(runs, 1);
  });

  it('forgets a cancelled event', () => {
    const clock = new Clock(() => 100);
    const event = clock.schedule(1, () => assert.fail());
    clock.cancel(event);
    clock.cancel(event);
    clock.runDue();
    assert.equal(clock.nextEventAt, Infinity);
  });

  it('lets idle time pass, at most to the next event', () => {
    const clock = new Clock(() => 7);
    assert.equal(clock.timeToNextEvent, Infinity);
    clock.schedule(1000, () => {});
    clock.pass(93);
    assert.deepEqual([clock.now, clock.timeToNextEvent], [100, 900]);
    clock.pass(5000);
    assert.deepEqual([clock.now, clock.timeToNextEvent], [1000, 0]);
  });
});

describe('frequency', () => {
  it('counts a second of ticks in a second, after any number of seconds', () => {
    const pit = new Frequency(1_193_182);
    assert.equal(pit.ticksAt(1e9), 1_193_182);
    assert.equal(pit.ticksAt(86_400e9), 1_193_182 * 86_400);
    assert.equal(pit.ticksAt(1e9 - 1), 1_193_181);
  });

  it('timeOf is the first time of a tick', () => {
    const hertz = fc.constantFrom(1_193_182, 32_768, 3_579_545, 1_000_000_000, 2_400_000_000);
    fc.assert(
      fc.property(hertz, fc.integer({ min: 1, max: 2 ** 31 }), (rate, tick) => {
        const frequency = new Frequency(rate);
        const time = frequency.timeOf(tick);
        assert.ok(frequency.ticksAt(time) >= tick);
        assert.ok(frequency.ticksAt(time - 1) < tick);
      }),
    );
  });
});
