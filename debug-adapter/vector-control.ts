/** Control and status registers of the vector and x87 units, with their named bits. */
import { AdapterError } from './errors';
import type { BitField } from './fields';
import type { Register } from './registers';

const bit = (name: string, low: number, description: string, width = 1): BitField => ({
  name,
  low,
  width,
  description,
});

/** The six exceptions, in the order their flags and masks have everywhere. */
const EXCEPTIONS = [
  ['I', 'invalid operation'],
  ['D', 'denormal operand'],
  ['Z', 'division by zero'],
  ['O', 'overflow'],
  ['U', 'underflow'],
  ['P', 'inexact result'],
] as const;
const flags = (at: number): BitField[] => EXCEPTIONS.map(([letter, text], i) => bit(`${letter}E`, at + i, text));
const masks = (at: number): BitField[] =>
  EXCEPTIONS.map(([letter, text], i) => bit(`${letter}M`, at + i, `${text} is masked`));

const highestFirst = (fields: readonly BitField[]): readonly BitField[] => [...fields].sort((a, b) => b.low - a.low);

/** MXCSR (SDM vol. 1, figure 10-3). */
const MXCSR_FIELDS: readonly BitField[] = highestFirst([
  ...flags(0),
  bit('DAZ', 6, 'denormal operands count as zero'),
  ...masks(7),
  bit('RC', 13, 'rounding: 0 nearest, 1 down, 2 up, 3 toward zero', 2),
  bit('FZ', 15, 'tiny results become zero'),
]);
/** x87 control and status words (SDM vol. 1, figures 8-6 and 8-4). */
const CONTROL_FIELDS: readonly BitField[] = highestFirst([
  ...masks(0),
  bit('PC', 8, 'precision: 0 single, 2 double, 3 extended', 2),
  bit('RC', 10, 'rounding: 0 nearest, 1 down, 2 up, 3 toward zero', 2),
]);
const STATUS_FIELDS: readonly BitField[] = highestFirst([
  ...flags(0),
  bit('SF', 6, 'the register stack over- or underflowed'),
  bit('ES', 7, 'an exception that is not masked is pending'),
  bit('C0', 8, 'condition code'),
  bit('C1', 9, 'condition code'),
  bit('C2', 10, 'condition code'),
  bit('TOP', 11, 'the register that is ST(0)', 3),
  bit('C3', 14, 'condition code'),
  bit('B', 15, 'busy: as ES'),
]);

/** Control and status registers of the vector and x87 units. */
export const VECTOR_CONTROL: readonly Register[] = [
  {
    name: 'mxcsr',
    bits: 32,
    group: 'vector',
    fields: MXCSR_FIELDS,
    read: ({ state }) => BigInt(state.extended.mxcsr),
    write: ({ state }, value) => {
      if (value >> 16n) throw new AdapterError(`0x${value.toString(16)} sets reserved bits of MXCSR: it has 16.`);
      state.extended.mxcsr = Number(value);
    },
  },
];
export const X87_CONTROL: readonly Register[] = [
  {
    name: 'fctrl',
    bits: 16,
    group: 'vector',
    fields: CONTROL_FIELDS,
    read: ({ state }) => BigInt(state.extended.control),
    write: ({ state }, value) => (state.extended.control = Number(value)),
  },
  {
    name: 'fstat',
    bits: 16,
    group: 'vector',
    fields: STATUS_FIELDS,
    read: ({ state }) => BigInt(state.extended.status),
    write: ({ state }, value) => (state.extended.status = Number(value)),
  },
];
