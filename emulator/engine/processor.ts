/**
 * The processor as architectural routines see it (`Cpu`): state, translations, virtual time; and what the engine derives
 * from the state so that generated code need not look at it.
 */
import { linearAddressBits } from '../cpu/canonical';
import { controlFlowEnforced } from '../cpu/cet';
import { Cr0, Cr4, CpuState, Flag } from '../cpu/state';
import type { Cpu, TranslationCache } from '../cpu/cpu';
import type { CpuModel } from '../cpu/cpuid';
import { breakpointsEnabled, dataBreakpointRanges } from '../cpu/debug';
import type { ProcessorApic } from '../cpu/local-apic';
import { PageAccess, Paging } from '../cpu/paging';
import { accessibleBytes, segmentAddress } from '../cpu/segmentation';
import { changedKeys } from '../cpu/protection-keys';
import type { Clock } from '../clock';
import type { Bus } from '../devices/bus';
import { requiredFeatures } from '../isa/features';
import { Seg, type Instruction } from '../isa/instruction';
import type { RequestedEnd } from '../machine';
import { PAGE_BYTES, type PhysicalMemory } from '../memory';
import { AddressSpaces } from './address-spaces';
import { ControlFlow } from './control-flow';
import { JumpCaches } from './jump-cache';
import * as layout from './layout';
import type { UncheckedAccess } from './lowering';
import { Modes, type Mode } from './mode';
import { TlbPair, type Tlb } from './tlb';
import { Watch } from './watch';

/** What the engine needs to know of clocks and devices. */
export interface Environment {
  readonly clock: Clock;
  /** Level of the interrupt request line. */
  interruptPending(): boolean;
  /** Vector of the pending interrupt, which counts as taken. */
  acknowledgeInterrupt(): number;
  /** A non-maskable interrupt is there. */
  nmiPending(): boolean;
  /** The non-maskable interrupt counts as taken. */
  acknowledgeNmi(): void;
  /** The end the guest asked for. */
  readonly end: RequestedEnd | undefined;
}

export class Processor implements Cpu, TranslationCache {
  readonly state: CpuState;
  readonly paging: Paging;
  readonly translations: TranslationCache = this;
  instructionAddress = 0n;
  nextAddress = 0n;

  readonly spaces: AddressSpaces;
  readonly watch = new Watch();
  mode: Mode;
  /** A single instruction is being executed: it may touch watched memory, and its block is nobody else's. */
  stepping = false;
  /** Something in the state changed that `refreshMode` has not seen. */
  modeDirty = true;
  /** Instructions retired before the generated code now running began. */
  retired = 0;
  /** The budget that code was given. */
  sliceBudget = 0;

  /** What of the segment of the memory operand is still to be checked when its address is asked for. */
  unchecked: UncheckedAccess | undefined;

  private readonly modes = new Modes();
  /** The control registers that the cached translations go by; a debugger may set them as well as the guest. */
  private translated = { cr3: 0n, cr0: -1, cr4: -1, efer: -1 };
  /** The rights of protection keys that the cached translations go by. */
  private keyRights = { pkru: 0, pkrs: 0 };
  private readonly i32: Int32Array;
  private readonly u64: BigUint64Array;

  constructor(
    readonly memory: PhysicalMemory,
    readonly bus: Bus,
    readonly model: CpuModel,
    private readonly clock: Clock,
    readonly localApic?: ProcessorApic,
  ) {
    const { linear } = memory;
    this.state = new CpuState(linear);
    this.i32 = new Int32Array(linear.buffer, 0, 256);
    this.u64 = new BigUint64Array(linear.buffer, 0, 128);
    this.paging = new Paging(this.state, memory, bus, model);
    this.spaces = new AddressSpaces(linear);
    this.mode = this.modes.of(this.state);
  }

  /** Whether the CPU model has an instruction. */
  supports(instruction: Instruction): boolean {
    return requiredFeatures(instruction).every((feature) => this.model.features.has(feature));
  }

  get operandAddress(): bigint {
    const { unchecked } = this;
    if (unchecked) {
      this.unchecked = undefined;
      this.checkOffset(unchecked);
    }
    return this.u64[layout.ADDRESS >> 3];
  }

  /** `ADDRESS` holds an offset: makes it the linear address; throws if the segment does not permit the access. */
  checkOffset({ segment, size, access }: UncheckedAccess): void {
    const at = layout.ADDRESS >> 3;
    this.u64[at] = segmentAddress(this, segment, this.u64[at], size, access);
  }

  get instructionCount(): number {
    return this.retired + this.sliceBudget - this.i32[layout.BUDGET >> 2];
  }

  get timestamp(): bigint {
    return BigInt(this.clock.now);
  }

  modeChanged(): void {
    this.modeDirty = true;
  }

  accessed(va: bigint, size: number, access: 'read' | 'write'): void {
    if (!this.watch.any || !this.stepping) return;
    if (this.watch.touches(Number(va & 0xffffffffn), Number((va >> 32n) & 0xffffffffn), size)) {
      this.watch.note(va, size, access);
    }
  }

  /** Translations of the current address space. */
  get tlb(): Tlb {
    return this.spaces.current.tlb;
  }

  find(vaHigh: number, vaLow: number, access: number): number {
    const pair = this.pairFor(access);
    return pair === undefined ? -1 : this.tlb.find(pair, vaHigh, vaLow, (access & PageAccess.WRITE) !== 0);
  }

  enter(vaHigh: number, vaLow: number, access: number): void {
    const pair = this.pairFor(access);
    if (pair !== undefined) this.enterPage(pair, vaHigh, vaLow, (access & PageAccess.WRITE) !== 0);
  }

  /** Enters what the last walk has found, unless accesses to the page are to be noticed. */
  enterPage(pair: TlbPair, vaHigh: number, vaLow: number, write: boolean): void {
    const { memory, paging, tlb } = this;
    const { page } = paging;
    if (pair === TlbPair.CHECKED || !memory.contains(page, PAGE_BYTES) || this.watch.inPage(vaLow, vaHigh)) return;
    if (paging.pageBytes > PAGE_BYTES) tlb.noteLarge(vaHigh, vaLow, paging.pageBytes);
    if (!write) tlb.fill(pair, vaHigh, vaLow, page, false);
    if ((write || paging.writable) && !memory.codePages[page / PAGE_BYTES]) tlb.fill(pair, vaHigh, vaLow, page, true);
  }

  /** The tables that know accesses of an architectural routine; none while they may be those of another state. */
  private pairFor(access: number): TlbPair | undefined {
    if (this.modeDirty || access & (PageAccess.SHADOW_STACK | PageAccess.FETCH)) return undefined;
    if (access & PageAccess.USER) return TlbPair.USER;
    const { state } = this;
    const opened = !(access & PageAccess.IMPLICIT) && state.flag(Flag.AC) && (state.cr4 & Cr4.SMAP) !== 0;
    return opened ? TlbPair.SUPERVISOR_AC : TlbPair.SUPERVISOR;
  }

  flush(_keepGlobal: boolean): void {
    this.spaces.flush();
    this.paging.keysUsed = 0;
  }

  flushPage(va: bigint): void {
    this.spaces.flushPage(Number((va >> 32n) & 0xffffffffn), Number(va & 0xffffffffn));
  }

  flushPcid(pcid: number): void {
    this.spaces.flushPcid(pcid);
  }

  /** The whole state, memory included, is another one: nothing derived from it counts any more. */
  stateReplaced(): void {
    this.translated = { cr3: 0n, cr0: -1, cr4: -1, efer: -1 };
    this.flush(false);
    this.refreshMode();
  }

  /** Makes everything that depends on the processor's mode agree with the state. */
  refreshMode(): void {
    this.modeDirty = false;
    const { state } = this;
    this.mode = this.modes.of(state);
    const { translated } = this;
    const sameRules = state.cr0 === translated.cr0 && state.cr4 === translated.cr4 && state.efer === translated.efer;
    if (!sameRules || state.cr3 !== translated.cr3) {
      this.translated = { cr3: state.cr3, cr0: state.cr0, cr4: state.cr4, efer: state.efer };
      if (!sameRules || !(state.cr4 & Cr4.PCIDE)) this.flush(false);
      if (!sameRules) this.u64[layout.CANONICAL_SHIFT >> 3] = BigInt(64 - linearAddressBits(state));
      this.spaces.enter(state.cr4 & Cr4.PCIDE ? state.cr3 : 0n);
    }
    if (state.pkru !== this.keyRights.pkru || state.pkrs !== this.keyRights.pkrs) this.keyRightsChanged();
    this.chooseTables();
    if (!state.mode64) this.limitSegments();
    this.u64[layout.STACK_MASK >> 3] = state.segments[Seg.SS].big ? 0xffffffffn : 0xffffn;
    if (this.watch.setGuestRanges(breakpointsEnabled(state) ? dataBreakpointRanges(state) : []))
      this.spaces.flushTlbs();
  }

  /** TLB and jump cache for privilege level, alignment checking and SMAP as they are, and for generated code that changes those. */
  private chooseTables(): void {
    const { state, tlb, i32 } = this;
    const user = state.cpl === 3;
    const bases = layout.TLB_BASES >> 2;
    i32[bases] = tlb.base(TlbPair.SUPERVISOR);
    i32[bases + 1] = tlb.base(state.cr4 & Cr4.SMAP ? TlbPair.SUPERVISOR_AC : TlbPair.SUPERVISOR);
    i32[bases + 2] = tlb.base(TlbPair.USER);
    i32[bases + 3] = tlb.base(state.cr0 & Cr0.AM ? TlbPair.CHECKED : TlbPair.USER);
    i32[layout.TLB_BASE >> 2] = i32[bases + (user ? 2 : 0) + (state.flag(Flag.AC) ? 1 : 0)];

    const { jumps } = this.spaces.current;
    const cache = (this.mode.codeSize === 64 ? JumpCaches.USER_64 : JumpCaches.USER) + (user ? 0 : 1);
    this.claimJumpCache(cache, state.cpl);
    if (this.mode.codeSize === 64 && !controlFlowEnforced(state)) {
      // The same mode holds on both sides of a system call.
      if (user) this.claimJumpCache(JumpCaches.SUPERVISOR_64, 0);
      else this.claimJumpCache(JumpCaches.USER_64, 3);
    }
    i32[layout.JUMP_CACHE_BASE >> 2] = jumps.base(cache);
    i32[layout.JUMP_CACHE_BASES >> 2] = jumps.base(JumpCaches.SUPERVISOR_64);
    i32[(layout.JUMP_CACHE_BASES >> 2) + 1] = jumps.base(JumpCaches.USER_64);
  }

  /** What is in a jump cache shall be code of the present mode at privilege level `cpl`. */
  private claimJumpCache(cache: number, cpl: number): void {
    // Between an indirect branch and its ENDBRANCH the cache is left to the code on both sides: nobody looks into it.
    if (this.mode.controlFlow === ControlFlow.WAITING) return;
    const owner = this.mode.id * 4 + cpl;
    const { jumps, jumpCacheOwner } = this.spaces.current;
    if (jumpCacheOwner[cache] === owner) return;
    jumpCacheOwner[cache] = owner;
    jumps.flushOne(cache);
  }

  /** The TLB tables in force: generated code may have changed them. */
  get pair(): TlbPair {
    return (this.i32[layout.TLB_BASE >> 2] - this.tlb.base(0)) / layout.TLB_PAIR_BYTES;
  }

  /** The jump cache in force. */
  private get jumpCache(): number {
    return (this.i32[layout.JUMP_CACHE_BASE >> 2] - this.spaces.current.jumps.base(0)) / layout.JUMP_CACHE_BYTES;
  }

  /** Forgets translations of pages whose protection keys now grant something else. */
  private keyRightsChanged(): void {
    const { pkru, pkrs } = this.state;
    const changed = changedKeys(pkru, this.keyRights.pkru) | (changedKeys(pkrs, this.keyRights.pkrs) << 16);
    this.keyRights = { pkru, pkrs };
    if (!(changed & this.paging.keysUsed)) return;
    this.spaces.flushTlbs();
    this.paging.keysUsed = 0;
  }

  private limitSegments(): void {
    const { state, i32 } = this;
    const store = (at: number, bytes: number): void => {
      i32[at >> 2] = bytes;
      i32[(at >> 2) + 1] = bytes / 2 ** 32;
    };
    state.segments.forEach((segment, i) => {
      store(layout.SEGMENT_READABLE + 8 * i, accessibleBytes(state, segment, 'read'));
      store(layout.SEGMENT_WRITABLE + 8 * i, accessibleBytes(state, segment, 'write'));
    });
  }

  /** RIP as the mode in force cuts it. */
  cut(rip: bigint): bigint {
    return BigInt.asUintN(this.mode.codeSize === 64 ? 64 : 32, rip);
  }

  /** The record entered for RIP; 0 if there is none. */
  knownJump(): number {
    if (this.mode.controlFlow === ControlFlow.WAITING) return 0;
    const low = this.i32[layout.RIP >> 2];
    const high = this.i32[(layout.RIP >> 2) + 1];
    return this.spaces.current.jumps.find(this.jumpCache, high, low);
  }

  /** Lets generated code find `record` when it goes to where RIP is now. */
  enterJump(record: number): void {
    if (this.mode.controlFlow === ControlFlow.WAITING) return;
    const low = this.i32[layout.RIP >> 2];
    const high = this.i32[(layout.RIP >> 2) + 1];
    this.spaces.current.jumps.enter(this.jumpCache, high, low, record);
  }
}
