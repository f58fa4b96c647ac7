/** What the client is told about a stop (DAP `stopped`, `exceptionInfo`). */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { DataBreakpoint } from '../emulator';
import type { RunEnd } from './execution';
import type { ExceptionText } from './exceptions';
import { symbolicText } from './instructions';
import { hex } from './memory';
import type { SpontaneousStop } from './stepping/demands';
import type { Target } from './target';

/** There is one processor, and it is the one thread. */
export const THREAD_ID = 1;

/** What judging a stop found out, beside whether to stop. */
export interface StopFacts {
  readonly breakpointKind?: 'source' | 'function' | 'instruction';
  readonly exception?: ExceptionText;
}

const BREAKPOINT_REASONS = {
  source: 'breakpoint',
  function: 'function breakpoint',
  instruction: 'instruction breakpoint',
} as const;

/** The body of the `stopped` event; `commanded` is the reason if the command itself came to its end. */
export function stoppedBody(
  target: Target,
  end: RunEnd,
  commanded: 'step' | 'entry',
  facts: StopFacts,
): DebugProtocol.StoppedEvent['body'] {
  const common = { threadId: THREAD_ID, allThreadsStopped: true };
  if (end.kind === 'step') return { reason: commanded, ...common };
  if (end.kind === 'pause') return { reason: 'pause', ...common };
  const ids = end.verdict.hitBreakpointIds ? { hitBreakpointIds: [...end.verdict.hitBreakpointIds] } : {};
  if (facts.exception) {
    const { exceptionId, description, details } = facts.exception;
    return {
      reason: 'exception',
      description: `Paused on ${exceptionId}`,
      text: end.stop.reason === 'shutdown' ? details : description,
      ...common,
    };
  }
  return { ...describeStop(target, end.stop, facts), ...ids, ...common };
}

function describeStop(
  target: Target,
  stop: SpontaneousStop,
  facts: StopFacts,
): { reason: string; description?: string; text?: string } {
  switch (stop.reason) {
    case 'breakpoint':
      return { reason: BREAKPOINT_REASONS[facts.breakpointKind ?? 'source'] };
    case 'data-breakpoint':
      return { reason: 'data breakpoint', text: dataBreakpointText(target, stop) };
    case 'halt':
      return {
        reason: 'halt',
        description: 'Halted for good',
        text: 'The processor executed HLT with interrupts off: nothing can wake it.',
      };
    case 'reset':
      return { reason: 'reset', description: 'Reset', text: 'The guest has reset the machine: nothing runs any more.' };
    case 'power-off':
      return { reason: 'power-off', description: 'Off', text: 'The guest has switched the machine off.' };
    default:
      return { reason: stop.reason };
  }
}

function dataBreakpointText(
  target: Target,
  { breakpoint, access, instruction }: { breakpoint: DataBreakpoint; access: 'read' | 'write'; instruction: bigint },
): string {
  const where = target.symbolic(instruction);
  const what = target.symbolic(breakpoint.va);
  const facts = target.instructionAt(instruction);
  const text = facts ? symbolicText(facts, (va) => target.symbolic(va)) : '';
  return `${what ?? hex(breakpoint.va)} was ${access === 'read' ? 'read' : 'written'} by ${hex(instruction)}${where ? ` <${where}>` : ''}: ${text}`;
}
