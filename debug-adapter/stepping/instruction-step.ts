import { Mnemonic } from 'iced-x86';
import type { Target } from '../target';
import type { Step } from './demands';

/** Options that hold for all steps of a session. */
export interface StepOptions {
  /** Stop in the handler of an interrupt that arrives during a step. */
  readonly intoInterrupts: boolean;
}

/**
 * Executes one instruction. With `over`, a CALL runs until it has returned, and an instruction that enters the kernel
 * until user code goes on; so does a fault that the kernel repairs. A repeated string instruction runs to its end, HLT
 * until an interrupt has been handled. Result: whether control was transferred to another function or ring.
 */
export function* stepInstruction(target: Target, over: boolean, options: StepOptions): Step<boolean> {
  const { state } = target;
  const { rip, cpl } = state;
  const rsp = state.gpr[4];
  const facts = target.instructionAt(rip);
  const next = facts ? BigInt.asUintN(64, rip + BigInt(facts.length)) : rip;
  const sameFrame = (): boolean => state.cpl === cpl && state.gpr[4] === rsp;

  if (facts?.isRepeated || facts?.mnemonic === Mnemonic.Hlt) {
    yield { kind: 'run', addresses: [next], arrived: sameFrame, untilUser: false };
    return false;
  }
  if (over && facts?.isCall) {
    // The callee may pop its arguments (RET n), so RSP may be higher than before; recursion returns lower.
    const returned = (): boolean => state.cpl === cpl && state.gpr[4] >= rsp;
    yield { kind: 'run', addresses: [next], arrived: returned, untilUser: false };
    return false;
  }
  if (over && facts?.entersKernel && cpl === 3) {
    yield { kind: 'run', addresses: [next], arrived: sameFrame, untilUser: true };
    return false;
  }
  const { delivered } = yield { kind: 'instruction', holdInterrupts: !options.intoInterrupts };
  if (delivered === undefined) return (facts?.isCall ?? false) || state.cpl !== cpl;
  if (over && !facts?.entersKernel && !options.intoInterrupts) {
    yield { kind: 'run', addresses: [rip, next], arrived: sameFrame, untilUser: false };
    return false;
  }
  return true;
}
