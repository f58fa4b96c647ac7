/** Register names of AT&T syntax, and iced-x86's numbers for them. */
import { Register } from 'iced-x86';

export type RegisterClass =
  | 'r8'
  | 'r16'
  | 'r32'
  | 'r64'
  | 'segment'
  | 'control'
  | 'debug'
  | 'test'
  | 'x87'
  | 'mmx'
  | 'xmm'
  | 'ymm'
  | 'zmm'
  | 'mask'
  | 'bound'
  | 'tile'
  | 'ip32'
  | 'ip64';

export interface RegisterInfo {
  readonly name: string;
  readonly register: Register;
  readonly class: RegisterClass;
  /** Bits; 0 where it says nothing. */
  readonly size: number;
}

/** iced-x86 numbers registers in rows: class, first, last, size in bits. */
const ROWS: readonly (readonly [RegisterClass, Register, Register, number])[] = [
  ['r8', Register.AL, Register.R15L, 8],
  ['r16', Register.AX, Register.R15W, 16],
  ['r32', Register.EAX, Register.R15D, 32],
  ['r64', Register.RAX, Register.R15, 64],
  ['ip32', Register.EIP, Register.EIP, 32],
  ['ip64', Register.RIP, Register.RIP, 64],
  ['segment', Register.ES, Register.GS, 16],
  ['xmm', Register.XMM0, Register.XMM31, 128],
  ['ymm', Register.YMM0, Register.YMM31, 256],
  ['zmm', Register.ZMM0, Register.ZMM31, 512],
  ['mask', Register.K0, Register.K7, 64],
  ['bound', Register.BND0, Register.BND3, 128],
  ['control', Register.CR0, Register.CR15, 64],
  ['debug', Register.DR0, Register.DR15, 64],
  ['x87', Register.ST0, Register.ST7, 80],
  ['mmx', Register.MM0, Register.MM7, 64],
  ['test', Register.TR0, Register.TR7, 32],
  ['tile', Register.TMM0, Register.TMM7, 0],
];

function attName(icedName: string, registerClass: RegisterClass): string {
  const name = icedName.toLowerCase();
  if (registerClass === 'r8') return name.replace(/^(r\d+)l$/, '$1b');
  if (registerClass === 'x87') return name.replace(/^st(\d)$/, 'st($1)');
  return name;
}

function buildTable(): Map<string, RegisterInfo> {
  const table = new Map<string, RegisterInfo>();
  for (const [registerClass, first, last, size] of ROWS) {
    for (let register = first; register <= last; register++) {
      const name = attName(Register[register] ?? '', registerClass);
      const info: RegisterInfo = { name, register, class: registerClass, size };
      table.set(name, info);
      if (registerClass === 'debug') table.set(name.replace('dr', 'db'), info);
      if (name === 'st(0)') table.set('st', info);
    }
  }
  return table;
}

const REGISTERS = buildTable();

/** The register called `name` (without the %), in any case of letters. */
export function registerNamed(name: string): RegisterInfo | undefined {
  return REGISTERS.get(name) ?? REGISTERS.get(name.toLowerCase());
}

/** Number of a register in its row, as encoded in the instruction. */
export function registerNumber(info: RegisterInfo): number {
  const row = ROWS.find(([registerClass]) => registerClass === info.class);
  return row === undefined ? 0 : info.register - row[1];
}

/** All register names, for completion and suggestions. */
export function registerNames(): string[] {
  return [...REGISTERS.keys()];
}
