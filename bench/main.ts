/** `npm run bench`: everything that has a figure to reach, as a table; `npm run bench -- NAME…` runs some of it. */
import { join } from 'node:path';
import { benchAssembler } from './assembler';
import { benchColdText } from './cold-text';
import { benchDebugAdapter } from './debug-adapter';
import { benchDecoder } from './decoder';
import { benchExtension } from './extension';
import { benchEngine, benchTwins } from './hot-loops';
import { table, type Row } from './measure';
import { benchPaging } from './paging';
import { benchSystemCalls } from './system-calls';

const root = process.cwd();

const BENCHMARKS: Readonly<Record<string, () => Row[] | Promise<Row[]>>> = {
  assembler: () => benchAssembler(join(root, 'samples', 'kernel')),
  'debug-adapter': () => benchDebugAdapter(root),
  extension: () => benchExtension(root),
  decoder: () => benchDecoder(),
  'cold-text': () => benchColdText(root),
  interpreter: () => benchEngine(root, 'interpreter'),
  tiered: () => benchEngine(root, 'tiered'),
  v86: () => benchTwins(root),
  'system-calls': () => benchSystemCalls(root),
  paging: () => benchPaging(root),
};

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !(name in BENCHMARKS));
  if (unknown !== undefined) {
    console.error(`There is no benchmark "${unknown}". Choose from: ${Object.keys(BENCHMARKS).join(', ')}.`);
    process.exitCode = 2;
    return;
  }
  const rows: Row[] = [];
  for (const name of wanted.length > 0 ? wanted : Object.keys(BENCHMARKS)) rows.push(...(await BENCHMARKS[name]()));
  console.log(table(rows));
  if (rows.some(({ reached }) => !reached)) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
