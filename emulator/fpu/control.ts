/** The instructions that control the unit: FNINIT, FLDCW, FNSTENV, FNSAVE and so on. */
import type { ArchitecturalRoutine, Cpu } from '../cpu/cpu';
import { GuestException, Vector } from '../cpu/exceptions';
import { operandAt, writeOperand } from '../cpu/registers';
import { Cr0 } from '../cpu/state';
import type { Instruction } from '../isa/instruction';
import {
  loadControl,
  loadEnvironment,
  loadRegisters,
  storeEnvironment,
  storeRegisters,
  type EnvironmentFormat,
} from './environment';
import { memorySize, readArea, readMemory, writeArea } from './memory';
import { controlling, requireNothingPending, type X87Body } from './routine';
import { stackIndex } from './transfer';
import { Status } from './unit';

const ALL_MASKS = 0x3f;

/** How the operand is laid out in the current mode; FNSAVE's ends with 80 bytes of registers. */
function formatOf(cpu: Cpu, instruction: Instruction): EnvironmentFormat {
  const size = memorySize(instruction);
  return { bytes: size === 28 || size === 108 ? 28 : 14, real: cpu.state.paragraphSelectors };
}

const storeEnvironmentBody: X87Body = (unit, cpu, instruction) => {
  const format = formatOf(cpu, instruction);
  const area = new Uint8Array(memorySize(instruction));
  storeEnvironment(new DataView(area.buffer), unit, format);
  writeArea(cpu, instruction, area);
  loadControl(unit.state, unit.state.control | ALL_MASKS);
};

const loadEnvironmentBody: X87Body = (unit, cpu, instruction) => {
  const format = formatOf(cpu, instruction);
  const area = readArea(cpu, instruction);
  loadEnvironment(new DataView(area.buffer), unit.state, format);
};

const save: X87Body = (unit, cpu, instruction) => {
  const format = formatOf(cpu, instruction);
  const area = new Uint8Array(memorySize(instruction));
  storeEnvironment(new DataView(area.buffer), unit, format);
  storeRegisters(area, unit.state, format);
  writeArea(cpu, instruction, area);
  unit.state.initializeX87();
};

const restore: X87Body = (unit, cpu, instruction) => {
  const format = formatOf(cpu, instruction);
  const area = readArea(cpu, instruction);
  loadEnvironment(new DataView(area.buffer), unit.state, format);
  loadRegisters(area, unit.state, format);
};

/** FWAIT: unlike the others, #NM only if CR0.MP is set as well as TS. */
function executeFwait(cpu: Cpu): void {
  if ((cpu.state.cr0 & (Cr0.MP | Cr0.TS)) === (Cr0.MP | Cr0.TS)) throw new GuestException(Vector.NM);
  requireNothingPending(cpu);
}

const nothing: X87Body = () => {};

export const controlRoutines: Readonly<Record<string, ArchitecturalRoutine>> = {
  FWAIT: executeFwait,
  FNINIT: controlling('not waiting', ({ state }) => state.initializeX87()),
  FNCLEX: controlling('not waiting', (unit) => {
    unit.setStatus(Status.EXCEPTIONS | Status.STACK_FAULT | Status.SUMMARY | Status.BUSY, 0);
  }),
  FNENI: controlling('not waiting', nothing),
  FNDISI: controlling('not waiting', nothing),
  FNSETPM: controlling('not waiting', nothing),
  FNSTCW: controlling('not waiting', ({ state }, cpu, instruction) => {
    writeOperand(cpu, operandAt(instruction, 0), 2, BigInt(state.control));
  }),
  FNSTSW: controlling('not waiting', ({ state }, cpu, instruction) => {
    writeOperand(cpu, operandAt(instruction, 0), 2, BigInt(state.status));
  }),
  FLDCW: controlling('waiting', ({ state }, cpu, instruction) => {
    loadControl(state, Number(readMemory(cpu, instruction)));
  }),
  FNSTENV: controlling('not waiting', storeEnvironmentBody),
  FLDENV: controlling('waiting', loadEnvironmentBody),
  FNSAVE: controlling('not waiting', save),
  FRSTOR: controlling('waiting', restore),
};

/** FFREE, and FFREEP, which pops as well. */
export function free(pops: boolean): X87Body {
  return (unit, _cpu, instruction) => {
    unit.free(stackIndex(instruction.operands[0]));
    unit.setStatus(Status.C1, 0);
    if (pops) unit.pop();
  };
}

/** FINCSTP and FDECSTP: TOP alone. */
export function turn(count: 1 | -1): X87Body {
  return (unit) => {
    unit.rotate(count);
    unit.setStatus(Status.C1, 0);
  };
}
