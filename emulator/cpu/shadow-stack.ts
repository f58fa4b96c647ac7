/**
 * Shadow stacks (SDM vol. 1, section 17.2): accesses, supervisor tokens, and the frames of far transfers. Pushes are
 * checked one by one but written only by `commit`, as those of the ordinary stack (stack.ts); SSP is the caller's to set.
 */
import { Seg } from '../isa/instruction';
import { ControlProtection, controlProtection, shadowStackEnabled, shadowStackEnabledOutsideVm } from './cet';
import { TOKEN_BUSY } from './cet-state';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { isCanonical, widestAddressBits } from './canonical';
import { readLinear, requireWritable, writeLinear } from './linear-memory';
import { PageAccess } from './paging';
import type { CpuState } from './state';

/** `PageAccess` of shadow-stack accesses to the stack of privilege level `cpl`. */
export function shadowAccess(cpl: number): number {
  return PageAccess.SHADOW_STACK | (cpl === 3 ? PageAccess.USER : 0);
}

function generalProtection(): never {
  throw new GuestException(Vector.GP, 0);
}

/** SSP moves within 64 bits in 64-bit mode, within 32 elsewhere (SDM vol. 1, section 17.2.1). */
function wrap(mode64: boolean, ssp: bigint): bigint {
  return BigInt.asUintN(mode64 ? 64 : 32, ssp);
}

export class ShadowStack {
  private readonly pending: { va: bigint; size: 4 | 8; value: bigint }[] = [];
  private readonly access: number;

  constructor(
    private readonly cpu: Cpu,
    /** The pointer: where the next value is popped. */
    public ssp: bigint,
    cpl: number,
    private readonly mode64: boolean,
  ) {
    this.access = shadowAccess(cpl);
  }

  /** The shadow stack in use; undefined if there is none at the current privilege level. */
  static current(cpu: Cpu): ShadowStack | undefined {
    const { state } = cpu;
    if (!shadowStackEnabled(state, state.cpl)) return undefined;
    return new ShadowStack(cpu, state.cet.ssp, state.cpl, state.mode64);
  }

  /** Throws #PF, or #GP(0) if SSP is not canonical. */
  push(size: 4 | 8, value: bigint): void {
    const va = wrap(this.mode64, this.ssp - BigInt(size));
    requireWritable(this.cpu, va, size, this.access);
    this.pending.push({ va, size, value });
    this.ssp = va;
  }

  /** Reads `size` bytes, `offset` bytes above the pointer. */
  peek(offset: number, size: 4 | 8): bigint {
    return readLinear(this.cpu, wrap(this.mode64, this.ssp + BigInt(offset)), size, this.access);
  }

  pop(size: 4 | 8): bigint {
    const value = this.peek(0, size);
    this.ssp = wrap(this.mode64, this.ssp + BigInt(size));
    return value;
  }

  /** Moves down to a multiple of 8, writing 4 bytes of zero as far as there is a hole (SDM vol. 2, CALL). */
  align(): void {
    const aligned = this.ssp & ~7n;
    if (aligned === this.ssp) requireWritable(this.cpu, wrap(this.mode64, this.ssp - 4n), 4, this.access);
    else this.push(4, 0n);
    this.ssp = aligned;
  }

  /** CS, linear return address and previous SSP of a far transfer, below an aligned pointer. */
  pushFrame(from: FarReturn, previous: bigint): void {
    this.push(8, BigInt(from.selector));
    this.push(8, from.linear);
    this.push(8, previous);
  }

  /** Writes what was pushed. */
  commit(): void {
    for (const { va, size, value } of this.pending) writeLinear(this.cpu, va, size, value, this.access);
    this.pending.length = 0;
  }
}

/** Where a far transfer comes from, as it is recorded on the shadow stack. */
export interface FarReturn {
  readonly selector: number;
  /** Linear address to return to. */
  readonly linear: bigint;
}

/** The place to return to at `offset` in the code segment in use. */
export function farReturn(state: CpuState, offset: bigint): FarReturn {
  const cs = state.segments[Seg.CS];
  const linear = state.mode64 ? offset : BigInt.asUintN(32, cs.base + offset);
  return { selector: cs.selector, linear };
}

/** Compares eight bytes at `va` and, if they are as expected, replaces them. True if they were. */
export function exchangeToken(cpu: Cpu, va: bigint, expected: bigint, replacement: bigint, access: number): boolean {
  // A locked access: it must be writable even if the comparison fails.
  requireWritable(cpu, va, 8, access);
  if (readLinear(cpu, va, 8, access) !== expected) return false;
  writeLinear(cpu, va, 8, replacement, access);
  return true;
}

/** Takes a supervisor shadow stack into use: its token at `ssp` must name its own address and not be busy. */
export function acquireToken(cpu: Cpu, ssp: bigint): boolean {
  return exchangeToken(cpu, ssp, ssp, ssp | TOKEN_BUSY, shadowAccess(0));
}

/** Gives a supervisor shadow stack back: clears the busy bit of the token at `ssp`; another value there stays. */
export function releaseToken(cpu: Cpu, ssp: bigint): boolean {
  return exchangeToken(cpu, ssp, ssp | TOKEN_BUSY, ssp, shadowAccess(0));
}

/**
 * Changes to the supervisor shadow stack at `ssp` (SDM vol. 2, INT n and CALL): the token and a frame below it must lie
 * in one aligned 32-byte region, and a 32-bit target needs an address below 4 GiB. Throws #GP(0).
 */
export function requireTokenPlace(ssp: bigint, target64: boolean): void {
  if (ssp & 7n || (ssp & ~0x1fn) !== ((ssp - 24n) & ~0x1fn)) generalProtection();
  if (!target64 && ssp >> 32n) generalProtection();
}

/** SSP as it is saved in IA32_PL3_SSP: bits above the linear-address width become copies of its highest bit. */
export function canonicalSsp({ state, model }: Cpu, ssp: bigint): bigint {
  return state.longMode ? BigInt.asUintN(64, BigInt.asIntN(widestAddressBits(model), ssp)) : ssp;
}

/** What a far transfer to another privilege level or stack does to the shadow stacks. */
export interface ShadowEntry {
  /** To be called once nothing of the transfer can fault any more. */
  commit(): void;
}

/** Shadow stacks are off: nothing to do. */
export const NO_ENTRY: ShadowEntry = { commit: () => {} };

/**
 * A CALL through a gate or an event that raises the privilege level to `cpl`: the shadow stack at `newSsp` becomes
 * current; from CPL 3 the old pointer goes to IA32_PL3_SSP, from CPL 1 and 2 a frame is pushed. Throws #GP(0) or #PF.
 */
export function enterInnerLevel(
  cpu: Cpu,
  cpl: number,
  newSsp: () => bigint,
  from: FarReturn,
  target64: boolean,
): ShadowEntry {
  const { state } = cpu;
  const { cet } = state;
  const fromUser = state.cpl === 3 && shadowStackEnabled(state, 3);
  const saved = canonicalSsp(cpu, cet.ssp);
  const enabled = shadowStackEnabledOutsideVm(state, cpl);
  if (!fromUser && !enabled) return NO_ENTRY;
  const user = state.cpl === 3;
  let stack: ShadowStack | undefined;
  if (enabled) {
    const ssp = newSsp();
    requireTokenPlace(ssp, target64);
    stack = new ShadowStack(cpu, ssp, cpl, target64);
    if (!user) stack.pushFrame(from, cet.ssp);
    if (!acquireToken(cpu, ssp)) generalProtection();
  }
  return {
    commit: () => {
      if (fromUser) cet.privilegeSsp[3] = saved;
      if (!stack) return;
      stack.commit();
      cet.ssp = stack.ssp;
    },
  };
}

/** A far JMP to 32-bit code needs an SSP below 4 GiB. Throws #GP(0). */
export function requireReachableShadowStack(state: CpuState, target64: boolean): void {
  if (!target64 && state.cet.ssp >> 32n && shadowStackEnabled(state, state.cpl)) generalProtection();
}

/**
 * A far CALL or event that stays at its privilege level pushes a frame; `ist` gives a new shadow stack, by interrupt
 * stack table. A far CALL to 32-bit code needs an SSP below 4 GiB. Throws #GP(0) or #PF.
 */
export function enterSameLevel(cpu: Cpu, from: FarReturn, target64: boolean, ist?: () => bigint): ShadowEntry {
  const { state } = cpu;
  const { cet } = state;
  if (!shadowStackEnabled(state, state.cpl)) return NO_ENTRY;
  const previous = cet.ssp;
  const start = ist ? ist() : previous;
  if (ist) requireTokenPlace(start, target64);
  else if (!target64 && start >> 32n) generalProtection();
  const stack = new ShadowStack(cpu, start, state.cpl, target64);
  stack.align();
  stack.pushFrame(from, previous);
  if (ist && !acquireToken(cpu, start)) generalProtection();
  return {
    commit: () => {
      stack.commit();
      cet.ssp = stack.ssp;
    },
  };
}

/** Shadow-stack pointer of interrupt stack table entry `ist` (SDM vol. 3, section 6.14.5). */
export function readInterruptSsp(cpu: Cpu, ist: number): bigint {
  return readLinear(cpu, cpu.state.cet.interruptSspTable + BigInt(8 * ist), 8, PageAccess.IMPLICIT);
}

/** Where a far return goes. */
export interface FarReturnTarget extends FarReturn {
  readonly cpl: number;
  readonly mode64: boolean;
}

/**
 * A far RET or, with `fromEvent`, IRET (SDM vol. 2, RET and IRET): pops and compares the frame unless it goes out to
 * CPL 3, whose pointer is in IA32_PL3_SSP, and gives the token of the stack left behind back. Throws #CP, #GP(0) or #PF.
 */
export function leaveLevel(cpu: Cpu, to: FarReturnTarget, fromEvent: boolean): ShadowEntry {
  const { cpl } = to;
  const { state } = cpu;
  const { cet } = state;
  const outward = cpl > state.cpl;
  const stack = ShadowStack.current(cpu);
  let next = 0n;
  if (stack) {
    if (cet.ssp & 7n) controlProtection(ControlProtection.FAR_RET_IRET);
    if (!outward || cpl !== 3) {
      next = stack.pop(8);
      const linear = stack.pop(8);
      const selector = stack.pop(8);
      const same = selector === BigInt(to.selector) && linear === to.linear;
      if (!same || next & 3n) controlProtection(ControlProtection.FAR_RET_IRET);
    }
  }
  const nextEnabled = shadowStackEnabled(state, cpl);
  if (nextEnabled) {
    if (outward && cpl === 3) next = cet.privilegeSsp[3];
    if (to.mode64 ? !isCanonical(state, next) : next >> 32n) generalProtection();
  }
  const left = stack?.ssp;
  // Within a privilege level only events in IA-32e mode change stacks, by interrupt stack table.
  const gives = left !== undefined && (outward || (fromEvent && state.longMode && next !== left));
  return {
    commit: () => {
      if (nextEnabled) cet.ssp = next;
      if (gives && !(left & 7n)) releaseTokenQuietly(cpu, left);
    },
  };
}

/** `releaseToken` past all faulting points: a token that cannot be reached stays as it is. */
export function releaseTokenQuietly(cpu: Cpu, ssp: bigint): void {
  try {
    releaseToken(cpu, ssp);
  } catch (error) {
    if (!(error instanceof GuestException)) throw error;
  }
}
