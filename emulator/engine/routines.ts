/** Small WebAssembly functions that handlers call: what would be too long to repeat in each of them. */
import { FunctionBody } from '../wasm/function';
import * as w from '../wasm/expression';
import { ValueType } from '../wasm/types';
import { FUSED_ROUTINES } from '../isa/semantics/vector/float-fused-routines';
import { FLOAT_ROUTINES } from '../isa/semantics/vector/float-routines';
import * as layout from './layout';

const { I64, V128 } = { I64: ValueType.I64 as const, V128: ValueType.V128 as const };
const STATE = w.i32(0);
const ON_VECTORS = { parameters: [V128, V128, V128], results: [V128] };

/** Their types, for modules that define or import them. */
export const ROUTINE_TYPES = {
  multiplyHigh: { parameters: [I64, I64], results: [I64] },
  packFlags: { parameters: [], results: [I64] },
  unpackFlags: { parameters: [I64], results: [] },
  judgeSums: ON_VECTORS,
  judgeDoubleSums: ON_VECTORS,
  judgeProducts: ON_VECTORS,
  judgeDoubleProducts: ON_VECTORS,
  judgeQuotients: ON_VECTORS,
  judgeDoubleQuotients: ON_VECTORS,
  judgeRoots: ON_VECTORS,
  judgeDoubleRoots: ON_VECTORS,
  fusedSingles: ON_VECTORS,
  fusedDoubles: ON_VECTORS,
};

/** Their code. */
export const ROUTINE_BODIES: Readonly<Record<keyof typeof ROUTINE_TYPES, () => FunctionBody>> = {
  multiplyHigh: defineMultiplyHigh,
  packFlags: definePackFlags,
  unpackFlags: defineUnpackFlags,
  ...FLOAT_ROUTINES,
  ...FUSED_ROUTINES,
};

export type RoutineName = keyof typeof ROUTINE_TYPES;

/** Something for each routine. */
export function forRoutines<T>(make: (name: RoutineName) => T): Record<RoutineName, T> {
  const names = Object.keys(ROUTINE_TYPES) as RoutineName[];
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<RoutineName, T>;
}

/** (a, b) -> high 64 bits of the unsigned 128-bit product, from four 32-bit products. */
function defineMultiplyHigh(): FunctionBody {
  const f = new FunctionBody([I64, I64]);
  const [a, b] = [f.parameter(0), f.parameter(1)];
  const low = (value: w.Value): w.Value => w.zeroExtend(value, 4);
  const high = (value: w.Value): w.Value => w.shrU(value, w.i64(32));
  const lowHigh = f.let(w.mul(low(a), high(b)));
  const highLow = f.let(w.mul(high(a), low(b)));
  const middle = f.let(w.add(w.add(high(w.mul(low(a), low(b))), low(lowHigh)), low(highLow)));
  f.return(w.add(w.add(w.mul(high(a), high(b)), high(lowHigh)), w.add(high(highLow), high(middle))));
  f.unreachable();
  return f;
}

/** RFLAGS positions of the status flags. */
const [CF, PF, AF, ZF, SF, OF] = [0, 2, 4, 6, 7, 11];

/** () -> the six status flags in their RFLAGS places; the inverse of `defineUnpackFlags` (see semantics/flags.ts). */
function definePackFlags(): FunctionBody {
  const f = new FunctionBody([]);
  const result = f.let(w.load64(STATE, layout.FLAG_RESULT, 8));
  const carries = f.let(w.load64(STATE, layout.FLAG_CARRIES, 8));
  const at = (bit: w.Value, position: number): w.Value => w.shl(bit, w.i64(position));
  const top = (value: w.Value): w.Value => w.shrU(value, w.i64(63));
  const one = w.i64(1);
  const odd = w.and(w.popcnt(w.and(w.xor(result, w.shrU(carries, w.i64(16))), w.i64(0xff))), one);
  const flags = [
    at(top(carries), CF),
    at(w.xor(odd, one), PF),
    at(w.and(w.shrU(carries, w.i64(3)), one), AF),
    at(w.extendU(w.isZero(result)), ZF),
    at(w.xor(top(result), w.and(carries, one)), SF),
    at(top(w.xor(carries, w.shl(carries, one))), OF),
  ];
  f.return(flags.reduce((all, flag) => w.or(all, flag)));
  f.unreachable();
  return f;
}

/** (rflags) Sets the lazy flags so that they read as the status flags of `rflags`; the same rule as `CpuState.rflags`. */
function defineUnpackFlags(): FunctionBody {
  const f = new FunctionBody([I64]);
  const rflags = f.parameter(0);
  const one = w.i64(1);
  const bit = (position: number): w.Value => w.and(w.shrU(rflags, w.i64(position)), one);
  // A result of 0 means ZF; 256 has an even low byte of 0 as well, so PF is the same correction in both cases.
  const result = w.select(w.wrap(bit(ZF)), w.i64(0), w.i64(256));
  const carries = [
    w.shl(bit(CF), w.i64(63)),
    w.shl(w.xor(bit(CF), bit(OF)), w.i64(62)),
    w.shl(bit(AF), w.i64(3)),
    bit(SF),
    w.shl(w.xor(bit(PF), one), w.i64(16)),
  ];
  f.store64(STATE, layout.FLAG_RESULT, 8, result);
  f.store64(
    STATE,
    layout.FLAG_CARRIES,
    8,
    carries.reduce((all, part) => w.or(all, part)),
  );
  return f;
}
