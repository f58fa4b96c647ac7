import type { DebugProtocol } from '@vscode/debugprotocol';
import { parseCondition } from '../expressions/condition';
import { parseExpression } from '../expressions/parser';
import { HitCondition } from './hit-count';

/** What the user attached to a breakpoint of any kind. */
export interface BreakpointRequest {
  readonly condition?: string;
  readonly hitCondition?: string;
  readonly logMessage?: string;
}

/** A breakpoint at instructions: of a source line, a listing line, a function or an address. */
export interface CodeBreakpoint {
  readonly id: number;
  readonly kind: 'source' | 'function' | 'instruction';
  /** All places it stops at: a line of a macro's body has one in every expansion. */
  readonly addresses: readonly bigint[];
  readonly condition: string | undefined;
  readonly hits: HitCondition | undefined;
  readonly logMessage: string | undefined;
  /** For source breakpoints: the line it was set on, so that a stop shows that very line. */
  readonly line: { readonly path: string; readonly line: number } | undefined;
}

/** The parsed conditions of a request. Throws AdapterError for a condition that is no expression. */
export function parseRequest({ condition, hitCondition, logMessage }: BreakpointRequest): {
  condition: string | undefined;
  hits: HitCondition | undefined;
  logMessage: string | undefined;
} {
  if (condition) parseCondition(condition);
  if (logMessage) for (const { expression } of logParts(logMessage)) if (expression) parseExpression(expression);
  return {
    condition: condition || undefined,
    hits: hitCondition ? HitCondition.parse(hitCondition) : undefined,
    logMessage: logMessage || undefined,
  };
}

/** A log message cut into text and the expressions in braces; `\{` is a brace. */
export function logParts(message: string): { readonly text?: string; readonly expression?: string }[] {
  return [...message.matchAll(/\\([{}])|\{([^{}]+)\}|([^\\{}]+|[\\{}])/g)].map(([, brace, expression, text]) =>
    expression === undefined ? { text: brace ?? text } : { expression },
  );
}

/** The DAP answer for a breakpoint that cannot be set. */
export function unverified(id: number, message: string): DebugProtocol.Breakpoint {
  return { id, verified: false, message };
}
