/**
 * Where the symbols lie that a kernel carries for itself (scripts/kallsyms.c of the kernel). A stripped image does not
 * name its tables: they are found by their form. Their order is one of
 *
 *     before 6.4   offsets, relative base, number, names, markers, (sequence numbers,) token table, token index
 *     since 6.4    number, names, markers, token table, token index, offsets, relative base
 *
 * each at a multiple of 8. Kernels may have addresses, 64 bits each, instead of offsets and their base.
 */

/** A name is a row of tokens, one byte each; the index tells where in the table each one is. */
const TOKENS = 256;
const TOKEN_INDEX_BYTES = 2 * TOKENS;
/** Tokens of one character are at its code; the digits, which every kernel has in its names, show the table. */
const DIGITS = '0123456789';
const FIRST_DIGIT = 0x30;
/** More tables of tokens without names before them are no accident: the search ends. */
const MOST_TABLES = 8;
/** A table of 256 tokens is smaller. */
const MOST_TOKEN_BYTES = 0x10000;

const ALIGNMENT = 8;
/** Every so many names have a marker: where they begin. */
const NAMES_PER_MARKER = 256;
const OFFSET_BYTES = 4;
const ADDRESS_BYTES = 8;
/** Sequence numbers of names in order of the alphabet, 24 bits each; some kernels have them behind the markers. */
const SEQUENCE_BYTES = 3;
const LEAST_SYMBOLS = 16;
const MOST_SYMBOLS = 1 << 22;
/** Lengths from this on have two bytes, seven bits in the first. */
const LONG_LENGTH = 0x80;

/** Kernels are linked in the upper half, these bits of an address are set there. */
const KERNEL_ADDRESS_HIGH = 0xffff8000;

export interface KallsymsTables {
  /** What the tables are in. */
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Offset of the first name's length. */
  readonly names: number;
  /** The texts of the 256 tokens. */
  readonly tokens: readonly string[];
  readonly addresses: KallsymsAddresses;
}

/**
 * How the addresses are kept, in ascending order: `absolute`, 64 bits; `relative`, 32 bits to be added to the base;
 * `per-cpu`, 32 bits with a sign, which are either an address within a CPU's own data or, negative, one less than what
 * is to be subtracted from the base (CONFIG_KALLSYMS_ABSOLUTE_PERCPU).
 */
export interface KallsymsAddresses {
  readonly form: 'absolute' | 'relative' | 'per-cpu';
  /** Offset of the first. */
  readonly at: number;
  readonly base: bigint;
}

/** Looks for the tables in a part of a kernel's image that begins at a multiple of 8; undefined if they are not there. */
export function findKallsyms(bytes: Uint8Array): KallsymsTables | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let tables = 0;
  for (const digits of rowsOfDigits(bytes)) {
    const table = tokenTable(bytes, view, digits);
    if (!table) continue;
    const names = namesBefore(bytes, view, table.start);
    const addresses = names && addressesBeside(view, names, table.indexEnd);
    if (addresses) return { bytes, count: names.count, names: names.start, tokens: table.tokens, addresses };
    if (++tables === MOST_TABLES) return undefined;
  }
  return undefined;
}

interface TokenTable {
  readonly start: number;
  readonly tokens: readonly string[];
  /** Where the index behind it ends. */
  readonly indexEnd: number;
}

/** The table whose token "0" is at `zero`. */
function tokenTable(bytes: Uint8Array, view: DataView, zero: number): TokenTable | undefined {
  let end = zero;
  for (let token = FIRST_DIGIT; token < TOKENS; token++) {
    end = bytes.indexOf(0, end) + 1;
    if (end === 0 || end - zero > MOST_TOKEN_BYTES) return undefined;
  }
  const index = aligned(end);
  if (index + TOKEN_INDEX_BYTES > bytes.length) return undefined;
  const start = zero - view.getUint16(index + 2 * FIRST_DIGIT, true);
  if (start < 0) return undefined;
  const tokens: string[] = [];
  for (let token = 0, at = start; token < TOKENS; token++) {
    if (view.getUint16(index + 2 * token, true) !== at - start) return undefined;
    const next = bytes.indexOf(0, at) + 1;
    if (next === 0 || next > end) return undefined;
    tokens.push(String.fromCharCode(...bytes.subarray(at, next - 1)));
    at = next;
  }
  return { start, tokens, indexEnd: index + TOKEN_INDEX_BYTES };
}

interface Names {
  /** Where their number is. */
  readonly number: number;
  readonly count: number;
  readonly start: number;
}

/** The number, names and markers that end at the token table, with or without sequence numbers between. */
function namesBefore(bytes: Uint8Array, view: DataView, tokenTableStart: number): Names | undefined {
  for (let number = aligned(tokenTableStart) - 2 * ALIGNMENT; number >= 0; number -= ALIGNMENT) {
    const count = view.getUint32(number, true);
    // A name has two bytes at least, its length and one token.
    if (count < LEAST_SYMBOLS || count > MOST_SYMBOLS || 2 * count > tokenTableStart - number) continue;
    if (view.getUint32(number + 4, true) !== 0) continue;
    const names = { number, count, start: number + ALIGNMENT };
    const markers = tokenTableStart - aligned(4 * markersOf(count));
    const behindSequences = markers - aligned(SEQUENCE_BYTES * count);
    if (agrees(bytes, view, names, markers) || agrees(bytes, view, names, behindSequences)) return names;
  }
  return undefined;
}

function markersOf(count: number): number {
  return Math.ceil(count / NAMES_PER_MARKER);
}

/** Whether the markers at `markers` are those of these names, the last of which ends just before them. */
function agrees(bytes: Uint8Array, view: DataView, { start, count }: Names, markers: number): boolean {
  if (markers % ALIGNMENT !== 0 || markers <= start || view.getUint32(markers, true) !== 0) return false;
  let at = start;
  for (let name = 0; name < count; name++) {
    if (name % NAMES_PER_MARKER === 0) {
      const marker = view.getUint32(markers + (4 * name) / NAMES_PER_MARKER, true);
      if (marker !== at - start) return false;
    }
    const { length, content } = nameAt(bytes, at);
    at = content + length;
    if (length === 0 || at > markers) return false;
  }
  return aligned(at) === markers;
}

/** The number of tokens of the name at `at`, and where they are. */
export function nameAt(bytes: Uint8Array, at: number): { readonly length: number; readonly content: number } {
  const first = bytes[at];
  if (first < LONG_LENGTH) return { length: first, content: at + 1 };
  return { length: (first - LONG_LENGTH) | (bytes[at + 1] << 7), content: at + 2 };
}

/** Behind the token index or before the number of symbols; what else is there is not in ascending order. */
function addressesBeside(
  view: DataView,
  { number, count }: Names,
  tokenIndexEnd: number,
): KallsymsAddresses | undefined {
  const offsetBytes = aligned(OFFSET_BYTES * count);
  const behind = aligned(tokenIndexEnd);
  for (const at of [behind, number - ALIGNMENT - offsetBytes]) {
    if (at < 0 || !isKernelAddress(view, at + offsetBytes)) continue;
    const form = formOfOffsets(view, at, count);
    if (form !== undefined) return { form, at, base: view.getBigUint64(at + offsetBytes, true) };
  }
  for (const at of [behind, number - ADDRESS_BYTES * count]) {
    const last = at + ADDRESS_BYTES * (count - 1);
    if (at >= 0 && isKernelAddress(view, last) && areAscending(view, at, last))
      return { form: 'absolute', at, base: 0n };
  }
  return undefined;
}

/** Undefined if they are not ascending in either form. */
function formOfOffsets(view: DataView, start: number, count: number): 'relative' | 'per-cpu' | undefined {
  let isRelative = true;
  let isPerCpu = true;
  for (let index = 1; index < count && (isRelative || isPerCpu); index++) {
    const at = start + OFFSET_BYTES * index;
    const [before, offset] = [view.getInt32(at - OFFSET_BYTES, true), view.getInt32(at, true)];
    if (before >>> 0 > offset >>> 0) isRelative = false;
    if (before >= 0 ? offset >= 0 && offset < before : offset > before) isPerCpu = false;
  }
  return isRelative ? 'relative' : isPerCpu ? 'per-cpu' : undefined;
}

function areAscending(view: DataView, start: number, last: number): boolean {
  for (let at = start; at < last; at += ADDRESS_BYTES) {
    if (view.getBigUint64(at, true) > view.getBigUint64(at + ADDRESS_BYTES, true)) return false;
  }
  return true;
}

function isKernelAddress(view: DataView, at: number): boolean {
  if (at < 0 || at + ADDRESS_BYTES > view.byteLength) return false;
  return view.getUint32(at + 4, true) >= KERNEL_ADDRESS_HIGH;
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

/** Where "0", "1", … "9" follow each other, each with its terminating zero. */
function* rowsOfDigits(bytes: Uint8Array): Generator<number> {
  const row = Uint8Array.from([...DIGITS].flatMap((digit) => [digit.charCodeAt(0), 0]));
  const last = bytes.length - row.length;
  // Of every 16 bytes one is looked at: a row has 20, every other one a digit.
  const stride = row.length - 4;
  for (let probe = 0; probe < bytes.length; probe += stride) {
    const digit = bytes[probe] === 0 ? probe + 1 : probe;
    const start = digit - 2 * (bytes[digit] - FIRST_DIGIT);
    if (!(start <= digit && digit - start < row.length) || start < 0 || start > last) continue;
    if (row.every((byte, index) => bytes[start + index] === byte)) yield start;
  }
}
