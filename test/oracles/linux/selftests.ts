/**
 * `npm run oracle:selftests`: the kernel's own tests of its entry code on Ringside and on QEMU, as a table in
 * selftests.md. Exits with 1 if a program that passes on QEMU does not pass on Ringside.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compileSelftests } from './selftest-programs';
import {
  runOnQemu,
  runOnRingside,
  SECONDS_PER_PROGRAM,
  selftestFileSystem,
  type SelftestResult,
  type SelftestRun,
} from './selftest-run';

const OUT = join(__dirname, '..', '..', '..', 'out', 'selftests');
const TABLE = join(__dirname, 'selftests.md');
const MODELS = ['intel', 'amd'] as const;

/** What a reader would ask about. */
const SMAP_RETURN =
  "QEMU's far return to the own ring reads the stack as ring 0 would, against SMAP; the kernel says Oops";
const REMARKS: Readonly<Record<string, string>> = {
  amx_64: 'asks for AMX, which none of the processors has',
  mov_ss_trap_64: 'QEMU delivers the #DB that MOV SS holds back before SYSCALL, and the signal finds no stack',
  sigreturn_32: 'on QEMU FS is 3 after the return from a signal, not 0',
  sysret_ss_attrs_64: SMAP_RETURN,
  test_syscall_vdso_32: SMAP_RETURN,
};

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kernel: { type: 'string', default: '' },
      busybox: { type: 'string', default: '' },
      tree: { type: 'string', default: '' },
    },
  });
  const { kernel, busybox, tree } = values;
  const folder = mkdtempSync(join(tmpdir(), 'ringside-selftests-'));
  try {
    const programs = await compileSelftests(tree, folder);
    const fileSystem = (platform: keyof typeof SECONDS_PER_PROGRAM): string => {
      const path = join(folder, platform);
      writeFileSync(path, selftestFileSystem(busybox, programs, SECONDS_PER_PROGRAM[platform]));
      return path;
    };
    mkdirSync(OUT, { recursive: true });
    const columns: [string, SelftestRun][] = [];
    const add = (title: string, run: SelftestRun): void => {
      columns.push([title, run]);
      writeFileSync(join(OUT, `${title.replaceAll(/\W+/g, '-')}.log`), run.console, 'latin1');
      const passed = [...run.results.values()].filter(({ outcome }) => outcome === 'passed').length;
      console.log(`${title}: ${passed} of ${programs.length} passed, ${run.seconds.toFixed(0)} s`);
    };
    for (const model of MODELS) add(`Ringside, ${model}`, runOnRingside(kernel, fileSystem('ringside'), model));
    const version = /version (\S+?)[\s(]/.exec(execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' }));
    add(`QEMU ${version?.[1] ?? ''} TCG`, runOnQemu(kernel, fileSystem('qemu')));
    const names = programs.map(({ name }) => name);
    writeFileSync(TABLE, table(names, columns, linuxVersion(columns)));
    const worse = names.filter((name) => isWorse(name, columns));
    for (const name of worse) console.log(`worse than QEMU: ${name}`);
    return worse.length > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function isWorse(name: string, columns: readonly (readonly [string, SelftestRun])[]): boolean {
  const qemu = columns.at(-1)?.[1].results.get(name)?.outcome;
  if (qemu !== 'passed' && qemu !== 'skipped') return false;
  return columns.slice(0, -1).some(([, run]) => run.results.get(name)?.outcome !== qemu);
}

function linuxVersion(columns: readonly (readonly [string, SelftestRun])[]): string {
  for (const [, { console }] of columns) {
    const version = /^Linux \S+ (\S+)/m.exec(console);
    if (version?.[1] !== undefined) return version[1];
  }
  return 'unknown';
}

function table(names: readonly string[], columns: readonly (readonly [string, SelftestRun])[], linux: string): string {
  const rows = [
    ['Program', ...columns.map(([title]) => title), 'Remark'],
    ['---', ...columns.map(() => '---'), '---'],
    ...names.map((name) => [
      `\`${name}\``,
      ...columns.map(([, run]) => cell(run.results.get(name))),
      REMARKS[name] ?? '',
    ]),
    [...['**passed**', ...columns.map(([, { results }]) => `${count(results)} of ${names.length}`)], ''],
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0, text === '---' ? '-' : ' ')).join(' | ')} |`;
  const costs = columns.map(([title, { instructions, seconds }]) =>
    instructions === undefined
      ? `${title} ${seconds.toFixed(0)} s`
      : `${title} ${(instructions / 1e9).toFixed(2)} billion instructions in ${seconds.toFixed(0)} s`,
  );
  return `# The kernel's selftests

The programs of \`tools/testing/selftests/x86\` of Debian's Linux ${linux}, static, 64-bit (\`_64\`) and 32-bit (\`_32\`),
under that kernel (\`test/linux/small.config\`), one processor. Written by \`npm run oracle:selftests\`, which fails if a
program that passes on QEMU does not pass here; it leaves what they printed in \`out/selftests/\`.

From power-on to the reset after the last one, on a busy machine: ${costs.join('; ')}.

${rows.map(line).join('\n')}
`;
}

function count(results: SelftestRun['results']): number {
  return [...results.values()].filter(({ outcome }) => outcome === 'passed').length;
}

function cell(result: SelftestResult | undefined): string {
  if (!result) return 'not run';
  const { outcome, code = 0 } = result;
  if (outcome !== 'failed') return outcome;
  return code > 128 ? `failed (signal ${code - 128})` : `failed (exit code ${code})`;
}

void main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  },
);
