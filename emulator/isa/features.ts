/** Which CPUID feature an instruction belongs to; without it the instruction raises #UD. */
import type { Feature } from '../cpu/cpuid';

/** Instructions that every model has are not listed, nor those whose routines check for themselves. */
const FEATURE_OF: Readonly<Record<string, Feature>> = {
  ADCX: 'ADX',
  ADOX: 'ADX',
  ANDN: 'BMI1',
  BEXTR: 'BMI1',
  BLSI: 'BMI1',
  BLSMSK: 'BMI1',
  BLSR: 'BMI1',
  BZHI: 'BMI2',
  CLFLUSHOPT: 'CLFLUSHOPT',
  CMPXCHG16B: 'CX16',
  CRC32: 'SSE4_2',
  MOVBE: 'MOVBE',
  MOVNTI: 'SSE2',
  MULX: 'BMI2',
  PDEP: 'BMI2',
  PEXT: 'BMI2',
  POPCNT: 'POPCNT',
  RORX: 'BMI2',
  SARX: 'BMI2',
  SHLX: 'BMI2',
  SHRX: 'BMI2',
};

/** The feature `mnemonic` needs, or undefined if all models have it. */
export function requiredFeature(mnemonic: string): Feature | undefined {
  return FEATURE_OF[mnemonic];
}
