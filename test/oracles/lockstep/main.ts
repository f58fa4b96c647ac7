/** `npm run oracle:qemu`: all samples and the guests of tests in lockstep with QEMU. */
import { Build } from '../../samples/build';
import { GUESTS, runGuest } from './guests';
import type { LockstepResult } from './lockstep';
import { describeDifference, runSample, SAMPLE_RUNS } from './samples';

function report(name: string, { instructions, differences, parted }: LockstepResult): void {
  console.log(`${name}: ${instructions} instructions, ${differences.length} differences`);
  if (parted !== undefined) console.log(`  ended at a known deviation of QEMU: ${parted}`);
  for (const difference of differences) console.log(`  ${describeDifference(difference)}`);
  if (differences.length > 0) process.exitCode = 1;
}

async function main(): Promise<void> {
  const build = new Build();
  try {
    for (const run of SAMPLE_RUNS) report(`${run.program} on ${run.model}`, await runSample(build, run));
    for (const guest of GUESTS) report(`${guest.source} on ${guest.model}`, await runGuest(guest));
  } finally {
    build.dispose();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
