/**
 * Guest RAM: physical addresses 0..size-1 of one machine, a window of its linear memory. Physical addresses are plain
 * numbers (52 bits fit a double exactly). Nothing here knows of devices: the bus looks here first.
 */
import { RAM } from './engine/layout';

export const PAGE_BYTES = 4096;

export class PhysicalMemory {
  /** The whole of RAM. Writing through it is for loaders only: it does not tell `codePages`. */
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  /**
   * 1 for each physical page of which generated records or code exist. A write to such a page must call `codeWritten`.
   */
  readonly codePages: Uint8Array;
  /** Told of every write to a page marked in `codePages`. Set by the engine. */
  codeWritten: (pa: number, length: number) => void = () => {};

  /** `size` in bytes, a multiple of 4096. */
  constructor(
    readonly linear: WebAssembly.Memory,
    readonly size: number,
  ) {
    this.bytes = new Uint8Array(linear.buffer, RAM, size);
    this.view = new DataView(linear.buffer, RAM, size);
    this.codePages = new Uint8Array(size / PAGE_BYTES);
  }

  /** Whether `length` bytes at `pa` are all RAM. */
  contains(pa: number, length: number): boolean {
    return pa >= 0 && pa + length <= this.size;
  }

  readU8(pa: number): number {
    return this.view.getUint8(pa);
  }
  readU16(pa: number): number {
    return this.view.getUint16(pa, true);
  }
  readU32(pa: number): number {
    return this.view.getUint32(pa, true);
  }
  readU64(pa: number): bigint {
    return this.view.getBigUint64(pa, true);
  }

  writeU8(pa: number, value: number): void {
    this.view.setUint8(pa, value);
    this.noteWrite(pa, 1);
  }
  writeU16(pa: number, value: number): void {
    this.view.setUint16(pa, value, true);
    this.noteWrite(pa, 2);
  }
  writeU32(pa: number, value: number): void {
    this.view.setUint32(pa, value, true);
    this.noteWrite(pa, 4);
  }
  writeU64(pa: number, value: bigint): void {
    this.view.setBigUint64(pa, value, true);
    this.noteWrite(pa, 8);
  }

  /** Copies `data` to `pa`; throws RangeError if it does not fit RAM. */
  load(pa: number, data: Uint8Array): void {
    this.bytes.set(data, pa);
    for (let at = pa; at < pa + data.length; at = (Math.floor(at / PAGE_BYTES) + 1) * PAGE_BYTES) {
      this.noteWrite(at, Math.min(PAGE_BYTES - (at % PAGE_BYTES), pa + data.length - at));
    }
  }

  private noteWrite(pa: number, length: number): void {
    if (this.codePages[Math.floor(pa / PAGE_BYTES)]) this.codeWritten(pa, length);
    else if ((pa % PAGE_BYTES) + length > PAGE_BYTES && this.codePages[Math.floor((pa + length) / PAGE_BYTES)]) {
      this.codeWritten(pa, length);
    }
  }
}
