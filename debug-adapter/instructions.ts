/** Decoding for display and stepping, by iced-x86. Its objects live in wasm memory and are freed here. */
import { Decoder, DecoderOptions, FlowControl, Formatter, FormatterSyntax, Instruction, Mnemonic } from 'iced-x86';

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
  /** Target of a direct near branch or call; address of a RIP-relative operand. */
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
        : undefined;
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
