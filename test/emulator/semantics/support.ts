/** Machines whose data pages can be taken away, and what is left when an instruction faults. */
import assert from 'node:assert/strict';
import { Seg, STATUS_FLAGS, Vector } from '../../../emulator';
import type { Pc } from '../../../emulator/pc';
import { CODE, gnuAssemble, machineWith } from '../engine/support';

export { CODE, haveGnuAs } from '../engine/support';

/** 2 MiB of pages of 4 KiB, mapped to themselves. */
export const DATA = 0x200000;
export const PAGE = 0x1000;
const DIRECTORY = 0x3000;
const TABLE = 0x6000;
/** Access rights of a 32-bit code segment. */
const CODE_32 = 0xc09b;
const [PRESENT, WRITABLE, USER] = [1n, 2n, 4n];

export type Rights = 'absent' | 'read-only' | 'writable';

const assembled = new Map<string, Uint8Array>();

/** A machine about to execute the AT&T source, in 64-bit or compatibility mode, which stops at every exception. */
export function machineFor(source: string, bits: 32 | 64 = 64): Pc {
  const key = `${bits} ${source}`;
  const code = assembled.get(key) ?? gnuAssemble(source, bits);
  assembled.set(key, code);
  const machine = machineWith(code);
  if (bits === 32) machine.state.segments[Seg.CS].rights = CODE_32;
  pageTable(machine);
  for (let vector = 0; vector < 32; vector++) machine.stopOn.exceptions.add(vector);
  return machine;
}

/** Gives the 2 MiB from `DATA` on pages of 4 KiB, for `map`. */
export function pageTable(machine: Pc): void {
  machine.memory.writeU64(DIRECTORY + 8, BigInt(TABLE) | PRESENT | WRITABLE | USER);
  for (let page = 0; page < 512; page++) map(machine, DATA + page * PAGE, 'writable');
}

/** Maps the page at `va`, in the 2 MiB from `DATA` on, with other rights. */
export function map(machine: Pc, va: number, rights: Rights): void {
  const access = rights === 'absent' ? 0n : rights === 'read-only' ? PRESENT : PRESENT | WRITABLE;
  machine.memory.writeU64(TABLE + 8 * ((va - DATA) / PAGE), BigInt(va) | access | USER);
}

/** Both ways to execute: instruction by instruction, and in blocks. */
export const WAYS = {
  'in single steps': (machine: Pc) => {
    for (let i = 0; i < 1000; i++) {
      const { stop } = machine.step();
      if (stop.reason !== 'limit') return stop;
    }
    return { reason: 'limit' } as const;
  },
  'in blocks': (machine: Pc) => machine.run(1000),
};

/** General registers and status flags, to be compared before and after. */
function visible({ state }: Pc): string {
  return [...state.gpr, state.rflags & STATUS_FLAGS].map((value) => value.toString(16)).join(' ');
}

export interface Fault {
  /** One instruction. */
  readonly instruction: string;
  readonly vector: Vector;
  readonly errorCode?: number;
  readonly faultAddress?: number;
}

/**
 * Executes a NOP and `instruction` on a machine that `prepare` has set up, both ways, and requires that it faults as
 * told and that no register, flag or byte of data has changed.
 */
export function assertFaultLeavesNoTrace(fault: Fault, prepare: (machine: Pc) => void): void {
  for (const [way, go] of Object.entries(WAYS)) {
    const machine = machineFor(`nop\n${fault.instruction}\nhlt`);
    prepare(machine);
    const { bytes } = machine.memory;
    const data = bytes.slice(DATA, DATA + 4 * PAGE);
    const before = visible(machine);
    const stop = go(machine);
    const message = `${fault.instruction}, ${way}`;
    assert.equal(stop.reason, 'exception', message);
    assert.equal(stop.vector, fault.vector, message);
    assert.equal(stop.errorCode, fault.errorCode, message);
    const { faultAddress } = fault;
    assert.equal(stop.faultAddress, faultAddress === undefined ? undefined : BigInt(faultAddress), message);
    assert.equal(machine.state.rip, BigInt(CODE + 1), message);
    assert.equal(visible(machine), before, message);
    assert.deepEqual(bytes.slice(DATA, DATA + 4 * PAGE), data, message);
  }
}
