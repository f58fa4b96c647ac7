// `npm run oracle:cpu`: bundles the comparison with the real CPU, which runs a third faster so, and runs it.
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
// As deep as test/oracles, so that paths beginning at `import.meta.dirname` mean the same.
const outdir = join(root, 'out', 'oracles');

await build({
  entryPoints: [join(root, 'test', 'oracles', 'oracle-cpu.ts')],
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
});
copyFileSync(join(root, 'test', 'oracles', 'cpu-harness.c'), join(outdir, 'cpu-harness.c'));
// A case leaves much behind that is soon of no use.
const args = ['--max-semi-space-size=64', join(outdir, 'oracle-cpu.mjs'), ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
