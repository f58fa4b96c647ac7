/**
 * A stack that a control transfer pushes to or pops from. Pushes are checked one by one but written only by `commit`,
 * so a fault in the middle of a frame leaves memory as it was; RSP is the caller's to set.
 */
import { Gpr, Seg } from '../isa/instruction';
import { isCanonical } from './canonical';
import type { Cpu } from './cpu';
import { GuestException, Vector } from './exceptions';
import {
  dataAccess,
  readLinear,
  requireWritable,
  writableAddress,
  writeLinear,
  writePhysical,
  type AccessSize,
} from './linear-memory';
import { PageAccess } from './paging';
import { withinLimit, type SegmentView } from './segmentation';
import { AccessRights } from './state';

export interface StackOptions {
  /** Bytes of the stack pointer: 8 in 64-bit mode, else by SS.B. */
  readonly pointerSize: 2 | 4 | 8;
  readonly segment: SegmentView;
  readonly pointer: bigint;
  /** `PageAccess` bits of the privilege level whose stack it is. */
  readonly access: number;
  /** Error code of a #SS: 0, or the selector of a stack just switched to. */
  readonly errorCode: number;
}

export class Stack {
  pointer: bigint;
  /** What was pushed; `pa` is where in RAM it goes, or -1. */
  private readonly pending: { va: bigint; size: AccessSize; value: bigint; pa: number }[] = [];

  constructor(
    private readonly cpu: Cpu,
    private readonly options: StackOptions,
  ) {
    this.pointer = BigInt.asUintN(8 * options.pointerSize, options.pointer);
  }

  /** The stack in use: SS:RSP at the current privilege level. `errorCode` is that of a #SS. */
  static current(cpu: Cpu, errorCode = 0): Stack {
    const { state } = cpu;
    return new Stack(cpu, {
      pointerSize: stackPointerSize(cpu),
      segment: state.segments[Seg.SS],
      pointer: state.gpr[Gpr.RSP],
      access: dataAccess(cpu),
      errorCode,
    });
  }

  /** Throws #SS or #PF. */
  push(size: 2 | 4 | 8, value: bigint): void {
    const pointer = BigInt.asUintN(8 * this.options.pointerSize, this.pointer - BigInt(size));
    const va = this.linear(pointer, size);
    const pa = writableAddress(this.cpu, va, size, this.options.access, Vector.SS);
    this.pending.push({ va, size, value, pa });
    this.pointer = pointer;
  }

  /** Throws what writing `size` bytes at the pointer would throw. */
  requireWritable(size: 2 | 4 | 8): void {
    requireWritable(this.cpu, this.linear(this.pointer, size), size, this.options.access, Vector.SS);
  }

  /** Writes what was pushed. */
  commit(): void {
    const { cpu } = this;
    for (const { va, size, value, pa } of this.pending) {
      if (pa < 0) {
        writeLinear(cpu, va, size, value, this.options.access);
        continue;
      }
      writePhysical(cpu, pa, size, value);
      if (!(this.options.access & PageAccess.IMPLICIT)) cpu.accessed?.(va, size, 'write');
    }
    this.pending.length = 0;
  }

  /** Reads `size` bytes and moves up. Throws #SS or #PF. */
  pop(size: 2 | 4 | 8): bigint {
    const value = this.peek(0, size);
    this.skip(size);
    return value;
  }

  /** Reads `size` bytes, `offset` bytes above the pointer. */
  peek(offset: number, size: 2 | 4 | 8): bigint {
    const pointer = BigInt.asUintN(8 * this.options.pointerSize, this.pointer + BigInt(offset));
    return readLinear(this.cpu, this.linear(pointer, size), size, this.options.access, Vector.SS);
  }

  /** Moves up without reading. */
  skip(bytes: number): void {
    this.pointer = BigInt.asUintN(8 * this.options.pointerSize, this.pointer + BigInt(bytes));
  }

  private linear(offset: bigint, size: number): bigint {
    const { segment, pointerSize, errorCode } = this.options;
    if (pointerSize === 8) {
      const { state } = this.cpu;
      if (!isCanonical(state, offset) || !isCanonical(state, offset + BigInt(size - 1)))
        throw new GuestException(Vector.SS, errorCode);
      return offset;
    }
    const unusable = (segment.rights & AccessRights.UNUSABLE) !== 0;
    if (unusable || !withinLimit(segment, offset, size)) throw new GuestException(Vector.SS, errorCode);
    return BigInt.asUintN(32, segment.base + offset);
  }
}

/** Bytes of the stack pointer in use (SDM vol. 1, section 6.2.3). */
export function stackPointerSize(cpu: Cpu): 2 | 4 | 8 {
  if (cpu.state.mode64) return 8;
  return cpu.state.segments[Seg.SS].big ? 4 : 2;
}

/** Writes RSP, ESP (bits 63..32 become 0) or SP (the other bits stay). */
export function setStackPointer(cpu: Cpu, pointer: bigint, size: 2 | 4 | 8): void {
  const { gpr } = cpu.state;
  gpr[Gpr.RSP] = size === 2 ? (gpr[Gpr.RSP] & ~0xffffn) | (pointer & 0xffffn) : BigInt.asUintN(8 * size, pointer);
}

/** `PageAccess` of explicit accesses at privilege level `cpl`. */
export function accessAt(cpl: number): number {
  return cpl === 3 ? PageAccess.USER : PageAccess.READ;
}
