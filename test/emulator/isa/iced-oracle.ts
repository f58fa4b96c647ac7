/**
 * iced-x86 as the judge of the decoder: the same bytes decoded by both, and every difference given a name. A name is
 * either one of `KNOWN_DIFFERENCES`, which say why ours is what the SDM asks for, or a description of a defect.
 */
import {
  Code,
  CpuidFeature,
  Decoder,
  DecoderOptions,
  Instruction as Iced,
  MemorySizeExt,
  OpKind,
  Register,
} from 'iced-x86';
import { decode } from '../../../emulator/isa/decoder';
import type { CodeSize, DecodeFailure } from '../../../emulator/isa/decoder';
import type { Instruction, MemoryOperand, Operand } from '../../../emulator/isa/instruction';

/** Differences from iced-x86 that are meant, by name. */
export const KNOWN_DIFFERENCES = {
  'absent feature':
    'Instructions of features that no modelled processor has are undefined (SDM vol. 2, chapter 3: #UD).',
  'ignored override': '64-bit mode ignores ES, CS, SS and DS overrides (SDM vol. 1, 3.4.2.1); iced-x86 reports them.',
  'selector width':
    'ARPL, LLDT, LTR, LKGS, VERR, VERW, LMSW and MOV Sreg take r/m16 (SDM vol. 2); iced-x86 names a wider register.',
  'area size': 'FXSAVE and FXRSTOR areas are larger than an operand size; ours is 0 (SDM vol. 2, FXSAVE: m512byte).',
  'monitored address': 'MONITOR uses DS:rAX, overridable (SDM vol. 2, MONITOR); ours is an explicit operand.',
  'no operands': 'Hints and NOP access no operand (SDM vol. 2, NOP, PREFETCHh); ours have none.',
  'exchange with R8':
    'REX.B makes 90 XCHG r8, rAX behind F3 as well: PAUSE is F3 90 alone (SDM vol. 2, NOP, PAUSE, XCHG; processors agree).',
} as const;

export type KnownDifference = keyof typeof KNOWN_DIFFERENCES;

/** Features whose instructions are not decoded. */
const ABSENT_FEATURES = new Set(
  (
    'FMA4 VAES VPCLMULQDQ XOP TBM LWP D3NOW D3NOWEXT CYRIX_D3NOW SSE4A ' +
    'VMX INVEPT INVVPID SVM SKINIT SKINIT_or_SVM SEV_ES SEV_SNP INVLPGB RMPQUERY SMX SGX1 OSS TDX PCONFIG ' +
    'RTM HLE_or_RTM TSXLDTRK UINTR WRMSRNS MSRLIST HRESET PTWRITE WAITPKG ENQCMD MOVDIRI MOVDIR64B ' +
    'SERIALIZE RAO_INT KL AESKLE WIDE_KL CMPCCXADD AMX_TILE AMX_INT8 AMX_BF16 AMX_FP16 AMX_COMPLEX ' +
    'AVX_VNNI AVX_IFMA AVX_NE_CONVERT AVX_VNNI_INT8 AVX_VNNI_INT16 SHA512 SM3 SM4 ' +
    'MCOMMIT MONITORX CLZERO RDPRU PADLOCK_ACE PADLOCK_PHE PADLOCK_PMM PADLOCK_RNG PADLOCK_GMI PADLOCK_UNDOC ' +
    'CENTAUR_AIS SMM TSE'
  ).split(' '),
);

interface CodeFacts {
  readonly name: string;
  readonly mnemonic: string;
  /** Of a feature that is not decoded. */
  readonly absent: boolean;
  readonly string: boolean;
  readonly operandBits: number;
  readonly addressBits: number;
}

const STRINGS = /^(Movs|Cmps|Scas|Lods|Stos|Ins|Outs)[bwdq]_m|^Outs[bwd]_DX|^Lods[bwdq]_A|^(Lods|Scas)[bwdq]_[ER]?A/;
const HINTS = /^(Nop|Reservednop|Prefetch|Cldemote)/;

/** Our mnemonic for a code of iced-x86, from the code's name. */
function mnemonicOf(name: string): string {
  if (STRINGS.test(name)) return name.slice(0, name.search(/[bwdq]_/)).toUpperCase();
  if (HINTS.test(name)) return 'NOP';
  if (/_cr|_dr/.test(name)) return /_cr/.test(name) ? 'MOV_CR' : 'MOV_DR';
  if (/^Mov_Sreg/.test(name)) return 'MOV_SREG_LOAD';
  if (/^Mov_.*_Sreg/.test(name)) return 'MOV_SREG_STORE';
  if (/^Push[wdq]_[C-GS]S$/.test(name)) return 'PUSH_SREG';
  if (/^Pop[wdq]_[D-GS]S$/.test(name)) return 'POP_SREG';
  const [stem] = name.replace(/^VEX_/, '').split('_');
  const upper = stem.toUpperCase();
  if (/^(Call|Jmp)_(ptr|m16)/.test(name)) return `${upper}_FAR`;
  const conditional = /^(J|CMOV|SET)(N?[OBEAPSLG]E?)$/.exec(upper);
  if (conditional) return `${conditional[1]}cc`;
  const [root] = upper.split(
    /(?<=^(?:RETN|RETF|IRET|ENTER|LEAVE|PUSHF|POPF|PUSHA|POPA|PUSH|POP|SYSRET|SYSEXIT|SGDT|SIDT|LGDT|LIDT|FXSAVE|FXRSTOR|XSAVE|XRSTOR|XSAVEC|XSAVES|XSAVEOPT|XRSTORS|NOP|MONITOR|RDPID|RDSSP|INCSSP|WRSS|WRUSS|V?PCMPESTR[IM]))(?:[WDQ]|16|32|64)$/,
  );
  switch (root) {
    case 'RETN':
      return 'RET';
    case 'RETF':
      return 'RET_FAR';
    case 'SAL':
      return 'SHL';
    case 'CBW':
    case 'CWDE':
    case 'CDQE':
      return 'CBW';
    case 'CWD':
    case 'CDQ':
    case 'CQO':
      return 'CWD';
    case 'JECXZ':
    case 'JRCXZ':
      return 'JCXZ';
    case 'WAIT':
      return 'FWAIT';
    default:
      return root;
  }
}

const factsByCode: CodeFacts[] = [];

function factsOf(iced: Iced): CodeFacts {
  const { code } = iced;
  let facts = factsByCode[code];
  if (facts === undefined) {
    const name = Code[code];
    const features = [...iced.cpuidFeatures()].map((feature) => CpuidFeature[feature]);
    const { opCode } = iced;
    facts = {
      name,
      mnemonic: mnemonicOf(name),
      absent: features.some((feature) => ABSENT_FEATURES.has(feature) || feature.startsWith('AVX512')),
      string: STRINGS.test(name),
      operandBits: opCode.operandSize,
      addressBits: opCode.addressSize,
    };
    opCode.free();
    factsByCode[code] = facts;
  }
  return facts;
}

const enumerate = (first: Register, size: number, numbers: readonly number[], high = false) =>
  numbers.map((number, index) => [first + index, { number, size, high }] as const);
const SIXTEEN = [...Array(16).keys()];
const GENERAL = new Map<number, { number: number; size: number; high: boolean }>([
  ...enumerate(Register.AL, 1, [0, 1, 2, 3]),
  ...enumerate(Register.AH, 1, [0, 1, 2, 3], true),
  ...enumerate(Register.SPL, 1, [4, 5, 6, 7]),
  ...enumerate(Register.R8L, 1, [8, 9, 10, 11, 12, 13, 14, 15]),
  ...enumerate(Register.AX, 2, SIXTEEN),
  ...enumerate(Register.EAX, 4, SIXTEEN),
  ...enumerate(Register.RAX, 8, SIXTEEN),
]);

const text = (operand: Operand): string =>
  JSON.stringify(operand, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));

const generalText = (register: Register): string => {
  const found = GENERAL.get(register);
  if (!found) return Register[register];
  return text({ kind: 'register', register: found.number, size: found.size as 1 | 2 | 4 | 8, high: found.high });
};

const VECTORS: readonly { first: number; count: number; kind: string; size: number | undefined }[] = [
  { first: Register.XMM0, count: 16, kind: 'xmm', size: 16 },
  { first: Register.YMM0, count: 16, kind: 'xmm', size: 32 },
  { first: Register.MM0, count: 8, kind: 'mmx', size: undefined },
  { first: Register.ST0, count: 8, kind: 'st', size: undefined },
];

function vectorText(register: number): string | undefined {
  const found = VECTORS.find(({ first, count }) => register >= first && register < first + count);
  return found && JSON.stringify({ kind: found.kind, register: register - found.first, size: found.size });
}

const GATHERED_BY_YMM = new Set<number>(SIXTEEN.map((number) => Register.YMM0 + number));

function gatherText(iced: Iced): string {
  const { memoryBase } = iced;
  const memoryIndex: number = iced.memoryIndex;
  const long = GATHERED_BY_YMM.has(memoryIndex);
  const base = GENERAL.get(memoryBase);
  return text({
    kind: 'gather',
    size: MemorySizeExt.size(iced.memorySize) as 4 | 8,
    segment: iced.memorySegment - Register.ES,
    base: base?.number ?? -1,
    index: memoryIndex - (long ? Register.YMM0 : Register.XMM0),
    indexSize: long ? 32 : 16,
    scale: Math.log2(iced.memoryIndexScale),
    displacement: BigInt.asIntN((base?.size ?? (iced.memoryDisplSize || 8)) * 8, iced.memoryDisplacement),
  });
}

function memoryText(iced: Iced, facts: CodeFacts): string {
  const { memoryBase, memoryIndex } = iced;
  const size = MemorySizeExt.size(iced.memorySize);
  const ripRelative = memoryBase === Register.RIP || memoryBase === Register.EIP;
  const base = GENERAL.get(memoryBase);
  const indexRegister = GENERAL.get(memoryIndex);
  const addressSize = memoryBase === Register.EIP ? 4 : (base?.size ?? indexRegister?.size ?? iced.memoryDisplSize);
  const offset = ripRelative ? iced.memoryDisplacement - iced.nextIP : iced.memoryDisplacement;
  // iced-x86 zero-extends displacements from the address size
  const displacement = /moffs/.test(facts.name)
    ? BigInt.asUintN(64, offset)
    : BigInt.asIntN((addressSize || 8) * 8, offset);
  const memory: MemoryOperand = {
    kind: 'memory',
    size: size as MemoryOperand['size'],
    segment: iced.memorySegment - Register.ES,
    base: base?.number ?? -1,
    index: facts.mnemonic === 'XLAT' ? -1 : (indexRegister?.number ?? -1),
    // Without an index, iced-x86 still reports the scale bits
    scale: indexRegister ? Math.log2(iced.memoryIndexScale) : 0,
    displacement,
    ripRelative,
  };
  return text(memory);
}

const IMMEDIATE_SIZES = new Map<OpKind, 1 | 2 | 4 | 8>([
  [OpKind.Immediate8, 1],
  [OpKind.Immediate8_2nd, 1],
  [OpKind.Immediate16, 2],
  [OpKind.Immediate32, 4],
  [OpKind.Immediate64, 8],
  [OpKind.Immediate8to16, 2],
  [OpKind.Immediate8to32, 4],
  [OpKind.Immediate8to64, 8],
  [OpKind.Immediate32to64, 8],
]);

/** String operands: base register number by kind. */
const STRING_BASES = new Map<OpKind, { base: number; es: boolean }>([
  ...[OpKind.MemorySegDI, OpKind.MemorySegEDI, OpKind.MemorySegRDI].map(
    (kind) => [kind, { base: 7, es: false }] as const,
  ),
  ...[OpKind.MemorySegSI, OpKind.MemorySegESI, OpKind.MemorySegRSI].map(
    (kind) => [kind, { base: 6, es: false }] as const,
  ),
  ...[OpKind.MemoryESDI, OpKind.MemoryESEDI, OpKind.MemoryESRDI].map((kind) => [kind, { base: 7, es: true }] as const),
]);

function operandText(iced: Iced, index: number, facts: CodeFacts, mode: CodeSize): string {
  const kind = iced.opKind(index);
  if (kind === OpKind.Register) {
    const register = iced.opRegister(index);
    if (register >= Register.ES && register <= Register.GS)
      return text({ kind: 'segment', register: register - Register.ES });
    if (register >= Register.CR0 && register <= Register.CR15)
      return text({ kind: 'control', register: register - Register.CR0 });
    if (register >= Register.DR0 && register <= Register.DR15)
      return text({ kind: 'debug', register: register - Register.DR0 });
    return vectorText(register) ?? generalText(register);
  }
  if (kind === OpKind.Memory && iced.isVsib) return gatherText(iced);
  if (kind === OpKind.Memory) return memoryText(iced, facts);
  const size = IMMEDIATE_SIZES.get(kind);
  if (size !== undefined)
    return text({ kind: 'immediate', value: BigInt.asUintN(size * 8, iced.immediate(index)), size });
  const string = STRING_BASES.get(kind);
  if (string)
    return text({
      kind: 'memory',
      size: MemorySizeExt.size(iced.memorySize) as 1 | 2 | 4 | 8,
      segment: string.es ? 0 : iced.memorySegment - Register.ES,
      base: string.base,
      index: -1,
      scale: 0,
      displacement: 0n,
      ripRelative: false,
    });
  if (kind === OpKind.FarBranch16)
    return text({ kind: 'far', selector: iced.farBranchSelector, offset: iced.farBranch16 });
  if (kind === OpKind.FarBranch32)
    return text({ kind: 'far', selector: iced.farBranchSelector, offset: iced.farBranch32 });
  const bits = kind === OpKind.NearBranch16 ? 16 : mode === 64 ? 64 : 32;
  return text({ kind: 'relative', displacement: Number(BigInt.asIntN(bits, iced.nearBranchTarget - iced.nextIP)) });
}

function ourText(operand: Operand): string {
  if (operand.kind === 'immediate') return text({ ...operand, value: BigInt.asUintN(operand.size * 8, operand.value) });
  return text(operand);
}

/** What comparing one instruction found: nothing, a known difference, or a defect in words. */
export type Finding = undefined | { readonly known: KnownDifference } | { readonly defect: string };

const known = (name: KnownDifference): Finding => ({ known: name });
const defect = (words: string): Finding => ({ defect: words });

/** Compares one decoded instruction with what iced-x86 says; changes `iced` where the SDM knows better. */
export function compare(ours: Instruction | DecodeFailure, iced: Iced, mode: CodeSize): Finding {
  if (iced.code === Code.INVALID)
    return typeof ours === 'string' ? undefined : defect(`${ours.mnemonic}, iced: invalid`);
  const facts = factsOf(iced);
  if (typeof ours === 'string') return facts.absent ? known('absent feature') : defect(`${ours}, iced: ${facts.name}`);
  if (ours.length !== iced.length) return defect(`${facts.name}: length ${ours.length}, iced: ${iced.length}`);
  if (ours.mnemonic === 'XCHG' && facts.mnemonic === 'PAUSE') return known('exchange with R8');
  if (ours.mnemonic !== facts.mnemonic) return defect(`${ours.mnemonic}, iced: ${facts.name}`);
  const different = compareAttributes(ours, iced, facts);
  if (different !== undefined) return defect(`${facts.name}: ${different}`);
  if (ours.mnemonic === 'NOP') return known('no operands');
  if (ours.mnemonic === 'MONITOR') return known('monitored address');
  const { segmentPrefix } = iced;
  const ignored = mode === 64 && segmentPrefix >= Register.ES && segmentPrefix <= Register.DS;
  if (ignored) iced.segmentPrefix = Register.None;
  const expected: string[] = [];
  for (let index = 0; index < iced.opCount; index++) {
    // String instructions: the accumulator and DX are not operands of ours
    if (facts.string && iced.opKind(index) === OpKind.Register) continue;
    expected.push(operandText(iced, index, facts, mode));
  }
  const actual = ours.operands.map(ourText).join(' ');
  if (actual === expected.join(' ')) return ignored ? known('ignored override') : undefined;
  if (SELECTORS.has(ours.mnemonic) && actual === expected.join(' ').replace(/"size":[48]/g, '"size":2'))
    return known('selector width');
  if (ours.mnemonic.startsWith('FX') && actual === expected.join(' ').replace('"size":512', '"size":0'))
    return known('area size');
  return defect(`${facts.name}: ${actual}, iced: ${expected.join(' ')}`);
}

const SELECTORS = new Set('ARPL LLDT LTR LKGS VERR VERW LMSW MOV_SREG_LOAD'.split(' '));

function compareAttributes(ours: Instruction, iced: Iced, facts: CodeFacts): string | undefined {
  if (ours.mnemonic.endsWith('cc') && ours.condition !== iced.conditionCode - 1) return `condition ${ours.condition}`;
  if (facts.operandBits !== 0 && facts.operandBits !== ours.operandSize * 8) return `operand size ${ours.operandSize}`;
  if (facts.addressBits !== 0 && facts.addressBits !== ours.addressSize * 8) return `address size ${ours.addressSize}`;
  if (ours.lock !== iced.hasLockPrefix) return `lock ${ours.lock}`;
  const repeat = !facts.string ? 'none' : iced.hasRepPrefix ? 'rep' : iced.hasRepnePrefix ? 'repne' : 'none';
  return ours.repeat === repeat ? undefined : `repeat ${ours.repeat}`;
}

const SLOT = 16;

/** Decodes many byte strings with both decoders, in one mode. */
export class Oracle {
  /** Defects in words, each with the first bytes that showed it. */
  readonly defects = new Map<string, string>();
  readonly known = new Map<KnownDifference, number>();
  compared = 0;
  valid = 0;
  private readonly buffer: Uint8Array;
  private used = 0;

  constructor(
    private readonly mode: CodeSize,
    private readonly slots = 1 << 14,
  ) {
    this.buffer = new Uint8Array(slots * SLOT);
  }

  /** Adds up to 16 bytes; what is missing is zero. */
  add(bytes: readonly number[]): void {
    const at = this.used++ * SLOT;
    for (let index = 0; index < SLOT; index++) this.buffer[at + index] = bytes[index] ?? 0;
    if (this.used === this.slots) this.flush();
  }

  /** Compares what was added since the last time. */
  flush(): void {
    const decoder = new Decoder(this.mode, this.buffer.subarray(0, this.used * SLOT), DecoderOptions.None);
    const iced = new Iced();
    for (let slot = 0; slot < this.used; slot++) {
      decoder.position = slot * SLOT;
      decoder.decodeOut(iced);
      const ours = decode(this.buffer, slot * SLOT, SLOT, this.mode);
      this.note(compare(ours, iced, this.mode), slot);
      if (typeof ours !== 'string') this.valid++;
    }
    iced.free();
    decoder.free();
    this.compared += this.used;
    this.used = 0;
  }

  private note(finding: Finding, slot: number): void {
    if (finding === undefined) return;
    if ('known' in finding) this.known.set(finding.known, (this.known.get(finding.known) ?? 0) + 1);
    else if (!this.defects.has(finding.defect)) {
      const bytes = this.buffer.subarray(slot * SLOT, slot * SLOT + SLOT);
      this.defects.set(finding.defect, [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' '));
    }
  }
}
