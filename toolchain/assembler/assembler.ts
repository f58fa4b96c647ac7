/** The assembler: reads statements, expands macros, and hands directives and instructions to those who know them. */
import { preprocess, type SourceLine } from '../preprocessor';
import { Assembly } from './assembly';
import { Conditionals, isConditional } from './conditionals';
import { dataDirectives } from './directives/data';
import type { Directives } from './directives/directive';
import { layoutDirectives } from './directives/layout';
import { parseString } from './directives/strings';
import { symbolDirectives } from './directives/symbols';
import { InstructionSet } from './instruction-set';
import { InputStack, MAXIMUM_STATEMENTS, plainLines, withoutComments } from './input';
import { MacroProcessor } from './macro-processor';
import { signatureOf } from './macros';
import { PREFIXES, rexPrefix } from './mnemonics';
import { finish } from './object-module';
import { parseOperands } from './operands';
import type { AssembleOptions, AssembleResult, SymbolDefinitionSite } from './result';
import { registerNamed } from './registers';
import { Scanner, StatementError } from './scanner';
import { closest } from './suggestions';

const MAXIMUM_ERRORS = 200;
const MAXIMUM_INCLUDE_DEPTH = 200;

const DIRECTIVES: Directives = { ...dataDirectives, ...layoutDirectives, ...symbolDirectives };
const STATEMENT_NAME = /[A-Za-z_.$\u0080-\uffff][\w.$\u0080-\uffff]*/y;
/** Directives whose bytes no line of the program stands for. */
const PADDING = /^\.(?:p2align[wl]?|balign[wl]?|align|org|skip|space|zero|fill|comm|lcomm)$/;

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
  private readonly macros: MacroProcessor;
  private readonly definitions: SymbolDefinitionSite[] = [];
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
    this.macros = new MacroProcessor(this.assembly, this.input, this.conditionals);
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
    this.warnOfNakedRegisters();
    const failed = assembly.diagnostics.some(({ severity }) => severity === 'error');
    return {
      module: failed ? undefined : object,
      diagnostics: assembly.diagnostics,
      dependencies: [...new Set([...(preprocessed?.dependencies ?? []), ...assembly.files])],
      definitions: this.definitions,
      references: assembly.references,
      macros: this.macros.all,
      macroCalls: this.macros.calls,
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

  /** `mov rax, %rbx` is valid, `rax` being a symbol; but if nothing defines it, a % is missing. */
  private warnOfNakedRegisters(): void {
    const { assembly } = this;
    const naked = assembly.symbols.all().filter((symbol) => {
      const isMeant = symbol.definition === undefined && symbol.isUsed && !symbol.isExternal;
      return isMeant && registerNamed(symbol.name) !== undefined;
    });
    for (const { name } of naked) {
      const reference = assembly.references.find((each) => each.name === name);
      if (reference === undefined) continue;
      const { location, endColumn } = reference;
      const message = `'${name}' is read as a symbol, which is not defined here: the register is written %${name}`;
      assembly.diagnostics.push({ severity: 'warning', message, location, endColumn, expansion: undefined });
    }
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
      if (scanner.peek() === '{')
        return scanner.fail('encoding hints in braces are not supported: as chooses the encoding');
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
    const macro = this.macros.named(lower);
    if (macro !== undefined) this.macros.call(macro, scanner, start);
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
        this.macros.define(scanner, start);
        return true;
      case '.endm':
      case '.endr':
        return scanner.fail(
          `${name} without ${name === '.endm' ? '.macro' : '.rept or .irp'}`,
          start,
          start + written.length,
        );
      case '.exitm':
        this.macros.exit(scanner, start, start + written.length);
        return true;
      case '.purgem':
        this.macros.purge(scanner);
        return true;
      case '.rept':
      case '.irp':
      case '.irpc':
        this.macros.repeat(name, scanner, start);
        return true;
      case '.end':
        this.input.stop();
        return true;
      case '.include':
        this.include(scanner, start);
        return true;
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

  /** `.include "file"`: the file's lines take the place of the directive, without the C preprocessor. */
  private include(scanner: Scanner, start: number): void {
    const name = String.fromCharCode(...parseString(scanner));
    const end = scanner.position;
    scanner.expectEnd('the file name');
    if (this.input.depth >= MAXIMUM_INCLUDE_DEPTH) {
      throw new StatementError(`'${name}' includes itself without end`, start, end);
    }
    const { path, content } = this.assembly.findFile(name, (file) => this.options.readFile?.(file), start, end);
    this.input.push(plainLines(path, content), false, this.conditionals.depth);
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
    if (this.macros.named(mnemonic.toLowerCase()) !== undefined && prefixes.length > 0) {
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
    const macroNames = this.macros.names();
    const hint = closest(mnemonic.toLowerCase(), [...macroNames, ...this.instructions.names()]);
    const macro = this.macros.named(hint ?? '');
    const meant = macro === undefined ? `'${hint}'` : `the macro '${signatureOf(macro)}'`;
    const suggestion = hint === undefined ? '' : `; did you mean ${meant}?`;
    throw new StatementError(`'${mnemonic}' is neither an instruction nor a macro${suggestion}`, start, end, true);
  }
}
