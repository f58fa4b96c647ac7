/** .debug_info and .debug_abbrev of an assembled module, DWARF 5, with macros as inlined functions. */
import type { MacroExpansion, ObjectModule, Section } from '../elf/object';
import { codeTree, type ExpansionNode, type LabelNode, type OffsetRange, type ScopeNode } from './code-tree';
import type { FileTable } from './file-table';
import * as dw from './format';
import { SectionBuilder, type StringSection } from './section-builder';

/** What describes the unit as a whole. */
export interface UnitDescription {
  readonly module: ObjectModule;
  readonly files: FileTable;
  readonly strings: StringSection;
  readonly lineStrings: StringSection;
  readonly producer: string;
  /** DW_AT_comp_dir, left out if undefined. */
  readonly compilationDirectory: string | undefined;
}

type Attribute = readonly [attribute: number, form: number];

interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: readonly Attribute[];
}

const DECLARATION: readonly Attribute[] = [
  [dw.DW_AT_name, dw.DW_FORM_strp],
  [dw.DW_AT_decl_file, dw.DW_FORM_udata],
  [dw.DW_AT_decl_line, dw.DW_FORM_udata],
];
const EXTENT: readonly Attribute[] = [
  [dw.DW_AT_low_pc, dw.DW_FORM_addr],
  [dw.DW_AT_high_pc, dw.DW_FORM_data4],
];
const RANGES: readonly Attribute[] = [[dw.DW_AT_ranges, dw.DW_FORM_sec_offset]];
const CALL: readonly Attribute[] = [
  [dw.DW_AT_abstract_origin, dw.DW_FORM_ref4],
  [dw.DW_AT_call_file, dw.DW_FORM_udata],
  [dw.DW_AT_call_line, dw.DW_FORM_udata],
  [dw.DW_AT_call_column, dw.DW_FORM_udata],
];

/** Writes .debug_info, .debug_abbrev and .debug_rnglists. */
export function writeInfo(unit: UnitDescription): Section[] {
  return new InfoWriter(unit).write();
}

class InfoWriter {
  private readonly info = new SectionBuilder('.debug_info');
  private readonly abbreviations = new AbbreviationTable();
  private readonly ranges = new RangeListWriter();
  private readonly macros = new Map<string, number>();

  constructor(private readonly unit: UnitDescription) {}

  write(): Section[] {
    const { module } = this.unit;
    const scopes = module.sections.flatMap((section) => codeTree(module, section));
    this.info.u32(0);
    this.info.u16(5);
    this.info.u8(dw.DW_UT_compile);
    this.info.u8(8);
    this.info.sectionOffset('.debug_abbrev', 0);
    this.compileUnit(scopes);
    for (const scope of scopes) for (const node of scope.expansions) this.macroDefinitions(node);
    for (const scope of scopes) this.scope(scope);
    this.info.u8(0);
    this.info.patchU32(0, this.info.length - 4);
    return [this.info.section(), this.abbreviations.section(), this.ranges.section()];
  }

  private compileUnit(scopes: readonly ScopeNode[]): void {
    const { module, strings, lineStrings, producer, compilationDirectory } = this.unit;
    const directory: Attribute[] =
      compilationDirectory === undefined ? [] : [[dw.DW_AT_comp_dir, dw.DW_FORM_line_strp]];
    this.entry(dw.DW_TAG_compile_unit, true, [
      [dw.DW_AT_stmt_list, dw.DW_FORM_sec_offset],
      [dw.DW_AT_low_pc, dw.DW_FORM_addr],
      ...RANGES,
      [dw.DW_AT_name, dw.DW_FORM_line_strp],
      ...directory,
      [dw.DW_AT_producer, dw.DW_FORM_strp],
      [dw.DW_AT_language, dw.DW_FORM_data2],
    ]);
    this.info.sectionOffset('.debug_line', 0);
    this.info.u64(0);
    const extents = scopes.map(({ section, range }) => ({ section, ...range }));
    this.info.sectionOffset(this.ranges.name, this.ranges.add(extents));
    this.info.sectionOffset(lineStrings.name, lineStrings.offsetOf(module.source));
    if (compilationDirectory !== undefined) {
      this.info.sectionOffset(lineStrings.name, lineStrings.offsetOf(compilationDirectory));
    }
    this.info.sectionOffset(strings.name, strings.offsetOf(producer));
    this.info.u16(dw.DW_LANG_Mips_Assembler);
  }

  /** The abstract instance of every macro expanded in `node`, once each. */
  private macroDefinitions({ expansion, children }: ExpansionNode): void {
    const key = macroKey(expansion);
    if (!this.macros.has(key)) {
      this.macros.set(key, this.info.length);
      this.entry(dw.DW_TAG_subprogram, false, [...DECLARATION, [dw.DW_AT_inline, dw.DW_FORM_data1]]);
      this.declaration(expansion.macro, expansion.definition);
      this.info.u8(dw.DW_INL_declared_inlined);
    }
    for (const child of children) this.macroDefinitions(child);
  }

  private scope({ function: declared, section, range, labels, expansions }: ScopeNode): void {
    const hasChildren = labels.length + expansions.length > 0;
    if (declared) {
      const external: Attribute[] =
        declared.symbol.binding === 'local' ? [] : [[dw.DW_AT_external, dw.DW_FORM_flag_present]];
      this.entry(dw.DW_TAG_subprogram, hasChildren, [...DECLARATION, ...external, ...EXTENT]);
      this.declaration(declared.symbol.name, declared.declared);
      this.extent(section, range);
    }
    for (const label of labels) this.label(section, label);
    for (const node of expansions) this.expansion(section, node);
    if (declared && hasChildren) this.info.u8(0);
  }

  private label(section: string, { symbol, declared }: LabelNode): void {
    this.entry(dw.DW_TAG_label, false, [...DECLARATION, [dw.DW_AT_low_pc, dw.DW_FORM_addr]]);
    this.declaration(symbol.name, declared);
    this.info.address(section, Number(symbol.value));
  }

  private expansion(section: string, { expansion, ranges, children }: ExpansionNode): void {
    const [only] = ranges.length === 1 ? ranges : [];
    this.entry(dw.DW_TAG_inlined_subroutine, children.length > 0, [...CALL, ...(only ? EXTENT : RANGES)]);
    this.info.u32(this.macros.get(macroKey(expansion)) ?? 0);
    this.info.uleb(this.unit.files.indexOf(expansion.call.file));
    this.info.uleb(expansion.call.line);
    this.info.uleb(expansion.call.column);
    if (only) this.extent(section, only);
    else this.info.sectionOffset(this.ranges.name, this.ranges.add(ranges.map((range) => ({ section, ...range }))));
    if (children.length === 0) return;
    for (const child of children) this.expansion(section, child);
    this.info.u8(0);
  }

  private entry(tag: number, hasChildren: boolean, attributes: readonly Attribute[]): void {
    this.info.uleb(this.abbreviations.code({ tag, hasChildren, attributes }));
  }

  private declaration(name: string, { file, line }: MacroExpansion['definition']): void {
    this.info.sectionOffset(this.unit.strings.name, this.unit.strings.offsetOf(name));
    this.info.uleb(this.unit.files.indexOf(file));
    this.info.uleb(line);
  }

  private extent(section: string, { start, end }: OffsetRange): void {
    this.info.address(section, start);
    this.info.u32(end - start);
  }
}

function macroKey({ macro, definition }: MacroExpansion): string {
  return `${macro}\0${definition.file}\0${definition.line}\0${definition.column}`;
}

/** .debug_abbrev: every shape of entry once. */
class AbbreviationTable {
  private readonly codes = new Map<string, number>();
  private readonly writer = new SectionBuilder('.debug_abbrev');

  code(abbreviation: Abbreviation): number {
    const key = JSON.stringify(abbreviation);
    let code = this.codes.get(key);
    if (code === undefined) {
      code = this.codes.size + 1;
      this.codes.set(key, code);
      this.writer.uleb(code);
      this.writer.uleb(abbreviation.tag);
      this.writer.u8(abbreviation.hasChildren ? 1 : 0);
      for (const [attribute, form] of [...abbreviation.attributes, [0, 0]] as const) {
        this.writer.uleb(attribute);
        this.writer.uleb(form);
      }
    }
    return code;
  }

  section(): Section {
    this.writer.u8(0);
    return this.writer.section();
  }
}

/** .debug_rnglists (DWARF 5, section 7.28); lists are referred to by offset, so there is no offset table. */
class RangeListWriter {
  private readonly writer = new SectionBuilder('.debug_rnglists');

  constructor() {
    this.writer.u32(0);
    this.writer.u16(5);
    this.writer.u8(8);
    this.writer.u8(0);
    this.writer.u32(0);
  }

  get name(): string {
    return this.writer.name;
  }

  /** Appends a list and returns its offset. */
  add(ranges: readonly (OffsetRange & { readonly section: string })[]): number {
    const offset = this.writer.length;
    for (const { section, start, end } of ranges) {
      this.writer.u8(dw.DW_RLE_start_length);
      this.writer.address(section, start);
      this.writer.uleb(end - start);
    }
    this.writer.u8(dw.DW_RLE_end_of_list);
    return offset;
  }

  section(): Section {
    this.writer.patchU32(0, this.writer.length - 4);
    return this.writer.section();
  }
}
