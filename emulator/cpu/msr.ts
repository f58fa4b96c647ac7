/**
 * The model-specific registers: one table that RDMSR and WRMSR execute and that debuggers show (SDM vol. 4; AMD APM
 * vol. 2, appendix A). A register that is not in the table, or not on the CPU model, raises #GP(0).
 */
import { Gpr, Seg, type Instruction } from '../isa/instruction';
import { APIC_BASE_RESET, ApicBase } from './apic-base';
import type { Cpu } from './cpu';
import type { CpuModel } from './cpuid';
import { amdRegisters } from './msr-amd';
import { cetRegisters } from './msr-cet';
import {
  address,
  constant,
  field,
  fieldMask,
  fieldsInState,
  flag,
  generalProtection,
  held,
  type MsrDescription,
  onVendor,
  segmentBase,
  withFeature,
} from './msr-description';
import { extendedSupervisorState } from './msr-extended-state';
import { fredRegisters } from './msr-fred';
import { localApicRegisters } from './msr-local-apic';
import { memoryTypeRegisters } from './msr-memory-types';
import { protectionKeyRights } from './msr-protection-keys';
import { readEdxEax, writeEdxEax } from './registers';
import { Efer, type CpuState } from './state';
import { readTimestamp } from './timestamp';

export type { MsrDescription, MsrField, MsrGroup } from './msr-description';

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
    cpu.localApic?.timestampWritten();
  },
};

const APIC_BASE_FIELDS = [
  flag('BSP', 8, 'bootstrap processor'),
  flag('EXTD', 10, 'x2APIC mode'),
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
    const x2apic = cpu.model.features.has('X2APIC') ? BigInt(ApicBase.EXTD) : 0n;
    if (value & ~(base | BigInt(ApicBase.BSP | ApicBase.EN) | x2apic)) generalProtection();
    requireApicTransition(apicMode(this.read(cpu)), apicMode(value));
    cpu.state.otherMsrs.set(0x1b, value);
    cpu.localApic?.setBase(value);
  },
};

/** EN and EXTD. */
function apicMode(base: bigint): number {
  return Number(base & 0xfffn) & (ApicBase.EN | ApicBase.EXTD);
}

/** x2APIC mode is entered from xAPIC mode alone, and left by disabling the APIC (SDM vol. 3, figure 11-27). */
function requireApicTransition(from: number, to: number): void {
  const x2apic = ApicBase.EN | ApicBase.EXTD;
  if (to === (ApicBase.EXTD as number)) generalProtection();
  if (to === x2apic && from === 0) generalProtection();
  if (from === x2apic && to === (ApicBase.EN as number)) generalProtection();
}

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

/** One of Skylake's in which the TSC deadline works: kernels look. */
const MICROCODE_REVISION = 0xf0n;

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
      MICROCODE_REVISION << 32n,
    ),
    write: () => undefined,
  },
  ...memoryTypeRegisters,
  ...localApicRegisters,
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
  protectionKeyRights,
  ...cetRegisters,
  ...fredRegisters,
  extendedSupervisorState,
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
