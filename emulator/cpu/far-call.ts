/** Far JMP and CALL: to code segments, through call gates, and to tasks (SDM vol. 2, CALL and JMP; vol. 3, 5.8). */
import { Gpr, Seg, type Instruction } from '../isa/instruction';
import { trackFarTransfer } from './cet';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { checkDirectTarget, readFarPointer, type FarPointer } from './far-transfer';
import { readInnerStackSegment } from './interrupts';
import {
  descriptorAddress,
  descriptorAt,
  isNull,
  markAccessed,
  readDescriptor,
  requireCodeOffset,
  selectorFault,
  SELECTOR_RPL,
  setCodeSegment,
  setNullStackSegment,
  setParagraphCode,
  setSegment,
  SystemType,
  type Descriptor,
} from './segmentation';
import {
  enterInnerLevel,
  enterSameLevel,
  farReturn,
  requireReachableShadowStack,
  type ShadowEntry,
} from './shadow-stack';
import { accessAt, setStackPointer, Stack, stackPointerSize } from './stack';
import { switchTask } from './task-switch';
import { readRsp } from './task-state';

type Transfer = 'jmp' | 'call';

export function executeJmpFar(cpu: Cpu, instruction: Instruction): void {
  transfer(cpu, instruction, 'jmp');
}

export function executeCallFar(cpu: Cpu, instruction: Instruction): void {
  transfer(cpu, instruction, 'call');
}

function transfer(cpu: Cpu, instruction: Instruction, kind: Transfer): void {
  const { state } = cpu;
  const pointer = readFarPointer(cpu, instruction);
  const size = instruction.operandSize === 1 ? 2 : instruction.operandSize;
  if (state.paragraphSelectors) return transferToParagraph(cpu, pointer, size, kind);
  if (isNull(pointer.selector)) throw new GuestException(Vector.GP, 0);
  const descriptor = readDescriptor(cpu, pointer.selector);
  if (descriptor.codeOrData) {
    checkDirectTarget(cpu, pointer.selector, descriptor);
    return transferSameLevel(cpu, pointer, descriptor, size, kind);
  }
  requireGatePrivilege(cpu, pointer.selector, descriptor);
  const type = descriptor.systemType;
  if (type === SystemType.CALL_GATE || (type === SystemType.CALL_GATE16 && !state.longMode)) {
    return throughCallGate(cpu, pointer.selector, descriptor, kind);
  }
  if (state.longMode) selectorFault(Vector.GP, pointer.selector);
  if (type === SystemType.TASK_GATE) {
    if (!descriptor.present) selectorFault(Vector.NP, pointer.selector);
    return switchTask(cpu, descriptor.low >>> 16, kind);
  }
  if (type !== SystemType.TSS_AVAILABLE && type !== SystemType.TSS16_AVAILABLE) {
    selectorFault(Vector.GP, pointer.selector);
  }
  switchTask(cpu, pointer.selector, kind);
}

/** Gates and TSSs: DPL must be at least CPL and RPL. */
function requireGatePrivilege(cpu: Cpu, selector: number, gate: Descriptor): void {
  if (gate.dpl < Math.max(cpu.state.cpl, selector & SELECTOR_RPL)) selectorFault(Vector.GP, selector);
}

/** To a code segment without a change of privilege level; CALL pushes CS and the return address. */
function transferSameLevel(cpu: Cpu, target: FarPointer, code: Descriptor, size: 2 | 4 | 8, kind: Transfer): void {
  const { state } = cpu;
  const stack = Stack.current(cpu);
  const pointerSize = stackPointerSize(cpu);
  if (kind === 'call') {
    stack.push(size, BigInt(state.segments[Seg.CS].selector));
    stack.push(size, cpu.nextAddress);
  }
  requireCodeOffset(cpu, code, target.offset);
  const target64 = state.longMode && code.long;
  if (kind === 'jmp') requireReachableShadowStack(state, target64);
  const shadow = kind === 'call' ? enterSameLevel(cpu, farReturn(state, cpu.nextAddress), target64) : undefined;
  stack.commit();
  shadow?.commit();
  setCodeSegment(cpu, target.selector, code, state.cpl);
  if (kind === 'call') setStackPointer(cpu, stack.pointer, pointerSize);
  cpu.nextAddress = target.offset;
  trackFarTransfer(cpu, state.cpl);
}

function throughCallGate(cpu: Cpu, gateSelector: number, gate: Descriptor, kind: Transfer): void {
  const { state } = cpu;
  // FRED leaves no way to ring 0 but its own.
  if (state.fred.enabled) selectorFault(Vector.GP, gateSelector);
  if (!gate.present) selectorFault(Vector.NP, gateSelector);
  const wide = gate.systemType === SystemType.CALL_GATE;
  let offset = BigInt(((wide ? gate.high & 0xffff0000 : 0) | (gate.low & 0xffff)) >>> 0);
  if (state.longMode) offset |= readGateExtension(cpu, gateSelector);
  const selector = gate.low >>> 16;
  if (isNull(selector)) throw new GuestException(Vector.GP, 0);
  const code = readDescriptor(cpu, selector);
  if (!code.isCode || code.dpl > state.cpl) selectorFault(Vector.GP, selector);
  if (state.longMode && (!code.long || code.big)) selectorFault(Vector.GP, selector);
  if (kind === 'jmp' && !code.isConforming && code.dpl !== state.cpl) selectorFault(Vector.GP, selector);
  if (!code.present) selectorFault(Vector.NP, selector);
  const size = state.longMode ? 8 : wide ? 4 : 2;
  if (kind === 'jmp' || code.isConforming || code.dpl === state.cpl) {
    return transferSameLevel(cpu, { selector, offset }, code, size, kind);
  }
  if (state.longMode) callInnerLongMode(cpu, { selector, offset }, code);
  else callInner(cpu, { selector, offset }, code, size === 8 ? 4 : size, gate.high & 31);
}

/** Bits 63..32 of a 64-bit call gate's offset; its second half must have type 0 (SDM vol. 3, figure 5-9). */
function readGateExtension(cpu: Cpu, gateSelector: number): bigint {
  const address = descriptorAddress(cpu.state, gateSelector, 16);
  if (address === undefined) return selectorFault(Vector.GP, gateSelector);
  const extension = descriptorAt(cpu, address + 8n);
  if (extension.high & 0x1f00) selectorFault(Vector.GP, gateSelector);
  return BigInt(extension.low >>> 0) << 32n;
}

/** To an inner privilege level in IA-32e mode: RSP from the TSS, SS null, no parameters copied. */
function callInnerLongMode(cpu: Cpu, target: FarPointer, code: Descriptor): void {
  const { state } = cpu;
  const ss = state.segments[Seg.SS];
  const stack = new Stack(cpu, {
    pointerSize: 8,
    segment: ss,
    pointer: readRsp(cpu, code.dpl, 0),
    access: accessAt(code.dpl),
    errorCode: 0,
  });
  stack.push(8, BigInt(ss.selector));
  stack.push(8, state.gpr[Gpr.RSP]);
  stack.push(8, BigInt(state.segments[Seg.CS].selector));
  stack.push(8, cpu.nextAddress);
  requireCodeOffset(cpu, code, target.offset);
  const shadow = enterInnerShadowStack(cpu, code);
  stack.commit();
  shadow.commit();
  setCodeSegment(cpu, target.selector, code, code.dpl);
  setNullStackSegment(ss, code.dpl, code.dpl);
  setStackPointer(cpu, stack.pointer, 8);
  cpu.nextAddress = target.offset;
  trackFarTransfer(cpu, code.dpl);
}

/** To an inner privilege level in protected mode: SS:ESP from the TSS, `count` parameters copied from the old stack. */
function callInner(cpu: Cpu, target: FarPointer, code: Descriptor, size: 2 | 4, count: number): void {
  const { state } = cpu;
  const ss = state.segments[Seg.SS];
  const outer = Stack.current(cpu);
  const inner = readInnerStackSegment(cpu, code.dpl, 0);
  const pointerSize = inner.descriptor.big ? 4 : 2;
  const stack = new Stack(cpu, {
    pointerSize,
    segment: inner.descriptor,
    pointer: inner.pointer,
    access: accessAt(code.dpl),
    errorCode: inner.selector & 0xfffc,
  });
  stack.push(size, BigInt(ss.selector));
  stack.push(size, state.gpr[Gpr.RSP]);
  for (let index = count - 1; index >= 0; index--) stack.push(size, outer.peek(index * size, size));
  stack.push(size, BigInt(state.segments[Seg.CS].selector));
  stack.push(size, cpu.nextAddress);
  requireCodeOffset(cpu, code, target.offset);
  const shadow = enterInnerShadowStack(cpu, code);
  markAccessed(cpu, inner.descriptor);
  stack.commit();
  shadow.commit();
  setCodeSegment(cpu, target.selector, code, code.dpl);
  setSegment(ss, inner.selector, inner.descriptor);
  setStackPointer(cpu, stack.pointer, pointerSize);
  cpu.nextAddress = target.offset;
  trackFarTransfer(cpu, code.dpl);
}

/** The shadow stack of the privilege level that a call gate leads to. */
function enterInnerShadowStack(cpu: Cpu, code: Descriptor): ShadowEntry {
  const { state } = cpu;
  const newSsp = (): bigint => state.cet.privilegeSsp[code.dpl];
  return enterInnerLevel(cpu, code.dpl, newSsp, farReturn(state, cpu.nextAddress), state.longMode);
}

/** Real-address and virtual-8086 mode. */
function transferToParagraph(cpu: Cpu, target: FarPointer, size: 2 | 4 | 8, kind: Transfer): void {
  const { state } = cpu;
  const stack = Stack.current(cpu);
  if (kind === 'call') {
    stack.push(size, BigInt(state.segments[Seg.CS].selector));
    stack.push(size, cpu.nextAddress);
  }
  setParagraphCode(cpu, target.selector, target.offset);
  stack.commit();
  if (kind === 'call') setStackPointer(cpu, stack.pointer, stackPointerSize(cpu));
}
