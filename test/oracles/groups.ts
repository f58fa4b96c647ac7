/** The parts of the instruction set that `--group` chooses from. */
import type { Instruction } from '../../emulator';

/** `state` is FXSAVE, XSAVE and their like. */
export const GROUPS = ['integer', 'x87', 'mmx', 'sse', 'avx', 'state'] as const;
export type Group = (typeof GROUPS)[number];

const STATE = new Set(['FXSAVE', 'FXRSTOR', 'XSAVE', 'XSAVEC', 'XSAVEOPT', 'XRSTOR']);
/** SSE instructions without vector registers among their operands; of the conversions, those from memory. */
const SSE_ALONE = /^(LDMXCSR|STMXCSR|CVTT?S[SD]2SI)$/;

/** What a processor must have, by the names in /proc/cpuinfo, for the group to be compared. */
export const GROUP_FEATURES: Readonly<Record<Group, readonly string[]>> = {
  integer: [],
  x87: ['fpu'],
  mmx: ['mmx', 'ssse3'],
  sse: ['sse4_2'],
  avx: ['avx2', 'fma', 'f16c'],
  state: ['fxsr', 'xsave', 'avx'],
};

/** The group of an instruction; `vex` tells that it is encoded with VEX. */
export function groupOf({ mnemonic, operands }: Instruction, vex: boolean): Group {
  if (STATE.has(mnemonic)) return 'state';
  if (mnemonic.startsWith('F')) return 'x87';
  if (mnemonic === 'EMMS' || operands.some(({ kind }) => kind === 'mmx')) return 'mmx';
  if (vex && mnemonic.startsWith('V')) return 'avx';
  if (SSE_ALONE.test(mnemonic) || operands.some(({ kind }) => kind === 'xmm')) return 'sse';
  return 'integer';
}
