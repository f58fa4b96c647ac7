// Packs the extension into a .vsix in out/. Everything it needs is bundled, so no node_modules goes into it.
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from './build.mjs';
import { main, out, root, runTool, UserError } from './lib/project.mjs';

const LIMIT_BYTES = 5_000_000;

await main(async () => {
  await build();
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  mkdirSync(out, { recursive: true });
  const file = join(out, `${name}-${version}.vsix`);
  const code = await runTool('vsce', ['package', '--no-dependencies', '--out', file]);
  if (code !== 0) return code;
  const { size } = statSync(file);
  if (size > LIMIT_BYTES) {
    throw new UserError(`${relative(root, file)} has ${size} bytes, more than ${LIMIT_BYTES}: look at .vscodeignore.`);
  }
  console.log(`${relative(root, file)}: ${(size / 1e6).toFixed(2)} MB`);
  return 0;
});
