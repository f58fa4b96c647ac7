/** Every register a user can name, where its value lives, and what may be written to it. */
import {
  Flag,
  GuestException,
  linearAddressBits,
  readControlRegister,
  widestAddressBits,
  writeControlRegister,
  writeMsr,
  type Machine,
  type SegmentRegister,
} from '../emulator';
import { AdapterError } from './errors';
import { CR0_FIELDS, CR4_FIELDS, EFER_FIELDS, RFLAGS_FIELDS, fieldValue, withField, type BitField } from './fields';
import { hex } from './memory';
import { VECTOR_CONTROL, X87_CONTROL } from './vector-control';

export type RegisterGroup = 'general' | 'flags' | 'segments' | 'control' | 'msr' | 'vector';

/** One register by its SDM name in lower case. A part of another register names it in `of`. */
export interface Register {
  readonly name: string;
  readonly bits: number;
  readonly group: RegisterGroup;
  /** For sub-registers and flags: the register it is a part of, from bit `shift` up. */
  readonly of?: { readonly name: string; readonly shift: number };
  readonly fields?: readonly BitField[];
  read(machine: Machine): bigint;
  /** Absent if the debugger cannot set it; `readOnlyReason` then tells why. `value` fits `bits`. */
  write?(machine: Machine, value: bigint): void;
  readonly readOnlyReason?: string;
}

export const GENERAL_NAMES = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const SEGMENT_NAMES = 'es cs ss ds fs gs'.split(' ');

/** Refuses an address whose upper bits are not copies of the topmost of its low `bits`. */
function requireCanonical(name: string, value: bigint, bits: number): void {
  if (BigInt.asUintN(64, BigInt.asIntN(bits, value)) !== value) {
    throw new AdapterError(
      `0x${value.toString(16)} is not canonical (bits 63 to ${bits - 1} differ), so ${name} cannot hold it.`,
    );
  }
}

function full(index: number): Register {
  return {
    name: GENERAL_NAMES[index],
    bits: 64,
    group: 'general',
    read: ({ state }) => state.gpr[index],
    write: ({ state }, value) => (state.gpr[index] = value),
  };
}

/** eax, ax, al, ah and the like for general register `index`. */
function parts(index: number): Register[] {
  const name = GENERAL_NAMES[index];
  const legacy = name.slice(1);
  const names: [string, number, number][] =
    index >= 8
      ? [
          [`${name}d`, 32, 0],
          [`${name}w`, 16, 0],
          [`${name}b`, 8, 0],
        ]
      : [
          [`e${legacy}`, 32, 0],
          [legacy, 16, 0],
          [index < 4 ? `${legacy[0]}l` : `${legacy}l`, 8, 0],
          ...(index < 4 ? ([[`${legacy[0]}h`, 8, 8]] as [string, number, number][]) : []),
        ];
  return names.map(([part, bits, shift]) => ({
    name: part,
    bits,
    group: 'general',
    of: { name, shift },
    read: ({ state }) => BigInt.asUintN(bits, state.gpr[index] >> BigInt(shift)),
    write: ({ state }, value) => {
      const mask = ((1n << BigInt(bits)) - 1n) << BigInt(shift);
      state.gpr[index] = (state.gpr[index] & ~mask) | (value << BigInt(shift));
    },
  }));
}

const RIP: Register = {
  name: 'rip',
  bits: 64,
  group: 'general',
  read: ({ state }) => state.rip,
  write: ({ state }, value) => {
    requireCanonical('RIP', value, linearAddressBits(state));
    state.rip = value;
  },
};

/** RFLAGS bits that exist on this processor; the others must stay as they are. */
const RFLAGS_MASK = RFLAGS_FIELDS.reduce((mask, each) => withField(mask, each, -1n), BigInt(Flag.FIXED));

const RFLAGS: Register = {
  name: 'rflags',
  bits: 64,
  group: 'flags',
  fields: RFLAGS_FIELDS,
  read: ({ state }) => BigInt(state.rflags),
  write: (machine, value) => {
    if ((value & ~RFLAGS_MASK) !== 0n || (value & BigInt(Flag.FIXED)) === 0n) {
      throw new AdapterError(
        `0x${value.toString(16)} sets reserved bits of RFLAGS: only 0x${RFLAGS_MASK.toString(16)} exist, and bit 1 is always 1.`,
      );
    }
    machine.state.rflags = Number(value);
    machine.cpu.modeChanged();
  },
};

function flag(each: BitField): Register {
  return {
    name: each.name.toLowerCase(),
    bits: each.width,
    group: 'flags',
    of: { name: 'rflags', shift: each.low },
    read: ({ state }) => fieldValue(BigInt(state.rflags), each),
    write: (machine, value) => {
      machine.state.rflags = Number(withField(BigInt(machine.state.rflags), each, value));
      machine.cpu.modeChanged();
    },
  };
}

const SELECTOR_REASON =
  'A selector alone cannot be set: its hidden part (base, limit, rights) is loaded from the descriptor table by an instruction such as mov to the segment register.';

function segmentRegisters(): Register[] {
  const of = (name: string, pick: (machine: Machine) => SegmentRegister, baseWritable: boolean): Register[] => [
    {
      name,
      bits: 16,
      group: 'segments',
      read: (machine) => BigInt(pick(machine).selector),
      readOnlyReason: SELECTOR_REASON,
    },
    {
      name: `${name}_base`,
      bits: 64,
      group: 'segments',
      read: (machine) => pick(machine).base,
      ...(baseWritable
        ? {
            write: (machine: Machine, value: bigint) => {
              requireCanonical(`${name}_base`, value, widestAddressBits(machine.cpu.model));
              pick(machine).base = value;
              machine.cpu.modeChanged();
            },
          }
        : { readOnlyReason: 'In 64-bit mode this base is fixed at 0; only FS and GS have one that counts.' }),
    },
    {
      name: `${name}_limit`,
      bits: 32,
      group: 'segments',
      read: (machine) => BigInt(pick(machine).limit),
      readOnlyReason: SELECTOR_REASON,
    },
  ];
  return [
    ...SEGMENT_NAMES.flatMap((name, index) =>
      of(name, ({ state }) => state.segments[index], name === 'fs' || name === 'gs'),
    ),
    ...of('tr', ({ state }) => state.tr, true),
    ...of('ldtr', ({ state }) => state.ldtr, true),
    ...(['gdtr', 'idtr'] as const).flatMap((name): Register[] => [
      {
        name: `${name}_base`,
        bits: 64,
        group: 'segments',
        read: ({ state }) => state[name].base,
        write: ({ cpu, state }, value) => {
          requireCanonical(`${name}_base`, value, widestAddressBits(cpu.model));
          state[name].base = value;
        },
      },
      {
        name: `${name}_limit`,
        bits: 16,
        group: 'segments',
        read: ({ state }) => BigInt(state[name].limit),
        write: ({ state }, value) => {
          state[name].limit = Number(value);
        },
      },
    ]),
  ];
}

const IA32_EFER = 0xc0000080;

/** A control register, written as MOV to it would: what the processor refuses is refused. */
function control(index: 0 | 2 | 3 | 4 | 8, bits: number, fields?: readonly BitField[]): Register {
  const name = `cr${index}`;
  return {
    name,
    bits,
    group: 'control',
    ...(fields ? { fields } : {}),
    read: ({ cpu }) => readControlRegister(cpu, index),
    write: ({ cpu }, value) => {
      refusedAs(`MOV to ${name.toUpperCase()}`, value, () => writeControlRegister(cpu, index, value));
    },
  };
}

/** Runs an architectural write; a #GP becomes an error that says which instruction would have raised it. */
export function refusedAs(instruction: string, value: bigint, write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!(error instanceof GuestException)) throw error;
    throw new AdapterError(
      `The processor refuses 0x${value.toString(16)}: ${instruction} would raise #GP (a reserved bit, or a combination of bits that is not allowed now).`,
    );
  }
}

const CONTROL: readonly Register[] = [
  control(0, 32, CR0_FIELDS),
  control(2, 64),
  control(3, 64),
  control(4, 64, CR4_FIELDS),
  control(8, 4),
  {
    name: 'efer',
    bits: 32,
    group: 'control',
    fields: EFER_FIELDS,
    read: ({ state }) => BigInt(state.efer >>> 0),
    write: ({ cpu }, value) => {
      refusedAs('WRMSR to IA32_EFER', value, () => writeMsr(cpu, IA32_EFER, value));
    },
  },
  {
    name: 'xcr0',
    bits: 64,
    group: 'control',
    read: ({ state }) => state.xcr0,
    readOnlyReason: 'XCR0 is set by XSETBV.',
  },
  {
    name: 'ssp',
    bits: 64,
    group: 'control',
    read: ({ state }) => state.cet.ssp,
    write: ({ state }, value) => (state.cet.ssp = value),
  },
  {
    name: 'cpl',
    bits: 2,
    group: 'control',
    read: ({ state }) => BigInt(state.cpl),
    readOnlyReason: 'The privilege level changes by a gate (SYSCALL, INT, IRET, …), not by itself.',
  },
];

/** All registers but the MSRs, in the order a user expects to see them. */
export const REGISTERS: readonly Register[] = [
  ...GENERAL_NAMES.map((_, index) => full(index)),
  RIP,
  ...GENERAL_NAMES.flatMap((_, index) => parts(index)),
  { ...RIP, name: 'eip', bits: 32, of: { name: 'rip', shift: 0 }, read: ({ state }) => BigInt.asUintN(32, state.rip) },
  RFLAGS,
  { ...RFLAGS, name: 'eflags', bits: 32, of: { name: 'rflags', shift: 0 } },
  ...RFLAGS_FIELDS.map(flag),
  ...segmentRegisters(),
  ...CONTROL,
  ...[0, 1, 2, 3].map((index): Register => ({
    name: `dr${index}`,
    bits: 64,
    group: 'control',
    read: ({ state }) => state.breakpointAddresses[index],
    write: (machine, value) => {
      machine.state.breakpointAddresses[index] = value;
      machine.cpu.modeChanged();
    },
  })),
  {
    name: 'dr6',
    bits: 32,
    group: 'control',
    read: ({ state }) => BigInt(state.dr6 >>> 0),
    write: ({ state }, value) => (state.dr6 = Number(value)),
  },
  {
    name: 'dr7',
    bits: 32,
    group: 'control',
    read: ({ state }) => BigInt(state.dr7 >>> 0),
    write: (machine, value) => {
      machine.state.dr7 = Number(value);
      machine.cpu.modeChanged();
    },
  },
  ...VECTOR_CONTROL,
  ...X87_CONTROL,
];

const BY_NAME: ReadonlyMap<string, Register> = new Map(REGISTERS.map((register) => [register.name, register]));

/** The register called `name` in any case, without sigil; a base may also be written `gs.base`. */
export function registerNamed(name: string): Register | undefined {
  return BY_NAME.get(name.toLowerCase().replace('.', '_'));
}

/** Checks and writes; throws AdapterError for a value that does not fit or a register that cannot be set. */
export function writeRegister(machine: Machine, register: Register, value: bigint): void {
  if (!register.write)
    throw new AdapterError(`${register.name} cannot be set. ${register.readOnlyReason ?? ''}`.trim());
  const unsigned = BigInt.asUintN(register.bits, value);
  if (unsigned !== value && BigInt.asIntN(register.bits, value) !== value) {
    const bits = `${register.bits} bit${register.bits === 1 ? '' : 's'}`;
    throw new AdapterError(`${value < 0n ? value : hex(value)} does not fit the ${bits} of ${register.name}.`);
  }
  register.write(machine, unsigned);
}
