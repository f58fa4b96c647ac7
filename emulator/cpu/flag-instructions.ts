/** CLI, STI, POPF, CLAC, STAC, HLT (SDM vol. 2). */
import type { Instruction } from '../isa/instruction';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { restoredFlags } from './far-transfer';
import { setStackPointer, Stack, stackPointerSize } from './stack';
import { Flag } from './state';
import { requireVirtual8086Privilege } from './virtual-8086';
import {
  hasVirtualFlagsImage,
  hasVirtualInterruptFlag,
  restoredVirtualFlags,
  setVirtualInterruptFlag,
  virtualFlagsImage,
} from './virtual-interrupts';

/** CLI and STI need CPL <= IOPL to reach IF. */
function requireIoPrivilege(cpu: Cpu): void {
  const { state } = cpu;
  if (state.protectedMode && state.cpl > state.iopl) throw new GuestException(Vector.GP, 0);
}

export function executeCli(cpu: Cpu, _instruction: Instruction): void {
  const { state } = cpu;
  if (hasVirtualInterruptFlag(state)) return state.setControlFlags(Flag.VIF, false);
  requireIoPrivilege(cpu);
  state.setControlFlags(Flag.IF, false);
  cpu.modeChanged();
}

/** STI: if IF was clear, interrupts wait for one more instruction. */
export function executeSti(cpu: Cpu, _instruction: Instruction): void {
  const { state } = cpu;
  if (hasVirtualInterruptFlag(state)) return setVirtualInterruptFlag(state);
  requireIoPrivilege(cpu);
  if (!state.flag(Flag.IF)) state.interruptShadow = 'sti';
  state.setControlFlags(Flag.IF, true);
  cpu.modeChanged();
}

/**
 * PUSHF in virtual-8086 mode, where it needs IOPL 3 or VME. VM and RF are not seen in the image (SDM vol. 2, PUSHF).
 */
export function executePushf(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  const size = instruction.operandSize === 2 ? 2 : 4;
  const virtual = hasVirtualFlagsImage(state, size);
  if (!virtual) requireVirtual8086Privilege(state);
  const stack = Stack.current(cpu);
  stack.push(size, BigInt(virtual ? virtualFlagsImage(state) : state.rflags & ~(Flag.VM | Flag.RF)));
  stack.commit();
  setStackPointer(cpu, stack.pointer, stackPointerSize(cpu));
}

export function executePopf(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  const size = instruction.operandSize === 1 ? 2 : instruction.operandSize;
  const virtual = hasVirtualFlagsImage(state, size);
  if (!virtual) requireVirtual8086Privilege(state);
  const stack = Stack.current(cpu);
  const image = Number(stack.pop(size) & 0xffffffffn);
  const flags = virtual ? restoredVirtualFlags(state, image) : restoredFlags(state, image, size, state.cpl, 0);
  setStackPointer(cpu, stack.pointer, stackPointerSize(cpu));
  state.rflags = flags & ~Flag.RF;
  cpu.modeChanged();
}

function setAlignmentCheck(cpu: Cpu, set: boolean): void {
  const { state } = cpu;
  if (!cpu.model.features.has('SMAP') || state.cpl !== 0) throw new GuestException(Vector.UD);
  state.setControlFlags(Flag.AC, set);
  cpu.modeChanged();
}

export function executeClac(cpu: Cpu, _instruction: Instruction): void {
  setAlignmentCheck(cpu, false);
}

export function executeStac(cpu: Cpu, _instruction: Instruction): void {
  setAlignmentCheck(cpu, true);
}

export function executeHlt(cpu: Cpu, _instruction: Instruction): void {
  if (cpu.state.cpl !== 0) throw new GuestException(Vector.GP, 0);
  cpu.state.halted = true;
}
