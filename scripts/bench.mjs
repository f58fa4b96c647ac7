// `npm run bench`: bundles bench/main.ts, as users run bundles too, and runs it.
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const outfile = join(root, 'out', 'bench', 'main.js');

await build({
  entryPoints: [join(root, 'bench', 'main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  external: ['v86'],
});
// iced-x86's glue reads its module from beside the bundle.
copyFileSync(join(root, 'node_modules', 'iced-x86', 'iced_x86_bg.wasm'), join(dirname(outfile), 'iced_x86_bg.wasm'));
const { status } = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
