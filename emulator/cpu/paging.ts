/**
 * Paging (SDM vol. 3, chapter 4): 32-bit, PAE, 4-level and 5-level tables. One walk serves the engine's TLB misses, the
 * architectural routines and debuggers; it works on 32-bit halves because it runs millions of times in a boot.
 */
import type { Bus } from '../devices/bus';
import type { PhysicalMemory } from '../memory';
import type { CpuModel } from './cpuid';
import { KeyRights, keyRights } from './protection-keys';
import { Cr0, Cr4, Efer, Flag, type CpuState } from './state';

/** What an access wants, in the bit positions of the page-fault error code (SDM vol. 3, figure 4-12). */
export const enum PageAccess {
  READ = 0,
  WRITE = 1 << 1,
  /** At CPL 3; without it the access is a supervisor-mode access. */
  USER = 1 << 2,
  FETCH = 1 << 4,
  /** An access to a shadow stack, by what control-flow enforcement does. */
  SHADOW_STACK = 1 << 6,
  /** Supervisor access to a system structure (GDT, IDT, TSS): EFLAGS.AC does not open SMAP for it. Not in error codes. */
  IMPLICIT = 1 << 8,
}

/** Bits of the page-fault error code beyond those of the access. */
export const enum PageFaultCode {
  P = 1 << 0,
  RSVD = 1 << 3,
  /** A protection key forbids the access. */
  PK = 1 << 5,
}

/** Bits in the low half of a paging-structure entry (SDM vol. 3, tables 4-14 to 4-20). */
export const enum PageEntry {
  P = 1 << 0,
  RW = 1 << 1,
  US = 1 << 2,
  PWT = 1 << 3,
  PCD = 1 << 4,
  A = 1 << 5,
  D = 1 << 6,
  PS = 1 << 7,
  G = 1 << 8,
}

/** XD, bit 63, in the high half of an entry. */
const XD_HIGH = 0x80000000;
const PAGE_MASK = 0xfffff000;
const KIB4 = 0x1000;
const MIB2 = 0x200000;
const MIB4 = 0x400000;
const GIB1 = 0x40000000;
const TWO_32 = 0x100000000;

type PagingMode = 'none' | '32-bit' | 'PAE' | '4-level' | '5-level';

/** A translation as a debugger sees it. */
export interface PageTranslation {
  /** Physical address of the byte asked for. */
  readonly pa: number;
  readonly pageBytes: number;
  readonly writable: boolean;
  readonly userAccessible: boolean;
  readonly executable: boolean;
  readonly global: boolean;
  readonly accessed: boolean;
  readonly dirty: boolean;
}

export class Paging {
  // Result of the last successful `walk`.
  /** Physical address of the 4 KiB page that holds the address. */
  page = 0;
  /** A write with the same privilege would succeed and change no table: allowed, and D is set already. */
  writable = false;
  /** U/S allows user mode. */
  userAccessible = false;
  global = false;
  /** Size of the page: 4 KiB, 2 MiB, 4 MiB or 1 GiB. */
  pageBytes = KIB4;
  /** Result of the last failed `walk`: the error code of the #PF. */
  errorCode = 0;
  /** Protection keys by which walks were permitted since this was set to 0: of user pages bits 0 to 15, then others'. */
  keysUsed = 0;

  // What the control registers say, worked out anew when one of them changes.
  private cr0 = -1;
  private cr3 = -1n;
  private cr4 = -1;
  private efer = -1;
  private mode: PagingMode = 'none';
  private root = 0;
  private writeProtect = false;
  private executeDisable = false;
  /** Protection keys decide about accesses to user pages, or to supervisor pages. */
  private protectionKeys = false;
  /** Bits of an entry's high half that must be 0. */
  private reservedHigh = 0;

  // The last table walk: entries from the top, and the rights that all of them grant.
  private readonly entryPa = new Float64Array(5);
  private readonly entryLow = new Int32Array(5);
  private entries = 0;
  private rights = 0;
  private noExecute = false;
  private frame = 0;
  private high = 0;
  /** RAM as 32-bit words: entries are aligned. */
  private readonly words: Int32Array;

  constructor(
    private readonly state: CpuState,
    private readonly memory: PhysicalMemory,
    private readonly bus: Bus,
    private readonly model: CpuModel,
  ) {
    this.words = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset, memory.size / 4);
  }

  /**
   * Translates the linear address `vaHigh:vaLow` (halves as int32 or uint32; canonical) for an access of `PageAccess`
   * bits. True: the result fields describe the page, and A (for writes also D) is set in the tables. False: `errorCode`
   * is that of the #PF and the tables are untouched.
   */
  walk(vaHigh: number, vaLow: number, access: number): boolean {
    this.refresh();
    if (this.mode === 'none') {
      this.page = (vaLow & PAGE_MASK) >>> 0;
      this.writable = true;
      this.userAccessible = true;
      this.global = false;
      this.pageBytes = KIB4;
      return true;
    }
    const fault = this.resolve(this.mode, this.root, this.state.pdptes, vaHigh, vaLow);
    if (fault >= 0) return this.fail(fault, access);
    if (!this.permits(access)) {
      const key = this.protectionKeys && this.keyForbids(access) ? PageFaultCode.PK : 0;
      return this.fail(PageFaultCode.P | key, access);
    }
    this.setAccessedAndDirty((access & PageAccess.WRITE) !== 0);
    const leaf = this.entryLow[this.entries - 1];
    this.page = this.frame;
    this.userAccessible = (this.rights & PageEntry.US) !== 0;
    this.global = (leaf & PageEntry.G) !== 0 && (this.cr4 & Cr4.PGE) !== 0;
    this.writable = (leaf & PageEntry.D) !== 0 && this.permits(access | PageAccess.WRITE);
    return true;
  }

  /** Translates without privilege checks and without touching A and D. `cr3` chooses another address space. */
  probe(va: bigint, cr3: bigint = this.state.cr3): PageTranslation | undefined {
    this.refresh();
    const vaLow = Number(va & 0xffffffffn);
    const vaHigh = Number((va >> 32n) & 0xffffffffn);
    if (this.mode === 'none') {
      const all = { writable: true, userAccessible: true, executable: true, accessed: true, dirty: true };
      return { pa: vaLow, pageBytes: KIB4, global: false, ...all };
    }
    const pdptes = cr3 === this.state.cr3 ? this.state.pdptes : this.readPdptes(cr3);
    if (this.resolve(this.mode, this.tableRoot(cr3), pdptes, vaHigh, vaLow) >= 0) return undefined;
    const leaf = this.entryLow[this.entries - 1];
    return {
      pa: this.frame + (vaLow & 0xfff),
      pageBytes: this.pageBytes,
      writable: (this.rights & PageEntry.RW) !== 0,
      userAccessible: (this.rights & PageEntry.US) !== 0,
      executable: !this.noExecute,
      global: (leaf & PageEntry.G) !== 0,
      accessed: (leaf & PageEntry.A) !== 0,
      dirty: (leaf & PageEntry.D) !== 0,
    };
  }

  /** The four page-directory-pointer-table entries of PAE paging, each as low and high half (SDM vol. 3, 4.4.1). */
  readPdptes(cr3: bigint): Uint32Array {
    const table = Number(cr3 & 0xffffffe0n);
    const pdptes = new Uint32Array(8);
    for (let index = 0; index < 4; index++) {
      pdptes[2 * index] = this.readEntry64(table + 8 * index);
      pdptes[2 * index + 1] = this.high;
    }
    return pdptes;
  }

  /** Whether a page-directory-pointer-table entry sets a reserved bit, which makes loading it #GP(0). */
  pdpteReserved(low: number, high: number): boolean {
    if (!(low & PageEntry.P)) return false;
    return (low & 0x1e6) !== 0 || (high & ~((1 << (this.model.physicalAddressBits - 32)) - 1)) !== 0;
  }

  private refresh(): void {
    const { state } = this;
    if (state.cr3 === this.cr3 && state.cr0 === this.cr0 && state.cr4 === this.cr4 && state.efer === this.efer) return;
    this.cr0 = state.cr0;
    this.cr3 = state.cr3;
    this.cr4 = state.cr4;
    this.efer = state.efer;
    if (!(state.cr0 & Cr0.PG)) this.mode = 'none';
    else if (!(state.cr4 & Cr4.PAE)) this.mode = '32-bit';
    else if (!(state.efer & Efer.LMA)) this.mode = 'PAE';
    else this.mode = state.cr4 & Cr4.LA57 ? '5-level' : '4-level';
    const long = this.mode === '4-level' || this.mode === '5-level';
    this.root = this.tableRoot(state.cr3);
    this.writeProtect = (state.cr0 & Cr0.WP) !== 0;
    this.executeDisable = (state.efer & Efer.NXE) !== 0 && (this.mode === 'PAE' || long);
    this.protectionKeys = long && (state.cr4 & (Cr4.PKE | Cr4.PKS)) !== 0;
    this.reservedHigh = ~((1 << (this.model.physicalAddressBits - 32)) - 1) & 0x000fffff;
    if (this.mode === 'PAE') this.reservedHigh |= 0x7ff00000;
    if (!this.executeDisable) this.reservedHigh |= XD_HIGH;
  }

  private tableRoot(cr3: bigint): number {
    const long = this.mode === '4-level' || this.mode === '5-level';
    return Number(cr3 & (long ? 0x000ffffffffff000n : 0xfffff000n));
  }

  /** Walks the tables; -1 if the address is mapped, else the P and RSVD bits of the error code. */
  private resolve(mode: PagingMode, root: number, pdptes: Uint32Array, vaHigh: number, vaLow: number): number {
    this.entries = 0;
    this.rights = PageEntry.RW | PageEntry.US;
    this.noExecute = false;
    if (mode === '4-level') return this.resolveLevels(4, root, vaHigh, vaLow);
    if (mode === '5-level') return this.resolveLevels(5, root, vaHigh, vaLow);
    if (mode === '32-bit') return this.resolve32(root, vaLow);
    const index = (vaLow >>> 30) * 2;
    if (!(pdptes[index] & PageEntry.P)) return 0;
    return this.resolveLevels(2, pdptes[index + 1] * TWO_32 + ((pdptes[index] & PAGE_MASK) >>> 0), vaHigh, vaLow);
  }

  /** Tables of 512 eight-byte entries: level 5 is the PML5, 4 the PML4, 3 the PDPT, 2 the page directory, 1 the page table. */
  private resolveLevels(top: number, root: number, vaHigh: number, vaLow: number): number {
    let table = root;
    for (let level = top; ; level--) {
      let index: number;
      if (level === 4) index = (vaHigh >>> 7) & 0x1ff;
      else if (level === 3) index = ((vaHigh & 0x7f) << 2) | (vaLow >>> 30);
      else if (level === 2) index = (vaLow >>> 21) & 0x1ff;
      else if (level === 1) index = (vaLow >>> 12) & 0x1ff;
      else index = (vaHigh >>> 16) & 0x1ff;
      const pa = table + index * 8;
      const low = this.readEntry64(pa);
      const high = this.high;
      if (!(low & PageEntry.P)) return 0;
      if (high & this.reservedHigh) return PageFaultCode.P | PageFaultCode.RSVD;
      this.use(pa, low);
      if (high & XD_HIGH) this.noExecute = true;
      table = (high & 0x000fffff) * TWO_32 + ((low & PAGE_MASK) >>> 0);
      if (level === 1) return this.leaf(table, KIB4, vaLow);
      if (!(low & PageEntry.PS)) continue;
      if (level === 2) {
        if (low & 0x001fe000) return PageFaultCode.P | PageFaultCode.RSVD;
        return this.leaf((high & 0x000fffff) * TWO_32 + ((low & 0xffe00000) >>> 0), MIB2, vaLow);
      }
      if (level >= 4 || !this.model.features.has('PDPE1GB') || low & 0x3fffe000) {
        return PageFaultCode.P | PageFaultCode.RSVD;
      }
      return this.leaf((high & 0x000fffff) * TWO_32 + ((low & 0xc0000000) >>> 0), GIB1, vaLow);
    }
  }

  /** 32-bit paging (SDM vol. 3, section 4.3): two levels of four-byte entries, 4 MiB pages with PSE-36. */
  private resolve32(root: number, vaLow: number): number {
    const directoryPa = root + (vaLow >>> 22) * 4;
    const directory = this.readEntry32(directoryPa);
    if (!(directory & PageEntry.P)) return 0;
    if (directory & PageEntry.PS && this.cr4 & Cr4.PSE) {
      // Bits 20..13 hold bits 39..32 of the frame; those beyond MAXPHYADDR, and bit 21, are reserved.
      const frameHigh = (directory >>> 13) & 0xff;
      const reserved = 1 << 21;
      if (directory & reserved || frameHigh >>> (this.model.physicalAddressBits - 32)) {
        return PageFaultCode.P | PageFaultCode.RSVD;
      }
      this.use(directoryPa, directory);
      return this.leaf(frameHigh * TWO_32 + ((directory & 0xffc00000) >>> 0), MIB4, vaLow);
    }
    this.use(directoryPa, directory);
    const tablePa = ((directory & PAGE_MASK) >>> 0) + ((vaLow >>> 12) & 0x3ff) * 4;
    const entry = this.readEntry32(tablePa);
    if (!(entry & PageEntry.P)) return 0;
    this.use(tablePa, entry);
    return this.leaf((entry & PAGE_MASK) >>> 0, KIB4, vaLow);
  }

  private use(pa: number, low: number): void {
    this.entryPa[this.entries] = pa;
    this.entryLow[this.entries++] = low;
    this.rights &= low;
  }

  private leaf(base: number, pageBytes: number, vaLow: number): number {
    this.frame = base + (vaLow & (pageBytes - 1) & PAGE_MASK);
    this.pageBytes = pageBytes;
    return -1;
  }

  /** Whether the page just resolved may be accessed. */
  private permits(access: number): boolean {
    return this.entriesPermit(access) && !(this.protectionKeys && this.keyForbids(access));
  }

  /** Rights by protection key (SDM vol. 3, section 4.6.2): PKRU for user pages, IA32_PKRS for supervisor pages. */
  private keyForbids(access: number): boolean {
    const userPage = (this.rights & PageEntry.US) !== 0;
    if (access & PageAccess.FETCH || !(this.cr4 & (userPage ? Cr4.PKE : Cr4.PKS))) return false;
    if (access & PageAccess.USER && !userPage) return false;
    // The last entry read was that of the page: its key is in bits 62 to 59.
    const key = (this.high >>> 27) & 15;
    this.keysUsed |= 1 << (userPage ? key : key + 16);
    const rights = keyRights(userPage ? this.state.pkru : this.state.pkrs, key);
    if (rights & KeyRights.AD) return true;
    if (!(rights & KeyRights.WD && access & PageAccess.WRITE)) return false;
    return (access & PageAccess.USER) !== 0 || this.writeProtect;
  }

  /** Access rights by the entries (SDM vol. 3, section 4.6.1). */
  private entriesPermit(access: number): boolean {
    const userPage = (this.rights & PageEntry.US) !== 0;
    if (access & PageAccess.SHADOW_STACK) return this.isShadowStackPage() && userPage === !!(access & PageAccess.USER);
    const readOnly = !(this.rights & PageEntry.RW);
    if (access & PageAccess.USER) {
      if (!userPage || (readOnly && access & PageAccess.WRITE)) return false;
      return !(access & PageAccess.FETCH && this.noExecute);
    }
    if (access & PageAccess.FETCH) return !this.noExecute && !(userPage && this.cr4 & Cr4.SMEP);
    if (access & PageAccess.WRITE && readOnly && this.writeProtect) return false;
    if (!userPage || !(this.cr4 & Cr4.SMAP)) return true;
    return !(access & PageAccess.IMPLICIT) && this.state.flag(Flag.AC);
  }

  /**
   * A shadow-stack page is dirty and not writable by its own entry, but by all entries above that (SDM vol. 3, section
   * 4.6.1). Without paging there is nothing to tell it by.
   */
  private isShadowStackPage(): boolean {
    const last = this.entries - 1;
    if ((this.entryLow[last] & (PageEntry.RW | PageEntry.D)) !== Number(PageEntry.D)) return false;
    for (let index = 0; index < last; index++) if (!(this.entryLow[index] & PageEntry.RW)) return false;
    return true;
  }

  private fail(fault: number, access: number): boolean {
    this.errorCode = fault | (access & (PageAccess.WRITE | PageAccess.USER | PageAccess.SHADOW_STACK));
    if (access & PageAccess.FETCH && (this.executeDisable || this.cr4 & Cr4.SMEP)) this.errorCode |= PageAccess.FETCH;
    return false;
  }

  private setAccessedAndDirty(write: boolean): void {
    const last = this.entries - 1;
    for (let index = 0; index <= last; index++) {
      const low = this.entryLow[index];
      const wanted = low | PageEntry.A | (write && index === last ? PageEntry.D : 0);
      if (wanted === low) continue;
      this.entryLow[index] = wanted;
      const pa = this.entryPa[index];
      if (this.memory.contains(pa, 4)) this.memory.writeU32(pa, wanted >>> 0);
      else this.bus.writeMemory(pa, 4, BigInt(wanted >>> 0));
    }
  }

  private readEntry32(pa: number): number {
    if (pa < this.memory.size) return this.words[pa / 4];
    return Number(this.bus.readMemory(pa, 4)) | 0;
  }

  /** Low half of an eight-byte entry; the high half goes to `high`. */
  private readEntry64(pa: number): number {
    if (pa < this.memory.size) {
      this.high = this.words[pa / 4 + 1];
      return this.words[pa / 4];
    }
    this.high = Number(this.bus.readMemory(pa + 4, 4)) | 0;
    return Number(this.bus.readMemory(pa, 4)) | 0;
  }
}
