/** x87, SSE and AVX state of the emulated processor, where it lies in the machine's memory. */
import * as layout from '../../emulator/engine/layout';
import type { Pc } from '../../emulator/pc';
import {
  AT,
  EXTENDED_STATE_BYTES,
  type ExtendedState,
  ST_BYTES,
  StoredState,
  topOf,
  YMM_BYTES,
} from './extended-state';

export class EmulatedRegisters {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor({ memory }: Pc) {
    const { buffer } = memory.linear;
    this.bytes = new Uint8Array(buffer, 0, RANGE);
    this.view = new DataView(buffer, 0, RANGE);
  }

  load(state: ExtendedState): void {
    const { bytes, view } = this;
    for (let i = 0; i < 16; i++) {
      bytes.set(state.ymm.subarray(YMM_BYTES * i, YMM_BYTES * (i + 1)), layout.VECTOR + layout.VECTOR_BYTES * i);
    }
    const top = topOf(state.status);
    for (let i = 0; i < 8; i++) {
      bytes.set(state.st.subarray(ST_BYTES * i, ST_BYTES * i + 10), layout.X87 + layout.X87_BYTES * ((i + top) & 7));
    }
    view.setUint16(layout.X87_CONTROL, state.control, true);
    view.setUint16(layout.X87_STATUS, state.status, true);
    view.setUint8(layout.X87_TAGS, state.tags);
    view.setUint16(layout.X87_OPCODE, state.opcode, true);
    view.setBigUint64(layout.X87_INSTRUCTION, state.instructionPointer, true);
    view.setBigUint64(layout.X87_DATA, state.dataPointer, true);
    // Where the state comes from the 64-bit form of XRSTOR there are no selectors.
    view.setUint16(layout.X87_INSTRUCTION_SELECTOR, 0, true);
    view.setUint16(layout.X87_DATA_SELECTOR, 0, true);
    view.setUint32(layout.MXCSR, state.mxcsr, true);
  }

  store(): StoredState {
    const { bytes, view } = this;
    const stored = new Uint8Array(EXTENDED_STATE_BYTES);
    const to = new DataView(stored.buffer);
    for (let i = 0; i < 16; i++) {
      const at = layout.VECTOR + layout.VECTOR_BYTES * i;
      stored.set(bytes.subarray(at, at + 16), AT.xmm + 16 * i);
      stored.set(bytes.subarray(at + 16, at + YMM_BYTES), AT.ymmHigh + 16 * i);
    }
    const status = view.getUint16(layout.X87_STATUS, true);
    for (let i = 0; i < 8; i++) {
      const at = layout.X87 + layout.X87_BYTES * ((i + topOf(status)) & 7);
      stored.set(bytes.subarray(at, at + 10), AT.st + ST_BYTES * i);
    }
    to.setUint16(AT.control, view.getUint16(layout.X87_CONTROL, true), true);
    to.setUint16(AT.status, status, true);
    to.setUint16(AT.tags, view.getUint8(layout.X87_TAGS), true);
    to.setUint16(AT.opcode, view.getUint16(layout.X87_OPCODE, true), true);
    to.setBigUint64(AT.instructionPointer, view.getBigUint64(layout.X87_INSTRUCTION, true), true);
    to.setBigUint64(AT.dataPointer, view.getBigUint64(layout.X87_DATA, true), true);
    to.setUint32(AT.mxcsr, view.getUint32(layout.MXCSR, true), true);
    return new StoredState(stored);
  }
}

/** All of it lies below. */
const RANGE = 0x1000;
