/** Little-endian byte streams with the LEB128 numbers of DWARF (DWARF 5, section 7.6). */

/** Makes the error for a read that leaves the data; `offset` counts from the start of the data. */
export type ReadFailure = (what: string, offset: number) => Error;

const TEXT = new TextDecoder();
const UTF8 = new TextEncoder();

/** A bounds-checked cursor; every read past `end` throws what `failure` makes. */
export class ByteReader {
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    private readonly failure: ReadFailure,
    public position = 0,
    readonly end = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (position > end || end > bytes.length) throw failure('lies outside the data', position);
  }

  get atEnd(): boolean {
    return this.position >= this.end;
  }

  /** A reader of the next `length` bytes; the cursor moves behind them. */
  slice(length: number): ByteReader {
    const start = this.take(length);
    return new ByteReader(this.bytes, this.failure, start, start + length);
  }

  /** A reader of the same data from `position` to the same end. */
  at(position: number): ByteReader {
    return new ByteReader(this.bytes, this.failure, position, this.end);
  }

  fail(what: string): never {
    throw this.failure(what, this.position);
  }

  skip(length: number): void {
    this.take(length);
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  i8(): number {
    return this.view.getInt8(this.take(1));
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u24(): number {
    const at = this.take(3);
    return this.view.getUint16(at, true) | (this.view.getUint8(at + 2) << 16);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  u64(): bigint {
    return this.view.getBigUint64(this.take(8), true);
  }

  /** An unsigned 64-bit number that must be a possible size or offset. */
  size64(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail(`0x${value.toString(16)} is no possible size or offset`);
    return Number(value);
  }

  /** Unsigned LEB128; exact up to 2^53. */
  uleb(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
      if (scale > 2 ** 77) this.fail('a LEB128 number has no end');
    }
  }

  /** Signed LEB128; exact up to 2^53. */
  sleb(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return byte & 0x40 ? value - scale : value;
      if (scale > 2 ** 77) this.fail('a LEB128 number has no end');
    }
  }

  /** UTF-8 up to a NUL byte. */
  cstring(): string {
    const start = this.position;
    const nul = this.bytes.indexOf(0, start);
    if (nul < 0 || nul >= this.end) this.fail('a string has no terminating NUL');
    this.position = nul + 1;
    return TEXT.decode(this.bytes.subarray(start, nul));
  }

  take(length: number): number {
    const start = this.position;
    if (length < 0 || length > this.end - start) this.fail(`needs ${length} bytes, ${this.end - start} are left`);
    this.position = start + length;
    return start;
  }
}

/** A growing little-endian byte buffer. */
export class ByteWriter {
  private buffer = new Uint8Array(256);
  private view = new DataView(this.buffer.buffer);
  private used = 0;

  get length(): number {
    return this.used;
  }

  u8(value: number): void {
    const at = this.grow(1);
    this.view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.grow(2);
    this.view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.grow(4);
    this.view.setUint32(at, value, true);
  }

  u64(value: bigint | number): void {
    const at = this.grow(8);
    this.view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
  }

  uleb(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.u8(rest);
  }

  sleb(value: number): void {
    let rest = value;
    while (rest < -0x40 || rest >= 0x40) {
      this.u8((rest & 0x7f) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.u8(rest & 0x7f);
  }

  cstring(text: string): void {
    this.bytes(UTF8.encode(text));
    this.u8(0);
  }

  bytes(data: Uint8Array): void {
    const at = this.grow(data.length);
    this.buffer.set(data, at);
  }

  /** Zero bytes up to a multiple of `alignment`. */
  align(alignment: number): void {
    this.padTo(Math.ceil(this.used / alignment) * alignment);
  }

  /** Zero bytes up to `offset`. */
  padTo(offset: number): void {
    if (offset > this.used) this.grow(offset - this.used);
  }

  patchU32(offset: number, value: number): void {
    this.view.setUint32(offset, value, true);
  }

  finish(): Uint8Array {
    return this.buffer.slice(0, this.used);
  }

  private grow(length: number): number {
    const start = this.used;
    this.used += length;
    if (this.used > this.buffer.length) {
      const larger = new Uint8Array(Math.max(this.used, this.buffer.length * 2));
      larger.set(this.buffer.subarray(0, start));
      this.buffer = larger;
      this.view = new DataView(larger.buffer);
    }
    return start;
  }
}
