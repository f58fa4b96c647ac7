/** The bulk of REP MOVS and REP STOS: whole runs within one page at once, where nothing can tell the difference. */
import { isCanonicalHigh } from '../cpu/canonical';
import type { Cpu } from '../cpu/cpu';
import { PageAccess } from '../cpu/paging';
import { Flag } from '../cpu/state';
import { Gpr, Seg, type Instruction } from '../isa/instruction';
import { PAGE_BYTES } from '../memory';
import * as layout from './layout';
import { sourceSegment } from './lowering';
import type { Mode } from './mode';
import { stringSegmentation } from './mode';
import type { Watch } from './watch';

/** Below this many elements single iterations are as good. */
const WORTHWHILE = 8;

export class BulkString {
  private readonly bytes: Uint8Array;
  private readonly u32: Uint32Array;

  constructor(
    private readonly cpu: Cpu,
    private readonly watch: Watch,
    linear: WebAssembly.Memory,
  ) {
    this.bytes = new Uint8Array(linear.buffer);
    this.u32 = new Uint32Array(linear.buffer);
  }

  /**
   * Does as many iterations as stay within the current pages and returns how many: 0 if the next one needs the exact
   * way (a page boundary, a fault, a device, code, an overlap, few elements).
   */
  run(instruction: Instruction, mode: Mode): number {
    const { state, memory } = this.cpu;
    const { addressSize, operandSize: size, mnemonic } = instruction;
    const copies = mnemonic === 'MOVS';
    const source = copies ? sourceSegment(instruction) : Seg.ES;
    if (addressSize === 2 || this.watch.any || state.flag(Flag.DF | Flag.AC)) return 0;
    if (stringSegmentation(mode, source) === 'checked') return 0;

    const to = this.page(Gpr.RDI, addressSize, 0n, PageAccess.WRITE);
    if (to < 0 || memory.codePages[Math.floor(to / PAGE_BYTES)]) return 0;
    let most = Math.floor((PAGE_BYTES - (to % PAGE_BYTES)) / size);
    let from = 0;
    if (copies) {
      const base = mode.codeSize === 64 && source >= Seg.FS ? state.segments[source].base : 0n;
      from = this.page(Gpr.RSI, addressSize, base, PageAccess.READ);
      if (from < 0) return 0;
      most = Math.min(most, Math.floor((PAGE_BYTES - (from % PAGE_BYTES)) / size));
    }
    const countHigh = addressSize === 8 ? this.u32[2 * Gpr.RCX + 1] : 0;
    const elements = countHigh > 0 ? most : Math.min(most, this.u32[2 * Gpr.RCX]);
    if (elements < WORTHWHILE) return 0;
    const length = elements * size;
    // A copy to just above its source repeats what it has written: only the exact way does that.
    if (copies && to > from && to < from + length) return 0;

    if (copies) this.bytes.copyWithin(layout.RAM + to, layout.RAM + from, layout.RAM + from + length);
    else this.fill(layout.RAM + to, length, size);
    this.add(Gpr.RDI, addressSize, length);
    if (copies) this.add(Gpr.RSI, addressSize, length);
    this.add(Gpr.RCX, addressSize, -elements);
    return elements;
  }

  /** Physical address of an operand in RAM, or -1. */
  private page(register: Gpr, addressSize: number, base: bigint, access: number): number {
    const { state, memory, paging } = this.cpu;
    let low = this.u32[2 * register];
    let high = addressSize === 8 ? this.u32[2 * register + 1] : 0;
    if (base !== 0n) {
      const va = BigInt.asUintN(64, ((BigInt(high) << 32n) | BigInt(low)) + base);
      low = Number(va & 0xffffffffn);
      high = Number(va >> 32n);
    }
    const known = this.known(high, low, (access & PageAccess.WRITE) !== 0);
    if (known >= 0) return known;
    if (!isCanonicalHigh(state, high)) return -1;
    if (!paging.walk(high | 0, low | 0, access | (state.cpl === 3 ? PageAccess.USER : 0))) return -1;
    return memory.contains(paging.page, PAGE_BYTES) ? paging.page + (low & (PAGE_BYTES - 1)) : -1;
  }

  /** Physical address as the TLB has it for generated code, or -1. */
  private known(high: number, low: number, write: boolean): number {
    const table = this.u32[layout.TLB_BASE >> 2] + (write ? layout.TLB_ENTRIES * layout.TLB_ENTRY_BYTES : 0);
    const index = (low >>> 12) & (layout.TLB_ENTRIES - 1);
    const entry = (table + index * layout.TLB_ENTRY_BYTES) >> 2;
    const offset = low & (PAGE_BYTES - 1);
    if (this.u32[entry] !== (low - offset) >>> 0 || this.u32[entry + 1] !== high >>> 0) return -1;
    return this.u32[entry + 2] - layout.RAM + offset;
  }

  private fill(at: number, length: number, size: number): void {
    const { bytes } = this;
    for (let i = 0; i < size; i++) bytes[at + i] = bytes[layout.GPR + 8 * Gpr.RAX + i];
    // What is there already doubles each time.
    for (let done = size; done < length; done *= 2) {
      bytes.copyWithin(at + done, at, at + Math.min(done, length - done));
    }
  }

  /** Adds to a register, less than 2^32; with 32-bit addresses the upper half is cleared. */
  private add(register: Gpr, addressSize: number, delta: number): void {
    const sum = this.u32[2 * register] + delta;
    this.u32[2 * register] = sum;
    if (addressSize === 4) this.u32[2 * register + 1] = 0;
    else if (sum < 0) this.u32[2 * register + 1]--;
    else if (sum >= 2 ** 32) this.u32[2 * register + 1]++;
  }
}
