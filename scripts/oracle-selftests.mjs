// `npm run oracle:selftests`: gets the small kernel, busybox and the kernel's sources, and runs its selftests
// (test/oracles/linux/selftests.ts). Needs gcc with its 32-bit libraries (gcc-multilib) and qemu-system-x86_64.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { busybox, kernelSource, smallKernel } from './lib/linux-kernels.mjs';
import { cache, main, onPath, run, runTool, UserError } from './lib/project.mjs';

const NEEDED = ['tools/testing/selftests/x86', 'tools/testing/selftests/kselftest.h', 'arch/x86/include/asm'];

await main(async () => {
  if (!onPath('gcc') || !onPath('qemu-system-x86_64')) {
    throw new UserError('This needs gcc, gcc-multilib and qemu-system-x86_64 (qemu-system-x86).');
  }
  const tree = join(cache, 'linux', 'selftests.work');
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  try {
    const members = NEEDED.map((path) => `*/${path}`);
    const unpacked = await run('tar', [
      '-xf',
      kernelSource('6.1'),
      '-C',
      tree,
      '--strip-components=1',
      '--wildcards',
      ...members,
    ]);
    if (unpacked !== 0) throw new UserError('The kernel source could not be unpacked.');
    const kernel = smallKernel('small')['small-bzImage'];
    await build();
    return await runTool('tsx', [
      ...['test/oracles/linux/selftests.ts', '--kernel', kernel, '--busybox', busybox(), '--tree', tree],
    ]);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
});
