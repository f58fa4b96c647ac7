/** Runs random programs through the interpreter and the compiled stage in lockstep. */
import { isDeepStrictEqual } from 'node:util';
import { Seg, type EngineStages, type Stop } from '../../../emulator';
import type { Pc } from '../../../emulator/pc';
import { Random } from '../random';
import { longModeSubject } from './guest';
import { realModeSubject } from './real-mode';
import type { Subject } from './subject';

export interface ProgramMismatch {
  readonly seed: number;
  readonly engine: EngineStages;
  readonly mode: ProgramMode;
  /** What differs, first the interpreter's. */
  readonly lines: readonly string[];
  /** What was done up to there. */
  readonly history: readonly string[];
}

export interface ProgramResult {
  readonly mismatch: ProgramMismatch | undefined;
  readonly instructions: number;
  /** How often it stopped, by reason. */
  readonly stops: ReadonlyMap<string, number>;
  /** Whether the compiled stage had anything to do. */
  readonly compiled: boolean;
}

const MOST_INSTRUCTIONS = 150_000;
const MOST_STOPS = 250;
const SHOWN_HISTORY = 12;

/** What is done to both machines; returns the stop if they ran. */
type Action = { readonly name: string; readonly act: (machine: Pc) => Stop | undefined };

const SUBJECTS = { long: longModeSubject, real: realModeSubject } as const;
/** Modes in which programs run. */
export type ProgramMode = keyof typeof SUBJECTS;
export const PROGRAM_MODES = Object.keys(SUBJECTS) as readonly ProgramMode[];

/** Executes one program in both ways, comparing at every stop. */
export function compareProgram(seed: number, engine: EngineStages, mode: ProgramMode = 'long'): ProgramResult {
  const subject = SUBJECTS[mode](seed);
  const random = new Random(seed * 7 + 1);
  const [interpreted, compiled] = [subject.machine('interpreter'), subject.machine(engine)];
  const history: string[] = [];
  const stops = new Map<string, number>();
  const actions = new Actions(random, subject);
  let mostCompiled = 0;
  const mismatch = (): ProgramMismatch | undefined => {
    for (let i = 0; i < MOST_STOPS && interpreted.instructionCount < MOST_INSTRUCTIONS; i++) {
      const action = actions.next(interpreted);
      history.push(`${action.name} at ${interpreted.instructionCount}`);
      let stop: Stop | undefined;
      let lines: string[];
      try {
        stop = action.act(interpreted);
        lines = differences(subject, interpreted, compiled, stop, action.act(compiled));
      } catch (error) {
        lines = [`an error of the host: ${String(error)}`];
      }
      mostCompiled = Math.max(mostCompiled, compiled.compiledRegions);
      if (lines.length > 0) return { seed, engine, mode, lines, history: history.slice(-SHOWN_HISTORY) };
      if (!stop) continue;
      stops.set(stop.reason, (stops.get(stop.reason) ?? 0) + 1);
      if (stop.reason === 'halt' || stop.reason === 'shutdown' || stop.reason === 'exit') break;
    }
    return undefined;
  };
  return {
    mismatch: mismatch(),
    instructions: interpreted.instructionCount,
    stops,
    compiled: mostCompiled > 0,
  };
}

function differences(subject: Subject, a: Pc, b: Pc, stopA: Stop | undefined, stopB: Stop | undefined): string[] {
  const lines: string[] = [];
  const told = (stop: Stop | undefined): string =>
    JSON.stringify(stop, (_, value: unknown) => (typeof value === 'bigint' ? value.toString(16) : value)) ?? '';
  if (!isDeepStrictEqual(stopA, stopB)) lines.push(told(stopA), told(stopB));
  const [stateA, stateB] = [processorOf(a), processorOf(b)];
  if (stateA !== stateB) lines.push(stateA, stateB);
  const pa = subject.difference(a, b);
  if (pa !== undefined) {
    const shown = ({ memory }: Pc): string =>
      `memory ${pa.toString(16)}: ${Buffer.from(memory.bytes.subarray(pa, pa + 16)).toString('hex')}`;
    lines.push(shown(a), shown(b));
  }
  return lines;
}

/** Chooses what happens next: mostly runs of odd lengths, at times what a debugger does. */
class Actions {
  private readonly breakpoints: bigint[] = [];
  private readonly watched: { va: bigint; length: number; access: 'read' | 'write' | 'readWrite' }[] = [];
  constructor(
    private readonly random: Random,
    private readonly subject: Subject,
  ) {}

  next(machine: Pc): Action {
    const { random } = this;
    const kind = random.below(100);
    if (kind < 80) return this.run();
    if (kind < 86) return this.breakpoint(machine);
    if (kind < 90) return this.removeBreakpoint();
    if (kind < 92) return this.watch();
    if (kind < 95) return this.unwatch();
    if (kind < 97) return this.exceptions();
    if (kind < 98) return this.systemCalls();
    return { name: 'step', act: (each) => each.step().stop };
  }

  private run(): Action {
    const { random } = this;
    const ranges = [1 + random.below(5), 33 + random.below(100), 1 + random.below(3000), 10_000 + random.below(20_000)];
    const count = random.pick(ranges);
    return { name: `run ${count}`, act: (machine) => machine.run(count) };
  }

  private breakpoint({ state }: Pc): Action {
    const { random } = this;
    const va = random.chance(10) ? state.rip : BigInt(random.pick(this.subject.addresses));
    this.breakpoints.push(va);
    return { name: `breakpoint ${va.toString(16)}`, act: (machine) => void machine.addBreakpoint(va) };
  }

  private removeBreakpoint(): Action {
    const va = this.breakpoints.splice(this.random.below(this.breakpoints.length), 1).at(0);
    if (va === undefined) return this.run();
    return { name: `no breakpoint ${va.toString(16)}`, act: (machine) => void machine.removeBreakpoint(va) };
  }

  private watch(): Action {
    const { random } = this;
    const where = this.subject.data(random);
    const breakpoint = {
      va: BigInt(where),
      length: 1 + random.below(16),
      access: random.pick(['read', 'write', 'readWrite'] as const),
    };
    this.watched.push(breakpoint);
    return { name: `watch ${where.toString(16)}`, act: (machine) => void machine.addDataBreakpoint(breakpoint) };
  }

  private unwatch(): Action {
    const breakpoint = this.watched.pop();
    if (!breakpoint) return this.run();
    return { name: 'no watch', act: (machine) => void machine.removeDataBreakpoint(breakpoint) };
  }

  private exceptions(): Action {
    const vector = this.random.pick([0, 1, 3, 6, 13, 14, 17]);
    return {
      name: `exception ${vector}`,
      act: ({ stopOn: { exceptions } }) => void (exceptions.delete(vector) || exceptions.add(vector)),
    };
  }

  private systemCalls(): Action {
    return {
      name: 'system calls',
      act: ({ stopOn }) => void ((stopOn.systemCallEntry = !stopOn.systemCallEntry), (stopOn.systemCallExit = true)),
    };
  }
}

/** The processor in one line. */
export function processorOf({ state, instructionCount }: Pc): string {
  const hex = (value: bigint | number): string => value.toString(16);
  const { segments, breakpointAddresses } = state;
  return [
    `count ${instructionCount}`,
    `rip ${hex(state.rip)}`,
    `rflags ${hex(state.rflags)}`,
    `cpl ${state.cpl}`,
    `gpr ${[...state.gpr].map(hex).join(' ')}`,
    `segments ${segments.map(({ selector, rights }) => `${hex(selector)}:${hex(rights)}`).join(' ')}`,
    `cr2 ${hex(state.cr2)}`,
    `dr ${hex(breakpointAddresses[0])} ${hex(state.dr6)} ${hex(state.dr7)}`,
    `gs ${hex(state.segments[Seg.GS].base)} ${hex(state.kernelGsBase)}`,
    `shadow ${state.interruptShadow}`,
  ].join('; ');
}
