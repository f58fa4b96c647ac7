/** Has iced-x86 encode an instruction, and notes what in it depends on symbols. */
import { Encoder, Instruction, OpCodeOperandKind, OpKind, Register } from 'iced-x86';
import { isConstant, numberExpression, type Expression, type Value } from './expressions';
import { BRANCH_SIZE, type Form } from './forms';
import { isImmediate, setMemory, setOperand } from './instruction-operands';
import type { Argument } from './matching';
import type { Operand } from './operands';
import { addPrefixes } from './prefixes';
import { StatementError } from './scanner';
import { writeInteger, type FixupKind } from './sections';
import type { Candidate, Written } from './selection';

const K = OpCodeOperandKind;

export interface EncodedFixup {
  readonly offset: number;
  readonly size: number;
  readonly expression: Expression;
  readonly kind: FixupKind;
  readonly bias: number;
  readonly usesPlt?: boolean;
  readonly relaxableGot: 'none' | 'plain' | 'rex';
}

export interface EncodedInstruction {
  readonly bytes: Uint8Array;
  readonly fixups: readonly EncodedFixup[];
  /** A jump whose size is found by relaxation; `bytes` is empty then. */
  readonly jump:
    | { readonly short: Uint8Array; readonly long: Uint8Array; readonly longSize: number; readonly target: Expression }
    | undefined;
}

/** An instruction to encode. */
export interface InstructionText extends Written {
  /** Legacy prefix bytes written before the mnemonic. */
  readonly prefixes: readonly number[];
  /** REX byte written before the mnemonic; 0 for none. */
  readonly rex: number;
}

const GOT_RELAXABLE = /^(?:Mov|Test|Add|Adc|Sub|Sbb|Cmp|And|Or|Xor|Call|Jmp)_/;

export class InstructionEncoder {
  private readonly instruction = new Instruction();
  private readonly encoders = { 32: new Encoder(32), 64: new Encoder(64) };

  /** Encodes a jump to a label; `forms` are all the mnemonic has. */
  encodeBranch(
    text: InstructionText,
    { form: chosen }: Candidate,
    forms: readonly Form[],
    bits: 32 | 64,
  ): EncodedInstruction {
    const operand = text.operands[0] as Operand & { kind: 'memory' };
    const target = operand.displacement as Expression;
    const bytesOf = (form: Form, displacementSize: number): Uint8Array => {
      const { instruction } = this;
      instruction.code = form.code;
      // The instruction before may have left one; as a branch hint it would be encoded.
      instruction.segmentPrefix = Register.None;
      const width = BRANCH_SIZE.get(form.kinds[0]);
      instruction.setOpKind(
        0,
        width === 64 ? OpKind.NearBranch64 : width === 32 ? OpKind.NearBranch32 : OpKind.NearBranch16,
      );
      if (width === 64) instruction.nearBranch64 = 0n;
      else if (width === 32) instruction.nearBranch32 = 0;
      else instruction.nearBranch16 = 0;
      const encoded = this.run(bits);
      return addPrefixes(encoded.subarray(0, encoded.length - displacementSize), text.prefixes, text.rex);
    };
    const isShort = (form: Form): boolean => /_rel8/.test(form.name);
    const alike = forms.filter(
      (form) =>
        form.suffix === chosen.suffix &&
        form.kinds[0] !== undefined &&
        BRANCH_SIZE.has(form.kinds[0]) &&
        form.addressSize === chosen.addressSize,
    );
    const short = alike.find(isShort);
    const long = alike.find((form) => !isShort(form));
    const longSize = chosen.suffix === 'w' ? 2 : 4;
    if (short !== undefined && long !== undefined) {
      return {
        bytes: new Uint8Array(0),
        fixups: [],
        jump: { short: bytesOf(short, 1), long: bytesOf(long, longSize), longSize, target },
      };
    }
    const size = isShort(chosen) ? 1 : longSize;
    const opcode = bytesOf(chosen, size);
    const bytes = new Uint8Array(opcode.length + size);
    bytes.set(opcode);
    const kind = chosen.name.startsWith('Call') ? 'call' : 'branch';
    const fixup: EncodedFixup = {
      offset: opcode.length,
      size,
      expression: target,
      kind,
      bias: size,
      usesPlt: bits === 64,
      relaxableGot: 'none',
    };
    return { bytes, fixups: [fixup], jump: undefined };
  }

  private run(bits: 32 | 64): Uint8Array {
    const encoder = this.encoders[bits];
    encoder.encode(this.instruction, 0n);
    return encoder.takeBuffer();
  }

  /** Encodes with the form chosen. */
  encodeForm(text: InstructionText, { form, reading, args }: Candidate, bits: 32 | 64): EncodedInstruction {
    const { instruction } = this;
    instruction.code = form.code;
    instruction.segmentPrefix = Register.None;
    let memory: (Argument & { kind: 'memory' }) | undefined;
    const immediates: { expression: Expression; value: Value | undefined; signed: boolean }[] = [];
    let far = false;
    form.kinds.forEach((kind, index) => {
      const argument = args[index];
      if (argument.kind === 'memory') memory = argument;
      if (kind === K.farbr2_2 || kind === K.farbr4_2) far = true;
      else setOperand(instruction, index, kind, argument, bits);
      if (isImmediate(kind)) {
        const given = argument.kind === 'immediate' ? argument : undefined;
        const implied = kind === K.imm8_const_1 ? 1n : 10n;
        immediates.push({
          expression: given?.operand.kind === 'immediate' ? given.operand.expression : numberExpression(implied),
          value:
            given === undefined
              ? { number: implied, add: undefined, sub: undefined, modifier: undefined }
              : given.value,
          signed: kind === K.imm32sex64,
        });
        if (kind === K.imm8_const_1) immediates.pop();
      }
    });
    if (far) return this.encodeFar(text, form, bits);
    const symbolicDisplacement = memory === undefined ? false : setMemory(instruction, memory, form, bits, reading);
    let encoded: Uint8Array;
    try {
      encoded = this.run(bits);
      if (form.isEvex) clearDecorations(instruction);
    } catch (error) {
      throw new StatementError(
        `'${text.mnemonic}' cannot be encoded with these operands: ${encoderMessage(error)}`,
        text.start,
        text.end,
      );
    }
    if (form.name === 'Int_imm8' && immediates[0].value?.number === 3n && isConstant(immediates[0].value))
      return { bytes: Uint8Array.of(0xcc), fixups: [], jump: undefined };
    if (form.name === 'Xchg_r64_RAX' && encoded[0] === 0x48 && encoded[1] === 0x90) encoded = encoded.subarray(1); // as: it is a NOP anyway
    if (immediates.length === 0 && !symbolicDisplacement) {
      return { bytes: addPrefixes(encoded, text.prefixes, text.rex), fixups: [], jump: undefined };
    }
    const offsets = this.encoders[bits].getConstantOffsets();
    const { displacementOffset, displacementSize, immediateOffset, immediateOffset2, immediateSize, immediateSize2 } =
      offsets;
    offsets.free();
    const bytes = addPrefixes(encoded, text.prefixes, text.rex);
    const shift = bytes.length - encoded.length;
    const fixups: EncodedFixup[] = [];
    const { displacement: known } = memory ?? {};
    if (symbolicDisplacement && memory !== undefined && known !== undefined && isConstant(known)) {
      writeInteger(bytes, displacementOffset + shift, known.number, displacementSize); // `8(%rip)`: the number is the displacement itself
    } else if (symbolicDisplacement && memory !== undefined) {
      const { displacement, base } = memory.operand;
      const relative = base?.class === 'ip64' || base?.class === 'ip32';
      const offset = displacementOffset + shift;
      bytes.fill(0, offset, offset + displacementSize);
      const wide = bits === 64 && base?.size !== 32 && memory.operand.index?.size !== 32;
      fixups.push({
        offset,
        size: displacementSize,
        expression: displacement ?? numberExpression(0n),
        kind: relative ? 'relative' : displacementSize === 4 && wide ? 'signed' : 'absolute',
        bias: relative ? bytes.length - offset : 0,
        relaxableGot: !GOT_RELAXABLE.test(form.name)
          ? 'none'
          : /^(?:Call|Jmp)_/.test(form.name) || ((encoded[displacementOffset - 3] ?? 0) & 0xf0) !== 0x40
            ? 'plain'
            : 'rex',
      });
    }
    immediates.forEach(({ expression, value, signed }, index) => {
      const offset = (index === 0 ? immediateOffset : immediateOffset2) + shift;
      const size = index === 0 ? immediateSize : immediateSize2;
      if (value !== undefined && isConstant(value)) {
        for (let byte = 0; byte < size; byte++)
          bytes[offset + byte] = Number((value.number >> BigInt(8 * byte)) & 0xffn);
      } else {
        fixups.push({
          offset,
          size,
          expression,
          kind: signed && size === 4 ? 'signed' : 'absolute',
          bias: 0,
          relaxableGot: 'none',
        });
      }
    });
    return { bytes, fixups, jump: undefined };
  }

  /** `ljmp $selector,$offset` */
  private encodeFar(text: InstructionText, form: Form, bits: 32 | 64): EncodedInstruction {
    const [selector, offset] = text.operands as [Operand, Operand];
    const size = form.kinds[0] === K.farbr2_2 ? 2 : 4;
    this.instruction.code = form.code;
    this.instruction.setOpKind(0, size === 2 ? OpKind.FarBranch16 : OpKind.FarBranch32);
    this.instruction.farBranchSelector = 0;
    if (size === 2) this.instruction.farBranch16 = 0;
    else this.instruction.farBranch32 = 0;
    const bytes = addPrefixes(this.run(bits), text.prefixes, text.rex);
    const fixup = (operand: Operand, at: number, width: number): EncodedFixup => ({
      offset: at,
      size: width,
      expression: operand.kind === 'immediate' ? operand.expression : numberExpression(0n),
      kind: 'absolute',
      bias: 0,
      relaxableGot: 'none',
    });
    return {
      bytes,
      fixups: [fixup(offset, bytes.length - 2 - size, size), fixup(selector, bytes.length - 2, 2)],
      jump: undefined,
    };
  }
}

/** What only EVEX encodings have must not leak into the next instruction. */
function clearDecorations(instruction: Instruction): void {
  instruction.opMask = Register.None;
  instruction.zeroingMasking = false;
  instruction.isBroadcast = false;
}

function encoderMessage(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/ \(.*\)$/, '');
}
