/** .debug_line of an assembled module, DWARF 5 (chapter 6.2). */
import { SHF_EXECINSTR } from '../elf/format';
import { expansionChain } from '../elf/line-rows';
import type { LineRow, MacroExpansion, ObjectModule, Section, SourceLocation } from '../elf/object';
import type { FileTable } from './file-table';
import {
  DW_FORM_line_strp,
  DW_FORM_udata,
  DW_LNCT_directory_index,
  DW_LNCT_path,
  DW_LNE_end_sequence,
  DW_LNE_set_address,
  DW_LNS_advance_line,
  DW_LNS_advance_pc,
  DW_LNS_copy,
  DW_LNS_negate_stmt,
  DW_LNS_set_column,
  DW_LNS_set_file,
  STANDARD_OPCODE_LENGTHS,
} from './format';
import { SectionBuilder, type StringSection } from './section-builder';

const LINE_BASE = -5;
const LINE_RANGE = 14;
const OPCODE_BASE = STANDARD_OPCODE_LENGTHS.length + 1;

/** The line rows of a code section in order of offset, without empty ones. */
export function codeRows(module: ObjectModule, section: Section): LineRow[] {
  if (!(section.flags & SHF_EXECINSTR)) return [];
  return module.lines
    .filter((row) => row.section === section.name && row.length > 0)
    .sort((a, b) => a.offset - b.offset);
}

/**
 * Writes the line table: a sequence per code section. A row is the innermost line, in a macro that of its body; where
 * an expansion begins, rows of no length at the same address give the lines of the calls, outermost first, so that a
 * breakpoint on a macro call has an address. Rows of data are no statements: nothing can stop there.
 */
export function writeLines(module: ObjectModule, files: FileTable, strings: StringSection): Section {
  const writer = new SectionBuilder('.debug_line');
  const sequences = module.sections.map((section) => ({ section, rows: codeRows(module, section) }));
  // The header lists the files that the rows name.
  for (const row of sequences.flatMap(({ rows }) => rows)) {
    files.indexOf(row.location.file);
    for (const { call } of expansionChain(row.expansion)) files.indexOf(call.file);
  }
  writeHeader(writer, files, strings);
  for (const { section, rows } of sequences) if (rows.length > 0) writeSequence(writer, section, rows, files);
  writer.patchU32(0, writer.length - 4);
  return writer.section();
}

function writeHeader(writer: SectionBuilder, files: FileTable, strings: StringSection): void {
  writer.u32(0);
  writer.u16(5);
  writer.u8(8);
  writer.u8(0);
  const headerLength = writer.length;
  writer.u32(0);
  writer.u8(1);
  writer.u8(1);
  writer.u8(1);
  writer.u8(LINE_BASE & 0xff);
  writer.u8(LINE_RANGE);
  writer.u8(OPCODE_BASE);
  for (const length of STANDARD_OPCODE_LENGTHS) writer.u8(length);
  const path = (text: string): void => writer.sectionOffset(strings.name, strings.offsetOf(text));
  writer.u8(1);
  writer.uleb(DW_LNCT_path);
  writer.uleb(DW_FORM_line_strp);
  writer.uleb(files.directories.length);
  for (const directory of files.directories) path(directory);
  writer.u8(2);
  writer.uleb(DW_LNCT_path);
  writer.uleb(DW_FORM_line_strp);
  writer.uleb(DW_LNCT_directory_index);
  writer.uleb(DW_FORM_udata);
  writer.uleb(files.files.length);
  for (const { name, directory } of files.files) {
    path(name);
    writer.uleb(directory);
  }
  writer.patchU32(headerLength, writer.length - headerLength - 4);
}

function writeSequence(writer: SectionBuilder, section: Section, rows: readonly LineRow[], files: FileTable): void {
  const program = new LineProgram(writer, files);
  program.start(section.name, rows[0]?.offset ?? 0);
  let end = 0;
  let before: readonly MacroExpansion[] = [];
  for (const row of rows) {
    const chain = expansionChain(row.expansion);
    const isStatement = row.content !== 'data';
    for (const expansion of chain) {
      if (!before.includes(expansion)) program.row(row.offset, expansion.call, isStatement);
    }
    program.row(row.offset, row.location, isStatement);
    before = chain;
    end = Math.max(end, row.offset + row.length);
  }
  program.end(end);
}

/** The state machine's registers while its program is written. */
class LineProgram {
  private offset = 0;
  private file = 1;
  private line = 1;
  private column = 0;
  private isStatement = true;
  private hasRow = false;

  constructor(
    private readonly writer: SectionBuilder,
    private readonly files: FileTable,
  ) {}

  start(section: string, offset: number): void {
    this.extended(DW_LNE_set_address, 8);
    this.writer.address(section, offset);
    this.offset = offset;
  }

  /** Appends a row unless it says nothing new. */
  row(offset: number, location: SourceLocation, isStatement: boolean): void {
    const file = this.files.indexOf(location.file);
    const isSamePlace = file === this.file && location.line === this.line && location.column === this.column;
    if (this.hasRow && isSamePlace && isStatement === this.isStatement) return;
    if (isStatement !== this.isStatement) this.writer.u8(DW_LNS_negate_stmt);
    this.isStatement = isStatement;
    if (file !== this.file) this.standard(DW_LNS_set_file, (this.file = file));
    if (location.column !== this.column) this.standard(DW_LNS_set_column, (this.column = location.column));
    this.advance(offset - this.offset, location.line - this.line);
    this.offset = offset;
    this.line = location.line;
    this.hasRow = true;
  }

  end(offset: number): void {
    if (offset > this.offset) this.standard(DW_LNS_advance_pc, offset - this.offset);
    this.extended(DW_LNE_end_sequence, 0);
  }

  /** A row `offsets` bytes and `lines` lines on: one special opcode if it can be. */
  private advance(offsets: number, lines: number): void {
    const lineFits = lines >= LINE_BASE && lines < LINE_BASE + LINE_RANGE;
    const special = lines - LINE_BASE + LINE_RANGE * offsets + OPCODE_BASE;
    if (lineFits && special <= 255) {
      this.writer.u8(special);
      return;
    }
    if (offsets > 0) this.standard(DW_LNS_advance_pc, offsets);
    if (lines !== 0) {
      this.writer.u8(DW_LNS_advance_line);
      this.writer.sleb(lines);
    }
    this.writer.u8(DW_LNS_copy);
  }

  private standard(opcode: number, operand: number): void {
    this.writer.u8(opcode);
    this.writer.uleb(operand);
  }

  private extended(opcode: number, operandBytes: number): void {
    this.writer.u8(0);
    this.writer.uleb(operandBytes + 1);
    this.writer.u8(opcode);
  }
}
