/** The MSRs of control-flow enforcement (SDM vol. 4, table 2-2; vol. 1, sections 17.1.1 and 17.2). */
import { CetBit } from './cet-state';
import type { CpuModel } from './cpuid';
import { isCanonicalInRegister } from './canonical';
import { field, fieldMask, flag, generalProtection, type MsrDescription, withFeature } from './msr-description';

const SHADOW_STACK_FIELDS = [
  flag('SH_STK_EN', 0, 'shadow stacks enabled'),
  flag('WR_SHSTK_EN', 1, 'WRSS may write to shadow stacks'),
];
const TRACKING_FIELDS = [
  flag('ENDBR_EN', 2, 'indirect branches must go to ENDBRANCH instructions'),
  flag('LEG_IW_EN', 3, 'pages marked in the bitmap are exempt: legacy code'),
  flag('NO_TRACK_EN', 4, 'the no-track prefix exempts an indirect branch'),
  flag('SUPPRESS_DIS', 5, 'entering legacy code does not suppress tracking'),
  flag('SUPPRESS', 10, 'tracking is suppressed'),
  flag('TRACKER', 11, '1: the next instruction must be ENDBRANCH'),
  field('EB_LEG_BITMAP_BASE', 12, 52, 'linear page of the bitmap of legacy code pages'),
];

function available(model: CpuModel): boolean {
  return model.features.has('CET_SS') || model.features.has('CET_IBT');
}

/** Bits of features the model lacks are reserved; SUPPRESS needs TRACKER to be 0. */
function requireValidControls(model: CpuModel, value: bigint): void {
  const allowed =
    (model.features.has('CET_SS') ? fieldMask(SHADOW_STACK_FIELDS) : 0n) |
    (model.features.has('CET_IBT') ? fieldMask(TRACKING_FIELDS) : 0n);
  const both = BigInt(CetBit.SUPPRESS | CetBit.TRACKER);
  if (value & ~allowed || (value & both) === both || !isCanonicalInRegister(model, value)) generalProtection();
}

const controls = (number: number, name: 'U' | 'S', key: 'user' | 'supervisor', level: string): MsrDescription => ({
  number,
  name: `IA32_${name}_CET`,
  linuxName: `MSR_IA32_${name}_CET`,
  group: 'control flow',
  meaning: `Control-flow enforcement at ${level}`,
  content: 'fields',
  fields: [...SHADOW_STACK_FIELDS, ...TRACKING_FIELDS],
  available,
  read: (cpu) => cpu.state.cet[key],
  write(cpu, value) {
    requireValidControls(cpu.model, value);
    cpu.state.cet[key] = value;
    cpu.modeChanged();
  },
});

const privilegeSsp = (level: 0 | 1 | 2 | 3): MsrDescription => ({
  number: 0x6a4 + level,
  name: `IA32_PL${level}_SSP`,
  linuxName: `MSR_IA32_PL${level}_SSP`,
  group: 'control flow',
  meaning:
    level === 3
      ? 'Shadow-stack pointer of ring 3 while a more privileged ring runs'
      : `Shadow stack that events take into use at CPL ${level}: address of its token`,
  content: 'address',
  fields: [],
  // FRED uses IA32_PL0_SSP as IA32_FRED_SSP0.
  available: (model) => model.features.has('CET_SS') || (level === 0 && model.features.has('FRED')),
  read: (cpu) => cpu.state.cet.privilegeSsp[level],
  write(cpu, value) {
    if (value & 3n || !isCanonicalInRegister(cpu.model, value)) generalProtection();
    cpu.state.cet.privilegeSsp[level] = value;
  },
});

export const cetRegisters: readonly MsrDescription[] = [
  controls(0x6a0, 'U', 'user', 'CPL 3'),
  controls(0x6a2, 'S', 'supervisor', 'CPL 0, 1 and 2'),
  privilegeSsp(0),
  privilegeSsp(1),
  privilegeSsp(2),
  privilegeSsp(3),
  {
    number: 0x6a8,
    name: 'IA32_INTERRUPT_SSP_TABLE_ADDR',
    linuxName: 'MSR_IA32_INT_SSP_TAB',
    group: 'control flow',
    meaning: 'Table of shadow-stack pointers by IST index',
    content: 'address',
    fields: [],
    available: withFeature('CET_SS'),
    read: (cpu) => cpu.state.cet.interruptSspTable,
    write(cpu, value) {
      if (!isCanonicalInRegister(cpu.model, value)) generalProtection();
      cpu.state.cet.interruptSspTable = value;
    },
  },
];
