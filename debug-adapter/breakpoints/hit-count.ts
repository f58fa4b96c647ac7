import { AdapterError } from '../errors';

const FORM = /^\s*(>=|<=|==|=|!=|>|<|%)?\s*(\d+|0x[0-9a-f]+)\s*$/i;

/**
 * The hit condition of a breakpoint (DAP `hitCondition`): `5` or `>=5` from the fifth hit on, `=5` or `==5` on the fifth
 * only, `>5`, `<5`, `<=5`, `!=5`, and `%3` on every third.
 */
export class HitCondition {
  private hits = 0;

  private constructor(private readonly holds: (hits: number) => boolean) {}

  /** Throws an AdapterError that names the accepted forms. */
  static parse(text: string): HitCondition {
    const match = FORM.exec(text);
    const count = match ? Number(match[2]) : 0;
    if (!match || (match[1] === '%' && count === 0)) {
      throw new AdapterError(
        `"${text}" is not a hit count. Write a number, or one after > >= < <= = != or % (every n-th).`,
      );
    }
    const conditions: Record<string, (hits: number) => boolean> = {
      '>': (hits) => hits > count,
      '>=': (hits) => hits >= count,
      '<': (hits) => hits < count,
      '<=': (hits) => hits <= count,
      '=': (hits) => hits === count,
      '==': (hits) => hits === count,
      '!=': (hits) => hits !== count,
      '%': (hits) => hits % count === 0,
    };
    return new HitCondition(conditions[match[1] ?? '>=']);
  }

  /** Counts one more hit; true if the breakpoint stops this time. */
  hit(): boolean {
    return this.holds(++this.hits);
  }
}
