// Everything that must hold: types, lint, formatting, the build, the units, and the suite in a real editor. Typecheck,
// lint, formatting and build count as one test each. Options: --no-editor, --editor-only, --grep TEXT (editor suite).
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from './build.mjs';
import { runEditorSuite } from './lib/editor-suite.mjs';
import { main, runTool } from './lib/project.mjs';

const CHECKS = [
  ['types', 'tsc', ['--noEmit']],
  ['lint', 'eslint', ['.']],
  ['formatting', 'prettier', ['--check', '--log-level', 'warn', '.']],
];

async function check([name, tool, args]) {
  const passed = (await runTool(tool, args)) === 0;
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name}`);
  return passed ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function checkBuild() {
  try {
    await build({ tests: true });
    console.log('ok     build');
    return { passed: 1, failed: 0 };
  } catch {
    console.log('FAILED build');
    return { passed: 0, failed: 1 };
  }
}

async function units() {
  const folder = mkdtempSync(join(tmpdir(), 'ringside-units-'));
  const report = join(folder, 'report.json');
  try {
    // The spec reporter prints while the other one counts.
    await runTool('mocha', ['--reporter', join(import.meta.dirname, 'lib', 'counting-reporter.cjs')], {
      env: { ...process.env, RINGSIDE_REPORT: report },
    });
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    console.error('Mocha ended before its tests did.');
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main(async (args) => {
  const results = [];
  const editorOnly = args.includes('--editor-only');
  if (!editorOnly) for (const one of CHECKS) results.push(await check(one));
  const built = await checkBuild();
  results.push(built);
  if (!editorOnly) results.push(await units());
  if (built.failed > 0) {
    console.log('The editor suite does not run without a build.');
  } else if (!args.includes('--no-editor')) {
    const at = args.indexOf('--grep');
    results.push(await runEditorSuite({ grep: at < 0 ? undefined : args[at + 1] }));
  }
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
  return sum('failed') > 0 ? 1 : 0;
});
