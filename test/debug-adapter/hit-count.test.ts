import assert from 'node:assert/strict';
import { HitCondition } from '../../debug-adapter/breakpoints/hit-count';

/** The hits out of the first ten at which the condition stops. */
function stops(text: string): number[] {
  const condition = HitCondition.parse(text);
  return Array.from({ length: 10 }, (_, index) => index + 1).filter(() => condition.hit());
}

describe('hit conditions', () => {
  it('should stop from the n-th hit on for a plain number', () => assert.deepEqual(stops('8'), [8, 9, 10]));
  it('should know comparisons', () => {
    assert.deepEqual(stops('>8'), [9, 10]);
    assert.deepEqual(stops('>= 9'), [9, 10]);
    assert.deepEqual(stops('<3'), [1, 2]);
    assert.deepEqual(stops('<=2'), [1, 2]);
    assert.deepEqual(stops('=2'), [2]);
    assert.deepEqual(stops('==2'), [2]);
    assert.deepEqual(stops('!=2').length, 9);
  });
  it('should stop at every n-th hit for %n', () => assert.deepEqual(stops('%3'), [3, 6, 9]));
  it('should refuse anything else and name the forms', () => {
    for (const text of ['often', '%0', '3 times', '']) {
      assert.throws(() => HitCondition.parse(text), /is not a hit count\. Write a number/);
    }
  });
});
