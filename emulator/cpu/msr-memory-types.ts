/** The page attribute table and the memory-type range registers (SDM vol. 3, sections 12.11 and 12.12). */
import { constant, field, flag, held, type HeldOptions, type MsrDescription, withFeature } from './msr-description';

const PAT_TYPES = 'memory type: 0 UC, 1 WC, 4 WT, 5 WP, 6 WB, 7 UC-';
const PAT_FIELDS = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => field(`PA${index}`, 8 * index, 3, PAT_TYPES));

function isMemoryType(type: number): boolean {
  return type <= 7 && type !== 2 && type !== 3;
}

/** Variable and fixed memory-type range registers (SDM vol. 3, section 12.11). */
const MTRR_VARIABLE = 8;
const MTRR_FIXED: readonly (readonly [number, string])[] = [
  [0x250, '64K_00000'],
  [0x258, '16K_80000'],
  [0x259, '16K_A0000'],
  ...Array.from({ length: 8 }, (_, index): [number, string] => [
    0x268 + index,
    `4K_${(0xc0000 + 0x8000 * index).toString(16).toUpperCase()}`,
  ]),
];

function memoryTypeRange(
  number: number,
  name: string,
  linuxName: string,
  meaning: string,
  options: HeldOptions,
): MsrDescription {
  return held(
    { number, name, linuxName, group: 'memory types', meaning },
    { available: withFeature('MTRR'), ...options },
  );
}

/** IA32_PAT and the memory-type range registers. */
export const memoryTypeRegisters: readonly MsrDescription[] = [
  held(
    {
      number: 0x277,
      name: 'IA32_PAT',
      linuxName: 'MSR_IA32_CR_PAT',
      group: 'memory types',
      meaning: 'Page attribute table',
    },
    {
      fields: PAT_FIELDS,
      reset: 0x0007040600070406n,
      valid: (value) => PAT_FIELDS.every(({ low }) => isMemoryType(Number((value >> BigInt(low)) & 7n))),
      available: withFeature('PAT'),
    },
  ),

  constant(
    {
      number: 0xfe,
      name: 'IA32_MTRRCAP',
      linuxName: 'MSR_MTRRcap',
      group: 'memory types',
      meaning: 'Memory-type range registers there are',
    },
    0x508n,
    withFeature('MTRR'),
    [field('VCNT', 0, 8, 'variable ranges'), flag('FIX', 8, 'fixed ranges'), flag('WC', 10, 'write-combining type')],
  ),
  ...Array.from({ length: MTRR_VARIABLE }, (_, index) => [
    memoryTypeRange(
      0x200 + 2 * index,
      `IA32_MTRR_PHYSBASE${index}`,
      `MTRRphysBase_MSR(${index})`,
      'Variable range: base and type',
      {
        fields: [field('Type', 0, 8, PAT_TYPES), field('PhysBase', 12, 28, 'physical page')],
        valid: (value) => isMemoryType(Number(value & 0xffn)),
      },
    ),
    memoryTypeRange(
      0x201 + 2 * index,
      `IA32_MTRR_PHYSMASK${index}`,
      `MTRRphysMask_MSR(${index})`,
      'Variable range: mask',
      {
        fields: [flag('V', 11, 'valid'), field('PhysMask', 12, 28, 'address mask')],
      },
    ),
  ]).flat(),
  ...MTRR_FIXED.map(([number, range]) =>
    memoryTypeRange(number, `IA32_MTRR_FIX${range}`, `MSR_MTRRfix${range}`, 'Fixed range: eight memory types', {
      valid: (value) =>
        [0, 1, 2, 3, 4, 5, 6, 7].every((byte) => isMemoryType(Number((value >> BigInt(8 * byte)) & 0xffn))),
    }),
  ),
  memoryTypeRange(0x2ff, 'IA32_MTRR_DEF_TYPE', 'MSR_MTRRdefType', 'Default memory type', {
    fields: [
      field('Type', 0, 8, PAT_TYPES),
      flag('FE', 10, 'fixed ranges enabled'),
      flag('E', 11, 'memory-type ranges enabled'),
    ],
    valid: (value) => isMemoryType(Number(value & 0xffn)),
  }),
];
