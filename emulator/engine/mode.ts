/**
 * What decides how bytes become records besides the bytes themselves: code size, stack width and which segments are flat.
 * Modes are interned, so that blocks can be told apart by a number.
 */
import { Vector } from '../cpu/exceptions';
import { AccessRights, Cr0, Cr4, type CpuState, type SegmentRegister } from '../cpu/state';
import { ControlFlow, controlFlowOf } from './control-flow';
import type { VectorUnit } from '../isa/features';
import { Seg } from '../isa/instruction';
import type { SegmentKind } from '../isa/semantics/context';

export interface Mode {
  readonly id: number;
  /** Default operand and address size of code. */
  readonly codeSize: 16 | 32 | 64;
  /** How PUSH, CALL and their kin reach the stack. */
  readonly stack: SegmentKind;
  /** Bit per segment (index `Seg`): all of the 4 GiB from its base on can be read and written without a check. */
  readonly flat: number;
  /** Bit per flat segment: its base is 0. Of the others bases are not told apart: 16-bit code changes them all the time. */
  readonly zeroBase: number;
  readonly codeBase: bigint;
  /** Last offset in the code segment; instructions beyond it raise #GP(0). */
  readonly codeLimit: number;
  /** Instructions with a VEX prefix exist: not in real-address and virtual-8086 mode. */
  readonly vex: boolean;
  /** Virtual-8086 mode: PUSHF needs IOPL 3. */
  readonly virtual8086: boolean;
  /** Bits `Units`: which vector instructions are enabled. */
  readonly units: number;
  /** What control-flow enforcement asks of branches. */
  readonly controlFlow: ControlFlow;
}

/** Which vector instructions CR0, CR4 and XCR0 allow (SDM vol. 3, tables 2-2 and 14-1). */
export const enum Units {
  /** CR0.EM is clear. */
  MMX = 1,
  /** So is it, and CR4.OSFXSR is set. */
  SSE = 2,
  /** CR4.OSXSAVE is set, and the SSE and AVX state in XCR0. */
  AVX = 4,
  /** CR0.TS is set: those that are enabled raise #NM. */
  NOT_AVAILABLE = 8,
  COUNT = 16,
}

const AVX_STATE = 6n;

function unitsOf({ cr0, cr4, xcr0 }: CpuState): number {
  let units = 0;
  if (!(cr0 & Cr0.EM)) units |= cr4 & Cr4.OSFXSR ? Units.MMX | Units.SSE : Units.MMX;
  if (cr4 & Cr4.OSXSAVE && (xcr0 & AVX_STATE) === AVX_STATE) units |= Units.AVX;
  return cr0 & Cr0.TS ? units | Units.NOT_AVAILABLE : units;
}

/** The exception an instruction on `unit` raises in this mode before all else, if it does. */
export function unitFault(mode: Mode, unit: VectorUnit): Vector | undefined {
  const bit = unit === 'avx' ? Units.AVX : unit === 'sse' ? Units.SSE : Units.MMX;
  if (!(mode.units & bit)) return Vector.UD;
  return mode.units & Units.NOT_AVAILABLE ? Vector.NM : undefined;
}

/** How string instructions reach memory, given the segment of their source. */
export function stringSegmentation(mode: Mode, source: Seg): SegmentKind {
  if (mode.codeSize === 64) return 'flat64';
  const needed = (1 << Seg.ES) | (1 << source);
  return (mode.flat & mode.zeroBase & needed) === needed ? 'flat32' : 'checked';
}

const ALL_SEGMENTS = 0x3f;
const LONG_MODES = Array.from({ length: Units.COUNT * ControlFlow.COUNT }, (_, id): Mode => ({
  id,
  codeSize: 64,
  stack: 'flat64',
  flat: ALL_SEGMENTS,
  zeroBase: ALL_SEGMENTS,
  codeBase: 0n,
  codeLimit: 0xffffffff,
  vex: true,
  virtual8086: false,
  units: id % Units.COUNT,
  controlFlow: Math.floor(id / Units.COUNT),
}));

/** Data segment type bits: code, expand-down, writable (SDM vol. 3, table 3-1). */
const TYPE_CODE = 8;
const TYPE_EXPAND_DOWN = 4;
const TYPE_WRITABLE = 2;

function isFlat({ rights, limit, type }: SegmentRegister): boolean {
  if (rights & AccessRights.UNUSABLE || limit !== 0xffffffff) return false;
  return (type & (TYPE_CODE | TYPE_EXPAND_DOWN | TYPE_WRITABLE)) === TYPE_WRITABLE;
}

export class Modes {
  private readonly known = new Map<string, Mode>();

  /** The mode `state` is in. */
  of(state: CpuState): Mode {
    const units = unitsOf(state);
    const controlFlow = controlFlowOf(state);
    if (state.mode64) return LONG_MODES[controlFlow * Units.COUNT + units];
    const { segments } = state;
    const code = segments[Seg.CS];
    let flat = 0;
    let zeroBase = 0;
    segments.forEach((segment, i) => {
      if (isFlat(segment)) flat |= 1 << i;
      else return;
      if (segment.base === 0n) zeroBase |= 1 << i;
    });
    const codeSize = code.big ? 32 : 16;
    const stackBit = 1 << Seg.SS;
    const stack = flat & zeroBase & stackBit && segments[Seg.SS].big ? 'flat32' : 'checked';
    const vex = !state.paragraphSelectors;
    const { virtual8086 } = state;
    const key = [codeSize, stack, flat, zeroBase, code.base, code.limit, vex, virtual8086, units, controlFlow].join();
    let mode = this.known.get(key);
    if (!mode) {
      const id = LONG_MODES.length + this.known.size;
      mode = {
        ...{ id, codeSize, stack, flat, zeroBase, vex, virtual8086, units, controlFlow },
        ...{ codeBase: code.base, codeLimit: code.limit },
      };
      this.known.set(key, mode);
    }
    return mode;
  }
}
