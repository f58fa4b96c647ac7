/** Machine code as AT&T text in the manner of objdump. */
import { Decoder, DecoderOptions, Formatter, FormatterSyntax, Instruction } from 'iced-x86';
import type { CodeSize } from '../elf/object';

/** One decoded instruction. */
export interface DisassembledInstruction {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** Without symbols. */
  readonly text: string;
  /** Address that a direct branch goes to, or that a RIP-relative operand names. */
  readonly target: bigint | undefined;
  readonly targetKind: 'branch' | 'memory' | undefined;
}

const INVALID = '(bad)';

/** Disassembles stretches of code; `free` it when done, its formatter lives in WebAssembly memory. */
export class Disassembler {
  private readonly formatter = new Formatter(FormatterSyntax.Gas);
  private readonly instruction = new Instruction();

  constructor() {
    this.formatter.firstOperandCharIndex = 7;
    this.formatter.spaceAfterOperandSeparator = false;
    this.formatter.smallHexNumbersInDecimal = false;
    this.formatter.branchLeadingZeros = false;
    this.formatter.uppercaseHex = false;
    this.formatter.ripRelativeAddresses = true;
  }

  /** All of `code`, which begins at `address`. A byte that begins no whole instruction is shown as (bad). */
  *disassemble(code: Uint8Array, address: bigint, bits: CodeSize['bits']): Generator<DisassembledInstruction> {
    const decoder = new Decoder(bits, code, DecoderOptions.None);
    try {
      while (decoder.position < code.length) {
        const start = decoder.position;
        const va = address + BigInt(start);
        decoder.ip = va;
        decoder.decodeOut(this.instruction);
        const isValid = !this.instruction.isInvalid;
        if (!isValid) decoder.position = start + 1;
        yield {
          address: va,
          bytes: code.subarray(start, decoder.position),
          text: isValid ? this.formatter.format(this.instruction).trimEnd() : INVALID,
          ...(isValid ? this.target() : { target: undefined, targetKind: undefined }),
        };
      }
    } finally {
      decoder.free();
    }
  }

  free(): void {
    this.formatter.free();
    this.instruction.free();
  }

  private target(): Pick<DisassembledInstruction, 'target' | 'targetKind'> {
    const { instruction } = this;
    if (instruction.isIpRelMemoryOperand) {
      return { target: instruction.ipRelMemoryAddress, targetKind: 'memory' };
    }
    const isBranch =
      instruction.isJccShortOrNear ||
      instruction.isJmpShortOrNear ||
      instruction.isCallNear ||
      instruction.isLoop ||
      instruction.isLoopcc ||
      instruction.isJcxShort;
    return isBranch
      ? { target: instruction.nearBranchTarget, targetKind: 'branch' }
      : { target: undefined, targetKind: undefined };
  }
}
