/**
 * RDRAND and RDSEED (SDM vol. 1, section 7.3.17). Runs must repeat, so the numbers are a sequence that its seed fixes
 * (`MachineOptions.seed`): good enough to look random, worthless as a secret. One number is drawn for each instruction.
 */
import type { Instruction } from '../isa/instruction';
import type { Cpu } from './cpu';
import { operandAt, writeGpr } from './registers';
import { STATUS_FLAGS, Flag, type CpuState } from './state';

/** SplitMix64: the state advances by a constant, which a bijection then scatters. */
const INCREMENT = 0x9e3779b97f4a7c15n;

function next(state: CpuState): bigint {
  state.randomState = BigInt.asUintN(64, state.randomState + INCREMENT);
  let value = state.randomState;
  value = BigInt.asUintN(64, (value ^ (value >> 30n)) * 0xbf58476d1ce4e5b9n);
  value = BigInt.asUintN(64, (value ^ (value >> 27n)) * 0x94d049bb133111ebn);
  return value ^ (value >> 31n);
}

/** RDRAND and RDSEED to a register of 16, 32 or 64 bits: there always is a number, so CF is set. */
export function executeRandom(cpu: Cpu, instruction: Instruction): void {
  const { state } = cpu;
  const destination = operandAt(instruction, 0);
  if (destination.kind === 'register') writeGpr(state, destination, next(state));
  state.rflags = (state.rflags & ~STATUS_FLAGS) | Flag.CF;
}
