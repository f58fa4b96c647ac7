/** ERETS, ERETU and LKGS (FRED specification, chapters 6 and 10; SDM vol. 2, "Operation" of each). */
import { Seg, type Instruction } from '../isa/instruction';
import { isCanonical, isCanonicalInRegister } from './canonical';
import { CetBit } from './cet-state';
import { ControlProtection, controlProtection, endbranchEnabled, shadowStackEnabled, trackFarTransfer } from './cet';
import type { Cpu } from './cpu';
import { Dr6 } from './debug';
import { GuestException, Vector } from './exceptions';
import { readReturnCode, readReturnStack } from './far-transfer';
import { CODE32, CODE64, DATA, DPL3, userSelector } from './flat-segments';
import { exchangeGsBase } from './fred-delivery';
import { operandAt, readOperand } from './registers';
import {
  isNull,
  loadSegment,
  markAccessed,
  requireCodeOffset,
  setCodeSegment,
  setFlatSegment,
  setNullStackSegment,
  setSegment,
} from './segmentation';
import { ShadowStack } from './shadow-stack';
import { setStackPointer, Stack } from './stack';
import { Flag, type CpuState } from './state';

function generalProtection(): never {
  throw new GuestException(Vector.GP, 0);
}

/** #UD for what FRED replaces: SYSRET, SYSEXIT, SWAPGS, SETSSBSY and CLRSSBSY. */
export function requireNoFred({ fred }: CpuState): void {
  if (fred.enabled) throw new GuestException(Vector.UD);
}

/** The return state in a frame of event delivery. */
interface ReturnState {
  readonly rip: bigint;
  readonly cs: bigint;
  readonly flags: bigint;
  readonly rsp: bigint;
  readonly ss: bigint;
}

/** Pops a frame; its error code is passed over. The registers are the caller's to set. */
function popReturnState(cpu: Cpu): ReturnState {
  const { state } = cpu;
  if (!state.fred.enabled || state.cpl !== 0) throw new GuestException(Vector.UD);
  const stack = Stack.current(cpu);
  stack.skip(8);
  const [rip, cs, flags, rsp, ss] = [0, 0, 0, 0, 0].map(() => stack.pop(8));
  return { rip, cs, flags, rsp, ss };
}

/** RFLAGS bits that must be 0 but for bit 1: reserved ones and VM; returning to ring 3 also IOPL. */
const ERETS_FLAGS = 0xffff_ffff_ffc2_802an;
const ERETU_FLAGS = ERETS_FLAGS | BigInt(Flag.IOPL);
/** Bits of the SS quadword that are looked at: what the event was does not count. */
const SS_LOW = 0xffff_ffffn;
/** In the CS and SS quadwords beside the selector. */
const STACK_LEVEL_SHIFT = 16n;
const ADDITIONAL = 7n << 16n;
const WAIT_FOR_ENDBRANCH = 1n << 18n;
const STI_BLOCKING = 1n << 16n;
const PENDING_DEBUG = 1n << 17n;
const UNBLOCK_NMI = 1n << 18n;

/** ERETS: back to ring 0 from an event that arose there. */
export function executeErets(cpu: Cpu, _instruction: Instruction): void {
  const { state } = cpu;
  const { fred } = state;
  const { rip, cs, flags, rsp, ss } = popReturnState(cpu);
  if (!isCanonical(state, rip) || (flags & ERETS_FLAGS) !== BigInt(Flag.FIXED)) generalProtection();
  if ((cs & ~ADDITIONAL) !== BigInt(state.segments[Seg.CS].selector)) generalProtection();
  if ((ss & SS_LOW & ~ADDITIONAL) !== BigInt(state.segments[Seg.SS].selector)) generalProtection();
  const level = Math.min(fred.stackLevel, Number((cs >> STACK_LEVEL_SHIFT) & 3n));
  const ssp = popShadowFrame(cpu, cs, rip, level);

  cpu.nextAddress = rip;
  state.rflags = Number(flags);
  setStackPointer(cpu, rsp, 8);
  fred.stackLevel = level;
  if (ssp !== undefined) state.cet.ssp = ssp;
  const suppressed = (state.cet.supervisor & BigInt(CetBit.SUPPRESS)) !== 0n;
  if (cs & WAIT_FOR_ENDBRANCH && endbranchEnabled(state, 0) && !suppressed) trackFarTransfer(cpu, 0);
  if (ss & STI_BLOCKING && state.flag(Flag.IF) && !state.stiBlocking) state.interruptShadow = 'sti';
  finish(cpu, ss);
}

/** SSP after ERETS; undefined without supervisor shadow stacks. Throws #CP. */
function popShadowFrame(cpu: Cpu, cs: bigint, rip: bigint, level: number): bigint | undefined {
  const { state } = cpu;
  const { fred } = state;
  const shadow = ShadowStack.current(cpu);
  if (!shadow) return undefined;
  if (shadow.ssp & 7n) controlProtection(ControlProtection.FAR_RET_IRET);
  const ssp = shadow.pop(8);
  const linear = shadow.pop(8);
  if (shadow.pop(8) !== cs || linear !== rip || ssp & 3n) controlProtection(ControlProtection.FAR_RET_IRET);
  if (!isCanonicalInRegister(cpu.model, ssp)) generalProtection();
  // A stack level that is left must be empty.
  const left = fred.stackLevel;
  if (level < left && fred.ssp[left - 1] !== shadow.ssp) controlProtection(ControlProtection.FAR_RET_IRET);
  return ssp;
}

/** ERETU: back to ring 3. */
export function executeEretu(cpu: Cpu, _instruction: Instruction): void {
  const { state } = cpu;
  const { fred, cet } = state;
  const frame = popReturnState(cpu);
  if (fred.stackLevel !== 0) generalProtection();
  const { cs, flags, ss } = frame;
  if ((cs & ~0xfffcn) !== 3n || (flags & ERETU_FLAGS) !== BigInt(Flag.FIXED)) generalProtection();
  if ((ss & SS_LOW & ~(ADDITIONAL | 0xfffcn)) !== 3n) generalProtection();
  const { mode64, load } = userSegments(cpu, Number(cs), Number(ss & 0xffffn), frame);
  if (shadowStackEnabled(state, 3) && !mode64 && cet.privilegeSsp[3] >> 32n) generalProtection();
  if (shadowStackEnabled(state, 0) && cet.privilegeSsp[0] !== cet.ssp)
    controlProtection(ControlProtection.FAR_RET_IRET);

  load();
  cpu.nextAddress = mode64 ? frame.rip : frame.rip & 0xffffffffn;
  setStackPointer(cpu, mode64 ? frame.rsp : frame.rsp & 0xffffffffn, 8);
  state.rflags = Number(flags);
  exchangeGsBase(state);
  if (shadowStackEnabled(state, 3)) cet.ssp = cet.privilegeSsp[3];
  finish(cpu, ss);
}

/**
 * CS and SS that ERETU loads: as SYSRET does if the selectors are its, else from their descriptors as IRET does. Throws
 * what IRET would.
 */
function userSegments(
  cpu: Cpu,
  cs: number,
  ss: number,
  { rip }: ReturnState,
): { readonly mode64: boolean; readonly load: () => void } {
  const { state } = cpu;
  const { segments } = state;
  const base = userSelector(state.star);
  if (ss === base + 8 && (cs === base || cs === base + 16)) {
    const mode64 = cs === base + 16;
    if (mode64 && !isCanonical(state, rip)) generalProtection();
    return {
      mode64,
      load: () => {
        setFlatSegment(segments[Seg.CS], cs, (mode64 ? CODE64 : CODE32) | DPL3);
        setFlatSegment(segments[Seg.SS], ss, DATA | DPL3);
        state.cpl = 3;
      },
    };
  }
  const code = readReturnCode(cpu, cs);
  const stack = readReturnStack(cpu, ss, code, 3);
  requireCodeOffset(cpu, code, code.long ? rip : rip & 0xffffffffn);
  return {
    mode64: code.long,
    load: () => {
      if (stack) markAccessed(cpu, stack);
      setCodeSegment(cpu, cs, code, 3);
      if (stack) setSegment(segments[Seg.SS], ss, stack);
      else setNullStackSegment(segments[Seg.SS], ss, 3);
    },
  };
}

/** What both returns do to the state of events. */
function finish(cpu: Cpu, ss: bigint): void {
  const { state } = cpu;
  if (ss & UNBLOCK_NMI) state.nmiBlocked = false;
  if (ss & PENDING_DEBUG && state.flag(Flag.TF)) state.pendingDebugTraps |= Dr6.BS;
  cpu.modeChanged();
}

/** LKGS: loads GS as MOV does, but its base goes to IA32_KERNEL_GS_BASE, that of ring 3 while ring 0 runs. */
export function executeLkgs(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  if (!state.mode64) throw new GuestException(Vector.UD);
  if (state.cpl !== 0) generalProtection();
  const selector = Number(readOperand(cpu, operandAt(instruction, 0), 2) & 0xffffn);
  const gs = state.segments[Seg.GS];
  const { base } = gs;
  loadSegment(cpu, Seg.GS, selector);
  state.kernelGsBase = isNull(selector) ? 0n : gs.base;
  gs.base = base;
}
