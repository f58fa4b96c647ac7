/** The MSRs of FRED (FRED specification, section 4.2; SDM vol. 4, table 2-2). */
import { isCanonicalInRegister } from './canonical';
import type { Cpu } from './cpu';
import { field, flag, generalProtection, type MsrDescription, withFeature } from './msr-description';

const available = withFeature('FRED');

interface Pointer {
  readonly number: number;
  readonly name: string;
  readonly meaning: string;
  /** Low bits that must be 0. */
  readonly zero: bigint;
  readonly get: (cpu: Cpu) => bigint;
  readonly set: (cpu: Cpu, value: bigint) => void;
}

const pointer = ({ number, name, meaning, zero, get, set }: Pointer): MsrDescription => ({
  number,
  name: `IA32_FRED_${name}`,
  linuxName: `MSR_IA32_FRED_${name}`,
  group: 'events',
  meaning,
  content: 'address',
  fields: [],
  available,
  read: get,
  write(cpu, value) {
    if (value & zero || !isCanonicalInRegister(cpu.model, value)) generalProtection();
    set(cpu, value);
  },
});

const stackPointers = [0, 1, 2, 3].map((level) =>
  pointer({
    number: 0x1cc + level,
    name: `RSP${level}`,
    meaning: level === 0 ? 'RSP of events in ring 3' : `RSP of events at stack level ${level}`,
    zero: 63n,
    get: ({ state }) => state.fred.rsp[level],
    set: ({ state }, value) => (state.fred.rsp[level] = value),
  }),
);

const shadowStackPointers = [1, 2, 3].map((level) =>
  pointer({
    number: 0x1d0 + level,
    name: `SSP${level}`,
    meaning: `Shadow-stack pointer of events at stack level ${level}`,
    zero: 7n,
    get: ({ state }) => state.fred.ssp[level - 1],
    set: ({ state }, value) => (state.fred.ssp[level - 1] = value),
  }),
);

/** Exceptions to which Linux gives stacks of their own. */
const STACK_LEVEL_FIELDS = [
  field('DB', 2, 2, 'stack level of #DB in ring 0'),
  field('NMI', 4, 2, 'stack level of NMIs in ring 0'),
  field('DF', 16, 2, 'stack level of #DF'),
  field('PF', 28, 2, 'stack level of #PF in ring 0'),
  field('MC', 36, 2, 'stack level of #MC in ring 0'),
];

const CONFIG_FIELDS = [
  field('CSL', 0, 2, 'current stack level'),
  flag('SSP_DECREMENT', 3, 'an event at an unchanged stack level moves SSP down by 8'),
  field('RSP_DECREMENT', 6, 3, 'and RSP by so many times 64'),
  field('INT_STKLVL', 9, 2, 'stack level of maskable interrupts in ring 0'),
  field('ENTRY', 12, 52, 'page of the entry points: events in ring 3 at its start, in ring 0 256 bytes on'),
];
const CONFIG_RESERVED = 0x834n;

export const fredRegisters: readonly MsrDescription[] = [
  ...stackPointers,
  {
    number: 0x1d0,
    name: 'IA32_FRED_STKLVLS',
    linuxName: 'MSR_IA32_FRED_STKLVLS',
    group: 'events',
    meaning: 'Stack levels of exceptions, two bits by vector',
    content: 'fields',
    fields: STACK_LEVEL_FIELDS,
    available,
    read: ({ state }) => state.fred.stackLevels,
    write({ state }, value) {
      state.fred.stackLevels = value;
    },
  },
  ...shadowStackPointers,
  {
    number: 0x1d4,
    name: 'IA32_FRED_CONFIG',
    linuxName: 'MSR_IA32_FRED_CONFIG',
    group: 'events',
    meaning: 'Entry points and stack levels of FRED event delivery',
    content: 'fields',
    fields: CONFIG_FIELDS,
    available,
    read: ({ state }) => state.fred.config,
    write(cpu, value) {
      if (value & CONFIG_RESERVED || !isCanonicalInRegister(cpu.model, value)) generalProtection();
      cpu.state.fred.config = value;
    },
  },
];
