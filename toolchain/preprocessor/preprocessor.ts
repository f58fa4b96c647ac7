/**
 * The C preprocessor for assembler sources (C11 6.10, with GNU cpp's -x assembler-with-cpp manners: unknown directives are
 * comments, `#` later in a line starts a comment, lone quotes are harmless).
 */
import type { Diagnostic, SourceLocation } from '../elf/object';
import { hashComment } from './comments';
import { ConditionError, evaluateCondition } from './conditions';
import {
  expand,
  MacroError,
  parseDefinition,
  sameDefinition,
  type ExpansionContext,
  type MacroDefinition,
} from './macros';
import { LogicalLines } from './logical-lines';
import { directoryOf, isAbsolute, joinPath } from './paths';
import { diagnosticAt, locationAt, NO_MACROS, type ColumnSpan, type MacroUse, type SourceLine } from './source-line';
import { spell, tokenize, type Token } from './tokens';

/** Returns a file's text, or `undefined` if there is none at that path. */
export type ReadFile = (path: string) => string | undefined;

export interface PreprocessOptions {
  /** Directories searched for `#include <…>`, and for `#include "…"` after the including file's own. */
  readonly includePaths?: readonly string[];
  /** Macros defined on the command line; `true` is the same as '1'. Names may carry parameters: `F(x)`. */
  readonly defines?: Readonly<Record<string, string | true>>;
  readonly readFile?: ReadFile;
}

export interface IncludeDirective {
  readonly location: SourceLocation;
  readonly endColumn: number;
  /** As written. */
  readonly name: string;
  /** Path it was found at. */
  readonly path: string | undefined;
}

export interface PreprocessResult {
  /** Every line of the main file and of the files it includes, in order; directives and skipped lines are left out. */
  readonly lines: readonly SourceLine[];
  readonly diagnostics: readonly Diagnostic[];
  /** Paths of the included files, each once. */
  readonly dependencies: readonly string[];
  readonly includes: readonly IncludeDirective[];
  /** Every #define met, in order. */
  readonly macros: readonly MacroDefinition[];
  readonly uses: readonly MacroUse[];
}

/** GNU cpp's limit. */
const MAXIMUM_INCLUDE_DEPTH = 200;

const PREDEFINED: Readonly<Record<string, string>> = {
  __ASSEMBLER__: '1',
  __x86_64__: '1',
  __x86_64: '1',
  __amd64__: '1',
  __amd64: '1',
  __LP64__: '1',
  _LP64: '1',
  __ELF__: '1',
  __linux__: '1',
  __unix__: '1',
};

const DIRECTIVES = new Set(
  'include define undef if ifdef ifndef elif elifdef elifndef else endif error warning pragma line ident'.split(' '),
);

interface Conditional {
  readonly line: SourceLine;
  /** The branch being read is live. */
  live: boolean;
  /** A branch was live already. */
  taken: boolean;
  readonly parentLive: boolean;
  seenElse: boolean;
}

/** Preprocesses one translation unit. Never throws for what is in the source: errors are diagnostics. */
export function preprocess(source: { path: string; text: string }, options: PreprocessOptions = {}): PreprocessResult {
  return new Preprocessor(options).run(source.path, source.text);
}

class Preprocessor {
  private readonly lines: SourceLine[] = [];
  private readonly diagnostics: Diagnostic[] = [];
  private readonly dependencies = new Set<string>();
  private readonly includes: IncludeDirective[] = [];
  private readonly definitions: MacroDefinition[] = [];
  private readonly uses: MacroUse[] = [];
  private readonly macros = new Map<string, MacroDefinition>();
  private readonly includeStack: string[] = [];
  private conditionals: Conditional[] = [];
  private counter = 0;

  constructor(private readonly options: PreprocessOptions) {}

  run(path: string, text: string): PreprocessResult {
    this.definePredefined();
    this.file(path, text);
    return {
      lines: this.lines,
      diagnostics: this.diagnostics,
      dependencies: [...this.dependencies],
      includes: this.includes,
      macros: this.definitions,
      uses: this.uses,
    };
  }

  private definePredefined(): void {
    const location = (file: string): SourceLocation => ({ file, line: 0, column: 0 });
    const dynamic = { parameters: undefined, variadic: undefined, body: [], location: location('<built-in>') };
    this.macros.set('__COUNTER__', { ...dynamic, name: '__COUNTER__', dynamic: () => String(this.counter++) });
    this.macros.set('__INCLUDE_LEVEL__', {
      ...dynamic,
      name: '__INCLUDE_LEVEL__',
      dynamic: () => String(this.includeStack.length - 1),
    });
    const define = (file: string, name: string, value: string): void => {
      const text = `${name} ${value}`;
      const tokens = tokenize(text);
      try {
        const macro = parseDefinition(tokens, location(file), tokens[0]);
        this.macros.set(macro.name, macro);
      } catch (error) {
        if (!(error instanceof MacroError)) throw error;
        const line = { text, file, line: 1, columns: undefined, expansion: undefined, macros: NO_MACROS };
        this.diagnostics.push(
          diagnosticAt('error', `in the definition ${name}: ${error.message}`, line, 0, text.length),
        );
      }
    };
    for (const [name, value] of Object.entries(PREDEFINED)) define('<built-in>', name, value);
    for (const [name, value] of Object.entries(this.options.defines ?? {})) {
      define('<command line>', name, value === true ? '1' : value);
    }
  }

  private file(path: string, text: string): void {
    const input = new LogicalLines(path, text);
    const outer = this.conditionals;
    this.conditionals = [];
    this.includeStack.push(path);
    for (let line = input.next(); line !== undefined; line = input.next()) this.line(line, input);
    for (const open of this.conditionals) {
      this.report('error', 'this conditional has no #endif', open.line, 0, open.line.text.length);
    }
    this.includeStack.pop();
    this.conditionals = outer;
  }

  private report(
    severity: Diagnostic['severity'],
    message: string,
    line: SourceLine,
    start: number,
    end: number,
  ): void {
    this.diagnostics.push(diagnosticAt(severity, message, line, start, end));
  }

  private get live(): boolean {
    return this.conditionals.at(-1)?.live ?? true;
  }

  private line(line: SourceLine, input: LogicalLines): void {
    const first = firstCharacter(line.text);
    if (line.text[first] === '#') {
      const hash = /^\s*#\s*([A-Za-z_]+|[0-9]+)?/.exec(line.text);
      const name = hash?.[1];
      if (hash !== null && name !== undefined && DIRECTIVES.has(name)) this.directive(name, line, hash[0].length);
      return; // anything else after # is a comment to the assembler
    }
    if (first < line.text.length && this.live) this.textLine(line, input);
  }

  private textLine(line: SourceLine, input: LogicalLines): void {
    const end = hashComment(line.text);
    const text = line.text.slice(0, end);
    if (!this.mentionsMacro(text)) {
      this.lines.push(end === line.text.length ? line : { ...line, text });
      return;
    }
    const uses: MacroUse[] = [];
    const logical: SourceLine[] = [line];
    const context = this.expansionContext(logical, uses, () => {
      const next = input.next();
      if (next === undefined) return undefined;
      if (/^\s*#/.test(next.text)) {
        input.unread(next); // a directive ends the arguments
        return undefined;
      }
      logical.push(next);
      return tokenize(next.text.slice(0, hashComment(next.text)), 0, logical.length - 1);
    });
    const expanded = this.guarded(line, () => expand(tokenize(text), context));
    if (expanded !== undefined) this.lines.push({ ...render(expanded, line, logical), macros: uses });
  }

  private mentionsMacro(text: string): boolean {
    for (const name of text.match(/[A-Za-z_]\w*/g) ?? []) {
      if (this.macros.has(name) || name === '__LINE__' || name === '__FILE__') return true;
    }
    return false;
  }

  private expansionContext(
    logical: readonly SourceLine[],
    uses: MacroUse[],
    nextLine: () => readonly Token[] | undefined,
  ): ExpansionContext {
    const place = (token: Token, atEnd: boolean): Diagnostic => {
      const line = logical[token.lineIndex] ?? logical[0];
      const start = atEnd ? token.offset + token.text.length - 1 : token.offset;
      return diagnosticAt('note', '', line, start, start + 1);
    };
    return {
      macro: (name) => this.lookup(name, logical[0]),
      nextLine,
      used: (macro, name, end, parent) => {
        const call = place(name, false).location;
        const last = place(end, end.verbatim);
        const ownEnd = last.location.line === call.line ? last.endColumn : call.column + macro.name.length;
        const endColumn = name.verbatim ? ownEnd : (parent?.endColumn ?? ownEnd);
        const use: MacroUse = { name: macro.name, definition: macro.location, call, endColumn, parent };
        uses.push(use);
        this.uses.push(use);
        return use;
      },
    };
  }

  private lookup(name: string, line: SourceLine): MacroDefinition | undefined {
    const macro = this.macros.get(name);
    if (macro !== undefined || (name !== '__LINE__' && name !== '__FILE__')) return macro;
    const value = name === '__LINE__' ? String(line.line) : JSON.stringify(line.file);
    const location = { file: '<built-in>', line: 0, column: 0 };
    return { name, parameters: undefined, variadic: undefined, body: [], location, dynamic: () => value };
  }

  /** Runs `action`; what is wrong with the source becomes a diagnostic in `line`. */
  private guarded<T>(line: SourceLine, action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof MacroError) && !(error instanceof ConditionError)) throw error;
      const { token } = error;
      const inLine = token !== undefined && token.lineIndex === 0;
      const start = inLine ? token.offset : line.text.search(/\S/);
      const width =
        inLine && token.verbatim ? token.text.length : (/^\w+/.exec(line.text.slice(start))?.[0].length ?? 1);
      this.report('error', error.message, line, start, inLine ? start + width : line.text.trimEnd().length);
      return undefined;
    }
  }

  private directive(name: string, line: SourceLine, end: number): void {
    const isConditional = /^(if|ifdef|ifndef|elif|elifdef|elifndef|else|endif)$/.test(name);
    if (!this.live && !isConditional) return;
    const tokens = tokenize(line.text, end);
    const at: Token = tokens[0] ?? {
      kind: 'identifier',
      text: name,
      space: '',
      offset: end - name.length,
      lineIndex: 0,
      verbatim: true,
      hidden: [],
    };
    const rest = line.text.slice(end).trim();
    const span: [number, number] = [line.text.search(/\S/), line.text.trimEnd().length];
    switch (name) {
      case 'define':
        this.guarded(line, () => this.define(tokens, line, at));
        break;
      case 'undef':
        if (tokens[0]?.kind === 'identifier') this.macros.delete(tokens[0].text);
        else this.report('error', '#undef needs a macro name', line, ...span);
        break;
      case 'include':
        this.include(tokens, line, end);
        break;
      case 'error':
        this.report('error', `#error ${rest}`, line, ...span);
        break;
      case 'warning':
        this.report('warning', `#warning ${rest}`, line, ...span);
        break;
      default:
        if (isConditional) this.conditional(name, tokens, line, span);
    }
  }

  private define(tokens: readonly Token[], line: SourceLine, at: Token): void {
    const { location } = diagnosticAt('note', '', line, at.offset, at.offset + 1);
    const macro = parseDefinition(tokens, location, at);
    const old = this.macros.get(macro.name);
    if (old !== undefined && !sameDefinition(old, macro)) {
      const where = old.location.line === 0 ? old.location.file : `${old.location.file}:${old.location.line}`;
      this.report(
        'warning',
        `macro '${macro.name}' is defined anew; its first definition is at ${where} (#undef it first if that is meant)`,
        line,
        at.offset,
        at.offset + at.text.length,
      );
    }
    if (old === undefined || !sameDefinition(old, macro)) this.macros.set(macro.name, macro);
    this.definitions.push(macro);
  }

  private conditional(name: string, tokens: readonly Token[], line: SourceLine, span: [number, number]): void {
    if (name.startsWith('if')) {
      const parentLive = this.live;
      const value = parentLive && this.condition(name, tokens, line);
      this.conditionals.push({ line, live: value, taken: value, parentLive, seenElse: false });
      return;
    }
    const current = this.conditionals.at(-1);
    if (current === undefined) {
      this.report('error', `#${name} without #if`, line, ...span);
      return;
    }
    if (name === 'endif') {
      this.conditionals.pop();
      return;
    }
    if (current.seenElse) this.report('error', `#${name} after #else`, line, ...span);
    if (name === 'else') {
      current.seenElse = true;
      current.live = current.parentLive && !current.taken;
    } else {
      current.live = current.parentLive && !current.taken && this.condition(name.replace('elif', 'if'), tokens, line);
    }
    current.taken ||= current.live;
  }

  private condition(name: string, tokens: readonly Token[], line: SourceLine): boolean {
    if (name !== 'if') {
      const macro = tokens[0];
      if (macro?.kind !== 'identifier') {
        this.report('error', `#${name} needs a macro name`, line, line.text.search(/\S/), line.text.trimEnd().length);
        return false;
      }
      return this.isDefined(macro.text) === (name === 'ifdef');
    }
    const context = this.expansionContext([line], [], () => undefined);
    return this.guarded(line, () => evaluateCondition(expand(this.replaceDefined(tokens, line), context))) ?? false;
  }

  private isDefined(name: string): boolean {
    return this.macros.has(name) || name === '__LINE__' || name === '__FILE__';
  }

  /** `defined X`, `defined(X)` and `__has_include(…)` as 0 or 1, before anything else is expanded. */
  private replaceDefined(tokens: readonly Token[], line: SourceLine): Token[] {
    const result: Token[] = [];
    for (let index = 0; index < tokens.length; index++) {
      const token = tokens[index];
      if (token.text !== 'defined' && token.text !== '__has_include') {
        result.push(token);
        continue;
      }
      const parenthesized = tokens[index + 1]?.text === '(';
      const first = index + (parenthesized ? 2 : 1);
      let value: boolean;
      let last = first;
      if (token.text === 'defined') {
        const name = tokens[first];
        if (name?.kind !== 'identifier') throw new ConditionError("'defined' needs a macro name", name ?? token);
        value = this.isDefined(name.text);
      } else {
        while (parenthesized && last + 1 < tokens.length && tokens[last + 1]?.text !== ')') last++;
        const header = headerName(spell(tokens.slice(first, last + 1)).trim());
        if (header === undefined) throw new ConditionError('__has_include needs "file" or <file>', token);
        value = this.find(header.name, header.quoted, line.file).path !== undefined;
      }
      if (parenthesized && tokens[last + 1]?.text !== ')') {
        throw new ConditionError(`expected ')' after '${token.text}(…'`, tokens[last] ?? token);
      }
      result.push({ ...token, kind: 'number', text: value ? '1' : '0' });
      index = parenthesized ? last + 1 : last;
    }
    return result;
  }

  private include(tokens: readonly Token[], line: SourceLine, end: number): void {
    const start = tokens[0]?.offset ?? end;
    const stop = line.text.trimEnd().length;
    let header = headerName(line.text.slice(start).trim());
    if (header === undefined) {
      const expanded = this.guarded(line, () =>
        expand(
          tokens,
          this.expansionContext([line], [], () => undefined),
        ),
      );
      header = expanded === undefined ? undefined : headerName(spell(expanded).trim());
    }
    if (header === undefined) {
      this.report('error', '#include needs "file" or <file>', line, start, stop);
      return;
    }
    const { path, text, tried } = this.find(header.name, header.quoted, line.file);
    const place = diagnosticAt('note', '', line, start, stop);
    this.includes.push({ location: place.location, endColumn: place.endColumn, name: header.name, path });
    if (path === undefined || text === undefined) {
      const where = tried.length === 0 ? 'no include directory is set' : `looked in ${tried.join(', ')}`;
      this.report('error', `cannot find '${header.name}': ${where}`, line, start, stop);
    } else if (this.includeStack.length >= MAXIMUM_INCLUDE_DEPTH) {
      const message = this.includeStack.includes(path)
        ? `'${header.name}' includes itself without end (an #ifndef guard stops that)`
        : `#include is nested more than ${MAXIMUM_INCLUDE_DEPTH} deep`;
      this.report('error', message, line, start, stop);
    } else {
      this.dependencies.add(path);
      this.file(path, text);
    }
  }

  private find(
    name: string,
    quoted: boolean,
    from: string,
  ): { path: string | undefined; text: string | undefined; tried: string[] } {
    const tried: string[] = [];
    const directories = [...(quoted ? [directoryOf(from)] : []), ...(this.options.includePaths ?? [])];
    for (const directory of isAbsolute(name) ? [''] : directories) {
      const path = joinPath(directory, name);
      const text = this.options.readFile?.(path);
      if (text !== undefined) return { path, text, tried };
      tried.push(directory === '' ? '.' : directory);
    }
    return { path: undefined, text: undefined, tried };
  }
}

/** Offset of the first character that is not white space. */
function firstCharacter(text: string): number {
  let position = 0;
  while (position < text.length && text.charCodeAt(position) <= 32) position++;
  return position;
}

function headerName(text: string): { name: string; quoted: boolean } | undefined {
  const match = /^(?:"([^"]+)"|<([^>]+)>)/.exec(text);
  if (match === null) return undefined;
  return { name: match[1] ?? match[2], quoted: match[1] !== undefined };
}

/** Joins tokens to a line, keeping for each where it came from. */
function render(tokens: readonly Token[], line: SourceLine, logical: readonly SourceLine[]): SourceLine {
  let text = '';
  const columns: ColumnSpan[] = [];
  for (const { space, text: spelling, offset, lineIndex, verbatim } of tokens) {
    text += space;
    const origin = logical[lineIndex] ?? line;
    const place = locationAt(origin, offset);
    const last = columns.at(-1);
    const continues =
      verbatim &&
      last?.verbatim === true &&
      last.line === place.line &&
      place.column - last.column === text.length - last.offset;
    if (!continues) {
      const width = verbatim ? undefined : /^\w*/.exec(origin.text.slice(offset))?.[0].length;
      columns.push({
        offset: text.length,
        line: place.line,
        column: place.column,
        verbatim,
        ...(width === undefined ? {} : { width }),
      });
    }
    text += spelling;
  }
  return { ...line, text, columns };
}
