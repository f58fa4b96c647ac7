/**
 * Delivery of exceptions and interrupts through the IDT (SDM vol. 3, chapter 6; vol. 2, INT n, "Operation").
 */
import { Gpr, Seg, type Instruction } from '../isa/instruction';
import { controlFlowEnforced, trackFarTransfer } from './cet';
import type { Cpu } from './cpu';
import { isRegisterGuard, recordDebugException, requestedBreakpoints } from './debug';
import { GuestException, Vector } from './exceptions';
import { deliverFredEvent, deliverRequestedEvent, EventType, NestedException } from './fred-delivery';
import { readLinear } from './linear-memory';
import { PageAccess } from './paging';
import {
  Descriptor,
  descriptorAt,
  isNull,
  readDescriptor,
  readStackDescriptor,
  requireCodeOffset,
  selectorFault,
  setCodeSegment,
  setNullSegment,
  setNullStackSegment,
  setParagraphCode,
  setSegment,
  markAccessed,
  SystemType,
} from './segmentation';
import {
  enterInnerLevel,
  enterSameLevel,
  farReturn,
  NO_ENTRY,
  readInterruptSsp,
  type ShadowEntry,
} from './shadow-stack';
import { accessAt, setStackPointer, Stack, stackPointerSize } from './stack';
import { Flag, type CpuState } from './state';
import { readInnerStack, readIst, readRsp } from './task-state';
import { switchTask, taskWordSize } from './task-switch';
import { requireVirtual8086Privilege } from './virtual-8086';
import { redirectSoftwareInterrupt } from './virtual-interrupts';

/** The processor gave up: an exception while delivering #DF. `vector` is the first exception of the three. */
export class TripleFault extends Error {
  constructor(readonly vector: number) {
    super(`triple fault, first exception ${vector}`);
  }
}

/** What goes through an IDT gate. */
interface Delivery {
  readonly vector: number;
  /** INT n, INT3 and INTO: the gate's DPL is checked, and error codes have EXT clear. */
  readonly software: boolean;
  readonly errorCode?: number;
  readonly returnAddress: bigint;
  /** RF in the pushed image of RFLAGS. */
  readonly resumeFlag: boolean;
  /** What FRED is told besides: see `FredEvent`. */
  readonly type: EventType;
  readonly data?: bigint;
  readonly length?: number;
  readonly nested?: boolean;
}

/** Error-code bits (SDM vol. 3, figure 6-7). */
const EXT = 1;
const IDT = 2;

/** Vectors whose exceptions push an error code. */
const PUSHES_ERROR_CODE = new Set<number>([
  ...[Vector.DF, Vector.TS, Vector.NP, Vector.SS, Vector.GP, Vector.PF, Vector.AC, Vector.CP],
]);

/** Exceptions of the fault class: RF is set in the pushed RFLAGS so that instruction breakpoints do not hit again. */
const FAULTS = new Set<number>([
  ...[Vector.DE, Vector.BR, Vector.UD, Vector.NM, Vector.TS, Vector.NP, Vector.SS, Vector.GP, Vector.PF],
  ...[Vector.MF, Vector.AC, Vector.XM, Vector.VE, Vector.CP],
]);

/** Contributory exceptions (SDM vol. 3, table 6-4). */
const CONTRIBUTORY = new Set<number>([Vector.DE, Vector.TS, Vector.NP, Vector.SS, Vector.GP, Vector.CP]);

const PAGE_FAULTS = new Set<number>([Vector.PF, Vector.VE]);

/** Whether `second`, raised while delivering `first`, makes a double fault (SDM vol. 3, table 6-5). */
export function makesDoubleFault(first: number, second: number): boolean {
  if (PAGE_FAULTS.has(first)) return PAGE_FAULTS.has(second) || CONTRIBUTORY.has(second);
  return CONTRIBUTORY.has(first) && CONTRIBUTORY.has(second);
}

/**
 * Delivers a fault whose instruction is at RIP, going through double fault if delivery itself faults. Afterwards RIP is
 * at the handler. For #DB use `deliverDebugTrap`. Throws TripleFault.
 */
export function deliverException(cpu: Cpu, exception: GuestException): void {
  deliverOrDoubleFault(cpu, exception.vector, () => {
    const vector: Vector = exception.vector;
    if (vector === Vector.DB) recordDebugException(cpu.state, requestedBreakpoints(exception));
    raise(cpu, exception);
  });
}

/**
 * Delivers an external interrupt from the interrupt controller between instructions, or `betweenIterations` of a
 * repeated string instruction, which sets RF in the pushed RFLAGS.
 */
export function deliverInterrupt(cpu: Cpu, vector: number, betweenIterations = false): void {
  deliverOrDoubleFault(cpu, vector, () => enter(cpu, hardware(cpu, vector, EventType.INTERRUPT, betweenIterations)));
}

/** Delivers a non-maskable interrupt; further ones are blocked until IRET. */
export function deliverNmi(cpu: Cpu): void {
  deliverOrDoubleFault(cpu, Vector.NMI, () => enter(cpu, hardware(cpu, Vector.NMI, EventType.NMI)));
  cpu.state.nmiBlocked = true;
}

/**
 * Delivers a #DB trap after an instruction (RIP is already at the next one) or `betweenIterations` of a repeated string
 * instruction; `reasons` are bits of DR6.
 */
export function deliverDebugTrap(cpu: Cpu, reasons: number, betweenIterations = false): void {
  recordDebugException(cpu.state, reasons);
  deliverOrDoubleFault(cpu, Vector.DB, () => {
    const delivery = hardware(cpu, Vector.DB, EventType.HARDWARE_EXCEPTION, betweenIterations);
    enter(cpu, { ...delivery, data: BigInt(reasons) });
  });
}

/** Whether an external interrupt (not an NMI) is taken before the next instruction. */
export function acceptsInterrupt(state: CpuState): boolean {
  return state.flag(Flag.IF) && state.interruptShadow === 'none';
}

/** Whether an NMI is taken before the next instruction. */
export function acceptsNmi(state: CpuState): boolean {
  return !state.nmiBlocked && state.interruptShadow !== 'ss';
}

/** INT n, INT3 and INTO (INTO only when OF is set). */
export function executeInt(cpu: Cpu, instruction: Instruction): void {
  const operand = instruction.operands.at(0);
  let vector = operand?.kind === 'immediate' ? Number(operand.value & 0xffn) : Vector.BP;
  if (instruction.mnemonic === 'INTO') {
    if (!cpu.state.flag(Flag.OF)) return;
    vector = Vector.OF;
  }
  if (instruction.mnemonic === 'INT') {
    if (redirectSoftwareInterrupt(cpu, vector)) return;
    requireVirtual8086Privilege(cpu.state);
  }
  const { mnemonic, length } = instruction;
  const type = mnemonic === 'INT' ? EventType.SOFTWARE_INTERRUPT : EventType.SOFTWARE_EXCEPTION;
  enter(cpu, { vector, type, length, software: true, returnAddress: cpu.nextAddress, resumeFlag: false });
}

/** INT1 (ICEBP): a #DB without the privilege check of INT n. */
export function executeInt1(cpu: Cpu, instruction: Instruction): void {
  enter(cpu, {
    ...{ vector: Vector.DB, type: EventType.PRIVILEGED_SOFTWARE_EXCEPTION, software: false },
    ...{ returnAddress: cpu.nextAddress, resumeFlag: false, length: instruction.length },
  });
}

/** RF is pushed as SDM vol. 3, section 17.3.1.1 says. */
function hardware(cpu: Cpu, vector: number, type: EventType, betweenIterations = false): Delivery {
  const resumeFlag = betweenIterations || cpu.state.flag(Flag.RF);
  return { vector, type, software: false, returnAddress: cpu.state.rip, resumeFlag };
}

function deliverOrDoubleFault(cpu: Cpu, first: number, attempt: () => void): void {
  let vector: Vector = first;
  let next = attempt;
  for (;;) {
    try {
      next();
      cpu.state.rip = cpu.nextAddress;
      return;
    } catch (error) {
      if (!(error instanceof GuestException)) throw error;
      const second: Vector = error.vector;
      if (second === Vector.PF) cpu.state.cr2 = error.faultAddress ?? 0n;
      if (vector === Vector.DF) throw new TripleFault(first);
      const raised = makesDoubleFault(vector, second) ? new GuestException(Vector.DF, 0) : error;
      vector = raised.vector;
      next = () => raise(cpu, raised, true);
    }
  }
}

/** `nested`: it arose while something else was delivered. */
function raise(cpu: Cpu, exception: GuestException, nested = exception instanceof NestedException): void {
  const vector: Vector = exception.vector;
  if (vector === Vector.PF) cpu.state.cr2 = exception.faultAddress ?? 0n;
  enter(cpu, {
    vector,
    software: false,
    errorCode: PUSHES_ERROR_CODE.has(vector) ? (exception.errorCode ?? 0) : undefined,
    returnAddress: cpu.state.rip,
    resumeFlag: FAULTS.has(vector) || isRegisterGuard(exception) || cpu.state.flag(Flag.RF),
    type: EventType.HARDWARE_EXCEPTION,
    data: vector === Vector.DB ? BigInt(requestedBreakpoints(exception)) : exception.faultAddress,
    nested: nested && vector !== Vector.DF,
  });
}

/** Goes through the gate: throws GuestException with the state untouched, or sets CS, RIP (`nextAddress`), SS, RSP. */
function enter(cpu: Cpu, delivery: Delivery): void {
  if (cpu.state.fred.enabled) enterByFred(cpu, delivery);
  else if (!cpu.state.protectedMode) enterRealMode(cpu, delivery);
  else if (cpu.state.longMode) enterLongMode(cpu, delivery);
  else enterProtectedMode(cpu, delivery);
  cpu.state.halted = false;
  cpu.state.interruptShadow = 'none';
  cpu.modeChanged();
}

/** Without the IDT: INT n needs no gate, whatever the privilege level. */
function enterByFred(cpu: Cpu, delivery: Delivery): void {
  const event = { ...delivery, flags: Number(flagsImage(cpu.state, delivery)) };
  if (delivery.length === undefined) deliverFredEvent(cpu, event);
  else deliverRequestedEvent(cpu, event);
}

/** Reads the gate of a vector and makes the checks common to all modes. */
function readGate(cpu: Cpu, delivery: Delivery, gateBytes: 8 | 16): Descriptor {
  const { state } = cpu;
  const ext = delivery.software ? 0 : EXT;
  const errorCode = delivery.vector * 8 + IDT + ext;
  const offset = delivery.vector * gateBytes;
  if (offset + gateBytes - 1 > state.idtr.limit) throw new GuestException(Vector.GP, errorCode);
  const gate = descriptorAt(cpu, state.idtr.base + BigInt(offset));
  const wide = gate.systemType === SystemType.INTERRUPT_GATE || gate.systemType === SystemType.TRAP_GATE;
  const narrow = gate.systemType === SystemType.INTERRUPT_GATE16 || gate.systemType === SystemType.TRAP_GATE16;
  const legacy = narrow || gate.systemType === SystemType.TASK_GATE;
  if (gate.codeOrData || !(wide || (legacy && gateBytes === 8))) throw new GuestException(Vector.GP, errorCode);
  if (delivery.software && gate.dpl < state.cpl) throw new GuestException(Vector.GP, errorCode);
  if (!gate.present) throw new GuestException(Vector.NP, errorCode);
  return gate;
}

/** The code segment a gate names: code, at most as unprivileged as the CPL, present. */
function readHandlerSegment(cpu: Cpu, selector: number, ext: number): Descriptor {
  if (isNull(selector)) throw new GuestException(Vector.GP, ext);
  const code = readDescriptor(cpu, selector, Vector.GP, ext);
  if (!code.isCode || code.dpl > cpu.state.cpl) selectorFault(Vector.GP, selector, ext);
  if (cpu.state.longMode && (!code.long || code.big)) selectorFault(Vector.GP, selector, ext);
  if (!code.present) selectorFault(Vector.NP, selector, ext);
  return code;
}

/** RFLAGS as pushed. */
function flagsImage(state: CpuState, delivery: Delivery): bigint {
  return BigInt((state.rflags & ~Flag.RF) | (delivery.resumeFlag ? Flag.RF : 0));
}

/** What delivery does to RFLAGS (SDM vol. 3, section 6.12.1.2): an interrupt gate clears IF, a trap gate does not. */
function clearFlags(state: CpuState, gateType: SystemType): void {
  const interruptGate = gateType === SystemType.INTERRUPT_GATE || gateType === SystemType.INTERRUPT_GATE16;
  state.setControlFlags(Flag.TF | Flag.NT | Flag.RF | Flag.VM | (interruptGate ? Flag.IF : 0), false);
}

/** IA-32e mode (SDM vol. 3, section 6.14): 16-byte gates, an aligned 64-bit frame with SS:RSP always in it. */
function enterLongMode(cpu: Cpu, delivery: Delivery): void {
  const { state } = cpu;
  const ext = delivery.software ? 0 : EXT;
  const gate = readGate(cpu, delivery, 16);
  const offsetHigh = readLinear(cpu, gate.address + 8n, 4, PageAccess.IMPLICIT);
  const offset = (offsetHigh << 32n) | BigInt(((gate.high & 0xffff0000) | (gate.low & 0xffff)) >>> 0);
  const selector = gate.low >>> 16;
  const code = readHandlerSegment(cpu, selector, ext);
  const cpl = code.isConforming ? state.cpl : code.dpl;

  const ist = gate.high & 7;
  let pointer = state.gpr[Gpr.RSP];
  if (ist !== 0) pointer = readIst(cpu, ist, ext);
  else if (cpl < state.cpl) pointer = readRsp(cpu, cpl, ext);

  const ss = state.segments[Seg.SS];
  const stack = new Stack(cpu, {
    pointerSize: 8,
    segment: ss,
    pointer: pointer & ~0xfn,
    access: accessAt(cpl),
    errorCode: ext,
  });
  stack.push(8, BigInt(ss.selector));
  stack.push(8, state.gpr[Gpr.RSP]);
  stack.push(8, flagsImage(state, delivery));
  stack.push(8, BigInt(state.segments[Seg.CS].selector));
  stack.push(8, delivery.returnAddress);
  if (delivery.errorCode !== undefined) stack.push(8, BigInt(delivery.errorCode));
  requireCodeOffset(cpu, code, offset, ext);

  const inward = cpl < state.cpl;
  const shadow = enterShadowStack(cpu, cpl, delivery.returnAddress, ist);
  stack.commit();
  shadow.commit();
  setCodeSegment(cpu, selector, code, cpl);
  if (inward) setNullStackSegment(ss, cpl, cpl);
  setStackPointer(cpu, stack.pointer, 8);
  cpu.nextAddress = offset;
  clearFlags(state, gate.systemType);
  trackFarTransfer(cpu, cpl);
}

/** The shadow stack of a handler at privilege level `cpl`; `ist` is the interrupt stack table index of its gate. */
function enterShadowStack(cpu: Cpu, cpl: number, returnAddress: bigint, ist: number): ShadowEntry {
  const { state } = cpu;
  if (!controlFlowEnforced(state)) return NO_ENTRY;
  const from = farReturn(state, returnAddress);
  const mode64 = state.longMode;
  const fromTable = (): bigint => readInterruptSsp(cpu, ist);
  if (cpl === state.cpl) return enterSameLevel(cpu, from, mode64, ist === 0 ? undefined : fromTable);
  return enterInnerLevel(cpu, cpl, ist === 0 ? () => state.cet.privilegeSsp[cpl] : fromTable, from, mode64);
}

/** 32-bit protected mode: 16- and 32-bit gates, SS:ESP pushed only when the privilege level changes. */
function enterProtectedMode(cpu: Cpu, delivery: Delivery): void {
  const { state } = cpu;
  const ext = delivery.software ? 0 : EXT;
  const gate = readGate(cpu, delivery, 8);
  if (gate.systemType === SystemType.TASK_GATE) return enterTask(cpu, delivery, gate.low >>> 16);
  const wide = gate.systemType === SystemType.INTERRUPT_GATE || gate.systemType === SystemType.TRAP_GATE;
  const size = wide ? 4 : 2;
  const offset = BigInt(((wide ? gate.high & 0xffff0000 : 0) | (gate.low & 0xffff)) >>> 0);
  const selector = gate.low >>> 16;
  const code = readHandlerSegment(cpu, selector, ext);
  const cpl = code.isConforming ? state.cpl : code.dpl;
  const fromVirtual8086 = state.virtual8086;
  if (fromVirtual8086 && cpl !== 0) selectorFault(Vector.GP, selector, ext);

  const ss = state.segments[Seg.SS];
  const inner = cpl < state.cpl ? readInnerStackSegment(cpu, cpl, ext) : undefined;
  const pointerSize = inner ? (inner.descriptor.big ? 4 : 2) : stackPointerSize(cpu);
  const stack = new Stack(cpu, {
    pointerSize,
    segment: inner?.descriptor ?? ss,
    pointer: inner?.pointer ?? state.gpr[Gpr.RSP],
    access: accessAt(cpl),
    errorCode: inner ? (inner.selector & 0xfffc) | ext : ext,
  });
  if (fromVirtual8086) {
    for (const seg of VIRTUAL_8086_PUSHED) stack.push(size, BigInt(state.segments[seg].selector));
  }
  if (inner) {
    stack.push(size, BigInt(ss.selector));
    stack.push(size, state.gpr[Gpr.RSP]);
  }
  stack.push(size, flagsImage(state, delivery));
  stack.push(size, BigInt(state.segments[Seg.CS].selector));
  stack.push(size, delivery.returnAddress);
  if (delivery.errorCode !== undefined) stack.push(size, BigInt(delivery.errorCode));
  requireCodeOffset(cpu, code, offset, ext);

  const shadow = enterShadowStack(cpu, cpl, delivery.returnAddress, 0);
  if (inner) markAccessed(cpu, inner.descriptor);
  stack.commit();
  shadow.commit();
  setCodeSegment(cpu, selector, code, cpl);
  if (inner) setSegment(ss, inner.selector, inner.descriptor);
  setStackPointer(cpu, stack.pointer, pointerSize);
  cpu.nextAddress = offset;
  clearFlags(state, gate.systemType);
  if (fromVirtual8086) {
    for (const seg of VIRTUAL_8086_PUSHED) setNullSegment(cpu, state.segments[seg], 0);
  }
  trackFarTransfer(cpu, cpl);
}

/** Data segment registers in the order in which they are pushed when an interrupt leaves virtual-8086 mode. */
const VIRTUAL_8086_PUSHED = [Seg.GS, Seg.FS, Seg.DS, Seg.ES] as const;

/** Through a task gate: the handler is a task nested in the interrupted one, with the error code on its own stack. */
function enterTask(cpu: Cpu, delivery: Delivery, selector: number): void {
  const ext = delivery.software ? 0 : EXT;
  const eflags = Number(flagsImage(cpu.state, delivery));
  switchTask(cpu, selector, 'call', { eip: delivery.returnAddress, eflags, ext });
  if (delivery.errorCode === undefined) return;
  const stack = Stack.current(cpu, ext);
  stack.push(taskWordSize(cpu.state), BigInt(delivery.errorCode));
  stack.commit();
  setStackPointer(cpu, stack.pointer, stackPointerSize(cpu));
}

/** SS:ESP for an inner privilege level from the TSS, with all checks (SDM vol. 2, INT n, INTER-PRIVILEGE-LEVEL). */
export function readInnerStackSegment(
  cpu: Cpu,
  cpl: number,
  ext: number,
): { selector: number; pointer: bigint; descriptor: Descriptor } {
  const { selector, pointer } = readInnerStack(cpu, cpl, ext);
  if (isNull(selector)) throw new GuestException(Vector.TS, ext);
  return { selector, pointer, descriptor: readStackDescriptor(cpu, selector, cpl, Vector.TS, ext) };
}

/** Real-address mode: four-byte vectors, FLAGS, CS and IP pushed. */
function enterRealMode(cpu: Cpu, delivery: Delivery): void {
  const { state } = cpu;
  const offset = delivery.vector * 4;
  if (offset + 3 > state.idtr.limit) throw new GuestException(Vector.GP, 0);
  const target = readLinear(cpu, state.idtr.base + BigInt(offset), 4, PageAccess.IMPLICIT);
  const stack = Stack.current(cpu);
  stack.push(2, BigInt(state.rflags));
  stack.push(2, BigInt(state.segments[Seg.CS].selector));
  stack.push(2, delivery.returnAddress);
  setParagraphCode(cpu, Number(target >> 16n), target & 0xffffn);
  stack.commit();
  setStackPointer(cpu, stack.pointer, stackPointerSize(cpu));
  state.setControlFlags(Flag.IF | Flag.TF | Flag.AC | Flag.RF, false);
}
