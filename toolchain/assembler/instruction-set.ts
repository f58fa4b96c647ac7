/** The instructions there are: AT&T mnemonics on one side, iced-x86's encodings on the other. */
import type { Code } from 'iced-x86';
import { InstructionEncoder, type EncodedInstruction, type InstructionText } from './encoder';
import type { Expression, Value } from './expressions';
import { formOf, indexCodes, type CodeIndex, type Form } from './forms';
import { arrange } from './matching';
import { attNames, readings, type Reading } from './mnemonics';
import { intelOrder, select, shapeOf, toArgument, type Candidate, type Choice } from './selection';

/** What encoding needs to know of the assembly. */
export interface EncoderContext {
  readonly bits: 32 | 64;
  /** The value of an expression as far as it is known now. */
  evaluate(expression: Expression): Value | undefined;
  warn(message: string): void;
}

/** iced-x86's instructions by mnemonic, their forms read when first needed. */
export class InstructionSet {
  private index: CodeIndex | undefined;
  private readonly formsByMnemonic = new Map<string, readonly Form[]>();
  private readonly readingsByName = [
    new Map<string, readonly Reading[]>(),
    new Map<string, readonly Reading[]>(),
  ] as const;
  private readonly choices = new Map<string, Choice>();
  private readonly encoder = new InstructionEncoder();

  private codes(mnemonic: string): readonly Code[] {
    this.index ??= indexCodes();
    return this.index.get(mnemonic) ?? [];
  }

  private forms(mnemonic: string): readonly Form[] {
    let forms = this.formsByMnemonic.get(mnemonic);
    if (forms === undefined) {
      forms = this.codes(mnemonic).map(formOf);
      this.formsByMnemonic.set(mnemonic, forms);
    }
    return forms;
  }

  /** Ways to read an AT&T mnemonic; none if it is unknown. */
  readings(name: string, bits: 32 | 64): readonly Reading[] {
    const cache = this.readingsByName[bits === 64 ? 1 : 0];
    let result = cache.get(name);
    if (result === undefined) {
      result = readings(name, bits, (mnemonic) => this.codes(mnemonic).length > 0);
      cache.set(name, result);
    }
    return result;
  }

  /** AT&T names for completion and suggestions. */
  names(): string[] {
    this.index ??= indexCodes();
    return attNames(this.index.keys());
  }

  /** Encodes one instruction; throws a StatementError that says what is wrong with it. */
  encode(text: InstructionText, context: EncoderContext): EncodedInstruction {
    const found = this.readings(text.mnemonic, context.bits);
    const [candidate, other] = this.choose(text, found, context);
    if (candidate.form.isBranch) {
      const forms = found.flatMap((reading) => [...this.forms(reading.mnemonic)]);
      return this.encoder.encodeBranch(text, candidate, forms, context.bits);
    }
    const encoded = this.encoder.encodeForm(text, candidate, context.bits);
    if (other === undefined || candidate.form.legacy) return encoded;
    // The store form of a move may do with the 2-byte VEX prefix where the load form does not.
    const alternative = this.encoder.encodeForm(text, other, context.bits);
    return alternative.bytes.length < encoded.bytes.length ? alternative : encoded;
  }

  /** The encodings as might use, best first; which they are depends on the shape of the operands alone. */
  private choose(text: InstructionText, found: readonly Reading[], context: EncoderContext): Candidate[] {
    const written = text.operands.map((operand) => toArgument(operand, (expression) => context.evaluate(expression)));
    const key = `${context.bits} ${text.mnemonic} ${written.map(shapeOf).join(' ')}`;
    let choice = this.choices.get(key);
    if (choice === undefined) {
      choice = select(text, found, written, context.bits, (mnemonic) => this.forms(mnemonic));
      this.choices.set(key, choice);
    }
    if (choice.warning !== undefined) context.warn(choice.warning);
    return choice.selected.map(({ form, reading, swapped }) => {
      const args = intelOrder(written, reading);
      const arranged = arrange(form, swapped ? [...args].reverse() : args, context.bits);
      return { form, reading, args: arranged ?? args };
    });
  }
}
