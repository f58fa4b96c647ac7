/** Timing that survives a noisy machine: interleaved runs, medians, ratios within a run. */

export interface Row {
  readonly what: string;
  readonly ours: string;
  /** The peer and its figure; '' where there is none. */
  readonly peer: string;
  /** Ours relative to the peer, or to the goal where there is no peer. */
  readonly ratio: string;
  readonly goal: string;
  readonly reached: boolean;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Seconds `work` takes. */
export function seconds(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

export const milliseconds = (value: number): string => `${(value * 1000).toFixed(value < 0.01 ? 2 : 0)} ms`;

/** A table in Markdown. */
export function table(rows: readonly Row[]): string {
  const cells = [
    ['', 'Ringside', 'peer', 'ratio', 'goal', ''],
    ...rows.map((row) => [
      row.what,
      row.ours,
      row.peer,
      row.ratio,
      row.goal,
      row.goal === '' ? '' : row.reached ? 'reached' : 'MISSED',
    ]),
  ];
  const widths = cells[0].map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(cells[0]), line(widths.map((width) => '-'.repeat(width))), ...cells.slice(1).map(line)].join('\n');
}
