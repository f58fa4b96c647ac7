/** The 512-byte image of x87 and SSE state that FXSAVE and XSAVE share (SDM vol. 1, tables 10-2 and 13-1). */
import type { ExtendedState } from './extended-state';
import { MXCSR_MASK } from './extended-state';

export const LEGACY_AREA_BYTES = 512;
/** Where MXCSR and its mask are. */
export const MXCSR_OFFSET = 24;
const REGISTERS = 32;
const VECTORS = 160;

/** How pointers and registers are laid out: REX.W gives 64-bit pointers, 64-bit mode has 16 vector registers. */
export interface AreaFormat {
  readonly widePointers: boolean;
  readonly vectorRegisters: 8 | 16;
}

/** Writes the x87 part: bytes 0 to 23 and the registers from byte 32 on, reserved bytes 0. */
export function storeX87(area: DataView, state: ExtendedState, { widePointers }: AreaFormat): void {
  area.setUint16(0, state.control, true);
  area.setUint16(2, state.status, true);
  area.setUint16(4, state.tags, true);
  area.setUint16(6, state.opcode, true);
  area.setBigUint64(8, state.instructionPointer, true);
  area.setBigUint64(16, state.dataPointer, true);
  if (!widePointers) {
    area.setUint32(12, state.instructionSelector, true);
    area.setUint32(20, state.dataSelector, true);
  }
  for (let i = 0; i < 8; i++)
    bytesAt(area, REGISTERS + 16 * i, 16)
      .fill(0)
      .set(state.stack(i));
}

export function loadX87(area: DataView, state: ExtendedState, { widePointers }: AreaFormat): void {
  // Bits 6, 13, 12 of FCW and the like are fixed or reserved; what is written there reads back as it must.
  state.control = (area.getUint16(0, true) & 0x1f3f) | 0x40;
  state.status = area.getUint16(2, true);
  state.tags = area.getUint8(4);
  state.opcode = area.getUint16(6, true) & 0x7ff;
  const pointer = (offset: number): bigint =>
    widePointers ? area.getBigUint64(offset, true) : BigInt(area.getUint32(offset, true));
  state.instructionPointer = pointer(8);
  state.dataPointer = pointer(16);
  state.instructionSelector = widePointers ? 0 : area.getUint16(12, true);
  state.dataSelector = widePointers ? 0 : area.getUint16(20, true);
  for (let i = 0; i < 8; i++) state.stack(i).set(bytesAt(area, REGISTERS + 16 * i, 10));
}

export function storeMxcsr(area: DataView, state: ExtendedState): void {
  area.setUint32(MXCSR_OFFSET, state.mxcsr, true);
  area.setUint32(MXCSR_OFFSET + 4, MXCSR_MASK, true);
}

export function storeVectors(area: DataView, state: ExtendedState, { vectorRegisters }: AreaFormat): void {
  for (let i = 0; i < vectorRegisters; i++) bytesAt(area, VECTORS + 16 * i, 16).set(state.vectorHalf(i, 0));
}

export function loadVectors(area: DataView, state: ExtendedState, { vectorRegisters }: AreaFormat): void {
  for (let i = 0; i < vectorRegisters; i++) state.vectorHalf(i, 0).set(bytesAt(area, VECTORS + 16 * i, 16));
}

/** Bytes of an area; a view. */
export function bytesAt(area: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(area.buffer, area.byteOffset + offset, length);
}
