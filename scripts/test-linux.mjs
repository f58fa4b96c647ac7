// Real Linux kernels on the emulator, booted by dist/ringside.js. The first time it downloads them; with --small it also
// compiles one, and with --all it boots Debian's larger kernels too.
import { build } from './build.mjs';
import { linuxKernels } from './lib/linux-kernels.mjs';
import { main } from './lib/project.mjs';
import { unitTests } from './lib/unit-tests.mjs';

await main(async (args) => {
  const all = args.includes('--all');
  const kernels = linuxKernels({
    stock: all ? ['cloud-6.1', 'cloud-6.12', 'amd64-6.1'] : ['cloud-6.1'],
    small: all || args.includes('--small'),
  });
  await build();
  const { passed, failed } = await unitTests(
    ['--no-config', '--import=tsx', '--timeout', '1200000', 'test/linux/boot.linux.ts'],
    { RINGSIDE_KERNELS: JSON.stringify(kernels) },
  );
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
});
