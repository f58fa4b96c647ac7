/**
 * What Ringside adds to the Debug Adapter Protocol: the attributes of a launch, custom requests and custom events. The
 * adapter implements them, views and tests of any client call them; nothing here runs.
 *
 * 64-bit values travel as lower-case hex strings with 0x and without leading zeros (`Hex`); JSON numbers cannot hold them.
 * All requests concern the state at the current stop. While the guest runs they fail with "notStopped", as DAP defines.
 */

import type { EngineStages, Platform } from '../emulator';
import type { LinuxEntry } from './boot-linux';

/** A value of up to 64 bits, such as "0xffffffff81000000". */
export type Hex = `0x${string}`;

/** The attributes of a launch configuration of type `ringside` (documented for the user in package.json). */
export interface LaunchAttributes {
  /**
   * Guest program: an assembly source (.S, .s, .asm), an ELF executable or a flat image; an absolute path. On a Linux
   * kernel it is the first process, and may be left out.
   */
  program?: string;
  /**
   * Kernel the program runs on: an assembly source, or a folder that holds one `kernel.S`, or an ELF image, or a Linux
   * kernel (bzImage or vmlinux). An empty string: no kernel, the program itself is the image. Default: the folder
   * `kernel` beside or above the program, else the sample kernel that ships with Ringside; a flat image runs without one.
   */
  kernel?: string;
  /** Linux: initial RAM disk, a file or a folder that becomes one. */
  initrd?: string;
  /** Linux: a static busybox for the initial RAM disk, with its commands and a shell. */
  busybox?: string;
  /** Linux: the kernel command line; `console=ttyS0` comes before it unless it names a console. */
  append?: string;
  /** Linux: the devices of the machine; default `legacy`. */
  platform?: Platform;
  /** Linux: how a bzImage is entered; default `direct`. */
  entry?: LinuxEntry;
  /** Linux: skip the time in which the guest idles; default false, the guest keeps step with real time. */
  fastTime?: boolean;
  /**
   * Linux: what the next start with the same inputs goes on from, once the guest has booted. `auto` (default): a file in
   * the folder that the environment variable RINGSIDE_SNAPSHOTS names, none without one; `off`: none; or a file.
   */
  snapshot?: string;
  /**
   * Stop at the program's first instruction in ring 3, which is the default; without a program at the kernel's first
   * instruction, which is not.
   */
  stopOnEntry?: boolean;
  /** Name of a CPUID model. */
  cpu?: string;
  /** What carries the guest out; default `tiered`. The guest sees no difference. */
  engine?: EngineStages;
  /** Guest RAM, such as "64M". */
  memory?: string;
  /** argv[1] and following of the guest program. */
  args?: string[];
  /** Environment of the guest program. */
  env?: Record<string, string>;
  /** Let steps stop in interrupt handlers that interrupt the step; default false. */
  stepIntoInterrupts?: boolean;
  /**
   * Where the guest's serial port goes. `console` (default): `output` events of category `stdout`, for any client.
   * `terminal`: `ringside/serialOutput` events alone, for a client that shows a terminal.
   */
  serial?: 'console' | 'terminal';
}

/** Custom requests: name, `arguments` and the response's `body`. */
export interface CustomRequests {
  'ringside/msrs': { arguments: undefined; response: MsrsResponse };
  'ringside/writeMsr': { arguments: WriteMsrArguments; response: MsrRow };
  'ringside/ptRegs': { arguments: undefined; response: PtRegsResponse };
  'ringside/syscallTable': { arguments: undefined; response: SyscallTableResponse };
  'ringside/cpu': { arguments: undefined; response: CpuResponse };
  'ringside/listing': { arguments: ListingArguments; response: ListingResponse };
  'ringside/serialInput': { arguments: SerialData; response: undefined };
}

/** Custom events: name and `body`. */
export interface CustomEvents {
  'ringside/serialOutput': SerialData;
  /** The guest has rewritten code that a listing shows. */
  'ringside/listingChanged': ListingChanged;
}

/** A symbol an address resolves to. */
export interface SymbolReference {
  readonly name: string;
  /** Distance of the address from the symbol's start, in bytes. */
  readonly offset: number;
  /** Where the address comes from in the source, if line information says so. */
  readonly location?: Location;
}

/** A place in a file or listing; line counts from 1. `path` is what a DAP `Source.path` would be. */
export interface Location {
  readonly path: string;
  readonly line: number;
}

// --- ringside/msrs, ringside/writeMsr -------------------------------------------------------------------------------

export interface MsrsResponse {
  readonly msrs: readonly MsrRow[];
}

export interface MsrRow {
  /** As given to RDMSR in ECX. */
  readonly number: number;
  /** SDM name, such as IA32_LSTAR. */
  readonly name: string;
  /** Name in Linux's msr-index.h, such as MSR_LSTAR. */
  readonly linuxName: string;
  /** Heading under which a view shows it, such as "System call (SYSCALL, SYSRET)". Rows of one group are adjacent. */
  readonly group: string;
  readonly value: Hex;
  /** Named parts of the value, from the highest bit down; empty if the value is one number or address. */
  readonly fields: readonly MsrField[];
  /** For an MSR that holds an address: the symbol it resolves to. */
  readonly symbol?: SymbolReference;
  /** The value differs from the one at the stop before. */
  readonly changed: boolean;
  /** False for those that cannot be set from outside. */
  readonly writable: boolean;
}

export interface MsrField {
  readonly name: string;
  /** Highest and lowest bit; equal for a one-bit field. */
  readonly bits: readonly [high: number, low: number];
  readonly value: Hex;
  /** What this value means here, such as "64-bit user CS will be 0x33"; empty if it speaks for itself. */
  readonly meaning: string;
}

/** Sets an MSR as the debugger; a value WRMSR would refuse fails with a message that names the reserved bits. */
export interface WriteMsrArguments {
  number: number;
  value: Hex;
}

// --- ringside/ptRegs ------------------------------------------------------------------------------------------------

/** The saved user registers of the system call (or exception) in progress: struct pt_regs, 21 slots of 8 bytes. */
export type PtRegsResponse = PtRegs | PtRegsUnavailable;

export interface PtRegsUnavailable {
  readonly available: false;
  /** Why there are none and what to do to see them, for the user to read. */
  readonly reason: string;
}

export interface PtRegs {
  readonly available: true;
  /** Address of the lowest slot (r15). */
  readonly address: Hex;
  /** From the lowest address (r15, offset 0) to the highest (ss, offset 0xa0); always 21. */
  readonly slots: readonly PtRegsSlot[];
  /** Every slot has been filled. */
  readonly complete: boolean;
  /** RSP now; it lies within the slots while they are being pushed. */
  readonly stackPointer: Hex;
  /** Which event the frame belongs to, such as "syscall 1 (write)" or "#PF". */
  readonly event: string;
}

export interface PtRegsSlot {
  /** Bytes from the start of pt_regs. */
  readonly offset: number;
  /** Field name in struct pt_regs: r15 … orig_ax, ip, cs, flags, sp, ss. */
  readonly name: string;
  readonly address: Hex;
  /** What memory holds there; stale until `filled`. */
  readonly value: Hex;
  /** The entry code has written it. */
  readonly filled: boolean;
  /** The value differs from the one at the stop before, or was filled since. */
  readonly changed: boolean;
  readonly symbol?: SymbolReference;
  /** In words, such as "-ENOSYS", "return address in user code" or "IF ZF PF". */
  readonly note?: string;
}

// --- ringside/syscallTable ------------------------------------------------------------------------------------------

export interface SyscallTableResponse {
  readonly rows: readonly SyscallRow[];
  /** Number of the call in progress, or of the one the next SYSCALL would make; absent if there is none. */
  readonly current?: number;
  /** Why `rows` is empty, or what to know about the table (such as that the kernel uses it for tracing only). */
  readonly note?: string;
}

export interface SyscallRow {
  readonly number: number;
  /** Without prefix: read, write. */
  readonly name: string;
  /** Symbol the entry points at, such as __x64_sys_write or sys_ni_syscall. */
  readonly handler: string;
  readonly address: Hex;
  /** Where the handler is defined. */
  readonly location?: Location;
  readonly arguments: readonly SyscallArgument[];
  /** The table entry points at the kernel's "not implemented" handler. */
  readonly implemented: boolean;
}

export interface SyscallArgument {
  readonly name: string;
  /** C type, such as "const char *". */
  readonly type: string;
  /** Value in the call in progress, decoded: only in the current row. */
  readonly value?: string;
}

// --- ringside/cpu ---------------------------------------------------------------------------------------------------

export interface CpuResponse {
  /** Current privilege level. */
  readonly ring: 0 | 1 | 2 | 3;
  readonly mode: '64-bit' | 'compatibility' | 'protected' | 'real';
  /** Which page tables CR3 selects: with page-table isolation kernel or user; `shared` without it, `none` without paging. */
  readonly addressSpace: 'kernel' | 'user' | 'shared' | 'none';
  readonly cr3: Hex;
  readonly instructionPointer: Hex;
  /** Instructions retired since reset. */
  readonly instructionCount: number;
  /** CPUID model in force. */
  readonly model: string;
  /** The instruction executed last, if the last command was a step of one instruction or it entered or left the kernel. */
  readonly last?: ExecutedInstruction;
}

export interface ExecutedInstruction {
  readonly address: Hex;
  /** Disassembly. */
  readonly text: string;
  /** Every register, flag and memory cell it changed, in the order of the SDM's operation section. */
  readonly effects: readonly Effect[];
}

export interface Effect {
  /** RCX, RIP, CS, CPL, GS.base, RFLAGS.IF, CR3, or memory as [0xffff…]. */
  readonly target: string;
  readonly before: string;
  readonly after: string;
  /** Where the new value came from, such as "IA32_LSTAR" or "IA32_STAR[47:32]"; empty if plain from the operands. */
  readonly source: string;
}

// --- ringside/listing -----------------------------------------------------------------------------------------------

/**
 * Scheme of listing documents. A listing's `Source.path` is the URI `ringside-listing:<absolute path of the image>.lst`
 * (percent-encoded as URIs are) and has no `sourceReference`: an editor can then open it, keep breakpoints in it over
 * sessions, and send them in `setBreakpoints` with that very `source.path`. The text of one image does not depend on the
 * session. The standard `source` request answers with the same text for clients that have no documents of their own.
 * `loadedSources` names the listings; a stack frame without source names its listing as its source.
 */
export const LISTING_SCHEME = 'ringside-listing';

export interface ListingArguments {
  /** Which image: the guest program (default), the kernel; or a listing by its `path`. */
  image?: 'program' | 'kernel';
  path?: string;
}

export interface ListingResponse {
  /** The URI, see `LISTING_SCHEME`. */
  readonly path: string;
  readonly text: string;
  /** Lines that hold an instruction, ascending. */
  readonly lines: readonly ListingLine[];
}

export interface ListingLine {
  /** Counts from 1. */
  readonly line: number;
  readonly address: Hex;
  /** Bytes of the instruction. */
  readonly length: number;
  readonly location?: Location;
}

export interface ListingChanged {
  /** The URI, see `LISTING_SCHEME`. */
  readonly path: string;
}

// --- ringside/serialInput, ringside/serialOutput ----------------------------------------------------------------------

export interface SerialData {
  /** Base64 of the bytes. Input longer than the UART takes at once is queued by the machine. */
  readonly data: string;
}
