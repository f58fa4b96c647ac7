// Bundles the extension, the two servers and the command line into dist/. `--watch` rebuilds on change; `--tests` also
// bundles the editor suite into out/.
import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import { writeInterpreter } from './lib/interpreter.mjs';
import { thirdPartyNotices } from './lib/notices.mjs';
import { dist, main, out, root } from './lib/project.mjs';

/** Runs in Node of the extension host or of a process of its own. */
const node = {
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  bundle: true,
  sourcemap: true,
  minify: true,
  logLevel: 'warning',
  absWorkingDir: root,
};

/** Runs in a webview. */
const browser = { ...node, platform: 'browser', format: 'iife', target: 'es2022' };

const BUNDLES = [
  {
    ...node,
    entry: 'extension/extension.ts',
    outfile: 'extension.js',
    external: ['vscode', './language-client'],
    // Loads the bundle beside it by `require`, which finds it without its extension.
    supported: { 'dynamic-import': false },
  },
  { ...node, entry: 'extension/language-client.ts', outfile: 'language-client.js', external: ['vscode'] },
  { ...node, entry: 'debug-adapter/main.ts', outfile: 'debug-adapter.js' },
  { ...node, entry: 'language-server/main.ts', outfile: 'language-server.js' },
  { ...node, entry: 'command-line/main.ts', outfile: 'ringside.js', executable: true },
  { ...browser, entry: 'extension/webview/msrs.ts', outfile: 'webview/msrs.js' },
  { ...browser, entry: 'extension/webview/pt-regs.ts', outfile: 'webview/pt-regs.js' },
  { ...browser, entry: 'extension/webview/system-call-table.ts', outfile: 'webview/system-call-table.js' },
  { ...browser, entry: 'extension/webview/last-instruction.ts', outfile: 'webview/last-instruction.js' },
  { ...browser, entry: 'extension/webview/view.css', outfile: 'webview/view.css' },
];

const EDITOR_SUITE = [
  {
    ...node,
    minify: false,
    entry: 'test/editor/index.ts',
    outfile: join(out, 'editor', 'index.js'),
    external: ['vscode', 'mocha'],
  },
];

function options({ entry, outfile, executable, ...rest }) {
  return {
    ...rest,
    entryPoints: [join(root, entry)],
    outfile: outfile.startsWith(out) ? outfile : join(dist, outfile),
    ...(executable ? { banner: { js: '#!/usr/bin/env node' } } : {}),
  };
}

/** Builds everything once; throws if a bundle has errors (esbuild has printed them). */
export async function build({ tests = false, watch = false } = {}) {
  const bundles = [...BUNDLES, ...(tests ? EDITOR_SUITE : [])].filter(({ entry }) => {
    if (existsSync(join(root, entry))) return true;
    console.log(`build: ${entry} does not exist, skipped`);
    return false;
  });
  // iced-x86 reads its WebAssembly from the folder of the script it was bundled into.
  for (const folder of [dist, ...(tests ? [join(out, 'editor')] : [])]) {
    await mkdir(folder, { recursive: true });
    await copyFile(join(root, 'node_modules', 'iced-x86', 'iced_x86_bg.wasm'), join(folder, 'iced_x86_bg.wasm'));
  }
  const interpreter = join(dist, 'interpreter.wasm');
  if (watch) {
    // Without the file the interpreter is generated at each start, from the sources as they are then.
    await rm(interpreter, { force: true });
    await Promise.all(bundles.map(async (bundle) => (await esbuild.context(options(bundle))).watch()));
    console.log('build: watching for changes (Ctrl+C ends)');
    return;
  }
  const results = await Promise.all(bundles.map((bundle) => esbuild.build({ ...options(bundle), metafile: true })));
  await writeInterpreter(interpreter);
  const notices = thirdPartyNotices(results.map(({ metafile }) => metafile));
  await writeFile(join(dist, 'THIRD-PARTY-NOTICES.txt'), notices);
  for (const { executable, outfile } of bundles) if (executable) await chmod(join(dist, outfile), 0o755);
}

if (process.argv[1] === import.meta.filename) {
  await main(async (args) => {
    const unknown = args.find((argument) => !['--watch', '--tests'].includes(argument));
    if (unknown) {
      console.error(`build: unknown option ${unknown}; there are --watch and --tests`);
      return 2;
    }
    try {
      await build({ watch: args.includes('--watch'), tests: args.includes('--tests') });
    } catch {
      return 1; // esbuild has printed what is wrong and where.
    }
    return 0;
  });
}
