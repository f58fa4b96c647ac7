/** C macros: how they are written, and what they are worth. */
import { assemble, spell, type MacroDefinition } from '../toolchain';
import type { Analysis } from './analysis';

/** The `#define` line. */
export function definitionText({ name, parameters, variadic, body }: MacroDefinition): string {
  const list = parameters?.map((each) => (each !== variadic ? each : each === '__VA_ARGS__' ? '...' : `${each}...`));
  return `#define ${name}${list ? `(${list.join(', ')})` : ''} ${spell(body).trim()}`.trimEnd();
}

const VALUE = 'ringside_value';

/** The number an object-like macro stands for, modulo 2^64; undefined if it is something else. */
export function cMacroValue({ result }: Analysis, name: string): bigint | undefined {
  const definitions = new Map(result.preprocessed?.macros.map((macro) => [macro.name, definitionText(macro)]));
  const text = [...definitions.values(), `\t.set ${VALUE}, ${name}`, ''].join('\n');
  const { module } = assemble({ path: 'value.S', text });
  const symbol = module?.symbols.find((each) => each.name === VALUE);
  return symbol?.section === '*ABS*' ? symbol.value : undefined;
}
