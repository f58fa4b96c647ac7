/** The assembler: reads statements, expands macros, and hands directives and instructions to those who know them. */
import type { Diagnostic, MacroExpansion, ObjectModule, SourceLocation } from '../elf/object';
import {
  columnAfter,
  locationAt,
  preprocess,
  type PreprocessResult,
  type ReadFile,
  type SourceLine,
} from '../preprocessor';
import { Assembly, type EmittedRow } from './assembly';
import { Conditionals, isConditional } from './conditionals';
import { dataDirectives } from './directives/data';
import type { Directives } from './directives/directive';
import { layoutDirectives } from './directives/layout';
import { symbolDirectives } from './directives/symbols';
import { InstructionSet } from './instruction-set';
import { expansionDepth, InputStack, plainLines, withoutComments } from './input';
import {
  parseArguments,
  parseIterationValues,
  parseMacroHeader,
  signatureOf,
  substitute,
  type AsmMacro,
} from './macros';
import { PREFIXES, rexPrefix } from './mnemonics';
import { finish } from './object-module';
import { parseOperands } from './operands';
import { Scanner, StatementError } from './scanner';
import { closest } from './suggestions';
import type { SymbolReference } from './symbols';

export interface AssembleOptions {
  readonly includePaths?: readonly string[];
  /** C macros (or, for a .s file, symbols are not touched by them). */
  readonly defines?: Readonly<Record<string, string | true>>;
  readonly readFile?: ReadFile;
  /** For .incbin; without it, files are read as text. */
  readonly readBinary?: (path: string) => Uint8Array | undefined;
  /** Whether the source goes through the C preprocessor; by default unless its name ends in `.s`, as with gcc. */
  readonly preprocess?: boolean;
}

/** A symbol with a value, where its definition stands. */
export interface SymbolDefinitionSite {
  readonly name: string;
  readonly kind: 'label' | 'constant';
  readonly location: SourceLocation;
  readonly endColumn: number;
  readonly isGlobal: boolean;
  readonly isFunction: boolean;
  readonly section: string | undefined;
}

/** One call of an assembler macro with what became of it. */
export interface MacroCall {
  readonly macro: AsmMacro;
  readonly location: SourceLocation;
  readonly endColumn: number;
  readonly expansion: MacroExpansion;
  /** The body with the arguments put in. */
  readonly lines: readonly SourceLine[];
}

export interface AssembleResult {
  /** Absent if there were errors. */
  readonly module: ObjectModule | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** Every other file that was read. */
  readonly dependencies: readonly string[];
  readonly definitions: readonly SymbolDefinitionSite[];
  readonly references: readonly SymbolReference[];
  readonly macros: readonly AsmMacro[];
  readonly macroCalls: readonly MacroCall[];
  /** What the C preprocessor found; absent if it was not used. */
  readonly preprocessed: PreprocessResult | undefined;
  /** For the listing: which statement produced which bytes. */
  readonly rows: readonly EmittedRow[];
  /** Every statement assembled, in order. */
  readonly statements: readonly SourceLine[];
}

/** as's own limit on nested macros is 100; a learner's endless recursion should end as early. */
const MAXIMUM_MACRO_DEPTH = 100;
const MAXIMUM_ERRORS = 200;
/** Statements that macros and .rept may produce in all. */
const MAXIMUM_STATEMENTS = 2_000_000;

const DIRECTIVES: Directives = { ...dataDirectives, ...layoutDirectives, ...symbolDirectives };
const STATEMENT_NAME = /[A-Za-z_.$\u0080-\uffff][\w.$\u0080-\uffff]*/y;
/** Directives whose bytes no line of the program stands for. */
const PADDING = /^\.(?:p2align[wl]?|balign[wl]?|align|org|skip|space|zero|fill|comm|lcomm)$/;
const BODY_START = /^\s*(?:[\w.$]+:\s*)*\.(macro|rept|irp|irpc)\b/;

/** The table of instructions is the same for every assembly, and worth keeping: filling it takes some milliseconds. */
const instructionSet = new InstructionSet();

/** Assembles one source. Never throws for what is in the source: errors are diagnostics. */
export function assemble(source: { path: string; text: string }, options: AssembleOptions = {}): AssembleResult {
  return new Assembler(source, options, instructionSet).run();
}

class Assembler {
  private readonly assembly: Assembly;
  private readonly input = new InputStack();
  private readonly conditionals = new Conditionals();
  private readonly macros = new Map<string, AsmMacro>();
  private readonly allMacros: AsmMacro[] = [];
  private readonly macroCalls: MacroCall[] = [];
  private readonly definitions: SymbolDefinitionSite[] = [];
  private macroCounter = 0;
  private readonly statements: SourceLine[] = [];
  private stopped = false;
  /** A file could not be included: what it may define is not worth an error of its own. */
  private missesInclude = false;

  constructor(
    private readonly source: { path: string; text: string },
    private readonly options: AssembleOptions,
    private readonly instructions: InstructionSet,
  ) {
    this.assembly = new Assembly(options.readFile, options.readBinary, options.includePaths ?? []);
  }

  run(): AssembleResult {
    const { source, options, assembly } = this;
    const usesPreprocessor = options.preprocess ?? !source.path.endsWith('.s');
    const preprocessed = usesPreprocessor ? preprocess(source, options) : undefined;
    if (preprocessed !== undefined) {
      assembly.diagnostics.push(...preprocessed.diagnostics);
      this.missesInclude = preprocessed.includes.some(({ path }) => path === undefined);
    }
    this.input.push(
      preprocessed === undefined ? plainLines(source.path, source.text) : withoutComments(preprocessed.lines),
      false,
      0,
    );
    const left = (depth: number): void => {
      for (const line of this.conditionals.unwind(depth)) {
        assembly.report(
          'error',
          'this .if has no .endif',
          line,
          Math.max(0, line.text.search(/\S/)),
          line.text.trimEnd().length,
        );
      }
    };
    for (let line = this.input.next(left); line !== undefined && !this.stopped; line = this.input.next(left))
      this.statement(line);
    const object = finish(assembly, source.path);
    const failed = assembly.diagnostics.some(({ severity }) => severity === 'error');
    return {
      module: failed ? undefined : object,
      diagnostics: assembly.diagnostics,
      dependencies: [...new Set([...(preprocessed?.dependencies ?? []), ...assembly.binaries])],
      definitions: this.definitions,
      references: assembly.references,
      macros: this.allMacros,
      macroCalls: this.macroCalls,
      preprocessed,
      rows: assembly.rows,
      statements: this.statements,
    };
  }

  private statement(line: SourceLine): void {
    const { assembly } = this;
    assembly.line = line;
    assembly.content = 'data';
    const scanner = new Scanner(line);
    if (scanner.atEnd()) return;
    const start = assembly.place;
    try {
      this.countStatement(scanner);
      if (this.conditionals.live) this.statements.push(line);
      this.labelsAndRest(scanner);
    } catch (error) {
      if (!(error instanceof StatementError)) throw error;
      if (error.isUnknownName && this.missesInclude) return;
      assembly.report('error', error.message, line, error.start, error.end);
      if (assembly.diagnostics.length >= MAXIMUM_ERRORS)
        this.giveUp(line, `too many errors; the first ${MAXIMUM_ERRORS} are shown`);
    }
    if (start.fragment.section === assembly.currentSection) assembly.record(start);
  }

  private countStatement(scanner: Scanner): void {
    if (this.statements.length < MAXIMUM_STATEMENTS) return;
    this.giveUp(scanner.line, `macros and repetitions produced more than ${MAXIMUM_STATEMENTS} statements`);
  }

  private giveUp(line: SourceLine, message: string): void {
    this.stopped = true;
    this.assembly.report('error', message, line, Math.max(0, line.text.search(/\S/)), line.text.trimEnd().length);
  }

  private labelsAndRest(scanner: Scanner): void {
    while (this.conditionals.live && this.label(scanner)) if (scanner.atEnd()) return;
    scanner.skipSpace();
    const start = scanner.position;
    STATEMENT_NAME.lastIndex = start;
    const name = STATEMENT_NAME.exec(scanner.text)?.[0];
    if (name === undefined) {
      if (!this.conditionals.live) return;
      if (scanner.peek() === '"' && this.quotedAssignment(scanner)) return;
      return scanner.fail(`expected a label, an instruction or a directive${scanner.found()}`);
    }
    scanner.position = start + name.length;
    const lower = name.toLowerCase();
    if (lower.startsWith('.') && isConditional(lower)) {
      this.conditionals.handle(lower, scanner, {
        absolute: (s, what) => this.assembly.absolute(s, what),
        isDefined: (symbol) => this.assembly.isDefined(symbol),
      });
      return;
    }
    if (!this.conditionals.live) return;
    if (scanner.peek() === '=') {
      this.assignment(name, scanner, start);
      return;
    }
    if (lower.startsWith('.') && this.directive(lower, name, scanner, start)) {
      if (PADDING.test(lower)) this.assembly.content = 'padding';
      return;
    }
    const macro = this.macros.get(lower);
    if (macro !== undefined) this.callMacro(macro, scanner, start);
    else if (lower.startsWith('.')) this.unknownDirective(name, start);
    else this.instruction(scanner, start);
  }

  /** Takes `name:` or `1:` at the cursor. */
  private label(scanner: Scanner): boolean {
    scanner.skipSpace();
    const { text, position } = scanner;
    if (!text.includes(':', position)) return false;
    const match = /^(?:([0-9]+)|([A-Za-z_.$\u0080-\uffff][\w.$\u0080-\uffff]*)|"((?:[^"\\]|\\.)+)")\s*:(?!:)/.exec(
      text.slice(position),
    );
    if (match === null) return false;
    const [whole, digits, plain, quoted] = match;
    scanner.position = position + whole.length;
    if (digits !== undefined) {
      const symbol = this.assembly.symbols.defineNumeric(Number(digits), this.assembly.place);
      symbol.definedAt = this.assembly.locate(position);
      return true;
    }
    const name = plain ?? quoted;
    this.assembly.defineLabel(name, position, position + whole.length);
    this.define(name, 'label', position, position + name.length);
    return true;
  }

  private define(name: string, kind: 'label' | 'constant', start: number, end: number): void {
    const location = this.assembly.locate(start);
    const { assembly } = this;
    this.definitions.push({
      name,
      kind,
      location,
      endColumn: location.column === 0 ? 0 : location.column + end - start,
      get isGlobal() {
        return assembly.symbols.find(name)?.isExternal ?? false;
      },
      get isFunction() {
        return assembly.symbols.find(name)?.type === 'function';
      },
      section: kind === 'label' ? assembly.currentSection.name : undefined,
    });
  }

  private quotedAssignment(scanner: Scanner): boolean {
    const start = scanner.position;
    const name = scanner.name();
    if (name === undefined || scanner.peek() !== '=') return false;
    this.assignment(name, scanner, start);
    return true;
  }

  private assignment(name: string, scanner: Scanner, start: number): void {
    const end = start + name.length;
    scanner.expect('=', 'in the assignment');
    const once = scanner.accept('=');
    const expression = this.assembly.parse(scanner);
    scanner.expectEnd('the value');
    if (name === '.') {
      this.assembly.endFragment(
        { kind: 'org', target: expression, fill: 0, line: scanner.line, start: expression.start, end: expression.end },
        undefined,
      );
      return;
    }
    this.assembly.assign(name, expression, start, end, once);
    this.define(name, 'constant', start, end);
  }

  private directive(name: string, written: string, scanner: Scanner, start: number): boolean {
    switch (name) {
      case '.macro':
        this.defineMacro(scanner, start);
        return true;
      case '.endm':
      case '.endr':
        return scanner.fail(
          `${name} without ${name === '.endm' ? '.macro' : '.rept or .irp'}`,
          start,
          start + written.length,
        );
      case '.exitm':
        this.exitMacro(scanner, start, start + written.length);
        return true;
      case '.purgem':
        this.purgeMacro(scanner);
        return true;
      case '.rept':
      case '.irp':
      case '.irpc':
        this.repeat(name, scanner, start);
        return true;
      case '.end':
        this.input.stop();
        return true;
      case '.include':
        return scanner.fail('.include is not supported: write #include "file"', start, start + written.length);
    }
    const directive = DIRECTIVES[name];
    if (directive === undefined) return false;
    directive(this.assembly, scanner, name);
    if (/^\.(?:set|equ|equiv|eqv)$/.test(name)) {
      const match = /^\s*([\w.$]+)/.exec(scanner.text.slice(start + written.length));
      if (match !== null) {
        const from = start + written.length + match[0].length - match[1].length;
        this.define(match[1], 'constant', from, from + match[1].length);
      }
    }
    return true;
  }

  private unknownDirective(name: string, start: number): never {
    const hint = closest(name.toLowerCase(), [
      ...Object.keys(DIRECTIVES),
      '.macro',
      '.endm',
      '.rept',
      '.endr',
      '.irp',
      '.if',
      '.endif',
      '.else',
    ]);
    const suggestion = hint === undefined ? '' : `; did you mean '${hint}'?`;
    throw new StatementError(`unknown directive '${name}'${suggestion}`, start, start + name.length);
  }

  // Macros

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

  private defineMacro(scanner: Scanner, start: number): void {
    const { line } = scanner;
    const body = this.collectBody('endm', scanner, start);
    const { name, parameters } = parseMacroHeader(scanner);
    const nameStart = scanner.text.indexOf(name, start + '.macro'.length);
    const macro: AsmMacro = { name, parameters, body, location: locationAt(line, nameStart) };
    const key = name.toLowerCase();
    const old = this.macros.get(key);
    if (old !== undefined) {
      throw new StatementError(
        `macro '${name}' is defined already at ${old.location.file}:${old.location.line} (.purgem removes it)`,
        nameStart,
        nameStart + name.length,
      );
    }
    this.macros.set(key, macro);
    this.allMacros.push(macro);
  }

  private exitMacro(scanner: Scanner, start: number, end: number): void {
    const conditionals = this.input.exitMacro();
    if (conditionals === undefined) return scanner.fail('.exitm outside a macro', start, end);
    this.conditionals.unwind(conditionals);
  }

  private purgeMacro(scanner: Scanner): void {
    do {
      scanner.skipSpace();
      const start = scanner.position;
      const name = scanner.name();
      if (name === undefined) return scanner.fail('.purgem needs a macro name');
      if (!this.macros.delete(name.toLowerCase()))
        throw new StatementError(`there is no macro '${name}'`, start, scanner.position);
    } while (scanner.accept(','));
  }

  private callMacro(macro: AsmMacro, scanner: Scanner, start: number): void {
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
    const lines = substitute(macro.body, values, this.macroCounter++, expansion);
    const last = locationAt(line, end - 1);
    this.macroCalls.push({
      macro,
      location: call,
      endColumn: last.line === call.line ? columnAfter(line, end - 1) : call.column + macro.name.length,
      expansion,
      lines,
    });
    this.input.push(lines, true, this.conditionals.depth);
  }

  private repeat(name: string, scanner: Scanner, start: number): void {
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
      const once = substitute(body, new Map(), this.macroCounter, line.expansion);
      for (let index = 0n; index < count; index++) for (const statement of once) lines.push(statement);
    } else {
      const symbol = scanner.name();
      if (symbol === undefined) return scanner.fail(`${name} needs the name that the values take`);
      const values = parseIterationValues(scanner, name === '.irpc');
      lines = values.flatMap((value) =>
        substitute(body, new Map([[symbol, value]]), this.macroCounter, line.expansion),
      );
    }
    this.input.push(lines, false, this.conditionals.depth);
  }

  // Instructions

  private instruction(scanner: Scanner, start: number): void {
    const { assembly } = this;
    const prefixes: number[] = [];
    let rex = 0;
    let position = start;
    let mnemonic: string;
    for (;;) {
      scanner.position = position;
      STATEMENT_NAME.lastIndex = position;
      const name = STATEMENT_NAME.exec(scanner.text)?.[0];
      if (name === undefined) {
        assembly.emit(rex === 0 ? prefixes : [...prefixes, rex]);
        if (!scanner.atEnd()) scanner.fail(`expected an instruction after the prefix${scanner.found()}`);
        return;
      }
      mnemonic = name;
      scanner.position = position + name.length;
      const prefix = PREFIXES[name.toLowerCase()];
      const rexBits = rexPrefix(name.toLowerCase());
      if (prefix === undefined && rexBits === undefined) break;
      if (prefix !== undefined) prefixes.push(prefix);
      else rex |= rexBits as number;
      scanner.skipSpace();
      position = scanner.position;
    }
    if (this.macros.has(mnemonic.toLowerCase()) && prefixes.length > 0) {
      throw new StatementError(`a prefix cannot stand before the macro '${mnemonic}'`, start, scanner.position);
    }
    const end = scanner.position;
    if (this.instructions.readings(mnemonic, assembly.bits).length === 0)
      this.unknownInstruction(mnemonic, position, end);
    const operands = parseOperands(scanner, assembly);
    assembly.content = assembly.bits;
    const encoded = this.instructions.encode(
      { mnemonic, start: position, end, operands, prefixes, rex },
      {
        bits: assembly.bits,
        evaluate: (expression) => assembly.evaluate(expression),
        warn: (message) => assembly.warn(message, position, scanner.text.trimEnd().length),
      },
    );
    if (encoded.jump !== undefined) {
      assembly.emit([]);
      const { short, long, longSize, target } = encoded.jump;
      assembly.endFragment(
        {
          kind: 'jump',
          short,
          long,
          longSize,
          target,
          usesPlt: assembly.bits === 64,
          line: scanner.line,
          start: target.start,
          end: target.end,
          isLong: false,
          external: false,
        },
        undefined,
      );
      return;
    }
    const base = assembly.fragment.bytes.length;
    assembly.emit(encoded.bytes);
    for (const fixup of encoded.fixups) assembly.addFixup(fixup, base);
  }

  private unknownInstruction(mnemonic: string, start: number, end: number): never {
    const macroNames = [...this.macros.keys()];
    const hint = closest(mnemonic.toLowerCase(), [...macroNames, ...this.instructions.names()]);
    const macro = this.macros.get(hint ?? '');
    const meant = macro === undefined ? `'${hint}'` : `the macro '${signatureOf(macro)}'`;
    const suggestion = hint === undefined ? '' : `; did you mean ${meant}?`;
    throw new StatementError(`'${mnemonic}' is neither an instruction nor a macro${suggestion}`, start, end, true);
  }
}
