/**
 * CPU models as a user names them: a base model, then features to add or take away, as in `intel,+FRED,-SMAP`. Names of
 * features are those of the manuals, in either case, with `-` for `_` where one likes; `x86-64-v3` stands for all of that level.
 */
import { ABI_LEVELS, CPU_MODELS, type CpuModel, type Feature, featureNames } from './cpuid';

/** The text names no CPU model. The message is a full sentence; the parts are for those who would say it otherwise. */
export class CpuModelError extends Error {
  constructor(
    message: string,
    /** What is wrong: the name of a model or feature that does not exist, or a change without `+` or `-`. */
    readonly wrong: string,
    readonly kind: 'model' | 'feature' | 'sign',
    /** The names there are, or the forms a change takes. */
    readonly choices: readonly string[],
  ) {
    super(message);
  }
}

const levelNames = Object.keys(ABI_LEVELS) as (keyof typeof ABI_LEVELS)[];

/** Features that the manuals let nobody have without others: these come along with `+` and go with `-` of the other. */
const NEEDS: Readonly<Partial<Record<Feature, readonly Feature[]>>> = {
  // FRED specification, section 2.1: a processor that enumerates FRED enumerates LKGS as well.
  FRED: ['LKGS'],
  MMX: ['FPU'],
  FXSR: ['FPU'],
  SSE: ['FXSR', 'MMX'],
  SSE2: ['SSE'],
  SSE3: ['SSE2'],
  SSSE3: ['SSE3'],
  SSE4_1: ['SSSE3'],
  SSE4_2: ['SSE4_1'],
  AES: ['SSE2'],
  PCLMULQDQ: ['SSE2'],
  SHA: ['SSE2'],
  GFNI: ['SSE2'],
  X2APIC: ['APIC'],
  TSC_DEADLINE: ['APIC', 'TSC'],
  XSAVEOPT: ['XSAVE'],
  XSAVEC: ['XSAVE'],
  XGETBV1: ['XSAVE'],
  XSAVES: ['XSAVEC'],
  AVX: ['XSAVE', 'SSE4_2'],
  AVX2: ['AVX'],
  F16C: ['AVX'],
  FMA: ['AVX'],
};

/** The model `text` names, of a base model as `prepare` makes it. Throws CpuModelError. */
export function parseCpuModel(text: string, prepare = (base: CpuModel): CpuModel => base): CpuModel {
  const [name, ...changes] = text.split(',').map((part) => part.trim());
  if (!Object.hasOwn(CPU_MODELS, name)) {
    const choices = Object.keys(CPU_MODELS);
    throw new CpuModelError(
      `Unknown CPU model "${name}". Choose one of: ${choices.join(', ')}.`,
      name,
      'model',
      choices,
    );
  }
  const base = prepare(CPU_MODELS[name]);
  if (changes.length === 0) return base;
  const features = new Set(base.features);
  for (const change of changes) {
    for (const feature of parseFeatures(change)) {
      if (change.startsWith('+')) add(features, feature);
      else remove(features, feature);
    }
  }
  return { ...base, name: [name, ...changes].join(','), features };
}

/** The feature of a change, or those of a level. */
function parseFeatures(change: string): readonly Feature[] {
  if (!/^[+-]/.test(change)) {
    const forms = [`+${change}`, `-${change}`];
    throw new CpuModelError(
      `CPU model: "${change}" must be ${forms.map((form) => `"${form}"`).join(' or ')}.`,
      change,
      'sign',
      forms,
    );
  }
  const asked = change.slice(1).toUpperCase().replaceAll('-', '_');
  const feature = featureNames.find((known) => known.toUpperCase() === asked);
  if (feature) return [feature];
  const level = levelNames.find((known) => known === change.slice(1).toLowerCase());
  if (level) return ABI_LEVELS[level];
  throw new CpuModelError(
    `Unknown CPU feature "${change.slice(1)}". Choose among: ${[...levelNames, ...featureNames].join(', ')}.`,
    change.slice(1),
    'feature',
    [...levelNames, ...featureNames],
  );
}

function add(features: Set<Feature>, feature: Feature): void {
  features.add(feature);
  for (const needed of NEEDS[feature] ?? []) add(features, needed);
}

function remove(features: Set<Feature>, feature: Feature): void {
  features.delete(feature);
  for (const dependent of featureNames) if (NEEDS[dependent]?.includes(feature)) remove(features, dependent);
}
