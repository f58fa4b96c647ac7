/**
 * FRED event delivery: how interrupts, exceptions, software interrupts and system calls enter ring 0 while CR4.FRED is set,
 * without IDT and TSS (FRED specification, chapter 5; SDM vol. 3, "FRED Event Delivery").
 */
import { Gpr, Seg } from '../isa/instruction';
import { isCanonical } from './canonical';
import { resetTracker, shadowStackEnabled, waitsForEndbranch } from './cet';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { CODE64, DATA, kernelSelector } from './flat-segments';
import { FredConfig, INTERRUPT_LEVEL_SHIFT, type StackLevel } from './fred-state';
import { setFlatSegment } from './segmentation';
import { canonicalSsp, ShadowStack } from './shadow-stack';
import { accessAt, Stack } from './stack';
import { Cr4, Flag, type CpuState } from './state';

/** Event types in the stack frame (FRED specification, section 5.2.1). */
export const enum EventType {
  INTERRUPT = 0,
  NMI = 2,
  HARDWARE_EXCEPTION = 3,
  /** INT n. */
  SOFTWARE_INTERRUPT = 4,
  /** INT1. */
  PRIVILEGED_SOFTWARE_EXCEPTION = 5,
  /** INT3 and INTO. */
  SOFTWARE_EXCEPTION = 6,
  /** SYSCALL and SYSENTER. */
  OTHER = 7,
}

/** Vectors of events of type OTHER. */
export const enum OtherEvent {
  SYSCALL = 1,
  SYSENTER = 2,
}

export interface FredEvent {
  readonly type: EventType;
  readonly vector: number;
  readonly errorCode?: number;
  /** RIP to return to, and RFLAGS as saved. */
  readonly returnAddress: bigint;
  readonly flags: number;
  /** CR2 of a page fault, the new bits of DR6 of a debug exception. */
  readonly data?: bigint;
  /** Length of the instruction that asked for the event. */
  readonly length?: number;
  /** An exception that arose while another event was delivered. */
  readonly nested?: boolean;
}

/** An exception during delivery of an event that an instruction has asked for. */
export class NestedException extends GuestException {}

/** Offsets in the 64-byte frame are those of its eight quadwords, lowest first (FRED specification, section 5.2). */
const FRAME_ALIGNMENT = 63n;

/** Bits of the CS and SS quadwords of the frame. */
const CS_STACK_LEVEL_SHIFT = 16n;
const CS_WAIT_FOR_ENDBRANCH = 1n << 18n;
const SS_STI_BLOCKING = 1n << 16n;
/** SYSCALL, SYSENTER or INT n: with TF set, ERETU and ERETS make a single-step trap of it. */
const SS_PENDING_DEBUG = 1n << 17n;
const SS_NMI = 1n << 18n;
const SS_VECTOR_SHIFT = 32n;
const SS_TYPE_SHIFT = 48n;
const SS_LONG_MODE = 1n << 57n;
const SS_NESTED = 1n << 58n;
const SS_LENGTH_SHIFT = 60n;

/** Events in ring 0 enter this far above those in ring 3. */
const RING0_ENTRY = 256n;

/** What has to be replaced to deliver an event: everything that can fault lies in making one. */
interface NewContext {
  readonly rip: bigint;
  readonly stackLevel: number;
  readonly stack: Stack;
  readonly shadow: ShadowStack | undefined;
}

/**
 * Delivers an event; afterwards `cpu.nextAddress` is the entry point. Throws GuestException with the state untouched.
 */
export function deliverFredEvent(cpu: Cpu, event: FredEvent): void {
  enter(cpu, prepare(cpu, event));
  // FRED specification, section 5.4: NMIs are blocked by the delivery of one.
  if (event.type === EventType.NMI) cpu.state.nmiBlocked = true;
}

/** `deliverFredEvent` for INT n, SYSCALL and the like: what goes wrong is a nested exception of theirs. */
export function deliverRequestedEvent(cpu: Cpu, event: FredEvent): void {
  try {
    deliverFredEvent(cpu, event);
  } catch (error) {
    if (!(error instanceof GuestException)) throw error;
    throw new NestedException(error.vector, error.errorCode, error.faultAddress);
  }
}

/** SYSCALL or SYSENTER, `length` bytes long. */
export function deliverSystemCall(cpu: Cpu, vector: OtherEvent, length: number): void {
  const { state } = cpu;
  const flags = state.rflags & ~Flag.RF;
  deliverRequestedEvent(cpu, { type: EventType.OTHER, vector, returnAddress: cpu.nextAddress, flags, length });
}

/** Stack level that an event asks for (FRED specification, section 5.1.2): in ring 3, but for nested ones and #DF, 0. */
function eventStackLevel(state: CpuState, { type, vector, nested = false }: FredEvent): number {
  const { fred } = state;
  if (state.cpl === 3 && !nested && !(type === EventType.HARDWARE_EXCEPTION && vector === Number(Vector.DF))) return 0;
  if (type === EventType.INTERRUPT) return Number(fred.config >> INTERRUPT_LEVEL_SHIFT) & 3;
  if (type === EventType.SOFTWARE_INTERRUPT || type === EventType.OTHER) return 0;
  return Number((fred.stackLevels >> BigInt(2 * vector)) & 3n);
}

function prepare(cpu: Cpu, event: FredEvent): NewContext {
  const { state } = cpu;
  const { fred, cet } = state;
  const user = state.cpl === 3;
  const oldLevel = user ? 0 : fred.stackLevel;
  const stackLevel = Math.max(oldLevel, eventStackLevel(state, event)) as StackLevel;
  const newStack = user || stackLevel > oldLevel;

  const rip = (fred.config & ~0xfffn) + (user ? 0n : RING0_ENTRY);
  if (!isCanonical(state, rip)) throw new GuestException(Vector.GP, 0);
  const decrement = fred.config & BigInt(FredConfig.RSP_DECREMENT);
  const pointer = newStack ? fred.rsp[stackLevel] : (state.gpr[Gpr.RSP] - decrement) & ~FRAME_ALIGNMENT;
  const ss = state.segments[Seg.SS];
  const stack = new Stack(cpu, { pointerSize: 8, segment: ss, pointer, access: accessAt(0), errorCode: 0 });
  const cs = savedCs(state);
  const frame = [
    0n,
    event.data ?? 0n,
    savedSs(state, event),
    state.gpr[Gpr.RSP],
    BigInt(event.flags),
    cs,
    event.returnAddress,
    BigInt(event.errorCode ?? 0),
  ];
  for (const quadword of frame) stack.push(8, quadword);

  let shadow: ShadowStack | undefined;
  if (shadowStackEnabled(state, 0)) {
    const levels = [cet.privilegeSsp[0], ...fred.ssp];
    const ssp = newStack ? levels[stackLevel] : cet.ssp - (fred.config & BigInt(FredConfig.SSP_DECREMENT));
    if (newStack && ssp & 4n) throw new GuestException(Vector.GP, 0);
    shadow = new ShadowStack(cpu, BigInt.asUintN(64, ssp), 0, true);
    // The return state of ring 3 is guarded by IA32_PL3_SSP; in ring 0 it goes to the shadow stack.
    if (!user) {
      shadow.align();
      shadow.pushFrame({ selector: Number(cs), linear: event.returnAddress }, cet.ssp);
    }
  }
  return { rip, stackLevel, stack, shadow };
}

/** CS as saved, with the stack level and the tracker of indirect branches of ring 0. */
function savedCs(state: CpuState): bigint {
  const selector = BigInt(state.segments[Seg.CS].selector);
  if (state.cpl === 3) return selector;
  const waiting = waitsForEndbranch(state) ? CS_WAIT_FOR_ENDBRANCH : 0n;
  return selector | (BigInt(state.fred.stackLevel) << CS_STACK_LEVEL_SHIFT) | waiting;
}

/** SS as saved, with what the event is. */
function savedSs(state: CpuState, { type, vector, length = 0, nested = false }: FredEvent): bigint {
  let value = BigInt(state.segments[Seg.SS].selector);
  if (state.stiBlocking) value |= SS_STI_BLOCKING;
  if (type === EventType.SOFTWARE_INTERRUPT || type === EventType.OTHER) value |= SS_PENDING_DEBUG;
  if (type === EventType.NMI) value |= SS_NMI;
  if (state.mode64) value |= SS_LONG_MODE;
  if (nested) value |= SS_NESTED;
  const information = (BigInt(vector) << SS_VECTOR_SHIFT) | (BigInt(type) << SS_TYPE_SHIFT);
  return value | information | (BigInt(length) << SS_LENGTH_SHIFT);
}

/** Establishes the context of the handler; nothing faults any more. */
function enter(cpu: Cpu, { rip, stackLevel, stack, shadow }: NewContext): void {
  const { state } = cpu;
  const { cet, fred } = state;
  stack.commit();
  shadow?.commit();
  if (state.cpl === 3) {
    if (shadowStackEnabled(state, 3)) cet.privilegeSsp[3] = canonicalSsp(cpu, cet.ssp);
    const selector = kernelSelector(state.star);
    setFlatSegment(state.segments[Seg.CS], selector, CODE64);
    setFlatSegment(state.segments[Seg.SS], selector + 8, DATA);
    state.cpl = 0;
    exchangeGsBase(state);
  }
  if (shadow) cet.ssp = shadow.ssp;
  // The entry points need no ENDBRANCH (FRED specification, section 5.3).
  if (state.cr4 & Cr4.CET) resetTracker(cpu, 0);
  state.rflags = Flag.FIXED;
  state.gpr[Gpr.RSP] = stack.pointer;
  fred.stackLevel = stackLevel;
  state.stiBlocking = false;
  cpu.nextAddress = rip;
  cpu.modeChanged();
}

/** As SWAPGS: the base of GS and IA32_KERNEL_GS_BASE. */
export function exchangeGsBase(state: CpuState): void {
  const gs = state.segments[Seg.GS];
  [gs.base, state.kernelGsBase] = [state.kernelGsBase, gs.base];
}
