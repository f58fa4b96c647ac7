/**
 * Exception breakpoints (DAP `setExceptionBreakpoints`, `exceptionInfo`): a filter for each exception of the processor,
 * and two for the boundary, system-call entry and exit.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { SystemCallGate } from '../emulator';
import { SYSCALLS_64 } from '../toolchain';
import { CPU_EXCEPTIONS, cpuException, describeErrorCode } from './cpu-exceptions';
import { AdapterError, closest } from './errors';
import { evaluationContext, type ExtraNames } from './evaluation';
import { bareNames, parseCondition } from './expressions/condition';
import { evaluateCondition } from './expressions/evaluator';
import { symbolicText } from './instructions';
import { hex } from './memory';
import { errnoNote } from './pt-regs';
import { explainShutdown } from './shutdown';
import type { SpontaneousStop } from './stepping/demands';
import { currentSystemCall, describeArguments, systemCallNames, type SystemCall } from './system-calls';
import type { Target } from './target';

const ENTRY = 'system-call-entry';
const EXIT = 'system-call-exit';

const CALL_CONDITION =
  'A call name or number (write, 1), several (read,write), or an expression over nr, its arguments by name (fd == 1), arg1…arg6';

/** Names only some calls give meaning to. */
const PARAMETER_NAMES = new Set(SYSCALLS_64.flatMap(({ parameters }) => parameters.map(({ name }) => name)));

/** The filters a client shows, as a capability. */
export const EXCEPTION_FILTERS: DebugProtocol.ExceptionBreakpointsFilter[] = [
  {
    filter: ENTRY,
    label: 'System-call entry',
    description: 'Stops at the first kernel instruction of a system call.',
    supportsCondition: true,
    conditionDescription: CALL_CONDITION,
  },
  {
    filter: EXIT,
    label: 'System-call exit',
    description: 'Stops at the first user instruction after a system call.',
    supportsCondition: true,
    conditionDescription: `${CALL_CONDITION}, result (result < 0)`,
  },
  ...CPU_EXCEPTIONS.map(({ vector, mnemonic, name, explanation }) => ({
    filter: `exception-${vector}`,
    label: `${mnemonic} ${name}`,
    description: explanation,
    supportsCondition: true,
    conditionDescription: 'An expression; error_code and fault_address belong to the exception',
  })),
];

export interface ExceptionText {
  readonly exceptionId: string;
  /** One line for the stopped event. */
  readonly description: string;
  /** Everything, for exceptionInfo. */
  readonly details: string;
}

interface Filter {
  readonly condition: string | undefined;
}

export class Exceptions {
  private readonly filters = new Map<string, Filter>();
  /** The call last seen entering, so that its exit can be told by number. */
  private entered: SystemCall | undefined;

  constructor(
    private readonly target: Target,
    private readonly log: (text: string) => void,
  ) {}

  /** DAP `setExceptionBreakpoints`: one answer for each filter, those without condition first. */
  set({ filters, filterOptions = [] }: DebugProtocol.SetExceptionBreakpointsArguments): DebugProtocol.Breakpoint[] {
    this.filters.clear();
    const wanted = [...filters.map((filterId) => ({ filterId, condition: undefined })), ...filterOptions];
    const answers = wanted.map(({ filterId, condition }): DebugProtocol.Breakpoint => {
      if (!EXCEPTION_FILTERS.some(({ filter }) => filter === filterId)) {
        return { verified: false, message: `There is no exception filter "${filterId}".` };
      }
      try {
        if (condition) this.check(filterId, condition);
      } catch (error) {
        if (!(error instanceof AdapterError)) throw error;
        return { verified: false, message: error.message };
      }
      this.filters.set(filterId, { condition: condition || undefined });
      return { verified: true };
    });
    const { stopOn } = this.target.machine;
    stopOn.exceptions.clear();
    for (const { vector } of CPU_EXCEPTIONS) if (this.filters.has(`exception-${vector}`)) stopOn.exceptions.add(vector);
    stopOn.systemCallExit = this.stopsAtSystemCallExit;
    // An exit is named and judged by the call it belongs to, which only its entry tells.
    stopOn.systemCallEntry = this.filters.has(ENTRY) || this.filters.has(EXIT);
    return answers;
  }

  /** Throws AdapterError for a condition that can never hold. */
  private check(filterId: string, condition: string): void {
    const names = filterId === ENTRY || filterId === EXIT ? callNames(condition) : undefined;
    if (!names) {
      parseCondition(condition);
      return;
    }
    const known = systemCallNames(this.target);
    const unknown = names.find((name) => !known.includes(name) && !/^\d+$/.test(name));
    if (unknown === undefined) return;
    const near = closest(unknown, known);
    throw new AdapterError(`There is no system call "${unknown}".${near ? ` Did you mean ${near}?` : ''}`);
  }

  get stopsAtSystemCallExit(): boolean {
    return this.filters.has(EXIT);
  }

  /** Whether the user wants to stop here; undefined if not. */
  judge(stop: SpontaneousStop): ExceptionText | undefined {
    if (stop.reason === 'exception') return this.judgeException(stop);
    if (stop.reason !== 'system-call') return undefined;
    const call = stop.phase === 'entry' ? currentSystemCall(this.target) : this.entered;
    if (stop.phase === 'entry') this.entered = call;
    const filter = this.filters.get(stop.phase === 'entry' ? ENTRY : EXIT);
    if (!filter || !this.callMatches(filter, call, stop.phase)) return undefined;
    return describeCall(this.target, call, stop.phase, stop.gate);
  }

  private judgeException(stop: SpontaneousStop & { reason: 'exception' }): ExceptionText | undefined {
    const filter = this.filters.get(`exception-${stop.vector}`);
    const names = new Map<string, bigint>();
    if (stop.errorCode !== undefined) names.set('error_code', BigInt(stop.errorCode));
    if (stop.faultAddress !== undefined) names.set('fault_address', stop.faultAddress);
    if (!filter || (filter.condition && !this.holds(filter.condition, names))) return undefined;
    return describeException(this.target, stop);
  }

  private callMatches({ condition }: Filter, call: SystemCall | undefined, phase: 'entry' | 'exit'): boolean {
    if (!condition) return true;
    if (!call) return false;
    const names = callNames(condition);
    if (names) return names.some((name) => name === call.name || name === `${call.number}`);
    const extra = new Map<string, bigint>([['nr', BigInt(call.number)]]);
    call.arguments.forEach((value, index) => {
      extra.set(`arg${index + 1}`, value);
      const parameter = call.parameters[index];
      if (parameter) extra.set(parameter.name, value);
    });
    if (phase === 'exit') extra.set('result', this.target.state.gpr[0]);
    // `fd == 1` cannot hold for a call that has no fd.
    if (bareNames(parseCondition(condition)).some((name) => !extra.has(name) && PARAMETER_NAMES.has(name)))
      return false;
    return this.holds(condition, extra);
  }

  private holds(condition: string, names: ExtraNames): boolean {
    try {
      return evaluateCondition(condition, evaluationContext(this.target, undefined, names));
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
      this.log(`Exception condition "${condition}": ${error.message}`);
      return true;
    }
  }
}

/** The names and numbers of a condition that lists calls; undefined if it is an expression. */
function callNames(condition: string): string[] | undefined {
  const parts = condition.split(',').map((part) => part.trim());
  return parts.every((part) => /^([a-z_][a-z_0-9]*|\d+)$/.test(part)) ? parts : undefined;
}

/** The stop at an exception in words: before its delivery, or for a trap right after. */
function describeException(
  target: Target,
  { vector, delivered = false, errorCode, faultAddress }: SpontaneousStop & { reason: 'exception' },
): ExceptionText {
  const { mnemonic, name, explanation } = cpuException(vector);
  const { rip, cpl } = target.state;
  const interrupted = delivered ? target.unwinder.unwind().find(({ kind }) => kind === 'kernel-entry') : undefined;
  const lines = [
    explanation,
    interrupted
      ? `Before ${placeText(target, interrupted.rip, interrupted.ring)}`
      : `At ${placeText(target, rip, cpl)}`,
    ...(errorCode === undefined ? [] : [sentence(describeErrorCode(vector, errorCode))]),
    ...(faultAddress === undefined ? [] : [`Address (CR2): ${hex(faultAddress)}${symbolIn(target, faultAddress)}`]),
    delivered
      ? 'The processor has delivered it; a step goes on in its handler.'
      : 'The processor has not delivered it yet; a step goes to its handler.',
  ];
  const address = faultAddress === undefined ? '' : ` at ${hex(faultAddress)}`;
  return { exceptionId: mnemonic, description: `${mnemonic} ${name}${address}`, details: lines.join('\n') };
}

function placeText(target: Target, rip: bigint, ring: number): string {
  const facts = target.instructionAt(rip);
  const instruction = facts ? symbolicText(facts, (va) => target.symbolic(va)) : 'no instruction';
  return `${hex(rip)}${symbolIn(target, rip)} in ring ${ring}: ${instruction}`;
}

function describeCall(
  target: Target,
  call: SystemCall | undefined,
  phase: 'entry' | 'exit',
  gate: SystemCallGate,
): ExceptionText {
  const name = call ? (call.name ?? `call ${call.number}`) : 'system call';
  if (phase === 'exit') {
    const result = target.state.gpr[0];
    const value = errnoNote(result) ?? BigInt.asIntN(64, result).toString();
    const text = `${name} returned ${value} (${gate.toUpperCase()})`;
    return { exceptionId: 'system-call exit', description: text, details: text };
  }
  const described = call ? describeArguments(target, call) : [];
  const values = call?.parameters.map((parameter, index) => `${parameter.name} = ${described[index]}`);
  const text = `${name}(${values?.join(', ') ?? ''}) by ${gate.toUpperCase()}`;
  return {
    exceptionId: 'system-call entry',
    description: text,
    details: `${text}\nNumber ${call?.number ?? 'unknown'}`,
  };
}

/** The end of a machine that shut down. */
export function describeShutdown(target: Target, vector: number): ExceptionText {
  const details = explainShutdown(target, vector);
  return { exceptionId: 'triple fault', description: 'Triple fault: the processor shut down', details };
}

function symbolIn(target: Target, va: bigint): string {
  const symbol = target.symbolic(va);
  return symbol ? ` <${symbol}>` : '';
}

function sentence(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}
