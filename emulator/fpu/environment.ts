/** The x87 environment in memory: FNSTENV, FLDENV, FNSAVE and FRSTOR (SDM vol. 1, figures 8-9 to 8-12). */
import type { ExtendedState } from '../cpu/extended-state';
import { extended80, Kind } from '../softfloat';
import type { X87Unit } from './unit';

/** Bytes of the environment alone; the eight registers of FNSAVE follow it. */
export type EnvironmentBytes = 14 | 28;

export interface EnvironmentFormat {
  readonly bytes: EnvironmentBytes;
  /** Real-address and virtual-8086 mode: pointers are linear addresses and there are no selectors. */
  readonly real: boolean;
}

const REGISTER_BYTES = 10;
const OPCODE = 0x7ff;
/** Bits of the control word that can be written; bit 6 reads 1. */
const CONTROL_BITS = 0x1f3f;
const CONTROL_FIXED = 0x40;

const enum Tag {
  VALID,
  ZERO,
  SPECIAL,
  EMPTY,
}

/** Sets the control word as FLDCW does; exceptions that were set may become pending. */
export function loadControl(state: ExtendedState, value: number): void {
  state.control = (value & CONTROL_BITS) | CONTROL_FIXED;
  state.settleExceptions();
}

/** The tag word with two bits for each physical register. */
function fullTags(unit: X87Unit): number {
  const { top } = unit.state;
  let tags = 0;
  for (let i = 0; i < 8; i++) {
    const { kind, denormal } = extended80.unpack(unit.read(i));
    const contents = kind === Kind.ZERO ? Tag.ZERO : kind === Kind.FINITE && !denormal ? Tag.VALID : Tag.SPECIAL;
    tags |= (unit.isEmpty(i) ? Tag.EMPTY : contents) << (2 * ((top + i) & 7));
  }
  return tags;
}

function setFullTags(state: ExtendedState, tags: number): void {
  state.tags = 0;
  for (let i = 0; i < 8; i++) if (((tags >> (2 * i)) & 3) !== Number(Tag.EMPTY)) state.tags |= 1 << i;
}

/** In real-address mode a pointer is the linear address. */
function linearPointer(selector: number, offset: bigint): number {
  return Number(BigInt.asUintN(32, (BigInt(selector) << 4n) + offset));
}

/** Writes the environment at the start of `area`. */
export function storeEnvironment(area: DataView, unit: X87Unit, { bytes, real }: EnvironmentFormat): void {
  const { state } = unit;
  const wide = bytes === 28;
  const step = wide ? 4 : 2;
  // The upper halves of 16-bit fields are all ones.
  if (wide) for (let at = 0; at < bytes; at += 4) area.setUint32(at, 0xffff0000, true);
  const put = (index: number, value: number): void => area.setUint16(index * step, value, true);
  put(0, state.control);
  put(1, state.status);
  put(2, fullTags(unit));
  if (real) {
    const instruction = linearPointer(state.instructionSelector, state.instructionPointer);
    const data = linearPointer(state.dataSelector, state.dataPointer);
    put(3, instruction & 0xffff);
    put(5, data & 0xffff);
    if (wide) {
      area.setUint32(16, ((instruction >>> 16) << 12) | (state.opcode & OPCODE), true);
      area.setUint32(24, (data >>> 16) << 12, true);
    } else {
      put(4, (((instruction >>> 16) & 0xf) << 12) | (state.opcode & OPCODE));
      put(6, ((data >>> 16) & 0xf) << 12);
    }
  } else if (wide) {
    area.setUint32(12, Number(BigInt.asUintN(32, state.instructionPointer)), true);
    area.setUint32(16, (((state.opcode & OPCODE) << 16) | state.instructionSelector) >>> 0, true);
    area.setUint32(20, Number(BigInt.asUintN(32, state.dataPointer)), true);
    put(6, state.dataSelector);
  } else {
    put(3, Number(BigInt.asUintN(16, state.instructionPointer)));
    put(4, state.instructionSelector);
    put(5, Number(BigInt.asUintN(16, state.dataPointer)));
    put(6, state.dataSelector);
  }
}

/** Takes the environment over from the start of `area`. */
export function loadEnvironment(area: DataView, state: ExtendedState, { bytes, real }: EnvironmentFormat): void {
  const wide = bytes === 28;
  const step = wide ? 4 : 2;
  const get = (index: number): number => area.getUint16(index * step, true);
  state.status = get(1);
  setFullTags(state, get(2));
  if (real) {
    const [instruction, data] = wide ? [area.getUint32(16, true), area.getUint32(24, true)] : [get(4), get(6)];
    const high = (word: number): number => ((word >>> 12) & 0xffff) * 0x10000;
    state.instructionPointer = BigInt(get(3) + high(instruction));
    state.dataPointer = BigInt(get(5) + high(data));
    state.opcode = instruction & OPCODE;
    state.instructionSelector = state.dataSelector = 0;
  } else {
    state.instructionPointer = BigInt(wide ? area.getUint32(12, true) : get(3));
    state.instructionSelector = get(4);
    state.dataPointer = BigInt(wide ? area.getUint32(20, true) : get(5));
    state.dataSelector = get(6);
    state.opcode = wide ? area.getUint16(18, true) & OPCODE : 0;
  }
  loadControl(state, get(0));
}

/** Writes ST(0) to ST(7) behind the environment. */
export function storeRegisters(area: Uint8Array, state: ExtendedState, { bytes }: EnvironmentFormat): void {
  for (let i = 0; i < 8; i++) area.set(state.stack(i), bytes + REGISTER_BYTES * i);
}

/** Takes ST(0) to ST(7) over; TOP must have been loaded. */
export function loadRegisters(area: Uint8Array, state: ExtendedState, { bytes }: EnvironmentFormat): void {
  for (let i = 0; i < 8; i++) {
    const at = bytes + REGISTER_BYTES * i;
    state.stack(i).set(area.subarray(at, at + REGISTER_BYTES));
  }
}
