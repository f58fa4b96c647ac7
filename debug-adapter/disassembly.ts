/** Rows of disassembly for the DAP `disassemble` request, backwards too. */
import { instructionFacts, MAX_INSTRUCTION_BYTES, symbolicText, type Bitness } from './instructions';

/** What disassembly needs of its surroundings. */
export interface DisassemblyTarget {
  /** Fewer bytes than asked where memory is not mapped. */
  readCode(va: bigint, length: number): Uint8Array;
  bitness(va: bigint): Bitness;
  /** Addresses in `from <= va < to` at which an instruction (or another symbol) is known to begin; any order. */
  knownStarts(from: bigint, to: bigint): readonly bigint[];
  /** Nearest known start at or before `va`, at most a few KiB away. */
  anchorBefore(va: bigint): bigint | undefined;
  symbolic(va: bigint): string | undefined;
}

export interface DisassembledRow {
  readonly va: bigint;
  /** Empty where memory is not mapped. */
  readonly bytes: Uint8Array;
  readonly text: string;
  /** False for bytes that are no instruction or not mapped. */
  readonly valid: boolean;
}

const CHUNK = 4096;

/** `count` rows of which number `-instructionOffset` begins at `va`; always exactly `count` of them. */
export function disassemble(
  target: DisassemblyTarget,
  va: bigint,
  instructionOffset: number,
  count: number,
): DisassembledRow[] {
  const before = instructionOffset < 0 ? rowsBefore(target, va, -instructionOffset) : [];
  const after = instructionOffset + count > 0 ? rowsFrom(target, va, instructionOffset + count) : [];
  const first = Math.max(0, instructionOffset);
  return instructionOffset < 0 ? [...before, ...after].slice(0, count) : after.slice(first, first + count);
}

/** The rows from `start` up to, not including, `end`. */
export function rowsBetween(target: DisassemblyTarget, start: bigint, end: bigint): DisassembledRow[] {
  const limits = limitsAfter([...limitsIn(target, start, end), end]);
  const rows: DisassembledRow[] = [];
  for (let va = start; va < end;) {
    const row = rowAt(target, va, limits(va));
    rows.push(row);
    va += BigInt(Math.max(1, row.bytes.length));
  }
  return rows;
}

function rowsFrom(target: DisassemblyTarget, start: bigint, count: number): DisassembledRow[] {
  const rows: DisassembledRow[] = [];
  let va = start;
  let next = limitsAfter(limitsIn(target, va, va + BigInt(CHUNK)));
  let end = va + BigInt(CHUNK);
  while (rows.length < count) {
    if (va + BigInt(MAX_INSTRUCTION_BYTES) > end) {
      end = va + BigInt(CHUNK);
      next = limitsAfter(limitsIn(target, va, end));
    }
    const row = rowAt(target, va, next(va));
    rows.push(row);
    va = BigInt.asUintN(64, va + BigInt(Math.max(1, row.bytes.length)));
  }
  return rows;
}

/** The `count` rows that end right before `va`: decoded forward from a place known to be an instruction start. */
function rowsBefore(target: DisassemblyTarget, va: bigint, count: number): DisassembledRow[] {
  const reach = BigInt(count * MAX_INSTRUCTION_BYTES);
  const from = va > reach ? va - reach : 0n;
  const anchor = target.anchorBefore(from) ?? firstKnown(target, from, va) ?? alignedStart(target, from, va);
  const limits = [...limitsIn(target, anchor, va), va];
  const rows: DisassembledRow[] = [];
  const next = limitsAfter(limits);
  for (let at = anchor; at < va;) {
    const row = rowAt(target, at, next(at));
    rows.push(row);
    at += BigInt(Math.max(1, row.bytes.length));
  }
  const last = rows.slice(-count);
  // The first rows of memory, or of a mapping, have nothing before them that could be shown.
  for (let at = (last[0]?.va ?? va) - 1n; last.length < count; at--) last.unshift(unmapped(BigInt.asUintN(64, at)));
  return last;
}

function firstKnown(target: DisassemblyTarget, from: bigint, to: bigint): bigint | undefined {
  return limitsIn(target, from, to)[0];
}

/** Without any knowledge: a start near `from` from which decoding meets `va` exactly. */
function alignedStart(target: DisassemblyTarget, from: bigint, va: bigint): bigint {
  let mapped = from;
  while (mapped < va && target.readCode(mapped, 1).length === 0) {
    const nextPage = (mapped | 4095n) + 1n;
    mapped = nextPage < va ? nextPage : va;
  }
  for (let start = mapped; start < va && start < mapped + BigInt(MAX_INSTRUCTION_BYTES); start++) {
    let at = start;
    while (at < va) at += BigInt(Math.max(1, rowAt(target, at, undefined).bytes.length));
    if (at === va) return start;
  }
  return mapped;
}

function limitsIn(target: DisassemblyTarget, from: bigint, to: bigint): bigint[] {
  return [...target.knownStarts(from, to)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The first limit after an address; asked for ascending addresses, it walks along. */
function limitsAfter(limits: readonly bigint[]): (va: bigint) => bigint | undefined {
  let index = 0;
  return (va) => {
    while (index < limits.length && limits[index] <= va) index++;
    return limits[index];
  };
}

/** One row; bytes that would reach over `limit`, a known start, are data. */
function rowAt(target: DisassemblyTarget, va: bigint, limit: bigint | undefined): DisassembledRow {
  const bytes = target.readCode(va, MAX_INSTRUCTION_BYTES);
  if (bytes.length === 0) return unmapped(va);
  const facts = instructionFacts(bytes, va, target.bitness(va));
  if (!facts || (limit !== undefined && va + BigInt(facts.length) > limit)) {
    const byte = bytes.slice(0, 1);
    return { va, bytes: byte, text: `.byte   0x${byte[0].toString(16).padStart(2, '0')}`, valid: false };
  }
  const text = symbolicText(facts, (address) => target.symbolic(address));
  return { va, bytes: bytes.slice(0, facts.length), text, valid: true };
}

function unmapped(va: bigint): DisassembledRow {
  return { va, bytes: new Uint8Array(), text: '(not mapped)', valid: false };
}
