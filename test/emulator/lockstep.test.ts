import assert from 'node:assert/strict';
import { describeDifference, runSample, SAMPLE_RUNS } from '../oracles/lockstep/samples';
import { Build, have } from '../samples/build';

describe('Lockstep with QEMU', function () {
  this.timeout(120_000);

  it('every register agrees after every instruction of hello-syscall, from the boot loader to the exit', async function () {
    if (!have('gcc', 'ld', 'qemu-system-x86_64')) this.skip();
    const build = new Build();
    try {
      const { instructions, differences, parted } = await runSample(build, SAMPLE_RUNS[0]);
      assert.deepEqual(differences.map(describeDifference), []);
      assert.equal(parted, undefined);
      assert.ok(instructions > 5000);
    } finally {
      build.dispose();
    }
  });
});
