/**
 * LZMA (lzma-specification.txt of the LZMA SDK): the decoder that the formats .lzma and .xz share. The packages there are
 * for JavaScript know .xz without the x86 filter that kernels are packed with, or need Node.js.
 */

/** Probabilities have 11 bits and move by a 32nd of the distance. */
const PROBABILITY_BITS = 11;
const EVEN_CHANCE = 1 << (PROBABILITY_BITS - 1);
const CERTAIN = 1 << PROBABILITY_BITS;
const MOVE_BITS = 5;
/** The range coder takes a byte when fewer than so many bits of its range are left. */
const LEAST_RANGE_BITS = 24;
/** Bytes that initialize the range coder, the first of them zero. */
export const RANGE_CODER_BYTES = 5;

/** 12 states tell what the last packets were; below 7 the last one was a literal. */
const STATES = 12;
const FIRST_STATE_AFTER_MATCH = 7;
const MOST_POSITION_STATES = 16;
const LEAST_MATCH = 2;

const LENGTH_STATES = 4;
const SLOT_BITS = 6;
/** Distances up to this slot are in the slot alone, up to the other one in bits with probabilities of their own. */
const FIRST_SLOT_WITH_BITS = 4;
const FIRST_SLOT_WITH_DIRECT_BITS = 14;
const SPECIAL_DISTANCES = 1 + 128 - FIRST_SLOT_WITH_DIRECT_BITS;
const ALIGN_BITS = 4;
/** Matches at this distance mark the end. */
const END_MARKER = 0xffffffff;

/** A length: two choices, then 3 bits by position state, 3 further bits likewise, or 8. */
const LENGTH_LOW = 2;
const LENGTH_MIDDLE = LENGTH_LOW + (MOST_POSITION_STATES << 3);
const LENGTH_HIGH = LENGTH_MIDDLE + (MOST_POSITION_STATES << 3);
const LENGTH_MODELS = LENGTH_HIGH + 256;

/** Where each group of probabilities begins. */
const IS_MATCH = 0;
const IS_REPEAT = IS_MATCH + STATES * MOST_POSITION_STATES;
const IS_REPEAT_0 = IS_REPEAT + STATES;
const IS_REPEAT_1 = IS_REPEAT_0 + STATES;
const IS_REPEAT_2 = IS_REPEAT_1 + STATES;
const IS_REPEAT_0_LONG = IS_REPEAT_2 + STATES;
const DISTANCE_SLOT = IS_REPEAT_0_LONG + STATES * MOST_POSITION_STATES;
const DISTANCE_SPECIAL = DISTANCE_SLOT + (LENGTH_STATES << SLOT_BITS);
const DISTANCE_ALIGN = DISTANCE_SPECIAL + SPECIAL_DISTANCES;
const MATCH_LENGTH = DISTANCE_ALIGN + (1 << ALIGN_BITS);
const REPEAT_LENGTH = MATCH_LENGTH + LENGTH_MODELS;
const LITERAL = REPEAT_LENGTH + LENGTH_MODELS;
const LITERAL_MODELS = 0x300;

const TOO_MUCH = 'it unpacks to more than it promises';
const CUT_OFF = 'it is cut off';

/**
 * The decoder. What it has unpacked so far is its dictionary: it unpacks into one array, that of the result. Ranges and
 * codes are unsigned 32-bit numbers, kept as signed ones, which the host holds without allocating.
 */
export class LzmaDecoder {
  /** Bytes of `out` that are filled. */
  filled = 0;

  private models = new Uint16Array(0);
  private literalContextBits = 0;
  private literalPositionMask = 0;
  private positionMask = 0;

  private state = 0;
  private readonly distances = new Uint32Array(4);
  /** Matches reach back to here. */
  private dictionaryStart = 0;

  private input: Uint8Array = new Uint8Array(0);
  private at = 0;
  private range = 0;
  private code = 0;

  constructor(readonly out: Uint8Array) {}

  /** Takes the byte with lc, lp and pb, and begins anew. Throws an Error for an impossible one. */
  setProperties(byte: number): void {
    const [literalContextBits, rest] = [byte % 9, Math.floor(byte / 9)];
    const [literalPositionBits, positionBits] = [rest % 5, Math.floor(rest / 5)];
    if (positionBits > 4) throw new Error(`its properties byte ${byte} is impossible`);
    this.literalContextBits = literalContextBits;
    this.literalPositionMask = (1 << literalPositionBits) - 1;
    this.positionMask = (1 << positionBits) - 1;
    this.models = new Uint16Array(LITERAL + (LITERAL_MODELS << (literalContextBits + literalPositionBits)));
    this.resetState();
  }

  resetState(): void {
    this.state = 0;
    this.distances.fill(0);
    this.models.fill(EVEN_CHANCE);
  }

  /** What was unpacked before can no longer be referred to. */
  resetDictionary(): void {
    this.dictionaryStart = this.filled;
  }

  /** Appends bytes that are not packed. Throws an Error if there is no room for them. */
  append(bytes: Uint8Array): void {
    if (bytes.length > this.out.length - this.filled) throw new Error(TOO_MUCH);
    this.out.set(bytes, this.filled);
    this.filled += bytes.length;
  }

  /**
   * Unpacks until `out` is filled up to `end`, or until an end marker. `input` begins with the bytes that initialize the
   * range coder. Returns how many of its bytes were used. Throws an Error that says what is wrong.
   */
  decode(input: Uint8Array, end: number): number {
    if (end > this.out.length) throw new Error(TOO_MUCH);
    if (input.length < RANGE_CODER_BYTES || input[0] !== 0) throw new Error('the range coder does not begin with 0');
    this.input = input;
    this.range = -1;
    this.code = new DataView(input.buffer, input.byteOffset).getInt32(1);
    this.at = RANGE_CODER_BYTES;
    while (this.filled < end && this.packet(end)) {
      if (this.at > input.length) throw new Error(CUT_OFF);
    }
    if (this.at > input.length) throw new Error(CUT_OFF);
    return this.at;
  }

  /** Whether an end marker follows. Throws an Error if it is anything that would unpack to more. */
  endMarkerFollows(): boolean {
    return !this.packet(this.filled);
  }

  /** Unpacks one literal or match; false at an end marker. */
  private packet(end: number): boolean {
    const { state, distances } = this;
    const position = (this.filled - this.dictionaryStart) & this.positionMask;
    const byState = state * MOST_POSITION_STATES + position;
    if (this.bit(IS_MATCH + byState) === 0) {
      this.literal();
      return true;
    }
    if (this.bit(IS_REPEAT + state) === 0) {
      const length = this.length(MATCH_LENGTH, position);
      distances.copyWithin(1, 0);
      distances[0] = this.distance(length);
      if (distances[0] === END_MARKER) return false;
      this.state = state < FIRST_STATE_AFTER_MATCH ? 7 : 10;
      this.copy(distances[0], length, end);
      return true;
    }
    if (this.bit(IS_REPEAT_0 + state) !== 0) {
      this.chooseRepeat(state);
    } else if (this.bit(IS_REPEAT_0_LONG + byState) === 0) {
      this.state = state < FIRST_STATE_AFTER_MATCH ? 9 : 11;
      this.copy(distances[0], 1, end);
      return true;
    }
    const length = this.length(REPEAT_LENGTH, position);
    this.state = state < FIRST_STATE_AFTER_MATCH ? 8 : 11;
    this.copy(distances[0], length, end);
    return true;
  }

  private literal(): void {
    const { out, filled } = this;
    const previous = filled > this.dictionaryStart ? out[filled - 1] : 0;
    const context =
      (((filled - this.dictionaryStart) & this.literalPositionMask) << this.literalContextBits) |
      (previous >> (8 - this.literalContextBits));
    const base = LITERAL + LITERAL_MODELS * context;
    let symbol = 1;
    if (this.state >= FIRST_STATE_AFTER_MATCH) {
      // As long as it agrees with the byte that would have gone on the match, that one chooses the probabilities.
      let matched = this.byteAt(this.distances[0]);
      while (symbol < 0x100) {
        const expected = (matched >> 7) & 1;
        matched <<= 1;
        const bit = this.bit(base + ((1 + expected) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (bit !== expected) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.bit(base + symbol);
    if (filled >= out.length) throw new Error(TOO_MUCH);
    out[filled] = symbol;
    this.filled = filled + 1;
    this.state = this.state < 4 ? 0 : this.state < 10 ? this.state - 3 : this.state - 6;
  }

  /** Makes one of the earlier three distances the latest. */
  private chooseRepeat(state: number): void {
    const { distances } = this;
    const index = this.bit(IS_REPEAT_1 + state) === 0 ? 1 : 2 + this.bit(IS_REPEAT_2 + state);
    const chosen = distances[index];
    distances.copyWithin(1, 0, index);
    distances[0] = chosen;
  }

  private length(base: number, position: number): number {
    if (this.bit(base) === 0) return LEAST_MATCH + this.tree(base + LENGTH_LOW + (position << 3), 3);
    if (this.bit(base + 1) === 0) return LEAST_MATCH + 8 + this.tree(base + LENGTH_MIDDLE + (position << 3), 3);
    return LEAST_MATCH + 16 + this.tree(base + LENGTH_HIGH, 8);
  }

  /** One less than how far back the match is. */
  private distance(length: number): number {
    const lengthState = Math.min(length - LEAST_MATCH, LENGTH_STATES - 1);
    const slot = this.tree(DISTANCE_SLOT + (lengthState << SLOT_BITS), SLOT_BITS);
    if (slot < FIRST_SLOT_WITH_BITS) return slot;
    const bits = (slot >> 1) - 1;
    const base = ((2 | (slot & 1)) << bits) >>> 0;
    if (slot < FIRST_SLOT_WITH_DIRECT_BITS) return base + this.reverseTree(DISTANCE_SPECIAL + base - slot, bits);
    const direct = this.directBits(bits - ALIGN_BITS) * (1 << ALIGN_BITS);
    return base + direct + this.reverseTree(DISTANCE_ALIGN, ALIGN_BITS);
  }

  private byteAt(distance: number): number {
    if (distance >= this.filled - this.dictionaryStart) throw new Error('a match reaches back before the beginning');
    return this.out[this.filled - distance - 1];
  }

  private copy(distance: number, length: number, end: number): void {
    const { out, filled } = this;
    if (distance >= filled - this.dictionaryStart) throw new Error('a match reaches back before the beginning');
    if (length > end - filled) throw new Error(TOO_MUCH);
    const from = filled - distance - 1;
    // Source and destination may overlap: that repeats what lies between them.
    for (let index = 0; index < length; index++) out[filled + index] = out[from + index];
    this.filled = filled + length;
  }

  /** A number whose bits, highest first, choose the probabilities of the next ones. */
  private tree(base: number, bits: number): number {
    let symbol = 1;
    for (let bit = 0; bit < bits; bit++) symbol = (symbol << 1) | this.bit(base + symbol);
    return symbol - (1 << bits);
  }

  /** The same, lowest bit first. */
  private reverseTree(base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let index = 0; index < bits; index++) {
      const bit = this.bit(base + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << index;
    }
    return value;
  }

  /** Bits without probabilities. */
  private directBits(count: number): number {
    let value = 0;
    for (let index = 0; index < count; index++) {
      const range = this.range >>> 1;
      const bit = this.code >>> 0 < range ? 0 : 1;
      this.range = range;
      if (bit) this.code = (this.code - range) | 0;
      this.normalize();
      value = (value << 1) | bit;
    }
    return value >>> 0;
  }

  private bit(model: number): number {
    const { models } = this;
    const chance = models[model];
    const bound = Math.imul(this.range >>> PROBABILITY_BITS, chance);
    let bit = 0;
    if (this.code >>> 0 < bound >>> 0) {
      this.range = bound;
      models[model] = chance + ((CERTAIN - chance) >> MOVE_BITS);
    } else {
      this.range = (this.range - bound) | 0;
      this.code = (this.code - bound) | 0;
      models[model] = chance - (chance >> MOVE_BITS);
      bit = 1;
    }
    this.normalize();
    return bit;
  }

  private normalize(): void {
    if (this.range >>> LEAST_RANGE_BITS !== 0) return;
    this.range <<= 8;
    // Behind the end of the input zeros follow; `decode` notices.
    this.code = (this.code << 8) | (this.at < this.input.length ? this.input[this.at] : 0);
    this.at++;
  }
}

/** The header of a .lzma file: properties, size of the dictionary, size of the content or -1. */
const PROPERTIES_BYTE = 0;
const CONTENT_SIZE = 5;
const HEADER_BYTES = 13;
const SIZE_UNKNOWN = 2n ** 64n - 1n;

/** Unpacks a .lzma file into exactly `size` bytes. Throws an Error that says what is wrong. */
export function unlzma(data: Uint8Array, size: number): Uint8Array {
  if (data.length < HEADER_BYTES) throw new Error(CUT_OFF);
  const promised = new DataView(data.buffer, data.byteOffset).getBigUint64(CONTENT_SIZE, true);
  if (promised !== SIZE_UNKNOWN && promised !== BigInt(size)) {
    throw new Error(`its header promises ${String(promised)} bytes instead of ${size}`);
  }
  const decoder = new LzmaDecoder(new Uint8Array(size));
  decoder.setProperties(data[PROPERTIES_BYTE]);
  decoder.decode(data.subarray(HEADER_BYTES), size);
  if (promised === SIZE_UNKNOWN && decoder.filled === size && !decoder.endMarkerFollows()) throw new Error(TOO_MUCH);
  return decoder.out.subarray(0, decoder.filled);
}
