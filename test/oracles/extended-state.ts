/** The state of x87 FPU, SSE and AVX, in the form of the XSAVE area (SDM vol. 1, section 13.4; vol. 2, FXSAVE). */

export const YMM_BYTES = 32;
export const ST_BYTES = 16;

export interface ExtendedState {
  /** YMM0 to YMM15, 32 bytes each. */
  readonly ymm: Uint8Array;
  /** ST(0) to ST(7), 16 bytes each, of which 10 count. */
  readonly st: Uint8Array;
  control: number;
  status: number;
  /** One bit for each physical register that is not empty. */
  tags: number;
  opcode: number;
  instructionPointer: bigint;
  dataPointer: bigint;
  mxcsr: number;
}

/** Bytes of `writeExtendedState`: the legacy region of the XSAVE area up to XMM15, and the upper halves of YMM0 to YMM15. */
export const EXTENDED_STATE_BYTES = 672;
const ST_AT = 32;
const XMM_AT = 160;
const YMM_HIGH_AT = 416;

export function emptyExtendedState(): ExtendedState {
  return {
    ymm: new Uint8Array(16 * YMM_BYTES),
    st: new Uint8Array(8 * ST_BYTES),
    control: 0x37f,
    status: 0,
    tags: 0,
    opcode: 0,
    instructionPointer: 0n,
    dataPointer: 0n,
    mxcsr: 0x1f80,
  };
}

/** TOP of the status word. */
export function topOf(status: number): number {
  return (status >> 11) & 7;
}

/** Writes the state as FXSAVE64 does, and the upper halves of the YMM registers after it. */
export function writeExtendedState(state: ExtendedState, to: Uint8Array): void {
  const view = new DataView(to.buffer, to.byteOffset, EXTENDED_STATE_BYTES);
  view.setUint16(0, state.control, true);
  view.setUint16(2, state.status, true);
  view.setUint16(4, state.tags, true);
  view.setUint16(6, state.opcode, true);
  view.setBigUint64(8, state.instructionPointer, true);
  view.setBigUint64(16, state.dataPointer, true);
  view.setUint32(24, state.mxcsr, true);
  to.set(state.st, ST_AT);
  for (let i = 0; i < 16; i++) {
    const at = i * YMM_BYTES;
    to.set(state.ymm.subarray(at, at + 16), XMM_AT + 16 * i);
    to.set(state.ymm.subarray(at + 16, at + 32), YMM_HIGH_AT + 16 * i);
  }
}

/** The reverse of `writeExtendedState`. */
export function readExtendedState(from: Uint8Array): ExtendedState {
  const view = new DataView(from.buffer, from.byteOffset, EXTENDED_STATE_BYTES);
  const ymm = new Uint8Array(16 * YMM_BYTES);
  for (let i = 0; i < 16; i++) {
    const at = i * YMM_BYTES;
    ymm.set(from.subarray(XMM_AT + 16 * i, XMM_AT + 16 * i + 16), at);
    ymm.set(from.subarray(YMM_HIGH_AT + 16 * i, YMM_HIGH_AT + 16 * i + 16), at + 16);
  }
  return {
    ymm,
    st: from.slice(ST_AT, ST_AT + 8 * ST_BYTES),
    control: view.getUint16(0, true),
    status: view.getUint16(2, true),
    tags: view.getUint16(4, true),
    opcode: view.getUint16(6, true),
    instructionPointer: view.getBigUint64(8, true),
    dataPointer: view.getBigUint64(16, true),
    mxcsr: view.getUint32(24, true),
  };
}
