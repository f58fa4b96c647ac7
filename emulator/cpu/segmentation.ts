/**
 * Segmentation (SDM vol. 3, chapter 3 and section 5.1 to 5.8): descriptors, loading of segment registers, and the
 * checks that turn a segment and an offset into a linear address.
 */
import { Seg } from '../isa/instruction';
import { isCanonical } from './canonical';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { readLinear, writeLinear } from './linear-memory';
import { PageAccess } from './paging';
import { AccessRights, type CpuState, type SegmentRegister } from './state';

/** Type bits of a code or data descriptor (SDM vol. 3, table 3-1). */
export const enum SegmentType {
  ACCESSED = 1 << 0,
  /** Data: writable. Code: readable. */
  WRITABLE = 1 << 1,
  READABLE = 1 << 1,
  /** Data: expand-down. Code: conforming. */
  EXPAND_DOWN = 1 << 2,
  CONFORMING = 1 << 2,
  CODE = 1 << 3,
}

/** System descriptor and gate types (SDM vol. 3, table 3-2). */
export const enum SystemType {
  TSS16_AVAILABLE = 1,
  LDT = 2,
  TSS16_BUSY = 3,
  CALL_GATE16 = 4,
  TASK_GATE = 5,
  INTERRUPT_GATE16 = 6,
  TRAP_GATE16 = 7,
  /** 64-bit TSS in IA-32e mode. */
  TSS_AVAILABLE = 9,
  TSS_BUSY = 11,
  CALL_GATE = 12,
  INTERRUPT_GATE = 14,
  TRAP_GATE = 15,
}

/** A segment or system descriptor as it stands in the GDT or LDT (SDM vol. 3, figures 3-8 and 8-4). */
export class Descriptor {
  constructor(
    readonly low: number,
    readonly high: number,
    /** Linear address of the descriptor. */
    readonly address: bigint,
  ) {}

  get type(): number {
    return (this.high >>> 8) & 15;
  }
  /** The type field of a system descriptor or gate. */
  get systemType(): SystemType {
    return this.type;
  }
  /** S: code or data, not a system segment or gate. */
  get codeOrData(): boolean {
    return (this.high & (1 << 12)) !== 0;
  }
  get dpl(): number {
    return (this.high >>> 13) & 3;
  }
  get present(): boolean {
    return (this.high & (1 << 15)) !== 0;
  }
  get long(): boolean {
    return (this.high & (1 << 21)) !== 0;
  }
  get big(): boolean {
    return (this.high & (1 << 22)) !== 0;
  }
  get isCode(): boolean {
    return this.codeOrData && (this.type & SegmentType.CODE) !== 0;
  }
  get isData(): boolean {
    return this.codeOrData && (this.type & SegmentType.CODE) === 0;
  }
  get isConforming(): boolean {
    return this.isCode && (this.type & SegmentType.CONFORMING) !== 0;
  }
  get isWritableData(): boolean {
    return this.isData && (this.type & SegmentType.WRITABLE) !== 0;
  }
  get base(): bigint {
    return BigInt(((this.high & 0xff000000) | ((this.high & 0xff) << 16) | (this.low >>> 16)) >>> 0);
  }
  /** Last valid offset, scaled by G. */
  get limit(): number {
    const limit = (this.high & 0xf0000) | (this.low & 0xffff);
    return this.high & (1 << 23) ? ((limit << 12) | 0xfff) >>> 0 : limit;
  }
  /** In the layout of `AccessRights`. */
  get rights(): number {
    return (this.high >>> 8) & 0xf0ff;
  }
}

export const SELECTOR_RPL = 3;
const SELECTOR_TI = 4;

/** Index 0 of the GDT, whatever the RPL. */
export function isNull(selector: number): boolean {
  return (selector & 0xfffc) === 0;
}

/** Error code that names a selector; `ext` is the EXT bit (SDM vol. 3, section 6.13). */
export function selectorError(selector: number, ext = 0): number {
  return (selector & 0xfffc) | ext;
}

/** Throws `vector` with the selector as error code. */
export function selectorFault(vector: Vector, selector: number, ext = 0): never {
  throw new GuestException(vector, selectorError(selector, ext));
}

/** Linear address of a descriptor, or undefined if `length` bytes of it are not within its table. */
export function descriptorAddress(state: CpuState, selector: number, length = 8): bigint | undefined {
  const inLdt = (selector & SELECTOR_TI) !== 0;
  if (inLdt && state.ldtr.unusable) return undefined;
  const table = inLdt ? state.ldtr : state.gdtr;
  const offset = selector & 0xfff8;
  return offset + length - 1 > table.limit ? undefined : table.base + BigInt(offset);
}

/** Reads the descriptor of `selector`; outside its table `vector` is thrown with the selector as error code. */
export function readDescriptor(cpu: Cpu, selector: number, vector: Vector = Vector.GP, ext = 0): Descriptor {
  const address = descriptorAddress(cpu.state, selector);
  if (address === undefined) return selectorFault(vector, selector, ext);
  return descriptorAt(cpu, address);
}

/** Reads the eight bytes of a descriptor or gate as the processor does by itself: a supervisor access. */
export function descriptorAt(cpu: Cpu, address: bigint): Descriptor {
  const value = readLinear(cpu, address, 8, PageAccess.IMPLICIT);
  return new Descriptor(Number(value & 0xffffffffn), Number(value >> 32n), address);
}

/** Sets the accessed bit of a code or data descriptor in memory if it is clear. */
export function markAccessed(cpu: Cpu, descriptor: Descriptor): void {
  if (descriptor.type & SegmentType.ACCESSED) return;
  const byte = BigInt(((descriptor.high >>> 8) & 0xff) | SegmentType.ACCESSED);
  writeLinear(cpu, descriptor.address + 5n, 1, byte, PageAccess.IMPLICIT);
}

/** Fills a segment register's visible and hidden part from a descriptor. */
export function setSegment(register: SegmentRegister, selector: number, descriptor: Descriptor): void {
  register.selector = selector;
  register.base = descriptor.base;
  register.limit = descriptor.limit;
  register.rights = descriptor.rights | (descriptor.codeOrData ? SegmentType.ACCESSED : 0);
}

/** Hidden part with fixed values: base 0, limit 4 GiB - 1 (SYSCALL and its kin; flat start states). */
export function setFlatSegment(register: SegmentRegister, selector: number, rights: number): void {
  register.selector = selector;
  register.base = 0n;
  register.limit = 0xffffffff;
  register.rights = rights;
}

/** A null selector in a data segment register: unusable outside 64-bit mode. */
export function setNullSegment(cpu: Cpu, register: SegmentRegister, selector: number): void {
  register.selector = selector;
  register.rights = AccessRights.UNUSABLE;
  if (cpu.model.nullSelectorClearsBase) {
    register.base = 0n;
    register.limit = 0;
  }
}

/** SS with a null selector in 64-bit mode: unusable, its DPL still the CPL. */
export function setNullStackSegment(register: SegmentRegister, selector: number, dpl: number): void {
  setFlatSegment(register, selector, AccessRights.UNUSABLE | (dpl << 5));
}

/** Present, writable data, accessed: what segments are after reset; in virtual-8086 mode with DPL 3. */
const PARAGRAPH_RIGHTS = AccessRights.P | AccessRights.S | SegmentType.WRITABLE | SegmentType.ACCESSED;
const PARAGRAPH_LIMIT = 0xffff;

/**
 * Loads a segment register in real-address or virtual-8086 mode: the base is the selector times 16. In real-address mode
 * limit and attributes stay as protected mode has left them; in virtual-8086 mode they are fixed (SDM vol. 3, 21.1.1 and
 * 21.2.1).
 */
export function setParagraphSegment(state: CpuState, register: SegmentRegister, selector: number): void {
  register.selector = selector;
  register.base = BigInt(selector << 4);
  if (!state.virtual8086 && !register.unusable) return;
  register.limit = PARAGRAPH_LIMIT;
  register.rights = PARAGRAPH_RIGHTS | (state.virtual8086 ? AccessRights.DPL : 0);
}

/** A far transfer in real-address or virtual-8086 mode. Throws #GP(0) for an offset beyond the limit of CS. */
export function setParagraphCode(cpu: Cpu, selector: number, offset: bigint): void {
  const cs = cpu.state.segments[Seg.CS];
  if (offset > BigInt(cs.limit)) throw new GuestException(Vector.GP, 0);
  setParagraphSegment(cpu.state, cs, selector);
  cpu.nextAddress = offset;
  cpu.modeChanged();
}

/** Loads DS, ES, FS, GS or SS, as MOV, POP, LDS and the like do (SDM vol. 2, MOV, "Protected Mode Exceptions"). */
export function loadSegment(cpu: Cpu, seg: Seg, selector: number): void {
  const { state } = cpu;
  const register = state.segments[seg];
  if (state.paragraphSelectors) setParagraphSegment(state, register, selector);
  else if (seg === Seg.SS) loadStackSegment(cpu, selector);
  else if (isNull(selector)) setNullSegment(cpu, register, selector);
  else {
    const descriptor = readDescriptor(cpu, selector);
    const readable = descriptor.isData || (descriptor.isCode && (descriptor.type & SegmentType.READABLE) !== 0);
    if (!readable) selectorFault(Vector.GP, selector);
    const privilege = Math.max(selector & SELECTOR_RPL, state.cpl);
    if (!descriptor.isConforming && privilege > descriptor.dpl) selectorFault(Vector.GP, selector);
    if (!descriptor.present) selectorFault(Vector.NP, selector);
    markAccessed(cpu, descriptor);
    setSegment(register, selector, descriptor);
  }
  cpu.modeChanged();
}

function loadStackSegment(cpu: Cpu, selector: number): void {
  const { state } = cpu;
  const register = state.segments[Seg.SS];
  if (isNull(selector)) {
    if (!state.mode64 || state.cpl === 3 || (selector & SELECTOR_RPL) !== state.cpl)
      throw new GuestException(Vector.GP, 0);
    setNullStackSegment(register, selector, state.cpl);
    return;
  }
  const descriptor = readStackDescriptor(cpu, selector, state.cpl, Vector.GP);
  markAccessed(cpu, descriptor);
  setSegment(register, selector, descriptor);
}

/**
 * The descriptor of a stack segment for privilege level `cpl`: RPL and DPL must equal it, writable data, present.
 * Throws `vector` (selector), or #SS (selector) if it is not present.
 */
export function readStackDescriptor(cpu: Cpu, selector: number, cpl: number, vector: Vector, ext = 0): Descriptor {
  const descriptor = readDescriptor(cpu, selector, vector, ext);
  if ((selector & SELECTOR_RPL) !== cpl || descriptor.dpl !== cpl || !descriptor.isWritableData) {
    selectorFault(vector, selector, ext);
  }
  if (!descriptor.present) selectorFault(Vector.SS, selector, ext);
  return descriptor;
}

/** Sets CS from a checked descriptor; its RPL field and the CPL become `cpl`. */
export function setCodeSegment(cpu: Cpu, selector: number, descriptor: Descriptor, cpl: number): void {
  markAccessed(cpu, descriptor);
  setSegment(cpu.state.segments[Seg.CS], (selector & 0xfffc) | cpl, descriptor);
  cpu.state.cpl = cpl;
  cpu.modeChanged();
}

/**
 * Throws #GP(0) if execution cannot go on at `offset` in the code segment of `descriptor`: beyond its limit, or not
 * canonical in 64-bit code.
 */
export function requireCodeOffset(cpu: Cpu, descriptor: Descriptor, offset: bigint, ext = 0): void {
  const valid =
    cpu.state.longMode && descriptor.long ? isCanonical(cpu.state, offset) : offset <= BigInt(descriptor.limit);
  if (!valid) throw new GuestException(Vector.GP, ext);
}

/** What is done with the bytes at an address. */
export type SegmentAccess = 'read' | 'write' | 'execute';

/** The parts of a segment register that decide about an access. */
export type SegmentView = Pick<SegmentRegister, 'base' | 'limit' | 'rights'>;

/**
 * Linear address of `size` bytes at `offset` (already of the address size) in segment `seg`. Throws #SS(0) for SS and
 * #GP(0) for the others: unusable, wrong type, beyond the limit, not canonical (SDM vol. 3, sections 5.3 and 5.4).
 */
export function segmentAddress(cpu: Cpu, seg: Seg, offset: bigint, size: number, access: SegmentAccess): bigint {
  const { state } = cpu;
  const vector = seg === Seg.SS ? Vector.SS : Vector.GP;
  const register = state.segments[seg];
  if (state.mode64) {
    const base = seg === Seg.FS || seg === Seg.GS ? register.base : 0n;
    return canonicalAddress(state, base + offset, size, vector);
  }
  if (!permitsAccess(state, register, access) || !withinLimit(register, offset, size))
    throw new GuestException(vector, 0);
  return BigInt.asUintN(32, register.base + offset);
}

/** Offsets below this one all permit the access; 0 if that cannot be said so simply (an expand-down segment) or none does. */
export function accessibleBytes(state: CpuState, segment: SegmentRegister, access: SegmentAccess): number {
  const expandsDown =
    (segment.rights & (AccessRights.S | SegmentType.CODE | SegmentType.EXPAND_DOWN)) ===
    (AccessRights.S | SegmentType.EXPAND_DOWN);
  return permitsAccess(state, segment, access) && !expandsDown ? segment.limit + 1 : 0;
}

/** `va` modulo 2^64; throws `vector` with `errorCode` if one of its `size` bytes is not canonical. */
export function canonicalAddress(state: CpuState, va: bigint, size: number, vector: Vector, errorCode = 0): bigint {
  const linear = BigInt.asUintN(64, va);
  if (!isCanonical(state, linear) || !isCanonical(state, linear + BigInt(Math.max(size, 1) - 1))) {
    throw new GuestException(vector, errorCode);
  }
  return linear;
}

function permitsAccess(state: CpuState, segment: SegmentView, access: SegmentAccess): boolean {
  if (segment.rights & AccessRights.UNUSABLE) return false;
  if (!state.protectedMode) return true;
  const code = (segment.rights & SegmentType.CODE) !== 0;
  if (access === 'write') return !code && (segment.rights & SegmentType.WRITABLE) !== 0;
  if (access === 'read') return !code || (segment.rights & SegmentType.READABLE) !== 0;
  return code;
}

/** Limit check; in an expand-down data segment the valid offsets are those above the limit (SDM vol. 3, section 5.3). */
export function withinLimit(segment: SegmentView, offset: bigint, size: number): boolean {
  const last = offset + BigInt(Math.max(size, 1) - 1);
  const data = (segment.rights & AccessRights.S) !== 0 && !(segment.rights & SegmentType.CODE);
  if (!data || !(segment.rights & SegmentType.EXPAND_DOWN)) return last <= BigInt(segment.limit);
  return offset > BigInt(segment.limit) && last <= (segment.rights & AccessRights.DB ? 0xffffffffn : 0xffffn);
}
