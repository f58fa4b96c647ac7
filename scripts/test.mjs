// Everything that must hold: types, lint, formatting, the build, the units, and the suite in a real editor. Typecheck,
// lint, formatting and build count as one test each. Options: --no-editor, --editor-only, --grep TEXT (editor suite).
import { build } from './build.mjs';
import { runEditorSuite } from './lib/editor-suite.mjs';
import { main, runTool } from './lib/project.mjs';
import { unitTests } from './lib/unit-tests.mjs';

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

await main(async (args) => {
  const results = [];
  const editorOnly = args.includes('--editor-only');
  if (!editorOnly) for (const one of CHECKS) results.push(await check(one));
  const built = await checkBuild();
  results.push(built);
  if (!editorOnly) results.push(await unitTests());
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
