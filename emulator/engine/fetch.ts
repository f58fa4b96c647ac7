/** Fetches and decodes guest code: canonical and limit checks, translation for fetching, instructions that cross pages. */
import { isCanonicalHigh } from '../cpu/canonical';
import { missingEndbranch } from '../cpu/cet';
import { GuestException, Vector } from '../cpu/exceptions';
import { PageAccess } from '../cpu/paging';
import { decode, DecoderFeature, type DecodeFailure } from '../isa/decoder';
import type { Instruction } from '../isa/instruction';
import { PAGE_BYTES } from '../memory';
import { ControlFlow } from './control-flow';
import type { CodeFetcher, Fetched } from './code-cache';
import type { Mode } from './mode';
import type { Processor } from './processor';

const LONGEST_INSTRUCTION = 15;

export class Fetcher implements CodeFetcher {
  /** Bytes around a page boundary, or from a device. */
  private readonly joined = new Uint8Array(2 * LONGEST_INSTRUCTION);

  constructor(
    private readonly cpu: Processor,
    /** `DecoderFeature` bits of the CPU model. */
    private readonly features: number,
  ) {}

  /** Physical page of linear address `linear` for fetching. Throws #PF or #GP(0). */
  page(linear: bigint, mode: Mode): number {
    return this.pageOf(Number((linear >> 32n) & 0xffffffffn) | 0, Number(linear & 0xffffffffn), mode);
  }

  /** `page` of an address given as halves. */
  pageOf(vaHigh: number, vaLow: number, mode: Mode): number {
    if (mode.codeSize === 64 && !isCanonicalHigh(this.cpu.state, vaHigh)) throw new GuestException(Vector.GP, 0);
    const user = this.cpu.state.cpl === 3;
    const known = this.cpu.tlb.fetch(user, vaHigh, vaLow);
    if (known >= 0) return known;
    const { paging } = this.cpu;
    if (!paging.walk(vaHigh, vaLow, PageAccess.FETCH | (user ? PageAccess.USER : 0))) {
      const linear = (BigInt(vaHigh >>> 0) << 32n) | BigInt(vaLow >>> 0);
      throw new GuestException(Vector.PF, paging.errorCode, linear);
    }
    if (paging.pageBytes > PAGE_BYTES) this.cpu.tlb.noteLarge(vaHigh, vaLow, paging.pageBytes);
    this.cpu.tlb.fillFetch(user, vaHigh, vaLow, paging.page);
    return paging.page;
  }

  decode(rip: bigint, mode: Mode): Fetched {
    if (mode.codeSize !== 64 && rip > BigInt(mode.codeLimit >>> 0)) throw new GuestException(Vector.GP, 0);
    const linear = this.linear(rip, mode);
    const page = this.page(linear, mode);
    const offset = Number(linear & 0xfffn);
    const available = PAGE_BYTES - offset;
    const { memory } = this.cpu;
    const inRam = memory.contains(page, PAGE_BYTES);
    const features = this.featuresIn(mode);
    let result: Instruction | DecodeFailure;
    if (inRam) {
      result = decode(memory.bytes, page + offset, Math.min(available, LONGEST_INSTRUCTION), mode.codeSize, features);
    } else {
      const first = Math.min(available, LONGEST_INSTRUCTION);
      this.copy(0, page + offset, first);
      result = decode(this.joined, 0, first, mode.codeSize, features);
    }
    let secondPage: number | undefined;
    if (result === 'truncated') {
      this.copy(0, page + offset, available);
      secondPage = this.page(this.linear(rip + BigInt(available), mode), mode);
      this.copy(available, secondPage, LONGEST_INSTRUCTION);
      result = decode(this.joined, 0, LONGEST_INSTRUCTION, mode.codeSize, features);
    }
    if (typeof result === 'string' && mode.controlFlow === ControlFlow.WAITING) missingEndbranch(this.cpu);
    if (result === 'undefined') throw new GuestException(Vector.UD);
    if (typeof result === 'string') throw new GuestException(Vector.GP, 0);
    if (mode.codeSize !== 64 && rip + BigInt(result.length - 1) > BigInt(mode.codeLimit >>> 0)) {
      throw new GuestException(Vector.GP, 0);
    }
    return { instruction: result, page, secondPage };
  }

  decodeAt(pa: number, mode: Mode): Instruction {
    const { memory } = this.cpu;
    const available = Math.min(PAGE_BYTES - (pa % PAGE_BYTES), LONGEST_INSTRUCTION);
    const result = decode(memory.bytes, pa, available, mode.codeSize, this.featuresIn(mode));
    if (typeof result === 'string') throw new Error(`no instruction at physical address 0x${pa.toString(16)}`);
    return result;
  }

  private featuresIn(mode: Mode): number {
    return mode.vex ? this.features : this.features & ~DecoderFeature.VEX;
  }

  private linear(rip: bigint, mode: Mode): bigint {
    return BigInt.asUintN(mode.codeSize === 64 ? 64 : 32, mode.codeBase + rip);
  }

  private copy(to: number, pa: number, length: number): void {
    const { memory, bus } = this.cpu;
    for (let i = 0; i < length; i++) {
      this.joined[to + i] = memory.contains(pa + i, 1) ? memory.bytes[pa + i] : Number(bus.readMemory(pa + i, 1));
    }
  }
}
