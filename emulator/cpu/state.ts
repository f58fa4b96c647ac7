/**
 * The architectural state of one logical processor (SDM vol. 1, section 3.2; vol. 3, chapter 2). What generated code
 * touches (general registers, RIP, flags, segment bases) lives in the machine's linear memory and is seen here through
 * typed views; the rest are plain fields.
 */
import { ExtendedState } from './extended-state';
import * as layout from '../engine/layout';
import { CetState } from './cet-state';
import { FredState } from './fred-state';

/** RFLAGS bits (SDM vol. 1, section 3.4.3). */
export const enum Flag {
  CF = 1 << 0,
  /** Bit 1 always reads 1. */
  FIXED = 1 << 1,
  PF = 1 << 2,
  AF = 1 << 4,
  ZF = 1 << 6,
  SF = 1 << 7,
  TF = 1 << 8,
  IF = 1 << 9,
  DF = 1 << 10,
  OF = 1 << 11,
  IOPL = 3 << 12,
  NT = 1 << 14,
  RF = 1 << 16,
  VM = 1 << 17,
  AC = 1 << 18,
  VIF = 1 << 19,
  VIP = 1 << 20,
  ID = 1 << 21,
}

/** The six flags arithmetic instructions write. */
export const STATUS_FLAGS = Flag.CF | Flag.PF | Flag.AF | Flag.ZF | Flag.SF | Flag.OF;

/** CR0 bits (SDM vol. 3, section 2.5). */
export const enum Cr0 {
  PE = 1 << 0,
  MP = 1 << 1,
  EM = 1 << 2,
  TS = 1 << 3,
  ET = 1 << 4,
  NE = 1 << 5,
  WP = 1 << 16,
  AM = 1 << 18,
  NW = 1 << 29,
  CD = 1 << 30,
  PG = 0x80000000,
}

/** CR4 bits (SDM vol. 3, section 2.5). */
export const enum Cr4 {
  VME = 1 << 0,
  PVI = 1 << 1,
  TSD = 1 << 2,
  DE = 1 << 3,
  PSE = 1 << 4,
  PAE = 1 << 5,
  MCE = 1 << 6,
  PGE = 1 << 7,
  PCE = 1 << 8,
  OSFXSR = 1 << 9,
  OSXMMEXCPT = 1 << 10,
  UMIP = 1 << 11,
  LA57 = 1 << 12,
  FSGSBASE = 1 << 16,
  PCIDE = 1 << 17,
  OSXSAVE = 1 << 18,
  SMEP = 1 << 20,
  SMAP = 1 << 21,
  PKE = 1 << 22,
  CET = 1 << 23,
  PKS = 1 << 24,
}

/** IA32_EFER bits (SDM vol. 3, section 2.2.1). */
export const enum Efer {
  SCE = 1 << 0,
  LME = 1 << 8,
  LMA = 1 << 10,
  NXE = 1 << 11,
}

/** Access-rights bits of a hidden segment part, in the layout of SDM vol. 3, section 25.4.1 (table "access rights"). */
export const enum AccessRights {
  TYPE = 0xf,
  S = 1 << 4,
  DPL = 3 << 5,
  P = 1 << 7,
  AVL = 1 << 12,
  L = 1 << 13,
  DB = 1 << 14,
  G = 1 << 15,
  UNUSABLE = 1 << 16,
}

/** A segment register, LDTR or TR with its hidden part (SDM vol. 3, section 3.4.3). */
export class SegmentRegister {
  /** `index`: which element of each array is the register's, so that generated code can reach it. */
  constructor(
    private readonly selectors: Uint16Array,
    private readonly bases: BigUint64Array,
    private readonly limits: Uint32Array,
    private readonly accessRights: Uint32Array,
    private readonly index: number,
  ) {
    this.limit = 0xffff;
    this.rights = AccessRights.UNUSABLE;
  }

  get selector(): number {
    return this.selectors[this.index];
  }
  set selector(value: number) {
    this.selectors[this.index] = value;
  }

  get base(): bigint {
    return this.bases[this.index];
  }
  set base(value: bigint) {
    this.bases[this.index] = value;
  }

  /** Last valid byte offset (already scaled by the granularity); u32. */
  get limit(): number {
    return this.limits[this.index];
  }
  set limit(value: number) {
    this.limits[this.index] = value;
  }

  /** See `AccessRights`. */
  get rights(): number {
    return this.accessRights[this.index];
  }
  set rights(value: number) {
    this.accessRights[this.index] = value;
  }

  save() {
    const { selector, base, limit, rights } = this;
    return { selector, base, limit, rights };
  }

  restore(saved: ReturnType<SegmentRegister['save']>): void {
    Object.assign(this, saved);
  }

  get type(): number {
    return this.rights & AccessRights.TYPE;
  }
  get dpl(): number {
    return (this.rights >> 5) & 3;
  }
  get present(): boolean {
    return (this.rights & AccessRights.P) !== 0;
  }
  /** L: 64-bit code segment. */
  get long(): boolean {
    return (this.rights & AccessRights.L) !== 0;
  }
  /** D/B: 32-bit default operand size, or 32-bit stack pointer. */
  get big(): boolean {
    return (this.rights & AccessRights.DB) !== 0;
  }
  get unusable(): boolean {
    return (this.rights & AccessRights.UNUSABLE) !== 0;
  }
}

/** GDTR and IDTR. */
export interface TableRegister {
  base: bigint;
  limit: number;
}

/** What of `CpuState` is a plain value. */
const VALUES = [
  ...([
    'rip',
    'rflags',
    'cpl',
    'cr0',
    'cr2',
    'cr3',
    'cr4',
    'cr8',
    'efer',
    'xcr0',
    'xss',
    'pkru',
    'pkrs',
    'dr6',
    'dr7',
  ] as const),
  ...(['star', 'lstar', 'cstar', 'fmask', 'kernelGsBase', 'tscAux', 'tscOffset', 'randomState'] as const),
  ...(['sysenterCs', 'sysenterEsp', 'sysenterEip'] as const),
  ...(['interruptShadow', 'stiBlocking', 'pendingDebugTraps', 'nmiBlocked', 'halted'] as const),
] satisfies (keyof CpuState)[];

export class CpuState {
  /** RAX..R15, index by `Gpr`. */
  readonly gpr: BigUint64Array;
  /** ES, CS, SS, DS, FS, GS; index by `Seg`. */
  readonly segments: readonly SegmentRegister[];
  readonly ldtr: SegmentRegister;
  readonly tr: SegmentRegister;
  readonly gdtr: TableRegister = { base: 0n, limit: 0xffff };
  readonly idtr: TableRegister = { base: 0n, limit: 0xffff };

  cr0 = 0x60000010;
  cr2 = 0n;
  cr3 = 0n;
  cr4 = 0;
  /** CR8 of a processor without a local APIC; with one it is the task priority there. */
  cr8 = 0;
  efer = 0;
  xcr0 = 1n;
  /** IA32_XSS: supervisor state that XSAVES saves. */
  xss = 0n;
  /**
   * PKRU and IA32_PKRS, the rights of protection keys (cpu/protection-keys.ts); u32. After a change call
   * `Cpu.modeChanged`.
   */
  pkru = 0;
  pkrs = 0;
  /** DR0..DR3. */
  readonly breakpointAddresses: bigint[] = [0n, 0n, 0n, 0n];
  dr6 = 0xffff0ff0;
  dr7 = 0x400;

  /** MSRs of the system-call path; others are in `cpu/msr.ts`. */
  cstar = 0n;
  tscAux = 0n;
  sysenterCs = 0n;
  sysenterEsp = 0n;
  sysenterEip = 0n;
  /** Added to the time-stamp counter by writes to IA32_TIME_STAMP_COUNTER; modulo 2^64. */
  tscOffset = 0n;
  /** Where the sequence of RDRAND and RDSEED stands (cpu/random.ts): 64 bits, all a snapshot needs to go on with it. */
  randomState = 0n;
  /** Control-flow enforcement: SSP and its MSRs. After a change call `Cpu.modeChanged`. */
  readonly cet = new CetState();
  /** CR4.FRED and the MSRs of event delivery without IDT. */
  readonly fred = new FredState();
  /** MSRs that only hold what was written, by number. */
  readonly otherMsrs = new Map<number, bigint>();

  /** PAE paging: the four page-directory-pointer-table entries in force, each as low and high half (SDM vol. 3, 4.4.1). */
  readonly pdptes = new Uint32Array(8);

  /** STI, MOV SS or POP SS was the last instruction: interrupts (and for SS also #DB) wait for one more. */
  interruptShadow: 'none' | 'sti' | 'ss' = 'none';
  /** The instruction being executed is the one after STI: what it traps into finds interrupts still blocked. */
  stiBlocking = false;
  /** DR6 bits of a #DB trap due after this instruction that its routine found: an I/O breakpoint, a task with T set. */
  pendingDebugTraps = 0;
  /** An NMI handler runs; IRET ends it. */
  nmiBlocked = false;
  /** HLT was executed; an interrupt ends it. */
  halted = false;

  /** x87, SSE and AVX state. */
  readonly extended: ExtendedState;

  private readonly u64: BigUint64Array;
  private readonly u32: Uint32Array;

  constructor(memory: WebAssembly.Memory) {
    const { buffer } = memory;
    this.u64 = new BigUint64Array(buffer, 0, 128);
    this.u32 = new Uint32Array(buffer, 0, 256);
    this.gpr = new BigUint64Array(buffer, layout.GPR, 16);
    this.extended = new ExtendedState(memory);
    const bases = new BigUint64Array(buffer, layout.SEGMENT_BASE, 6);
    const selectors = new Uint16Array(buffer, layout.SELECTORS, 6);
    const limits = new Uint32Array(buffer, layout.SEGMENT_LIMIT, 6);
    const rights = new Uint32Array(buffer, layout.SEGMENT_RIGHTS, 6);
    this.segments = [0, 1, 2, 3, 4, 5].map((index) => new SegmentRegister(selectors, bases, limits, rights, index));
    const system = [new Uint16Array(2), new BigUint64Array(2), new Uint32Array(2), new Uint32Array(2)] as const;
    this.ldtr = new SegmentRegister(...system, 0);
    this.tr = new SegmentRegister(...system, 1);
    this.rflags = Flag.FIXED;
  }

  /** All of it, between two instructions. */
  save() {
    return {
      ...pick(this, VALUES),
      gpr: [...this.gpr],
      segments: this.segments.map((segment) => segment.save()),
      ldtr: this.ldtr.save(),
      tr: this.tr.save(),
      gdtr: { ...this.gdtr },
      idtr: { ...this.idtr },
      breakpointAddresses: [...this.breakpointAddresses],
      otherMsrs: [...this.otherMsrs],
      pdptes: [...this.pdptes],
      cet: this.cet.save(),
      fred: this.fred.save(),
      extended: this.extended.save(),
    };
  }

  /** Afterwards everything derived from the state is stale. */
  restore(saved: ReturnType<CpuState['save']>): void {
    Object.assign(this, pick(saved, VALUES));
    this.gpr.set(saved.gpr);
    this.segments.forEach((segment, i) => segment.restore(saved.segments[i]));
    this.ldtr.restore(saved.ldtr);
    this.tr.restore(saved.tr);
    Object.assign(this.gdtr, saved.gdtr);
    Object.assign(this.idtr, saved.idtr);
    Object.assign(this.breakpointAddresses, saved.breakpointAddresses);
    this.otherMsrs.clear();
    for (const [number, value] of saved.otherMsrs) this.otherMsrs.set(number, value);
    this.pdptes.set(saved.pdptes);
    this.cet.restore(saved.cet);
    this.fred.restore(saved.fred);
    this.extended.restore(saved.extended);
  }

  get rip(): bigint {
    return this.u64[layout.RIP >> 3];
  }
  set rip(value: bigint) {
    this.u64[layout.RIP >> 3] = value;
  }

  /** Current privilege level 0..3. */
  get cpl(): number {
    return this.u32[layout.CPL >> 2];
  }
  set cpl(value: number) {
    this.u32[layout.CPL >> 2] = value;
  }

  get star(): bigint {
    return this.u64[layout.STAR >> 3];
  }
  set star(value: bigint) {
    this.u64[layout.STAR >> 3] = value;
  }
  get lstar(): bigint {
    return this.u64[layout.LSTAR >> 3];
  }
  set lstar(value: bigint) {
    this.u64[layout.LSTAR >> 3] = value;
  }
  get fmask(): bigint {
    return this.u64[layout.FMASK >> 3];
  }
  set fmask(value: bigint) {
    this.u64[layout.FMASK >> 3] = value;
  }
  get kernelGsBase(): bigint {
    return this.u64[layout.KERNEL_GS_BASE >> 3];
  }
  set kernelGsBase(value: bigint) {
    this.u64[layout.KERNEL_GS_BASE >> 3] = value;
  }

  /** RFLAGS, bits 0..21; reading works out the six status flags, writing sets them all. In halves: no 64-bit numbers. */
  get rflags(): number {
    const { u32 } = this;
    const resultLow = u32[layout.FLAG_RESULT >> 2];
    const resultHigh = u32[(layout.FLAG_RESULT >> 2) + 1];
    const carriesLow = u32[layout.FLAG_CARRIES >> 2];
    const carriesHigh = u32[(layout.FLAG_CARRIES >> 2) + 1];
    let flags = u32[layout.FLAGS_REST >> 2] | Flag.FIXED;
    if (carriesHigh >>> 31) flags |= Flag.CF;
    if ((carriesHigh ^ (carriesHigh << 1)) >>> 31) flags |= Flag.OF;
    if (carriesLow & 8) flags |= Flag.AF;
    if ((resultLow | resultHigh) === 0) flags |= Flag.ZF;
    if (resultHigh >>> 31 !== (carriesLow & 1)) flags |= Flag.SF;
    let parity = (resultLow ^ (carriesLow >>> 16)) & 0xff;
    parity ^= parity >> 4;
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    if (!(parity & 1)) flags |= Flag.PF;
    return flags;
  }
  set rflags(value: number) {
    // ZF decides whether the result is zero; the sign is then corrected by bit 0 of the carries, the parity of the
    // low byte by bit 16 (isa/semantics/flags.ts describes the representation).
    const { u32 } = this;
    let carriesLow = 0;
    let carriesHigh = 0;
    if (value & Flag.CF) carriesHigh |= 1 << 31;
    if (((value & Flag.OF) !== 0) !== ((value & Flag.CF) !== 0)) carriesHigh |= 1 << 30;
    if (value & Flag.AF) carriesLow |= 8;
    if (value & Flag.SF) carriesLow |= 1;
    if (!(value & Flag.PF)) carriesLow |= 1 << 16;
    u32[layout.FLAG_RESULT >> 2] = value & Flag.ZF ? 0 : 1 << 8;
    u32[(layout.FLAG_RESULT >> 2) + 1] = 0;
    u32[layout.FLAG_CARRIES >> 2] = carriesLow;
    u32[(layout.FLAG_CARRIES >> 2) + 1] = carriesHigh;
    u32[layout.FLAGS_REST >> 2] = (value & ~STATUS_FLAGS) | Flag.FIXED;
  }

  /** Sets or clears flags that are not status flags: those stay as they are, unevaluated. */
  setControlFlags(mask: number, set: boolean): void {
    const index = layout.FLAGS_REST >> 2;
    if (set) this.u32[index] |= mask & ~STATUS_FLAGS;
    else this.u32[index] &= ~mask | STATUS_FLAGS;
  }

  /** One flag or several; true if any of them is set. Cheap for the ones that are not status flags. */
  flag(mask: number): boolean {
    if ((mask & STATUS_FLAGS) === 0) return (this.u32[layout.FLAGS_REST >> 2] & mask) !== 0;
    return (this.rflags & mask) !== 0;
  }

  /** I/O privilege level, 0..3. */
  get iopl(): number {
    return (this.u32[layout.FLAGS_REST >> 2] >>> 12) & 3;
  }

  /** Long mode is active: EFER.LMA. */
  get longMode(): boolean {
    return (this.efer & Efer.LMA) !== 0;
  }
  /** 64-bit mode: long mode with CS.L. */
  get mode64(): boolean {
    return this.longMode && this.segments[1].long;
  }
  get protectedMode(): boolean {
    return (this.cr0 & Cr0.PE) !== 0;
  }
  /** Virtual-8086 mode: EFLAGS.VM in protected mode. */
  get virtual8086(): boolean {
    return this.flag(Flag.VM) && this.protectedMode;
  }
  /** Real-address or virtual-8086 mode: selectors are numbers of 16-byte paragraphs, not of descriptors. */
  get paragraphSelectors(): boolean {
    return !this.protectedMode || this.flag(Flag.VM);
  }
  get paging(): boolean {
    return (this.cr0 & Cr0.PG) !== 0;
  }
}

function pick<T, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<T, K>;
}
