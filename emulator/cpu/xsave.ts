/** XSAVE, XSAVEOPT, XSAVEC, XSAVES, XRSTOR and XRSTORS (SDM vol. 1, sections 13.7 to 13.12). */
import type { Instruction } from '../isa/instruction';
import type { Cpu } from './cpu';
import type { CpuModel } from './cpuid';
import { GuestException, Vector } from './exceptions';
import { MXCSR_INITIAL, X87_CONTROL_INITIAL } from './extended-state';
import { areaFormat, checkedMxcsr, requireAlignedOperand } from './fxsave';
import {
  bytesAt,
  LEGACY_AREA_BYTES,
  loadVectors,
  loadX87,
  MXCSR_OFFSET,
  storeMxcsr,
  storeVectors,
  storeX87,
  type AreaFormat,
} from './fxsave-area';
import { dataAccess, readBlock, requireWritable, writeBlock } from './linear-memory';
import { nonCanonicalVector, operandAt, readEdxEax } from './registers';
import { Cr0, Cr4 } from './state';
import { Component, COMPONENTS, hasComponent, type StateComponent } from './xsave-components';

/** The header behind the legacy area: XSTATE_BV, XCOMP_BV, 48 reserved bytes. */
const HEADER_BYTES = 64;
const XSTATE_BV = LEGACY_AREA_BYTES;
const XCOMP_BV = LEGACY_AREA_BYTES + 8;
const EXTENDED_REGION = LEGACY_AREA_BYTES + HEADER_BYTES;
/** XCOMP_BV: the area has the compacted format. */
const COMPACTED = 1n << 63n;

const bitOf = (component: number): bigint => 1n << BigInt(component);
const [X87, SSE, AVX] = [bitOf(Component.X87), bitOf(Component.SSE), bitOf(Component.AVX)];

/** Components of `model` that XCR0 can enable, and those that IA32_XSS can. */
export function userComponents(model: CpuModel): bigint {
  return mask(model, false) | X87 | (model.features.has('SSE') ? SSE : 0n);
}
export function supervisorComponents(model: CpuModel): bigint {
  return mask(model, true);
}
function mask(model: CpuModel, supervisor: boolean): bigint {
  return COMPONENTS.filter((one) => one.supervisor === supervisor && hasComponent(model, one)).reduce(
    (bits, { bit }) => bits | bitOf(bit),
    0n,
  );
}

/** Where a format puts each component of `components`, and how long the area is. */
export function areaLayout(
  components: bigint,
  compacted: boolean,
): { places: Map<StateComponent, number>; bytes: number } {
  const places = new Map<StateComponent, number>();
  let bytes = EXTENDED_REGION;
  for (const component of COMPONENTS) {
    if (!(components & bitOf(component.bit))) continue;
    const offset = compacted ? bytes : component.standardOffset;
    places.set(component, offset);
    bytes = Math.max(bytes, offset + component.bytes);
  }
  return { places, bytes };
}

function requireXsave(cpu: Cpu): void {
  if (!cpu.model.features.has('XSAVE') || !(cpu.state.cr4 & Cr4.OSXSAVE)) throw new GuestException(Vector.UD);
  if (cpu.state.cr0 & Cr0.TS) throw new GuestException(Vector.NM);
  requireAlignedOperand(cpu, 64n);
}

/** Components in use (XINUSE), among those asked for. MXCSR counts as SSE state: it is saved with it. */
function inUse(cpu: Cpu, requested: bigint): bigint {
  const { extended } = cpu.state;
  let bits = 0n;
  if (!isX87Initial(cpu)) bits |= X87;
  const vectors = cpu.state.mode64 ? 16 : 8;
  for (let i = 0; i < vectors && !(bits & SSE); i++) {
    if (extended.vectorHalf(i, 0).some((byte) => byte !== 0)) bits |= SSE;
  }
  if (extended.mxcsr !== MXCSR_INITIAL) bits |= SSE;
  for (const component of COMPONENTS) if (component.inUse(cpu)) bits |= bitOf(component.bit);
  return bits & requested;
}

function isX87Initial({ state: { extended } }: Cpu): boolean {
  const { control, status, tags, opcode, instructionPointer, dataPointer } = extended;
  const { instructionSelector, dataSelector, x87 } = extended;
  if (control !== X87_CONTROL_INITIAL || status || tags || opcode || instructionSelector || dataSelector) return false;
  return instructionPointer === 0n && dataPointer === 0n && x87.every((byte) => byte === 0);
}

interface SaveRules {
  readonly compacted: boolean;
  /** Leaves out what is in its initial configuration. */
  readonly optimized: boolean;
  readonly supervisor: boolean;
}

function save(cpu: Cpu, instruction: Instruction, { compacted, optimized, supervisor }: SaveRules): void {
  requireXsave(cpu);
  const { state } = cpu;
  if (supervisor && state.cpl !== 0) throw new GuestException(Vector.GP, 0);
  const requested = (supervisor ? state.xcr0 | state.xss : state.xcr0) & readEdxEax(state);
  const used = inUse(cpu, requested);
  const saved = optimized ? used : requested;
  const { places, bytes } = areaLayout(requested, compacted);
  const access = dataAccess(cpu);
  const nonCanonical = nonCanonicalVector(operandAt(instruction, 0));
  requireWritableBlock(cpu, cpu.operandAddress, bytes, access, nonCanonical);
  // What is not written keeps what memory holds.
  const area = readBlock(cpu, cpu.operandAddress, bytes, access, nonCanonical);
  const view = new DataView(area.buffer);
  const format = areaFormat(cpu, instruction);
  if (saved & X87) storeX87(view, state.extended, format);
  if (saved & SSE) storeVectors(view, state.extended, format);
  // In the standard format MXCSR goes with AVX state as well; whether that is in its initial state does not matter.
  if (compacted ? saved & SSE : requested & (SSE | AVX)) storeMxcsr(view, state.extended);
  for (const [component, offset] of places) {
    if (saved & bitOf(component.bit)) component.save(cpu, area.subarray(offset, offset + component.bytes));
  }
  const kept = compacted ? 0n : view.getBigUint64(XSTATE_BV, true) & ~requested;
  view.setBigUint64(XSTATE_BV, kept | used, true);
  if (compacted) view.setBigUint64(XCOMP_BV, requested | COMPACTED, true);
  writeBlock(cpu, cpu.operandAddress, area, access);
}

function requireWritableBlock(cpu: Cpu, va: bigint, length: number, access: number, nonCanonical: Vector): void {
  for (let at = 0; at < length; at += 4096) {
    requireWritable(cpu, va + BigInt(at), Math.min(4096, length - at), access, nonCanonical);
  }
}

export function executeXsave(cpu: Cpu, instruction: Instruction): void {
  save(cpu, instruction, { compacted: false, optimized: false, supervisor: false });
}
export function executeXsaveopt(cpu: Cpu, instruction: Instruction): void {
  if (!cpu.model.features.has('XSAVEOPT')) throw new GuestException(Vector.UD);
  save(cpu, instruction, { compacted: false, optimized: true, supervisor: false });
}
export function executeXsavec(cpu: Cpu, instruction: Instruction): void {
  if (!cpu.model.features.has('XSAVEC')) throw new GuestException(Vector.UD);
  save(cpu, instruction, { compacted: true, optimized: true, supervisor: false });
}
export function executeXsaves(cpu: Cpu, instruction: Instruction): void {
  if (!cpu.model.features.has('XSAVES')) throw new GuestException(Vector.UD);
  save(cpu, instruction, { compacted: true, optimized: true, supervisor: true });
}

/** The header of an area that may be restored: throws #GP(0) for one that may not (SDM vol. 1, 13.8.1 and 13.12). */
function checkedHeader(header: DataView, enabled: bigint): { saved: bigint; composition: bigint; compacted: boolean } {
  const saved = header.getBigUint64(0, true);
  const composition = header.getBigUint64(8, true);
  const compacted = (composition & COMPACTED) !== 0n;
  const reserved = (from: number, to: number): boolean => bytesAt(header, from, to - from).some((byte) => byte !== 0);
  const invalid = compacted
    ? composition & ~COMPACTED & ~enabled || saved & ~composition || reserved(16, 64)
    : saved & ~enabled || reserved(8, 24);
  if (invalid) throw new GuestException(Vector.GP, 0);
  return { saved, composition, compacted };
}

function restore(cpu: Cpu, instruction: Instruction, supervisor: boolean): void {
  requireXsave(cpu);
  const { state } = cpu;
  if (supervisor && state.cpl !== 0) throw new GuestException(Vector.GP, 0);
  const enabled = supervisor ? state.xcr0 | state.xss : state.xcr0;
  const requested = enabled & readEdxEax(state);
  const access = dataAccess(cpu);
  const nonCanonical = nonCanonicalVector(operandAt(instruction, 0));
  const headerBytes = readBlock(cpu, cpu.operandAddress + BigInt(XSTATE_BV), HEADER_BYTES, access, nonCanonical);
  const { saved, composition, compacted } = checkedHeader(new DataView(headerBytes.buffer), enabled);
  if (compacted ? !cpu.model.features.has('XSAVEC') : supervisor) throw new GuestException(Vector.GP, 0);
  const { places, bytes } = areaLayout(compacted ? composition : saved, compacted);
  const area = readBlock(cpu, cpu.operandAddress, bytes, access, nonCanonical);
  const view = new DataView(area.buffer);
  const loaded = requested & saved;
  const mxcsr = restoredMxcsr(view, requested, loaded, compacted);

  restoreLegacy(cpu, view, areaFormat(cpu, instruction), requested, loaded);
  if (mxcsr !== undefined) state.extended.mxcsr = mxcsr;
  for (const component of COMPONENTS) {
    const bit = bitOf(component.bit);
    if (!(requested & bit)) continue;
    const offset = places.get(component);
    if (loaded & bit && offset !== undefined) component.restore(cpu, area.subarray(offset, offset + component.bytes));
    else component.initialize(cpu);
  }
}

/** What MXCSR becomes; undefined if it stays. Only the compacted format has it initialized together with SSE state. */
function restoredMxcsr(area: DataView, requested: bigint, loaded: bigint, compacted: boolean): number | undefined {
  if (compacted && !(requested & SSE)) return undefined;
  if (compacted && !(loaded & SSE)) return MXCSR_INITIAL;
  if (!(requested & (SSE | AVX))) return undefined;
  return checkedMxcsr(area.getUint32(MXCSR_OFFSET, true));
}

function restoreLegacy(cpu: Cpu, area: DataView, format: AreaFormat, requested: bigint, loaded: bigint): void {
  const { extended } = cpu.state;
  if (loaded & X87) {
    loadX87(area, extended, format);
    extended.settleExceptions();
  } else if (requested & X87) {
    extended.initializeX87();
    extended.x87.fill(0);
  }
  if (loaded & SSE) loadVectors(area, extended, format);
  else if (requested & SSE) {
    for (let i = 0; i < format.vectorRegisters; i++) extended.vectorHalf(i, 0).fill(0);
  }
}

export function executeXrstor(cpu: Cpu, instruction: Instruction): void {
  restore(cpu, instruction, false);
}
export function executeXrstors(cpu: Cpu, instruction: Instruction): void {
  if (!cpu.model.features.has('XSAVES')) throw new GuestException(Vector.UD);
  restore(cpu, instruction, true);
}

/** XINUSE as XGETBV with ECX = 1 shows it. */
export function componentsInUse(cpu: Cpu): bigint {
  return inUse(cpu, cpu.state.xcr0);
}
