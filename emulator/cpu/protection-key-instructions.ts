/** RDPKRU and WRPKRU, which any privilege level may execute (SDM vol. 2). */
import { Gpr, type Instruction } from '../isa/instruction';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { writeEdxEax } from './registers';
import { Cr4 } from './state';

function requireKeys(cpu: Cpu): void {
  if (!(cpu.state.cr4 & Cr4.PKE)) throw new GuestException(Vector.UD);
  if (cpu.state.gpr[Gpr.RCX] & 0xffffffffn) throw new GuestException(Vector.GP, 0);
}

/** RDPKRU: PKRU to EAX; EDX becomes 0. */
export function executeRdpkru(cpu: Cpu, _instruction: Instruction): void {
  requireKeys(cpu);
  writeEdxEax(cpu.state, BigInt(cpu.state.pkru));
}

/** WRPKRU: EAX to PKRU; in force for the next instruction. */
export function executeWrpkru(cpu: Cpu, _instruction: Instruction): void {
  requireKeys(cpu);
  const { gpr } = cpu.state;
  if (gpr[Gpr.RDX] & 0xffffffffn) throw new GuestException(Vector.GP, 0);
  cpu.state.pkru = Number(gpr[Gpr.RAX] & 0xffffffffn);
  cpu.modeChanged();
}
