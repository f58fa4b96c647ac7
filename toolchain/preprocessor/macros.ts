/** C macros: their definitions and their expansion (C11 6.10.3). */
import type { SourceLocation } from '../elf/object';
import { spell, tokenize, type Token } from './tokens';
import type { MacroUse } from './source-line';

export interface MacroDefinition {
  readonly name: string;
  /** Absent for an object-like macro. */
  readonly parameters: readonly string[] | undefined;
  /** Name that stands for the variable arguments. */
  readonly variadic: string | undefined;
  readonly body: readonly Token[];
  readonly location: SourceLocation;
  /** Macros the preprocessor defines itself (`__FILE__`, `__LINE__`, `__COUNTER__`). */
  readonly dynamic: (() => string) | undefined;
}

export class MacroError extends Error {
  constructor(
    message: string,
    readonly token: Token,
  ) {
    super(message);
  }
}

/** Parses what follows `#define`. */
export function parseDefinition(tokens: readonly Token[], location: SourceLocation, at: Token): MacroDefinition {
  const [name, ...rest] = tokens;
  if (name === undefined) throw new MacroError('#define needs a macro name', at);
  if (name.kind !== 'identifier')
    throw new MacroError(`'${name.text}' is not a macro name: a name starts with a letter or _`, name);
  if (name.text === 'defined') throw new MacroError("'defined' cannot be a macro name", name);
  if (rest[0]?.text !== '(' || rest[0].space !== '') {
    return {
      name: name.text,
      parameters: undefined,
      variadic: undefined,
      body: trimmed(rest),
      location,
      dynamic: undefined,
    };
  }
  const parameters: string[] = [];
  let variadic: string | undefined;
  let index = 1;
  for (;;) {
    const token = rest[index++];
    if (token === undefined) throw new MacroError(`the parameter list of '${name.text}' has no closing ')'`, name);
    if (token.text === ')' && parameters.length === 0) break;
    if (token.text === '...') {
      variadic = '__VA_ARGS__';
      parameters.push(variadic);
    } else if (token.kind === 'identifier') {
      if (parameters.includes(token.text)) throw new MacroError(`parameter '${token.text}' appears twice`, token);
      parameters.push(token.text);
      if (rest[index]?.text === '...') {
        variadic = token.text;
        index++;
      }
    } else throw new MacroError(`expected a parameter name, found '${token.text}'`, token);
    const separator = rest[index++];
    if (separator?.text === ')') break;
    if (separator?.text !== ',' || variadic !== undefined) {
      throw new MacroError(`expected ',' or ')' in the parameter list of '${name.text}'`, separator ?? token);
    }
  }
  return { name: name.text, parameters, variadic, body: trimmed(rest.slice(index)), location, dynamic: undefined };
}

function trimmed(body: readonly Token[]): Token[] {
  return body.map((token, index) => ({
    ...token,
    space: index === 0 || token.space === '' ? '' : ' ',
    verbatim: false,
  }));
}

/** True if two definitions are the same but for white space, which makes a redefinition harmless (C11 6.10.3p2). */
export function sameDefinition(a: MacroDefinition, b: MacroDefinition): boolean {
  return (
    a.parameters?.join() === b.parameters?.join() &&
    a.variadic === b.variadic &&
    a.body.length === b.body.length &&
    a.body.every((token, index) => token.text === b.body[index]?.text)
  );
}

/** What an expansion needs from the preprocessor. */
export interface ExpansionContext {
  macro(name: string): MacroDefinition | undefined;
  /** Tokens of the next line, for arguments that continue there; `undefined` if none can be had. */
  nextLine(): readonly Token[] | undefined;
  /** Told of every use, outermost first; returns the record that nested uses name as their parent. */
  used(macro: MacroDefinition, name: Token, end: Token, parent: MacroUse | undefined): MacroUse;
}

/** A token in the queue, and the use whose replacement it belongs to. */
interface Pending {
  readonly token: Token;
  readonly use: MacroUse | undefined;
}

/** Expands all macros in `tokens`. */
export function expand(tokens: readonly Token[], context: ExpansionContext): Token[] {
  return expandPending(
    tokens.map((token) => ({ token, use: undefined })),
    context,
  ).map((pending) => pending.token);
}

function expandPending(input: readonly Pending[], context: ExpansionContext): Pending[] {
  const queue = [...input].reverse();
  const output: Pending[] = [];
  for (let pending = queue.pop(); pending !== undefined; pending = queue.pop()) {
    const { token } = pending;
    const macro =
      token.kind === 'identifier' && !token.hidden.includes(token.text) ? context.macro(token.text) : undefined;
    if (macro === undefined) {
      output.push(pending);
      continue;
    }
    if (macro.parameters === undefined) {
      const use = context.used(macro, token, token, pending.use);
      const body = macro.dynamic === undefined ? macro.body : tokenize(macro.dynamic());
      push(queue, substitute(body, macro, undefined, context), token, [...token.hidden, macro.name], use);
      continue;
    }
    if (!findOpeningParenthesis(queue, context)) {
      output.push(pending);
      continue;
    }
    const { args, end } = collectArguments(macro, pending, queue, context);
    const use = context.used(macro, token, end, pending.use);
    const hidden = token.hidden.filter((name) => end.hidden.includes(name));
    push(queue, substitute(macro.body, macro, args, context), token, [...hidden, macro.name], use);
  }
  return output;
}

/** Puts a replacement back in front of the queue, seen as standing where the macro's name stands. */
function push(
  queue: Pending[],
  replacement: readonly Pending[],
  name: Token,
  hidden: readonly string[],
  use: MacroUse,
): void {
  for (let index = replacement.length - 1; index >= 0; index--) {
    const { token, use: inner } = replacement[index];
    queue.push({
      token: {
        ...token,
        space: index === 0 ? name.space : token.space,
        offset: token.verbatim ? token.offset : name.offset,
        lineIndex: token.verbatim ? token.lineIndex : name.lineIndex,
        hidden: token.hidden.length === 0 ? hidden : [...new Set([...token.hidden, ...hidden])],
      },
      use: inner ?? use,
    });
  }
}

function findOpeningParenthesis(queue: Pending[], context: ExpansionContext): boolean {
  if (queue.length === 0) {
    const more = context.nextLine();
    if (more !== undefined) queue.push(...more.map((token) => ({ token, use: undefined })).reverse());
  }
  return queue[queue.length - 1]?.token.text === '(';
}

function collectArguments(
  macro: MacroDefinition,
  name: Pending,
  queue: Pending[],
  context: ExpansionContext,
): { args: Pending[][]; end: Token } {
  queue.pop();
  const parameters = macro.parameters ?? [];
  const args: Pending[][] = [[]];
  let depth = 0;
  for (;;) {
    const pending = queue.pop();
    if (pending === undefined) {
      const more = context.nextLine();
      if (more === undefined)
        throw new MacroError(`the arguments of macro '${macro.name}' have no closing ')'`, name.token);
      queue.push(
        ...more
          .map((token, index) => ({ token: index === 0 ? { ...token, space: ' ' } : token, use: undefined }))
          .reverse(),
      );
      continue;
    }
    const text = pending.token.text;
    const current = args[args.length - 1];
    const lastIsVariadic = macro.variadic !== undefined && args.length === parameters.length;
    if (text === '(') depth++;
    if (text === ')' && depth-- === 0) {
      checkArgumentCount(macro, args, name.token);
      return { args, end: pending.token };
    }
    if (text === ',' && depth === 0 && !lastIsVariadic) args.push([]);
    else current.push(current.length === 0 ? { ...pending, token: { ...pending.token, space: '' } } : pending);
  }
}

function checkArgumentCount(macro: MacroDefinition, args: Pending[][], name: Token): void {
  const wanted = (macro.parameters ?? []).length;
  if (wanted === 0 && args.length === 1 && args[0]?.length === 0) args.pop();
  if (args.length === wanted) return;
  if (macro.variadic !== undefined && args.length === wanted - 1) {
    args.push([]);
    return;
  }
  const signature = `${macro.name}(${(macro.parameters ?? []).join(', ')})`;
  const atLeast = macro.variadic === undefined ? '' : 'at least ';
  throw new MacroError(
    `macro '${macro.name}' takes ${atLeast}${macro.variadic === undefined ? wanted : wanted - 1} arguments but was given ${args.length}; call it as ${signature}`,
    name,
  );
}

/** The replacement list with arguments, `#` and `##` applied (C11 6.10.3.1 to 6.10.3.3). */
function substitute(
  body: readonly Token[],
  macro: MacroDefinition,
  args: readonly Pending[][] | undefined,
  context: ExpansionContext,
): Pending[] {
  const result: Pending[] = [];
  const expanded: (Pending[] | undefined)[] = [];
  const argument = (token: Token | undefined): number =>
    token?.kind === 'identifier' && args !== undefined ? (macro.parameters ?? []).indexOf(token.text) : -1;
  let paste = false;
  for (let index = 0; index < body.length; index++) {
    const token = body[index];
    if (token.text === '##' && index > 0 && index + 1 < body.length) {
      paste = true;
      continue;
    }
    const stringized = args !== undefined && token.text === '#' ? argument(body[index + 1]) : -1;
    const parameter = argument(token);
    let tokens: Pending[];
    if (stringized >= 0) {
      tokens = [{ token: { ...token, kind: 'string', text: stringize(args?.[stringized] ?? []) }, use: undefined }];
      index++;
    } else if (parameter < 0) {
      tokens = [{ token, use: undefined }];
    } else {
      const raw = args?.[parameter] ?? [];
      const joined = paste || body[index + 1]?.text === '##';
      tokens = joined ? raw : (expanded[parameter] ??= expandPending(raw, withoutMoreLines(context)));
      if (
        paste &&
        raw.length === 0 &&
        macro.parameters?.[parameter] === macro.variadic &&
        result[result.length - 1]?.token.text === ','
      ) {
        result.pop(); // GNU: `, ## __VA_ARGS__` drops the comma when there are no variable arguments
      }
      tokens = tokens.map((pending, n) =>
        n === 0 ? { ...pending, token: { ...pending.token, space: token.space } } : pending,
      );
      if (paste && result[result.length - 1]?.token.text === ',' && macro.parameters?.[parameter] === macro.variadic)
        paste = false;
    }
    if (paste) pasteTokens(result, tokens);
    else result.push(...tokens);
    paste = false;
  }
  return result;
}

function withoutMoreLines(context: ExpansionContext): ExpansionContext {
  return {
    macro: (name) => context.macro(name),
    nextLine: () => undefined,
    used: (macro, name, end, parent) => context.used(macro, name, end, parent),
  };
}

/** Appends `right` to `left`, its first token glued to the last one there. */
function pasteTokens(left: Pending[], right: readonly Pending[]): void {
  const [first, ...rest] = right;
  if (first === undefined) return;
  const last = left.pop();
  if (last === undefined) {
    left.push(...right);
    return;
  }
  const glued = tokenize(last.token.text + first.token.text);
  for (const [index, token] of glued.entries()) {
    left.push({
      token: {
        ...last.token,
        kind: token.kind,
        text: token.text,
        space: index === 0 ? last.token.space : '',
        verbatim: false,
      },
      use: last.use,
    });
  }
  left.push(...rest);
}

function stringize(arg: readonly Pending[]): string {
  const text = spell(
    arg.map(({ token }, index) => {
      const quoted = token.kind === 'string' || token.kind === 'character';
      return {
        ...token,
        space: index === 0 || token.space === '' ? '' : ' ',
        text: quoted ? token.text.replace(/[\\"]/g, '\\$&') : token.text,
      };
    }),
  );
  return `"${text}"`;
}
