/** Assembler macros (.macro, .rept, .irp, .irpc): their definitions, their arguments and their expansion. */
import type { MacroExpansion, SourceLocation } from '../elf/object';
import { closingQuote, locationAt, sliceColumns, type ColumnSpan, type SourceLine } from '../preprocessor';
import { characterConstant } from './expressions';
import { StatementError, type Scanner } from './scanner';
import { closest } from './suggestions';

export interface MacroParameter {
  readonly name: string;
  readonly defaultValue: string;
  readonly required: boolean;
  readonly variadic: boolean;
}

export interface AsmMacro {
  readonly name: string;
  readonly parameters: readonly MacroParameter[];
  readonly body: readonly SourceLine[];
  readonly location: SourceLocation;
}

/** How to call a macro, for messages and hovers. */
export function signatureOf(macro: AsmMacro): string {
  const parameters = macro.parameters.map(({ name, defaultValue, required, variadic }) =>
    required ? `${name}:req` : variadic ? `${name}:vararg` : defaultValue === '' ? name : `${name}=${defaultValue}`,
  );
  return [macro.name, parameters.join(', ')].filter((part) => part !== '').join(' ');
}

/** Parses what follows `.macro`, without the body. */
export function parseMacroHeader(scanner: Scanner): { name: string; parameters: MacroParameter[] } {
  const name = scanner.name();
  if (name === undefined) return scanner.fail('.macro needs a name');
  const parameters: MacroParameter[] = [];
  scanner.accept(',');
  const parenthesized = scanner.accept('(');
  while (!scanner.atEnd() && !(parenthesized && scanner.accept(')'))) {
    parameters.push(parseParameter(scanner, name, parameters));
    scanner.accept(',');
  }
  return { name, parameters };
}

function parseParameter(scanner: Scanner, macro: string, before: readonly MacroParameter[]): MacroParameter {
  const start = scanner.position;
  const name = scanner.name();
  if (name === undefined) return scanner.fail(`expected a parameter name of macro '${macro}'${scanner.found()}`);
  if (before.some((parameter) => parameter.name === name)) {
    throw new StatementError(`macro '${macro}' has two parameters called '${name}'`, start, scanner.position);
  }
  let required = false;
  let variadic = false;
  if (scanner.accept(':')) {
    const qualifier = scanner.name();
    required = qualifier === 'req';
    variadic = qualifier === 'vararg';
    if (!required && !variadic) scanner.fail(`after ':' expected 'req' or 'vararg'`);
  }
  const defaultValue = scanner.accept('=') ? takeValue(scanner).value : '';
  return { name, defaultValue, required, variadic };
}

/** Characters between which as keeps white space, so that it separates arguments. */
const KEEPS_SPACE = /[\w.$*%\-([{}\\@\u0080-\uffff"]/;
const KEEPS_SPACE_BEFORE = /[\w.$*%\-([{}\\@\u0080-\uffff"']/;

/** One argument's text at the cursor: a quoted string, or everything to a comma or a separating space. */
function takeValue(scanner: Scanner): { value: string; start: number; end: number } {
  scanner.skipSpace();
  const { text, end } = scanner;
  const start = scanner.position;
  if (text[start] === '"') return { value: takeQuoted(scanner), start, end: scanner.position };
  let value = '';
  let depth = 0;
  let position = start;
  while (position < end) {
    const character = text[position];
    if (character === ',') break;
    if (character === ' ' || character === '\t') {
      let next = position;
      while (text[next] === ' ' || text[next] === '\t') next++;
      const separates = KEEPS_SPACE.test(text[position - 1] ?? '') && KEEPS_SPACE_BEFORE.test(text[next] ?? '');
      if (separates && depth === 0) break;
      if (separates) value += ' ';
      position = next;
      continue;
    }
    if (character === '"') {
      const close = closingQuote(text, position);
      value += text.slice(position, close);
      position = close;
      continue;
    }
    const constant = character === "'" ? characterConstant(text, position) : undefined;
    if (constant !== undefined) {
      value += String(constant.value); // as turns character constants into numbers before it looks at anything
      position = constant.end;
      continue;
    }
    if (character === '(' || character === '[') depth++;
    if (character === ')' || character === ']') depth = Math.max(0, depth - 1);
    value += character;
    position++;
  }
  scanner.position = position;
  return { value, start, end: position };
}

/** The text as as sees it: white space only where it separates, character constants as numbers. */
function scrub(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|'(?:\\.|[^\\])'?|\s+/g, (part: string, offset: number) => {
    if (part.startsWith('"')) return part;
    if (part.startsWith("'")) return String(characterConstant(part, 0)?.value ?? part);
    const separates =
      KEEPS_SPACE.test(text[offset - 1] ?? '') && KEEPS_SPACE_BEFORE.test(text[offset + part.length] ?? '');
    return separates ? ' ' : '';
  });
}

/** A string argument loses its quotes; two quotes in a row stand for one. */
function takeQuoted(scanner: Scanner): string {
  let value = '';
  for (;;) {
    const close = closingQuote(scanner.text, scanner.position);
    if (close === scanner.position + 1) return scanner.fail('this string has no closing quote');
    value += scanner.text.slice(scanner.position + 1, close - 1);
    scanner.position = close;
    if (scanner.text[close] !== '"') return value;
    value += '"';
  }
}

/** Parses a call's arguments: the value of each parameter. */
export function parseArguments(scanner: Scanner, macro: AsmMacro, nameStart: number): Map<string, string> {
  const values = new Map<string, string>();
  const wrongCount = (start: number, end: number): never => {
    const count = macro.parameters.length;
    const wanted =
      count === 0
        ? 'without arguments'
        : `with ${count === 1 ? '1 argument' : `at most ${count} arguments`}: ${signatureOf(macro)}`;
    throw new StatementError(`too many arguments for macro '${macro.name}'; call it ${wanted}`, start, end);
  };
  let next = 0;
  while (!scanner.atEnd()) {
    const start = scanner.position;
    const keyword = /^([A-Za-z_.$][\w.$]*)\s*=(?!=)/.exec(scanner.text.slice(start));
    const named = keyword === null ? undefined : macro.parameters.find(({ name }) => name === keyword[1]);
    if (keyword !== null && named === undefined) {
      const hint = closest(
        keyword[1],
        macro.parameters.map(({ name }) => name),
      );
      const suggestion = hint === undefined ? '' : `; did you mean '${hint}'?`;
      throw new StatementError(
        `macro '${macro.name}' has no parameter '${keyword[1]}'${suggestion} Call it as: ${signatureOf(macro)}`,
        start,
        start + keyword[1].length,
      );
    }
    const parameter = named ?? macro.parameters[next++];
    if (parameter === undefined) return wrongCount(start, scanner.text.trimEnd().length);
    if (keyword !== null) scanner.position = start + keyword[0].length;
    values.set(parameter.name, parameter.variadic ? scrub(scanner.rest()) : takeValue(scanner).value);
    scanner.accept(',');
  }
  for (const { name, defaultValue, required } of macro.parameters) {
    const value = values.get(name);
    if (required && (value === undefined || value === '')) {
      throw new StatementError(
        `macro '${macro.name}' needs a value for '${name}'; call it as: ${signatureOf(macro)}`,
        nameStart,
        Math.max(nameStart + macro.name.length, scanner.text.trimEnd().length),
      );
    }
    if (value === undefined || value === '') values.set(name, defaultValue);
  }
  return values;
}

/** Values of `.irp symbol,values…` or the characters of `.irpc`. */
export function parseIterationValues(scanner: Scanner, characters: boolean): string[] {
  scanner.accept(',');
  if (characters) {
    const text = scanner.rest().replace(/^"(.*)"$/, '$1');
    return text === '' ? [''] : [...text];
  }
  const values: string[] = [];
  while (!scanner.atEnd()) {
    values.push(takeValue(scanner).value);
    scanner.accept(',');
  }
  return values.length === 0 ? [''] : values;
}

const ESCAPE = /\\(?:\(\)|@|([A-Za-z_.$][\w.$]*))/g;

/** The body of a macro with `values` put in. `counter` is what `\@` stands for. */
export function substitute(
  body: readonly SourceLine[],
  values: ReadonlyMap<string, string>,
  counter: number,
  expansion: MacroExpansion | undefined,
): SourceLine[] {
  return body.map((line) => substituteLine(line, values, counter, expansion));
}

function substituteLine(
  line: SourceLine,
  values: ReadonlyMap<string, string>,
  counter: number,
  expansion: MacroExpansion | undefined,
): SourceLine {
  if (!line.text.includes('\\')) return { ...line, expansion };
  let text = '';
  let done = 0;
  const columns: ColumnSpan[] = [];
  const keep = (to: number): void => {
    if (to === done) return;
    for (const span of sliceColumns(line, done) ?? [{ offset: 0, line: line.line, column: done + 1, verbatim: true }]) {
      if (span.offset < to - done) columns.push({ ...span, offset: span.offset + text.length });
    }
    text += line.text.slice(done, to);
    done = to;
  };
  for (const match of line.text.matchAll(ESCAPE)) {
    const name = match[1];
    const value = name === undefined ? (match[0] === '\\@' ? String(counter) : '') : values.get(name);
    if (value === undefined) continue;
    keep(match.index);
    const place = locationAt(line, match.index);
    columns.push({
      offset: text.length,
      line: place.line,
      column: place.column,
      verbatim: false,
      width: match[0].length,
    });
    text += value;
    done = match.index + match[0].length;
  }
  if (columns.length === 0) return { ...line, expansion };
  keep(line.text.length);
  return { ...line, text, columns, expansion };
}
