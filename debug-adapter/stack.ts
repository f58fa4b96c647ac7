/** The DAP stack trace: frames of calls, macro expansions as inlined frames, and the boundary between the rings. */
import type { SourceLocation } from '../toolchain';
import { expansionChain } from './symbols/lines';
import type { UnwoundFrame } from './symbols/unwind';
import type { Target } from './target';

/** One row of the call-stack view. */
export interface StackRow {
  /** Unique while the guest stands still; from 1. */
  readonly id: number;
  readonly name: string;
  readonly location: SourceLocation | undefined;
  readonly va: bigint;
  /** `label` rows only divide the rings. */
  readonly hint: 'normal' | 'label';
  readonly frame: UnwoundFrame;
}

/**
 * All rows, innermost first. `hiddenExpansions` of the current instruction's innermost macro expansions are not entered
 * yet: the call line of the outermost of them is shown instead (stepping/stepping.ts tells why).
 */
export function stackRows(target: Target, hiddenExpansions: number): StackRow[] {
  const rows: StackRow[] = [];
  const frames = target.unwinder.unwind();
  frames.forEach((frame, index) => {
    const outer = frames[index - 1];
    if (outer && outer.ring !== frame.ring) {
      add(`── ring ${frame.ring} ──`, undefined, frame, 'label');
    }
    const lookup = lookupAddress(target, frame);
    const row = target.lines.at(lookup);
    const chain = expansionChain(row?.expansion);
    const depth = chain.length - (index === 0 ? Math.min(hiddenExpansions, chain.length) : 0);
    let location = depth < chain.length ? chain[depth].call : row?.location;
    for (let level = depth - 1; level >= 0; level--) {
      add(chain[level].macro, location, frame, 'normal');
      location = chain[level].call;
    }
    // SYSENTER saves no RIP: the kernel's entry code pushes 0 and fills in later where user code is to go on.
    const isUnknown = frame.kind === 'kernel-entry' && frame.rip === 0n;
    add(isUnknown ? '(no return address saved)' : functionName(target, lookup), location, frame, 'normal');
  });
  return rows;

  function add(name: string, location: SourceLocation | undefined, frame: UnwoundFrame, hint: StackRow['hint']): void {
    rows.push({ id: rows.length + 1, name, location, va: frame.rip, hint, frame });
  }
}

function functionName(target: Target, va: bigint): string {
  return target.symbols.functionAt(va)?.symbol.name ?? `0x${va.toString(16)}`;
}

/**
 * The address that stands for what a frame is doing: for a frame that made a call, or entered the kernel on purpose, the
 * instruction that did so, not the one it returns to.
 */
function lookupAddress(target: Target, { rip, kind }: UnwoundFrame): bigint {
  if (kind === 'current') return rip;
  if (kind === 'call') return rip - 1n;
  const before = target.readCode(rip - 2n, 2);
  const syscall = before[0] === 0x0f && (before[1] === 0x05 || before[1] === 0x34);
  return syscall || before[0] === 0xcd ? rip - 1n : rip;
}
