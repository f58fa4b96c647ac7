/** Floating-point instructions and what emulator/softfloat says they do. */
import * as soft from '../../emulator/softfloat';
import type { OperandFormat } from './float-operands';

/** Where an operand or a result is: a register of the harness, or the memory RDI points to. */
export type Place = 'st0' | 'st1' | 'xmm0' | 'xmm1' | 'xmm2' | 'memory' | 'rax';

export interface PlacedOperand {
  readonly format: OperandFormat;
  readonly at: Place;
}

export interface Result {
  /** Values by place; `bits` of them are compared. */
  readonly values: readonly { readonly at: Place; readonly bits: number; readonly value: bigint }[];
  /** C0, C2 and C3 of the x87 status word, where the instruction defines them. */
  readonly conditions?: { readonly mask: number; readonly value: number };
  /** Status flags of EFLAGS, where the instruction sets them. */
  readonly eflags?: number;
}

export interface FloatCheck {
  readonly name: string;
  readonly unit: 'sse' | 'x87';
  readonly code: readonly number[];
  readonly operands: readonly PlacedOperand[];
  /** Exceptions that, unmasked, prevent the result. */
  readonly stops: number;
  /** Units in the last place by which this processor may differ from the model. */
  readonly tolerance: number;
  /** Condition code C1 is compared. */
  readonly c1: boolean;
  model(env: soft.FloatEnvironment, values: readonly bigint[]): Result;
}

type Env = soft.FloatEnvironment;

const ext = (value: bigint): soft.Extended80 => ({
  significand: BigInt.asUintN(64, value),
  signExponent: Number(value >> 64n),
});
export const extPattern = ({ significand, signExponent }: soft.Extended80): bigint =>
  (BigInt(signExponent) << 64n) | significand;

const operandExt = (env: Env, value: bigint): soft.Unpacked => soft.unpack(env, soft.extended80, ext(value));

const EARLY = soft.FloatException.INVALID | soft.FloatException.DENORMAL | soft.FloatException.ZERO_DIVIDE;
const NO_STORE = EARLY | soft.FloatException.OVERFLOW | soft.FloatException.UNDERFLOW;
const ANY = NO_STORE | soft.FloatException.PRECISION;
/** A load of a denormal completes even if DE is unmasked. */
const NO_LOAD = soft.FloatException.INVALID;

function check(
  part: Partial<FloatCheck> & Pick<FloatCheck, 'name' | 'unit' | 'code' | 'operands' | 'model'>,
): FloatCheck {
  const stops = part.unit === 'sse' ? ANY : EARLY;
  return { stops, tolerance: 1, c1: part.unit === 'x87', ...part };
}

const st = (value: soft.Extended80, at: Place = 'st0'): Result => ({
  values: [{ at, bits: 80, value: extPattern(value) }],
});

/* ---- SSE and AVX scalars ---- */

const SCALARS = [
  {
    suffix: 'SS',
    prefix: 0xf3,
    packedPrefix: [] as number[],
    format: soft.binary32,
    name: 'binary32' as const,
    bits: 32,
  },
  { suffix: 'SD', prefix: 0xf2, packedPrefix: [0x66], format: soft.binary64, name: 'binary64' as const, bits: 64 },
];

type Binary = typeof soft.add;
const SSE_BINARY: readonly [string, number, Binary][] = [
  ['ADD', 0x58, soft.add],
  ['SUB', 0x5c, soft.subtract],
  ['MUL', 0x59, soft.multiply],
  ['DIV', 0x5e, soft.divide],
];

function sseArithmetic(): FloatCheck[] {
  const checks: FloatCheck[] = [];
  for (const { suffix, prefix, packedPrefix, format, name, bits } of SCALARS) {
    const a = { format: name, at: 'xmm0' } as const;
    const b = { format: name, at: 'xmm1' } as const;
    const scalar = (value: bigint): Result => ({ values: [{ at: 'xmm0', bits, value }] });
    for (const [operation, opcode, compute] of SSE_BINARY) {
      checks.push(
        check({
          name: `${operation}${suffix}`,
          unit: 'sse',
          code: [prefix, 0x0f, opcode, 0xc1],
          operands: [a, b],
          model: (env, [x, y]) =>
            scalar(compute(env, format, soft.unpack(env, format, x), soft.unpack(env, format, y))),
        }),
      );
    }
    checks.push(
      check({
        name: `SQRT${suffix}`,
        unit: 'sse',
        code: [prefix, 0x0f, 0x51, 0xc1],
        operands: [a, b],
        model: (env, [, y]) => scalar(soft.squareRoot(env, format, soft.unpack(env, format, y))),
      }),
    );
    for (const [operation, opcode, wanted] of [
      ['MIN', 0x5d, 'less'],
      ['MAX', 0x5f, 'greater'],
    ] as const) {
      checks.push(
        check({
          name: `${operation}${suffix}`,
          unit: 'sse',
          code: [prefix, 0x0f, opcode, 0xc1],
          operands: [a, b],
          model: (env, [x, y]) => scalar(soft.minMax(env, format, x, y, wanted)),
        }),
      );
    }
    for (const [operation, opcode, signalling] of [
      ['UCOMI', 0x2e, false],
      ['COMI', 0x2f, true],
    ] as const) {
      checks.push(
        check({
          name: `${operation}${suffix}`,
          unit: 'sse',
          code: [...packedPrefix, 0x0f, opcode, 0xc1],
          operands: [a, b],
          model: (env, [x, y]) => {
            const relation = soft.compare(env, soft.unpack(env, format, x), soft.unpack(env, format, y), signalling);
            return { values: [], eflags: { less: 0x01, equal: 0x40, greater: 0, unordered: 0x45 }[relation] };
          },
        }),
      );
    }
    for (let control = 0; control < 16; control++) {
      checks.push(
        check({
          name: `ROUND${suffix} ${control}`,
          unit: 'sse',
          code: [0x66, 0x0f, 0x3a, suffix === 'SS' ? 0x0a : 0x0b, 0xc1, control],
          operands: [a, b],
          model: (env, [, y]) =>
            scalar(
              soft.roundToIntegral(env, format, soft.unpack(env, format, y), {
                mode: control & 4 ? env.rounding : control & 3,
                suppressPrecision: (control & 8) !== 0,
              }),
            ),
        }),
      );
    }
    for (const truncate of [false, true]) {
      for (const wide of [32, 64] as const) {
        checks.push(
          check({
            name: `CVT${truncate ? 'T' : ''}${suffix}2SI r${wide}`,
            unit: 'sse',
            code: [prefix, ...(wide === 64 ? [0x48] : []), 0x0f, truncate ? 0x2c : 0x2d, 0xc0],
            operands: [a],
            model: (env, [x]) => {
              const mode = truncate ? soft.RoundingMode.ZERO : env.rounding;
              const value = soft.toInteger(env, soft.unpack(env, format, x), wide, mode);
              return { values: [{ at: 'rax', bits: wide, value }] };
            },
          }),
        );
      }
    }
    for (const [wide, integer] of [
      [32, 'int32'],
      [64, 'int64'],
    ] as const) {
      checks.push(
        check({
          name: `CVTSI2${suffix} r${wide}`,
          unit: 'sse',
          code: [prefix, ...(wide === 64 ? [0x48] : []), 0x0f, 0x2a, 0xc0],
          operands: [{ format: integer, at: 'rax' }],
          model: (env, [x]) => scalar(soft.fromInteger(env, format, BigInt.asIntN(wide, x))),
        }),
      );
    }
    checks.push(...fusedChecks(suffix, format, name, bits));
  }
  checks.push(
    check({
      name: 'CVTSS2SD',
      unit: 'sse',
      code: [0xf3, 0x0f, 0x5a, 0xc1],
      operands: [
        { format: 'binary64', at: 'xmm0' },
        { format: 'binary32', at: 'xmm1' },
      ],
      model: (env, [, y]) => ({
        values: [
          {
            at: 'xmm0',
            bits: 64,
            value: soft.convert(env, soft.binary64, soft.unpack(env, soft.binary32, y), 'raises-de'),
          },
        ],
      }),
    }),
    check({
      name: 'CVTSD2SS',
      unit: 'sse',
      code: [0xf2, 0x0f, 0x5a, 0xc1],
      operands: [
        { format: 'binary32', at: 'xmm0' },
        { format: 'binary64', at: 'xmm1' },
      ],
      model: (env, [, y]) => ({
        values: [
          {
            at: 'xmm0',
            bits: 32,
            value: soft.convert(env, soft.binary32, soft.unpack(env, soft.binary64, y), 'raises-de'),
          },
        ],
      }),
    }),
    check({
      name: 'VCVTPH2PS',
      unit: 'sse',
      code: [0xc4, 0xe2, 0x79, 0x13, 0xc1],
      operands: [
        { format: 'binary32', at: 'xmm0' },
        { format: 'binary16', at: 'xmm1' },
      ],
      model: (env, [, y]) => ({ values: [{ at: 'xmm0', bits: 32, value: soft.fromHalf(env, y) }] }),
    }),
  );
  for (let control = 0; control < 8; control++) {
    checks.push(
      check({
        name: `VCVTPS2PH ${control}`,
        unit: 'sse',
        code: [0xc4, 0xe3, 0x79, 0x1d, 0xc8, control],
        operands: [
          { format: 'binary16', at: 'xmm0' },
          { format: 'binary32', at: 'xmm1' },
        ],
        model: (env, [, y]) => ({
          values: [{ at: 'xmm0', bits: 16, value: soft.toHalf(env, y, control & 4 ? env.rounding : control & 3) }],
        }),
      }),
    );
  }
  return checks;
}

/** VFMADD and its kin in the three orders of operands. */
function fusedChecks(
  suffix: string,
  format: soft.Format<bigint>,
  name: 'binary32' | 'binary64',
  bits: number,
): FloatCheck[] {
  const kinds: readonly [string, number, soft.FusedSigns][] = [
    ['VFMADD', 0x9, {}],
    ['VFMSUB', 0xb, { negateAddend: true }],
    ['VFNMADD', 0xd, { negateProduct: true }],
    ['VFNMSUB', 0xf, { negateProduct: true, negateAddend: true }],
  ];
  const orders = [
    [132, 0x90, [0, 2, 1]],
    [213, 0xa0, [1, 0, 2]],
    [231, 0xb0, [1, 2, 0]],
  ] as const;
  return kinds.flatMap(([kind, low, signs]) =>
    orders.map(([digits, high, order]) =>
      check({
        name: `${kind}${digits}${suffix}`,
        unit: 'sse',
        code: [0xc4, 0xe2, suffix === 'SD' ? 0xf1 : 0x71, high | low, 0xc2],
        operands: [
          { format: name, at: 'xmm0' },
          { format: name, at: 'xmm1' },
          { format: name, at: 'xmm2' },
        ],
        model: (env, values) => {
          const operands = values.map((value) => soft.unpack(env, format, value));
          const [a, b, c] = order.map((index) => operands[index]);
          return { values: [{ at: 'xmm0', bits, value: soft.fusedMultiplyAdd(env, format, a, b, c, signs) }] };
        },
      }),
    ),
  );
}

/* ---- x87 ---- */

const ST0 = { format: 'extended80', at: 'st0' } as const;
const ST1 = { format: 'extended80', at: 'st1' } as const;

function x87Arithmetic(): FloatCheck[] {
  const reversed =
    (compute: Binary): Binary =>
    (env, target, a, b) =>
      compute(env, target, b, a);
  const kinds: readonly [string, number, Binary][] = [
    ['FADD', 0, soft.add],
    ['FMUL', 1, soft.multiply],
    ['FSUB', 4, soft.subtract],
    ['FSUBR', 5, reversed(soft.subtract)],
    ['FDIV', 6, soft.divide],
    ['FDIVR', 7, reversed(soft.divide)],
  ];
  const checks = kinds.flatMap(([name, row, compute]) => [
    check({
      name,
      unit: 'x87',
      code: [0xd8, 0xc1 | (row << 3)],
      operands: [ST0, ST1],
      model: (env, [a, b]) => st(compute(env, soft.extended80, operandExt(env, a), operandExt(env, b))),
    }),
    ...(['binary32', 'binary64'] as const).map((format) =>
      check({
        name: `${name} ${format}`,
        unit: 'x87',
        code: [format === 'binary32' ? 0xd8 : 0xdc, 0x07 | (row << 3)],
        operands: [ST0, { format, at: 'memory' }],
        model: (env, [a, b]) =>
          st(compute(env, soft.extended80, operandExt(env, a), soft.unpack(env, soft[format], b))),
      }),
    ),
  ]);
  checks.push(
    check({
      name: 'FSQRT',
      unit: 'x87',
      code: [0xd9, 0xfa],
      operands: [ST0],
      model: (env, [a]) => st(soft.squareRoot(env, soft.extended80, operandExt(env, a))),
    }),
    check({
      name: 'FRNDINT',
      unit: 'x87',
      code: [0xd9, 0xfc],
      operands: [ST0],
      model: (env, [a]) => st(soft.roundToIntegral(env, soft.extended80, operandExt(env, a))),
    }),
    check({
      name: 'FSCALE',
      unit: 'x87',
      code: [0xd9, 0xfd],
      operands: [ST0, ST1],
      model: (env, [a, b]) => st(soft.scale(env, operandExt(env, a), operandExt(env, b))),
    }),
    check({
      name: 'FXTRACT',
      unit: 'x87',
      code: [0xd9, 0xf4],
      operands: [ST0],
      model: (env, [a]) => {
        const { exponent, significand } = soft.extract(env, operandExt(env, a));
        return {
          values: [
            { at: 'st0', bits: 80, value: extPattern(significand) },
            { at: 'st1', bits: 80, value: extPattern(exponent) },
          ],
        };
      },
    }),
    ...(['FPREM', 'FPREM1'] as const).map((name) =>
      check({
        name,
        unit: 'x87',
        code: [0xd9, name === 'FPREM' ? 0xf8 : 0xf5],
        operands: [ST0, ST1],
        c1: false,
        model: (env, [a, b]) => {
          const mode = name === 'FPREM' ? soft.RoundingMode.ZERO : soft.RoundingMode.NEAREST_EVEN;
          const left = soft.partialRemainder(env, operandExt(env, a), operandExt(env, b), mode);
          const c2 = left.incomplete ? 0x400 : 0;
          const { quotient: q = 0 } = left;
          const value = c2 | (q & 4 ? 0x100 : 0) | (q & 2 ? 0x4000 : 0) | (q & 1 ? 0x200 : 0);
          const mask = left.quotient === undefined ? 0x400 : 0x4700;
          return { ...st(left.remainder), conditions: { mask, value } };
        },
      }),
    ),
    ...x87Comparisons(),
    ...x87Transfers(),
  );
  return checks;
}

const RELATION_CODES = { greater: 0, less: 0x100, equal: 0x4000, unordered: 0x4500 } as const;

function x87Comparisons(): FloatCheck[] {
  return [
    ...(['FCOM', 'FUCOM'] as const).map((name) =>
      check({
        name,
        unit: 'x87',
        code: name === 'FCOM' ? [0xd8, 0xd1] : [0xdd, 0xe1],
        operands: [ST0, ST1],
        model: (env, [a, b]) => {
          const relation = soft.compare(env, operandExt(env, a), operandExt(env, b), name === 'FCOM');
          return { values: [], conditions: { mask: 0x4500, value: RELATION_CODES[relation] } };
        },
      }),
    ),
    ...(['FCOMI', 'FUCOMI'] as const).map((name) =>
      check({
        name,
        unit: 'x87',
        code: [0xdb, name === 'FCOMI' ? 0xf1 : 0xe9],
        operands: [ST0, ST1],
        model: (env, [a, b]) => {
          const relation = soft.compare(env, operandExt(env, a), operandExt(env, b), name === 'FCOMI');
          return { values: [], eflags: { less: 0x01, equal: 0x40, greater: 0, unordered: 0x45 }[relation] };
        },
      }),
    ),
  ];
}

function x87Transfers(): FloatCheck[] {
  const loads: readonly [string, readonly number[], OperandFormat, (env: Env, value: bigint) => soft.Extended80][] = [
    [
      'FLD m32',
      [0xd9, 0x07],
      'binary32',
      (env, x) => soft.convert(env, soft.extended80, soft.unpack(env, soft.binary32, x), 'raises-de'),
    ],
    [
      'FLD m64',
      [0xdd, 0x07],
      'binary64',
      (env, x) => soft.convert(env, soft.extended80, soft.unpack(env, soft.binary64, x), 'raises-de'),
    ],
    ['FILD m16', [0xdf, 0x07], 'int16', (env, x) => soft.fromInteger(env, soft.extended80, BigInt.asIntN(16, x))],
    ['FILD m32', [0xdb, 0x07], 'int32', (env, x) => soft.fromInteger(env, soft.extended80, BigInt.asIntN(32, x))],
    ['FILD m64', [0xdf, 0x2f], 'int64', (env, x) => soft.fromInteger(env, soft.extended80, BigInt.asIntN(64, x))],
    ['FBLD', [0xdf, 0x27], 'bcd80', (env, x) => soft.fromPackedBcd(env, soft.extended80, x)],
  ];
  const stores: readonly [string, readonly number[], number, (env: Env, value: soft.Unpacked) => bigint][] = [
    ['FSTP m32', [0xd9, 0x1f], 32, (env, x) => soft.convert(env, soft.binary32, x, 'silent')],
    ['FSTP m64', [0xdd, 0x1f], 64, (env, x) => soft.convert(env, soft.binary64, x, 'silent')],
    ['FISTP m16', [0xdf, 0x1f], 16, (env, x) => soft.toInteger(env, x, 16)],
    ['FISTP m32', [0xdb, 0x1f], 32, (env, x) => soft.toInteger(env, x, 32)],
    ['FISTP m64', [0xdf, 0x3f], 64, (env, x) => soft.toInteger(env, x, 64)],
    ['FISTTP m16', [0xdf, 0x0f], 16, (env, x) => soft.toInteger(env, x, 16, soft.RoundingMode.ZERO)],
    ['FISTTP m32', [0xdb, 0x0f], 32, (env, x) => soft.toInteger(env, x, 32, soft.RoundingMode.ZERO)],
    ['FISTTP m64', [0xdd, 0x0f], 64, (env, x) => soft.toInteger(env, x, 64, soft.RoundingMode.ZERO)],
    ['FBSTP', [0xdf, 0x37], 80, (env, x) => soft.toPackedBcd(env, x)],
  ];
  return [
    ...loads.map(([name, code, format, load]) =>
      check({
        name,
        unit: 'x87',
        code,
        stops: NO_LOAD,
        operands: [{ format, at: 'memory' }],
        model: (env, [x]) => st(load(env, x)),
      }),
    ),
    ...stores.map(([name, code, bits, store]) =>
      check({
        name,
        unit: 'x87',
        code,
        stops: NO_STORE,
        operands: [ST0],
        model: (env, [x]) => ({ values: [{ at: 'memory', bits, value: store(env, operandExt(env, x)) }] }),
      }),
    ),
  ];
}

const ONE: soft.Extended80 = { significand: 1n << 63n, signExponent: 0x3fff };

/** What FPTAN pushes: 1, or the NaN that is its result. */
function secondOf(tangent: soft.Extended80): soft.Extended80 {
  return (tangent.signExponent & 0x7fff) === 0x7fff ? tangent : ONE;
}

/** The transcendental instructions: here some results differ from the correctly rounded ones in the last place. */
function x87Transcendental(): FloatCheck[] {
  const transcendental = (
    name: string,
    opcode: number,
    operands: FloatCheck['operands'],
    model: (env: Env, a: soft.Unpacked, b: soft.Unpacked) => Result,
  ): FloatCheck =>
    check({
      name,
      unit: 'x87',
      code: [0xd9, opcode],
      operands,
      tolerance: 1,
      c1: false,
      model: (env, [a, b = 0n]) => model(env, operandExt(env, a), operandExt(env, b)),
    });
  const trigonometric = (
    name: string,
    opcode: number,
    wanted: readonly ('sine' | 'cosine' | 'tangent')[],
    results: (values: soft.Trigonometric) => readonly (soft.Extended80 | undefined)[],
  ): FloatCheck =>
    transcendental(name, opcode, [ST0], (env, a) => {
      const values = results(soft.trigonometric(env, a, wanted));
      const incomplete = values[0] === undefined;
      return {
        values: values.flatMap((value, i) =>
          value ? [{ at: i === 0 ? 'st0' : 'st1', bits: 80, value: extPattern(value) } as const] : [],
        ),
        conditions: { mask: 0x400, value: incomplete ? 0x400 : 0 },
      };
    });
  return [
    trigonometric('FSIN', 0xfe, ['sine'], ({ sine }) => [sine]),
    trigonometric('FCOS', 0xff, ['cosine'], ({ cosine }) => [cosine]),
    trigonometric('FSINCOS', 0xfb, ['sine', 'cosine'], ({ sine, cosine }) => [cosine, sine]),
    trigonometric('FPTAN', 0xf2, ['tangent'], ({ tangent }) => [tangent && secondOf(tangent), tangent]),
    transcendental('F2XM1', 0xf0, [ST0], (env, a) => st(soft.power2Minus1(env, a))),
    transcendental('FYL2X', 0xf1, [ST0, ST1], (env, a, b) => st(soft.timesLogarithm2(env, b, a))),
    transcendental('FYL2XP1', 0xf9, [ST0, ST1], (env, a, b) => st(soft.timesLogarithm2Plus1(env, b, a))),
    transcendental('FPATAN', 0xf3, [ST0, ST1], (env, a, b) => st(soft.arcTangent(env, b, a))),
  ];
}

export const floatChecks: readonly FloatCheck[] = [...sseArithmetic(), ...x87Arithmetic(), ...x87Transcendental()];
