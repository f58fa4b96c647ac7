/** Chooses the encoding GNU as would choose. */
import { OpCodeOperandKind } from 'iced-x86';
import { isConstant, numberExpression, type Expression, type Value } from './expressions';
import { BRANCH_SIZE, type Form } from './forms';
import { arrange, fits, immediateShape, type Argument } from './matching';
import { explainMismatch } from './mismatch';
import type { Reading } from './mnemonics';
import type { Operand } from './operands';

const K = OpCodeOperandKind;

/** An instruction as written, for messages. */
export interface Written {
  readonly mnemonic: string;
  readonly start: number;
  readonly end: number;
  readonly operands: readonly Operand[];
}

/** An encoding with the operands in its order. */
export interface Candidate {
  readonly form: Form;
  readonly reading: Reading;
  readonly args: readonly Argument[];
}

/** An encoding that fits, and whether it takes the operands in the other order. */
export interface Selection {
  readonly form: Form;
  readonly reading: Reading;
  readonly swapped: boolean;
}

export interface Choice {
  readonly selected: readonly Selection[];
  readonly warning: string | undefined;
}

/**
 * The encodings as might use, best first; `formsOf` yields the encodings of a mnemonic. Throws a StatementError that explains
 * why none fits.
 */
export function select(
  text: Written,
  found: readonly Reading[],
  written: readonly Argument[],
  bits: 32 | 64,
  formsOf: (mnemonic: string) => readonly Form[],
): Choice {
  const selections: Selection[] = [];
  for (const reading of found) {
    const args = intelOrder(written, reading);
    const orders = ordersOf(reading, args);
    for (const form of formsOf(reading.mnemonic)) {
      if (!(bits === 64 ? form.in64 : form.in32) || !admits(form, reading, args, bits)) continue;
      for (const order of orders) {
        const arranged = arrange(form, order, bits);
        if (arranged === undefined) continue;
        if (!form.kinds.every((kind, n) => fitsHere(kind, arranged[n], form, reading, bits))) continue;
        selections.push({ form, reading, swapped: order !== args });
        break;
      }
    }
  }
  if (selections.length === 0) {
    const forms = found.flatMap((reading) =>
      formsOf(reading.mnemonic).filter((form) => (bits === 64 ? form.in64 : form.in32)),
    );
    throw explainMismatch(text, found, forms, written, bits);
  }
  return pick(selections, text, bits);
}

/** An operand with its value as far as `evaluate` knows it. */
export function toArgument(operand: Operand, evaluate: (expression: Expression) => Value | undefined): Argument {
  if (operand.kind === 'register') return { kind: 'register', register: operand.register, operand };
  if (operand.kind === 'immediate') return { kind: 'immediate', value: evaluate(operand.expression), operand };
  const displacement = operand.displacement === undefined ? undefined : evaluate(operand.displacement);
  return { kind: 'memory', displacement, operand };
}

/** AT&T writes operands the other way round, except two immediates (ENTER, far branches). */
export function intelOrder(written: readonly Argument[], reading: Reading): readonly Argument[] {
  const bothImmediate = written.length === 2 && written.every((argument) => argument.kind === 'immediate');
  const args = bothImmediate ? [...written] : [...written].reverse();
  if (reading.predicate !== undefined) {
    const operand: Operand = {
      kind: 'immediate',
      expression: numberExpression(BigInt(reading.predicate)),
      start: 0,
      end: 0,
    };
    args.push({
      kind: 'immediate',
      value: { number: BigInt(reading.predicate), add: undefined, sub: undefined, modifier: undefined },
      operand,
    });
  }
  return args;
}

/** TEST and XCHG do not care which operand comes first; BOUND keeps Intel's order in AT&T syntax. */
function ordersOf(reading: Reading, args: readonly Argument[]): (readonly Argument[])[] {
  if (/^(?:test|xchg|bound)$/.test(reading.mnemonic) && args.length === 2) return [args, [...args].reverse()];
  return [args];
}

/** `{%k1}`, `{z}` and `{1to8}` exist only in EVEX encodings. */
function isDecorated(argument: Argument): boolean {
  if (argument.kind === 'implied') return false;
  const { mask, zeroing, broadcast } = argument.operand;
  return mask !== undefined || zeroing === true || broadcast !== undefined;
}

/** What a mnemonic's reading says against a form, its operands aside. */
function admits(form: Form, reading: Reading, args: readonly Argument[], bits: 32 | 64): boolean {
  if (reading.suffix !== '' && form.suffix !== reading.suffix && form.quirk !== 'selectorMove') return false;
  if (reading.sourceSuffix !== '' && form.sourceSuffix !== reading.sourceSuffix) return false;
  const { vectorSuffix } = reading;
  if (vectorSuffix !== undefined && !form.kinds.some((kind) => K[kind] === `${vectorSuffix}mm_or_mem`)) return false;
  if (!form.isEvex && args.some(isDecorated)) return false;
  if (form.isEvex && !args.every((argument) => broadcastsBy(argument, form.broadcast))) return false;
  if (reading.only === 'far' && !form.isFar) return false;
  if (reading.only === 'near' && form.isFar) return false;
  if (reading.only === 'movabs' && !form.isMovabs) return false;
  if (form.quirk === 'reversible' && (reading.only === 'reversed') !== form.name.endsWith('_sti_st0')) return false;
  if (!form.isBranch || reading.suffix === 'w') return true;
  return bits === 64 ? form.suffix !== 'w' : form.suffix === 'l' || form.suffix === '';
}

/** A memory operand that is broadcast needs a form with as many elements. */
function broadcastsBy(argument: Argument, count: number): boolean {
  return argument.kind !== 'memory' || argument.operand.broadcast === undefined || argument.operand.broadcast === count;
}

/** `fits`, with what the reading adds: targets of jumps, MOVABS and indirect operands. */
function fitsHere(kind: OpCodeOperandKind, argument: Argument, form: Form, reading: Reading, bits: 32 | 64): boolean {
  if (BRANCH_SIZE.has(kind)) {
    if (argument.kind !== 'memory') return false;
    const { operand } = argument;
    return (
      !operand.indirect &&
      operand.base === undefined &&
      operand.index === undefined &&
      operand.segment === undefined &&
      operand.displacement !== undefined
    );
  }
  if (kind === K.farbr2_2 || kind === K.farbr4_2) return argument.kind === 'immediate';
  if (reading.only === 'movabs') {
    if (kind === K.imm64) return argument.kind === 'immediate';
    if (kind === K.mem_offs)
      return argument.kind === 'memory' && argument.operand.base === undefined && argument.operand.index === undefined;
  }
  return fits(kind, argument, form, bits);
}

/** Among what fits: the operand size as decides without a suffix, then the shortest, in opcode order. */
function pick(selections: readonly Selection[], text: Written, bits: 32 | 64): Choice {
  let left = selections;
  let warning: string | undefined;
  const suffixes = new Set(selections.map(({ form }) => form.suffix));
  if (suffixes.size > 1) {
    const wide = bits === 64 && selections.some(({ form }) => form.default64 && form.suffix === 'q');
    const isEnvironment = /_m\d+byte$/.test(selections[0].form.name);
    const usual = suffixes.has('s') && !isEnvironment ? 's' : suffixes.has('l') ? 'l' : undefined;
    const preferred = wide ? 'q' : usual;
    if (preferred !== undefined && suffixes.has(preferred)) {
      left = selections.filter(({ form }) => form.suffix === preferred);
      if (!wide && suffixes.has('b') && suffixes.has('w') && !isSized(text.operands)) {
        warning = `the operand size is not given; using 32 bits (write '${text.mnemonic}l', or '${text.mnemonic}b', 'w' or 'q' for another)`;
      }
    }
  }
  const cost = ({ form }: Selection): number =>
    form.cost + (form.addressSize !== 0 && form.addressSize !== bits ? 1 : 0);
  const least = Math.min(...left.map(cost));
  return { selected: left.filter((selection) => cost(selection) === least).slice(0, 2), warning };
}

/** True if a register says how wide a memory operand is. */
function isSized(operands: readonly Operand[]): boolean {
  return operands.some(
    (operand) => operand.kind === 'register' && operand.register.class !== 'segment' && operand.register.name !== 'cl',
  );
}

/** What of an operand decides which encodings it fits. */
export function shapeOf(argument: Argument): string {
  if (argument.kind === 'implied') return '';
  const { mask, zeroing, broadcast } = argument.operand;
  const decoration =
    mask === undefined && broadcast === undefined ? '' : `{${zeroing === true ? 'z' : ''}${broadcast ?? ''}}`;
  if (argument.kind === 'register') return `%${argument.register.register}${decoration}`;
  if (argument.kind === 'immediate') return `$${immediateShape(argument.value)}`;
  const { base, index, segment, displacement, indirect } = argument.operand;
  const value = argument.displacement;
  const absolute = base === undefined && index === undefined && value !== undefined && isConstant(value);
  const far = absolute && BigInt.asIntN(32, value.number) !== value.number;
  return `${indirect ? '*' : ''}${segment === undefined ? '' : ':'}${displacement === undefined ? '' : far ? 'D' : 'd'}(${base?.register ?? ''},${index?.class ?? ''})${decoration}`;
}
