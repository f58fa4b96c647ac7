/** Why a processor shut down: which exception could not be delivered, and why (SDM vol. 3, section 6.15, #DF). */
import { cpuException } from './cpu-exceptions';
import { hex } from './memory';
import { interruptGates } from './symbols/kernel-entries';
import { readWord } from './symbols/unwind';
import type { Target } from './target';

const DOUBLE_FAULT = 8;

/** The three exceptions of a triple fault; `vector` is the first. */
export function explainShutdown(target: Target, vector: number): string {
  const { rip, cpl } = target.state;
  const first = cpuException(vector);
  const symbol = target.symbolic(rip);
  const where = `${hex(rip)}${symbol ? ` <${symbol}>` : ''} in ring ${cpl}`;
  const third =
    vector === DOUBLE_FAULT
      ? []
      : [`2. Delivering it failed: ${undeliverable(target, vector)} That made it a double fault (#DF).`];
  return [
    `1. ${first.mnemonic} ${first.name} at ${where}: ${first.explanation}`,
    ...third,
    `${third.length + 2}. Delivering #DF failed too: ${undeliverable(target, DOUBLE_FAULT)}`,
    'Nothing is left for a processor to do then but shut down; a PC resets itself.',
  ].join('\n');
}

function undeliverable(target: Target, vector: number): string {
  const { state } = target;
  const name = cpuException(vector).mnemonic;
  const width = state.longMode ? 16 : 8;
  if ((vector + 1) * width - 1 > state.idtr.limit) {
    return `the IDT (limit 0x${state.idtr.limit.toString(16)}) ends before the gate for ${name}.`;
  }
  const entry = state.idtr.base + BigInt(vector * width);
  const descriptor = target.readLinear(entry, width);
  if (descriptor.length < width) return `the IDT entry for ${name} at ${hex(entry)} is not mapped.`;
  if (!(descriptor[5] & 0x80)) return `the gate for ${name} is not present.`;
  if (!state.longMode) return `its handler or stack could not be used.`;
  const gate = interruptGates(state, (va, length) => target.readLinear(va, length)).find(
    (each) => each.vector === vector,
  );
  if (!gate) return `the IDT entry for ${name} is no interrupt or trap gate.`;
  if (target.readLinear(gate.handler, 1).length === 0) return `its handler at ${hex(gate.handler)} is not mapped.`;
  const ist = descriptor[4] & 7;
  const slot = state.tr.base + BigInt(ist === 0 ? 4 : 28 + 8 * ist);
  const stack = ist === 0 && state.cpl === 0 ? state.gpr[4] : readWord(target, slot);
  const stackName = ist === 0 ? (state.cpl === 0 ? 'RSP' : 'RSP0 of the TSS') : `IST${ist} of the TSS`;
  if (stack === undefined)
    return `the TSS at ${hex(state.tr.base)} is not mapped, so there is no stack for the handler.`;
  if (target.readLinear(stack - 40n, 40).length < 40)
    return `the stack for its handler, ${stackName} = ${hex(stack)}, is not mapped.`;
  return `its gate (handler ${hex(gate.handler)}, selector 0x${(descriptor[2] | (descriptor[3] << 8)).toString(16)}) could not be used.`;
}
