/** How a model-specific register is described, and the kinds there are: the tables in msr*.ts are written with these. */
import type { Seg } from '../isa/instruction';
import { isCanonicalInRegister } from './canonical';
import type { Cpu } from './cpu';
import type { CpuModel, Feature } from './cpuid';
import { GuestException, Vector } from './exceptions';

/** A named group of bits. */
export interface MsrField {
  readonly name: string;
  readonly low: number;
  readonly width: number;
  readonly meaning: string;
}

export type MsrGroup =
  | 'system call'
  | 'control flow'
  | 'events'
  | 'segment bases'
  | 'time'
  | 'memory types'
  | 'speculation'
  | 'debug'
  | 'interrupts'
  | 'processor';

export interface MsrDescription {
  readonly number: number;
  /** Name in the SDM (or the APM for AMD's own). */
  readonly name: string;
  /** Name in Linux's msr-index.h. */
  readonly linuxName: string;
  readonly group: MsrGroup;
  readonly meaning: string;
  /** 'address': the whole value is a linear address, to be shown with its symbol. */
  readonly content: 'fields' | 'address' | 'number';
  readonly fields: readonly MsrField[];
  /** Whether the CPU model has the register. */
  available(model: CpuModel): boolean;
  /** The value; throws #GP(0) if the register is write-only. */
  read(cpu: Cpu): bigint;
  /** Throws #GP(0) on a reserved bit, a bad value, or if the register is read-only. */
  write(cpu: Cpu, value: bigint): void;
}

export function generalProtection(): never {
  throw new GuestException(Vector.GP, 0);
}

export const field = (name: string, low: number, width: number, meaning: string): MsrField => ({
  name,
  low,
  width,
  meaning,
});
export const flag = (name: string, bit: number, meaning: string): MsrField => field(name, bit, 1, meaning);

/** Bits of all fields together: for many registers exactly those that may be written. */
export function fieldMask(fields: readonly MsrField[]): bigint {
  return fields.reduce((mask, { low, width }) => mask | (((1n << BigInt(width)) - 1n) << BigInt(low)), 0n);
}

const onEvery = (_model: CpuModel): boolean => true;
export const onVendor = (vendor: CpuModel['vendor']) => (model: CpuModel) => model.vendor === vendor;
export const withFeature = (feature: Feature) => (model: CpuModel) => model.features.has(feature);

export type MsrText = Pick<MsrDescription, 'number' | 'name' | 'linuxName' | 'group' | 'meaning'>;

/** 64-bit state fields that an MSR holds. */
type StateKey =
  | 'star' | 'lstar' | 'cstar' | 'fmask' | 'kernelGsBase' | 'tscAux' | 'sysenterCs' | 'sysenterEsp' | 'sysenterEip'; // prettier-ignore

/** A linear address kept in `CpuState`; must be canonical. */
export function address(text: MsrText, key: StateKey, available = onEvery): MsrDescription {
  return {
    ...text,
    content: 'address',
    fields: [],
    available,
    read: (cpu) => cpu.state[key],
    write(cpu, value) {
      if (!isCanonicalInRegister(cpu.model, value)) generalProtection();
      cpu.state[key] = value;
    },
  };
}

/** Bit fields kept in `CpuState`; bits of no field are reserved. */
export function fieldsInState(
  text: MsrText,
  key: StateKey,
  fields: readonly MsrField[],
  available = onEvery,
): MsrDescription {
  const reserved = ~fieldMask(fields);
  return {
    ...text,
    content: 'fields',
    fields,
    available,
    read: (cpu) => cpu.state[key],
    write(cpu, value) {
      if (value & reserved) generalProtection();
      cpu.state[key] = value;
    },
  };
}

export interface HeldOptions {
  readonly fields?: readonly MsrField[];
  readonly reset?: bigint;
  /** Bits that may be written; default: those of the fields, or all if there are none. */
  readonly writable?: bigint;
  readonly valid?: (value: bigint) => boolean;
  readonly available?: (model: CpuModel) => boolean;
}

/** A register that only holds what was written. */
export function held(text: MsrText, options: HeldOptions = {}): MsrDescription {
  const { fields = [], reset = 0n, valid = () => true, available = onEvery } = options;
  const reserved = ~(options.writable ?? (fields.length > 0 ? fieldMask(fields) : (1n << 64n) - 1n));
  return {
    ...text,
    content: fields.length > 0 ? 'fields' : 'number',
    fields,
    available,
    read: (cpu) => cpu.state.otherMsrs.get(text.number) ?? reset,
    write(cpu, value) {
      if (value & reserved || !valid(value)) generalProtection();
      cpu.state.otherMsrs.set(text.number, value);
    },
  };
}

/** A register with a fixed value: writing raises #GP(0). */
export function constant(
  text: MsrText,
  value: bigint,
  available = onEvery,
  fields: readonly MsrField[] = [],
): MsrDescription {
  const content = fields.length > 0 ? 'fields' : 'number';
  return { ...text, content, fields, available, read: () => value, write: generalProtection };
}

/** The hidden base of FS or GS. */
export function segmentBase(text: MsrText, seg: Seg): MsrDescription {
  return {
    ...text,
    content: 'address',
    fields: [],
    available: onEvery,
    read: (cpu) => cpu.state.segments[seg].base,
    write(cpu, value) {
      if (!isCanonicalInRegister(cpu.model, value)) generalProtection();
      cpu.state.segments[seg].base = value;
      cpu.modeChanged();
    },
  };
}
