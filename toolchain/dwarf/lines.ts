/** Reads .debug_line, DWARF versions 2 to 5 (DWARF 5, section 6.2). */
import type { ByteReader } from '../elf/bytes';
import { type Encoding, FormReader, readOffset, readTargetAddress, readUnitLength, skipForm } from './forms';
import * as dw from './format';
import type { DwarfSections } from './sections';

/** Rows of one contiguous run of machine code; parallel arrays in order of address. */
export interface LineSequence {
  readonly start: bigint;
  readonly end: bigint;
  /** Bytes after `start`. */
  readonly offsets: Float64Array;
  /** Index into `LineTable.files`. */
  readonly files: Uint32Array;
  readonly lines: Uint32Array;
  readonly columns: Uint32Array;
  /** 1 where a breakpoint for the line may stand (is_stmt). */
  readonly statements: Uint8Array;
}

/** The line table of a unit: the files at once, the rows when first asked for. */
export class LineTable {
  /** Paths, by the number that rows and DW_AT_…_file use; '' for numbers without a file. */
  readonly files: readonly string[];
  private readonly header: Header;
  private cached: LineSequence[] | undefined;

  /**
   * Reads the header at `offset` of .debug_line. `directory` and `addressSize` are those of the unit; version 5 has the
   * latter itself. Throws DwarfError.
   */
  constructor(
    private readonly sections: DwarfSections,
    offset: number,
    unit: FormReader,
    directory: string,
  ) {
    this.header = readHeader(sections.reader('.debug_line', offset), unit, directory);
    this.files = this.header.files;
  }

  /** In order of address, without those of dropped code. */
  get sequences(): readonly LineSequence[] {
    this.cached ??= runProgram(this.header)
      .filter(({ start, end }) => end > start && this.sections.isCode(start))
      .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
    return this.cached;
  }
}

interface Header {
  readonly encoding: Encoding;
  readonly program: ByteReader;
  readonly minimumInstructionLength: number;
  readonly defaultIsStatement: boolean;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  readonly operandCounts: readonly number[];
  readonly files: string[];
  readonly directories: readonly string[];
}

function readHeader(section: ByteReader, unit: FormReader, compilationDirectory: string): Header {
  const { length, is64 } = readUnitLength(section);
  const reader = section.slice(length);
  const version = reader.u16();
  if (version < 2 || version > 5) reader.fail(`line table version ${version} is not known`);
  let addressSize = unit.encoding.addressSize;
  if (version >= 5) {
    addressSize = reader.u8();
    reader.skip(1);
  }
  const encoding = { version, is64, addressSize };
  const headerLength = readOffset(reader, encoding);
  const program = reader.at(reader.position);
  program.skip(headerLength);
  const minimumInstructionLength = reader.u8();
  if (version >= 4) reader.skip(1);
  const defaultIsStatement = reader.u8() !== 0;
  const lineBase = reader.i8();
  const lineRange = reader.u8();
  if (lineRange === 0) reader.fail('line_range is 0');
  const opcodeBase = reader.u8();
  const operandCounts = Array.from({ length: Math.max(0, opcodeBase - 1) }, () => reader.u8());
  const { files, directories } =
    version >= 5
      ? readNames(reader, new FormReader(unit.sections, encoding, unit.bases), compilationDirectory)
      : readOldNames(reader, compilationDirectory);
  return {
    encoding,
    program,
    minimumInstructionLength,
    defaultIsStatement,
    lineBase,
    lineRange,
    opcodeBase,
    operandCounts,
    files,
    directories,
  };
}

/** Directory and file tables before version 5: numbers count from 1, directory 0 is the compilation's. */
function readOldNames(reader: ByteReader, compilationDirectory: string): Pick<Header, 'files' | 'directories'> {
  const directories = [compilationDirectory];
  for (let name = reader.cstring(); name !== ''; name = reader.cstring()) {
    directories.push(joinPath(compilationDirectory, name));
  }
  const files = [''];
  for (let name = reader.cstring(); name !== ''; name = reader.cstring())
    files.push(readOldFile(reader, name, directories));
  return { files, directories };
}

function readOldFile(reader: ByteReader, name: string, directories: readonly string[]): string {
  const directory = reader.uleb();
  reader.uleb();
  reader.uleb();
  return joinPath(directories[directory] ?? '', name);
}

/** Directory and file tables of version 5: self-describing, counted from 0. */
function readNames(
  reader: ByteReader,
  forms: FormReader,
  compilationDirectory: string,
): Pick<Header, 'files' | 'directories'> {
  const [first, ...rest] = readEntries(reader, forms).map(({ path }) => path);
  const base = joinPath(compilationDirectory, first ?? '');
  const directories = [base, ...rest.map((path) => joinPath(base, path))];
  const files = readEntries(reader, forms).map(({ path, directory }) => joinPath(directories[directory] ?? '', path));
  return { files, directories };
}

function readEntries(reader: ByteReader, forms: FormReader): { path: string; directory: number }[] {
  const formats = Array.from({ length: reader.u8() }, () => ({
    attribute: reader.uleb(),
    form: reader.uleb(),
    constant: 0,
  }));
  const count = reader.uleb();
  if (count > reader.end - reader.position) reader.fail(`${count} entries cannot be in what is left`);
  return Array.from({ length: count }, () => {
    let path = '';
    let directory = 0;
    for (const format of formats) {
      if (format.attribute === dw.DW_LNCT_path) path = forms.string(reader, format) ?? '';
      else if (format.attribute === dw.DW_LNCT_directory_index) directory = forms.number(reader, format);
      else skipForm(reader, format.form, forms.encoding);
    }
    return { path, directory };
  });
}

/** Executes the line number program (section 6.2.5). VLIW operation indices do not occur on x86. */
function runProgram(header: Header): LineSequence[] {
  const { lineBase, lineRange, opcodeBase, minimumInstructionLength, operandCounts, encoding, files } = header;
  const reader = header.program.at(header.program.position);
  const sequences: LineSequence[] = [];
  const constAddPc = Math.floor((255 - opcodeBase) / lineRange) * minimumInstructionLength;
  let rows = new SequenceBuilder();
  let file = 1;
  let line = 1;
  let column = 0;
  let isStatement = header.defaultIsStatement;
  while (!reader.atEnd) {
    const opcode = reader.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      rows.advance(Math.floor(adjusted / lineRange) * minimumInstructionLength);
      line += lineBase + (adjusted % lineRange);
      rows.append(file, line, column, isStatement);
      continue;
    }
    switch (opcode) {
      case 0: {
        const extended = reader.slice(reader.uleb());
        const kind = extended.u8();
        if (kind === dw.DW_LNE_end_sequence) {
          sequences.push(rows.finish());
          rows = new SequenceBuilder();
          file = 1;
          line = 1;
          column = 0;
          isStatement = header.defaultIsStatement;
        } else if (kind === dw.DW_LNE_set_address) {
          const addressSize = extended.end - extended.position;
          rows.setAddress(readTargetAddress(extended, { ...encoding, addressSize }));
        } else if (kind === dw.DW_LNE_define_file) {
          files.push(readOldFile(extended, extended.cstring(), header.directories));
        }
        break;
      }
      case dw.DW_LNS_copy:
        rows.append(file, line, column, isStatement);
        break;
      case dw.DW_LNS_advance_pc:
        rows.advance(reader.uleb() * minimumInstructionLength);
        break;
      case dw.DW_LNS_advance_line:
        line += reader.sleb();
        break;
      case dw.DW_LNS_set_file:
        file = reader.uleb();
        break;
      case dw.DW_LNS_set_column:
        column = reader.uleb();
        break;
      case dw.DW_LNS_negate_stmt:
        isStatement = !isStatement;
        break;
      case dw.DW_LNS_const_add_pc:
        rows.advance(constAddPc);
        break;
      case dw.DW_LNS_fixed_advance_pc:
        rows.advance(reader.u16());
        break;
      default:
        // Other standard opcodes say nothing about address and line; the header has their operand counts.
        for (let i = operandCounts[opcode - 1] ?? 0; i > 0; i--) reader.uleb();
    }
  }
  return sequences;
}

class SequenceBuilder {
  private base = 0n;
  private offset = 0;
  private readonly rows: { offset: number; file: number; line: number; column: number; isStatement: boolean }[] = [];

  setAddress(address: bigint): void {
    if (this.rows.length === 0) {
      this.base = address;
      this.offset = 0;
    } else {
      this.offset = Number(address - this.base);
    }
  }

  advance(bytes: number): void {
    this.offset += bytes;
  }

  append(file: number, line: number, column: number, isStatement: boolean): void {
    this.rows.push({ offset: this.offset, file, line, column, isStatement });
  }

  /** The sequence up to the current address. */
  finish(): LineSequence {
    const { rows, base } = this;
    if (rows.some(({ offset }, index) => offset < (rows[index - 1]?.offset ?? 0)))
      rows.sort((a, b) => a.offset - b.offset);
    const last = Number.isSafeInteger(this.offset) ? this.offset : 0;
    return {
      start: base + BigInt(Math.max(0, Math.min(rows[0]?.offset ?? 0, last))),
      end: base + BigInt(Math.max(0, last)),
      offsets: Float64Array.from(rows, ({ offset }) => offset - (rows[0]?.offset ?? 0)),
      files: Uint32Array.from(rows, ({ file }) => file),
      lines: Uint32Array.from(rows, ({ line }) => line),
      columns: Uint32Array.from(rows, ({ column }) => column),
      statements: Uint8Array.from(rows, ({ isStatement }) => (isStatement ? 1 : 0)),
    };
  }
}

/** `path` as seen from `directory`; '.' and '' are no directory worth naming. */
export function joinPath(directory: string, path: string): string {
  if (path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path)) return path;
  if (directory === '' || directory === '.') return path;
  return path === '' || path === '.' ? directory : `${directory.replace(/\/$/, '')}/${path}`;
}
