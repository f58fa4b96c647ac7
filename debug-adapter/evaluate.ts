/** DAP `evaluate`, `setExpression` and `completions`: expressions of the user in a stack frame. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Debuggee } from './debuggee';
import { AdapterError } from './errors';
import { allRegisterNames, evaluationContext } from './evaluation';
import { completions, type Completion } from './expressions/completions';
import { assign, evaluate, type Result } from './expressions/evaluator';
import { formatValue } from './expressions/format';
import { parseExpression } from './expressions/parser';
import { sizeOf, typeName } from './expressions/types';
import { hex } from './memory';
import { registerText, valueFor } from './variables';

type EvaluateBody = DebugProtocol.EvaluateResponse['body'];

/** Works out an expression; `changed` is true if it was an assignment. */
export function evaluateExpression(
  debuggee: Debuggee,
  { expression, frameId, context, format }: DebugProtocol.EvaluateArguments,
): { readonly body: EvaluateBody; readonly changed: boolean } {
  const { frame } = debuggee.row(frameId);
  const changed = parseExpression(expression).expression.kind === 'assignment';
  if (changed && (context === 'hover' || context === 'watch')) {
    throw new AdapterError(
      'An assignment is not evaluated here, where it would happen at every stop. Use the debug console.',
      false,
    );
  }
  const result = evaluate(expression, evaluationContext(debuggee.target, frame));
  return { body: describe(debuggee, result, frame, format?.hex ?? false, context === 'hover'), changed };
}

function describe(
  debuggee: Debuggee,
  result: Result,
  frame: Parameters<Debuggee['variables']['fieldsOf']>[0],
  inHex: boolean,
  hover: boolean,
): EvaluateBody {
  const { target } = debuggee;
  const { value, type, place } = result;
  const register = place && 'register' in place ? place.register : undefined;
  const format = result.format ?? (inHex ? 'x' : undefined);
  const text =
    register && format === undefined ? registerText(target, register, value) : formatValue(value, type, format, target);
  const unsigned = BigInt.asUintN(64, value);
  const memory = place && 'va' in place ? place.va : sizeOf(type) === 8 ? unsigned : undefined;
  const isMapped = memory !== undefined && target.readLinear(memory, 1).length > 0;
  // What a symbol or pointer points to is what a reader of the source wants to see beside it.
  const preview =
    hover && !register && !place && isMapped
      ? ` → ${formatValue(word(debuggee, unsigned), type, undefined, target)}`
      : '';
  return {
    result: text + preview,
    type: register ? `u${register.bits}` : typeName(type),
    variablesReference: register ? debuggee.variables.fieldsOf(frame, register) : 0,
    ...(memory !== undefined && isMapped ? { memoryReference: hex(memory) } : {}),
  };
}

function word({ target }: Debuggee, va: bigint): bigint {
  const bytes = new Uint8Array(8);
  bytes.set(target.readLinear(va, 8));
  return new DataView(bytes.buffer).getBigUint64(0, true);
}

/** DAP `setExpression`. */
export function setExpression(
  debuggee: Debuggee,
  { expression, value, frameId }: DebugProtocol.SetExpressionArguments,
): DebugProtocol.SetExpressionResponse['body'] {
  const { frame } = debuggee.row(frameId);
  const context = evaluationContext(debuggee.target, frame);
  const { place, type } = evaluate(expression, context);
  if (!place) {
    throw new AdapterError(`${expression} cannot be set: only registers and memory such as *(u64*)address can.`);
  }
  assign(place, type, valueFor(expression, value, debuggee.target, frame), context);
  const result = evaluate(expression, context);
  const { result: text, type: typeText, ...rest } = describe(debuggee, result, frame, false, false);
  return { value: text, ...(typeText ? { type: typeText } : {}), ...rest };
}

/** DAP `completions`; `cursor` counts characters from 0. */
export function completeExpression(debuggee: Debuggee, text: string, cursor: number): readonly Completion[] {
  return completions(text, cursor, allRegisterNames(), debuggee.target.symbols.names);
}
