// Generates the interpreter's WebAssembly once, at build time, so that starting a machine need not.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import { out, root } from './project.mjs';

/** Writes what the emulator's `interpreterCode()` returns to `file`. */
export async function writeInterpreter(file) {
  const bundle = join(out, 'emulator.cjs');
  await mkdir(out, { recursive: true });
  await esbuild.build({
    entryPoints: [join(root, 'emulator', 'index.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'warning',
  });
  const require = createRequire(import.meta.url);
  delete require.cache[bundle];
  await writeFile(file, require(bundle).interpreterCode());
  await rm(bundle);
}
