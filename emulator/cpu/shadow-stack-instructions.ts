/** Instructions that manage shadow stacks (SDM vol. 2, "Operation" of each; vol. 1, sections 17.2.3 and 17.2.5). */
import type { Instruction } from '../isa/instruction';
import { ControlProtection, controlProtection, shadowStackEnabled, shadowStackWriteEnabled } from './cet';
import { TOKEN_MODE64, TOKEN_PREVIOUS_SSP } from './cet-state';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import { readLinear, requireWritable, writeLinear } from './linear-memory';
import { operandAt, readOperand, writeOperand } from './registers';
import { acquireToken, releaseToken, shadowAccess, ShadowStack } from './shadow-stack';
import { Cr4, Flag, STATUS_FLAGS } from './state';

function undefinedOpcode(): never {
  throw new GuestException(Vector.UD);
}

function generalProtection(): never {
  throw new GuestException(Vector.GP, 0);
}

/** The shadow stack in use. Throws #UD if there is none. */
function requireShadowStack(cpu: Cpu): ShadowStack {
  return ShadowStack.current(cpu) ?? undefinedOpcode();
}

/** #UD unless supervisor shadow stacks are on, #GP(0) outside ring 0. FRED has no supervisor tokens: #UD. */
function requireSupervisorTokens(cpu: Cpu): void {
  const { state } = cpu;
  if (!shadowStackEnabled(state, 0) || state.fred.enabled) undefinedOpcode();
  if (state.cpl !== 0) generalProtection();
}

function requireAligned(address: bigint, size: 4 | 8): void {
  if (address & BigInt(size - 1)) generalProtection();
}

function setStatus(cpu: Cpu, flags: number): void {
  cpu.state.rflags = (cpu.state.rflags & ~STATUS_FLAGS) | flags;
}

/** RDSSPD, RDSSPQ: a NOP where there is no shadow stack. */
export function executeRdssp(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  if (!shadowStackEnabled(state, state.cpl)) return;
  writeOperand(cpu, operandAt(instruction, 0), 8, state.cet.ssp);
}

/** INCSSPD, INCSSPQ: pops up to 255 values; the first and the last are read, so that a guard page is not passed over. */
export function executeIncssp(cpu: Cpu, instruction: Instruction): void {
  const stack = requireShadowStack(cpu);
  const size = instruction.operandSize === 8 ? 8 : 4;
  const count = Number(readOperand(cpu, operandAt(instruction, 0), size) & 0xffn);
  stack.peek(0, size);
  if (count > 1) stack.peek((count - 1) * size, size);
  const { state } = cpu;
  state.cet.ssp = BigInt.asUintN(state.mode64 ? 64 : 32, state.cet.ssp + BigInt(count * size));
}

/** RSTORSSP: changes to the shadow stack whose restore token the operand is, leaving a previous-SSP token there. */
export function executeRstorssp(cpu: Cpu, _instruction: Instruction): void {
  requireShadowStack(cpu);
  const { state } = cpu;
  const { mode64 } = state;
  const mode = mode64 ? TOKEN_MODE64 : 0n;
  const address = cpu.operandAddress;
  requireAligned(address, 8);
  const access = shadowAccess(state.cpl);
  requireWritable(cpu, address, 8, access);
  const token = readLinear(cpu, address, 8, access);
  const ssp = token & ~TOKEN_MODE64;
  const valid = (token & 3n) === mode && (mode64 || token >> 32n === 0n) && ((ssp - 8n) & ~7n) === address;
  if (!valid) controlProtection(ControlProtection.RSTORSSP);
  writeLinear(cpu, address, 8, state.cet.ssp | mode | TOKEN_PREVIOUS_SSP, access);
  state.cet.ssp = address;
  // CF tells of a hole of four bytes below the token.
  setStatus(cpu, token & 4n ? Flag.CF : 0);
}

/** SAVEPREVSSP: pops the previous-SSP token that RSTORSSP has left and pushes a restore token on that stack. */
export function executeSaveprevssp(cpu: Cpu, _instruction: Instruction): void {
  const stack = requireShadowStack(cpu);
  const { state } = cpu;
  const { mode64 } = state;
  requireAligned(stack.ssp, 8);
  const token = stack.pop(8);
  if (state.flag(Flag.CF) && (mode64 || stack.pop(4) !== 0n)) generalProtection();
  if (!(token & TOKEN_PREVIOUS_SSP) || (!mode64 && token >> 32n)) generalProtection();
  const old = token & ~3n;
  const previous = new ShadowStack(cpu, old, state.cpl, mode64);
  previous.align();
  previous.push(8, old | (mode64 ? TOKEN_MODE64 : 0n));
  previous.commit();
  state.cet.ssp = stack.ssp;
}

/** WRSSD, WRSSQ: writes to the shadow stack of the current privilege level, if that is allowed. */
export function executeWrss(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  if (!shadowStackWriteEnabled(state, state.cpl)) undefinedOpcode();
  writeShadow(cpu, instruction, state.cpl);
}

/** WRUSSD, WRUSSQ: the kernel writes to a user's shadow stack. */
export function executeWruss(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  if (!(state.cr4 & Cr4.CET) || state.paragraphSelectors) undefinedOpcode();
  if (state.cpl !== 0) generalProtection();
  writeShadow(cpu, instruction, 3);
}

function writeShadow(cpu: Cpu, instruction: Instruction, cpl: number): void {
  const size = instruction.operandSize === 8 ? 8 : 4;
  requireAligned(cpu.operandAddress, size);
  const value = readOperand(cpu, operandAt(instruction, 1), size);
  writeLinear(cpu, cpu.operandAddress, size, value, shadowAccess(cpl));
}

/** SETSSBSY: after SYSCALL and SYSENTER, takes the shadow stack of IA32_PL0_SSP into use. */
export function executeSetssbsy(cpu: Cpu, _instruction: Instruction): void {
  requireSupervisorTokens(cpu);
  const { cet } = cpu.state;
  const ssp = cet.privilegeSsp[0];
  requireAligned(ssp, 8);
  if (!acquireToken(cpu, ssp)) controlProtection(ControlProtection.SETSSBSY);
  cet.ssp = ssp;
}

/** CLRSSBSY: before SYSRET and SYSEXIT, gives the shadow stack back; CF if the token was not as expected. SSP becomes 0. */
export function executeClrssbsy(cpu: Cpu, _instruction: Instruction): void {
  requireSupervisorTokens(cpu);
  const address = cpu.operandAddress;
  requireAligned(address, 8);
  setStatus(cpu, releaseToken(cpu, address) ? 0 : Flag.CF);
  cpu.state.cet.ssp = 0n;
}
