/** Chooses the encoding GNU as would choose, and has iced-x86 encode it. */
import { Encoder, Instruction, OpCodeOperandKind, OpKind, Register, type Code } from 'iced-x86';
import { isConstant, numberExpression, type Expression, type Value } from './expressions';
import { BRANCH_SIZE, formOf, indexCodes, type CodeIndex, type Form } from './forms';
import { arrange, fits, immediateShape, type Argument } from './matching';
import { explainMismatch } from './mismatch';
import { attNames, readings, type Reading } from './mnemonics';
import type { Operand } from './operands';
import { StatementError } from './scanner';
import { writeInteger, type FixupKind } from './sections';

const K = OpCodeOperandKind;

export interface EncoderContext {
  readonly bits: 32 | 64;
  /** The value of an expression as far as it is known now. */
  evaluate(expression: Expression): Value | undefined;
  warn(message: string): void;
}

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

export interface InstructionText {
  readonly mnemonic: string;
  readonly start: number;
  readonly end: number;
  readonly operands: readonly Operand[];
  /** Legacy prefix bytes written before the mnemonic. */
  readonly prefixes: readonly number[];
  /** REX byte written before the mnemonic; 0 for none. */
  readonly rex: number;
}

interface Candidate {
  readonly form: Form;
  readonly reading: Reading;
  readonly args: readonly Argument[];
}

/** An encoding that fits, and whether it takes the operands in the other order. */
interface Selection {
  readonly form: Form;
  readonly reading: Reading;
  readonly swapped: boolean;
}

interface Choice {
  readonly selected: readonly Selection[];
  readonly warning: string | undefined;
}

/** Order in which as emits prefixes: segment, address size, operand size, repeat, lock. */
const PREFIX_ORDER: Readonly<Record<number, number>> = {
  0x26: 1,
  0x2e: 1,
  0x36: 1,
  0x3e: 1,
  0x64: 1,
  0x65: 1,
  0x67: 2,
  0x66: 3,
  0xf2: 4,
  0xf3: 4,
  0xf0: 5,
};

const GOT_RELAXABLE = /^(?:Mov|Test|Add|Adc|Sub|Sbb|Cmp|And|Or|Xor|Call|Jmp)_/;

/** iced-x86's instructions by mnemonic, their forms read when first needed. */
export class InstructionSet {
  private index: CodeIndex | undefined;
  private readonly formsByMnemonic = new Map<string, readonly Form[]>();
  private readonly readingsByName = [
    new Map<string, readonly Reading[]>(),
    new Map<string, readonly Reading[]>(),
  ] as const;
  private readonly choices = new Map<string, Choice>();
  private readonly instruction = new Instruction();
  private readonly encoders = { 32: new Encoder(32), 64: new Encoder(64) };

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

  /** iced-x86 codes a mnemonic may stand for, for facts about the instruction. */
  codesOf(name: string, bits: 32 | 64): Code[] {
    return this.readings(name, bits).flatMap((reading) => [...this.codes(reading.mnemonic)]);
  }

  /** Encodes one instruction; throws a StatementError that says what is wrong with it. */
  encode(text: InstructionText, context: EncoderContext): EncodedInstruction {
    const found = this.readings(text.mnemonic, context.bits);
    const [candidate, other] = this.choose(text, found, context);
    if (candidate.form.isBranch) return this.encodeBranch(text, candidate, found, context);
    const encoded = this.encodeForm(text, candidate, context);
    if (other === undefined || candidate.form.legacy) return encoded;
    // The store form of a move may do with the 2-byte VEX prefix where the load form does not.
    const alternative = this.encodeForm(text, other, context);
    return alternative.bytes.length < encoded.bytes.length ? alternative : encoded;
  }

  /** The encodings as might use, best first; which they are depends on the shape of the operands alone. */
  private choose(text: InstructionText, found: readonly Reading[], context: EncoderContext): Candidate[] {
    const written = text.operands.map((operand) => toArgument(operand, context));
    const key = `${context.bits} ${text.mnemonic} ${written.map(shapeOf).join(' ')}`;
    let choice = this.choices.get(key);
    if (choice === undefined) {
      choice = this.chooseAnew(text, found, written, context.bits);
      this.choices.set(key, choice);
    }
    if (choice.warning !== undefined) context.warn(choice.warning);
    return choice.selected.map(({ form, reading, swapped }) => {
      const args = intelOrder(written, reading);
      const arranged = arrange(form, swapped ? [...args].reverse() : args, context.bits);
      return { form, reading, args: arranged ?? args };
    });
  }

  private chooseAnew(
    text: InstructionText,
    found: readonly Reading[],
    written: readonly Argument[],
    bits: 32 | 64,
  ): Choice {
    const selections: Selection[] = [];
    for (const reading of found) {
      const args = intelOrder(written, reading);
      const orders = ordersOf(reading, args);
      for (const form of this.forms(reading.mnemonic)) {
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
        this.forms(reading.mnemonic).filter((form) => (bits === 64 ? form.in64 : form.in32)),
      );
      throw explainMismatch(text, found, forms, written, bits);
    }
    return pick(selections, text, bits);
  }

  private encodeBranch(
    text: InstructionText,
    candidate: Candidate,
    found: readonly Reading[],
    context: EncoderContext,
  ): EncodedInstruction {
    const operand = text.operands[0] as Operand & { kind: 'memory' };
    const target = operand.displacement as Expression;
    const bytesOf = (form: Form, displacementSize: number): Uint8Array => {
      const { instruction } = this;
      instruction.code = form.code;
      // The instruction before may have left one; as a branch hint it would be encoded.
      instruction.segmentPrefix = Register.None;
      const bits = BRANCH_SIZE.get(form.kinds[0]);
      instruction.setOpKind(
        0,
        bits === 64 ? OpKind.NearBranch64 : bits === 32 ? OpKind.NearBranch32 : OpKind.NearBranch16,
      );
      if (bits === 64) instruction.nearBranch64 = 0n;
      else if (bits === 32) instruction.nearBranch32 = 0;
      else instruction.nearBranch16 = 0;
      const encoded = this.run(context.bits);
      return addPrefixes(encoded.subarray(0, encoded.length - displacementSize), text.prefixes, text.rex);
    };
    const isShort = (form: Form): boolean => /_rel8/.test(form.name);
    const forms = found
      .flatMap((reading) => [...this.forms(reading.mnemonic)])
      .filter(
        (form) =>
          form.suffix === candidate.form.suffix &&
          form.kinds[0] !== undefined &&
          BRANCH_SIZE.has(form.kinds[0]) &&
          form.addressSize === candidate.form.addressSize,
      );
    const short = forms.find(isShort);
    const long = forms.find((form) => !isShort(form));
    const longSize = candidate.form.suffix === 'w' ? 2 : 4;
    if (short !== undefined && long !== undefined) {
      return {
        bytes: new Uint8Array(0),
        fixups: [],
        jump: { short: bytesOf(short, 1), long: bytesOf(long, longSize), longSize, target },
      };
    }
    const size = isShort(candidate.form) ? 1 : longSize;
    const opcode = bytesOf(candidate.form, size);
    const bytes = new Uint8Array(opcode.length + size);
    bytes.set(opcode);
    const kind = candidate.form.name.startsWith('Call') ? 'call' : 'branch';
    const fixup: EncodedFixup = {
      offset: opcode.length,
      size,
      expression: target,
      kind,
      bias: size,
      usesPlt: context.bits === 64,
      relaxableGot: 'none',
    };
    return { bytes, fixups: [fixup], jump: undefined };
  }

  private run(bits: 32 | 64): Uint8Array {
    const encoder = this.encoders[bits];
    encoder.encode(this.instruction, 0n);
    return encoder.takeBuffer();
  }

  private encodeForm(
    text: InstructionText,
    { form, reading, args }: Candidate,
    context: EncoderContext,
  ): EncodedInstruction {
    const { bits } = context;
    const { instruction } = this;
    instruction.code = form.code;
    instruction.segmentPrefix = Register.None;
    if (form.isEvex) {
      instruction.opMask = Register.None;
      instruction.zeroingMasking = false;
      instruction.isBroadcast = false;
    }
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
    if (far) return this.encodeFar(text, form, context);
    const symbolicDisplacement = memory === undefined ? false : setMemory(instruction, memory, form, bits, reading);
    let encoded: Uint8Array;
    try {
      encoded = this.run(bits);
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
  private encodeFar(text: InstructionText, form: Form, context: EncoderContext): EncodedInstruction {
    const [selector, offset] = text.operands as [Operand, Operand];
    const size = form.kinds[0] === K.farbr2_2 ? 2 : 4;
    this.instruction.code = form.code;
    this.instruction.setOpKind(0, size === 2 ? OpKind.FarBranch16 : OpKind.FarBranch32);
    this.instruction.farBranchSelector = 0;
    if (size === 2) this.instruction.farBranch16 = 0;
    else this.instruction.farBranch32 = 0;
    const bytes = addPrefixes(this.run(context.bits), text.prefixes, text.rex);
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

function encoderMessage(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/ \(.*\)$/, '');
}

function toArgument(operand: Operand, context: EncoderContext): Argument {
  if (operand.kind === 'register') return { kind: 'register', register: operand.register, operand };
  if (operand.kind === 'immediate') return { kind: 'immediate', value: context.evaluate(operand.expression), operand };
  const displacement = operand.displacement === undefined ? undefined : context.evaluate(operand.displacement);
  return { kind: 'memory', displacement, operand };
}

/** AT&T writes operands the other way round, except two immediates (ENTER, far branches). */
function intelOrder(written: readonly Argument[], reading: Reading): readonly Argument[] {
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
function pick(selections: readonly Selection[], text: InstructionText, bits: 32 | 64): Choice {
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
function shapeOf(argument: Argument): string {
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

function isImmediate(kind: OpCodeOperandKind): boolean {
  return kind >= K.imm4_m2z && kind <= K.imm64;
}

const IMMEDIATE_KIND: ReadonlyMap<OpCodeOperandKind, OpKind> = new Map([
  [K.imm4_m2z, OpKind.Immediate8],
  [K.imm8, OpKind.Immediate8],
  [K.imm8_const_1, OpKind.Immediate8],
  [K.imm8sex16, OpKind.Immediate8to16],
  [K.imm8sex32, OpKind.Immediate8to32],
  [K.imm8sex64, OpKind.Immediate8to64],
  [K.imm16, OpKind.Immediate16],
  [K.imm32, OpKind.Immediate32],
  [K.imm32sex64, OpKind.Immediate32to64],
  [K.imm64, OpKind.Immediate64],
]);

const IMPLIED_REGISTER: ReadonlyMap<OpCodeOperandKind, Register> = new Map([
  [K.al, Register.AL],
  [K.ax, Register.AX],
  [K.eax, Register.EAX],
  [K.rax, Register.RAX],
  [K.dx, Register.DX],
  [K.cl, Register.CL],
  [K.st0, Register.ST0],
  [K.sti_opcode, Register.ST1],
]);

function setOperand(
  instruction: Instruction,
  index: number,
  kind: OpCodeOperandKind,
  argument: Argument,
  bits: 32 | 64,
): void {
  const immediate = IMMEDIATE_KIND.get(kind);
  if (immediate !== undefined) {
    const isSecond =
      kind === K.imm8 &&
      index > 0 &&
      instruction.opKind(index - 1) >= OpKind.Immediate8 &&
      instruction.opKind(index - 1) <= OpKind.Immediate16;
    instruction.setOpKind(index, isSecond ? OpKind.Immediate8_2nd : immediate);
    if (isSecond) instruction.immediate8_2nd = 0;
    else instruction.setImmediateI32(index, kind === K.imm8_const_1 ? 1 : 0);
    return;
  }
  const string = stringOperand(kind, argument, bits);
  if (string !== undefined) {
    instruction.setOpKind(index, string);
    if (
      argument.kind === 'memory' &&
      argument.operand.segment !== undefined &&
      kind !== K.es_rDI &&
      argument.operand.segment.register !== Register.DS
    ) {
      instruction.segmentPrefix = argument.operand.segment.register;
    }
    return;
  }
  if (kind === K.seg_rBX_al) {
    instruction.setOpKind(index, OpKind.Memory);
    instruction.memoryBase = bits === 64 ? Register.RBX : Register.EBX;
    instruction.memoryIndex = Register.AL;
    instruction.memoryIndexScale = 1;
    instruction.memoryDisplSize = 0;
    instruction.memoryDisplacement = 0n;
    return;
  }
  if (argument.kind === 'memory' && kind !== K.dx) {
    instruction.setOpKind(index, OpKind.Memory);
    return;
  }
  instruction.setOpKind(index, OpKind.Register);
  instruction.setOpRegister(
    index,
    argument.kind === 'register' ? argument.register.register : (IMPLIED_REGISTER.get(kind) ?? Register.None),
  );
  if (argument.kind === 'register' && argument.operand.mask !== undefined) {
    instruction.opMask = argument.operand.mask.register;
    instruction.zeroingMasking = argument.operand.zeroing ?? false;
  }
}

function stringOperand(kind: OpCodeOperandKind, argument: Argument, bits: 32 | 64): OpKind | undefined {
  const width = argument.kind === 'memory' ? (argument.operand.base?.size ?? bits) : bits;
  const byWidth = (narrow: OpKind, middle: OpKind, wide: OpKind): OpKind =>
    width === 64 ? wide : width === 32 ? middle : narrow;
  switch (kind) {
    case K.seg_rSI:
      return byWidth(OpKind.MemorySegSI, OpKind.MemorySegESI, OpKind.MemorySegRSI);
    case K.es_rDI:
      return byWidth(OpKind.MemoryESDI, OpKind.MemoryESEDI, OpKind.MemoryESRDI);
    case K.seg_rDI:
      return byWidth(OpKind.MemorySegDI, OpKind.MemorySegEDI, OpKind.MemorySegRDI);
    default:
      return undefined;
  }
}

/** Fills in the memory operand. Returns true if the displacement is to be patched afterwards. */
function setMemory(
  instruction: Instruction,
  argument: Argument & { kind: 'memory' },
  form: Form,
  bits: 32 | 64,
  reading: Reading,
): boolean {
  const { base, index, scale, segment, mask, zeroing, broadcast } = argument.operand;
  const { displacement } = argument;
  const stringMemory = form.kinds.some(
    (kind) => kind === K.seg_rSI || kind === K.es_rDI || kind === K.seg_rDI || kind === K.seg_rBX_al || kind === K.dx,
  );
  if (stringMemory) return false;
  if (mask !== undefined) {
    instruction.opMask = mask.register;
    instruction.zeroingMasking = zeroing ?? false;
  }
  if (broadcast !== undefined) instruction.isBroadcast = true;
  if (segment !== undefined && segment.register !== defaultSegment(base?.name))
    instruction.segmentPrefix = segment.register;
  instruction.memoryBase = base?.register ?? Register.None;
  instruction.memoryIndex = index?.register ?? Register.None;
  instruction.memoryIndexScale = scale;
  const wide = base?.size === 64 || (bits === 64 && base === undefined && index?.size !== 32);
  const full = base?.size === 16 ? 2 : wide ? 8 : 4;
  const relative = base?.class === 'ip64' || base?.class === 'ip32';
  const symbolic =
    argument.operand.displacement !== undefined && (displacement === undefined || !isConstant(displacement));
  const number = displacement?.number ?? 0n;
  const moffs = form.kinds.includes(K.mem_offs);
  if (moffs) {
    instruction.memoryDisplSize = bits === 64 ? 8 : 4;
    instruction.memoryDisplacement = symbolic ? 0n : BigInt.asUintN(bits, number);
    return symbolic;
  }
  if (relative) {
    instruction.memoryDisplSize = full;
    instruction.memoryDisplacement = 0n;
    return true;
  }
  const truncated = wide ? number : BigInt.asIntN(32, number);
  if (!symbolic && wide && BigInt.asIntN(32, number) !== number) {
    const { start, end } = argument.operand.displacement as Expression;
    throw new StatementError(
      `the displacement ${hex(number)} does not fit in 32 signed bits${reading.mnemonic === 'mov' ? ' (movabs takes 64)' : ''}`,
      start,
      end,
    );
  }
  const noRegister = base === undefined;
  const short = truncated >= -128n && truncated <= 127n;
  instruction.memoryDisplSize =
    symbolic || noRegister
      ? full
      : truncated === 0n
        ? /^[re]?bp$|^r13d?$/.test(base.name)
          ? 1
          : 0
        : short || (!form.legacy && truncated % 4n === 0n && truncated >= -8192n && truncated < 8192n)
          ? 1
          : full;
  instruction.memoryDisplacement = symbolic ? 0n : BigInt.asUintN(wide ? 64 : 32, truncated);
  return symbolic;
}

export function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function defaultSegment(base: string | undefined): Register {
  return base !== undefined && /^[re]?[sb]p$/.test(base) ? Register.SS : Register.DS;
}

/** Adds prefixes written by the programmer and puts all of them in the order as has them. */
function addPrefixes(encoded: Uint8Array, prefixes: readonly number[], rex: number): Uint8Array {
  let count = 0;
  while (PREFIX_ORDER[encoded[count] ?? 0] !== undefined) count++;
  if (count + prefixes.length < 2 && prefixes.length === 0 && rex === 0) return encoded;
  const own = [...encoded.subarray(0, count)];
  const all = [...prefixes.filter((prefix) => !own.includes(prefix)), ...own].sort(
    (a, b) => (PREFIX_ORDER[a] ?? 0) - (PREFIX_ORDER[b] ?? 0),
  );
  const rest = [...encoded.subarray(count)];
  if (rex !== 0) {
    if (((rest[0] ?? 0) & 0xf0) === 0x40) rest[0] = rest[0] | rex;
    else rest.unshift(rex);
  }
  return Uint8Array.from([...all, ...rest]);
}
