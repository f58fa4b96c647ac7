/** Named bits of RFLAGS and the control registers, and how a value is told by them. */
import { Cr0, Cr4, Efer, Flag } from '../emulator';

/** A named part of a register: bits `low`..`low + width - 1`. */
export interface BitField {
  readonly name: string;
  readonly low: number;
  readonly width: number;
  readonly description: string;
}

function field(name: string, mask: number, description: string): BitField {
  const bits = mask >>> 0;
  const low = 31 - Math.clz32(bits & -bits);
  return { name, low, width: 32 - Math.clz32(bits) - low, description };
}

/** RFLAGS (SDM vol. 1, section 3.4.3). */
export const RFLAGS_FIELDS: readonly BitField[] = [
  field('ID', Flag.ID, 'CPUID is available'),
  field('VIP', Flag.VIP, 'virtual interrupt pending'),
  field('VIF', Flag.VIF, 'virtual interrupt flag'),
  field('AC', Flag.AC, 'alignment check; with SMAP: user pages open to the kernel'),
  field('VM', Flag.VM, 'virtual-8086 mode'),
  field('RF', Flag.RF, 'resume: instruction breakpoints ignored once'),
  field('NT', Flag.NT, 'nested task'),
  field('IOPL', Flag.IOPL, 'I/O privilege level'),
  field('OF', Flag.OF, 'signed overflow'),
  field('DF', Flag.DF, 'string instructions go downwards'),
  field('IF', Flag.IF, 'maskable interrupts are let in'),
  field('TF', Flag.TF, 'single-step trap'),
  field('SF', Flag.SF, 'result negative'),
  field('ZF', Flag.ZF, 'result zero'),
  field('AF', Flag.AF, 'carry out of bit 3'),
  field('PF', Flag.PF, 'low byte has even parity'),
  field('CF', Flag.CF, 'carry, unsigned overflow'),
];

/** CR0 (SDM vol. 3, section 2.5). */
export const CR0_FIELDS: readonly BitField[] = [
  field('PG', Cr0.PG, 'paging'),
  field('CD', Cr0.CD, 'cache disable'),
  field('NW', Cr0.NW, 'not write-through'),
  field('AM', Cr0.AM, 'alignment mask'),
  field('WP', Cr0.WP, 'ring 0 obeys read-only pages'),
  field('NE', Cr0.NE, 'x87 errors raise #MF'),
  field('ET', Cr0.ET, 'extension type, always 1'),
  field('TS', Cr0.TS, 'task switched: x87 and SSE raise #NM'),
  field('EM', Cr0.EM, 'x87 emulation'),
  field('MP', Cr0.MP, 'monitor coprocessor'),
  field('PE', Cr0.PE, 'protected mode'),
];

/** CR4 (SDM vol. 3, section 2.5). */
export const CR4_FIELDS: readonly BitField[] = [
  { name: 'FRED', low: 32, width: 1, description: 'flexible return and event delivery: no IDT' },
  field('PKS', Cr4.PKS, 'protection keys for supervisor pages'),
  field('CET', Cr4.CET, 'control-flow enforcement'),
  field('PKE', Cr4.PKE, 'protection keys for user pages'),
  field('SMAP', Cr4.SMAP, 'ring 0 may not touch user pages unless AC is set'),
  field('SMEP', Cr4.SMEP, 'ring 0 may not execute user pages'),
  field('OSXSAVE', Cr4.OSXSAVE, 'XSAVE and XGETBV'),
  field('PCIDE', Cr4.PCIDE, 'process-context identifiers in CR3[11:0]'),
  field('FSGSBASE', Cr4.FSGSBASE, 'RDFSBASE and the like in user code'),
  field('LA57', Cr4.LA57, '5-level paging'),
  field('UMIP', Cr4.UMIP, 'SGDT, SIDT, SLDT, STR, SMSW only in ring 0'),
  field('OSXMMEXCPT', Cr4.OSXMMEXCPT, 'SSE errors raise #XM'),
  field('OSFXSR', Cr4.OSFXSR, 'SSE is on'),
  field('PCE', Cr4.PCE, 'RDPMC in user code'),
  field('PGE', Cr4.PGE, 'global pages'),
  field('PAE', Cr4.PAE, 'page entries of 8 bytes'),
  field('PSE', Cr4.PSE, '4 MiB pages'),
  field('DE', Cr4.DE, 'debugging extensions'),
  field('TSD', Cr4.TSD, 'RDTSC only in ring 0'),
  field('PVI', Cr4.PVI, 'virtual interrupts in protected mode'),
  field('VME', Cr4.VME, 'virtual-8086 extensions'),
];

/** IA32_EFER (SDM vol. 3, section 2.2.1). */
export const EFER_FIELDS: readonly BitField[] = [
  field('NXE', Efer.NXE, 'execute-disable bit in page entries'),
  field('LMA', Efer.LMA, 'long mode active'),
  field('LME', Efer.LME, 'long mode enable'),
  field('SCE', Efer.SCE, 'SYSCALL and SYSRET'),
];

export function fieldValue(value: bigint, { low, width }: BitField): bigint {
  return (value >> BigInt(low)) & ((1n << BigInt(width)) - 1n);
}

export function withField(value: bigint, { low, width }: BitField, part: bigint): bigint {
  const mask = ((1n << BigInt(width)) - 1n) << BigInt(low);
  return (value & ~mask) | ((part << BigInt(low)) & mask);
}

/** The names of the set fields, such as "IF ZF PF"; a field of several bits that is not zero reads "IOPL=3". */
export function setFieldNames(value: bigint, fields: readonly BitField[]): string {
  return fields
    .flatMap((each) => {
      const part = fieldValue(value, each);
      if (part === 0n) return [];
      return [each.width === 1 ? each.name : `${each.name}=${part}`];
    })
    .join(' ');
}
