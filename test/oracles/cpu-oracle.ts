/** Executes the same cases on the processor at hand and in the emulator, and collects where they disagree. */
import { Emulated, type Way } from './emulated';
import { differences } from './compare';
import { Coverage } from './coverage';
import { encodings } from './encodings';
import type { Group } from './groups';
import { Generator } from './generator';
import { Silicon } from './silicon';
import type { Case } from './case';

export interface Mismatch {
  readonly mnemonic: string;
  /** The number to give `Generator.make`. */
  readonly seed: number;
  readonly ways: readonly Way[];
  readonly test: Case;
  readonly differences: readonly string[];
}

export interface OracleOptions {
  readonly cases: number;
  readonly seed: number;
  readonly only?: string;
  /** Only these groups; all if undefined. */
  readonly groups?: ReadonlySet<Group>;
  /** So many successive cases share their code (`GeneratorOptions.sharing`). */
  readonly sharing?: number;
}

const BATCH = 5000;
/** So many batches share a machine: what it has made for one immediate after the other adds up. */
const BATCHES_OF_A_MACHINE = 20;
/** Single steps take the same handlers as runs of blocks: one case in so many. */
const STEPPED_ONE_IN = 8;
/** Compiling takes longer than all else: one piece of code in so many. */
const COMPILED_ONE_IN = 16;

/** `interpreted` tells that the code has not been compiled for the case before: it would not be interpreted then. */
function waysFor(seed: number, sharing: number, interpreted: boolean): readonly Way[] {
  const ways: Way[] = [];
  const compiled = Math.floor(seed / sharing) % COMPILED_ONE_IN === 0;
  if (interpreted || !compiled) ways.push('run');
  if (seed % STEPPED_ONE_IN === 0) ways.push('step');
  if (compiled) ways.push('compiled');
  return ways;
}

/** Mnemonics of which there are cases on this processor. */
export function comparedMnemonics(): readonly string[] {
  return [...encodings(Silicon.flags()).keys()].sort();
}

/** Compares `cases` cases; `note` hears of each batch done. */
export function compareWithSilicon(
  silicon: Silicon,
  { cases, seed, only, groups, sharing = 1 }: OracleOptions,
  note: (done: number) => void = () => {},
): { mismatches: Mismatch[]; coverage: Coverage } {
  const processor = Silicon.flags();
  const generator = new Generator({ only, groups, sharing, processor, lowWindow: Silicon.allowsLowWindow() });
  let emulated = new Emulated();
  const mismatches: Mismatch[] = [];
  const coverage = new Coverage();
  for (let done = 0; done < cases;) {
    const size = Math.min(BATCH, cases - done);
    const seeds = Array.from({ length: size }, (_, i) => seed + done + i);
    const batch = seeds.map((number) => generator.make(number));
    const outcomes = silicon.run(batch);
    batch.forEach((test, i) => {
      const mnemonic = test.instructions.map((instruction) => instruction.mnemonic).join('+');
      coverage.count(test);
      if (i >= outcomes.length) {
        mismatches.push({ mnemonic, seed: seeds[i], ways: [], test, differences: ['the harness did not survive'] });
        return;
      }
      const tried = waysFor(seeds[i], sharing, seeds[i] % sharing === 0);
      const found = tried.map((way) => differences(test, outcomes[i], emulated.run(test, way)));
      const ways = tried.filter((_, way) => found[way].length > 0);
      if (ways.length === 0) return;
      mismatches.push({
        mnemonic,
        seed: seeds[i],
        ways,
        test,
        differences: found.find((list) => list.length > 0) ?? [],
      });
    });
    done += size;
    if (done % (BATCHES_OF_A_MACHINE * BATCH) === 0) emulated = new Emulated();
    note(done);
  }
  return { mismatches, coverage };
}

/** The case in one line, as hexadecimal numbers, to look at; `--only` and its seed make it again. */
export function describeCase({ code, gpr, rflags, codeOffset, compatibility, fsBase, gsBase, patches }: Case): string {
  const registers = [...gpr].map((value) => value.toString(16)).join(' ');
  const memory = patches.map(({ offset, bytes }) => `${offset.toString(16)}:${Buffer.from(bytes).toString('hex')}`);
  return [
    compatibility ? '32-bit' : '64-bit',
    `code ${Buffer.from(code).toString('hex')} at ${codeOffset.toString(16)}`,
    `rflags ${rflags.toString(16)}`,
    `fs ${fsBase.toString(16)} gs ${gsBase.toString(16)}`,
    `gpr ${registers}`,
    ...memory,
  ].join('; ');
}
