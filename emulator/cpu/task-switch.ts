/**
 * Hardware task switching of 32-bit protected mode (SDM vol. 3, section 8.3): far JMP and CALL to a TSS or task gate,
 * IRET with NT set. IA-32e mode has none of it.
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
  setSegment,
  SystemType,
} from './segmentation';
import { AccessRights, Cr0, Flag } from './state';

/** How the switch came about: decides about busy bits, NT and the back link. */
export type TaskSwitchKind = 'jmp' | 'call' | 'iret';

/** Offsets in a 32-bit TSS (SDM vol. 3, figure 8-2). */
const enum Tss32 {
  LINK = 0,
  CR3 = 28,
  EIP = 32,
  EFLAGS = 36,
  EAX = 40,
  ES = 72,
  LDT = 96,
  TRAP = 100,
}
const TSS32_MINIMUM_LIMIT = 0x67;

/** TSS descriptor type bit: busy. */
const BUSY = 1 << 9;
const SELECTOR_TI = 4;

/** Far JMP or CALL to a 32-bit TSS selector, directly or from a task gate. */
export function switchTask(cpu: Cpu, selector: number, kind: TaskSwitchKind): void {
  const { state } = cpu;
  const vector = kind === 'iret' ? Vector.TS : Vector.GP;
  const address = selector & SELECTOR_TI ? undefined : descriptorAddress(state, selector);
  if (address === undefined) return selectorFault(vector, selector);
  const tss = descriptorAt(cpu, address);
  const wanted = kind === 'iret' ? SystemType.TSS_BUSY : SystemType.TSS_AVAILABLE;
  if (tss.codeOrData || tss.systemType !== wanted) selectorFault(vector, selector);
  if (!tss.present) selectorFault(Vector.NP, selector);
  if (tss.limit < TSS32_MINIMUM_LIMIT) selectorFault(Vector.TS, selector);
  const incoming = readTask(cpu, tss.base);
  saveTask(cpu, kind);
  if (kind !== 'call') setBusy(cpu, state.tr.selector, false);
  if (kind === 'call')
    writeLinear(cpu, tss.base + BigInt(Tss32.LINK), 4, BigInt(state.tr.selector), PageAccess.IMPLICIT);
  if (kind !== 'iret') setBusy(cpu, selector, true);
  setSegment(state.tr, selector, new Descriptor(tss.low, tss.high | BUSY, tss.address));
  loadTask(cpu, incoming, kind);
}

/** IRET with NT set: back to the task in the link field of this one's TSS. */
export function returnFromTask(cpu: Cpu): void {
  const link = readLinear(cpu, cpu.state.tr.base + BigInt(Tss32.LINK), 2, PageAccess.IMPLICIT);
  switchTask(cpu, Number(link), 'iret');
}

interface Task {
  readonly cr3: bigint;
  readonly eip: bigint;
  readonly eflags: number;
  /** EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI. */
  readonly registers: readonly bigint[];
  /** ES, CS, SS, DS, FS, GS. */
  readonly selectors: readonly number[];
  readonly ldt: number;
  readonly trap: boolean;
}

function readTask(cpu: Cpu, base: bigint): Task {
  const word = (offset: number): bigint => readLinear(cpu, base + BigInt(offset), 4, PageAccess.IMPLICIT);
  return {
    cr3: word(Tss32.CR3),
    eip: word(Tss32.EIP),
    eflags: Number(word(Tss32.EFLAGS)),
    registers: [0, 1, 2, 3, 4, 5, 6, 7].map((index) => word(Tss32.EAX + 4 * index)),
    selectors: [0, 1, 2, 3, 4, 5].map((index) => Number(word(Tss32.ES + 4 * index) & 0xffffn)),
    ldt: Number(word(Tss32.LDT) & 0xffffn),
    trap: (word(Tss32.TRAP) & 1n) !== 0n,
  };
}

/** Writes the outgoing task's dynamic fields to its TSS; faults before the first write. */
function saveTask(cpu: Cpu, kind: TaskSwitchKind): void {
  const { state } = cpu;
  const { base } = state.tr;
  requireWritable(cpu, base, TSS32_MINIMUM_LIMIT + 1, PageAccess.IMPLICIT);
  const write = (offset: number, value: bigint): void => {
    writeLinear(cpu, base + BigInt(offset), 4, value, PageAccess.IMPLICIT);
  };
  write(Tss32.EIP, cpu.nextAddress);
  write(Tss32.EFLAGS, BigInt(kind === 'iret' ? state.rflags & ~Flag.NT : state.rflags));
  for (let index = 0; index < 8; index++) write(Tss32.EAX + 4 * index, state.gpr[Gpr.RAX + index] & 0xffffffffn);
  for (let index = 0; index < 6; index++) write(Tss32.ES + 4 * index, BigInt(state.segments[index].selector));
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
function loadTask(cpu: Cpu, task: Task, kind: TaskSwitchKind): void {
  const { state } = cpu;
  if (state.paging) setCr3(cpu, task.cr3);
  state.rflags = kind === 'call' ? task.eflags | Flag.NT : task.eflags;
  task.registers.forEach((value, index) => (state.gpr[index] = value));
  state.cr0 = (state.cr0 | Cr0.TS) >>> 0;
  state.dr7 &= ~0x155;
  cpu.nextAddress = task.eip;
  state.rip = task.eip;
  for (const [index, selector] of task.selectors.entries()) {
    state.segments[index].selector = selector;
    state.segments[index].rights = AccessRights.UNUSABLE;
  }
  loadTaskLdt(cpu, task.ldt);
  const [es, cs, ss, ds, fs, gs] = task.selectors;
  const cpl = cs & SELECTOR_RPL;
  if (isNull(cs)) throw new GuestException(Vector.TS, 0);
  const code = readDescriptor(cpu, cs, Vector.TS);
  if (!code.isCode || (code.isConforming ? code.dpl > cpl : code.dpl !== cpl)) selectorFault(Vector.TS, cs);
  if (!code.present) selectorFault(Vector.NP, cs);
  state.cpl = cpl;
  const stack = readStackDescriptor(cpu, ss, cpl, Vector.TS);
  markAccessed(cpu, stack);
  setSegment(state.segments[Seg.SS], ss, stack);
  setCodeSegment(cpu, cs, code, cpl);
  loadDataSegments(cpu, [
    [Seg.ES, es],
    [Seg.DS, ds],
    [Seg.FS, fs],
    [Seg.GS, gs],
  ]);
  requireCodeOffset(cpu, code, task.eip);
  if (task.trap) state.pendingDebugTraps |= Dr6.BT;
  cpu.modeChanged();
}

/** The checks are those of MOV Sreg, but a bad selector is #TS. */
function loadDataSegments(cpu: Cpu, segments: readonly (readonly [Seg, number])[]): void {
  for (const [seg, selector] of segments) {
    try {
      loadSegment(cpu, seg, selector);
    } catch (error) {
      const vector: Vector | undefined = error instanceof GuestException ? error.vector : undefined;
      if (vector === Vector.GP) selectorFault(Vector.TS, selector);
      throw error;
    }
  }
}

function loadTaskLdt(cpu: Cpu, selector: number): void {
  const { ldtr } = cpu.state;
  ldtr.selector = selector;
  ldtr.rights = AccessRights.UNUSABLE;
  if (isNull(selector)) return;
  if (selector & SELECTOR_TI) selectorFault(Vector.TS, selector);
  const descriptor = readDescriptor(cpu, selector, Vector.TS);
  if (descriptor.codeOrData || descriptor.systemType !== SystemType.LDT || !descriptor.present) {
    selectorFault(Vector.TS, selector);
  }
  setSegment(ldtr, selector, descriptor);
}
