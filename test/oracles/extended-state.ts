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
/** Where in them things are. */
export const AT = {
  control: 0,
  status: 2,
  tags: 4,
  opcode: 6,
  instructionPointer: 8,
  dataPointer: 16,
  mxcsr: 24,
  /** MXCSR_MASK, which is no state. */
  mxcsrMask: 28,
  st: 32,
  xmm: 160,
  ymmHigh: 416,
} as const;

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
  view.setUint16(AT.control, state.control, true);
  view.setUint16(AT.status, state.status, true);
  view.setUint16(AT.tags, state.tags, true);
  view.setUint16(AT.opcode, state.opcode, true);
  view.setBigUint64(AT.instructionPointer, state.instructionPointer, true);
  view.setBigUint64(AT.dataPointer, state.dataPointer, true);
  view.setUint32(AT.mxcsr, state.mxcsr, true);
  to.set(state.st, AT.st);
  for (let i = 0; i < 16; i++) {
    const at = i * YMM_BYTES;
    to.set(state.ymm.subarray(at, at + 16), AT.xmm + 16 * i);
    to.set(state.ymm.subarray(at + 16, at + 32), AT.ymmHigh + 16 * i);
  }
}

/** State as `writeExtendedState` lays it out, taken apart only if somebody looks at it. */
export class StoredState {
  private known: ExtendedState | undefined;

  constructor(readonly bytes: Uint8Array) {}

  /** The x87 status word. */
  get status(): number {
    return this.bytes[AT.status] | (this.bytes[AT.status + 1] << 8);
  }

  get state(): ExtendedState {
    return (this.known ??= readExtendedState(this.bytes));
  }
}

/** The reverse of `writeExtendedState`. */
function readExtendedState(from: Uint8Array): ExtendedState {
  const view = new DataView(from.buffer, from.byteOffset, EXTENDED_STATE_BYTES);
  const ymm = new Uint8Array(16 * YMM_BYTES);
  for (let i = 0; i < 16; i++) {
    const at = i * YMM_BYTES;
    ymm.set(from.subarray(AT.xmm + 16 * i, AT.xmm + 16 * i + 16), at);
    ymm.set(from.subarray(AT.ymmHigh + 16 * i, AT.ymmHigh + 16 * i + 16), at + 16);
  }
  return {
    ymm,
    st: from.slice(AT.st, AT.st + 8 * ST_BYTES),
    control: view.getUint16(AT.control, true),
    status: view.getUint16(AT.status, true),
    tags: view.getUint16(AT.tags, true),
    opcode: view.getUint16(AT.opcode, true),
    instructionPointer: view.getBigUint64(AT.instructionPointer, true),
    dataPointer: view.getBigUint64(AT.dataPointer, true),
    mxcsr: view.getUint32(AT.mxcsr, true),
  };
}
