/** The state of one assembly: sections, symbols, the current place, and what went wrong. */
import type { Diagnostic, SourceLocation } from '../elf/object';
import {
  diagnosticAt,
  directoryOf,
  isAbsolute,
  joinPath,
  locationAt,
  type ReadFile,
  type SourceLine,
} from '../preprocessor';
import {
  isConstant,
  numberExpression,
  parseExpression,
  reduce,
  type Expression,
  type NameResolver,
  type Value,
} from './expressions';
import { fixedDistance } from './layout';
import { StatementError, type Scanner } from './scanner';
import {
  AsmSection,
  defaultAttributes,
  type Fixup,
  type FixupKind,
  type Fragment,
  type Place,
  type SectionAttributes,
  type Tail,
} from './sections';
import { SymbolTable, type AsmSymbol, type SymbolReference } from './symbols';

/** Where bytes go. */
interface Position {
  readonly section: AsmSection;
  readonly subsection: number;
}

/** Bytes one statement produced: from `start` to `end`. */
export interface EmittedRow {
  readonly line: SourceLine;
  readonly start: Place;
  readonly end: Place;
  readonly section: AsmSection;
  /** Code size of an instruction, data, or bytes that no line of the program stands for. */
  readonly content: 32 | 64 | 'data' | 'padding';
}

export class Assembly implements NameResolver {
  readonly symbols = new SymbolTable();
  readonly sections = new Map<string, AsmSection>();
  readonly diagnostics: Diagnostic[] = [];
  readonly rows: EmittedRow[] = [];
  readonly references: SymbolReference[] = [];
  /** Files read by .incbin and .include. */
  readonly files = new Set<string>();
  bits: 32 | 64 = 64;
  /** What the statement being assembled emits: an instruction, or data. */
  content: EmittedRow['content'] = 'data';
  private position: Position;
  private previous: Position | undefined;
  private readonly pushed: { position: Position; previous: Position | undefined }[] = [];
  /** The statement being assembled. */
  line: SourceLine = { text: '', file: '', line: 0, columns: undefined, expansion: undefined, macros: [] };

  constructor(
    readonly readFile: ReadFile | undefined,
    readonly readBinary: ((path: string) => Uint8Array | undefined) | undefined,
    readonly includePaths: readonly string[],
  ) {
    for (const name of ['.text', '.data', '.bss']) this.section(name);
    this.position = { section: this.section('.text'), subsection: 0 };
  }

  // Diagnostics

  report(severity: Diagnostic['severity'], message: string, line: SourceLine, start: number, end: number): void {
    this.diagnostics.push(diagnosticAt(severity, message, line, start, end));
  }

  warn(message: string, start = this.line.text.search(/\S/), end = this.line.text.trimEnd().length): void {
    this.report('warning', message, this.line, start, end);
  }

  /** Reads the file a directive names: beside the source, then in the include paths. */
  findFile<T>(
    name: string,
    read: (path: string) => T | undefined,
    start: number,
    end: number,
  ): { path: string; content: T } {
    const tried: string[] = [];
    for (const directory of isAbsolute(name) ? [''] : [directoryOf(this.line.file), ...this.includePaths]) {
      const path = joinPath(directory, name);
      const content = read(path);
      if (content !== undefined) {
        this.files.add(path);
        return { path, content };
      }
      tried.push(directory === '' ? '.' : directory);
    }
    throw new StatementError(`cannot find '${name}': looked in ${tried.join(', ')}`, start, end);
  }

  // Sections

  section(name: string): AsmSection {
    let section = this.sections.get(name);
    if (section === undefined) {
      section = new AsmSection(name, defaultAttributes(name), false);
      this.sections.set(name, section);
    }
    return section;
  }

  get currentSection(): AsmSection {
    return this.position.section;
  }

  get fragment(): Fragment {
    return this.position.section.current(this.position.subsection);
  }

  enter(section: AsmSection, subsection = 0): void {
    this.previous = this.position;
    this.position = { section, subsection };
  }

  pushSection(): void {
    this.pushed.push({ position: this.position, previous: this.previous });
  }

  popSection(): boolean {
    const saved = this.pushed.pop();
    if (saved === undefined) return false;
    this.position = saved.position;
    this.previous = saved.previous;
    return true;
  }

  /** `.previous` */
  swapSection(): boolean {
    if (this.previous === undefined) return false;
    [this.position, this.previous] = [this.previous, this.position];
    return true;
  }

  /** Gives a section attributes unless it has others already. */
  setAttributes(section: AsmSection, attributes: SectionAttributes): void {
    section.attributes = attributes;
    section.explicit = true;
  }

  // The current place

  get place(): Place {
    const { fragment } = this;
    return { fragment, offset: fragment.bytes.length };
  }

  emit(bytes: ArrayLike<number>): void {
    this.checkContent();
    this.fragment.bytes.append(bytes);
  }

  /** A value of `size` bytes that may need a relocation. */
  emitValue(expression: Expression, size: number, kind: FixupKind = 'absolute'): void {
    this.checkContent();
    const { fragment } = this;
    const value = this.evaluate(expression);
    if (value !== undefined && isConstant(value) && value.modifier === undefined) {
      const wide = expression.kind === 'number' ? expression.value : value.number;
      this.checkRange(wide, size, expression);
      fragment.bytes.appendInteger(wide, size);
      return;
    }
    this.addFixup({ offset: 0, size, expression, kind, bias: 0, relaxableGot: 'none' }, fragment.bytes.length);
    fragment.bytes.append(new Uint8Array(size));
  }

  /** Registers a fixup at `base` plus its offset in the current fragment. */
  addFixup(fixup: Omit<Fixup, 'line' | 'start' | 'end'>, base: number): void {
    const { start, end } = fixup.expression;
    this.fragment.fixups.push({ ...fixup, offset: base + fixup.offset, line: this.line, start, end });
  }

  private checkRange(value: bigint, size: number, { start, end }: Expression): void {
    const bits = BigInt(8 * size);
    if (size > 8 || (value >= -(1n << bits) && value < 1n << bits)) return;
    this.warn(
      `value ${value < 0n ? '-' : ''}0x${(value < 0n ? -value : value).toString(16)} is cut off to ${size} byte${size === 1 ? '' : 's'}`,
      start,
      end,
    );
  }

  private checkContent(): void {
    if (this.currentSection.isNobits) {
      throw new StatementError(
        `section ${this.currentSection.name} has no contents in the file: only reserve space in it (.skip, .zero)`,
        Math.max(0, this.line.text.search(/\S/)),
        this.line.text.trimEnd().length,
      );
    }
  }

  /** Ends the current fragment with something whose size may depend on addresses. */
  endFragment(tail: Tail, fixedSize: number | undefined): void {
    this.position.section.endFragment(this.position.subsection, tail, fixedSize);
  }

  /** Pads to a multiple of `alignment`. */
  align(alignment: number, fill: Uint8Array | undefined, limit: number): void {
    const section = this.currentSection;
    section.alignment = Math.max(section.alignment, alignment);
    if (alignment > 1) this.endFragment({ kind: 'align', alignment, fill, limit }, undefined);
  }

  /** Notes what the current statement has put in since `start`. */
  record(start: Place): void {
    const { place } = this;
    if (start.fragment === place.fragment && start.offset === place.offset) return;
    this.rows.push({
      line: this.line,
      start,
      end: place,
      section: this.currentSection,
      content: this.content,
    });
  }

  // Names

  symbol(name: string, scanner: Scanner, start: number, end: number): AsmSymbol {
    this.reference(name, scanner.line, start, end);
    return this.symbols.get(name);
  }

  reference(name: string, line: SourceLine, start: number, end: number): void {
    const location = locationAt(line, start);
    this.references.push({ name, location, endColumn: location.column === 0 ? 0 : location.column + end - start });
  }

  here(): AsmSymbol {
    return this.symbols.internal('.', { kind: 'label', place: this.place });
  }

  numeric(label: number, direction: 'b' | 'f', line: SourceLine, start: number, end: number): AsmSymbol | undefined {
    const symbol = this.symbols.numericReference(label, direction);
    const location = locationAt(line, start);
    this.references.push({
      name: `${label}${direction}`,
      location,
      endColumn: location.column === 0 ? 0 : location.column + end - start,
      get label() {
        return symbol?.definedAt;
      },
    });
    return symbol;
  }

  /** as adds the offset table to the symbols of an object that may need it. */
  usesOffsetTable(): void {
    this.symbols.get('_GLOBAL_OFFSET_TABLE_').isUsed = true;
  }

  locate(start: number): SourceLocation {
    return locationAt(this.line, start);
  }

  defineLabel(name: string, start: number, end: number): void {
    const symbol = this.symbols.get(name);
    if (symbol.definition !== undefined) {
      const before = symbol.definedAt;
      const where = before === undefined ? '' : `; its first definition is at ${before.file}:${before.line}`;
      throw new StatementError(`'${name}' is defined twice${where}`, start, end);
    }
    symbol.definition = { kind: 'label', place: this.place };
    symbol.definedAt = this.locate(start);
  }

  /** `name = expression`; `once` for .equiv. */
  assign(name: string, expression: Expression, start: number, end: number, once: boolean): void {
    let symbol = this.symbols.get(name);
    if (symbol.definition !== undefined) {
      if (once || symbol.definition.kind !== 'equate') {
        const before = symbol.definedAt;
        const where = before === undefined ? '' : ` at ${before.file}:${before.line}`;
        throw new StatementError(`'${name}' is defined already${where}`, start, end);
      }
      symbol = this.symbols.replace(symbol);
    }
    const value = this.evaluate(expression);
    const known =
      value !== undefined && isConstant(value)
        ? numberExpression(value.number, expression.start, expression.end)
        : expression;
    symbol.definition = { kind: 'equate', expression: known };
    symbol.definedAt = this.locate(start);
  }

  // Expressions

  evaluate(expression: Expression): Value | undefined {
    return reduce(expression, fixedDistance);
  }

  parse(scanner: Scanner): Expression {
    return parseExpression(scanner, this);
  }

  /** An expression that must be a number now; `what` names it in the message. */
  absolute(scanner: Scanner, what: string): bigint {
    const expression = this.parse(scanner);
    const value = this.evaluate(expression);
    if (value !== undefined && isConstant(value)) return value.number;
    const symbol = value?.add ?? value?.sub;
    const reason =
      symbol === undefined
        ? 'its value is not known here'
        : symbol.definition === undefined
          ? `'${symbol.name}' is not defined before this line`
          : 'the distance is not known yet: something between may still change its size';
    const isUnknown = symbol !== undefined && symbol.definition === undefined;
    throw new StatementError(`${what} must be a number, but ${reason}`, expression.start, expression.end, isUnknown);
  }

  isDefined(name: string): boolean {
    return this.symbols.find(name)?.definition !== undefined;
  }
}
