/** Whether operands fit an encoding, and what AT&T syntax leaves unsaid about them. */
import { OpCodeOperandKind, Register } from 'iced-x86';
import type { Value } from './expressions';
import { isConstant } from './expressions';
import { GENERAL_SIZE, type Form } from './forms';
import type { Operand } from './operands';
import { registerNamed, registerNumber, type RegisterClass, type RegisterInfo } from './registers';

const K = OpCodeOperandKind;

/** An operand with its value, if it has one, as far as it is known. */
export type Argument =
  | { readonly kind: 'register'; readonly register: RegisterInfo; readonly operand: Operand }
  | { readonly kind: 'immediate'; readonly value: Value | undefined; readonly operand: Operand }
  | {
      readonly kind: 'memory';
      readonly displacement: Value | undefined;
      readonly operand: Operand & { kind: 'memory' };
    }
  | { readonly kind: 'implied' };

const IMPLIED: Argument = { kind: 'implied' };
const GENERAL_CLASS: Readonly<Record<number, RegisterClass>> = { 8: 'r8', 16: 'r16', 32: 'r32', 64: 'r64' };

/** Kinds that stand for exactly one register. */
const FIXED = new Map<OpCodeOperandKind, Register>([
  [K.al, Register.AL],
  [K.cl, Register.CL],
  [K.ax, Register.AX],
  [K.dx, Register.DX],
  [K.eax, Register.EAX],
  [K.rax, Register.RAX],
  [K.st0, Register.ST0],
  [K.es, Register.ES],
  [K.cs, Register.CS],
  [K.ss, Register.SS],
  [K.ds, Register.DS],
  [K.fs, Register.FS],
  [K.gs, Register.GS],
]);

const ACCUMULATORS = new Set([K.al, K.ax, K.eax, K.rax]);
const STRING_MEMORY = new Map<OpCodeOperandKind, RegExp>([
  [K.seg_rSI, /^[re]?si$/],
  [K.es_rDI, /^[re]?di$/],
  [K.seg_rDI, /^[re]?di$/],
  [K.seg_rBX_al, /^[re]?bx$/],
]);

function classOf(kind: OpCodeOperandKind): RegisterClass | undefined {
  const general = GENERAL_SIZE.get(kind);
  if (general !== undefined) return GENERAL_CLASS[general];
  const name = K[kind] ?? '';
  if (kind === K.seg_reg) return 'segment';
  if (kind === K.cr_reg) return 'control';
  if (kind === K.dr_reg) return 'debug';
  if (kind === K.tr_reg) return 'test';
  if (kind === K.sti_opcode) return 'x87';
  if (/^mm_/.test(name)) return 'mmx';
  if (/^xmm/.test(name)) return 'xmm';
  if (/^ymm/.test(name)) return 'ymm';
  if (/^zmm/.test(name)) return 'zmm';
  if (/^kp?1?_/.test(name)) return 'mask';
  if (/^bnd_/.test(name)) return 'bound';
  return /^tmm_/.test(name) ? 'tile' : undefined;
}

const CLASSES = new Map<OpCodeOperandKind, RegisterClass | undefined>();

function registerClass(kind: OpCodeOperandKind): RegisterClass | undefined {
  if (!CLASSES.has(kind)) CLASSES.set(kind, classOf(kind));
  return CLASSES.get(kind);
}

export function takesMemory(kind: OpCodeOperandKind): boolean {
  return (kind >= K.mem && kind <= K.k_or_mem) || kind === K.sibmem;
}

/** True if `argument` can be what `kind` asks for. */
export function fits(kind: OpCodeOperandKind, argument: Argument, form: Form, bits: 32 | 64): boolean {
  switch (argument.kind) {
    case 'implied':
      return true;
    case 'register': {
      const fixed = FIXED.get(kind);
      if (fixed !== undefined) return argument.register.register === fixed;
      if (registerClass(kind) !== argument.register.class) return false;
      return form.isEvex || argument.register.size < 128 || registerNumber(argument.register) < 16;
    }
    case 'immediate':
      return immediateFits(kind, argument.value);
    case 'memory':
      return memoryFits(kind, argument, form, bits);
  }
}

const VECTOR_INDEX: ReadonlyMap<OpCodeOperandKind, RegisterClass> = new Map([
  [K.mem_vsib32x, 'xmm'],
  [K.mem_vsib64x, 'xmm'],
  [K.mem_vsib32y, 'ymm'],
  [K.mem_vsib64y, 'ymm'],
  [K.mem_vsib32z, 'zmm'],
  [K.mem_vsib64z, 'zmm'],
]);

function memoryFits(
  kind: OpCodeOperandKind,
  argument: Argument & { kind: 'memory' },
  form: Form,
  bits: 32 | 64,
): boolean {
  const { base, index } = argument.operand;
  if (kind === K.dx) return base?.register === Register.DX;
  const string = STRING_MEMORY.get(kind);
  if (string !== undefined) return base !== undefined && index === undefined && string.test(base.name);
  if (kind === K.mem_offs) {
    if (base !== undefined || index !== undefined) return false;
    if (bits === 32) return true;
    return needsMoffs(argument.displacement);
  }
  if (!takesMemory(kind)) return false;
  if (
    bits === 64 &&
    form.name.startsWith('Mov_') &&
    base === undefined &&
    index === undefined &&
    needsMoffs(argument.displacement)
  )
    return false;
  const vector = VECTOR_INDEX.get(kind);
  return vector === undefined ? !/^[xyz]mm/.test(index?.class ?? '') : index?.class === vector;
}

/** True if an address in 64-bit code does not fit in 32 signed bits. */
function needsMoffs(value: Value | undefined): boolean {
  return value !== undefined && isConstant(value) && BigInt.asIntN(32, value.number) !== value.number;
}

/** What an immediate fits: one bit each. */
const FITS_ONE = 1;
const FITS_8 = 2;
const FITS_SIGNED_8_OF_16 = 4;
const FITS_SIGNED_8_OF_32 = 8;
const FITS_SIGNED_8_OF_64 = 16;
const FITS_16 = 32;
const FITS_32 = 64;
const FITS_SIGNED_32_OF_64 = 128;
const SYMBOLIC = 256;

/** Which widths a value fits: those taken as given, and those whose high half the CPU makes from the sign. */
export function immediateShape(value: Value | undefined): number {
  if (value === undefined || !isConstant(value)) return SYMBOLIC;
  const { number } = value;
  if (BigInt.asIntN(33, number) !== number || number < -0x80000000n) return 0;
  const small = Number(number);
  const isByte = (signed: number): boolean => signed >= -128 && signed <= 127;
  const in16 = small >= -0x8000 && small <= 0xffff;
  return (
    (small === 1 ? FITS_ONE : 0) |
    (small >= -128 && small <= 255 ? FITS_8 : 0) |
    (in16 && isByte((small << 16) >> 16) ? FITS_SIGNED_8_OF_16 : 0) |
    (isByte(small | 0) ? FITS_SIGNED_8_OF_32 : 0) |
    (isByte(small) ? FITS_SIGNED_8_OF_64 : 0) |
    (in16 ? FITS_16 : 0) |
    FITS_32 |
    (small <= 0x7fffffff ? FITS_SIGNED_32_OF_64 : 0)
  );
}

const NEEDED_SHAPE: ReadonlyMap<OpCodeOperandKind, number> = new Map([
  [K.imm8_const_1, FITS_ONE],
  [K.imm4_m2z, FITS_8 | SYMBOLIC],
  [K.imm8, FITS_8 | SYMBOLIC],
  [K.imm8sex16, FITS_SIGNED_8_OF_16],
  [K.imm8sex32, FITS_SIGNED_8_OF_32],
  [K.imm8sex64, FITS_SIGNED_8_OF_64],
  [K.imm16, FITS_16 | SYMBOLIC],
  [K.imm32, FITS_32 | SYMBOLIC],
  [K.imm32sex64, FITS_SIGNED_32_OF_64 | SYMBOLIC],
]);

function immediateFits(kind: OpCodeOperandKind, value: Value | undefined): boolean {
  const shape = immediateShape(value);
  if (kind === K.imm64) return shape !== SYMBOLIC;
  return ((NEEDED_SHAPE.get(kind) ?? 0) & shape) !== 0;
}

/** The same register seen with another size. */
function resized(argument: Argument, size: 16 | 32): Argument {
  if (argument.kind !== 'register') return argument;
  const name = argument.register.name;
  const legacy = /^[re]?([a-d]x|[sd]i|[sb]p)$/.exec(name)?.[1];
  const numbered = /^r\d+/.exec(name)?.[0];
  const other =
    legacy !== undefined ? (size === 32 ? `e${legacy}` : legacy) : (numbered ?? '') + (size === 32 ? 'd' : 'w');
  const register = registerNamed(other);
  return register === undefined ? argument : { ...argument, register };
}

/**
 * The arguments (Intel order) as `form` counts them: what AT&T syntax lets one leave out is added. `undefined` if their
 * number does not fit.
 */
export function arrange(form: Form, args: readonly Argument[], bits: 32 | 64): readonly Argument[] | undefined {
  const { kinds, name } = form;
  if (kinds.length === args.length) {
    if (kinds[0] === K.farbr2_2 || kinds[0] === K.farbr4_2) return undefined;
    if (form.quirk === undefined && name !== 'Xchg_r32_EAX') return args;
    if (form.quirk === 'selectorMove') return arrangeSelector(form, args);
    if (form.quirk === 'selectorReader') {
      return name.includes('_r32m16')
        ? args.map((argument) => (sizeOf(argument) === 16 ? resized(argument, 32) : argument))
        : undefined;
    }
    if (form.quirk === 'narrowResult') {
      return name.includes('r64')
        ? undefined
        : args.map((argument) => (sizeOf(argument) === 64 ? resized(argument, 32) : argument));
    }
    if (name === 'Xchg_r32_EAX' && bits === 64 && args.every((argument) => isRegister(argument, Register.EAX)))
      return undefined;
    return args;
  }
  const [first, second] = args;
  const isFar = kinds[0] === K.farbr2_2 || kinds[0] === K.farbr4_2;
  if (isFar && args.length === 2 && args.every(({ kind }) => kind === 'immediate')) return args.slice(0, 1);
  if (kinds[kinds.length - 1] === K.cl && /^Sh[lr]d_/.test(name) && args.length === 2) return [...args, IMPLIED];
  if (kinds[0] === K.seg_rDI && kinds.length === args.length + 1) return [IMPLIED, ...args];
  if (kinds.length === 2 && args.length === 1 && first !== undefined) {
    if (kinds[1] === K.imm8_const_1) return [first, IMPLIED];
    if (form.name.startsWith('In_')) return [IMPLIED, first];
    if (form.name.startsWith('Out_')) return [first, IMPLIED];
    if (kinds[1] === K.st0) return [first, IMPLIED];
    if (kinds[0] === K.st0) return [IMPLIED, first];
  }
  if (
    kinds.length === 3 &&
    args.length === 2 &&
    name.startsWith('Imul_') &&
    first !== undefined &&
    second !== undefined
  ) {
    return [first, first, second];
  }
  if (form.quirk === 'string') return arrangeString(form, args);
  if (args.length === 0) {
    if (/^Aa[md]_/.test(name)) return [IMPLIED];
    if (/^F/.test(name) && kinds.every((kind) => kind === K.st0 || kind === K.sti_opcode))
      return kinds.map(() => IMPLIED);
  }
  if (kinds.length === 0 && /^(?:Monitor|Mwait|Clzero|Vmrun|Vmload|Vmsave|Invlpga)/.test(name)) return [];
  if (/^(?:P?[Bb]lendv|Sha256rnds2)/.test(name) && args.length === kinds.length + 1) {
    const last = args[args.length - 1];
    if (isRegister(last, Register.XMM0)) return args.slice(0, -1);
  }
  return undefined;
}

function isRegister(argument: Argument, register: Register): boolean {
  return argument.kind === 'register' && argument.register.register === register;
}

function sizeOf(argument: Argument): number {
  return argument.kind === 'register' && argument.register.class.startsWith('r') ? argument.register.size : 0;
}

/** Selectors are 16 bits wide whatever the register: as never spends a prefix on them that changes nothing. */
function arrangeSelector(form: Form, args: readonly Argument[]): readonly Argument[] | undefined {
  if (form.name.includes('r64')) return undefined;
  const [target, source] = args as [Argument, Argument];
  if (form.kinds[0] === K.seg_reg) {
    if (form.name !== 'Mov_Sreg_r32m16') return undefined;
    return [target, sizeOf(source) === 64 || sizeOf(source) === 16 ? resized(source, 32) : source];
  }
  if (target.kind === 'memory' && form.name !== 'Mov_r32m16_Sreg') return undefined;
  return [sizeOf(target) === 64 ? resized(target, 32) : target, source];
}

function arrangeString(form: Form, args: readonly Argument[]): readonly Argument[] | undefined {
  if (args.length === 0) return form.kinds.map(() => IMPLIED);
  if (args.length !== 1) return undefined;
  const given = args[0];
  return form.kinds.map((kind) =>
    STRING_MEMORY.has(kind) === (given.kind === 'memory') && !(ACCUMULATORS.has(kind) && given.kind === 'memory')
      ? given
      : IMPLIED,
  );
}
