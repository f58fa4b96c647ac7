/** Debug registers and debug exceptions (SDM vol. 3, chapter 17). */
import { GuestException, Vector } from './exceptions';
import { Cr4, type CpuState } from './state';

/** DR6 bits. */
export const enum Dr6 {
  B0 = 1 << 0,
  BD = 1 << 13,
  BS = 1 << 14,
  BT = 1 << 15,
}

/** DR7 bits. */
export const enum Dr7 {
  /** L0 and G0; those of breakpoint n are 2n bits higher. */
  L0 = 1 << 0,
  G0 = 1 << 1,
  GD = 1 << 13,
}

/** R/W field of DR7: when a breakpoint is hit. */
const enum BreakOn {
  EXECUTE = 0,
  WRITE = 1,
  IO = 2,
  READ_OR_WRITE = 3,
}

/** DR6 reads with these bits set. */
export const DR6_FIXED = 0xffff0ff0;

/** A #DB fault: `reasons` are bits of DR6 (B0..B3 for an instruction breakpoint, BD for DR access under DR7.GD). */
export class DebugFault extends GuestException {
  constructor(readonly reasons: number) {
    super(Vector.DB);
  }
}

/** The DR6 bits of a #DB fault. */
export function requestedBreakpoints(exception: GuestException): number {
  return exception instanceof DebugFault ? exception.reasons : 0;
}

/** A #DB fault because of DR7.GD; of the #DB faults only those for instruction breakpoints do not set RF. */
export function isRegisterGuard(exception: GuestException): boolean {
  return (requestedBreakpoints(exception) & Dr6.BD) !== 0;
}

/** What a #DB does to the debug registers: B0..B3 show this one's reasons, the others accumulate; GD is cleared. */
export function recordDebugException(state: CpuState, reasons: number): void {
  state.dr6 = ((state.dr6 & ~0xf) | DR6_FIXED | reasons) >>> 0;
  state.dr7 &= ~Dr7.GD;
}

/** Bits B0..B3 of the enabled instruction breakpoints at `va`. Not to be asked while RFLAGS.RF is set. */
export function instructionBreakpoints(state: CpuState, va: bigint): number {
  return matching(state, va, 1, (on) => on === BreakOn.EXECUTE);
}

/** Bits B0..B3 of the enabled data breakpoints that an access of `size` bytes at `va` touches. */
export function dataBreakpoints(state: CpuState, va: bigint, size: number, access: 'read' | 'write'): number {
  return matching(
    state,
    va,
    size,
    (on) => on === BreakOn.READ_OR_WRITE || (on === BreakOn.WRITE && access === 'write'),
  );
}

/** Bits B0..B3 of the enabled I/O breakpoints that an access to `port` touches; they exist only with CR4.DE. */
export function ioBreakpoints(state: CpuState, port: number, size: number): number {
  if (!(state.cr4 & Cr4.DE)) return 0;
  return matching(state, BigInt(port), size, (on) => on === BreakOn.IO);
}

/** Whether any breakpoint is enabled in DR7. */
export function breakpointsEnabled(state: CpuState): boolean {
  return (state.dr7 & 0xff) !== 0;
}

/** Whether any instruction breakpoint is enabled in DR7. */
export function instructionBreakpointsEnabled(state: CpuState): boolean {
  if (!breakpointsEnabled(state)) return false;
  return enabled(state).some(({ on }) => on === BreakOn.EXECUTE);
}

/** Linear ranges of the enabled data breakpoints. */
export function dataBreakpointRanges(state: CpuState): { va: bigint; length: number }[] {
  return enabled(state)
    .filter(({ on }) => on === BreakOn.WRITE || on === BreakOn.READ_OR_WRITE)
    .map(({ first, length }) => ({ va: first, length }));
}

interface EnabledBreakpoint {
  readonly index: number;
  readonly on: BreakOn;
  /** Linear address, or port, of the first byte. */
  readonly first: bigint;
  readonly length: number;
}

function enabled(state: CpuState): EnabledBreakpoint[] {
  const list: EnabledBreakpoint[] = [];
  for (let index = 0; index < 4; index++) {
    if (!(state.dr7 & ((Dr7.L0 | Dr7.G0) << (2 * index)))) continue;
    const on: BreakOn = (state.dr7 >>> (16 + 4 * index)) & 3;
    // LEN: 1, 2, 8 or 4 bytes; the address is aligned to it (SDM vol. 3, section 17.2.5).
    const length = on === BreakOn.EXECUTE ? 1 : [1, 2, 8, 4][(state.dr7 >>> (18 + 4 * index)) & 3];
    list.push({ index, on, first: state.breakpointAddresses[index] & ~BigInt(length - 1), length });
  }
  return list;
}

function matching(state: CpuState, va: bigint, size: number, wanted: (on: BreakOn) => boolean): number {
  let bits = 0;
  for (const { index, on, first, length } of enabled(state)) {
    if (wanted(on) && va < first + BigInt(length) && first < va + BigInt(size)) bits |= Dr6.B0 << index;
  }
  return bits;
}

/** What decides about a #DB trap after an instruction that completed. */
export interface CompletedInstruction {
  /** SDM mnemonic, as in `Instruction`. */
  readonly mnemonic: string;
  /** RFLAGS.TF when it began, and now. */
  readonly trapFlagBefore: boolean;
  readonly trapFlagAfter: boolean;
  /** It was MOV SS or POP SS: the interrupt shadow is now 'ss'. */
  readonly inStackShadow: boolean;
  /** It went elsewhere than to the following instruction. */
  readonly branched: boolean;
  /** DEBUGCTL.BTF: single-step on branches. */
  readonly branchTrapFlag: boolean;
  /** DR6 bits of the data breakpoints it touched, and those held back by the shadow before it. */
  readonly dataBreakpoints: number;
  readonly heldBreakpoints: number;
}

export interface DebugTrapDecision {
  /** DR6 bits of the #DB to deliver now; 0 for none. */
  readonly deliver: number;
  /** DR6 bits to hold back until after the next instruction. */
  readonly hold: number;
  /** DR6 bits of which the #DB that INT1 has just raised tells, too. */
  readonly join: number;
}

/** TF counts as they leave it: SYSENTER does not change it, but as an event of FRED clears it. */
const FAST_CALLS = new Set(['SYSCALL', 'SYSRET', 'SYSENTER']);

/** They enter a handler, and delivery clears TF: no single-step trap follows. */
const SOFTWARE_INTERRUPTS = new Set(['INT', 'INT3', 'INT1']);

/**
 * Which #DB trap follows an instruction (SDM vol. 3, sections 6.8.3, 17.3.1.2 and 17.3.1.4):
 * - TF counts as it was when the instruction began, so POPF and IRET that set it trap one instruction later and one
 *   that clears it still traps; but SYSCALL and SYSRET trap by TF at their end.
 * - After MOV SS and POP SS no trap comes: the single step is lost, data breakpoints wait for one more instruction.
 * - Software interrupts clear TF on their way in: no single step, and data breakpoints that MOV SS held back are
 *   delivered at the handler. Those before INT1 join its #DB: a second one would take the stack of the first, if that is
 *   an IST stack.
 */
export function debugTrapAfter(completed: CompletedInstruction): DebugTrapDecision {
  const breakpoints = completed.dataBreakpoints | completed.heldBreakpoints;
  if (completed.inStackShadow) return { deliver: 0, hold: breakpoints, join: 0 };
  const { mnemonic } = completed;
  if (mnemonic === 'INT1') return { deliver: 0, hold: 0, join: breakpoints };
  const fast = FAST_CALLS.has(mnemonic);
  const entered = SOFTWARE_INTERRUPTS.has(mnemonic) || (mnemonic === 'INTO' && completed.branched);
  const trapFlag = fast ? completed.trapFlagAfter : completed.trapFlagBefore && !entered;
  const step = trapFlag && (!completed.branchTrapFlag || completed.branched);
  return { deliver: breakpoints | (step ? Dr6.BS : 0), hold: 0, join: 0 };
}
