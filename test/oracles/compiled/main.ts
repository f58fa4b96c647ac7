/**
 * `npm run oracle:compiled -- --cases N --programs N --seed S [--only MNEMONIC] [--engine compiled|tiered] [--mode long|real]`: the cases of the CPU
 * oracle, and random programs, through the interpreter and the compiled stage. Exits with 1 if they differ anywhere.
 */
import { parseArgs } from 'node:util';
import { haveGnuAs } from '../../emulator/engine/support';
import { compareCases } from './cases';
import { compareProgram, PROGRAM_MODES, type ProgramMismatch, type ProgramMode } from './compare';

const SHOWN = 20;

// Most cases end with an exception of the guest; nobody looks at where in the emulator it was thrown.
Error.stackTraceLimit = 0;

const ENGINES = ['compiled', 'tiered'] as const;

function main(): number {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string', default: '50000' },
      programs: { type: 'string', default: '500' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      engine: { type: 'string' },
      mode: { type: 'string' },
    },
  });
  const [cases, programs, seed] = [values.cases, values.programs, values.seed].map(Number);
  if (![cases, programs, seed].every((value) => Number.isSafeInteger(value) && value >= 0)) {
    console.error('--cases, --programs and --seed take whole numbers.');
    return 2;
  }
  const engines = ENGINES.filter((engine) => values.engine === undefined || values.engine === engine);
  if (engines.length === 0) {
    console.error(`--engine: choose one of ${ENGINES.join(', ')}, or leave it out for both.`);
    return 2;
  }
  if (!haveGnuAs() && values.mode !== 'long') {
    console.error('Programs for real-address mode need GNU as; --mode long leaves them out.');
    return 2;
  }
  const modes = PROGRAM_MODES.filter((mode) => values.mode === undefined || values.mode === mode);
  if (modes.length === 0) {
    console.error(`--mode: choose one of ${PROGRAM_MODES.join(', ')}, or leave it out for both.`);
    return 2;
  }
  const found = (cases > 0 ? runCases(cases, seed, values.only) : 0) + runPrograms(programs, seed, engines, modes);
  return found > 0 ? 1 : 0;
}

function progress(done: number, of: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${of} `);
}

function runCases(cases: number, seed: number, only: string | undefined): number {
  const started = performance.now();
  const { mismatches, mnemonics } = compareCases({ cases, seed, only }, (done) => progress(done, cases));
  for (const { mnemonic, seed: number, description, differences } of mismatches.slice(0, SHOWN)) {
    const again = only === undefined ? '' : ` --only ${only}`;
    console.log(`${mnemonic}, --programs 0 --cases 1 --seed ${number}${again}: ${differences.join('; ')}`);
    console.log(`  ${description}`);
  }
  console.log(`${cases} cases of ${mnemonics.size} mnemonics in ${since(started)}: ${mismatches.length} mismatches`);
  return mismatches.length;
}

function runPrograms(
  programs: number,
  seed: number,
  engines: readonly (typeof ENGINES)[number][],
  modes: readonly ProgramMode[],
): number {
  const started = performance.now();
  const mismatches: ProgramMismatch[] = [];
  const stops = new Map<string, number>();
  let instructions = 0;
  for (let number = seed; number < seed + programs; number++) {
    for (const engine of engines) {
      for (const mode of modes) {
        const result = compareProgram(number, engine, mode);
        instructions += result.instructions;
        for (const [reason, count] of result.stops) stops.set(reason, (stops.get(reason) ?? 0) + count);
        if (result.mismatch) mismatches.push(result.mismatch);
      }
    }
    progress(number - seed + 1, programs);
  }
  for (const { seed: number, engine, mode, history, lines } of mismatches.slice(0, SHOWN)) {
    console.log(`--cases 0 --programs 1 --seed ${number} --engine ${engine} --mode ${mode}: ${history.join(', ')}`);
    for (const line of lines) console.log(`  ${line}`);
  }
  const reasons = [...stops].map(([reason, count]) => `${count} ${reason}`).join(', ');
  console.log(
    `${programs} programs, ${instructions} instructions in ${since(started)}, stops: ${reasons}: ${mismatches.length} mismatches`,
  );
  return mismatches.length;
}

const since = (started: number): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;

process.exitCode = main();
