/**
 * Sections as chains of fragments, the way GNU as keeps them: fixed bytes, then at most one part whose size is only known
 * after relaxation (a jump, an alignment, a fill, an .org, a LEB128).
 */
import type { SourceLine } from '../preprocessor';
import type { Expression } from './expressions';

const NOTHING = new Uint8Array(0);

/** A growing row of bytes. */
export class Bytes {
  private buffer = NOTHING;
  length = 0;

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(16, this.buffer.length * 2, this.length + count));
    grown.set(this.buffer);
    this.buffer = grown;
  }

  append(bytes: ArrayLike<number>): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Appends the low `size` bytes of `value`, least significant first. */
  appendInteger(value: bigint, size: number): void {
    this.reserve(size);
    writeInteger(this.buffer, this.length, value, size);
    this.length += size;
  }

  view(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}

/** Writes the low `size` bytes of `value`, least significant first. */
export function writeInteger(target: Uint8Array, offset: number, value: bigint, size: number): void {
  let low = Number(BigInt.asUintN(32, value));
  let high = size > 4 ? Number(BigInt.asUintN(32, value >> 32n)) : 0;
  for (let index = 0; index < size; index++) {
    if (index === 4) low = high;
    if (index === 8) {
      low = Number(BigInt.asUintN(32, value >> 64n));
      high = Number(BigInt.asUintN(32, value >> 96n));
    }
    if (index === 12) low = high;
    target[offset + index] = low & 0xff;
    low >>>= 8;
  }
}

/** How a value is stored, which decides the relocation if it is not known. */
export type FixupKind =
  /** A number of `size` bytes. */
  | 'absolute'
  /** 4 bytes that the CPU sign-extends to 64. */
  | 'signed'
  /** Relative to the end of the field, an operand of an instruction. */
  | 'relative'
  /** Relative to the end of the field, the target of a jump. */
  | 'branch'
  /** As `branch`, of a CALL. */
  | 'call';

/** A place in a fragment's fixed bytes to be filled when addresses are known. */
export interface Fixup {
  readonly offset: number;
  readonly size: number;
  readonly expression: Expression;
  readonly kind: FixupKind;
  /** For the relative kinds: bytes between the field's start and the point the displacement counts from. */
  readonly bias: number;
  /** A branch in 64-bit code, which the linker may lead through the procedure linkage table. */
  readonly usesPlt?: boolean;
  /** Instruction features that select GOTPCRELX forms. */
  readonly relaxableGot: 'none' | 'plain' | 'rex';
  readonly line: SourceLine;
  readonly start: number;
  readonly end: number;
}

export interface JumpTail {
  readonly kind: 'jump';
  /** Opcode bytes of the form with an 8-bit displacement; of the long form; size of its displacement. */
  readonly short: Uint8Array;
  readonly long: Uint8Array;
  readonly longSize: number;
  readonly target: Expression;
  /** As in Fixup. */
  readonly usesPlt: boolean;
  readonly line: SourceLine;
  readonly start: number;
  readonly end: number;
  isLong: boolean;
  /** The target lies in another section or may be replaced at link time: never short. */
  external: boolean;
}

export interface AlignTail {
  readonly kind: 'align';
  readonly alignment: number;
  /** Pattern to fill with; `undefined` for NOPs in code. */
  readonly fill: Uint8Array | undefined;
  /** Largest number of bytes to skip; 0 for no limit. */
  readonly limit: number;
}

export interface FillTail {
  readonly kind: 'fill';
  readonly count: Expression;
  readonly pattern: Uint8Array;
  readonly line: SourceLine;
  readonly start: number;
  readonly end: number;
}

export interface OrgTail {
  readonly kind: 'org';
  readonly target: Expression;
  readonly fill: number;
  readonly line: SourceLine;
  readonly start: number;
  readonly end: number;
}

export interface LebTail {
  readonly kind: 'leb128';
  readonly value: Expression;
  readonly signed: boolean;
  readonly line: SourceLine;
  readonly start: number;
  readonly end: number;
}

export type Tail = JumpTail | AlignTail | FillTail | OrgTail | LebTail;

/** A run of fragments at fixed distances from each other. */
export interface Anchor {
  readonly section: AsmSection;
}

export class Fragment {
  readonly bytes = new Bytes();
  readonly fixups: Fixup[] = [];
  tail: Tail | undefined;
  /** Size of the tail, as far as relaxation has come. */
  tailSize = 0;
  /** Offset in the section, as far as relaxation has come. */
  address = 0;
  relaxMarker = 0;
  region = 0;

  constructor(
    readonly section: AsmSection,
    readonly anchor: Anchor,
    /** Distance from the anchor's beginning. */
    readonly anchorOffset: number,
  ) {}
}

/** A point in a section. */
export interface Place {
  readonly fragment: Fragment;
  readonly offset: number;
}

export interface SectionAttributes {
  /** SHT_… */
  readonly type: number;
  /** SHF_… */
  readonly flags: number;
  readonly entrySize: number;
}

export const SHT_PROGBITS = 1;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
export const SHT_INIT_ARRAY = 14;
export const SHT_FINI_ARRAY = 15;
export const SHT_PREINIT_ARRAY = 16;
export const SHF_WRITE = 1;
export const SHF_ALLOC = 2;
export const SHF_EXECINSTR = 4;
export const SHF_MERGE = 0x10;
export const SHF_STRINGS = 0x20;
export const SHF_GROUP = 0x200;
export const SHF_TLS = 0x400;
export const SHF_EXCLUDE = 0x80000000;

/** Attributes of well-known names (and of names that begin with them and a dot), as as has them. */
const KNOWN: readonly (readonly [string, SectionAttributes])[] = [
  ['.text', { type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_EXECINSTR, entrySize: 0 }],
  ['.init', { type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_EXECINSTR, entrySize: 0 }],
  ['.fini', { type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_EXECINSTR, entrySize: 0 }],
  ['.data', { type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_WRITE, entrySize: 0 }],
  ['.data1', { type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_WRITE, entrySize: 0 }],
  ['.bss', { type: SHT_NOBITS, flags: SHF_ALLOC | SHF_WRITE, entrySize: 0 }],
  ['.rodata', { type: SHT_PROGBITS, flags: SHF_ALLOC, entrySize: 0 }],
  ['.rodata1', { type: SHT_PROGBITS, flags: SHF_ALLOC, entrySize: 0 }],
  ['.tdata', { type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_WRITE | SHF_TLS, entrySize: 0 }],
  ['.tbss', { type: SHT_NOBITS, flags: SHF_ALLOC | SHF_WRITE | SHF_TLS, entrySize: 0 }],
  ['.init_array', { type: SHT_INIT_ARRAY, flags: SHF_ALLOC | SHF_WRITE, entrySize: 8 }],
  ['.fini_array', { type: SHT_FINI_ARRAY, flags: SHF_ALLOC | SHF_WRITE, entrySize: 8 }],
  ['.preinit_array', { type: SHT_PREINIT_ARRAY, flags: SHF_ALLOC | SHF_WRITE, entrySize: 8 }],
  ['.note.GNU-stack', { type: SHT_PROGBITS, flags: 0, entrySize: 0 }],
  ['.note', { type: SHT_NOTE, flags: 0, entrySize: 0 }],
  ['.comment', { type: SHT_PROGBITS, flags: 0, entrySize: 0 }],
];

/** What as takes a section of this name to be if its directive does not say. */
export function defaultAttributes(name: string): SectionAttributes {
  const known = KNOWN.find(([prefix]) => name === prefix || name.startsWith(`${prefix}.`));
  return known?.[1] ?? { type: SHT_PROGBITS, flags: 0, entrySize: 0 };
}

export class AsmSection {
  alignment = 1;
  /** Fragments of each subsection. */
  private readonly subsections = new Map<number, Fragment[]>();

  constructor(
    readonly name: string,
    public attributes: SectionAttributes,
    /** Whether flags and type were given explicitly. */
    public explicit: boolean,
  ) {}

  get isCode(): boolean {
    return (this.attributes.flags & SHF_EXECINSTR) !== 0;
  }

  get isNobits(): boolean {
    return this.attributes.type === SHT_NOBITS;
  }

  private chain(subsection: number): Fragment[] {
    let chain = this.subsections.get(subsection);
    if (chain === undefined) {
      chain = [new Fragment(this, { section: this }, 0)];
      this.subsections.set(subsection, chain);
    }
    return chain;
  }

  /** The fragment that bytes are being added to. */
  current(subsection: number): Fragment {
    const chain = this.chain(subsection);
    return chain[chain.length - 1];
  }

  /** Ends the current fragment with `tail`; `fixedSize` is the tail's size if nothing can change it. */
  endFragment(subsection: number, tail: Tail, fixedSize: number | undefined): void {
    const chain = this.chain(subsection);
    const ended = chain[chain.length - 1];
    ended.tail = tail;
    chain.push(
      fixedSize === undefined
        ? new Fragment(this, { section: this }, 0)
        : new Fragment(this, ended.anchor, ended.anchorOffset + ended.bytes.length + fixedSize),
    );
  }

  /** All fragments, subsections in order of their numbers. */
  fragments(): Fragment[] {
    return [...this.subsections.entries()].sort(([a], [b]) => a - b).flatMap(([, chain]) => chain);
  }
}
