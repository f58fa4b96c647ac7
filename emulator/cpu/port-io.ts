/** IN, OUT, INS and OUTS (SDM vol. 1, chapter 19). INS and OUTS do one iteration; the engine repeats them. */
import { Gpr, Seg, type Instruction, type Operand } from '../isa/instruction';
import type { Cpu } from './cpu';
import { ioBreakpoints } from './debug';
import { GuestException, Vector } from './exceptions';
import { dataAccess, readLinear, requireWritable, writeLinear } from './linear-memory';
import { PageAccess } from './paging';
import { operandAt, writeGprSized } from './registers';
import { segmentAddress } from './segmentation';
import { Flag } from './state';
import { readIoMapBase } from './task-state';

type PortSize = 1 | 2 | 4;

/**
 * CPL > IOPL, and virtual-8086 mode at any IOPL: each port needs a clear bit in the TSS's I/O permission bitmap, else
 * #GP(0).
 */
function requirePortAccess(cpu: Cpu, port: number, size: PortSize): void {
  const { state } = cpu;
  if (!state.protectedMode || (state.cpl <= state.iopl && !state.virtual8086)) return;
  const { tr } = state;
  const offset = readIoMapBase(cpu) + (port >>> 3);
  // Two bytes are always read, so the map must end with a byte beyond the last port's.
  if (offset + 1 > tr.limit) throw new GuestException(Vector.GP, 0);
  const bits = Number(readLinear(cpu, tr.base + BigInt(offset), 2, PageAccess.IMPLICIT));
  if ((bits >>> (port & 7)) & ((1 << size) - 1)) throw new GuestException(Vector.GP, 0);
}

/** The check of INS and OUTS, which comes before everything else, even with a repeat count of 0. Throws #GP(0). */
export function requireStringPortAccess(cpu: Cpu, instruction: Instruction): void {
  const { size } = stringElement(instruction);
  requirePortAccess(cpu, Number(cpu.state.gpr[Gpr.RDX] & 0xffffn), size);
}

function readPort(cpu: Cpu, port: number, size: PortSize): bigint {
  cpu.state.pendingDebugTraps |= ioBreakpoints(cpu.state, port, size);
  return BigInt(cpu.bus.readPort(port, size) >>> 0);
}

function writePort(cpu: Cpu, port: number, size: PortSize, value: number): void {
  cpu.state.pendingDebugTraps |= ioBreakpoints(cpu.state, port, size);
  cpu.bus.writePort(port, size, value);
}

/** DX, or an 8-bit immediate. */
function portOf(cpu: Cpu, operand: Operand): number {
  return Number(operand.kind === 'immediate' ? operand.value & 0xffn : cpu.state.gpr[Gpr.RDX] & 0xffffn);
}

function accumulatorSize(operand: Operand): PortSize {
  return operand.kind === 'register' && operand.size !== 8 ? operand.size : 4;
}

export function executeIn(cpu: Cpu, instruction: Instruction): void {
  const size = accumulatorSize(operandAt(instruction, 0));
  const port = portOf(cpu, operandAt(instruction, 1));
  requirePortAccess(cpu, port, size);
  writeGprSized(cpu.state, Gpr.RAX, size, readPort(cpu, port, size));
}

export function executeOut(cpu: Cpu, instruction: Instruction): void {
  const size = accumulatorSize(operandAt(instruction, 1));
  const port = portOf(cpu, operandAt(instruction, 0));
  requirePortAccess(cpu, port, size);
  writePort(cpu, port, size, Number(BigInt.asUintN(8 * size, cpu.state.gpr[Gpr.RAX])));
}

/** The memory side of a string instruction. */
function stringElement(instruction: Instruction): { segment: Seg; size: PortSize } {
  for (const operand of instruction.operands) {
    if (operand.kind === 'memory')
      return { segment: operand.segment, size: operand.size === 1 ? 1 : operand.size === 2 ? 2 : 4 };
  }
  throw new GuestException(Vector.UD);
}

/** Moves RSI or RDI by one element at the address size, backwards with DF. */
function advance(cpu: Cpu, register: Gpr, instruction: Instruction, size: PortSize): void {
  const { state } = cpu;
  const step = BigInt(state.flag(Flag.DF) ? -size : size);
  writeGprSized(state, register, instruction.addressSize, state.gpr[register] + step);
}

export function executeIns(cpu: Cpu, instruction: Instruction): void {
  const { size } = stringElement(instruction);
  const port = portOf(cpu, { kind: 'register', register: Gpr.RDX, size: 2, high: false });
  requirePortAccess(cpu, port, size);
  const offset = BigInt.asUintN(8 * instruction.addressSize, cpu.state.gpr[Gpr.RDI]);
  const va = segmentAddress(cpu, Seg.ES, offset, size, 'write');
  // Reading a device may change it: make sure the value can be stored first.
  requireWritable(cpu, va, size, dataAccess(cpu));
  writeLinear(cpu, va, size, readPort(cpu, port, size), dataAccess(cpu));
  advance(cpu, Gpr.RDI, instruction, size);
}

export function executeOuts(cpu: Cpu, instruction: Instruction): void {
  const { segment, size } = stringElement(instruction);
  const port = portOf(cpu, { kind: 'register', register: Gpr.RDX, size: 2, high: false });
  requirePortAccess(cpu, port, size);
  const offset = BigInt.asUintN(8 * instruction.addressSize, cpu.state.gpr[Gpr.RSI]);
  const va = segmentAddress(cpu, segment, offset, size, 'read');
  writePort(cpu, port, size, Number(readLinear(cpu, va, size, dataAccess(cpu))));
  advance(cpu, Gpr.RSI, instruction, size);
}
