/**
 * The journeys of a program's system calls: every instruction of the way into the kernel and out again with what it
 * changed, the arguments by name, the result, and why the way out was SYSRET or IRET. All values are texts, ready for
 * JSON.
 */
import { resolve } from 'node:path';
import { Mnemonic } from 'iced-x86';
import { linearAddressBits, type Stop } from '../emulator';
import { recordInstruction, type InstructionRecord } from './effects';
import { RFLAGS_FIELDS, setFieldNames } from './fields';
import { hex } from './memory';
import type { Effect, Location } from './protocol';
import { errnoNote, findPtRegs } from './pt-regs';
import { PT_REGS_NAMES, readWord } from './symbols/unwind';
import { currentSystemCall, describeArguments } from './system-calls';
import type { Target } from './target';

/** Where an instruction of a journey belongs: entry code, the dispatcher entry code calls, or the way out. */
export type JourneyPhase = 'entry' | 'dispatch' | 'exit';

export interface JourneyInstruction {
  readonly phase: JourneyPhase;
  /** Ring in which it was executed. */
  readonly ring: number;
  readonly address: string;
  /** Disassembly. */
  readonly text: string;
  /** `symbol+0x10`. */
  readonly symbol?: string;
  readonly location?: Location;
  readonly effects: readonly Effect[];
}

/** A function the dispatcher called: not told instruction by instruction. */
export interface JourneyCall {
  readonly function: string;
  readonly instructions: number;
}

/** One of the conditions under which SYSRET may be used, at the start of the way out. */
export interface SysretCheck {
  readonly condition: string;
  readonly holds: boolean;
  readonly values: string;
}

export interface SystemCallJourney {
  readonly gate: 'syscall' | 'sysenter' | 'int';
  readonly number: number;
  readonly name?: string;
  readonly arguments: readonly { readonly name: string; readonly type: string; readonly value: string }[];
  readonly instructions: readonly JourneyInstruction[];
  readonly calls: readonly JourneyCall[];
  /** Absent if the call did not return, as exit does not. */
  readonly result?: { readonly value: string; readonly text: string };
  readonly exit?: {
    readonly by: 'sysret' | 'sysexit' | 'iret' | 'eretu';
    readonly why: string;
    readonly checks: readonly SysretCheck[];
  };
}

/** How the run ended. */
export interface JourneysEnd {
  readonly reason: Stop['reason'] | 'instruction limit';
  /** Exit status of the program, if it exited. */
  readonly status?: number;
}

export interface JourneyOptions {
  /** Default: no limit. */
  readonly maxInstructions?: number;
}

const GATES: ReadonlyMap<Mnemonic, SystemCallJourney['gate']> = new Map([
  [Mnemonic.Syscall, 'syscall'],
  [Mnemonic.Sysenter, 'sysenter'],
  [Mnemonic.Int, 'int'],
]);
const EXITS: ReadonlyMap<Mnemonic, 'sysret' | 'sysexit' | 'iret' | 'eretu'> = new Map([
  [Mnemonic.Sysret, 'sysret'],
  [Mnemonic.Sysretq, 'sysret'],
  [Mnemonic.Sysexit, 'sysexit'],
  [Mnemonic.Sysexitq, 'sysexit'],
  [Mnemonic.Iret, 'iret'],
  [Mnemonic.Iretd, 'iret'],
  [Mnemonic.Iretq, 'iret'],
  [Mnemonic.Eretu, 'eretu'],
]);
const RUN_INSTRUCTIONS = 1_000_000;

/** Runs the program from where the machine is to its end, yielding each system call when it is over. */
export function* systemCallJourneys(
  target: Target,
  { maxInstructions = Infinity }: JourneyOptions = {},
): Generator<SystemCallJourney, JourneysEnd> {
  const { machine, state } = target;
  const start = runTo(target, target.entry, () => true, maxInstructions);
  if (start) return start;
  while (machine.instructionCount < maxInstructions) {
    const facts = state.cpl === 3 ? target.instructionAt(state.rip) : undefined;
    const gate = facts && GATES.get(facts.mnemonic);
    const call = gate && currentSystemCall(target);
    if (gate && call) {
      const journey = new Journey(target, gate, maxInstructions);
      const end = journey.follow();
      yield journey.result;
      if (end) return end;
    } else {
      const { stop } = machine.step();
      if (stop.reason !== 'limit') return ended(stop);
    }
  }
  return { reason: 'instruction limit' };
}

function ended(stop: Stop): JourneysEnd {
  return stop.reason === 'exit' ? { reason: 'exit', status: stop.code >> 1 } : { reason: stop.reason };
}

/** Runs until RIP is `va` and `arrived` agrees; the end of the machine if that comes first. */
function runTo(target: Target, va: bigint, arrived: () => boolean, maxInstructions: number): JourneysEnd | undefined {
  const { machine, state } = target;
  if (state.rip === va && arrived()) return undefined;
  machine.addBreakpoint(va);
  try {
    while (machine.instructionCount < maxInstructions) {
      const stop = machine.run(Math.min(RUN_INSTRUCTIONS, maxInstructions - machine.instructionCount));
      if (stop.reason === 'breakpoint' && stop.address === va && arrived()) return undefined;
      if (stop.reason !== 'limit' && stop.reason !== 'breakpoint') return ended(stop);
    }
    return { reason: 'instruction limit' };
  } finally {
    machine.removeBreakpoint(va);
  }
}

class Journey {
  private readonly instructions: JourneyInstruction[] = [];
  private readonly calls: JourneyCall[] = [];
  private exit: SystemCallJourney['exit'];
  private returned: SystemCallJourney['result'];
  private phase: JourneyPhase = 'entry';
  private checks: readonly SysretCheck[] = [];
  private readonly call: ReturnType<typeof currentSystemCall>;
  private readonly arguments: SystemCallJourney['arguments'];

  constructor(
    private readonly target: Target,
    private readonly gate: SystemCallJourney['gate'],
    private readonly maxInstructions: number,
  ) {
    this.call = currentSystemCall(target);
    const { call } = this;
    const values = call ? describeArguments(target, call) : [];
    this.arguments = (call?.parameters ?? []).map(({ name, type }, index) => ({ name, type, value: values[index] }));
  }

  get result(): SystemCallJourney {
    const { gate, call, instructions, calls } = this;
    return {
      gate,
      number: call?.number ?? -1,
      ...(call?.name === undefined ? {} : { name: call.name }),
      arguments: this.arguments,
      instructions,
      calls,
      ...(this.returned ? { result: this.returned } : {}),
      ...(this.exit ? { exit: this.exit } : {}),
    };
  }

  /** Executes the call until ring 3 is back; the end of the machine if that comes first. */
  follow(): JourneysEnd | undefined {
    const { machine, state } = this.target;
    /** 0 in entry code, 1 in the dispatcher. */
    let depth = 0;
    do {
      if (machine.instructionCount >= this.maxInstructions) return { reason: 'instruction limit' };
      const facts = this.target.instructionAt(state.rip);
      const next = state.rip + BigInt(facts?.length ?? 0);
      const rsp = state.gpr[4];
      const before = machine.instructionCount;
      const end = this.executeOne();
      if (end) return end;
      if (facts?.isCall && state.rip !== next) {
        if (depth === 0) {
          depth = 1;
          this.phase = 'dispatch';
          continue;
        }
        const name = this.target.symbols.functionAt(state.rip)?.symbol.name ?? hex(state.rip);
        const failed = runTo(this.target, next, () => state.gpr[4] >= rsp, this.maxInstructions);
        this.calls.push({ function: name, instructions: machine.instructionCount - before - 1 });
        if (failed) return failed;
      } else if (facts?.mnemonic === Mnemonic.Ret && depth === 1) {
        depth = 0;
        this.phase = 'exit';
        // A fault on the way out comes here again; the choice was made the first time.
        if (this.checks.length === 0) this.checks = sysretChecks(this.target);
      }
    } while (state.cpl !== 3);
    this.arrived();
    return undefined;
  }

  private executeOne(): JourneysEnd | undefined {
    const { target } = this;
    const { rip, cpl } = target.state;
    const record = recordInstruction(target);
    const { stop } = target.machine.step({ holdInterrupts: true });
    this.instructions.push(this.describe(record(), cpl));
    // A stop for a call's boundary is what this is about, and a breakpoint is not heeded.
    if (stop.reason !== 'limit' && stop.reason !== 'system-call') return ended(stop);
    return target.state.rip === rip && stop.reason === 'limit' && target.state.halted ? { reason: 'halt' } : undefined;
  }

  private describe({ va, text, effects }: InstructionRecord, ring: number): JourneyInstruction {
    const symbol = this.target.symbolic(va);
    const row = this.target.lines.at(va);
    return {
      phase: this.phase,
      ring,
      address: hex(va),
      text,
      ...(symbol ? { symbol } : {}),
      ...(row ? { location: { path: resolve(row.location.file), line: row.location.line } } : {}),
      effects,
    };
  }

  private arrived(): void {
    const { state } = this.target;
    const last = this.instructions.at(-1);
    const mnemonic = last && this.target.instructionAt(BigInt(last.address))?.mnemonic;
    const by = mnemonic === undefined ? undefined : EXITS.get(mnemonic);
    const value = state.gpr[0];
    this.returned = { value: hex(value), text: errnoNote(value) ?? BigInt.asIntN(64, value).toString() };
    if (by) this.exit = { by, why: this.why(by), checks: this.checks };
  }

  private why(by: 'sysret' | 'sysexit' | 'iret' | 'eretu'): string {
    if (by === 'sysexit') return 'the call came by SYSENTER, and SYSEXIT can load what pt_regs asks for';
    if (by === 'eretu') return 'FRED is on: only ERETU goes back to ring 3';
    const failed = this.checks.filter(({ holds }) => !holds);
    if (by === 'sysret') {
      return this.checks.length > 0 && failed.length === 0
        ? 'all checks held: SYSRET loads exactly what pt_regs asks for'
        : `the call came by ${this.gate.toUpperCase()}, and the kernel found that SYSRET can load what pt_regs asks for`;
    }
    if (this.gate !== 'syscall') return `the call came by ${this.gate.toUpperCase()}: only IRET undoes that`;
    if (failed.length === 0) return 'the kernel chose IRET';
    const reasons = failed.map(({ condition, values }) => `not ${condition} (${values})`);
    return `SYSRET cannot load what pt_regs asks for: ${reasons.join('; ')}`;
  }
}

/** What Linux asks before it uses SYSRET, at the start of the way out (arch/x86/entry/entry_64.S). */
function sysretChecks(target: Target): SysretCheck[] {
  const frame = findPtRegs(target);
  if (typeof frame === 'string') return [];
  const slot = (name: string): bigint => readWord(target, frame.base + BigInt(8 * PT_REGS_NAMES.indexOf(name))) ?? 0n;
  const [ip, cx, cs, ss, flags, r11] = ['ip', 'cx', 'cs', 'ss', 'flags', 'r11'].map(slot);
  const star = target.state.star >> 48n;
  const userCs = ((star + 16n) & 0xfffcn) | 3n;
  const userSs = ((star + 8n) & 0xfffcn) | 3n;
  const trapFlags = flags & 0x10100n;
  return [
    { condition: 'RCX = RIP', holds: cx === ip, values: `cx ${hex(cx)}, ip ${hex(ip)}` },
    {
      condition: 'RIP is a canonical user address',
      holds: ip >> BigInt(linearAddressBits(target.state) - 1) === 0n,
      values: `ip ${hex(ip)}`,
    },
    { condition: 'CS is what SYSRET loads', holds: cs === userCs, values: `cs ${hex(cs)}, SYSRET ${hex(userCs)}` },
    { condition: 'R11 = RFLAGS', holds: r11 === flags, values: `r11 ${hex(r11)}, flags ${hex(flags)}` },
    {
      condition: 'RF and TF are clear',
      holds: trapFlags === 0n,
      values: `flags ${setFieldNames(flags, RFLAGS_FIELDS)}`,
    },
    { condition: 'SS is what SYSRET loads', holds: ss === userSs, values: `ss ${hex(ss)}, SYSRET ${hex(userSs)}` },
  ];
}
