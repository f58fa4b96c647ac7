/** The text of a listing: sections, symbols, source lines with their expansions, instructions. */
import { expansionChain } from '../elf/line-rows';
import type { CodeSize, MacroExpansion, SourceLocation } from '../elf/object';
import { Disassembler, type DisassembledInstruction } from './disassembler';

/** Where an instruction comes from. */
export interface Provenance {
  readonly location: SourceLocation;
  readonly expansion: MacroExpansion | undefined;
  readonly isData: boolean;
  /** Address after the last byte of the row. */
  readonly end: bigint;
}

/** A stretch of code to list. */
export interface CodeSection {
  readonly name: string;
  readonly address: bigint;
  readonly data: Uint8Array;
  /** In order of offset; 64-bit where none applies. */
  readonly codeSizes: readonly CodeSize[];
  /** Labels in order of address. */
  readonly labels: readonly { readonly name: string; readonly address: bigint }[];
  /** Relocations by offset, in words. */
  readonly relocations: ReadonlyMap<number, string>;
  locate(address: bigint): Provenance | undefined;
  /** `<name+0x10>` for an address anywhere; undefined where no symbol is near. */
  describe(address: bigint): string | undefined;
}

export interface WriterOptions {
  /** The text of a source file, to show its lines; undefined if it is not at hand. */
  readonly sourceText?: (file: string) => string | undefined;
  /** How to write the name of a source file; as the debugging information does if left out. */
  readonly displayPath?: (file: string) => string;
}

/** An instruction at its line, which counts from 1. */
export interface ListedInstruction {
  readonly line: number;
  readonly address: bigint;
  readonly length: number;
}

export interface WrittenListing {
  readonly text: string;
  /** In order of line. */
  readonly instructions: readonly ListedInstruction[];
}

/** Columns: bytes of most instructions; source text beside the place it comes from. */
const BYTES_WIDTH = 21;
const PLACE_WIDTH = 36;
const DATA_PER_LINE = 8;
const INTEGER_DIRECTIVES = new Map([
  [2, '.word'],
  [4, '.long'],
  [8, '.quad'],
]);

/** Lists `sections` one after the other below a title line. */
export function writeListing(title: string, sections: readonly CodeSection[], options: WriterOptions): WrittenListing {
  const writer = new ListingWriter(options);
  try {
    writer.line(`# ${title}`);
    for (const section of sections) writer.section(section);
    return writer.finish();
  } finally {
    writer.free();
  }
}

class ListingWriter {
  private readonly lines: string[] = [];
  private readonly instructions: ListedInstruction[] = [];
  private readonly disassembler = new Disassembler();
  private readonly sources = new Map<string, readonly string[]>();
  private before: readonly SourceLevel[] = [];

  constructor(private readonly options: WriterOptions) {}

  line(text: string): void {
    this.lines.push(text);
  }

  section(section: CodeSection): void {
    this.line('');
    this.line(`Disassembly of section ${section.name}:`);
    const labels = new Map<bigint, string[]>();
    for (const { name, address } of section.labels) labels.set(address, [...(labels.get(address) ?? []), name]);
    for (const stretch of stretches(section)) {
      const names = labels.get(stretch.address);
      if (names) {
        this.line('');
        for (const name of names) this.line(`${stretch.address.toString(16).padStart(16, '0')} <${name}>:`);
        this.before = [];
      }
      this.stretch(section, stretch);
    }
  }

  private stretch(section: CodeSection, { address, code, bits }: Stretch): void {
    let at = 0;
    while (at < code.length) {
      const row = section.locate(address + BigInt(at));
      if (row?.isData) {
        const end = Math.min(code.length, Number(row.end - address));
        this.source(row);
        this.data(address + BigInt(at), code.subarray(at, end));
        at = end;
      } else {
        at += this.instructionsUntilData(section, code.subarray(at), address + BigInt(at), bits);
      }
    }
  }

  /** Returns how many bytes the instructions took. */
  private instructionsUntilData(
    section: CodeSection,
    code: Uint8Array,
    address: bigint,
    bits: CodeSize['bits'],
  ): number {
    for (const instruction of this.disassembler.disassemble(code, address, bits)) {
      const row = section.locate(instruction.address);
      if (row?.isData) return Number(instruction.address - address);
      this.source(row);
      this.instruction(section, instruction);
    }
    return code.length;
  }

  /** Data in lines of at most eight bytes; what has the size of an integer is shown as one. */
  private data(address: bigint, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += DATA_PER_LINE) {
      const chunk = bytes.subarray(at, at + DATA_PER_LINE);
      const directive = INTEGER_DIRECTIVES.get(bytes.length);
      const text = directive ? `${directive}\t0x${integer(chunk).toString(16)}` : `.byte\t${byteList(chunk)}`;
      this.bytesLine(address + BigInt(at), chunk, text);
    }
  }

  private bytesLine(address: bigint, bytes: Uint8Array, text: string): void {
    const hex = Array.from(bytes, hexByte).join(' ');
    this.line(`  ${address.toString(16)}:\t${hex.padEnd(BYTES_WIDTH)}\t${text}`);
  }

  finish(): WrittenListing {
    return { text: `${this.lines.join('\n')}\n`, instructions: this.instructions };
  }

  free(): void {
    this.disassembler.free();
  }

  private instruction(
    section: CodeSection,
    { address, bytes, text, target, targetKind }: DisassembledInstruction,
  ): void {
    const symbol = target === undefined ? undefined : section.describe(target);
    const operand =
      targetKind === 'branch'
        ? symbol && ` ${symbol}`
        : target !== undefined
          ? `        # ${target.toString(16)}${symbol ? ` ${symbol}` : ''}`
          : undefined;
    this.bytesLine(address, bytes, `${text}${operand ?? ''}`);
    this.instructions.push({ line: this.lines.length, address, length: bytes.length });
    const offset = Number(address - section.address);
    for (let at = offset; at < offset + bytes.length; at++) {
      const relocation = section.relocations.get(at);
      if (relocation) this.line(`\t\t\t# ${(section.address + BigInt(at)).toString(16)}: ${relocation}`);
    }
  }

  /** The source lines of an instruction, outermost first, as far as they differ from those of the one before. */
  private source(provenance: Provenance | undefined): void {
    const levels = provenance ? sourceLevels(provenance) : [];
    let same = 0;
    while (same < levels.length && isSame(levels[same], this.before[same])) same++;
    if (levels.length < this.before.length && same === levels.length) same = Math.max(0, same - 1);
    this.before = levels;
    for (const [depth, { location, macro }] of levels.entries()) {
      if (depth < same) continue;
      const file = this.options.displayPath?.(location.file) ?? location.file;
      const place = `# ${'  '.repeat(depth)}${macro === undefined ? '' : `${macro}: `}${file}:${location.line}`;
      const text = this.sourceLine(location);
      this.line(text === undefined ? place : `${place.padEnd(PLACE_WIDTH)} ${text}`);
    }
  }

  private sourceLine({ file, line }: SourceLocation): string | undefined {
    let lines = this.sources.get(file);
    if (!lines) this.sources.set(file, (lines = this.options.sourceText?.(file)?.split(/\r?\n/) ?? []));
    return lines[line - 1]?.trim();
  }
}

/** One line of a chain: the source line itself, or a line of the body of `macro` expanded there. */
interface SourceLevel {
  readonly location: SourceLocation;
  readonly macro: string | undefined;
  readonly expansion: MacroExpansion | undefined;
}

function sourceLevels({ location, expansion }: Provenance): SourceLevel[] {
  const chain = expansionChain(expansion);
  const places = [...chain.map(({ call }) => call), location];
  return places.map((place, depth) => ({
    location: place,
    macro: chain[depth - 1]?.macro,
    expansion: chain[depth - 1],
  }));
}

function isSame(a: SourceLevel | undefined, b: SourceLevel | undefined): boolean {
  return (
    a !== undefined &&
    a.location.file === b?.location.file &&
    a.location.line === b.location.line &&
    a.expansion === b.expansion
  );
}

const hexByte = (byte: number): string => byte.toString(16).padStart(2, '0');

const byteList = (bytes: Uint8Array): string => Array.from(bytes, (byte) => `0x${hexByte(byte)}`).join(',');

/** The little-endian number that `bytes` are. */
function integer(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

interface Stretch {
  readonly address: bigint;
  readonly code: Uint8Array;
  readonly bits: CodeSize['bits'];
}

/** The section cut at labels and at switches of code size: an instruction cannot reach over either. */
function stretches({ address, data, codeSizes, labels }: CodeSection): Stretch[] {
  const offsets = [
    0,
    ...labels.map((label) => Number(label.address - address)),
    ...codeSizes.map(({ offset }) => offset),
  ];
  const cuts = [...new Set(offsets)].filter((offset) => offset >= 0 && offset < data.length).sort((a, b) => a - b);
  let next = 0;
  let bits: CodeSize['bits'] = 64;
  return cuts.map((start, index) => {
    for (let size = codeSizes[next]; size && size.offset <= start; size = codeSizes[++next]) bits = size.bits;
    return { address: address + BigInt(start), code: data.subarray(start, cuts[index + 1] ?? data.length), bits };
  });
}
