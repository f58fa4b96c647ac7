/** How control-flow enforcement (cpu/cet.ts) decides what carries an instruction out. */
import { nearBranchesChecked, waitsForEndbranch } from '../cpu/cet';
import type { CpuState } from '../cpu/state';
import type { Instruction } from '../isa/instruction';

export const enum ControlFlow {
  /** Nothing is enforced: generated code branches by itself. */
  FREE,
  /** Near CALL, RET, indirect JMP and ENDBRANCH are architectural routines. */
  CHECKED,
  /** So they are, and the next instruction must be ENDBRANCH. */
  WAITING,
  COUNT,
}

export function controlFlowOf(state: CpuState): ControlFlow {
  if (!nearBranchesChecked(state)) return ControlFlow.FREE;
  return waitsForEndbranch(state) ? ControlFlow.WAITING : ControlFlow.CHECKED;
}

const CHECKED = new Set(['CALL', 'RET', 'ENDBR64', 'ENDBR32']);

/** Whether generated code leaves the instruction to its routine. */
export function isChecked(controlFlow: ControlFlow, { mnemonic, operands }: Instruction): boolean {
  if (controlFlow === ControlFlow.FREE) return false;
  if (controlFlow === ControlFlow.WAITING || CHECKED.has(mnemonic)) return true;
  return mnemonic === 'JMP' && operands[0].kind !== 'relative';
}

/** Whether an indirect branch may go to the instruction. A debugger's INT3 may stand in the place of ENDBRANCH. */
export function endsIndirectBranch({ mnemonic }: Instruction, mode64: boolean): boolean {
  return mnemonic === (mode64 ? 'ENDBR64' : 'ENDBR32') || mnemonic === 'INT3';
}
