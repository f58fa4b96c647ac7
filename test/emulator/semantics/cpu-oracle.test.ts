import assert from 'node:assert/strict';
import { compareWithSilicon, describeCase } from '../../oracles/cpu-oracle';
import { Silicon } from '../../oracles/silicon';

/** A few of each instruction; `npm run oracle:cpu` does as many as one likes. */
const CASES = 7000;

describe('The instructions of user programs and the processor at hand', function () {
  it('agree on registers, flags, memory and exceptions', function () {
    this.timeout(180_000);
    const silicon = Silicon.build();
    if (!silicon) this.skip();
    const { mismatches } = compareWithSilicon(silicon, { cases: CASES, seed: 20_000_000 });
    const shown = mismatches.slice(0, 5).map(({ seed, mnemonic, test, differences }) => {
      return `${mnemonic} (--seed ${seed}): ${differences.join('; ')}\n  ${describeCase(test)}`;
    });
    assert.equal(shown.join('\n'), '');
  });
});
