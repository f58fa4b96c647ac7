/** One program on Ringside and on a peer, in turn: medians of the times and of the ratios of each round. */
import { median, type Row } from './measure';
import type { Processor, Run } from './processors';

export interface Side {
  readonly run: Processor;
  readonly image: string;
}

export interface Comparison {
  /** Medians. */
  readonly ours: number;
  readonly theirs: number;
  /** Theirs by ours: above 1, Ringside is faster. */
  readonly ratio: number;
}

export const ROUNDS = 3;

/** Throws if the two do not compute the same. */
export async function compare(ours: Side, theirs: Side, rounds = ROUNDS): Promise<Comparison> {
  const runs: { ours: Run; theirs: Run }[] = [];
  for (let round = 0; round < rounds; round++) {
    const run = { theirs: await theirs.run(theirs.image), ours: await ours.run(ours.image) };
    if (run.ours.result !== run.theirs.result)
      throw new Error(`${ours.image} computes ${run.ours.result}, its peer ${run.theirs.result}`);
    runs.push(run);
  }
  return {
    ours: median(runs.map((run) => run.ours.seconds)),
    theirs: median(runs.map((run) => run.theirs.seconds)),
    ratio: median(runs.map((run) => run.theirs.seconds / run.ours.seconds)),
  };
}

/** A row of the table; without a goal it is there to be read. */
export function comparisonRow(
  what: string,
  { ours, theirs, ratio }: Comparison,
  peer: string,
  show: (seconds: number) => string,
  goal?: number,
): Row {
  return {
    what,
    ours: show(ours),
    peer: `${peer} ${show(theirs)}`,
    ratio: ratio.toFixed(ratio < 0.1 ? 3 : 2),
    goal: goal === undefined ? '' : `>= ${goal}`,
    reached: goal === undefined || ratio >= goal,
  };
}
