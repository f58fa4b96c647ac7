/** The MSRs for views and expressions: `ringside/msrs` and `ringside/writeMsr`. */
import { GuestException, findMsr, msrs, type MsrDescription, type Machine } from '../emulator';
import { AdapterError } from './errors';
import { hex } from './memory';
import type { MsrField, MsrRow, MsrsResponse, SymbolReference } from './protocol';
import { refusedAs, type Register } from './registers';
import { symbolReference } from './references';
import type { Target } from './target';

/** Values by number, as they were at a stop; to tell what changed since. */
export type MsrSnapshot = ReadonlyMap<number, bigint>;

export function msrSnapshot(machine: Machine): MsrSnapshot {
  const values = new Map<number, bigint>();
  for (const msr of msrs) {
    const value = available(machine, msr) ? readable(machine, msr) : undefined;
    if (value !== undefined) values.set(msr.number, value);
  }
  return values;
}

/** `ringside/msrs`: all that this CPU model has and that can be read, those of system calls first. */
export function msrsResponse(target: Target, previous: MsrSnapshot | undefined): MsrsResponse {
  const shown = inOrder(msrs.filter((msr) => available(target.machine, msr)));
  return { msrs: shown.flatMap((msr) => msrRow(target, msr, previous) ?? []) };
}

/** By group; within one the SYSCALL registers, which have the high numbers, before those of SYSENTER. */
function inOrder(descriptions: readonly MsrDescription[]): MsrDescription[] {
  const groups = Object.keys(GROUP_TITLES);
  const rank = ({ group, number }: MsrDescription): number =>
    groups.indexOf(group) * 2 + (group === 'system call' && number < 0xc0000000 ? 1 : 0);
  return [...descriptions].sort((a, b) => rank(a) - rank(b) || a.number - b.number);
}

/** `ringside/writeMsr`: as WRMSR in ring 0 would; what it refuses is an AdapterError that names the bits. */
export function writeMsrValue(target: Target, number: number, text: string): MsrRow {
  const msr = findMsr(target.machine.cpu.model, number);
  if (!msr) throw new AdapterError(`This CPU model has no MSR 0x${number.toString(16)}.`);
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) {
    throw new AdapterError(`"${text}" is no value for ${msr.name}: write a number such as 0xffffffff81000000 or 42.`);
  }
  const before = msrSnapshot(target.machine);
  writeChecked(target.machine, msr, BigInt(text));
  const row = msrRow(target, msr, before);
  if (!row) throw new AdapterError(`${msr.name} cannot be read.`);
  return row;
}

/** An MSR as a register of expressions: `lstar`, `ia32_lstar`, `msr_lstar`, in any case. */
export function msrRegister(name: string): Register | undefined {
  const wanted = shortName(name);
  const msr = msrs.find((each) => shortName(each.name) === wanted || shortName(each.linuxName) === wanted);
  return msr && registerOf(msr);
}

/** All MSRs of the machine's CPU model as registers, in the same order. */
export function msrRegisters(machine: Machine): Register[] {
  return inOrder(msrs)
    .filter((msr) => available(machine, msr) && readable(machine, msr) !== undefined)
    .map(registerOf);
}

export function msrRegisterNames(): string[] {
  return msrs.map(({ name }) => shortName(name));
}

/** What an MSR holds: whether its value is an address. */
export function holdsAddress(name: string): boolean {
  return msrs.some((msr) => shortName(msr.name) === shortName(name) && msr.content === 'address');
}

function shortName(name: string): string {
  return name.toLowerCase().replace(/^(ia32_|msr_ia32_|msr_)/, '');
}

function registerOf(msr: MsrDescription): Register {
  return {
    name: shortName(msr.name),
    bits: 64,
    group: 'msr',
    fields: msr.fields.map(({ name, low, width, meaning }) => ({ name, low, width, description: meaning })),
    read: (machine) => {
      const value = available(machine, msr) ? readable(machine, msr) : undefined;
      if (value === undefined)
        throw new AdapterError(`${msr.name} does not exist on this CPU model or cannot be read.`);
      return value;
    },
    write: (machine, value) => writeChecked(machine, msr, value),
  };
}

function available(machine: Machine, msr: MsrDescription): boolean {
  return msr.available(machine.cpu.model);
}

/** Undefined for a write-only register. */
function readable({ cpu }: Machine, msr: MsrDescription): bigint | undefined {
  try {
    return msr.read(cpu);
  } catch (error) {
    if (error instanceof GuestException) return undefined;
    throw error;
  }
}

function writeChecked({ cpu }: Machine, msr: MsrDescription, value: bigint): void {
  const unsigned = BigInt.asUintN(64, value);
  const defined = msr.fields.reduce((mask, { low, width }) => mask | (((1n << BigInt(width)) - 1n) << BigInt(low)), 0n);
  const reserved = msr.content === 'fields' ? unsigned & ~defined : 0n;
  try {
    msr.write(cpu, unsigned);
  } catch (error) {
    if (!(error instanceof GuestException)) throw error;
    if (reserved !== 0n) {
      throw new AdapterError(
        `${msr.name} does not take ${hex(unsigned)}: bits ${hex(reserved)} are reserved and must be 0.`,
      );
    }
    if (msr.content === 'address') {
      throw new AdapterError(`${msr.name} does not take ${hex(unsigned)}: the address is not canonical.`);
    }
    refusedAs(`WRMSR to ${msr.name}`, unsigned, () => msr.write(cpu, unsigned));
  }
}

const TIME_STAMP_COUNTER = 0x10;

/** Headings, in the order in which groups are shown. */
const GROUP_TITLES: Record<MsrDescription['group'], string> = {
  'system call': 'System call (SYSCALL, SYSRET, SYSENTER)',
  'control flow': 'Control-flow enforcement (CET)',
  events: 'Event delivery (FRED)',
  'segment bases': 'Segment bases',
  time: 'Time',
  'memory types': 'Memory types',
  speculation: 'Speculation',
  debug: 'Debug',
  interrupts: 'Local APIC (x2APIC mode)',
  processor: 'Processor',
};

function msrRow(target: Target, msr: MsrDescription, previous: MsrSnapshot | undefined): MsrRow | undefined {
  const value = readable(target.machine, msr);
  if (value === undefined) return undefined;
  const symbol: SymbolReference | undefined = msr.content === 'address' ? symbolReference(target, value) : undefined;
  const before = previous?.get(msr.number);
  return {
    number: msr.number,
    name: msr.name,
    linuxName: msr.linuxName,
    group: GROUP_TITLES[msr.group],
    value: hex(value),
    fields: [...msr.fields].sort((a, b) => b.low - a.low).map((field) => fieldRow(msr, field, value)),
    ...(symbol ? { symbol } : {}),
    // A clock that runs by itself would be marked at every stop.
    changed: msr.number !== TIME_STAMP_COUNTER && before !== undefined && before !== value,
    writable: isWritable(target.machine, msr),
  };
}

function fieldRow(
  msr: MsrDescription,
  { name, low, width, meaning }: MsrDescription['fields'][number],
  value: bigint,
): MsrField {
  const part = (value >> BigInt(low)) & ((1n << BigInt(width)) - 1n);
  return {
    name,
    bits: [low + width - 1, low],
    value: hex(part),
    meaning: selectorMeaning(msr, name, part) ?? meaning,
  };
}

/** What the selector fields of STAR and SYSENTER_CS will load (SDM vol. 2, SYSCALL, SYSRET, SYSENTER, SYSEXIT). */
function selectorMeaning(msr: MsrDescription, field: string, part: bigint): string | undefined {
  const selector = (offset: bigint, rpl: bigint): string => hex(((part + offset) & 0xfffcn) | rpl);
  switch (`${msr.linuxName} ${field}`) {
    case 'MSR_STAR SYSCALL_CS':
      return `SYSCALL loads CS ${selector(0n, 0n)}, SS ${selector(8n, 0n)}`;
    case 'MSR_STAR SYSRET_CS':
      return `SYSRET loads CS ${selector(16n, 3n)} (64-bit) or ${selector(0n, 3n)} (32-bit), SS ${selector(8n, 3n)}`;
    case 'MSR_IA32_SYSENTER_CS CS':
      return part === 0n ? 'SYSENTER raises #GP' : `SYSENTER loads CS ${selector(0n, 0n)}, SS ${selector(8n, 0n)}`;
    default:
      return undefined;
  }
}

/** A register that refuses even the value it has is read-only. */
function isWritable({ cpu }: Machine, msr: MsrDescription): boolean {
  try {
    msr.write(cpu, msr.read(cpu));
    return true;
  } catch (error) {
    if (error instanceof GuestException) return false;
    throw error;
  }
}
