// Real Linux kernels on the emulator, booted by dist/ringside.js. The first time it downloads them; with --small it also
// compiles one, and with --all it takes all of them. The last line is "N passed, N failed"; what could not be had, and so
// was not run, is told before.
import { build } from './build.mjs';
import { linuxKernels, SMALL_KERNELS, STOCK_KERNELS } from './lib/linux-kernels.mjs';
import { main } from './lib/project.mjs';
import { unitTests } from './lib/unit-tests.mjs';

await main(async (args) => {
  const names = args.includes('--all')
    ? [...STOCK_KERNELS, ...SMALL_KERNELS]
    : ['cloud-6.1', ...(args.includes('--small') ? ['small'] : [])];
  const { paths, missing } = linuxKernels(names);
  await build();
  const { passed, failed } = await unitTests(
    ['--no-config', '--import=tsx', '--timeout', '1200000', 'test/linux/*.linux.ts'],
    { RINGSIDE_KERNELS: JSON.stringify(paths) },
  );
  for (const [name, reason] of Object.entries(missing)) console.log(`not run: what needs ${name} (${reason})`);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
});
