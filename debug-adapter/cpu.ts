/** `ringside/cpu`: ring, mode, address space and what the last instruction did. */
import type { CpuResponse } from './protocol';
import { hex } from './memory';
import type { InstructionRecord } from './effects';
import type { Target } from './target';

export function cpuResponse(target: Target, last: InstructionRecord | undefined): CpuResponse {
  const { state, machine } = target;
  return {
    ring: ring(state.cpl),
    mode: state.mode64 ? '64-bit' : state.longMode ? 'compatibility' : state.protectedMode ? 'protected' : 'real',
    addressSpace: addressSpace(target),
    cr3: hex(state.cr3),
    instructionPointer: hex(state.rip),
    instructionCount: machine.instructionCount,
    model: machine.cpu.model.name,
    ...(last ? { last: { address: hex(last.va), text: last.text, effects: last.effects } } : {}),
  };
}

function ring(cpl: number): 0 | 1 | 2 | 3 {
  return cpl === 0 ? 0 : cpl === 1 ? 1 : cpl === 2 ? 2 : 3;
}

/** Bit 12 of CR3 chooses the user half of a pair of page directories (Linux, arch/x86/entry/calling.h). */
const PTI_USER_PGTABLE = 1n << 12n;

/**
 * With page-table isolation the kernel's and the user's top-level tables are a pair of pages, told apart by CR3 bit 12.
 * Isolation is taken to be in force if the other page of the pair shares the user half of the address space: its first
 * entry in use points to the same table.
 */
function addressSpace({ state, machine }: Target): CpuResponse['addressSpace'] {
  if (!state.paging) return 'none';
  if (!state.longMode) return 'shared';
  const root = Number(state.cr3 & 0xffffffffff000n);
  const other = Number(BigInt(root) ^ PTI_USER_PGTABLE);
  const { memory } = machine;
  if (!memory.contains(root, 4096) || !memory.contains(other, 4096)) return 'shared';
  const FRAME = 0xffffffffff000n;
  for (let at = 0; at < 2048; at += 8) {
    const here = memory.readU64(root + at);
    const there = memory.readU64(other + at);
    if (!(here & 1n) && !(there & 1n)) continue;
    const paired = (here & 1n) !== 0n && (there & 1n) !== 0n && (here & FRAME) === (there & FRAME);
    if (!paired) return 'shared';
    return state.cr3 & PTI_USER_PGTABLE ? 'user' : 'kernel';
  }
  return 'shared';
}
