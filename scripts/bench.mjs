// `npm run bench`: bundles bench/main.ts, as users run bundles too, and runs it.
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const outdir = join(root, 'out', 'bench');

await build({
  entryPoints: ['main.ts', 'memory-run.ts'].map((name) => join(root, 'bench', name)),
  outdir,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // An ES module that finds its WebAssembly by itself.
  external: ['v86'],
});
// iced-x86's glue reads its module from beside the bundle.
copyFileSync(join(root, 'node_modules', 'iced-x86', 'iced_x86_bg.wasm'), join(outdir, 'iced_x86_bg.wasm'));
const args = [join(outdir, 'main.js'), ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
