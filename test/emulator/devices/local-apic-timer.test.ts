import assert from 'node:assert/strict';
import { APIC_TIMER_HERTZ, LocalApicTimer } from '../../../emulator/devices/local-apic-timer';
import { virtualTime } from './virtual-time';

/** Divide configurations. */
const BY_1 = 0xb;
const BY_2 = 0x0;
const BY_16 = 0x3;
const BY_128 = 0xa;

function setup() {
  const time = virtualTime();
  const expiries: number[] = [];
  let displaced = 0n;
  const timer = new LocalApicTimer(
    time.clock,
    () => BigInt(time.clock.now) + displaced,
    () => expiries.push(time.clock.now),
  );
  const displace = (by: bigint) => {
    displaced = by;
    timer.timestampWritten();
  };
  return { ...time, timer, expiries, displace };
}

describe('local APIC timer', () => {
  it('counts its clock divided by 1 to 128', () => {
    const { timer, pass } = setup();
    assert.equal(APIC_TIMER_HERTZ, 1e9, 'one tick a nanosecond');
    for (const [code, divisor] of [
      ...[[BY_2, 2] as const, [0x1, 4] as const, [0x2, 8] as const, [BY_16, 16] as const],
      ...[[0x8, 32] as const, [0x9, 64] as const, [BY_128, 128] as const, [BY_1, 1] as const],
    ]) {
      timer.divideConfiguration = code;
      timer.initialCount = 1000;
      pass(128 * 7);
      assert.equal(timer.currentCount, 1000 - (128 * 7) / divisor, `divided by ${divisor}`);
    }
  });

  it('stops at 0 in one-shot mode', () => {
    const { timer, expiries, pass } = setup();
    timer.divideConfiguration = BY_16;
    timer.initialCount = 100;
    pass(1599);
    assert.deepEqual(expiries, []);
    pass(1);
    assert.deepEqual(expiries, [1600]);
    pass(1e6);
    assert.deepEqual([expiries.length, timer.currentCount, timer.initialCount], [1, 0, 100]);
  });

  it('begins anew in periodic mode, until the initial count is 0', () => {
    const { timer, expiries, pass } = setup();
    timer.divideConfiguration = BY_1;
    timer.setMode('periodic');
    timer.initialCount = 300;
    pass(1000);
    assert.deepEqual(expiries, [300, 600, 900]);
    assert.equal(timer.currentCount, 200);
    timer.initialCount = 0;
    pass(1000);
    assert.equal(expiries.length, 3);
  });

  it('goes on from where it is when the divisor changes', () => {
    const { timer, expiries, pass } = setup();
    timer.divideConfiguration = BY_1;
    timer.initialCount = 100;
    pass(60);
    timer.divideConfiguration = BY_2;
    assert.equal(timer.currentCount, 40);
    pass(80);
    assert.deepEqual(expiries, [140]);
  });

  it('waits for the time-stamp counter in TSC-deadline mode', () => {
    const { timer, expiries, displace, pass } = setup();
    timer.deadline = 500n;
    assert.equal(timer.deadline, 0n, 'not in this mode');
    timer.setMode('deadline');
    timer.initialCount = 10;
    timer.deadline = 500n;
    assert.deepEqual([timer.deadline, timer.initialCount, timer.currentCount], [500n, 0, 0]);
    displace(100n);
    pass(399);
    assert.deepEqual(expiries, []);
    pass(1);
    assert.deepEqual([expiries, timer.deadline], [[400], 0n]);
    timer.deadline = 1n;
    pass(0);
    assert.deepEqual(expiries, [400, 400], 'the past is at once');
    timer.deadline = (1n << 64n) - 1n;
    timer.setMode('one-shot');
    assert.equal(timer.deadline, 0n, 'leaving the mode disarms');
    pass(1e6);
    assert.equal(expiries.length, 2);
  });
});
