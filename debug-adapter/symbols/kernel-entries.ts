/** Where ring 0 can be entered, read from the processor: the MSRs of the fast calls and the gates of the IDT. */
import type { CpuState } from '../../emulator';
import type { EntryPoint } from './stack-analysis';

/** Gate types of a long-mode IDT (SDM vol. 3, table 3-2): 64-bit interrupt gate and trap gate. */
const INTERRUPT_GATE = 14;
const TRAP_GATE = 15;
const GATE_BYTES = 16;

/** Exceptions that push an error code (SDM vol. 3, table 6-1): DF TS NP SS GP PF AC CP. */
const PUSHES_ERROR_CODE = new Set([8, 10, 11, 12, 13, 14, 17, 21]);

/** A gate of the IDT. */
export interface Gate {
  readonly vector: number;
  readonly handler: bigint;
  /** Privilege from which INT n may use it. */
  readonly dpl: number;
}

type Read = (va: bigint, length: number) => Uint8Array;

/** The present 64-bit gates of the IDT, as far as it is mapped. */
export function interruptGates(state: CpuState, read: Read): Gate[] {
  const bytes = read(state.idtr.base, Math.min(state.idtr.limit + 1, 256 * GATE_BYTES));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const gates: Gate[] = [];
  for (let at = 0; at + GATE_BYTES <= bytes.length; at += GATE_BYTES) {
    const rights = bytes[at + 5];
    const type = rights & 15;
    if (!(rights & 0x80) || (type !== INTERRUPT_GATE && type !== TRAP_GATE)) continue;
    const handler =
      BigInt(view.getUint16(at, true)) |
      (BigInt(view.getUint16(at + 6, true)) << 16n) |
      (BigInt(view.getUint32(at + 8, true)) << 32n);
    gates.push({ vector: at / GATE_BYTES, handler, dpl: (rights >> 5) & 3 });
  }
  return gates;
}

/** All entry points in force, in groups whose code may be analysed together. Only long mode has any here. */
export function kernelEntryGroups(state: CpuState, read: Read): EntryPoint[][] {
  if (!state.longMode) return [];
  const fast: EntryPoint[] = [
    { va: state.lstar, kind: 'syscall' },
    { va: state.cstar, kind: 'syscall' },
    { va: state.sysenterEip, kind: 'sysenter' },
  ];
  const gates = interruptGates(state, read).map(({ vector, handler }): EntryPoint => ({
    va: handler,
    kind: PUSHES_ERROR_CODE.has(vector) ? 'interrupt-with-error-code' : 'interrupt',
  }));
  return [...fast.filter(({ va }) => va !== 0n).map((entry) => [entry]), gates].filter((group) => group.length > 0);
}
