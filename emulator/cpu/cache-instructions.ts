/** INVLPG, INVPCID, INVD, WBINVD, MONITOR, MWAIT (SDM vol. 2; vol. 3, section 4.10.4.1). */
import { Gpr, Seg, type Instruction } from '../isa/instruction';
import { isCanonicalInRegister } from './canonical';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { dataAccess, readLinear } from './linear-memory';
import { operandAt, readGpr } from './registers';
import { segmentAddress } from './segmentation';
import { Cr4 } from './state';

function requireRing0(cpu: Cpu): void {
  if (cpu.state.cpl !== 0) throw new GuestException(Vector.GP, 0);
}

export function executeInvlpg(cpu: Cpu, _instruction: Instruction): void {
  requireRing0(cpu);
  cpu.translations.flushPage(cpu.operandAddress);
}

/** INVPCID: the type in a register, PCID and linear address in memory. */
export function executeInvpcid(cpu: Cpu, instruction: Instruction): void {
  if (!cpu.model.features.has('INVPCID')) throw new GuestException(Vector.UD);
  requireRing0(cpu);
  const register = operandAt(instruction, 0);
  const type = register.kind === 'register' ? readGpr(cpu.state, register) : -1n;
  const access = dataAccess(cpu);
  const pcid = readLinear(cpu, cpu.operandAddress, 8, access);
  const va = readLinear(cpu, cpu.operandAddress + 8n, 8, access);
  if (type < 0n || type > 3n || pcid > 0xfffn) throw new GuestException(Vector.GP, 0);
  const individual = type <= 1n;
  if (individual && pcid !== 0n && !(cpu.state.cr4 & Cr4.PCIDE)) throw new GuestException(Vector.GP, 0);
  if (type === 0n && !isCanonicalInRegister(cpu.model, va)) throw new GuestException(Vector.GP, 0);
  if (type === 0n) cpu.translations.flushPage(va);
  else if (type === 1n) cpu.translations.flushPcid(Number(pcid));
  else cpu.translations.flush(type === 3n);
}

/** INVD and WBINVD: there is no cache to write back. */
export function executeInvd(cpu: Cpu, _instruction: Instruction): void {
  requireRing0(cpu);
}

function requireMonitor(cpu: Cpu): void {
  if (!cpu.model.features.has('MONITOR') || cpu.state.cpl !== 0) throw new GuestException(Vector.UD);
}

export function executeMonitor(cpu: Cpu, instruction: Instruction): void {
  requireMonitor(cpu);
  if (cpu.state.gpr[Gpr.RCX] & 0xffffffffn) throw new GuestException(Vector.GP, 0);
  const offset = BigInt.asUintN(8 * instruction.addressSize, cpu.state.gpr[Gpr.RAX]);
  readLinear(cpu, segmentAddress(cpu, Seg.DS, offset, 1, 'read'), 1, dataAccess(cpu));
}

/** MWAIT may end at any time (SDM vol. 2): here at once. */
export function executeMwait(cpu: Cpu, _instruction: Instruction): void {
  requireMonitor(cpu);
  if (cpu.state.gpr[Gpr.RCX] & 0xffffffffn) throw new GuestException(Vector.GP, 0);
}
