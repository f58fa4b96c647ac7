/**
 * What the architectural routines in this folder see of the machine around them. The engine implements it; tests may
 * build one without an engine.
 */
import type { Instruction } from '../isa/instruction';
import type { PhysicalMemory } from '../memory';
import type { Bus } from '../devices/bus';
import type { CpuModel } from './cpuid';
import type { ProcessorApic } from './local-apic';
import type { Paging } from './paging';
import type { CpuState } from './state';

/** The cached translations of the engine; architectural routines tell it what became stale (SDM vol. 3, 4.10.4). */
export interface TranslationCache {
  /**
   * Physical page of a linear address (as halves, int32 or uint32) for an access of `PageAccess` bits, or -1 if that has to be
   * found out by a walk.
   */
  find(vaHigh: number, vaLow: number, access: number): number;
  /** Keeps what the last walk, for these arguments, has found. */
  enter(vaHigh: number, vaLow: number, access: number): void;
  /** Forget all translations; with `keepGlobal` those of global pages may stay. */
  flush(keepGlobal: boolean): void;
  /** INVLPG: forget the translations of the page that holds `va`, global ones too. */
  flushPage(va: bigint): void;
  /** Forget the translations of one PCID (INVPCID type 1, MOV CR3 with bit 63 clear), not the global ones. */
  flushPcid(pcid: number): void;
}

export interface Cpu {
  readonly state: CpuState;
  readonly model: CpuModel;
  readonly memory: PhysicalMemory;
  readonly bus: Bus;
  readonly translations: TranslationCache;
  /** Undefined if the machine has none, whatever the model claims. */
  readonly localApic?: ProcessorApic;
  /** The page-table walker over `state`, `memory` and `bus`. */
  readonly paging: Paging;

  /** Address of the instruction being executed (equals `state.rip` until it completes). */
  instructionAddress: bigint;
  /** Where execution goes on: preset to the following instruction; transfers overwrite it. */
  nextAddress: bigint;
  /**
   * Linear address of the memory operand of the instruction being executed, segment checks for it done: throws what they
   * raise, so what else the instruction may raise before that must come before.
   */
  operandAddress: bigint;

  /** Retired instructions since reset: the virtual time everything derives from. */
  readonly instructionCount: number;
  /** Time-stamp counter: derives from the instruction count. */
  readonly timestamp: bigint;

  /**
   * Something that decides how code is decoded, translated or interrupted changed (CR0, CR4, EFER, CS, CPL, a segment
   * base or limit, IF, TF, DR7): the engine looks at the state anew before the next instruction.
   */
  modeChanged(): void;

  /** Told of each data access of `size` bytes at `va` that an architectural routine makes, for data breakpoints. */
  accessed?(va: bigint, size: number, access: 'read' | 'write'): void;
}

/**
 * One architectural instruction in plain TypeScript: throws `GuestException` (state untouched) or completes, leaving
 * `cpu.nextAddress` as the address to go on at.
 */
export type ArchitecturalRoutine = (cpu: Cpu, instruction: Instruction) => void;
