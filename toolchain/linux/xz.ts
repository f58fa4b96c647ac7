/**
 * Files of the format .xz (xz-file-format.txt of XZ Utils) as Linux uses them: LZMA2, before it the x86 filter, and no
 * checksum or CRC-32.
 */
import { unfilterX86 } from './bcj-x86';
import { crc32 } from './crc32';
import { LzmaDecoder } from './lzma';

const STREAM_HEADER_BYTES = 12;
const CHECK_TYPE = 7;
/** Bytes of the checksum behind each block, by its type. */
const CHECK_BYTES: Readonly<Record<number, number>> = { 0: 0, 1: 4 };

/** A block begins with the size of its header in words, less one; this says that the index follows instead. */
const INDEX = 0;
const MOST_FILTERS = 4;
const FILTER_X86 = 0x04;
const FILTER_LZMA2 = 0x21;

/** First bytes of the chunks of LZMA2. */
const CHUNKS_END = 0;
const CHUNK_STORED_ANEW = 1;
const CHUNK_STORED = 2;
const CHUNK_PACKED = 0x80;
/** What a packed chunk begins anew, bits 5 and 6 of its first byte. */
const RESET_STATE = 1;
const RESET_PROPERTIES = 2;
const RESET_DICTIONARY = 3;

/** Reads the small numbers of the format; behind the end there is an Error. */
class Cursor {
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
  ) {}

  byte(): number {
    if (this.at >= this.bytes.length) throw new Error('it is cut off');
    return this.bytes[this.at++];
  }

  /** Big-endian, as in chunks. */
  u16(): number {
    return (this.byte() << 8) | this.byte();
  }

  /** Seven bits a byte, lowest first. */
  size(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 63; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new Error('a number has no end');
  }

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw new Error('it is cut off');
    return this.bytes.subarray(this.at, (this.at += length));
  }

  /** Checks what was read from `start` on against the checksum that follows. */
  checksum(start: number, what: string): void {
    const sum = crc32(this.bytes.subarray(start, this.at));
    if (littleEndian(this.take(4)) !== sum) throw new Error(`the checksum of ${what} is wrong`);
  }

  /** Parts begin at multiples of 4 bytes. */
  align(start: number): void {
    while ((this.at - start) % 4 !== 0) if (this.byte() !== 0) throw new Error('its padding is not zero');
  }
}

/** Unpacks the first stream of a file into at most `size` bytes. Throws an Error that says what is wrong. */
export function unxz(file: Uint8Array, size: number): Uint8Array {
  const cursor = new Cursor(file, 6);
  cursor.take(2);
  cursor.checksum(6, 'the header');
  const checkBytes = CHECK_BYTES[file[CHECK_TYPE]];
  if (checkBytes === undefined) throw new Error(`checksum type ${file[CHECK_TYPE]} is none that Linux knows`);
  const decoder = new LzmaDecoder(new Uint8Array(size));
  cursor.at = STREAM_HEADER_BYTES;
  for (;;) {
    const start = cursor.at;
    const headerWords = cursor.byte();
    if (headerWords === INDEX) return decoder.out.subarray(0, decoder.filled);
    const filterStart = blockHeader(new Cursor(file, start + 1), start, (headerWords + 1) * 4);
    cursor.at = start + (headerWords + 1) * 4;
    const blockStart = decoder.filled;
    unlzma2(cursor, decoder);
    const block = decoder.out.subarray(blockStart, decoder.filled);
    if (filterStart !== undefined) unfilterX86(block, filterStart);
    cursor.align(start);
    if (checkBytes > 0 && littleEndian(cursor.take(checkBytes)) !== crc32(block)) {
      throw new Error('the checksum of what is unpacked is wrong');
    }
  }
}

/** The start offset of the x86 filter, undefined if there is none. */
function blockHeader(cursor: Cursor, start: number, bytes: number): number | undefined {
  const flags = cursor.byte();
  if (flags & 0x40) cursor.size();
  if (flags & 0x80) cursor.size();
  let filterStart: number | undefined;
  const filters: number[] = [];
  for (let count = (flags & (MOST_FILTERS - 1)) + 1; count > 0; count--) {
    const filter = cursor.size();
    const properties = cursor.take(cursor.size());
    filters.push(filter);
    if (filter === FILTER_X86) filterStart = properties.length === 4 ? littleEndian(properties) : 0;
  }
  const names = filters.map((filter) => filter.toString(16)).join(', ');
  const last = filters.pop();
  if (last !== FILTER_LZMA2 || filters.length > 1 || (filters.length === 1 && filters[0] !== FILTER_X86)) {
    throw new Error(`its filters (${names}) are none that Linux packs kernels for x86 with`);
  }
  const end = start + bytes - 4;
  if (cursor.at > end) throw new Error('the header of a block is too small');
  cursor.at = start;
  cursor.take(bytes - 4);
  cursor.checksum(start, "a block's header");
  return filterStart;
}

/** Unpacks chunks up to their end. */
function unlzma2(cursor: Cursor, decoder: LzmaDecoder): void {
  /** Before these were given once, nothing can be unpacked. */
  const needed = { dictionary: true, properties: true };
  for (;;) {
    const control = cursor.byte();
    if (control === CHUNKS_END) return;
    const reset = (control >> 5) & 3;
    const isPacked = control >= CHUNK_PACKED;
    if (!isPacked && control > CHUNK_STORED) throw new Error(`${control} begins no chunk`);
    if (isPacked ? reset === RESET_DICTIONARY : control === CHUNK_STORED_ANEW) {
      decoder.resetDictionary();
      needed.dictionary = false;
    }
    if (needed.dictionary) throw new Error('the first chunk does not begin anew');
    if (!isPacked) {
      decoder.append(cursor.take(cursor.u16() + 1));
      continue;
    }
    const end = decoder.filled + ((control & 0x1f) << 16) + cursor.u16() + 1;
    const packedBytes = cursor.u16() + 1;
    if (reset >= RESET_PROPERTIES) {
      decoder.setProperties(cursor.byte());
      needed.properties = false;
    } else if (needed.properties) {
      throw new Error('the first chunk has no properties');
    } else if (reset === RESET_STATE) {
      decoder.resetState();
    }
    const used = decoder.decode(cursor.take(packedBytes), end);
    if (used !== packedBytes || decoder.filled !== end) throw new Error('a chunk has not the size it promises');
  }
}

function littleEndian(bytes: Uint8Array): number {
  return (bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) >>> 0;
}
