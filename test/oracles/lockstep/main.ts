/** `npm run oracle:qemu`: all samples in lockstep with QEMU. */
import { Build } from '../../samples/build';
import { describeDifference, runSample, SAMPLE_RUNS } from './samples';

async function main(): Promise<void> {
  const build = new Build();
  try {
    for (const run of SAMPLE_RUNS) {
      const { instructions, differences, parted } = await runSample(build, run);
      console.log(`${run.program} on ${run.model}: ${instructions} instructions, ${differences.length} differences`);
      if (parted !== undefined) console.log(`  ended at a known deviation of QEMU: ${parted}`);
      for (const difference of differences) console.log(`  ${describeDifference(difference)}`);
      if (differences.length > 0) process.exitCode = 1;
    }
  } finally {
    build.dispose();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
