/** Where system instructions take their new values from, in the SDM's terms (vol. 2, operation sections). */
import { Mnemonic } from 'iced-x86';

/** The instruction, and the registers before it by the labels of effects.ts. */
export interface EffectContext {
  readonly mnemonic: Mnemonic | undefined;
  readonly before: ReadonlyMap<string, bigint>;
}

type Sources = Readonly<Record<string, string>>;

const SYSCALL: Sources = {
  RCX: 'RIP of the next instruction',
  RIP: 'IA32_LSTAR',
  R11: 'RFLAGS',
  CS: 'IA32_STAR[47:32]',
  SS: 'IA32_STAR[47:32] + 8',
  CPL: 'always 0',
  RFLAGS: 'cleared by IA32_FMASK',
};

const SYSRET: Sources = {
  RIP: 'RCX',
  CS: 'IA32_STAR[63:48] + 16',
  SS: 'IA32_STAR[63:48] + 8',
  CPL: 'always 3',
  RFLAGS: 'R11',
};

const SYSENTER: Sources = {
  RIP: 'IA32_SYSENTER_EIP',
  RSP: 'IA32_SYSENTER_ESP',
  CS: 'IA32_SYSENTER_CS',
  SS: 'IA32_SYSENTER_CS + 8',
  CPL: 'always 0',
  RFLAGS: 'always cleared',
};

const SYSEXIT: Sources = {
  RIP: 'RDX',
  RSP: 'RCX',
  CS: 'IA32_SYSENTER_CS + 16 (64-bit: + 32)',
  SS: 'IA32_SYSENTER_CS + 24 (64-bit: + 40)',
  CPL: 'always 3',
};

const INTERRUPT: Sources = {
  RIP: 'gate in the IDT',
  CS: 'gate in the IDT',
  SS: 'null selector: the stack changed',
  RSP: 'RSP0 of the TSS, then the frame pushed',
  CPL: 'DPL of the handler’s code segment',
  RFLAGS: 'cleared by the gate',
};

const IRET: Sources = {
  RIP: 'stack, 1st word',
  CS: 'stack, 2nd word',
  RFLAGS: 'stack, 3rd word',
  RSP: 'stack, 4th word',
  SS: 'stack, 5th word',
  CPL: 'RPL of the CS from the stack',
};

const SWAPGS: Sources = { 'GS.base': 'IA32_KERNEL_GS_BASE', IA32_KERNEL_GS_BASE: 'GS.base' };

const BY_MNEMONIC: ReadonlyMap<Mnemonic, Sources> = new Map([
  [Mnemonic.Syscall, SYSCALL],
  [Mnemonic.Sysret, SYSRET],
  [Mnemonic.Sysretq, SYSRET],
  [Mnemonic.Sysenter, SYSENTER],
  [Mnemonic.Sysexit, SYSEXIT],
  [Mnemonic.Sysexitq, SYSEXIT],
  [Mnemonic.Int, INTERRUPT],
  [Mnemonic.Int3, INTERRUPT],
  [Mnemonic.Int1, INTERRUPT],
  [Mnemonic.Iret, IRET],
  [Mnemonic.Iretd, IRET],
  [Mnemonic.Iretq, IRET],
  [Mnemonic.Swapgs, SWAPGS],
]);

/** Where the new value of `label` came from; empty if the operands say it plainly. */
export function effectSource({ mnemonic, before }: EffectContext, label: string): string {
  if (mnemonic === undefined) return '';
  if (mnemonic === Mnemonic.Wrmsr) return 'EDX:EAX, the MSR number in ECX';
  if (mnemonic === Mnemonic.Rdmsr) return `MSR 0x${((before.get('RCX') ?? 0n) & 0xffffffffn).toString(16)}`;
  const sources = BY_MNEMONIC.get(mnemonic);
  return sources?.[label] ?? sources?.[label.split('.')[0]] ?? '';
}
