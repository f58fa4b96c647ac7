import { TYPE_NAMES } from './types';

/** One completion: what it inserts, which kind of thing it is (DAP CompletionItemType), what it replaces. */
export interface Completion {
  readonly label: string;
  readonly text: string;
  readonly kind: 'value' | 'function' | 'keyword';
  /** Characters from 0 in the text where the replaced part starts, and its length. */
  readonly start: number;
  readonly length: number;
}

const LIMIT = 100;

/**
 * Completions for the name that ends at `cursor` (characters from 0): registers after `$` or `%`, else registers,
 * symbols and, inside a parenthesis that may be a cast, type names. Names that begin with what is typed come first.
 */
export function completions(
  text: string,
  cursor: number,
  registers: readonly string[],
  symbols: readonly string[],
): Completion[] {
  const match = /([$%]?)([A-Za-z_.][A-Za-z0-9_.$]*)?$/.exec(text.slice(0, cursor));
  const sigil = match?.[1] ?? '';
  const typed = match?.[2] ?? '';
  const afterParenthesis = /\(\s*[A-Za-z_0-9]*$/.test(text.slice(0, cursor));
  const candidates: [string, Completion['kind']][] = registers.map((name) => [name, 'value']);
  if (sigil === '') {
    candidates.push(...symbols.map((name): [string, Completion['kind']] => [name, 'function']));
    if (afterParenthesis) candidates.push(...TYPE_NAMES.map((name): [string, Completion['kind']] => [name, 'keyword']));
  }
  const lower = typed.toLowerCase();
  const rank = (name: string): number => (name.toLowerCase().startsWith(lower) ? 0 : 1);
  return candidates
    .filter(([name]) => name.toLowerCase().includes(lower))
    .sort(([a], [b]) => rank(a) - rank(b))
    .slice(0, LIMIT)
    .map(([name, kind]) => ({
      label: sigil + name,
      text: sigil + name,
      kind,
      start: cursor - typed.length - sigil.length,
      length: typed.length + sigil.length,
    }));
}
