import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Flag, STATUS_FLAGS } from '../../../emulator/cpu/state';
import { longModeCpu } from './support';

const ALL = 0x3f7fd7;

describe('RFLAGS', () => {
  it('reads what was written; bit 1 is always set', () => {
    const { state } = longModeCpu();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x3fffff }), (value) => {
        state.rflags = value & ALL;
        assert.equal(state.rflags, (value & ALL) | Flag.FIXED);
        for (const flag of [Flag.CF, Flag.ZF, Flag.IF, Flag.OF]) assert.equal(state.flag(flag), (value & flag) !== 0);
      }),
    );
  });

  it('control flags change without the status flags', () => {
    const { state } = longModeCpu();
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: ALL }),
        fc.integer({ min: 0, max: ALL }),
        fc.boolean(),
        (before, mask, set) => {
          state.rflags = before;
          state.setControlFlags(mask, set);
          const control = mask & ~STATUS_FLAGS;
          const expected = set ? (before & ALL) | control : before & ~control;
          assert.equal(state.rflags & (ALL | Flag.FIXED), (expected & ALL) | Flag.FIXED);
        },
      ),
    );
  });
});
