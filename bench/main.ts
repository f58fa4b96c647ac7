/** `npm run bench`: everything that has a figure to reach, as a table; `npm run bench -- NAME…` runs some of it. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchAssembler } from './assembler';
import { benchColdText } from './cold-text';
import { benchDebugAdapter } from './debug-adapter';
import { benchDecoder } from './decoder';
import { benchExtension } from './extension';
import { benchEngine, benchTwins } from './hot-loops';
import { benchLinux } from './linux';
import { table, type Row } from './measure';
import { benchMemory } from './memory';
import { benchPaging } from './paging';
import { benchStartUp } from './start-up';
import { benchSystemCalls } from './system-calls';

const root = process.cwd();

interface Options {
  /** How long mixed code runs before its memory is judged. */
  readonly minutes: number;
}

const BENCHMARKS: Readonly<Record<string, (options: Options) => Row[] | Promise<Row[]>>> = {
  assembler: () => benchAssembler(join(root, 'samples', 'kernel')),
  'debug-adapter': () => benchDebugAdapter(root),
  extension: () => benchExtension(root),
  'start-up': () => benchStartUp(root),
  decoder: () => benchDecoder(),
  'cold-text': () => benchColdText(root),
  interpreter: () => benchEngine(root, 'interpreter'),
  tiered: () => benchEngine(root, 'tiered'),
  v86: () => benchTwins(root),
  'system-calls': () => benchSystemCalls(root),
  paging: () => benchPaging(root),
  linux: () => benchLinux(root),
  memory: ({ minutes }) => benchMemory(root, minutes),
};

/** What was asked for, or why that is not possible. */
function commandLine(): { wanted: readonly string[]; options: Options } | string {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { minutes: { type: 'string', default: '1' } },
  });
  const unknown = positionals.find((name) => !Object.hasOwn(BENCHMARKS, name));
  if (unknown !== undefined)
    return `There is no benchmark "${unknown}". Choose from: ${Object.keys(BENCHMARKS).join(', ')}.`;
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) return `--minutes takes a number above 0, not "${values.minutes}".`;
  return { wanted: positionals.length > 0 ? positionals : Object.keys(BENCHMARKS), options: { minutes } };
}

async function main(): Promise<void> {
  const asked = commandLine();
  if (typeof asked === 'string') {
    console.error(asked);
    process.exitCode = 2;
    return;
  }
  const rows: Row[] = [];
  for (const name of asked.wanted) rows.push(...(await BENCHMARKS[name](asked.options)));
  console.log(table(rows));
  if (rows.some(({ reached }) => !reached)) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
