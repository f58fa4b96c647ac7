/** Says in words why operands do not fit an instruction. */
import { OpCodeOperandKind } from 'iced-x86';
import { isConstant } from './expressions';
import { GENERAL_SIZE, type Form } from './forms';
import { arrange, type Argument } from './matching';
import type { Reading } from './mnemonics';
import type { Operand } from './operands';
import { registerNamed } from './registers';
import { StatementError } from './scanner';

const K = OpCodeOperandKind;

interface Written {
  readonly mnemonic: string;
  readonly start: number;
  readonly end: number;
  readonly operands: readonly Operand[];
}

const BITS_OF_SUFFIX: Readonly<Record<string, number>> = { b: 8, w: 16, l: 32, q: 64 };

/** Bits of the values an immediate operand may have. */
const IMMEDIATE_BITS: ReadonlyMap<OpCodeOperandKind, number> = new Map([
  [K.imm8, 8],
  [K.imm8sex16, 16],
  [K.imm8sex32, 32],
  [K.imm8sex64, 32],
  [K.imm16, 16],
  [K.imm32, 32],
  [K.imm32sex64, 32],
  [K.imm64, 64],
]);

/** The most helpful thing to say about operands that fit none of `forms`. */
export function explainMismatch(
  text: Written,
  readings: readonly Reading[],
  forms: readonly Form[],
  args: readonly Argument[],
  bits: 32 | 64,
): StatementError {
  const { mnemonic, operands } = text;
  const whole = { start: text.start, end: operands.at(-1)?.end ?? text.end };
  if (forms.length === 0) {
    return new StatementError(`'${mnemonic}' does not exist in ${bits}-bit code`, text.start, text.end);
  }
  const found =
    wrongCount(text, forms, args, bits) ??
    missingPercent(operands) ??
    twoMemoryOperands(text, forms) ??
    immediateDestination(text) ??
    wrongSize(text, readings) ??
    differentSizes(text, forms) ??
    wideImmediate(text, forms, args, readings) ??
    unavailableRegister(text, forms, bits);
  const { message, at } = found ?? {
    message: `these operands do not fit '${mnemonic}'; ${accepted(forms)}`,
    at: whole,
  };
  return new StatementError(message, (at ?? whole).start, (at ?? whole).end);
}

interface Explanation {
  readonly message: string;
  /** What the message is about; the whole statement if absent. */
  readonly at?: { readonly start: number; readonly end: number };
}

function wrongCount(
  { mnemonic, operands }: Written,
  forms: readonly Form[],
  args: readonly Argument[],
  bits: 32 | 64,
): Explanation | undefined {
  const intel = [...args].reverse();
  if (forms.some((form) => arrange(form, intel, bits) !== undefined)) return undefined;
  const counts = [...new Set(forms.map((form) => form.kinds.length))].sort((a, b) => a - b);
  if (counts.includes(operands.length)) return undefined;
  const last = counts.at(-1) ?? 0;
  const wanted = counts.length === 1 ? `${last}` : `${counts.slice(0, -1).join(', ')} or ${last}`;
  return { message: `'${mnemonic}' takes ${wanted} operand${wanted === '1' ? '' : 's'}, not ${operands.length}` };
}

/** `mov rax, rbx`: names of registers without their % are symbols. */
function missingPercent(operands: readonly Operand[]): Explanation | undefined {
  for (const operand of operands) {
    const name = operand.kind === 'memory' ? symbolName(operand.displacement) : undefined;
    if (name !== undefined && registerNamed(name) !== undefined) {
      return { message: `'${name}' is read as a symbol: a register is written with %, as %${name}`, at: operand };
    }
  }
  return undefined;
}

function symbolName(expression: (Operand & { kind: 'memory' })['displacement']): string | undefined {
  return expression?.kind === 'symbol' ? expression.symbol.name : undefined;
}

function twoMemoryOperands({ mnemonic, operands }: Written, forms: readonly Form[]): Explanation | undefined {
  const memory = operands.filter(({ kind }) => kind === 'memory');
  if (memory.length < 2 || forms.every(({ quirk }) => quirk === 'string')) return undefined;
  const message = `'${mnemonic}' cannot have two memory operands: load one of them into a register first`;
  return { message, at: memory[1] };
}

function immediateDestination({ mnemonic, operands }: Written): Explanation | undefined {
  const last = operands.at(-1);
  if (last?.kind !== 'immediate' || operands.length < 2) return undefined;
  const message = `an immediate cannot be the destination of '${mnemonic}' (AT&T syntax puts the destination last)`;
  return { message, at: last };
}

function generalRegisters(operands: readonly Operand[]): (Operand & { kind: 'register' })[] {
  return operands.flatMap((operand) =>
    operand.kind === 'register' && /^r(?:8|16|32|64)$/.test(operand.register.class) ? [operand] : [],
  );
}

/** A register that contradicts the mnemonic's suffix. */
function wrongSize({ mnemonic, operands }: Written, readings: readonly Reading[]): Explanation | undefined {
  const reading = readings.find(({ suffix }) => BITS_OF_SUFFIX[suffix] !== undefined);
  if (reading === undefined) return undefined;
  const { suffix, sourceSuffix } = reading;
  const registers = generalRegisters(operands);
  if (sourceSuffix !== '') {
    const source = operands[0] === registers[0] ? registers[0] : undefined;
    if (source !== undefined && source.register.size !== BITS_OF_SUFFIX[sourceSuffix]) {
      const { name, size } = source.register;
      const message = `the source of '${mnemonic}' has ${BITS_OF_SUFFIX[sourceSuffix]} bits ('${sourceSuffix}'), but %${name} has ${size}`;
      return { message, at: source };
    }
    if (source !== undefined) registers.shift();
  }
  const wrong = registers.find(({ register }) => register.size !== BITS_OF_SUFFIX[suffix]);
  if (wrong === undefined) return undefined;
  const { name, size } = wrong.register;
  const message = `'${mnemonic}' works on ${BITS_OF_SUFFIX[suffix]} bits (suffix '${suffix}'), but %${name} has ${size}`;
  return { message, at: wrong };
}

function differentSizes({ mnemonic, operands }: Written, forms: readonly Form[]): Explanation | undefined {
  const [first, second] = generalRegisters(operands);
  if (first === undefined || second === undefined || first.register.size === second.register.size) return undefined;
  if (forms.some(({ sourceSuffix }) => sourceSuffix !== '')) return undefined;
  const described = [first, second].map(({ register }) => `%${register.name} has ${register.size}`);
  return { message: `the operands of '${mnemonic}' differ in size: ${described.join(' bits, ')} bits` };
}

function wideImmediate(
  { mnemonic, operands }: Written,
  forms: readonly Form[],
  args: readonly Argument[],
  readings: readonly Reading[],
): Explanation | undefined {
  const immediate = args.find((argument) => argument.kind === 'immediate');
  if (immediate?.kind !== 'immediate' || immediate.value === undefined || !isConstant(immediate.value))
    return undefined;
  const kinds = forms.filter(({ kinds: all }) => all.length === args.length).flatMap((form) => form.kinds);
  const possible = Math.max(0, ...kinds.map((kind) => IMMEDIATE_BITS.get(kind) ?? 0));
  if (possible === 0) return undefined;
  const suffix = readings.map((reading) => BITS_OF_SUFFIX[reading.suffix]).find((size) => size !== undefined);
  const size = generalRegisters(operands)[0]?.register.size ?? suffix ?? 64;
  const width = Math.min(size, possible);
  const { number } = immediate.value;
  const signed = width < size && width === 32;
  const high = 1n << BigInt(signed ? width - 1 : width);
  if (number < high && number >= -(1n << BigInt(width - 1))) return undefined;
  const room = signed ? `the 32 signed bits '${mnemonic}' has for it` : `${width} bits`;
  return { message: `the immediate ${hex(number)} does not fit in ${room}`, at: immediate.operand };
}

function unavailableRegister(
  { mnemonic, operands }: Written,
  forms: readonly Form[],
  bits: 32 | 64,
): Explanation | undefined {
  const registers = generalRegisters(operands);
  const wide = bits === 32 ? registers.find(({ register }) => register.size === 64) : undefined;
  if (wide !== undefined) return { message: `%${wide.register.name} does not exist in 32-bit code`, at: wide };
  const all = forms.flatMap((form) => form.kinds.map((kind) => GENERAL_SIZE.get(kind)));
  const sizes = [...new Set(all)].filter((size) => size !== undefined).sort((a, b) => a - b);
  const odd = registers.find(({ register }) => sizes.length > 0 && !sizes.includes(register.size));
  if (odd === undefined) return undefined;
  const { name, size } = odd.register;
  const list = `${sizes.slice(0, -1).join(', ')}${sizes.length > 1 ? ' or ' : ''}${sizes.at(-1) ?? ''}`;
  return { message: `'${mnemonic}' has no form for the ${size}-bit %${name}; it works on ${list} bits`, at: odd };
}

const SHOWN_FORMS = 5;

/** The kinds of operands there are encodings for. */
function accepted(forms: readonly Form[]): string {
  const shapes = new Set(forms.map(({ kinds }) => [...kinds].reverse().map(describe).join(', ')));
  const list = [...shapes].map((shape) => (shape === '' ? 'nothing' : shape));
  const shown = list.slice(0, SHOWN_FORMS).join(' · ');
  return `it takes: ${shown}${list.length > SHOWN_FORMS ? ' · …' : ''}`;
}

function describe(kind: OpCodeOperandKind): string {
  const name = K[kind] ?? '';
  if (/^(?:al|cl|ax|dx|eax|rax|es|cs|ss|ds|fs|gs)$/.test(name)) return `%${name}`;
  if (name === 'imm8_const_1') return '$1';
  if (name.startsWith('imm')) return '$immediate';
  if (/^(?:st0|sti)/.test(name)) return '%st(n)';
  if (/^(?:br|xbegin)/.test(name)) return 'label';
  if (name.startsWith('farbr')) return '$selector, $offset';
  if (name.endsWith('_or_mem')) return `${registerKind(name)} or memory`;
  if (/^(?:mem|seg_r|es_r|sibmem)/.test(name)) return 'memory';
  return registerKind(name);
}

function registerKind(name: string): string {
  if (/^r(?:8|16|32|64)_/.test(name)) return 'register';
  const row = /^([a-z]+)/.exec(name)?.[1] ?? '';
  return row === 'seg' ? 'segment register' : `%${row}`;
}

function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}
