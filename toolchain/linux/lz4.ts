/**
 * LZ4, the legacy frame that `lz4 -l` writes and Linux uses: blocks of at most 8 MiB, each after its length
 * (lz4_Block_format.md and lz4_Frame_format.md of LZ4). The packages there are know the current frame only.
 */

const LEGACY_MAGIC = 0x184c2102;
const LEAST_MATCH = 4;
/** A field of four bits that holds this goes on in the following bytes. */
const LENGTH_GOES_ON = 15;

/** Unpacks into exactly `size` bytes. Throws an Error that says what is wrong. */
export function unlz4Legacy(data: Uint8Array, size: number): Uint8Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const out = new Uint8Array(size);
  let at = 0;
  let filled = 0;
  while (at + 4 <= data.length) {
    const length = view.getUint32(at, true);
    at += 4;
    // Concatenated frames start anew.
    if (length === LEGACY_MAGIC) continue;
    if (at + length > data.length) throw new Error(`a block of ${length} bytes is cut off`);
    filled = unlz4Block(data.subarray(at, at + length), out, filled);
    at += length;
  }
  return out.subarray(0, filled);
}

/** Unpacks a block behind what `out` holds before `filled`; returns where it ends. */
function unlz4Block(block: Uint8Array, out: Uint8Array, filled: number): number {
  let at = 0;
  const longLength = (start: number): number => {
    let length = start;
    let more = start === LENGTH_GOES_ON;
    while (more) {
      if (at >= block.length) throw new Error('a block ends within a length');
      const byte = block[at++];
      length += byte;
      more = byte === 0xff;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++];
    const literals = longLength(token >> 4);
    if (at + literals > block.length) throw new Error('a block ends within its literals');
    if (filled + literals > out.length) throw new Error('it unpacks to more than it promises');
    out.set(block.subarray(at, at + literals), filled);
    at += literals;
    filled += literals;
    // The last sequence has literals only.
    if (at === block.length) break;
    if (at + 2 > block.length) throw new Error('a block ends within an offset');
    const offset = block[at] | (block[at + 1] << 8);
    at += 2;
    const length = longLength(token & 15) + LEAST_MATCH;
    if (offset === 0 || offset > filled) throw new Error('an offset points before the beginning');
    if (filled + length > out.length) throw new Error('it unpacks to more than it promises');
    filled = copyMatch(out, filled, offset, length);
  }
  return filled;
}

/** Copies byte by byte where source and destination overlap: that repeats what lies between them. */
function copyMatch(out: Uint8Array, filled: number, offset: number, length: number): number {
  if (offset >= length) {
    out.copyWithin(filled, filled - offset, filled - offset + length);
    return filled + length;
  }
  for (const end = filled + length; filled < end; filled++) out[filled] = out[filled - offset];
  return filled;
}
