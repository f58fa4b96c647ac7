/** Which CPUID features an instruction belongs to; without one of them it raises #UD. */
import type { Feature } from '../cpu/cpuid';
import type { Instruction } from './instruction';

const names = (feature: Feature, list: string): [string, Feature][] =>
  list.split(/\s+/).map((mnemonic) => [mnemonic, feature]);

/**
 * Instructions that every model has are not listed, nor those whose routines check for themselves. Of the vector
 * instructions the legacy encodings are here; those on XMM registers that are not belong to SSE2.
 */
const FEATURE_OF: ReadonlyMap<string, Feature> = new Map([
  ...names('ADX', 'ADCX ADOX'),
  ...names('BMI1', 'ANDN BEXTR BLSI BLSMSK BLSR'),
  ...names('BMI2', 'BZHI MULX PDEP PEXT RORX SARX SHLX SHRX'),
  ...names('CLFLUSHOPT', 'CLFLUSHOPT'),
  ...names('CLWB', 'CLWB'),
  ...names('CX16', 'CMPXCHG16B'),
  ...names('CET_SS', 'RDSSP INCSSP SAVEPREVSSP RSTORSSP WRSS WRUSS SETSSBSY CLRSSBSY'),
  ...names('FRED', 'ERETS ERETU'),
  ...names('LKGS', 'LKGS'),
  ...names('MOVBE', 'MOVBE'),
  ...names('POPCNT', 'POPCNT'),
  ...names('RDRAND', 'RDRAND'),
  ...names('RDSEED', 'RDSEED'),
  ...names('FXSR', 'FXSAVE FXRSTOR'),
  ...names('MMX', 'EMMS'),
  ...names('SSE', 'LDMXCSR STMXCSR MOVUPS MOVSS MOVLPS MOVHLPS UNPCKLPS UNPCKHPS MOVHPS MOVLHPS MOVAPS CVTPI2PS'),
  ...names('SSE', 'CVTSI2SS MOVNTPS CVTTPS2PI CVTTSS2SI CVTPS2PI CVTSS2SI UCOMISS COMISS MOVMSKPS SQRTPS SQRTSS'),
  ...names('SSE', 'RSQRTPS RSQRTSS RCPPS RCPSS ANDPS ANDNPS ORPS XORPS ADDPS ADDSS MULPS MULSS SUBPS SUBSS MINPS'),
  ...names('SSE', 'MINSS DIVPS DIVSS MAXPS MAXSS CMPPS CMPSS SHUFPS'),
  ...names('SSE2', 'MOVNTI'),
  ...names('SSE3', 'MOVSLDUP MOVDDUP MOVSHDUP HADDPD HADDPS HSUBPD HSUBPS ADDSUBPD ADDSUBPS LDDQU FISTTP'),
  ...names('SSSE3', 'PSHUFB PHADDW PHADDD PHADDSW PMADDUBSW PHSUBW PHSUBD PHSUBSW PSIGNB PSIGNW PSIGND PMULHRSW'),
  ...names('SSSE3', 'PABSB PABSW PABSD PALIGNR'),
  ...names('SSE4_1', 'PBLENDVB BLENDVPS BLENDVPD PTEST PMOVSXBW PMOVSXBD PMOVSXBQ PMOVSXWD PMOVSXWQ PMOVSXDQ'),
  ...names('SSE4_1', 'PMULDQ PCMPEQQ MOVNTDQA PACKUSDW PMOVZXBW PMOVZXBD PMOVZXBQ PMOVZXWD PMOVZXWQ PMOVZXDQ'),
  ...names('SSE4_1', 'PMINSB PMINSD PMINUW PMINUD PMAXSB PMAXSD PMAXUW PMAXUD PMULLD PHMINPOSUW ROUNDPS ROUNDPD'),
  ...names('SSE4_1', 'ROUNDSS ROUNDSD BLENDPS BLENDPD PBLENDW PEXTRB PEXTRD PEXTRQ EXTRACTPS PINSRB INSERTPS'),
  ...names('SSE4_1', 'PINSRD PINSRQ DPPS DPPD MPSADBW'),
  ...names('SSE4_2', 'CRC32 PCMPGTQ PCMPESTRM PCMPESTRI PCMPISTRM PCMPISTRI'),
  ...names('AES', 'AESIMC AESENC AESENCLAST AESDEC AESDECLAST AESKEYGENASSIST'),
  ...names('PCLMULQDQ', 'PCLMULQDQ'),
  ...names('SHA', 'SHA1RNDS4 SHA1NEXTE SHA1MSG1 SHA1MSG2 SHA256RNDS2 SHA256MSG1 SHA256MSG2'),
  ...names('GFNI', 'GF2P8MULB GF2P8AFFINEQB GF2P8AFFINEINVQB'),
]);

/** What of the instructions on MMX registers is younger than MMX, unless the legacy list says so (SSSE3). */
const MMX_FEATURE_OF: ReadonlyMap<string, Feature> = new Map([
  ...names('SSE', 'PSHUFW PINSRW PEXTRW PMOVMSKB PMINUB PMAXUB PMINSW PMAXSW PAVGB PAVGW PMULHUW PSADBW MASKMOVQ'),
  ...names('SSE', 'MOVNTQ CVTPI2PS CVTPS2PI CVTTPS2PI'),
  ...names('SSE2', 'PADDQ PSUBQ PMULUDQ MOVQ2DQ MOVDQ2Q CVTPI2PD CVTPD2PI CVTTPD2PI'),
]);

/** VEX instructions on XMM registers that came with AVX2, and those on YMM registers that came with AVX though integer. */
const AVX2_ONLY =
  /^V(PBROADCAST|PERMD|PERMQ|PERMPS|PERMPD|PERM2I128|PBLENDD|PS[RL][AL]V|PMASKMOV|P?GATHER|BROADCASTI128|(INSERT|EXTRACT)I128)/;
const AVX_INTEGER = /^VP(ERMIL|ERM2F128|TEST)/;
const YMM_AVX2 = /^V(P|MPSADBW|MOVNTDQA)/;

/** The unit an instruction works on: decides which bits of CR0, CR4 and XCR0 enable it (SDM vol. 3, table 14-1). */
export type VectorUnit = 'mmx' | 'sse' | 'avx';

const has = ({ operands }: Instruction, kind: string): boolean => operands.some((operand) => operand.kind === kind);

/** Conversions to a general register: with their source in memory no operand is a vector register. */
const TO_INTEGER = /^V?CVTT?S[SD]2SI$/;

/** Whether a mnemonic that begins with V is a VEX-encoded vector instruction, and not VERR or VMCALL. */
function isVexVector(instruction: Instruction): boolean {
  const { mnemonic } = instruction;
  if (!mnemonic.startsWith('V')) return false;
  return has(instruction, 'xmm') || TO_INTEGER.test(mnemonic) || /^V(ZERO|LDMXCSR|STMXCSR)/.test(mnemonic);
}

const UNIT_WITHOUT_OPERAND: Readonly<Record<string, VectorUnit | undefined>> = {
  EMMS: 'mmx',
  LDMXCSR: 'sse',
  STMXCSR: 'sse',
};

function unitOf(instruction: Instruction): VectorUnit | undefined {
  if (isVexVector(instruction)) return 'avx';
  if (has(instruction, 'xmm') || TO_INTEGER.test(instruction.mnemonic)) return 'sse';
  if (has(instruction, 'mmx')) return 'mmx';
  return UNIT_WITHOUT_OPERAND[instruction.mnemonic];
}

function vexFeatures(instruction: Instruction): readonly Feature[] {
  const { mnemonic, operands } = instruction;
  const legacy = FEATURE_OF.get(mnemonic.slice(1));
  if (legacy === 'AES' || legacy === 'PCLMULQDQ' || legacy === 'GFNI') return ['AVX', legacy];
  if (/^VFN?M(ADD|SUB)/.test(mnemonic)) return ['FMA'];
  if (mnemonic === 'VCVTPH2PS' || mnemonic === 'VCVTPS2PH') return ['F16C'];
  if (AVX2_ONLY.test(mnemonic)) return ['AVX2'];
  const registers = operands.filter((operand) => operand.kind === 'xmm');
  // A broadcast from a register came later than one from memory.
  if (/^VBROADCASTS[SD]$/.test(mnemonic)) return [registers.length > 1 ? 'AVX2' : 'AVX'];
  const wide = registers.some(({ size }) => size === 32);
  return [wide && YMM_AVX2.test(mnemonic) && !AVX_INTEGER.test(mnemonic) ? 'AVX2' : 'AVX'];
}

const X87 = /^F(?!XSAVE|XRSTOR|WAIT)/;

function featuresOf(instruction: Instruction): readonly Feature[] {
  const { mnemonic } = instruction;
  if (isVexVector(instruction)) return vexFeatures(instruction);
  const listed = FEATURE_OF.get(mnemonic);
  if (has(instruction, 'mmx')) return [listed === 'SSSE3' ? listed : (MMX_FEATURE_OF.get(mnemonic) ?? 'MMX')];
  if (listed) return [listed];
  if (mnemonic === 'PEXTRW' && has(instruction, 'memory')) return ['SSE4_1'];
  if (has(instruction, 'xmm') || TO_INTEGER.test(mnemonic)) return ['SSE2'];
  if (X87.test(mnemonic)) return mnemonic.startsWith('FCMOV') ? ['FPU', 'CMOV'] : ['FPU'];
  return [];
}

interface Requirements {
  readonly features: readonly Feature[];
  readonly unit: VectorUnit | undefined;
}

/** Every decoded instruction is asked for them: without a vector operand the mnemonic tells all, and they are kept. */
const byMnemonic = new Map<string, Requirements>();

function requirements(instruction: Instruction): Requirements {
  const vector = instruction.operands.some(({ kind }) => kind === 'xmm' || kind === 'mmx');
  const known = vector ? undefined : byMnemonic.get(instruction.mnemonic);
  if (known) return known;
  const found = { features: featuresOf(instruction), unit: unitOf(instruction) };
  if (!vector) byMnemonic.set(instruction.mnemonic, found);
  return found;
}

/** The features `instruction` needs besides those that all models have. */
export function requiredFeatures(instruction: Instruction): readonly Feature[] {
  return requirements(instruction).features;
}

/** The unit `instruction` works on; an instruction on MMX and XMM registers counts to SSE. */
export function vectorUnit(instruction: Instruction): VectorUnit | undefined {
  return requirements(instruction).unit;
}
