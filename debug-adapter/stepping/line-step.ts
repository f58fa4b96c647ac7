/**
 * Steps by source line. Macro expansions are stepped like inlined functions: at the first instruction of an expansion
 * the call line is shown first, with the expansion "hidden"; stepping in reveals it without executing anything, stepping
 * over runs all of it.
 */
import type { CodeExpansion, SourceLocation } from '../../toolchain';
import { expansionChain } from '../symbols/lines';
import type { Target } from '../target';
import type { Step } from './demands';
import { stepInstruction, type StepOptions } from './instruction-step';

/** Where a step leaves the user: how many of the innermost expansions at RIP are hidden. */
export interface StepEnd {
  readonly hiddenExpansions: number;
}

/** A line as the user sees it: within `expansions`, at `location`. */
interface VisibleLine {
  readonly expansions: readonly CodeExpansion[];
  readonly location: SourceLocation;
}

function visibleLine(target: Target, hiddenExpansions: number): VisibleLine | undefined {
  const row = target.lines.at(target.state.rip);
  if (!row) return undefined;
  const chain = expansionChain(row.expansion);
  const depth = Math.max(0, chain.length - hiddenExpansions);
  return {
    expansions: chain.slice(0, depth),
    location: depth < chain.length ? chain[depth].call : row.location,
  };
}

/** Whether RIP is still in code of `line`: in a deeper expansion called there, too. */
function stillOn(target: Target, line: VisibleLine): 'same' | 'deeper' | 'elsewhere' {
  const row = target.lines.at(target.state.rip);
  if (!row) return 'elsewhere';
  const chain = expansionChain(row.expansion);
  const { expansions } = line;
  if (expansions.some((expansion, level) => expansion !== chain[level])) return 'elsewhere';
  const deeper = chain.length > expansions.length;
  const here = deeper ? chain[expansions.length].call : row.location;
  if (here.file !== line.location.file || here.line !== line.location.line) return 'elsewhere';
  return deeper ? 'deeper' : 'same';
}

/** DAP `next` and `stepIn` with statement or line granularity. */
export function* stepLine(
  target: Target,
  over: boolean,
  hiddenExpansions: number,
  options: StepOptions,
): Step<StepEnd> {
  if (!over && hiddenExpansions > 0) return { hiddenExpansions: hiddenExpansions - 1 };
  const line = visibleLine(target, hiddenExpansions);
  for (;;) {
    const before = target.state.rip;
    const transferred = yield* stepInstruction(target, over, options);
    if (!line || transferred) break;
    const where = stillOn(target, line);
    if (where === 'elsewhere') break;
    // A jump back to the same line is a new turn of a loop, worth seeing.
    if (where === 'same' && target.state.rip <= before) break;
    if (where === 'deeper' && !over) break;
  }
  return { hiddenExpansions: target.lines.expansionsStartingAt(target.state.rip) };
}

/** Runs until control has left the innermost visible macro expansion; undefined if there is none. */
export function expansionToLeave(target: Target, hiddenExpansions: number): (() => boolean) | undefined {
  const line = visibleLine(target, hiddenExpansions);
  if (!line || line.expansions.length === 0) return undefined;
  const { expansions } = line;
  return () => {
    const row = target.lines.at(target.state.rip);
    const chain = row ? expansionChain(row.expansion) : [];
    return expansions.some((expansion, level) => expansion !== chain[level]);
  };
}
