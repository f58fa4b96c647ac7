/** A fixed sample of what `npm run oracle:float` compares: every instruction with the processor at hand. */
import assert from 'node:assert/strict';
import { floatChecks } from '../../oracles/float-checks';
import { compareFloats, describeMismatch } from '../../oracles/float-oracle';
import { FloatSilicon } from '../../oracles/float-silicon';

const CASES_OF_EACH = 300;

describe('floating-point arithmetic', () => {
  it('agrees with the processor in results, exception flags and condition codes', function () {
    const silicon = FloatSilicon.build();
    if (!silicon) return this.skip();
    const { mismatches } = compareFloats(silicon, floatChecks, { count: CASES_OF_EACH, seed: 1 });
    assert.deepEqual(mismatches.map(describeMismatch), []);
  });
});
