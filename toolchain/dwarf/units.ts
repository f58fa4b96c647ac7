/** Reads the units of .debug_info, DWARF versions 2 to 5: what covers which addresses, and what is inlined where. */
import type { ByteReader } from '../elf/bytes';
import type { MacroExpansion, SourceLocation } from '../elf/object';
import { type Abbreviation, readAbbreviations } from './abbreviations';
import {
  type AttributeSpecification,
  type Encoding,
  FormReader,
  isAddressForm,
  readOffset,
  readUnitLength,
  skipForm,
} from './forms';
import * as dw from './format';
import { LineTable } from './lines';
import { type AddressRange, readRanges } from './ranges';
import type { DwarfSections } from './sections';

/** A macro expansion (or an inlined function) in an image, with the code it made. */
export interface CodeExpansion extends MacroExpansion {
  readonly parent: CodeExpansion | undefined;
  readonly ranges: readonly AddressRange[];
}

/** A function with the expansions in it, or an expansion with those in it. */
export interface CodeScope {
  /** Undefined for a function. */
  readonly expansion: CodeExpansion | undefined;
  readonly name: string;
  readonly ranges: readonly AddressRange[];
  readonly children: readonly CodeScope[];
}

/** Chains of DW_AT_abstract_origin and DW_AT_specification are short; longer ones are circles. */
const LONGEST_REFERENCE_CHAIN = 8;

/** All units of .debug_info, unread but for their headers. Throws DwarfError. */
export function readUnits(sections: DwarfSections): Unit[] {
  const units: Unit[] = [];
  const unitAt = (offset: number): Unit | undefined => units.find((unit) => offset >= unit.offset && offset < unit.end);
  const abbreviations = new Map<string, Map<number, Abbreviation>>();
  const info = sections.reader('.debug_info', 0);
  while (!info.atEnd) {
    const offset = info.position;
    const { length, is64 } = readUnitLength(info);
    const reader = info.slice(length);
    const header = readUnitHeader(reader, is64);
    if (!header) continue;
    const key = `${header.abbreviations} ${header.encoding.version} ${header.encoding.addressSize} ${is64}`;
    const load = (): Map<number, Abbreviation> => {
      const table = abbreviations.get(key) ?? readAbbreviations(sections, header.abbreviations, header.encoding);
      abbreviations.set(key, table);
      return table;
    };
    units.push(new Unit(sections, offset, reader, header.encoding, load, unitAt));
  }
  return units;
}

/** The header of a unit that describes code; undefined for type units and other kinds. */
function readUnitHeader(reader: ByteReader, is64: boolean): { encoding: Encoding; abbreviations: number } | undefined {
  const version = reader.u16();
  if (version < 2 || version > 5) reader.fail(`DWARF version ${version} is not known`);
  if (version < 5) {
    const abbreviations = readOffset(reader, { version, is64, addressSize: 0 });
    return { encoding: { version, is64, addressSize: reader.u8() }, abbreviations };
  }
  const type = reader.u8();
  const addressSize = reader.u8();
  const encoding = { version, is64, addressSize };
  const abbreviations = readOffset(reader, encoding);
  if (type === dw.DW_UT_type || type === dw.DW_UT_split_type) return undefined;
  if (type === dw.DW_UT_skeleton || type === dw.DW_UT_split_compile) reader.skip(8);
  return { encoding, abbreviations };
}

/** The attributes of the unit's own entry that matter here. */
interface UnitRoot {
  readonly name: string;
  readonly directory: string;
  readonly language: number;
  readonly lineTable: LineTable | undefined;
  readonly ranges: readonly AddressRange[];
  readonly lowPc: bigint;
  readonly forms: FormReader;
}

/** A value found by `attributesOf`: how it is encoded and where. */
interface AttributeValue {
  readonly specification: AttributeSpecification;
  readonly position: number;
}

export class Unit {
  readonly end: number;
  /** For reading single values; the walk over the entries has its own reader. */
  private readonly cursor: ByteReader;
  private cachedRoot: UnitRoot | undefined;
  private cachedScopes: CodeScope[] | undefined;
  private cachedAbbreviations: Map<number, Abbreviation> | undefined;

  constructor(
    private readonly sections: DwarfSections,
    /** Of the unit's header in .debug_info. */
    readonly offset: number,
    /** In front of the first entry. */
    private readonly entries: ByteReader,
    private readonly encoding: Encoding,
    private readonly loadAbbreviations: () => Map<number, Abbreviation>,
    private readonly unitAt: (offset: number) => Unit | undefined,
  ) {
    this.end = entries.end;
    this.cursor = entries.at(entries.position);
  }

  get root(): UnitRoot {
    this.cachedRoot ??= this.readRoot();
    return this.cachedRoot;
  }

  /** Functions in order of address. */
  get scopes(): readonly CodeScope[] {
    this.cachedScopes ??= this.readScopes();
    return this.cachedScopes;
  }

  private get abbreviations(): Map<number, Abbreviation> {
    this.cachedAbbreviations ??= this.loadAbbreviations();
    return this.cachedAbbreviations;
  }

  private readRoot(): UnitRoot {
    const reader = this.entries.at(this.entries.position);
    const abbreviation = this.abbreviation(reader);
    if (!abbreviation) return reader.fail('the unit has no entry');
    const values = this.attributesOf(reader, abbreviation);
    const plain = new FormReader(this.sections, this.encoding, { strings: 0, addresses: 0, ranges: 0 });
    const number = (attribute: number): number | undefined => {
      const value = values.get(attribute);
      return value && plain.number(this.seek(value), value.specification);
    };
    const headerSize = this.encoding.is64 ? 16 : 8;
    const forms = new FormReader(this.sections, this.encoding, {
      strings: number(dw.DW_AT_str_offsets_base) ?? headerSize,
      addresses: number(dw.DW_AT_addr_base) ?? headerSize,
      ranges: number(dw.DW_AT_rnglists_base) ?? headerSize + 4,
    });
    const text = (attribute: number): string => {
      const value = values.get(attribute);
      return (value && forms.string(this.seek(value), value.specification)) ?? '';
    };
    const low = values.get(dw.DW_AT_low_pc);
    const lowPc = low ? forms.address(this.seek(low), low.specification) : 0n;
    const directory = text(dw.DW_AT_comp_dir);
    const lines = number(dw.DW_AT_stmt_list);
    return {
      name: text(dw.DW_AT_name),
      directory,
      language: number(dw.DW_AT_language) ?? 0,
      lineTable:
        lines !== undefined && lines < this.sections.size('.debug_line')
          ? new LineTable(this.sections, lines, forms, directory)
          : undefined,
      ranges: this.rangesOf(values, forms, lowPc),
      lowPc,
      forms,
    };
  }

  /** Ranges by DW_AT_ranges or DW_AT_low_pc and DW_AT_high_pc, of code that is in the image. */
  private rangesOf(
    values: ReadonlyMap<number, AttributeValue>,
    forms: FormReader,
    base: bigint,
  ): readonly AddressRange[] {
    const ranges = values.get(dw.DW_AT_ranges);
    if (ranges) {
      const { form } = ranges.specification;
      const value = forms.number(this.seek(ranges), ranges.specification);
      return readRanges(forms, form, value, base).filter(({ start }) => this.sections.isCode(start));
    }
    const low = values.get(dw.DW_AT_low_pc);
    const high = values.get(dw.DW_AT_high_pc);
    if (!low || !high) return [];
    const start = forms.address(this.seek(low), low.specification);
    const end = isAddressForm(high.specification.form)
      ? forms.address(this.seek(high), high.specification)
      : start + BigInt(forms.number(this.seek(high), high.specification));
    return end > start && this.sections.isCode(start) ? [{ start, end }] : [];
  }

  /** The abbreviation whose code comes next; undefined for the null entry. */
  private abbreviation(reader: ByteReader): Abbreviation | undefined {
    const code = reader.uleb();
    if (code === 0) return undefined;
    return this.abbreviations.get(code) ?? reader.fail(`abbreviation ${code} is not declared`);
  }

  /** Where the values of an entry are; the reader moves behind them. */
  private attributesOf(reader: ByteReader, { attributes }: Abbreviation): Map<number, AttributeValue> {
    const values = new Map<number, AttributeValue>();
    for (const specification of attributes) {
      values.set(specification.attribute, { specification, position: reader.position });
      skipForm(reader, specification.form, this.encoding);
    }
    return values;
  }

  private seek({ position }: AttributeValue): ByteReader {
    this.cursor.position = position;
    return this.cursor;
  }

  private skipAttributes(reader: ByteReader, { attributes, size }: Abbreviation): void {
    if (size !== undefined) reader.skip(size);
    else for (const { form } of attributes) skipForm(reader, form, this.encoding);
  }

  private readScopes(): CodeScope[] {
    const functions: CodeScope[] = [];
    const reader = this.entries.at(this.entries.position);
    // One element per open entry: where scopes inside it go, and the expansion they are in.
    const open: { into: CodeScope[]; expansion: CodeExpansion | undefined }[] = [];
    do {
      const abbreviation = this.abbreviation(reader);
      if (!abbreviation) {
        open.pop();
        continue;
      }
      const around = open.at(-1) ?? { into: functions, expansion: undefined };
      let inside = around;
      if (abbreviation.tag === dw.DW_TAG_subprogram || abbreviation.tag === dw.DW_TAG_inlined_subroutine) {
        const values = this.attributesOf(reader, abbreviation);
        const isInlined = abbreviation.tag === dw.DW_TAG_inlined_subroutine;
        const scope = this.scope(values, isInlined, around.expansion);
        if (scope.ranges.length > 0) (isInlined ? around.into : functions).push(scope);
        inside = { into: scope.children, expansion: scope.expansion };
      } else {
        this.skipAttributes(reader, abbreviation);
      }
      if (abbreviation.hasChildren) open.push(inside);
    } while (open.length > 0 && !reader.atEnd);
    return functions;
  }

  private scope(
    values: ReadonlyMap<number, AttributeValue>,
    isInlined: boolean,
    parent: CodeExpansion | undefined,
  ): CodeScope & { children: CodeScope[] } {
    const { forms, lowPc } = this.root;
    const ranges = this.rangesOf(values, forms, lowPc);
    // Abstract instances and functions that were dropped are not looked at further.
    if (ranges.length === 0) return { expansion: undefined, name: '', ranges, children: [] };
    const { name, declared } = this.declaration(values, LONGEST_REFERENCE_CHAIN);
    if (!isInlined) return { expansion: undefined, name, ranges, children: [] };
    const number = (attribute: number): number => {
      const value = values.get(attribute);
      return value ? forms.number(this.seek(value), value.specification) : 0;
    };
    const call: SourceLocation = {
      file: this.file(number(dw.DW_AT_call_file)),
      line: number(dw.DW_AT_call_line),
      column: number(dw.DW_AT_call_column),
    };
    const expansion: CodeExpansion = { macro: name, definition: declared, call, parent, ranges };
    return { expansion, name, ranges, children: [] };
  }

  /** Name and place of declaration, its own or those of the entry it refers to. */
  private declaration(
    values: ReadonlyMap<number, AttributeValue>,
    depth: number,
  ): { name: string; declared: SourceLocation } {
    const { forms } = this.root;
    const name = values.get(dw.DW_AT_name) ?? values.get(dw.DW_AT_linkage_name);
    const file = values.get(dw.DW_AT_decl_file);
    const line = values.get(dw.DW_AT_decl_line);
    const reference = values.get(dw.DW_AT_abstract_origin) ?? values.get(dw.DW_AT_specification);
    const inherited =
      reference && depth > 0 && !(name && file && line) ? this.referredDeclaration(reference, depth - 1) : undefined;
    return {
      name: (name && forms.string(this.seek(name), name.specification)) ?? inherited?.name ?? '',
      declared: {
        file: file ? this.file(forms.number(this.seek(file), file.specification)) : (inherited?.declared.file ?? ''),
        line: line ? forms.number(this.seek(line), line.specification) : (inherited?.declared.line ?? 0),
        column: 0,
      },
    };
  }

  private referredDeclaration(reference: AttributeValue, depth: number) {
    const { form } = reference.specification;
    const value = this.root.forms.number(this.seek(reference), reference.specification);
    const target = form === dw.DW_FORM_ref_addr ? value : this.offset + value;
    const unit = form === dw.DW_FORM_ref_addr ? this.unitAt(target) : this;
    // Entries of a supplementary file or of type units are not at hand.
    return unit && target >= unit.entries.position && target < unit.end ? unit.declarationAt(target, depth) : undefined;
  }

  private declarationAt(offset: number, depth: number): { name: string; declared: SourceLocation } | undefined {
    const reader = this.entries.at(offset);
    const abbreviation = this.abbreviation(reader);
    return abbreviation && this.declaration(this.attributesOf(reader, abbreviation), depth);
  }

  private file(index: number): string {
    return this.root.lineTable?.files[index] ?? '';
  }
}
