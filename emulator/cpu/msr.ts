/**
 * The model-specific registers: one table that RDMSR and WRMSR execute and that debuggers show (SDM vol. 4; AMD APM
 * vol. 2, appendix A). A register that is not in the table, or not on the CPU model, raises #GP(0).
 */
import { Gpr, Seg, type Instruction } from '../isa/instruction';
import { APIC_BASE_RESET, ApicBase } from './apic-base';
import type { Cpu } from './cpu';
import type { CpuModel, Feature } from './cpuid';
import { GuestException, Vector } from './exceptions';
import { isCanonical } from './linear-memory';
import { readEdxEax, writeEdxEax } from './registers';
import { Efer, type CpuState } from './state';
import { readTimestamp } from './timestamp';

/** A named group of bits. */
export interface MsrField {
  readonly name: string;
  readonly low: number;
  readonly width: number;
  readonly meaning: string;
}

export type MsrGroup =
  'system call' | 'segment bases' | 'time' | 'memory types' | 'speculation' | 'debug' | 'processor';

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

function generalProtection(): never {
  throw new GuestException(Vector.GP, 0);
}

const field = (name: string, low: number, width: number, meaning: string): MsrField => ({ name, low, width, meaning });
const flag = (name: string, bit: number, meaning: string): MsrField => field(name, bit, 1, meaning);

/** Bits of all fields together: for many registers exactly those that may be written. */
function fieldMask(fields: readonly MsrField[]): bigint {
  return fields.reduce((mask, { low, width }) => mask | (((1n << BigInt(width)) - 1n) << BigInt(low)), 0n);
}

const onEvery = (_model: CpuModel): boolean => true;
const onVendor = (vendor: CpuModel['vendor']) => (model: CpuModel) => model.vendor === vendor;
const withFeature = (feature: Feature) => (model: CpuModel) => model.features.has(feature);

type Text = Pick<MsrDescription, 'number' | 'name' | 'linuxName' | 'group' | 'meaning'>;

/** 64-bit state fields that an MSR holds. */
type StateKey =
  | 'star' | 'lstar' | 'cstar' | 'fmask' | 'kernelGsBase' | 'tscAux' | 'sysenterCs' | 'sysenterEsp' | 'sysenterEip'; // prettier-ignore

/** A linear address kept in `CpuState`; must be canonical. */
function address(text: Text, key: StateKey, available = onEvery): MsrDescription {
  return {
    ...text,
    content: 'address',
    fields: [],
    available,
    read: (cpu) => cpu.state[key],
    write(cpu, value) {
      if (!isCanonical(value)) generalProtection();
      cpu.state[key] = value;
    },
  };
}

/** Bit fields kept in `CpuState`; bits of no field are reserved. */
function fieldsInState(text: Text, key: StateKey, fields: readonly MsrField[], available = onEvery): MsrDescription {
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

interface HeldOptions {
  readonly fields?: readonly MsrField[];
  readonly reset?: bigint;
  /** Bits that may be written; default: those of the fields, or all if there are none. */
  readonly writable?: bigint;
  readonly valid?: (value: bigint) => boolean;
  readonly available?: (model: CpuModel) => boolean;
}

/** A register that only holds what was written. */
function held(text: Text, options: HeldOptions = {}): MsrDescription {
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
function constant(text: Text, value: bigint, available = onEvery, fields: readonly MsrField[] = []): MsrDescription {
  const content = fields.length > 0 ? 'fields' : 'number';
  return { ...text, content, fields, available, read: () => value, write: generalProtection };
}

/** The hidden base of FS or GS. */
function segmentBase(text: Text, seg: Seg): MsrDescription {
  return {
    ...text,
    content: 'address',
    fields: [],
    available: onEvery,
    read: (cpu) => cpu.state.segments[seg].base,
    write(cpu, value) {
      if (!isCanonical(value)) generalProtection();
      cpu.state.segments[seg].base = value;
      cpu.modeChanged();
    },
  };
}

const EFER_FIELDS = [
  flag('SCE', 0, 'SYSCALL and SYSRET enabled'),
  flag('LME', 8, 'long mode enabled; active once paging is on'),
  flag('LMA', 10, 'long mode active (read-only)'),
  flag('NXE', 11, 'no-execute bit in page tables enabled'),
];

const efer: MsrDescription = {
  number: 0xc0000080,
  name: 'IA32_EFER',
  linuxName: 'MSR_EFER',
  group: 'system call',
  meaning: 'Extended feature enables',
  content: 'fields',
  fields: EFER_FIELDS,
  available: withFeature('LM'),
  read: (cpu) => BigInt(cpu.state.efer),
  write(cpu, value) {
    const { state } = cpu;
    if (value & ~fieldMask(EFER_FIELDS)) generalProtection();
    const bits = Number(value);
    if (bits & Efer.NXE && !cpu.model.features.has('NX')) generalProtection();
    if (state.paging && (bits ^ state.efer) & Efer.LME) generalProtection();
    const next = (bits & ~Efer.LMA) | (state.efer & Efer.LMA);
    if ((next ^ state.efer) & Efer.NXE) cpu.translations.flush(false);
    state.efer = next;
    cpu.modeChanged();
  },
};

const STAR_FIELDS = [
  field('SYSCALL_EIP', 0, 32, 'target of SYSCALL in legacy mode (AMD)'),
  field('SYSCALL_CS', 32, 16, 'CS loaded by SYSCALL; SS is 8 above'),
  field('SYSRET_CS', 48, 16, 'CS loaded by SYSRET to 32-bit code; SS is 8 above, 64-bit CS 16 above'),
];

const FMASK_FIELDS = [
  flag('CF', 0, 'clear the carry flag'),
  flag('PF', 2, 'clear the parity flag'),
  flag('AF', 4, 'clear the auxiliary carry flag'),
  flag('ZF', 6, 'clear the zero flag'),
  flag('SF', 7, 'clear the sign flag'),
  flag('TF', 8, 'clear the trap flag: no single step into the kernel'),
  flag('IF', 9, 'clear the interrupt flag: enter with interrupts off'),
  flag('DF', 10, 'clear the direction flag'),
  flag('OF', 11, 'clear the overflow flag'),
  field('IOPL', 12, 2, 'clear the I/O privilege level'),
  flag('NT', 14, 'clear the nested-task flag'),
  flag('RF', 16, 'clear the resume flag'),
  flag('AC', 18, 'clear alignment check: SMAP closed'),
  flag('ID', 21, 'clear the ID flag'),
];

/** Any of the low 32 bits may be written, not only those that mask a flag. */
const fmask: MsrDescription = {
  ...fieldsInState(
    {
      number: 0xc0000084,
      name: 'IA32_FMASK',
      linuxName: 'MSR_SYSCALL_MASK',
      group: 'system call',
      meaning: 'RFLAGS bits that SYSCALL clears',
    },
    'fmask',
    FMASK_FIELDS,
  ),
  write(cpu, value) {
    if (value >> 32n) generalProtection();
    cpu.state.fmask = value;
  },
};

const sysenterCs: MsrDescription = {
  ...fieldsInState(
    {
      number: 0x174,
      name: 'IA32_SYSENTER_CS',
      linuxName: 'MSR_IA32_SYSENTER_CS',
      group: 'system call',
      meaning: 'CS loaded by SYSENTER; SS and the SYSEXIT selectors follow at 8, 16, 24 (64-bit: 32, 40)',
    },
    'sysenterCs',
    [field('CS', 0, 16, 'code-segment selector; 0 makes SYSENTER raise #GP')],
    withFeature('SEP'),
  ),
  write(cpu, value) {
    cpu.state.sysenterCs = value & 0xffffffffn;
  },
};

const timeStampCounter: MsrDescription = {
  number: 0x10,
  name: 'IA32_TIME_STAMP_COUNTER',
  linuxName: 'MSR_IA32_TSC',
  group: 'time',
  meaning: 'Time-stamp counter',
  content: 'number',
  fields: [],
  available: withFeature('TSC'),
  read: readTimestamp,
  write(cpu, value) {
    cpu.state.tscOffset = BigInt.asUintN(64, value - cpu.timestamp);
  },
};

const APIC_BASE_FIELDS = [
  flag('BSP', 8, 'bootstrap processor'),
  flag('EN', 11, 'local APIC enabled'),
  field('APIC_Base', 12, 40, 'physical page of the local APIC'),
];

const apicBase: MsrDescription = {
  ...held(
    {
      number: 0x1b,
      name: 'IA32_APIC_BASE',
      linuxName: 'MSR_IA32_APICBASE',
      group: 'processor',
      meaning: 'Local APIC location and status',
    },
    { fields: APIC_BASE_FIELDS, reset: APIC_BASE_RESET },
  ),
  available: withFeature('APIC'),
  write(cpu, value) {
    const base = (1n << BigInt(cpu.model.physicalAddressBits)) - 0x1000n;
    if (value & ~(base | BigInt(ApicBase.BSP | ApicBase.EN))) generalProtection();
    cpu.state.otherMsrs.set(0x1b, value);
  },
};

const SPEC_CTRL_FIELDS = [
  flag('IBRS', 0, 'indirect branch restricted speculation'),
  flag('STIBP', 1, 'single thread indirect branch predictors'),
  flag('SSBD', 2, 'speculative store bypass disable'),
];

/** Barriers and flushes: write-only, and nothing to do where nothing is speculated. */
const predictionCommand: MsrDescription = {
  number: 0x49,
  name: 'IA32_PRED_CMD',
  linuxName: 'MSR_IA32_PRED_CMD',
  group: 'speculation',
  meaning: 'Indirect branch prediction barrier (write-only)',
  content: 'fields',
  fields: [flag('IBPB', 0, 'issue the barrier')],
  available: (model) => model.features.has('IBRS_IBPB') || model.features.has('AMD_IBPB'),
  read: generalProtection,
  write(_cpu, value) {
    if (value & ~1n) generalProtection();
  },
};

const PAT_TYPES = 'memory type: 0 UC, 1 WC, 4 WT, 5 WP, 6 WB, 7 UC-';
const PAT_FIELDS = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => field(`PA${index}`, 8 * index, 3, PAT_TYPES));

function isMemoryType(type: number): boolean {
  return type <= 7 && type !== 2 && type !== 3;
}

/** Variable and fixed memory-type range registers (SDM vol. 3, section 12.11). */
const MTRR_VARIABLE = 8;
const MTRR_FIXED: readonly (readonly [number, string])[] = [
  [0x250, '64K_00000'],
  [0x258, '16K_80000'],
  [0x259, '16K_A0000'],
  ...Array.from({ length: 8 }, (_, index): [number, string] => [
    0x268 + index,
    `4K_${(0xc0000 + 0x8000 * index).toString(16).toUpperCase()}`,
  ]),
];

function memoryTypeRange(
  number: number,
  name: string,
  linuxName: string,
  meaning: string,
  options: HeldOptions,
): MsrDescription {
  return held(
    { number, name, linuxName, group: 'memory types', meaning },
    { available: withFeature('MTRR'), ...options },
  );
}

const mtrrs: readonly MsrDescription[] = [
  constant(
    {
      number: 0xfe,
      name: 'IA32_MTRRCAP',
      linuxName: 'MSR_MTRRcap',
      group: 'memory types',
      meaning: 'Memory-type range registers there are',
    },
    0x508n,
    withFeature('MTRR'),
    [field('VCNT', 0, 8, 'variable ranges'), flag('FIX', 8, 'fixed ranges'), flag('WC', 10, 'write-combining type')],
  ),
  ...Array.from({ length: MTRR_VARIABLE }, (_, index) => [
    memoryTypeRange(
      0x200 + 2 * index,
      `IA32_MTRR_PHYSBASE${index}`,
      `MTRRphysBase_MSR(${index})`,
      'Variable range: base and type',
      {
        fields: [field('Type', 0, 8, PAT_TYPES), field('PhysBase', 12, 28, 'physical page')],
        valid: (value) => isMemoryType(Number(value & 0xffn)),
      },
    ),
    memoryTypeRange(
      0x201 + 2 * index,
      `IA32_MTRR_PHYSMASK${index}`,
      `MTRRphysMask_MSR(${index})`,
      'Variable range: mask',
      {
        fields: [flag('V', 11, 'valid'), field('PhysMask', 12, 28, 'address mask')],
      },
    ),
  ]).flat(),
  ...MTRR_FIXED.map(([number, range]) =>
    memoryTypeRange(number, `IA32_MTRR_FIX${range}`, `MSR_MTRRfix${range}`, 'Fixed range: eight memory types', {
      valid: (value) =>
        [0, 1, 2, 3, 4, 5, 6, 7].every((byte) => isMemoryType(Number((value >> BigInt(8 * byte)) & 0xffn))),
    }),
  ),
  memoryTypeRange(0x2ff, 'IA32_MTRR_DEF_TYPE', 'MSR_MTRRdefType', 'Default memory type', {
    fields: [
      field('Type', 0, 8, PAT_TYPES),
      flag('FE', 10, 'fixed ranges enabled'),
      flag('E', 11, 'memory-type ranges enabled'),
    ],
    valid: (value) => isMemoryType(Number(value & 0xffn)),
  }),
];

/** AMD's own registers (APM vol. 2, appendix A.2; PPR for family 17h). */
const amdRegisters: readonly MsrDescription[] = [
  ...[0, 1, 2, 3].flatMap((index) => [
    held(
      {
        number: 0xc0010000 + index,
        name: `PerfEvtSel${index}`,
        linuxName: `MSR_K7_EVNTSEL${index}`,
        group: 'processor',
        meaning: `Selects the event that counter ${index} counts`,
      },
      { available: onVendor('amd') },
    ),
    held(
      {
        number: 0xc0010004 + index,
        name: `PerfCtr${index}`,
        linuxName: `MSR_K7_PERFCTR${index}`,
        group: 'processor',
        meaning: `Performance counter ${index}`,
      },
      { available: onVendor('amd') },
    ),
  ]),
  held(
    {
      number: 0xc0010010,
      name: 'SYS_CFG',
      linuxName: 'MSR_AMD64_SYSCFG',
      group: 'processor',
      meaning: 'System configuration',
    },
    { available: onVendor('amd') },
  ),
  held(
    {
      number: 0xc0010015,
      name: 'HWCR',
      linuxName: 'MSR_K7_HWCR',
      group: 'processor',
      meaning: 'Hardware configuration',
    },
    { available: onVendor('amd') },
  ),
  held(
    {
      number: 0xc0010055,
      name: 'IntPendMsg',
      linuxName: 'MSR_K8_INT_PENDING_MSG',
      group: 'processor',
      meaning: 'Interrupt-pending message and C1E control',
    },
    { available: onVendor('amd') },
  ),
  held(
    {
      number: 0xc0011029,
      name: 'DE_CFG',
      linuxName: 'MSR_AMD64_DE_CFG',
      group: 'speculation',
      meaning: 'Decode configuration',
    },
    { available: onVendor('amd'), fields: [flag('LfenceSerialize', 1, 'LFENCE waits for all earlier instructions')] },
  ),
];

/** Every register this emulator has, by number. */
export const msrs: readonly MsrDescription[] = [
  timeStampCounter,
  constant(
    {
      number: 0x17,
      name: 'IA32_PLATFORM_ID',
      linuxName: 'MSR_IA32_PLATFORM_ID',
      group: 'processor',
      meaning: 'Platform',
    },
    0n,
    onVendor('intel'),
  ),
  apicBase,
  held(
    {
      number: 0x48,
      name: 'IA32_SPEC_CTRL',
      linuxName: 'MSR_IA32_SPEC_CTRL',
      group: 'speculation',
      meaning: 'Speculation control',
    },
    { fields: SPEC_CTRL_FIELDS, available: withFeature('IBRS_IBPB') },
  ),
  predictionCommand,
  {
    // Writing 0 before CPUID asks for the revision; the rest of a write is ignored.
    ...constant(
      {
        number: 0x8b,
        name: 'IA32_BIOS_SIGN_ID',
        linuxName: 'MSR_IA32_UCODE_REV',
        group: 'processor',
        meaning: 'Microcode revision (AMD: PATCH_LEVEL)',
      },
      1n << 32n,
    ),
    write: () => undefined,
  },
  ...mtrrs,
  sysenterCs,
  address(
    {
      number: 0x175,
      name: 'IA32_SYSENTER_ESP',
      linuxName: 'MSR_IA32_SYSENTER_ESP',
      group: 'system call',
      meaning: 'RSP loaded by SYSENTER',
    },
    'sysenterEsp',
    withFeature('SEP'),
  ),
  address(
    {
      number: 0x176,
      name: 'IA32_SYSENTER_EIP',
      linuxName: 'MSR_IA32_SYSENTER_EIP',
      group: 'system call',
      meaning: 'Target of SYSENTER',
    },
    'sysenterEip',
    withFeature('SEP'),
  ),
  held(
    {
      number: 0x1a0,
      name: 'IA32_MISC_ENABLE',
      linuxName: 'MSR_IA32_MISC_ENABLE',
      group: 'processor',
      meaning: 'Miscellaneous features',
    },
    {
      fields: [
        flag('FAST_STRING', 0, 'fast string operations'),
        flag('BTS_UNAVAIL', 11, 'no branch trace storage'),
        flag('PEBS_UNAVAIL', 12, 'no precise event-based sampling'),
        flag('MWAIT', 18, 'MONITOR and MWAIT enabled'),
      ],
      reset: 0x41801n,
      available: onVendor('intel'),
    },
  ),
  held(
    {
      number: 0x1d9,
      name: 'IA32_DEBUGCTL',
      linuxName: 'MSR_IA32_DEBUGCTLMSR',
      group: 'debug',
      meaning: 'Debug control',
    },
    {
      fields: [
        flag('LBR', 0, 'record last branches'),
        flag('BTF', 1, 'single-step on branches: RFLAGS.TF traps after branches only'),
      ],
    },
  ),
  held(
    {
      number: 0x277,
      name: 'IA32_PAT',
      linuxName: 'MSR_IA32_CR_PAT',
      group: 'memory types',
      meaning: 'Page attribute table',
    },
    {
      fields: PAT_FIELDS,
      reset: 0x0007040600070406n,
      valid: (value) => PAT_FIELDS.every(({ low }) => isMemoryType(Number((value >> BigInt(low)) & 7n))),
      available: withFeature('PAT'),
    },
  ),
  efer,
  fieldsInState(
    {
      number: 0xc0000081,
      name: 'IA32_STAR',
      linuxName: 'MSR_STAR',
      group: 'system call',
      meaning: 'Segment selectors of SYSCALL and SYSRET',
    },
    'star',
    STAR_FIELDS,
  ),
  address(
    {
      number: 0xc0000082,
      name: 'IA32_LSTAR',
      linuxName: 'MSR_LSTAR',
      group: 'system call',
      meaning: 'Target of SYSCALL from 64-bit code',
    },
    'lstar',
  ),
  address(
    {
      number: 0xc0000083,
      name: 'IA32_CSTAR',
      linuxName: 'MSR_CSTAR',
      group: 'system call',
      meaning: 'Target of SYSCALL from compatibility mode (AMD)',
    },
    'cstar',
  ),
  fmask,
  segmentBase(
    {
      number: 0xc0000100,
      name: 'IA32_FS_BASE',
      linuxName: 'MSR_FS_BASE',
      group: 'segment bases',
      meaning: 'Base of FS',
    },
    Seg.FS,
  ),
  segmentBase(
    {
      number: 0xc0000101,
      name: 'IA32_GS_BASE',
      linuxName: 'MSR_GS_BASE',
      group: 'segment bases',
      meaning: 'Base of GS',
    },
    Seg.GS,
  ),
  address(
    {
      number: 0xc0000102,
      name: 'IA32_KERNEL_GS_BASE',
      linuxName: 'MSR_KERNEL_GS_BASE',
      group: 'segment bases',
      meaning: 'Exchanged with the base of GS by SWAPGS',
    },
    'kernelGsBase',
  ),
  fieldsInState(
    {
      number: 0xc0000103,
      name: 'IA32_TSC_AUX',
      linuxName: 'MSR_TSC_AUX',
      group: 'time',
      meaning: 'Read by RDTSCP and RDPID',
    },
    'tscAux',
    [field('AUX', 0, 32, 'Linux: node << 12 | CPU')],
    withFeature('RDTSCP'),
  ),
  ...amdRegisters,
];

const byNumber = new Map(msrs.map((msr) => [msr.number, msr]));

/** The register, if this CPU model has it. */
export function findMsr(model: CpuModel, number: number): MsrDescription | undefined {
  const msr = byNumber.get(number >>> 0);
  return msr?.available(model) ? msr : undefined;
}

/** Throws #GP(0) for a register that is not there or cannot be read. */
export function readMsr(cpu: Cpu, number: number): bigint {
  return (findMsr(cpu.model, number) ?? generalProtection()).read(cpu);
}

/** Throws #GP(0) for a register that is not there or a value it does not take. */
export function writeMsr(cpu: Cpu, number: number, value: bigint): void {
  (findMsr(cpu.model, number) ?? generalProtection()).write(cpu, BigInt.asUintN(64, value));
}

function requireRing0(state: CpuState): void {
  if (state.cpl !== 0) generalProtection();
}

/** RDMSR. */
export function executeRdmsr(cpu: Cpu, _instruction: Instruction): void {
  requireRing0(cpu.state);
  writeEdxEax(cpu.state, readMsr(cpu, Number(cpu.state.gpr[Gpr.RCX] & 0xffffffffn)));
}

/** WRMSR. */
export function executeWrmsr(cpu: Cpu, _instruction: Instruction): void {
  requireRing0(cpu.state);
  writeMsr(cpu, Number(cpu.state.gpr[Gpr.RCX] & 0xffffffffn), readEdxEax(cpu.state));
}
