/** Where the branches of a case go. */
import { Gpr } from '../../emulator';
import { type Case, CODE, CODE_BYTES, WINDOW } from './case';
import { type Draft, setDistance } from './drafts';
import type { Random } from './random';

/** Longer than the code of most cases. */
const CASE_LENGTH = 32;

/** An address in the code, away from the case itself; at times one that cannot be executed. */
export function codeTarget(random: Random, codeOffset: number): bigint {
  if (random.chance(5)) return BigInt(WINDOW + random.below(0x1000));
  if (random.chance(5)) return random.operand();
  for (;;) {
    const offset = random.below(CODE_BYTES);
    if (offset < codeOffset - 2 || offset > codeOffset + CASE_LENGTH) return BigInt(CODE + offset);
  }
}

/** Points a branch to somewhere; false if it would come back to itself. `code` decides what becomes part of the code. */
export function aim(random: Random, code: Random, test: Case, draft: Draft): boolean {
  const { instruction } = draft;
  const operand = instruction.operands.at(0);
  if (operand?.kind === 'register' && operand.register !== Number(Gpr.RSP)) {
    test.gpr[operand.register] = codeTarget(random, test.codeOffset);
  }
  if (operand?.kind !== 'relative') return true;
  const next = CODE + test.codeOffset + instruction.length;
  if (draft.bytes.length - draft.displacementAt > 1 && code.chance(90)) {
    setDistance(draft, Number(codeTarget(code, test.codeOffset)) - next, test.compatibility);
  }
  const relative = draft.instruction.operands.at(0);
  const landing = relative?.kind === 'relative' ? instruction.length + relative.displacement : 0;
  return landing < -2 || landing >= instruction.length;
}
