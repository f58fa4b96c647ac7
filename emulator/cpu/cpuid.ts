/**
 * CPU models and the CPUID instruction (SDM vol. 2, CPUID; AMD APM vol. 3, appendix E). A model claims exactly the
 * features in its set: adding a feature to the emulator is one row here and one name in the models that have it.
 */
import { APIC_BASE_RESET, ApicBase } from './apic-base';
import { widestAddressBits } from './canonical';
import type { Cpu } from './cpu';
import { extendedStateLeaf } from './cpuid-extended-state';
import { Gpr, type Instruction } from '../isa/instruction';
import { writeGpr32 } from './registers';
import { Cr4 } from './state';

type CpuidRegister = 'eax' | 'ebx' | 'ecx' | 'edx';

/** Where each feature is reported: leaf, subleaf, register, bit. Names are those of the manuals. */
const FEATURES = {
  FPU: [0x1, 0, 'edx', 0],
  VME: [0x1, 0, 'edx', 1],
  DE: [0x1, 0, 'edx', 2],
  PSE: [0x1, 0, 'edx', 3],
  TSC: [0x1, 0, 'edx', 4],
  MSR: [0x1, 0, 'edx', 5],
  PAE: [0x1, 0, 'edx', 6],
  MCE: [0x1, 0, 'edx', 7],
  CX8: [0x1, 0, 'edx', 8],
  APIC: [0x1, 0, 'edx', 9],
  SEP: [0x1, 0, 'edx', 11],
  MTRR: [0x1, 0, 'edx', 12],
  PGE: [0x1, 0, 'edx', 13],
  MCA: [0x1, 0, 'edx', 14],
  CMOV: [0x1, 0, 'edx', 15],
  PAT: [0x1, 0, 'edx', 16],
  PSE36: [0x1, 0, 'edx', 17],
  CLFSH: [0x1, 0, 'edx', 19],
  MMX: [0x1, 0, 'edx', 23],
  FXSR: [0x1, 0, 'edx', 24],
  SSE: [0x1, 0, 'edx', 25],
  SSE2: [0x1, 0, 'edx', 26],
  SSE3: [0x1, 0, 'ecx', 0],
  PCLMULQDQ: [0x1, 0, 'ecx', 1],
  MONITOR: [0x1, 0, 'ecx', 3],
  SSSE3: [0x1, 0, 'ecx', 9],
  FMA: [0x1, 0, 'ecx', 12],
  CX16: [0x1, 0, 'ecx', 13],
  PCID: [0x1, 0, 'ecx', 17],
  SSE4_1: [0x1, 0, 'ecx', 19],
  SSE4_2: [0x1, 0, 'ecx', 20],
  X2APIC: [0x1, 0, 'ecx', 21],
  MOVBE: [0x1, 0, 'ecx', 22],
  POPCNT: [0x1, 0, 'ecx', 23],
  TSC_DEADLINE: [0x1, 0, 'ecx', 24],
  AES: [0x1, 0, 'ecx', 25],
  XSAVE: [0x1, 0, 'ecx', 26],
  AVX: [0x1, 0, 'ecx', 28],
  F16C: [0x1, 0, 'ecx', 29],
  RDRAND: [0x1, 0, 'ecx', 30],
  HYPERVISOR: [0x1, 0, 'ecx', 31],
  FSGSBASE: [0x7, 0, 'ebx', 0],
  BMI1: [0x7, 0, 'ebx', 3],
  AVX2: [0x7, 0, 'ebx', 5],
  SMEP: [0x7, 0, 'ebx', 7],
  BMI2: [0x7, 0, 'ebx', 8],
  ERMS: [0x7, 0, 'ebx', 9],
  INVPCID: [0x7, 0, 'ebx', 10],
  RDSEED: [0x7, 0, 'ebx', 18],
  ADX: [0x7, 0, 'ebx', 19],
  SMAP: [0x7, 0, 'ebx', 20],
  CLFLUSHOPT: [0x7, 0, 'ebx', 23],
  CLWB: [0x7, 0, 'ebx', 24],
  SHA: [0x7, 0, 'ebx', 29],
  UMIP: [0x7, 0, 'ecx', 2],
  PKU: [0x7, 0, 'ecx', 3],
  GFNI: [0x7, 0, 'ecx', 8],
  CET_SS: [0x7, 0, 'ecx', 7],
  LA57: [0x7, 0, 'ecx', 16],
  RDPID: [0x7, 0, 'ecx', 22],
  PKS: [0x7, 0, 'ecx', 31],
  MD_CLEAR: [0x7, 0, 'edx', 10],
  CET_IBT: [0x7, 0, 'edx', 20],
  IBRS_IBPB: [0x7, 0, 'edx', 26],
  STIBP: [0x7, 0, 'edx', 27],
  SSBD: [0x7, 0, 'edx', 31],
  FRED: [0x7, 1, 'eax', 17],
  LKGS: [0x7, 1, 'eax', 18],
  XSAVEOPT: [0xd, 1, 'eax', 0],
  XSAVEC: [0xd, 1, 'eax', 1],
  XGETBV1: [0xd, 1, 'eax', 2],
  XSAVES: [0xd, 1, 'eax', 3],
  LAHF64: [0x80000001, 0, 'ecx', 0],
  LZCNT: [0x80000001, 0, 'ecx', 5],
  PREFETCHW: [0x80000001, 0, 'ecx', 8],
  SYSCALL: [0x80000001, 0, 'edx', 11],
  NX: [0x80000001, 0, 'edx', 20],
  PDPE1GB: [0x80000001, 0, 'edx', 26],
  RDTSCP: [0x80000001, 0, 'edx', 27],
  LM: [0x80000001, 0, 'edx', 29],
  INVARIANT_TSC: [0x80000007, 0, 'edx', 8],
  AMD_IBPB: [0x80000008, 0, 'ebx', 12],
} as const satisfies Record<string, readonly [leaf: number, subleaf: number, register: CpuidRegister, bit: number]>;

export type Feature = keyof typeof FEATURES;

/** Every feature a model may claim. */
export const featureNames = Object.keys(FEATURES) as readonly Feature[];

/** The last subleaf of leaf 7, reported by its first. */
const LAST_SUBLEAF_7 = 1;

/** Bits of leaf 1 EDX that AMD repeats in leaf 8000_0001h EDX (APM vol. 3, appendix E.4.2). */
const AMD_REPEATED_EDX = 0x0183f3ff;

export interface CpuModel {
  /** As chosen in a launch configuration. */
  readonly name: string;
  /** Whose manual decides where Intel and AMD differ (SYSCALL, SYSRET, SYSENTER, null selectors, MSRs). */
  readonly vendor: 'intel' | 'amd';
  /** Twelve characters, leaf 0. */
  readonly vendorString: string;
  /** At most 47 characters, leaves 8000_0002h to 8000_0004h. */
  readonly brand: string;
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  /** Last standard leaf. */
  readonly maxLeaf: number;
  /** MAXPHYADDR. */
  readonly physicalAddressBits: number;
  /** Loading a null selector into FS or GS clears the hidden base (Intel; on AMD only since Zen 2). */
  readonly nullSelectorClearsBase: boolean;
  readonly features: ReadonlySet<Feature>;
}

/** What every model has: the parts of the architecture this emulator models. */
const COMMON: readonly Feature[] = [
  ...(['VME', 'DE', 'PSE', 'TSC', 'MSR', 'PAE', 'CX8', 'SEP', 'MTRR', 'PGE', 'CMOV', 'PAT', 'PSE36', 'CLFSH'] as const),
  ...(['CX16', 'POPCNT', 'LAHF64', 'PREFETCHW', 'SYSCALL', 'NX', 'RDTSCP', 'LM', 'INVARIANT_TSC'] as const),
  ...(['FPU', 'MMX', 'FXSR', 'SSE', 'SSE2', 'SSE3', 'SSSE3', 'SSE4_1', 'SSE4_2'] as const),
];

/** Vector extensions of both Skylake and Zen; their AVX is left to those who ask for it with `+x86-64-v3`. */
const CRYPTOGRAPHY: readonly Feature[] = ['AES', 'PCLMULQDQ'];
const EXTENDED_STATE: readonly Feature[] = ['XSAVE', 'XSAVEOPT', 'XSAVEC', 'XGETBV1', 'XSAVES'];

/** What the levels of the System V ABI for x86-64 (section 3.1.1) add to those before them, as far as CPUID tells. */
export const ABI_LEVELS = {
  'x86-64-v2': ['CX16', 'LAHF64', 'POPCNT', 'SSE3', 'SSE4_1', 'SSE4_2', 'SSSE3'],
  'x86-64-v3': ['AVX', 'AVX2', 'BMI1', 'BMI2', 'F16C', 'FMA', 'LZCNT', 'MOVBE', 'XSAVE'],
} as const satisfies Record<string, readonly Feature[]>;

/** Bit and carry extensions of both Skylake and Zen. */
const INTEGER_EXTENSIONS: readonly Feature[] = ['BMI1', 'BMI2', 'ADX', 'MOVBE', 'LZCNT', 'CLFLUSHOPT'];

/** Where each model's name leads; `generic` behaves as Intel's manual says. */
export const CPU_MODELS: Readonly<Record<string, CpuModel>> = {
  intel: {
    name: 'intel',
    vendor: 'intel',
    vendorString: 'GenuineIntel',
    brand: 'Ringside virtual Core processor (Skylake)',
    family: 6,
    model: 94,
    stepping: 3,
    maxLeaf: 0xd,
    physicalAddressBits: 40,
    nullSelectorClearsBase: true,
    features: new Set<Feature>([
      ...COMMON,
      ...INTEGER_EXTENSIONS,
      ...CRYPTOGRAPHY,
      ...EXTENDED_STATE,
      ...(['PCID', 'FSGSBASE', 'SMEP', 'ERMS', 'INVPCID', 'SMAP', 'UMIP', 'PDPE1GB'] as const),
      ...(['RDRAND', 'RDSEED'] as const),
      ...(['MD_CLEAR', 'IBRS_IBPB', 'STIBP', 'SSBD'] as const),
    ]),
  },
  amd: {
    name: 'amd',
    vendor: 'amd',
    vendorString: 'AuthenticAMD',
    brand: 'Ringside virtual Ryzen processor (Zen)',
    family: 0x17,
    model: 1,
    stepping: 1,
    maxLeaf: 0xd,
    physicalAddressBits: 40,
    nullSelectorClearsBase: false,
    features: new Set<Feature>([
      ...COMMON,
      ...CRYPTOGRAPHY,
      ...EXTENDED_STATE,
      ...(['FSGSBASE', 'SMEP', 'SMAP', 'PDPE1GB', 'AMD_IBPB', 'RDRAND', 'RDSEED', 'SHA'] as const),
    ]),
  },
  generic: {
    name: 'generic',
    vendor: 'intel',
    vendorString: 'Ringside x86',
    brand: 'Ringside generic x86-64 processor',
    family: 15,
    model: 107,
    stepping: 1,
    maxLeaf: 0xd,
    physicalAddressBits: 40,
    nullSelectorClearsBase: true,
    features: new Set<Feature>(COMMON),
  },
};

/** The model on a machine that has local APICs. */
export function withLocalApic(model: CpuModel): CpuModel {
  const added: readonly Feature[] = model.name === 'intel' ? ['APIC', 'X2APIC', 'TSC_DEADLINE'] : ['APIC'];
  return { ...model, features: new Set([...model.features, ...added]) };
}

export interface CpuidResult {
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

/** Result of CPUID on `cpu` as it is now: a few bits mirror control registers. */
export function cpuid(cpu: Cpu, leaf: number, subleaf: number): CpuidResult {
  const { model } = cpu;
  const maxExtended = 0x80000008;
  leaf >>>= 0;
  if (leaf >= 0x80000000 ? leaf > maxExtended : leaf > model.maxLeaf) {
    // Intel answers with the data of the last standard leaf, AMD with zeros.
    if (model.vendor === 'amd') return { eax: 0, ebx: 0, ecx: 0, edx: 0 };
    leaf = model.maxLeaf;
  }
  const result = featureBits(model, leaf, subleaf);
  switch (leaf) {
    case 0x0:
      Object.assign(result, { eax: model.maxLeaf }, vendorRegisters(model));
      break;
    case 0x1:
      result.eax = signature(model);
      // CLFLUSH line size in quadwords, one logical processor.
      result.ebx = (8 << 8) | (1 << 16) | (apicId(cpu) << 24);
      if (cpu.state.cr4 & Cr4.OSXSAVE) result.ecx |= 1 << 27;
      // A disabled local APIC disappears from CPUID.
      if (!((cpu.state.otherMsrs.get(0x1b) ?? APIC_BASE_RESET) & BigInt(ApicBase.EN)))
        result.edx &= ~(1 << FEATURES.APIC[3]);
      break;
    case 0x2:
      // One iteration; descriptor FFh: the caches are in leaf 4.
      result.eax = 0x00ff01;
      break;
    case 0x4:
      Object.assign(result, cacheParameters(model, subleaf));
      break;
    case 0x7:
      if (subleaf !== 0) break;
      result.eax = LAST_SUBLEAF_7;
      if (cpu.state.cr4 & Cr4.PKE) result.ecx |= 1 << 4;
      break;
    case 0xb:
      if (model.features.has('X2APIC')) Object.assign(result, topologyLevel(subleaf, apicId(cpu)));
      break;
    case 0xd: {
      const features = result.eax;
      Object.assign(result, extendedStateLeaf(cpu, subleaf));
      result.eax |= features;
      break;
    }
    case 0x80000000:
      Object.assign(result, { eax: maxExtended });
      if (model.vendor === 'amd') Object.assign(result, vendorRegisters(model));
      break;
    case 0x80000001:
      if (model.vendor === 'amd') {
        result.eax = signature(model);
        result.edx |= featureBits(model, 1, 0).edx & AMD_REPEATED_EDX;
      } else if (!cpu.state.mode64) {
        // Intel reports SYSCALL only to 64-bit code.
        result.edx &= ~(1 << FEATURES.SYSCALL[3]);
      }
      break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
      Object.assign(result, brandRegisters(model, leaf - 0x80000002));
      break;
    case 0x80000008:
      result.eax = model.physicalAddressBits | (widestAddressBits(model) << 8);
      break;
  }
  return result;
}

/** CPUID. */
export function executeCpuid(cpu: Cpu, _instruction: Instruction): void {
  const { gpr } = cpu.state;
  const result = cpuid(cpu, Number(gpr[Gpr.RAX] & 0xffffffffn), Number(gpr[Gpr.RCX] & 0xffffffffn));
  writeGpr32(cpu.state, Gpr.RAX, result.eax);
  writeGpr32(cpu.state, Gpr.RBX, result.ebx);
  writeGpr32(cpu.state, Gpr.RCX, result.ecx);
  writeGpr32(cpu.state, Gpr.RDX, result.edx);
}

/** Leaves of the table that look at ECX. */
const SUBLEAVES: ReadonlySet<number> = new Set([0x7, 0xd]);

function featureBits(model: CpuModel, leaf: number, subleaf: number): CpuidResult {
  const result: CpuidResult = { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  for (const name of model.features) {
    const [featureLeaf, featureSubleaf, register, bit] = FEATURES[name];
    if (featureLeaf === leaf && (!SUBLEAVES.has(leaf) || featureSubleaf === subleaf)) result[register] |= 1 << bit;
  }
  return result;
}

/** Family, model and stepping as in leaf 1 EAX (SDM vol. 2, figure 3-6). */
function signature(model: CpuModel): number {
  const baseFamily = Math.min(model.family, 15);
  const extendedFamily = model.family - baseFamily;
  return (
    model.stepping | ((model.model & 15) << 4) | (baseFamily << 8) | ((model.model >> 4) << 16) | (extendedFamily << 20)
  );
}

/** The vendor string goes to EBX, EDX, ECX in this order. */
function vendorRegisters(model: CpuModel): Partial<CpuidResult> {
  const [ebx, edx, ecx] = words(model.vendorString, 12);
  return { ebx, edx, ecx };
}

function brandRegisters(model: CpuModel, part: number): CpuidResult {
  const [eax, ebx, ecx, edx] = words(model.brand, 48).slice(4 * part);
  return { eax, ebx, ecx, edx };
}

/** ASCII text as little-endian 32-bit words, padded with zeros to `length` bytes. */
function words(text: string, length: number): number[] {
  const result: number[] = [];
  for (let at = 0; at < length; at += 4) {
    let word = 0;
    for (let byte = 0; byte < 4; byte++)
      word |= (at + byte < text.length ? text.charCodeAt(at + byte) : 0) << (8 * byte);
    result.push(word);
  }
  return result;
}

function apicId(cpu: Cpu): number {
  return cpu.localApic?.initialId ?? 0;
}

/** Leaf Bh: one thread in one core. */
function topologyLevel(subleaf: number, id: number): CpuidResult {
  const level = subleaf & 0xff;
  const [thread, core] = [1, 2];
  if (level > 1) return { eax: 0, ebx: 0, ecx: level, edx: id };
  return { eax: 0, ebx: 1, ecx: level | ((level === 0 ? thread : core) << 8), edx: id };
}

/** Leaf 4: 32 KiB L1 data and instruction caches and a 256 KiB L2, 64-byte lines. */
function cacheParameters(model: CpuModel, subleaf: number): CpuidResult {
  const caches = [
    { type: 1, level: 1, ways: 8, sets: 64 },
    { type: 2, level: 1, ways: 8, sets: 64 },
    { type: 3, level: 2, ways: 4, sets: 1024 },
  ];
  if (model.vendor === 'amd' || subleaf >= caches.length) return { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  const { type, level, ways, sets } = caches[subleaf];
  const selfInitializing = 1 << 8;
  return { eax: type | (level << 5) | selfInitializing, ebx: 63 | ((ways - 1) << 22), ecx: sets - 1, edx: 0 };
}
