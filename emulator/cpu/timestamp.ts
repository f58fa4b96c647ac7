/** RDTSC, RDTSCP, RDPMC and RDPID (SDM vol. 3, section 18.17). */
import { Gpr, type Instruction } from '../isa/instruction';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { operandAt, writeEdxEax, writeGprSized } from './registers';
import { Cr4 } from './state';

/** IA32_TIME_STAMP_COUNTER: the virtual time, displaced by what the guest wrote to the counter. */
export function readTimestamp(cpu: Cpu): bigint {
  return BigInt.asUintN(64, cpu.timestamp + cpu.state.tscOffset);
}

function requireTscAccess(cpu: Cpu): void {
  if (cpu.state.cr4 & Cr4.TSD && cpu.state.cpl !== 0) throw new GuestException(Vector.GP, 0);
}

export function executeRdtsc(cpu: Cpu, _instruction: Instruction): void {
  requireTscAccess(cpu);
  writeEdxEax(cpu.state, readTimestamp(cpu));
}

export function executeRdtscp(cpu: Cpu, _instruction: Instruction): void {
  if (!cpu.model.features.has('RDTSCP')) throw new GuestException(Vector.UD);
  requireTscAccess(cpu);
  writeEdxEax(cpu.state, readTimestamp(cpu));
  cpu.state.gpr[Gpr.RCX] = cpu.state.tscAux & 0xffffffffn;
}

/** RDPMC: no model has performance counters that count, so every counter number is invalid. */
export function executeRdpmc(_cpu: Cpu, _instruction: Instruction): void {
  throw new GuestException(Vector.GP, 0);
}

export function executeRdpid(cpu: Cpu, instruction: Instruction): void {
  if (!cpu.model.features.has('RDPID')) throw new GuestException(Vector.UD);
  const operand = operandAt(instruction, 0);
  if (operand.kind === 'register')
    writeGprSized(cpu.state, operand.register, cpu.state.mode64 ? 8 : 4, cpu.state.tscAux);
}
