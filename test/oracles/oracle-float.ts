/** `npm run oracle:float -- --count N --seed S [--only NAME]`: prints mismatches by instruction, exits with 1 if any. */
import { parseArgs } from 'node:util';
import { floatChecks } from './float-checks';
import { compareFloats, describeMismatch, type FloatMismatch } from './float-oracle';
import { FloatSilicon } from './float-silicon';

const SHOWN_OF_EACH = 4;

function main(): number {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '20000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
    },
  });
  const [count, seed] = [Number(values.count), Number(values.seed)];
  if (!Number.isInteger(count) || !Number.isInteger(seed) || count < 1) {
    console.error('--count and --seed take whole numbers.');
    return 2;
  }
  const silicon = FloatSilicon.build();
  if (!silicon) {
    console.error('The floating-point oracle needs gcc on x86-64 Linux with AVX, FMA and F16C.');
    return 2;
  }
  const { only } = values;
  const checks = floatChecks.filter(({ name }) => only === undefined || name === only || name.split(' ')[0] === only);
  if (checks.length === 0) {
    console.error(`No instruction "${only}". Those that are: ${floatChecks.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const started = performance.now();
  const { mismatches, lastPlace, cases } = compareFloats(silicon, checks, { count, seed });
  const groups = new Map<string, FloatMismatch[]>();
  for (const mismatch of mismatches) {
    groups.set(mismatch.check, [...(groups.get(mismatch.check) ?? []), mismatch]);
  }
  for (const [name, list] of groups) {
    console.log(`${name}: ${list.length} of ${count}`);
    for (const mismatch of list.slice(0, SHOWN_OF_EACH)) console.log(`  ${describeMismatch(mismatch)}`);
  }
  for (const [name, times] of lastPlace) {
    console.log(`${name}: ${times} of ${count} results differ by one unit in the last place`);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${cases} cases of ${checks.length} instructions in ${seconds} s: ${mismatches.length} mismatches`);
  return mismatches.length > 0 ? 1 : 0;
}

process.exitCode = main();
