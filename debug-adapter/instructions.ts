/** Decoding for display and stepping, by iced-x86. Its objects live in wasm memory and are freed here. */
import {
  Decoder,
  DecoderOptions,
  FlowControl,
  Formatter,
  FormatterSyntax,
  Instruction,
  Mnemonic,
  OpKind,
  Register,
} from 'iced-x86';

/** The longest instruction (SDM vol. 2, 2.3.11). */
export const MAX_INSTRUCTION_BYTES = 15;

export type Bitness = 16 | 32 | 64;

/** What a debugger wants to know of one instruction. */
export interface InstructionFacts {
  readonly va: bigint;
  readonly length: number;
  /** AT&T syntax. */
  readonly text: string;
  readonly mnemonic: Mnemonic;
  readonly flow: FlowControl;
  /** Target of a direct near branch or call; address of a RIP-relative operand; displacement of one that holds an address. */
  readonly target?: bigint;
  /** CALL near or far. */
  readonly isCall: boolean;
  /** An instruction by which user code enters the kernel: SYSCALL, SYSENTER, INT n. */
  readonly entersKernel: boolean;
  /** A string instruction with a repeat prefix. */
  readonly isRepeated: boolean;
}

const KERNEL_ENTRIES = new Set([Mnemonic.Syscall, Mnemonic.Sysenter, Mnemonic.Int, Mnemonic.Int3, Mnemonic.Int1]);

/** Decodes the first instruction of `bytes`; `use` must not keep it. Undefined if the bytes are no instruction. */
export function decode<T>(
  bytes: Uint8Array,
  va: bigint,
  bitness: Bitness,
  use: (instruction: Instruction) => T,
): T | undefined {
  const decoder = new Decoder(bitness, bytes.subarray(0, MAX_INSTRUCTION_BYTES), DecoderOptions.None);
  decoder.ip = va;
  const instruction = decoder.decode();
  try {
    return instruction.isInvalid ? undefined : use(instruction);
  } finally {
    instruction.free();
    decoder.free();
  }
}

/** Facts about the instruction `bytes` begin with; undefined if they are none. */
export function instructionFacts(bytes: Uint8Array, va: bigint, bitness: Bitness): InstructionFacts | undefined {
  return decode(bytes, va, bitness, (instruction) => {
    const flow = instruction.flowControl;
    const entersKernel = KERNEL_ENTRIES.has(instruction.mnemonic);
    const branches =
      flow === FlowControl.Call || flow === FlowControl.ConditionalBranch || flow === FlowControl.UnconditionalBranch;
    const target = instruction.isIpRelMemoryOperand
      ? instruction.ipRelMemoryAddress
      : branches && !entersKernel
        ? BigInt.asUintN(64, instruction.nearBranchTarget)
        : addressInOperand(instruction);
    return {
      va,
      length: instruction.length,
      text: formatter.format(instruction),
      mnemonic: instruction.mnemonic,
      flow,
      ...(target === undefined ? {} : { target }),
      isCall: !entersKernel && (flow === FlowControl.Call || flow === FlowControl.IndirectCall),
      entersKernel,
      isRepeated:
        instruction.isStringInstruction &&
        (instruction.hasRepPrefix || instruction.hasRepePrefix || instruction.hasRepnePrefix),
    };
  });
}

/** The text with the symbol its target has, as objdump shows it. */
export function symbolicText({ text, target }: InstructionFacts, symbolic: (va: bigint) => string | undefined): string {
  const symbol = target === undefined ? undefined : symbolic(target);
  return symbol ? `${text} <${symbol}>` : text;
}

/** Bytes of displacement from which on it may be an address, as of a table: `sys_call_table(,%rax,8)`. */
const ADDRESS_DISPLACEMENT = 4;

/** In a segment with a base, as that of the per-CPU area, a displacement is an offset. */
const SEGMENTS_WITH_BASE: readonly Register[] = [Register.FS, Register.GS];

function addressInOperand(instruction: Instruction): bigint | undefined {
  const kinds = Array.from({ length: instruction.opCount }, (_, index) => instruction.opKind(index));
  if (!kinds.includes(OpKind.Memory)) return undefined;
  if (instruction.memoryDisplSize < ADDRESS_DISPLACEMENT || SEGMENTS_WITH_BASE.includes(instruction.memorySegment)) {
    return undefined;
  }
  return BigInt.asUintN(64, instruction.memoryDisplacement);
}

/** AT&T syntax with plain hexadecimal numbers. Its settings never change, so one serves all. */
const formatter = attFormatter();

function attFormatter(): Formatter {
  const made = new Formatter(FormatterSyntax.Gas);
  made.hexPrefix = '0x';
  made.hexSuffix = '';
  made.uppercaseHex = false;
  made.spaceAfterOperandSeparator = false;
  made.branchLeadingZeros = false;
  made.ripRelativeAddresses = true;
  made.smallHexNumbersInDecimal = false;
  made.firstOperandCharIndex = 8;
  return made;
}
