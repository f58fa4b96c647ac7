/** Macros and repetitions of one assembly: collects bodies, keeps definitions, puts expansions into the input. */
import type { MacroExpansion } from '../elf/object';
import { columnAfter, locationAt, type SourceLine } from '../preprocessor';
import type { Assembly } from './assembly';
import type { Conditionals } from './conditionals';
import { expansionDepth, MAXIMUM_STATEMENTS, type InputStack } from './input';
import { parseArguments, parseIterationValues, parseMacroHeader, substitute, type AsmMacro } from './macros';
import type { MacroCall } from './result';
import { StatementError, type Scanner } from './scanner';

/** as's own limit is 100, too: an endless recursion ends early. */
const MAXIMUM_MACRO_DEPTH = 100;
const BODY_START = /^\s*(?:[\w.$]+:\s*)*\.(macro|rept|irp|irpc)\b/;

export class MacroProcessor {
  private readonly current = new Map<string, AsmMacro>();
  /** Every definition met, in order. */
  readonly all: AsmMacro[] = [];
  readonly calls: MacroCall[] = [];
  /** What `\@` stands for next. */
  private counter = 0;

  constructor(
    private readonly assembly: Assembly,
    private readonly input: InputStack,
    private readonly conditionals: Conditionals,
  ) {}

  /** The macro of that name in lower case; as does not tell cases apart. */
  named(name: string): AsmMacro | undefined {
    return this.current.get(name);
  }

  /** Names of the macros there are, in lower case. */
  names(): string[] {
    return [...this.current.keys()];
  }

  /** Statements of a body up to its end, which `.macro` and `.rept` inside it have of their own. */
  private collectBody(end: 'endm' | 'endr', scanner: Scanner, start: number): SourceLine[] {
    let depth = 0;
    const ends = end === 'endm' ? /^\s*\.endm\b/ : /^\s*\.endr\b/;
    const starts = end === 'endm' ? /^macro$/ : /^(?:rept|irp|irpc)$/;
    const body = this.input.collect((statement) => {
      const opened = BODY_START.exec(statement.text)?.[1];
      if (opened !== undefined && starts.test(opened)) depth++;
      return ends.test(statement.text) && depth-- === 0;
    });
    if (body === undefined) {
      this.input.skipFrame();
      return scanner.fail(
        `this ${scanner.text.slice(start).split(/\s/)[0] ?? ''} has no .${end}`,
        start,
        scanner.text.trimEnd().length,
      );
    }
    return body;
  }

  /** `.macro`, its body included. */
  define(scanner: Scanner, start: number): void {
    const { line } = scanner;
    const body = this.collectBody('endm', scanner, start);
    const { name, parameters } = parseMacroHeader(scanner);
    const nameStart = scanner.text.indexOf(name, start + '.macro'.length);
    const macro: AsmMacro = { name, parameters, body, location: locationAt(line, nameStart) };
    const key = name.toLowerCase();
    const old = this.current.get(key);
    if (old !== undefined) {
      throw new StatementError(
        `macro '${name}' is defined already at ${old.location.file}:${old.location.line} (.purgem removes it)`,
        nameStart,
        nameStart + name.length,
      );
    }
    this.current.set(key, macro);
    this.all.push(macro);
  }

  /** `.exitm` */
  exit(scanner: Scanner, start: number, end: number): void {
    const conditionals = this.input.exitMacro();
    if (conditionals === undefined) return scanner.fail('.exitm outside a macro', start, end);
    this.conditionals.unwind(conditionals);
  }

  /** `.purgem` */
  purge(scanner: Scanner): void {
    do {
      scanner.skipSpace();
      const start = scanner.position;
      const name = scanner.name();
      if (name === undefined) return scanner.fail('.purgem needs a macro name');
      if (!this.current.delete(name.toLowerCase()))
        throw new StatementError(`there is no macro '${name}'`, start, scanner.position);
    } while (scanner.accept(','));
  }

  /** A macro's name where an instruction could stand. */
  call(macro: AsmMacro, scanner: Scanner, start: number): void {
    const { line } = scanner;
    const end = scanner.text.trimEnd().length;
    const values = parseArguments(scanner, macro, start);
    if (expansionDepth(line.expansion) >= MAXIMUM_MACRO_DEPTH) {
      throw new StatementError(
        `macro '${macro.name}' calls itself without end (${MAXIMUM_MACRO_DEPTH} levels deep)`,
        start,
        end,
      );
    }
    const call = locationAt(line, start);
    const expansion: MacroExpansion = { macro: macro.name, definition: macro.location, call, parent: line.expansion };
    const lines = substitute(macro.body, values, this.counter++, expansion);
    const last = locationAt(line, end - 1);
    this.calls.push({
      macro,
      location: call,
      endColumn: last.line === call.line ? columnAfter(line, end - 1) : call.column + macro.name.length,
      expansion,
      lines,
    });
    this.input.push(lines, true, this.conditionals.depth);
  }

  /** `.rept`, `.irp` and `.irpc`, their body included. */
  repeat(name: string, scanner: Scanner, start: number): void {
    const { line } = scanner;
    const body = this.collectBody('endr', scanner, start);
    let lines: SourceLine[] = [];
    if (name === '.rept') {
      const count = this.assembly.absolute(scanner, 'the count of .rept');
      scanner.expectEnd('the count');
      if (count < 0n) throw new StatementError('the count of .rept is negative', start, scanner.end);
      if (count * BigInt(body.length) > BigInt(MAXIMUM_STATEMENTS)) {
        throw new StatementError(
          `this .rept would produce more than ${MAXIMUM_STATEMENTS} statements`,
          start,
          scanner.end,
        );
      }
      const once = substitute(body, new Map(), this.counter, line.expansion);
      for (let index = 0n; index < count; index++) for (const statement of once) lines.push(statement);
    } else {
      const symbol = scanner.name();
      if (symbol === undefined) return scanner.fail(`${name} needs the name that the values take`);
      const values = parseIterationValues(scanner, name === '.irpc');
      lines = values.flatMap((value) => substitute(body, new Map([[symbol, value]]), this.counter, line.expansion));
    }
    this.input.push(lines, false, this.conditionals.depth);
  }
}
