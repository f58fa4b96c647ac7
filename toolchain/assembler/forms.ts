/** The encodings of each mnemonic, taken from iced-x86's opcode table when the mnemonic is first used. */
import {
  Code,
  CodeExt,
  EncodingKind,
  Instruction,
  MandatoryPrefix,
  MemorySize,
  Mnemonic,
  OpCodeOperandKind,
  OpCodeTableKind,
} from 'iced-x86';

/**
 * - `selectorMove`: MOV to or from a segment register.
 * - `selectorReader`: uses 16 bits of a register whatever its size, so that as spends no prefix on the size.
 * - `narrowResult`: writes 32 bits at most, so that as spends no REX.W on the size.
 * - `reversible`: x87 subtraction or division that AT&T syntax calls by the other name.
 * - `string`: its memory operands are implied.
 */
export type Quirk = 'selectorMove' | 'selectorReader' | 'narrowResult' | 'reversible' | 'string';

/** One encoding. Operands are in Intel order, as in the SDM and in iced-x86. */
export interface Form {
  readonly code: Code;
  /** iced-x86's name, such as Add_rm32_imm8. */
  readonly name: string;
  readonly kinds: readonly OpCodeOperandKind[];
  /** AT&T suffix that selects this form (b w l q, for x87 s l t q); empty if none does. */
  readonly suffix: string;
  /** Suffix of the source operand, for movzx, movsx and crc32. */
  readonly sourceSuffix: string;
  readonly in32: boolean;
  readonly in64: boolean;
  /** 64 bits are the default operand size in 64-bit mode. */
  readonly default64: boolean;
  readonly legacy: boolean;
  readonly isEvex: boolean;
  /** Relative length of the encoding in 32-bit and 64-bit mode, operands being equal. */
  readonly cost: number;
  readonly addressSize: number;
  readonly isBranch: boolean;
  /** A far jump, call or return. */
  readonly isFar: boolean;
  /** Has a 64-bit immediate or a full absolute address. */
  readonly isMovabs: boolean;
  /** What as does differently about operand sizes or counts; `undefined` for nothing. */
  readonly quirk: Quirk | undefined;
  /** N of the {1toN} the memory operand may be broadcast by; 0 for none. */
  readonly broadcast: number;
}

const K = OpCodeOperandKind;

/** Bits of the general-purpose register a kind of operand stands for. */
export const GENERAL_SIZE: ReadonlyMap<OpCodeOperandKind, number> = new Map([
  ...[K.r8_or_mem, K.r8_reg, K.r8_opcode, K.al].map((kind) => [kind, 8] as const),
  ...[K.r16_or_mem, K.r16_reg, K.r16_reg_mem, K.r16_rm, K.r16_opcode, K.ax].map((kind) => [kind, 16] as const),
  ...[K.r32_or_mem, K.r32_or_mem_mpx, K.r32_reg, K.r32_reg_mem, K.r32_rm, K.r32_opcode, K.r32_vvvv, K.eax].map(
    (kind) => [kind, 32] as const,
  ),
  ...[K.r64_or_mem, K.r64_or_mem_mpx, K.r64_reg, K.r64_reg_mem, K.r64_rm, K.r64_opcode, K.r64_vvvv, K.rax].map(
    (kind) => [kind, 64] as const,
  ),
]);

/** Bytes of the immediate or displacement an operand kind adds. */
export const IMMEDIATE_BYTES: ReadonlyMap<OpCodeOperandKind, number> = new Map([
  [K.imm8, 1],
  [K.imm8sex16, 1],
  [K.imm8sex32, 1],
  [K.imm8sex64, 1],
  [K.imm4_m2z, 1],
  [K.imm16, 2],
  [K.imm32, 4],
  [K.imm32sex64, 4],
  [K.imm64, 8],
]);

export const BRANCH_SIZE: ReadonlyMap<OpCodeOperandKind, number> = new Map([
  [K.br16_1, 16],
  [K.br16_2, 16],
  [K.br32_1, 32],
  [K.br32_4, 32],
  [K.br64_1, 64],
  [K.br64_4, 64],
  [K.xbegin_2, 16],
  [K.xbegin_4, 64],
]);

const SIGN_EXTENDED = new Set([K.imm8sex16, K.imm8sex32, K.imm8sex64]);

/** Operand kinds that live in a ModRM byte. */
const IN_MODRM = /_or_mem|^mem(?!_offs)|_reg$|_reg_mem|_rm$|^seg_reg$/;
const SUFFIX_OF_BITS: Readonly<Record<number, string>> = { 8: 'b', 16: 'w', 32: 'l', 64: 'q' };
const SUFFIX_OF_WIDTH: Readonly<Record<string, string>> = { w: 'w', d: 'l', q: 'q' };
const SIZE_IN_NAME = /^(?:Push|Pop|Retn|Retf|Leave|Enter|Iret|Pushf|Popf|Pusha|Popa|Sysret|Sysexit|Nop)(w|d|q)(?:_|$)/;
const NOT_FOR_USE =
  /^(?:VEX_KNC_|MVEX_|Reservednop|ReservedNop|Cmpxchg486_|VEX_(?:Vpdp(?:busds?|wssds?)|Vpmadd52[lh]uq|Vcvtneps2bf16)_|Pmulhrw_mm|INVALID|Declare|Fstpnce|Fstp_sti_D|Jmpe|.*_(?:82|DFD0|DFD8)$)/;

/** Mnemonics (iced-x86's names in lower case) with the codes that have them. */
export type CodeIndex = ReadonlyMap<string, readonly Code[]>;

/** Reads the mnemonic of every code, a few milliseconds' work. */
export function indexCodes(): CodeIndex {
  const index = new Map<string, Code[]>();
  const names = new Map<Mnemonic, string>();
  const instruction = new Instruction();
  for (let code = 1; Code[code] !== undefined; code++) {
    if (NOT_FOR_USE.test(Code[code])) continue;
    instruction.code = code;
    const mnemonic = instruction.mnemonic;
    let name = names.get(mnemonic);
    if (name === undefined) {
      name = (Mnemonic[mnemonic] ?? '').toLowerCase();
      names.set(mnemonic, name);
      index.set(name, []);
    }
    index.get(name)?.push(code);
  }
  instruction.free();
  return index;
}

export function formOf(code: Code): Form {
  const info = CodeExt.opCode(code);
  const kinds: OpCodeOperandKind[] = [];
  for (let operand = 0; operand < info.opCount; operand++) kinds.push(info.opKind(operand));
  const name = Code[code] ?? '';
  const legacy = info.encoding === EncodingKind.Legacy;
  const { size, sourceSize } = generalSizes(name, kinds);
  const form: Form = {
    code,
    name,
    kinds,
    suffix: suffixOf(name, kinds, size),
    sourceSuffix: SUFFIX_OF_BITS[sourceSize] ?? '',
    in32: info.isAvailableInMode(32),
    in64: info.isAvailableInMode(64),
    default64: info.defaultOpSize64 || info.forceOpSize64,
    legacy,
    isEvex: info.encoding === EncodingKind.EVEX,
    cost: costOf(),
    addressSize: info.addressSize,
    isBranch: kinds.some((kind) => BRANCH_SIZE.has(kind)),
    isFar: /_m16(?:16|32|64)$|_ptr16|^Retf/.test(name),
    isMovabs: kinds.includes(K.imm64) || kinds.includes(K.mem_offs),
    quirk: quirkOf(name, kinds),
    broadcast: info.canBroadcast ? broadcastCount(MemorySize[info.broadcastMemorySize] ?? '') : 0,
  };
  info.free();
  return form;

  function costOf(): number {
    let cost = 0;
    for (const kind of kinds) cost += IMMEDIATE_BYTES.get(kind) ?? 0;
    if (/^VEX_Vmovq_(?:xmm_rm64|rm64_xmm)$/.test(name)) cost += 0.5; // memory goes through the SSE forms
    if (name.startsWith('VEX_') && kinds.length === 4 && /_or_mem$/.test(K[kinds[3]] ?? '')) cost -= 0.5; // FMA4: memory last if there is a choice
    if (!legacy) return cost + (info.encoding === EncodingKind.EVEX ? 6 : 4);
    cost += info.opCodeLength;
    if (info.table === OpCodeTableKind.T0F) cost += 1;
    else if (info.table !== OpCodeTableKind.Normal) cost += 2;
    if (info.mandatoryPrefix > MandatoryPrefix.PNP) cost += 1;
    if (info.operandSize === 16) cost += 1;
    if (info.operandSize === 64 && !info.defaultOpSize64 && !info.forceOpSize64) cost += 1;
    if (kinds.some((kind) => SIGN_EXTENDED.has(kind))) cost -= 0.5; // preferred to an accumulator form of the same length
    if (info.isGroup || kinds.some((kind) => IN_MODRM.test(K[kind] ?? ''))) cost += 1;
    return cost;
  }
}

const SELECTOR_READERS = /^(?:Ltr|Lldt|Lmsw|Verr|Verw|Arpl)_/;
const NARROW_RESULTS =
  /^(?:Sldt|Str|(?:VEX_V|EVEX_V)?(?:[Mm]ovmskp[sd]|[Pp]movmskb|[Pp]extrw|[Pp]extrb|[Ee]xtractps|[Pp]insrw|[Pp]insrb))_/;
const STRING_KINDS = new Set([K.seg_rSI, K.es_rDI, K.seg_rDI, K.seg_rBX_al]);

function quirkOf(name: string, kinds: readonly OpCodeOperandKind[]): Quirk | undefined {
  if (kinds.includes(K.seg_reg) && name.startsWith('Mov_')) return 'selectorMove';
  if (SELECTOR_READERS.test(name)) return 'selectorReader';
  if (NARROW_RESULTS.test(name)) return 'narrowResult';
  if (/^F(?:sub|div)r?p?_/.test(name)) return 'reversible';
  return kinds.some((kind) => STRING_KINDS.has(kind)) ? 'string' : undefined;
}

/** Elements of a size such as Broadcast256_Float32 or Broadcast128_2xInt16. */
function broadcastCount(size: string): number {
  const match = /^Broadcast(\d+)_(?:(\d+)x)?[A-Za-z]+(\d+)$/.exec(size);
  if (match === null) return 0;
  const element = match[3] === '52' ? 64 : Number(match[3]);
  return Number(match[1]) / (Number(match[2] ?? 1) * element);
}

function generalSizes(name: string, kinds: readonly OpCodeOperandKind[]): { size: number; sourceSize: number } {
  const sizes = kinds.map((kind) => GENERAL_SIZE.get(kind)).filter((size) => size !== undefined);
  if (/^(?:Movsx|Movzx|Movsxd)_/.test(name)) return { size: sizes[0] ?? 0, sourceSize: sizes[1] ?? 0 };
  if (name.startsWith('Crc32_')) return { size: sizes[1] ?? 0, sourceSize: 0 };
  return { size: sizes[0] ?? 0, sourceSize: 0 };
}

function suffixOf(name: string, kinds: readonly OpCodeOperandKind[], size: number): string {
  const width = SIZE_IN_NAME.exec(name)?.[1];
  if (width !== undefined) return SUFFIX_OF_WIDTH[width] ?? '';
  const pushed = /^Push_imm(16|32)/.exec(name)?.[1];
  if (pushed !== undefined) return SUFFIX_OF_BITS[Number(pushed)] ?? '';
  const real = /_m(16int|32int|64int|32fp|64fp|80fp)/.exec(name)?.[1];
  if (real !== undefined)
    return { '16int': 's', '32int': 'l', '64int': 'q', '32fp': 's', '64fp': 'l', '80fp': 't' }[real] ?? '';
  const environment = /_m(14|28|94|108)byte/.exec(name)?.[1];
  if (environment !== undefined) return environment === '14' || environment === '94' ? 's' : 'l';
  const table = /^[LS][gi]dt_m16(32_16|32|64)/.exec(name)?.[1];
  if (table !== undefined) return { '32_16': 'w', '32': 'l', '64': 'q' }[table] ?? '';
  const far = /^(?:Jmp|Call|Lss|Lfs|Lgs)_m16(16|32|64)/.exec(name)?.[1] ?? /_ptr16(16|32)/.exec(name)?.[1];
  if (far !== undefined) return SUFFIX_OF_BITS[Number(far)] ?? '';
  for (const kind of kinds) {
    const branch = BRANCH_SIZE.get(kind);
    if (name === 'Xbegin_rel32') return '';
    if (branch !== undefined) return SUFFIX_OF_BITS[branch] ?? '';
  }
  return SUFFIX_OF_BITS[size] ?? '';
}
