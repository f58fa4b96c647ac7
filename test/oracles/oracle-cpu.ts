/**
 * `npm run oracle:cpu -- --cases N --seed S [--only MNEMONIC] [--group GROUP,...] [--table]`: prints mismatches by
 * mnemonic, and with `--table` the number of cases of each instruction form; exits with 1 if anything mismatches.
 */
import { parseArgs } from 'node:util';
import { comparedMnemonics, compareWithSilicon, describeCase, type Mismatch } from './cpu-oracle';
import { GROUPS } from './groups';
import { Silicon } from './silicon';

const SHOWN_OF_EACH = 3;
/** Cases one after the other that share their code: what the emulator makes of code takes longer than executing it. */
const SHARING = 8;

// Most cases end with an exception of the guest; nobody looks at where in the emulator it was thrown.
Error.stackTraceLimit = 0;

function main(): number {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      group: { type: 'string' },
      table: { type: 'boolean', default: false },
    },
  });
  const [cases, seed] = [Number(values.cases), Number(values.seed)];
  if (!Number.isInteger(cases) || !Number.isInteger(seed) || cases < 1) {
    console.error('--cases and --seed take whole numbers.');
    return 2;
  }
  const names = values.group?.split(',');
  const unknown = names?.find((name) => !GROUPS.some((group) => group === name));
  if (unknown !== undefined) {
    console.error(`There is no group "${unknown}". Those that are: ${GROUPS.join(' ')}`);
    return 2;
  }
  const groups = names && new Set(GROUPS.filter((group) => names.includes(group)));
  const silicon = Silicon.build();
  if (!silicon) {
    console.error('The CPU oracle needs gcc on x86-64 Linux with FSGSBASE.');
    return 2;
  }
  if (values.only !== undefined && !comparedMnemonics().includes(values.only)) {
    console.error(`No instruction "${values.only}" is compared. Those that are: ${comparedMnemonics().join(' ')}`);
    return 2;
  }
  const started = performance.now();
  const { mismatches, coverage } = compareWithSilicon(
    silicon,
    { cases, seed, only: values.only, groups, sharing: SHARING },
    (done) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${cases}`);
    },
  );
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  report(mismatches, [
    ...(values.only === undefined ? [] : [`--only ${values.only}`]),
    ...(values.group === undefined ? [] : [`--group ${values.group}`]),
  ]);
  if (values.table) console.log(coverage.table());
  console.log(`${cases} cases of ${coverage.summary()} in ${seconds} s: ${mismatches.length} mismatches`);
  return mismatches.length > 0 ? 1 : 0;
}

function report(mismatches: readonly Mismatch[], options: readonly string[]): void {
  const again = options.map((option) => ` ${option}`).join('');
  const groups = new Map<string, Mismatch[]>();
  for (const mismatch of mismatches) {
    groups.set(mismatch.mnemonic, [...(groups.get(mismatch.mnemonic) ?? []), mismatch]);
  }
  const sorted = [...groups].sort(([, a], [, b]) => b.length - a.length);
  for (const [mnemonic, list] of sorted) {
    console.log(`${mnemonic}: ${list.length}`);
    for (const { seed, ways, test, differences } of list.slice(0, SHOWN_OF_EACH)) {
      console.log(`  ${ways.join(' and ')}, --cases 1 --seed ${seed}${again}: ${differences.join('; ')}`);
      console.log(`    ${describeCase(test)}`);
    }
  }
}

process.exitCode = main();
