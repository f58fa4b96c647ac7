/**
 * The x87, SSE and AVX state: registers that XSAVE saves (SDM vol. 1, chapter 13). It lives in linear memory, where
 * generated code works on it.
 */
import * as layout from '../engine/layout';

/** Initial values (SDM vol. 3, table 10-1; FNINIT). */
export const X87_CONTROL_INITIAL = 0x37f;
export const MXCSR_INITIAL = 0x1f80;
/** Bits of MXCSR that exist; others raise #GP(0). */
export const MXCSR_MASK = 0xffff;

/** x87 status word: TOP, and ES, which tells that an unmasked exception is pending. */
const TOP_SHIFT = 11;
const ES = 0x80;
const BUSY = 0x8000;
/** IE, DE, ZE, OE, UE, PE in the status word, and their masks in the control word. */
const X87_EXCEPTIONS = 0x3f;

export class ExtendedState {
  /** YMM0 to YMM15, 32 bytes each. */
  readonly vectors: Uint8Array;
  /** R0 to R7 of the x87 unit, 16 bytes each, of which 10 count. */
  readonly x87: Uint8Array;
  private readonly u8: Uint8Array;
  private readonly view: DataView;

  constructor(memory: WebAssembly.Memory) {
    const { buffer } = memory;
    this.u8 = new Uint8Array(buffer, 0, layout.ADDRESS_SPACE);
    this.view = new DataView(buffer, 0, layout.ADDRESS_SPACE);
    this.vectors = new Uint8Array(buffer, layout.VECTOR, 16 * layout.VECTOR_BYTES);
    this.x87 = new Uint8Array(buffer, layout.X87, 8 * layout.X87_BYTES);
    this.initializeX87();
    this.mxcsr = MXCSR_INITIAL;
  }

  save() {
    const { mxcsr, control, status, tags, opcode } = this;
    const { instructionPointer, instructionSelector, dataPointer, dataSelector } = this;
    return {
      ...{ mxcsr, control, status, tags, opcode },
      ...{ instructionPointer, instructionSelector, dataPointer, dataSelector },
      vectors: [...this.vectors],
      x87: [...this.x87],
    };
  }

  restore({ vectors, x87, ...rest }: ReturnType<ExtendedState['save']>): void {
    Object.assign(this, rest);
    this.vectors.set(vectors);
    this.x87.set(x87);
  }

  get mxcsr(): number {
    return this.view.getUint32(layout.MXCSR, true);
  }
  set mxcsr(value: number) {
    this.view.setUint32(layout.MXCSR, value, true);
  }

  /** FCW. */
  get control(): number {
    return this.view.getUint16(layout.X87_CONTROL, true);
  }
  set control(value: number) {
    this.view.setUint16(layout.X87_CONTROL, value, true);
  }

  /** FSW, TOP included. */
  get status(): number {
    return this.view.getUint16(layout.X87_STATUS, true);
  }
  set status(value: number) {
    this.view.setUint16(layout.X87_STATUS, value, true);
  }

  /** The physical register that is ST(0). */
  get top(): number {
    return (this.status >> TOP_SHIFT) & 7;
  }

  /** An unmasked x87 exception is pending. */
  get exceptionPending(): boolean {
    return (this.status & ES) !== 0;
  }

  /** Bit i is set where physical register Ri is not empty. */
  get tags(): number {
    return this.u8[layout.X87_TAGS];
  }
  set tags(value: number) {
    this.u8[layout.X87_TAGS] = value;
  }

  /** FOP: low 11 bits of the opcode of the last x87 instruction. */
  get opcode(): number {
    return this.view.getUint16(layout.X87_OPCODE, true);
  }
  set opcode(value: number) {
    this.view.setUint16(layout.X87_OPCODE, value, true);
  }

  /** FIP and FDP: 64-bit offsets of the last x87 instruction and its memory operand; FCS and FDS, their selectors. */
  get instructionPointer(): bigint {
    return this.view.getBigUint64(layout.X87_INSTRUCTION, true);
  }
  set instructionPointer(value: bigint) {
    this.view.setBigUint64(layout.X87_INSTRUCTION, value, true);
  }
  get dataPointer(): bigint {
    return this.view.getBigUint64(layout.X87_DATA, true);
  }
  set dataPointer(value: bigint) {
    this.view.setBigUint64(layout.X87_DATA, value, true);
  }
  get instructionSelector(): number {
    return this.view.getUint16(layout.X87_INSTRUCTION_SELECTOR, true);
  }
  set instructionSelector(value: number) {
    this.view.setUint16(layout.X87_INSTRUCTION_SELECTOR, value, true);
  }
  get dataSelector(): number {
    return this.view.getUint16(layout.X87_DATA_SELECTOR, true);
  }
  set dataSelector(value: number) {
    this.view.setUint16(layout.X87_DATA_SELECTOR, value, true);
  }

  /** The ten bytes of ST(i); a view. */
  stack(i: number): Uint8Array {
    const at = layout.X87_BYTES * ((this.top + i) & 7);
    return this.x87.subarray(at, at + 10);
  }

  /** The low or high half of a vector register; a view. */
  vectorHalf(register: number, half: 0 | 1): Uint8Array {
    const at = layout.VECTOR_BYTES * register + 16 * half;
    return this.vectors.subarray(at, at + 16);
  }

  /** After the control or status word has been loaded: ES and B tell whether an exception that is set is not masked. */
  settleExceptions(): void {
    const pending = this.status & ~this.control & X87_EXCEPTIONS;
    this.status = pending ? this.status | ES | BUSY : this.status & ~(ES | BUSY);
  }

  /** What FNINIT does; the registers keep their contents but are empty. */
  initializeX87(): void {
    this.control = X87_CONTROL_INITIAL;
    this.status = 0;
    this.tags = 0;
    this.opcode = 0;
    this.instructionPointer = this.dataPointer = 0n;
    this.instructionSelector = this.dataSelector = 0;
  }
}
