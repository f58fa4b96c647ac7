/** Says in words why operands do not fit an instruction. */
import { GENERAL_SIZE, type Form } from './forms';
import type { Argument } from './matching';
import { arrange } from './matching';
import type { Reading } from './mnemonics';
import { StatementError } from './scanner';
import type { Operand } from './operands';

interface Written {
  readonly mnemonic: string;
  readonly start: number;
  readonly end: number;
  readonly operands: readonly Operand[];
}

const BITS_OF_SUFFIX: Readonly<Record<string, number>> = { b: 8, w: 16, l: 32, q: 64 };

/** The most helpful thing to say about operands that fit none of `forms`. */
export function explainMismatch(
  text: Written,
  readings: readonly Reading[],
  forms: readonly Form[],
  args: readonly Argument[],
  bits: 32 | 64,
): StatementError {
  const { mnemonic, operands } = text;
  const last = operands[operands.length - 1];
  const at = (
    message: string,
    from: { start: number; end: number } = { start: text.start, end: last?.end ?? text.end },
  ): StatementError => new StatementError(message, from.start, from.end);
  if (forms.length === 0) {
    return at(`'${mnemonic}' does not exist in ${bits}-bit code`, { start: text.start, end: text.end });
  }
  const intel = [...args].reverse();
  const counts = [...new Set(forms.map((form) => form.kinds.length))].sort((a, b) => a - b);
  if (!forms.some((form) => arrange(form, intel, bits) !== undefined)) {
    const wanted =
      counts.length === 1
        ? `${counts[0] ?? 0}`
        : `${counts.slice(0, -1).join(', ')} or ${counts[counts.length - 1] ?? 0}`;
    return at(`'${mnemonic}' takes ${wanted} operand${wanted === '1' ? '' : 's'}, not ${operands.length}`);
  }
  const memory = operands.filter((operand) => operand.kind === 'memory' && !isTarget(operand));
  if (memory.length > 1) {
    return at(`'${mnemonic}' cannot have two memory operands: load one of them into a register first`, memory[1]);
  }
  if (last?.kind === 'immediate' && operands.length > 1) {
    return at(`an immediate cannot be the destination of '${mnemonic}' (AT&T syntax puts the destination last)`, last);
  }
  const general = operands.flatMap((operand) =>
    operand.kind === 'register' && /^r(?:8|16|32|64)$/.test(operand.register.class) ? [operand] : [],
  );
  const suffix = readings.find((reading) => BITS_OF_SUFFIX[reading.suffix] !== undefined)?.suffix;
  const suffixBits = suffix === undefined ? undefined : BITS_OF_SUFFIX[suffix];
  const wrong = general.find((operand) => suffixBits !== undefined && operand.register.size !== suffixBits);
  if (wrong !== undefined && suffix !== undefined) {
    return at(
      `'${mnemonic}' works on ${suffixBits ?? 0} bits (suffix '${suffix}'), but %${wrong.register.name} has ${wrong.register.size}`,
      wrong,
    );
  }
  const [first, second] = general;
  if (first !== undefined && second !== undefined && first.register.size !== second.register.size) {
    return at(
      `the operands of '${mnemonic}' differ in size: %${first.register.name} has ${first.register.size} bits, %${second.register.name} ${second.register.size}`,
    );
  }
  const immediate = args.find((argument) => argument.kind === 'immediate');
  const size = first?.register.size ?? suffixBits;
  if (immediate?.kind === 'immediate' && immediate.value !== undefined && size !== undefined) {
    const fitting = Math.min(size, forms.some((form) => form.name.includes('imm64')) ? 64 : 32);
    const { number } = immediate.value;
    if (number >= 1n << BigInt(fitting) || number < -(1n << BigInt(fitting - 1)) || fitting < size) {
      return at(
        `the immediate ${hex(number)} does not fit in ${fitting < size ? `the ${fitting} signed bits '${mnemonic}' has for it` : `${fitting} bits`}`,
        immediate.operand,
      );
    }
  }
  const unavailable = bits === 32 ? general.find((operand) => operand.register.size === 64) : undefined;
  if (unavailable !== undefined) return at(`%${unavailable.register.name} does not exist in 32-bit code`, unavailable);
  const sizes = [...new Set(forms.flatMap((form) => form.kinds.map((kind) => GENERAL_SIZE.get(kind))))].filter(
    (bitsOf) => bitsOf !== undefined,
  );
  const odd = general.find((operand) => sizes.length > 0 && !sizes.includes(operand.register.size));
  if (odd !== undefined) {
    return at(
      `'${mnemonic}' has no form for the ${odd.register.size}-bit %${odd.register.name}; it works on ${sizes.join(', ')} bits`,
      odd,
    );
  }
  return at(`these operands do not fit '${mnemonic}'`);
}

function isTarget(operand: Operand): boolean {
  return operand.kind === 'memory' && operand.base === undefined && operand.index === undefined;
}

function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}
