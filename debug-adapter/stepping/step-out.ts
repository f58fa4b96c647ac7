import { AdapterError } from '../errors';
import type { Target } from '../target';
import type { Step } from './demands';
import { stepInstruction, type StepOptions } from './instruction-step';
import { expansionToLeave, type StepEnd } from './line-step';

/**
 * DAP `stepOut`: leaves the macro expansion the user is in; else the function, by its return address; else the kernel,
 * by the saved user registers. Throws AdapterError if nothing is around the current frame.
 */
export function stepOut(target: Target, hiddenExpansions: number, options: StepOptions): Step<StepEnd> {
  const left = expansionToLeave(target, hiddenExpansions);
  if (left) return leaveExpansion(target, left, options);
  const [, caller] = target.unwinder.unwind();
  if (!caller) {
    throw new AdapterError('There is nothing to step out to: this is the outermost frame. Use Continue to run on.');
  }
  const rsp = caller.registers.get('rsp')?.value;
  const { state } = target;
  const arrived = (): boolean =>
    state.cpl === caller.ring &&
    (rsp === undefined || (caller.kind === 'call' ? state.gpr[4] >= rsp : state.gpr[4] === rsp));
  return runTo(target, caller.rip, arrived, caller.ring === 3 && state.cpl !== 3);
}

function* leaveExpansion(target: Target, left: () => boolean, options: StepOptions): Step<StepEnd> {
  do {
    yield* stepInstruction(target, true, options);
  } while (!left());
  return { hiddenExpansions: target.lines.expansionsStartingAt(target.state.rip) };
}

function* runTo(target: Target, va: bigint, arrived: () => boolean, untilUser: boolean): Step<StepEnd> {
  yield { kind: 'run', addresses: [va], arrived, untilUser };
  return { hiddenExpansions: target.lines.expansionsStartingAt(target.state.rip) };
}
