/**
 * The face of the emulator: one x86-64 PC as a value. Everything a debugger or a command line does with it goes through
 * this interface; `createMachine` (engine/…) makes one.
 */
import type { Cpu } from './cpu/cpu';
import type { PhysicalMemory } from './memory';
import type { Bus } from './devices/bus';
import type { CpuState } from './cpu/state';
import type { Snapshot } from './snapshot/snapshot';

/** Why `run` or `step` returned. */
export type Stop =
  /** The number of instructions asked for was executed. */
  | { readonly reason: 'limit' }
  /** RIP is at an instruction breakpoint; that instruction has not run. */
  | { readonly reason: 'breakpoint'; readonly address: bigint }
  /** The instruction at `instruction` completed and touched a data breakpoint. */
  | {
      readonly reason: 'data-breakpoint';
      readonly breakpoint: DataBreakpoint;
      readonly access: 'read' | 'write';
      readonly instruction: bigint;
    }
  /** An exception chosen by `stopOn.exceptions` is about to be delivered; RIP is at the instruction that caused it. */
  | {
      readonly reason: 'exception';
      readonly vector: number;
      /** A trap, as that of RFLAGS.TF, comes after an instruction: it is delivered, RIP is at its handler. */
      readonly delivered?: boolean;
      readonly errorCode?: number;
      readonly faultAddress?: bigint;
    }
  /** The first kernel instruction of a system call is next, or the first user instruction after one. */
  | { readonly reason: 'system-call'; readonly phase: 'entry' | 'exit'; readonly gate: SystemCallGate }
  /** `stopOn.idle`: HLT until something happens; the clock's next event is `duration` (virtual nanoseconds) away. */
  | { readonly reason: 'idle'; readonly duration: number }
  /** HLT, and nothing is left that could wake the processor. */
  | { readonly reason: 'halt' }
  /** Triple fault: the processor shut down. `vector` is the first of the three exceptions. */
  | { readonly reason: 'shutdown'; readonly vector: number }
  /** The guest wrote to the debug-exit port; `code` is the process exit code it stands for, (value << 1) | 1. */
  | { readonly reason: 'exit'; readonly code: number }
  /** The guest reset the machine, as `reboot` does; nothing runs any more. */
  | { readonly reason: 'reset' }
  /** The guest switched the machine off; nothing runs any more. */
  | { readonly reason: 'power-off' };

/** A stop that the guest asked of a device. */
export type RequestedEnd = Extract<Stop, { reason: 'exit' | 'reset' | 'power-off' }>;

/** The instruction by which ring 3 entered, or ring 0 left. */
export type SystemCallGate = 'syscall' | 'sysret' | 'sysenter' | 'sysexit' | 'int' | 'iret' | 'eretu';

export interface DataBreakpoint {
  /** Linear address of the first byte. */
  readonly va: bigint;
  /** Bytes, at least 1. */
  readonly length: number;
  readonly access: 'read' | 'write' | 'readWrite';
}

/** What ends a `run` besides breakpoints. */
export interface StopConditions {
  /** Exception vectors (0..31) at which to stop before delivery. */
  exceptions: Set<number>;
  systemCallEntry: boolean;
  systemCallExit: boolean;
  /** An idle processor waits for `Machine.passTime` instead of skipping to the next event. */
  idle: boolean;
}

export interface StepResult {
  readonly stop: Stop;
  /** Vector of an interrupt or exception that was delivered during this step; RIP is then at its handler. */
  readonly delivered: number | undefined;
}

export interface Machine {
  readonly cpu: Cpu;
  readonly state: CpuState;
  readonly memory: PhysicalMemory;
  readonly bus: Bus;
  /** Instructions retired since reset. */
  readonly instructionCount: number;
  readonly stopOn: StopConditions;

  /**
   * Runs at most `maxInstructions` and returns. A breakpoint on the very first instruction does not stop it, so
   * that continuing from a breakpoint works. Long runs are the caller's to slice (a slice of a few million instructions
   * takes some ten milliseconds).
   */
  run(maxInstructions: number): Stop;

  /**
   * Executes one instruction, breakpoints disregarded. A pending interrupt is delivered instead, and reported, unless
   * `holdInterrupts`. One iteration of a repeated string instruction counts as one instruction.
   */
  step(options?: { readonly holdInterrupts?: boolean }): StepResult;

  /** Instruction breakpoints, by linear address; in force in every address space. */
  addBreakpoint(va: bigint): void;
  removeBreakpoint(va: bigint): void;
  addDataBreakpoint(breakpoint: DataBreakpoint): void;
  removeDataBreakpoint(breakpoint: DataBreakpoint): void;

  /**
   * Reads guest memory as a debugger: privilege, A/D bits and devices untouched. Returns fewer bytes than asked when a
   * page is not mapped. `cr3` chooses another address space than the current one.
   */
  readLinear(va: bigint, length: number, cr3?: bigint): Uint8Array;
  /** Writes guest memory as a debugger; returns how many bytes were written before an unmapped page. */
  writeLinear(va: bigint, data: Uint8Array, cr3?: bigint): number;
  /** Physical address of `va`, or undefined if it is not mapped. */
  physicalAddress(va: bigint, cr3?: bigint): number | undefined;

  /** Lets virtual time pass for an idle processor, in nanoseconds, up to the clock's next event. */
  passTime(duration: number): void;

  /** Bytes typed at the serial console. */
  sendSerial(data: Uint8Array): void;

  /**
   * A copy of the whole machine, from which `restore` and `resumeMachine` (snapshot/resume.ts) go on exactly as this one
   * does. To be called while it does not run. Breakpoints and stop conditions are the debugger's, not the machine's.
   */
  save(): Snapshot;
  /**
   * Makes this machine what the saved one was; it must have the same memory size, CPU model and platform. Throws
   * SnapshotError, and nothing has changed then.
   */
  restore(snapshot: Snapshot): void;
}
