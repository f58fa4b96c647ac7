/**
 * Hardware task switching of protected mode (SDM vol. 3, section 8.3): far JMP and CALL to a TSS or task gate, interrupts
 * through task gates, IRET with NT set. IA-32e mode has none of it.
 */
import { Gpr, Seg } from '../isa/instruction';
import type { Cpu } from './cpu';
import { Dr6 } from './debug';
import { GuestException, Vector } from './exceptions';
import { readLinear, requireWritable, writeLinear } from './linear-memory';
import { PageAccess } from './paging';
import { setCr3 } from './control-registers';
import {
  Descriptor,
  descriptorAddress,
  descriptorAt,
  isNull,
  loadSegment,
  markAccessed,
  readDescriptor,
  readStackDescriptor,
  requireCodeOffset,
  selectorFault,
  SELECTOR_RPL,
  setCodeSegment,
  setNullSegment,
  setSegment,
  SystemType,
} from './segmentation';
import { enterTaskShadowStack, leaveTaskShadowStack } from './task-shadow-stack';
import { AccessRights, Cr0, Flag, type CpuState, type SegmentRegister } from './state';
import { enterVirtual8086 } from './virtual-8086';

/** How the switch came about: decides about busy bits, NT and the back link. Interrupts are calls. */
export type TaskSwitchKind = 'jmp' | 'call' | 'iret';

/** What an interrupt saves in the outgoing task, and the EXT bit of error codes; see `EXT` in interrupts.ts. */
export interface TaskInterrupt {
  readonly eip: bigint;
  readonly eflags: number;
  readonly ext: number;
}

/** Where the fields of a TSS are, in bytes; fields a 16-bit one lacks are undefined. */
interface TssLayout {
  /** Bytes of a register. */
  readonly word: 2 | 4;
  readonly cr3?: number;
  readonly ip: number;
  readonly flags: number;
  /** EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI. */
  readonly registers: number;
  /** ES, CS, SS, DS; in a 32-bit TSS also FS and GS. */
  readonly selectors: number;
  readonly selectorCount: 4 | 6;
  readonly ldt: number;
  readonly trap?: number;
  readonly minimumLimit: number;
}

/** Selector of the previous task, 16 bits. */
const LINK = 0;

/** SDM vol. 3, figure 8-2. */
const TSS32: TssLayout = {
  word: 4,
  cr3: 28,
  ip: 32,
  flags: 36,
  registers: 40,
  selectors: 72,
  selectorCount: 6,
  ldt: 96,
  trap: 100,
  minimumLimit: 0x67,
};

/** SDM vol. 3, figure 8-10. */
const TSS16: TssLayout = {
  word: 2,
  ip: 14,
  flags: 16,
  registers: 18,
  selectors: 34,
  selectorCount: 4,
  ldt: 42,
  minimumLimit: 0x2b,
};

const LAYOUTS: Readonly<Partial<Record<SystemType, TssLayout>>> = {
  [SystemType.TSS_AVAILABLE]: TSS32,
  [SystemType.TSS_BUSY]: TSS32,
  [SystemType.TSS16_AVAILABLE]: TSS16,
  [SystemType.TSS16_BUSY]: TSS16,
};

/** TSS descriptor type bit: busy. */
const BUSY = 1 << 9;
const SELECTOR_TI = 4;

/** EFLAGS bits that exist. */
const EFLAGS_BITS = 0x3f7fd5;

function layoutOf(register: SegmentRegister): TssLayout {
  const type: SystemType = register.type;
  return LAYOUTS[type] ?? TSS32;
}

/** Bytes of a word on the stack of the task in TR. */
export function taskWordSize(state: CpuState): 2 | 4 {
  return layoutOf(state.tr).word;
}

/** Switches to the task of a TSS selector; throws GuestException in the old task, or, once that is saved, in the new. */
export function switchTask(cpu: Cpu, selector: number, kind: TaskSwitchKind, interrupt?: TaskInterrupt): void {
  const { state } = cpu;
  const ext = interrupt?.ext ?? 0;
  const vector = kind === 'iret' ? Vector.TS : Vector.GP;
  const address = selector & SELECTOR_TI ? undefined : descriptorAddress(state, selector);
  if (address === undefined) return selectorFault(vector, selector, ext);
  const tss = descriptorAt(cpu, address);
  const layout = tss.codeOrData ? undefined : LAYOUTS[tss.systemType];
  const busy = (tss.high & BUSY) !== 0;
  if (!layout || busy !== (kind === 'iret')) return selectorFault(vector, selector, ext);
  if (!tss.present) selectorFault(Vector.NP, selector, ext);
  if (tss.limit < layout.minimumLimit) selectorFault(Vector.TS, selector, ext);
  const incoming = readTask(cpu, tss.base, layout);
  if (kind === 'call') requireWritable(cpu, tss.base, 2, PageAccess.IMPLICIT);
  const flags = interrupt?.eflags ?? state.rflags;
  const left = leaveTaskShadowStack(cpu, kind, interrupt?.eip ?? cpu.nextAddress, privilegeLevel(incoming));
  saveTask(cpu, interrupt?.eip ?? cpu.nextAddress, kind === 'iret' ? flags & ~Flag.NT : flags);
  if (kind !== 'call') setBusy(cpu, state.tr.selector, false);
  if (kind === 'call') writeLinear(cpu, tss.base + BigInt(LINK), 2, BigInt(state.tr.selector), PageAccess.IMPLICIT);
  if (kind !== 'iret') setBusy(cpu, selector, true);
  setSegment(state.tr, selector, new Descriptor(tss.low, tss.high | BUSY, tss.address));
  loadTask(cpu, incoming, kind, ext);
  enterTaskShadowStack(cpu, kind, left, ext);
}

/** IRET with NT set: back to the task in the link field of this one's TSS. */
export function returnFromTask(cpu: Cpu): void {
  const link = readLinear(cpu, cpu.state.tr.base + BigInt(LINK), 2, PageAccess.IMPLICIT);
  switchTask(cpu, Number(link), 'iret');
}

interface Task {
  /** Undefined if the TSS has no such field: CR3 stays. */
  readonly cr3: bigint | undefined;
  readonly eip: bigint;
  readonly eflags: number;
  /** EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI. */
  readonly registers: readonly bigint[];
  /** ES, CS, SS, DS, FS, GS. */
  readonly selectors: readonly number[];
  readonly ldt: number;
  readonly trap: boolean;
}

function readTask(cpu: Cpu, base: bigint, layout: TssLayout): Task {
  const { word, cr3, trap, registers, selectors, selectorCount } = layout;
  const read = (offset: number, size: 2 | 4 = word): bigint =>
    readLinear(cpu, base + BigInt(offset), size, PageAccess.IMPLICIT);
  // The manuals do not say what becomes of the upper halves that a 16-bit TSS lacks: they stay.
  const { gpr } = cpu.state;
  const upper = (index: number): bigint => (word === 2 ? gpr[index] & 0xffff0000n : 0n);
  return {
    cr3: cr3 === undefined ? undefined : read(cr3),
    eip: read(layout.ip),
    eflags: Number(read(layout.flags)),
    registers: [0, 1, 2, 3, 4, 5, 6, 7].map((index) => read(registers + word * index) | upper(index)),
    selectors: [0, 1, 2, 3, 4, 5].map((index) =>
      index < selectorCount ? Number(read(selectors + word * index, 2)) : 0,
    ),
    ldt: Number(read(layout.ldt, 2)),
    trap: trap !== undefined && (read(trap) & 1n) !== 0n,
  };
}

function privilegeLevel({ eflags, selectors }: Task): number {
  return eflags & Flag.VM ? 3 : selectors[Seg.CS] & SELECTOR_RPL;
}

/** Writes the outgoing task's dynamic fields to its TSS; faults before the first write. */
function saveTask(cpu: Cpu, eip: bigint, eflags: number): void {
  const { state } = cpu;
  const { base } = state.tr;
  const { word, ip, flags, registers, selectors, selectorCount } = layoutOf(state.tr);
  const end = selectors + word * selectorCount;
  requireWritable(cpu, base + BigInt(ip), end - ip, PageAccess.IMPLICIT);
  const write = (offset: number, value: bigint): void => {
    writeLinear(cpu, base + BigInt(offset), word, BigInt.asUintN(8 * word, value), PageAccess.IMPLICIT);
  };
  write(ip, eip);
  write(flags, BigInt(eflags));
  for (let index = 0; index < 8; index++) write(registers + word * index, state.gpr[Gpr.RAX + index]);
  for (let index = 0; index < selectorCount; index++) {
    write(selectors + word * index, BigInt(state.segments[index].selector));
  }
}

function setBusy(cpu: Cpu, selector: number, busy: boolean): void {
  const descriptor = readDescriptor(cpu, selector, Vector.TS);
  const high = busy ? descriptor.high | BUSY : descriptor.high & ~BUSY;
  writeLinear(cpu, descriptor.address + 4n, 4, BigInt(high >>> 0), PageAccess.IMPLICIT);
}

/**
 * Loads the incoming task. Selectors are stored first, so a fault here happens in the new task, with its registers
 * (SDM vol. 3, section 8.3, step 13 and on).
 */
function loadTask(cpu: Cpu, task: Task, kind: TaskSwitchKind, ext: number): void {
  const { state } = cpu;
  cpu.nextAddress = task.eip;
  state.rip = task.eip;
  cpu.modeChanged();
  const eflags = (task.eflags & EFLAGS_BITS) | Flag.FIXED;
  state.rflags = kind === 'call' ? eflags | Flag.NT : eflags;
  task.registers.forEach((value, index) => (state.gpr[index] = value));
  state.cr0 = (state.cr0 | Cr0.TS) >>> 0;
  state.dr7 &= ~0x155;
  if (task.trap) state.pendingDebugTraps |= Dr6.BT;
  state.cpl = privilegeLevel(task);
  for (const [index, selector] of task.selectors.entries()) {
    state.segments[index].selector = selector;
    state.segments[index].rights = AccessRights.UNUSABLE;
  }
  if (state.paging && task.cr3 !== undefined) setCr3(cpu, task.cr3);
  loadTaskLdt(cpu, task.ldt, ext);
  if (state.virtual8086) {
    enterVirtual8086(state, state.rflags, task.selectors.entries());
    if (task.eip > BigInt(state.segments[Seg.CS].limit)) throw new GuestException(Vector.GP, ext);
  } else {
    loadTaskSegments(cpu, task, ext);
  }
}

function loadTaskSegments(cpu: Cpu, task: Task, ext: number): void {
  const { state } = cpu;
  const { cpl } = state;
  const [es, cs, ss, ds, fs, gs] = task.selectors;
  if (isNull(cs)) throw new GuestException(Vector.TS, ext);
  const code = readDescriptor(cpu, cs, Vector.TS, ext);
  if (!code.isCode || (code.isConforming ? code.dpl > cpl : code.dpl !== cpl)) selectorFault(Vector.TS, cs, ext);
  if (!code.present) selectorFault(Vector.NP, cs, ext);
  const stack = readStackDescriptor(cpu, ss, cpl, Vector.TS, ext);
  markAccessed(cpu, stack);
  setSegment(state.segments[Seg.SS], ss, stack);
  setCodeSegment(cpu, cs, code, cpl);
  loadDataSegments(cpu, ext, [
    [Seg.ES, es],
    [Seg.DS, ds],
    [Seg.FS, fs],
    [Seg.GS, gs],
  ]);
  requireCodeOffset(cpu, code, task.eip, ext);
}

/** The checks are those of MOV Sreg, but a bad selector is #TS. */
function loadDataSegments(cpu: Cpu, ext: number, segments: readonly (readonly [Seg, number])[]): void {
  for (const [seg, selector] of segments) {
    try {
      loadSegment(cpu, seg, selector);
    } catch (error) {
      const vector: Vector | undefined = error instanceof GuestException ? error.vector : undefined;
      if (vector === Vector.GP) selectorFault(Vector.TS, selector, ext);
      if (vector === Vector.NP) selectorFault(Vector.NP, selector, ext);
      throw error;
    }
  }
}

function loadTaskLdt(cpu: Cpu, selector: number, ext: number): void {
  const { ldtr } = cpu.state;
  setNullSegment(cpu, ldtr, selector);
  if (isNull(selector)) return;
  if (selector & SELECTOR_TI) selectorFault(Vector.TS, selector, ext);
  const descriptor = readDescriptor(cpu, selector, Vector.TS, ext);
  if (descriptor.codeOrData || descriptor.systemType !== SystemType.LDT || !descriptor.present) {
    selectorFault(Vector.TS, selector, ext);
  }
  setSegment(ldtr, selector, descriptor);
}
