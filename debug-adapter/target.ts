import type { Machine } from '../emulator';
import type { DisassemblyTarget } from './disassembly';
import { codeRanges, imageBytes, type Image } from './image';
import { instructionFacts, MAX_INSTRUCTION_BYTES, type Bitness, type InstructionFacts } from './instructions';
import type { LinuxGuest } from './linux/guest';
import { KernelLines } from './linux/kernel-lines';
import { LineTable } from './symbols/lines';
import { SymbolTable } from './symbols/symbols';
import { Unwinder, type UnwindTarget } from './symbols/unwind';

/** How far back an anchor for disassembly is looked for. */
const ANCHOR_REACH = 4096n;

/** A machine with the images on it and all that is known of them: what a session debugs. */
export class Target implements UnwindTarget, DisassemblyTarget {
  readonly lines: LineTable;
  readonly unwinder: Unwinder;
  private symbolTable: SymbolTable | undefined;

  constructor(
    readonly machine: Machine,
    readonly images: readonly Image[],
    /** Where the program begins: its first instruction in ring 3, or without a kernel the image's entry. */
    readonly entry: bigint,
    /** If the kernel is Linux. */
    readonly linux?: LinuxGuest,
  ) {
    // What a Linux kernel has is looked at when it is asked for: it may have to be unpacked first.
    const kernel = linux && images.find(({ role }) => role === 'kernel');
    const indexed = images.filter((image) => image !== kernel && image.debugInfo !== undefined);
    this.lines = new LineTable(
      indexed.flatMap(({ debugInfo }) => debugInfo ?? []),
      indexed.flatMap(codeRanges),
      (va) => this.symbols.nextAfter(va),
      kernel ? [new KernelLines(kernel)] : [],
    );
    const entries = images.flatMap((image) => (image !== kernel && image.elf ? [image.elf.entry] : []));
    const functions = {
      functionAt: (va: bigint) => this.symbols.functionAt(va),
      named: (name: string) => this.symbols.named(name),
    };
    this.unwinder = new Unwinder(this, functions, new Set([entry, ...entries]));
  }

  /** Read when first asked for: a Linux kernel has a hundred thousand. */
  get symbols(): SymbolTable {
    return (this.symbolTable ??= new SymbolTable(this.images.flatMap(({ elf }) => elf ?? [])));
  }

  get state(): Machine['state'] {
    return this.machine.state;
  }

  readLinear(va: bigint, length: number): Uint8Array {
    return this.machine.readLinear(BigInt.asUintN(64, va), length);
  }

  /** Writes as a debugger; what was derived from code is worked out anew. Returns how many bytes were written. */
  writeLinear(va: bigint, data: Uint8Array): number {
    this.unwinder.codeChanged();
    return this.machine.writeLinear(BigInt.asUintN(64, va), data);
  }

  /**
   * Whether the code at `va` is that of this session. Under Linux every process has its own code at the addresses of a
   * program: only where ring 3 executes the program's very bytes is it the program.
   */
  executes(va: bigint): boolean {
    const program = this.linux && this.images.find(({ role }) => role === 'program');
    const expected = program ? imageBytes(program, va, MAX_INSTRUCTION_BYTES) : new Uint8Array();
    if (expected.length === 0) return true;
    const actual = this.readLinear(va, expected.length);
    return this.state.cpl === 3 && expected.every((byte, index) => byte === actual[index]);
  }

  readCode(va: bigint, length: number): Uint8Array {
    const mapped = this.readLinear(va, length);
    if (mapped.length > 0) return mapped;
    for (const image of this.images) {
      const bytes = imageBytes(image, va, length);
      if (bytes.length > 0) return bytes;
    }
    return mapped;
  }

  bitness(va: bigint): Bitness {
    const marked = this.symbols.codeBits(va);
    const { state } = this;
    if (va === state.rip || marked === undefined) {
      if (state.mode64 || va >= 1n << 32n) return 64;
      return state.protectedMode && state.segments[1].big ? 32 : 16;
    }
    return marked;
  }

  /** The instruction at `va`; undefined if there is none. */
  instructionAt(va: bigint): InstructionFacts | undefined {
    const bytes = this.readCode(va, MAX_INSTRUCTION_BYTES);
    return bytes.length === 0 ? undefined : instructionFacts(bytes, va, this.bitness(va));
  }

  knownStarts(from: bigint, to: bigint): bigint[] {
    const { rip } = this.state;
    return [
      ...this.symbols.startsBetween(from, to),
      ...this.lines.startsBetween(from, to),
      ...(rip >= from && rip < to ? [rip] : []),
    ];
  }

  anchorBefore(va: bigint): bigint | undefined {
    const symbol = this.symbols.at(va)?.symbol.value;
    const row = this.lines.at(va)?.start;
    const nearest = row !== undefined && (symbol === undefined || row > symbol) ? row : symbol;
    return nearest !== undefined && va - nearest <= ANCHOR_REACH ? nearest : undefined;
  }

  symbolic(va: bigint): string | undefined {
    return this.symbols.describe(va);
  }
}
