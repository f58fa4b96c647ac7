/** IRET and far RET (SDM vol. 2, IRET/IRETD/IRETQ and RET, "Operation"; vol. 3, section 6.12.1). */
import { Seg, type Instruction } from '../isa/instruction';
import { controlFlowEnforced } from './cet';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { dropInnerSegments, readReturnCode, readReturnStack, restoredFlags } from './far-transfer';
import {
  markAccessed,
  requireCodeOffset,
  SELECTOR_RPL,
  selectorFault,
  setCodeSegment,
  setNullStackSegment,
  setParagraphCode,
  setSegment,
  type Descriptor,
} from './segmentation';
import { leaveLevel, NO_ENTRY, type ShadowEntry } from './shadow-stack';
import { setStackPointer, Stack, stackPointerSize } from './stack';
import { Flag } from './state';
import { returnFromTask } from './task-switch';
import { requireVirtual8086Privilege, returnToVirtual8086 } from './virtual-8086';
import { hasVirtualFlagsImage, restoredVirtualFlags } from './virtual-interrupts';

/** Where a far return goes, all checks passed. */
interface ReturnTarget {
  readonly selector: number;
  readonly code: Descriptor;
  readonly cpl: number;
  readonly offset: bigint;
}

/** A stack popped from the frame. */
interface ReturnStack {
  readonly selector: number;
  /** Undefined for a null selector. */
  readonly descriptor: Descriptor | undefined;
  readonly pointer: bigint;
}

/** IRET, IRETD, IRETQ. */
export function executeIret(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  // NMIs are unblocked even if IRET faults (SDM vol. 3, section 6.7.1).
  state.nmiBlocked = false;
  const size = frameSize(instruction);
  if (!hasVirtualFlagsImage(state, size)) requireVirtual8086Privilege(state);
  if (state.paragraphSelectors) return returnToParagraph(cpu, size, true, 0);
  if (state.flag(Flag.NT)) {
    if (state.longMode) throw new GuestException(Vector.GP, 0);
    return returnFromTask(cpu);
  }
  const oldCpl = state.cpl;
  const stack = Stack.current(cpu);
  const offset = stack.pop(size);
  const selector = Number(stack.pop(size) & 0xffffn);
  const image = Number(stack.pop(size) & 0xffffffffn);
  if (image & Flag.VM && oldCpl === 0 && !state.longMode) {
    return returnToVirtual8086(cpu, stack, { selector, offset, flags: image });
  }
  // In 64-bit mode SS:RSP is always in the frame, otherwise only when the privilege level changes.
  const withStack = state.mode64 || (selector & SELECTOR_RPL) > oldCpl;
  const target = checkTarget(cpu, selector, offset);
  const newStack = withStack ? popStack(cpu, stack, size, target) : undefined;
  requireCodeOffset(cpu, target.code, offset);

  const virtual = oldCpl === 0 ? Flag.VIF | Flag.VIP : 0;
  const flags = restoredFlags(state, image, size, oldCpl, Flag.RF | virtual);
  goTo(cpu, target, newStack, stack, leaveShadowStack(cpu, target, true));
  state.rflags = flags;
  cpu.modeChanged();
}

/** Far RET, with the number of parameter bytes to release as optional operand. */
export function executeRetFar(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  const size = frameSize(instruction);
  const operand = instruction.operands.at(0);
  const release = operand?.kind === 'immediate' ? Number(operand.value & 0xffffn) : 0;
  if (state.paragraphSelectors) return returnToParagraph(cpu, size, false, release);
  const stack = Stack.current(cpu);
  const offset = stack.pop(size);
  const selector = Number(stack.pop(size) & 0xffffn);
  const target = checkTarget(cpu, selector, offset);
  stack.skip(release);
  let newStack: ReturnStack | undefined;
  if (target.cpl > state.cpl) {
    const popped = popStack(cpu, stack, size, target);
    newStack = { ...popped, pointer: popped.pointer + BigInt(release) };
  }
  requireCodeOffset(cpu, target.code, offset);
  goTo(cpu, target, newStack, stack, leaveShadowStack(cpu, target, false));
}

function frameSize(instruction: Instruction): 2 | 4 | 8 {
  return instruction.operandSize === 1 ? 2 : instruction.operandSize;
}

function checkTarget(cpu: Cpu, selector: number, offset: bigint): ReturnTarget {
  const code = readReturnCode(cpu, selector);
  const cpl = selector & SELECTOR_RPL;
  const { state } = cpu;
  // With FRED only ERETU leaves ring 0, and ring 0 runs 64-bit code alone (SDM vol. 2, IRET).
  const leaves = cpl > state.cpl || (cpl === 0 && !code.long);
  if (state.fred.enabled && leaves) selectorFault(Vector.GP, selector);
  return { selector, code, cpl, offset };
}

function popStack(cpu: Cpu, stack: Stack, size: 2 | 4 | 8, target: ReturnTarget): ReturnStack {
  const pointer = stack.pop(size);
  const selector = Number(stack.pop(size) & 0xffffn);
  return { selector, pointer, descriptor: readReturnStack(cpu, selector, target.code, target.cpl) };
}

/** What becomes of the shadow stack; `fromEvent` for IRET. */
function leaveShadowStack(cpu: Cpu, { selector, code, cpl, offset }: ReturnTarget, fromEvent: boolean): ShadowEntry {
  if (!controlFlowEnforced(cpu.state)) return NO_ENTRY;
  const mode64 = cpu.state.longMode && code.long;
  const linear = mode64 ? offset : BigInt.asUintN(32, code.base + offset);
  return leaveLevel(cpu, { selector, linear, cpl, mode64 }, fromEvent);
}

/** Commits: nothing faults after this but the accessed bits, which are written first. */
function goTo(
  cpu: Cpu,
  target: ReturnTarget,
  newStack: ReturnStack | undefined,
  oldStack: Stack,
  shadow: ShadowEntry,
): void {
  const { state } = cpu;
  const outward = target.cpl > state.cpl;
  const oldPointerSize = stackPointerSize(cpu);
  if (newStack?.descriptor) markAccessed(cpu, newStack.descriptor);
  shadow.commit();
  setCodeSegment(cpu, target.selector, target.code, target.cpl);
  if (newStack) {
    const ss = state.segments[Seg.SS];
    if (newStack.descriptor) setSegment(ss, newStack.selector, newStack.descriptor);
    else setNullStackSegment(ss, newStack.selector, target.cpl);
    // A 16-bit stack gets SP only: the upper bits of the inner ESP stay visible.
    setStackPointer(cpu, newStack.pointer, stackPointerSize(cpu));
  } else {
    setStackPointer(cpu, oldStack.pointer, oldPointerSize);
  }
  if (outward) dropInnerSegments(state);
  cpu.nextAddress = target.offset;
}

/** IRET and far RET in real-address and virtual-8086 mode. */
function returnToParagraph(cpu: Cpu, size: 2 | 4 | 8, withFlags: boolean, release: number): void {
  const { state } = cpu;
  const stack = Stack.current(cpu);
  const offset = stack.pop(size);
  const selector = Number(stack.pop(size) & 0xffffn);
  const image = withFlags ? Number(stack.pop(size) & 0xffffffffn) : 0;
  stack.skip(release);
  const flags = hasVirtualFlagsImage(state, size)
    ? restoredVirtualFlags
    : (): number => restoredFlags(state, image, size, state.cpl, Flag.RF);
  const rflags = withFlags ? flags(state, image) : state.rflags;
  setParagraphCode(cpu, selector, offset);
  setStackPointer(cpu, stack.pointer, stackPointerSize(cpu));
  state.rflags = rflags;
}
