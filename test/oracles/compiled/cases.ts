/** The cases of the CPU oracle through the interpreter and the compiled stage: no silicon is asked, and nothing is undefined. */
import { isDeepStrictEqual } from 'node:util';
import { describeCase } from '../cpu-oracle';
import type { Outcome } from '../case';
import { Emulated } from '../emulated';
import { Generator } from '../generator';

export interface CaseMismatch {
  readonly mnemonic: string;
  readonly seed: number;
  readonly description: string;
  readonly differences: readonly string[];
}

export interface CaseOptions {
  readonly cases: number;
  readonly seed: number;
  readonly only?: string;
}

/** Features whose instructions are compared, as /proc/cpuinfo names them. */
const FEATURES =
  'abm adx aes avx avx2 bmi1 bmi2 clflushopt clwb cx16 erms f16c fma fpu fsgsbase fxsr gfni mmx movbe osxsave pclmulqdq popcnt ' +
  'rdrand rdseed sha_ni sse sse2 ssse3 sse4_1 sse4_2 vaes vpclmulqdq xsave xsavec xsaveopt';

/** Of a difference. */
const LONGEST_TEXT = 300;

/** Compares the cases `seed`, `seed` + 1, …; `note` hears how many are done. */
export function compareCases(
  { cases, seed, only }: CaseOptions,
  note: (done: number) => void = () => {},
): { mismatches: CaseMismatch[]; mnemonics: ReadonlySet<string> } {
  const generator = new Generator({ only, processor: new Set(FEATURES.split(' ')), lowWindow: true });
  const emulated = new Emulated();
  const mismatches: CaseMismatch[] = [];
  const mnemonics = new Set<string>();
  for (let number = seed; number < seed + cases; number++) {
    const test = generator.make(number);
    const mnemonic = test.instructions[0]?.mnemonic ?? 'undefined';
    mnemonics.add(mnemonic);
    const differences = differ(emulated.run(test, 'run'), emulated.run(test, 'compiled'));
    if (differences.length > 0) {
      mismatches.push({ mnemonic, seed: number, description: describeCase(test), differences });
    }
    if ((number - seed) % 1000 === 999) note(number - seed + 1);
  }
  return { mismatches, mnemonics };
}

function differ(interpreted: Outcome, compiled: Outcome): string[] {
  const told = (value: unknown): string =>
    JSON.stringify(value, (_, each: unknown) => {
      if (ArrayBuffer.isView(each)) return Buffer.from(each.buffer, each.byteOffset, each.byteLength).toString('hex');
      return typeof each === 'bigint' ? each.toString(16) : each;
    });
  return (Object.keys(interpreted) as (keyof Outcome)[])
    .filter((name) => !isDeepStrictEqual(interpreted[name], compiled[name]))
    .map((name) =>
      `${name}: interpreted ${told(interpreted[name])}, compiled ${told(compiled[name])}`.slice(0, LONGEST_TEXT),
    );
}
