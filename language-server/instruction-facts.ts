/** What an encoded instruction reads and writes, from iced-x86. Its objects live in WebAssembly memory and are freed here. */
import {
  CpuidFeature,
  Decoder,
  DecoderOptions,
  type Instruction,
  InstructionInfoFactory,
  Mnemonic,
  OpAccess,
  Register,
  RflagsBits,
  type UsedMemory,
  type UsedRegister,
} from 'iced-x86';

export interface InstructionFacts {
  /** iced-x86's name in lower case. */
  readonly mnemonic: string;
  /** As the SDM writes it, such as `MOV r64, r/m64`. */
  readonly form: string;
  /** Opcode as the SDM writes it, such as `o64 8B /r`. */
  readonly opcode: string;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly flags: Readonly<Record<'reads' | 'writes' | 'clears' | 'sets' | 'leaves undefined', readonly string[]>>;
  /** None for what every 64-bit processor has. */
  readonly cpuidFeatures: readonly string[];
  /** Only for ring 0. */
  readonly isPrivileged: boolean;
  readonly length: number;
}

/** Facts about the instruction that `bytes` begin with; undefined if they are none. */
export function instructionFacts(bytes: Uint8Array, bits: 32 | 64): InstructionFacts | undefined {
  const decoder = new Decoder(bits, bytes, DecoderOptions.None);
  const instruction = decoder.decode();
  try {
    return instruction.isInvalid ? undefined : facts(instruction);
  } finally {
    instruction.free();
    decoder.free();
  }
}

function facts(instruction: Instruction): InstructionFacts {
  const { opCode } = instruction;
  const { reads, writes } = operands(instruction);
  try {
    return {
      mnemonic: Mnemonic[instruction.mnemonic].toLowerCase(),
      form: opCode.instructionString,
      opcode: opCode.opCodeString,
      reads,
      writes,
      flags: {
        reads: flagNames(instruction.rflagsRead),
        writes: flagNames(instruction.rflagsWritten),
        clears: flagNames(instruction.rflagsCleared),
        sets: flagNames(instruction.rflagsSet),
        'leaves undefined': flagNames(instruction.rflagsUndefined),
      },
      cpuidFeatures: Array.from(instruction.cpuidFeatures(), (feature) => CpuidFeature[feature] ?? '').filter(
        isReported,
      ),
      isPrivileged: instruction.isPrivileged,
      length: instruction.length,
    };
  } finally {
    opCode.free();
  }
}

/** iced-x86 names the first processor for what CPUID does not report. */
function isReported(feature: string): boolean {
  return !/^(?:INTEL\d|X64)/.test(feature);
}

const READS = new Set([OpAccess.Read, OpAccess.CondRead, OpAccess.ReadWrite, OpAccess.ReadCondWrite]);
const WRITES = new Set([OpAccess.Write, OpAccess.CondWrite, OpAccess.ReadWrite, OpAccess.ReadCondWrite]);

function operands(instruction: Instruction): { reads: string[]; writes: string[] } {
  const factory = new InstructionInfoFactory();
  const info = factory.info(instruction);
  const reads = new Set<string>();
  const writes = new Set<string>();
  const note = (name: string, access: OpAccess): void => {
    if (READS.has(access)) reads.add(name);
    if (WRITES.has(access)) writes.add(name);
  };
  try {
    for (const used of info.usedRegisters() as UsedRegister[]) {
      note(`%${registerName(used.register)}`, used.access);
      used.free();
    }
    for (const used of info.usedMemory() as UsedMemory[]) {
      note(memoryText(used), used.access);
      used.free();
    }
    return { reads: [...reads], writes: [...writes] };
  } finally {
    info.free();
    factory.free();
  }
}

function registerName(register: Register): string {
  return Register[register].toLowerCase();
}

/** An address in AT&T syntax. */
function memoryText(used: UsedMemory): string {
  const { base, index, scale, segment } = used;
  const displacement = BigInt.asIntN(64, used.displacement);
  const hasOverride = segment === Register.FS || segment === Register.GS;
  const number =
    displacement === 0n
      ? ''
      : displacement < 0n
        ? `-0x${(-displacement).toString(16)}`
        : `0x${displacement.toString(16)}`;
  const inner = [
    base === Register.None ? '' : `%${registerName(base)}`,
    ...(index === Register.None ? [] : [`%${registerName(index)}`, `${scale}`]),
  ].join(',');
  const address = `${hasOverride ? `%${registerName(segment)}:` : ''}${number}${inner === '' ? '' : `(${inner})`}`;
  return `memory ${address === '' ? '0' : address}`;
}

const FLAGS = ['OF', 'SF', 'ZF', 'AF', 'CF', 'PF', 'DF', 'IF', 'AC'] as const;

function flagNames(bits: number): string[] {
  return FLAGS.filter((name) => (bits & RflagsBits[name]) !== 0);
}
