/** What is executed on both sides, and what came of it. */
import type { Instruction } from '../../emulator';
import type { ExtendedState, StoredState } from './extended-state';
import type { Group } from './groups';

/** Where things are (no round numbers, which random operands might hit), on silicon (cpu-harness.c) and in the emulator alike. */
export const CODE = 0x13570000;
export const CODE_BYTES = 0x2000;
/** Data the cases work on; the page from `READ_ONLY_FROM` on is read-only, nothing is mapped around the window. */
export const WINDOW = 0x24680000;
export const WINDOW_BYTES = 0x3000;
export const READ_ONLY_FROM = 0x2000;
/** The window again, for 16-bit addresses. */
export const LOW_WINDOW = 0x8000;
/** HLT surrounds the code of a case: at CPL 3 it raises #GP(0), which ends the case. */
export const FILLER = 0xf4;
/** NOP, which lies in front of the code: the emulator begins a run of blocks with a single step. */
export const LEAD_IN = 0x90;

/** Bytes of a patch of the window, but for areas that instructions such as XRSTOR read. */
export const PATCH_BYTES = 32;
/** Bytes of code of a case at most. */
export const MOST_CODE = 32;

export interface Patch {
  /** In the window; a patch that reaches beyond the writable part is left out, see `fits`. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface Case {
  /** Of its first instruction. */
  readonly group: Group;
  /** What it executes, for the table of undefined flags; empty if the bytes are undefined. */
  instructions: Instruction[];
  readonly gpr: BigUint64Array;
  fsBase: bigint;
  gsBase: bigint;
  rflags: number;
  /** From `CODE`. */
  codeOffset: number;
  code: Uint8Array;
  /** Compatibility mode (32-bit code) instead of 64-bit mode. */
  readonly compatibility: boolean;
  /** At most two. */
  readonly patches: Patch[];
  /** Where in the window the memory operand of the first instruction is meant to be. */
  operandOffset?: number;
  /** x87, SSE and AVX state, if the instructions have to do with it. */
  extended?: ExtendedState;
}

/** Whether a patch lies in the part of the window that can be written. */
export function fits({ offset, bytes }: Patch): boolean {
  return offset >= 0 && offset + bytes.length <= READ_ONLY_FROM;
}

export interface Outcome {
  readonly gpr: BigUint64Array;
  readonly rip: bigint;
  readonly fsBase: bigint;
  readonly gsBase: bigint;
  readonly rflags: number;
  /** The exception it ended with; that of the HLT it arrived at, if it completed. */
  readonly vector: number;
  readonly errorCode: number;
  /** CR2, for page faults. */
  readonly cr2: bigint;
  /** What it wrote: the part of the window that differs from the pattern, in whole quadwords. */
  readonly changedAt: number;
  readonly changed: Uint8Array;
  /** If the case has it. */
  readonly extended?: StoredState;
}

/** What the window holds before each case. */
export const PATTERN = Uint8Array.from({ length: WINDOW_BYTES }, (_, i) => Math.imul(i, 2654435761) >>> 13);
