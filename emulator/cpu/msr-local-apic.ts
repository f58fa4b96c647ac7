/** Registers of the local APIC in x2APIC mode, and IA32_TSC_DEADLINE (SDM vol. 3, table 11-6 and section 11.5.4.1). */
import type { Cpu } from './cpu';
import type { ProcessorApic } from './local-apic';
import { generalProtection, type MsrDescription, withFeature } from './msr-description';

/** A model may claim an APIC that the machine has not got. */
function apicOf(cpu: Cpu): ProcessorApic {
  return cpu.localApic ?? generalProtection();
}

const FIRST_X2APIC = 0x800;

function x2apicRegister(index: number, name: string, meaning: string): MsrDescription {
  return {
    number: FIRST_X2APIC + index,
    name: `IA32_X2APIC_${name}`,
    linuxName: `APIC_BASE_MSR + 0x${index.toString(16)}`,
    group: 'interrupts',
    meaning,
    content: 'number',
    fields: [],
    available: withFeature('X2APIC'),
    read: (cpu) => apicOf(cpu).readMsr(index),
    write: (cpu, value) => apicOf(cpu).writeMsr(index, value),
  };
}

/** The eight registers of a bit for each vector. */
function vectorRegisters(first: number, name: string, meaning: string): MsrDescription[] {
  return Array.from({ length: 8 }, (_, n) =>
    x2apicRegister(first + n, `${name}${n}`, `${meaning}, vectors ${32 * n} to ${32 * n + 31}`),
  );
}

const deadline: MsrDescription = {
  number: 0x6e0,
  name: 'IA32_TSC_DEADLINE',
  linuxName: 'MSR_IA32_TSC_DEADLINE',
  group: 'time',
  meaning: 'Time-stamp counter value at which the APIC timer fires; 0 when disarmed',
  content: 'number',
  fields: [],
  available: withFeature('TSC_DEADLINE'),
  read: (cpu) => apicOf(cpu).deadline,
  write(cpu, value) {
    apicOf(cpu).deadline = value;
  },
};

export const localApicRegisters: readonly MsrDescription[] = [
  deadline,
  x2apicRegister(0x02, 'APICID', 'Identifier of the local APIC (read-only)'),
  x2apicRegister(0x03, 'VERSION', 'Version and last local vector table entry (read-only)'),
  x2apicRegister(0x08, 'TPR', 'Task priority'),
  x2apicRegister(0x0a, 'PPR', 'Processor priority (read-only)'),
  x2apicRegister(0x0b, 'EOI', 'End of interrupt (write-only)'),
  x2apicRegister(0x0d, 'LDR', 'Logical destination (read-only)'),
  x2apicRegister(0x0f, 'SIVR', 'Spurious interrupt vector and software enable'),
  ...vectorRegisters(0x10, 'ISR', 'In service'),
  ...vectorRegisters(0x18, 'TMR', 'Trigger mode'),
  ...vectorRegisters(0x20, 'IRR', 'Interrupt request'),
  x2apicRegister(0x28, 'ESR', 'Error status'),
  x2apicRegister(0x30, 'ICR', 'Interrupt command'),
  x2apicRegister(0x32, 'LVT_TIMER', 'Local vector table: timer'),
  x2apicRegister(0x33, 'LVT_THERMAL', 'Local vector table: thermal sensor'),
  x2apicRegister(0x34, 'LVT_PMI', 'Local vector table: performance counters'),
  x2apicRegister(0x35, 'LVT_LINT0', 'Local vector table: pin LINT0'),
  x2apicRegister(0x36, 'LVT_LINT1', 'Local vector table: pin LINT1'),
  x2apicRegister(0x37, 'LVT_ERROR', 'Local vector table: error'),
  x2apicRegister(0x38, 'INIT_COUNT', 'Timer: initial count'),
  x2apicRegister(0x39, 'CUR_COUNT', 'Timer: current count (read-only)'),
  x2apicRegister(0x3e, 'DIV_CONF', 'Timer: divide configuration'),
  x2apicRegister(0x3f, 'SELF_IPI', 'Interrupt to this processor (write-only)'),
];
