/** `npm run oracle:cpu -- --cases N --seed S [--only MNEMONIC]`: prints mismatches by mnemonic, exits with 1 if any. */
import { parseArgs } from 'node:util';
import { comparedMnemonics, compareWithSilicon, describeCase, type Mismatch } from './cpu-oracle';
import { Silicon } from './silicon';

const SHOWN_OF_EACH = 3;

// Most cases end with an exception of the guest; nobody looks at where in the emulator it was thrown.
Error.stackTraceLimit = 0;

function main(): number {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
    },
  });
  const [cases, seed] = [Number(values.cases), Number(values.seed)];
  if (!Number.isInteger(cases) || !Number.isInteger(seed) || cases < 1) {
    console.error('--cases and --seed take whole numbers.');
    return 2;
  }
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
  const { mismatches, counts } = compareWithSilicon(silicon, { cases, seed, only: values.only }, (done) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${cases}`);
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  report(mismatches, values.only);
  console.log(
    `${cases} cases of ${counts.size} mnemonics in ${seconds} s, each stepped and run: ${mismatches.length} mismatches`,
  );
  return mismatches.length > 0 ? 1 : 0;
}

function report(mismatches: readonly Mismatch[], only: string | undefined): void {
  const again = only === undefined ? '' : ` --only ${only}`;
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
