/** What comes before and after an x87 instruction: #NM, pending exceptions, the pointers to the last one. */
import type { ArchitecturalRoutine, Cpu } from '../cpu/cpu';
import { GuestException, Vector } from '../cpu/exceptions';
import { readBlock } from '../cpu/linear-memory';
import { PageAccess } from '../cpu/paging';
import { Cr0 } from '../cpu/state';
import { Seg, type Instruction, type MemoryOperand } from '../isa/instruction';
import { unitOf, type X87Unit } from './unit';

export type X87Body = (unit: X87Unit, cpu: Cpu, instruction: Instruction) => void;

/** #NM while the unit is emulated or belongs to another task. */
function requireAvailable(cpu: Cpu): void {
  if (cpu.state.cr0 & (Cr0.EM | Cr0.TS)) throw new GuestException(Vector.NM);
}

/** #MF if an exception is pending. With CR0.NE clear it would be an interrupt of the PC's own making; it is not delivered. */
export function requireNothingPending(cpu: Cpu): void {
  if (cpu.state.extended.exceptionPending && cpu.state.cr0 & Cr0.NE) throw new GuestException(Vector.MF);
}

/** An instruction that computes or moves data: waits, and is remembered as the last one. */
export function computing(body: X87Body): ArchitecturalRoutine {
  return (cpu, instruction) => {
    requireAvailable(cpu);
    requireNothingPending(cpu);
    const unit = unitOf(cpu.state.extended);
    unit.begin();
    body(unit, cpu, instruction);
    notePointers(cpu, instruction);
  };
}

/** A control instruction: leaves the pointers alone. `waiting` ones (FLDCW) take a pending exception first. */
export function controlling(waiting: 'waiting' | 'not waiting', body: X87Body): ArchitecturalRoutine {
  return (cpu, instruction) => {
    requireAvailable(cpu);
    if (waiting === 'waiting') requireNothingPending(cpu);
    const unit = unitOf(cpu.state.extended);
    unit.begin();
    body(unit, cpu, instruction);
  };
}

/** FIP, FCS, FOP and, of an instruction with an operand in memory, FDP and FDS (SDM vol. 1, sections 8.1.8 and 8.1.9). */
function notePointers(cpu: Cpu, instruction: Instruction): void {
  const { extended, segments, mode64 } = cpu.state;
  extended.instructionPointer = cpu.instructionAddress;
  extended.instructionSelector = segments[Seg.CS].selector;
  extended.opcode = opcodeOf(cpu, instruction);
  const memory = instruction.operands.find((operand): operand is MemoryOperand => operand.kind === 'memory');
  if (!memory) return;
  const { base, selector } = segments[memory.segment];
  const based = !mode64 || memory.segment >= Seg.FS;
  extended.dataPointer = BigInt.asUintN(mode64 ? 64 : 32, cpu.operandAddress - (based ? base : 0n));
  extended.dataSelector = selector;
}

const opcodes = new WeakMap<Instruction, number>();

/** FOP: the low three bits of the escape opcode and the ModRM byte, read from the code when it is first executed. */
function opcodeOf(cpu: Cpu, instruction: Instruction): number {
  let opcode = opcodes.get(instruction);
  if (opcode === undefined) opcodes.set(instruction, (opcode = fetchOpcode(cpu, instruction)));
  return opcode;
}

function fetchOpcode(cpu: Cpu, instruction: Instruction): number {
  const { mode64, cpl, segments } = cpu.state;
  const at = cpu.instructionAddress + (mode64 ? 0n : segments[Seg.CS].base);
  const access = PageAccess.FETCH | PageAccess.IMPLICIT | (cpl === 3 ? PageAccess.USER : 0);
  try {
    const bytes = readBlock(cpu, at, instruction.length, access);
    // No prefix looks like an escape opcode.
    const escape = bytes.findIndex((byte) => byte >> 3 === 0x1b);
    return ((bytes[escape] & 7) << 8) | bytes[escape + 1];
  } catch (error) {
    // The code has been unmapped since it was fetched.
    if (error instanceof GuestException) return 0;
    throw error;
  }
}
