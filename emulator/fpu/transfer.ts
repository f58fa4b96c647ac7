/** Loads, stores and moves: FLD, FILD, FBLD, FST, FIST, FISTTP, FBSTP, FXCH, FCMOVcc and the constants. */
import type { Cpu } from '../cpu/cpu';
import { Flag } from '../cpu/state';
import type { Instruction, Operand } from '../isa/instruction';
import * as soft from '../softfloat';
import { memorySize, readMemory, readTenBytes, requireStorable, TEN_BYTES, writeMemory } from './memory';
import type { X87Body } from './routine';
import { INDEFINITE, NO_LOAD, NO_STORE, Status, type X87Unit } from './unit';

/** i of an operand ST(i). */
export function stackIndex(operand: Operand | undefined): number {
  return operand?.kind === 'st' ? operand.register : 0;
}

/** A real operand in memory; its exceptions are those of the operation that takes it. */
export function readReal(unit: X87Unit, cpu: Cpu, instruction: Instruction): soft.Unpacked {
  const size = memorySize(instruction);
  return soft.unpack(unit.env, size === 4 ? soft.binary32 : soft.binary64, readMemory(cpu, instruction));
}

/** A signed integer operand in memory. */
export function readInteger(unit: X87Unit, cpu: Cpu, instruction: Instruction): soft.Unpacked {
  return soft.unpack(unit.env, soft.extended80, integerOperand(unit, cpu, instruction));
}

function integerOperand(unit: X87Unit, cpu: Cpu, instruction: Instruction): soft.Extended80 {
  const size = memorySize(instruction);
  return soft.fromInteger(unit.env, soft.extended80, BigInt.asIntN(8 * size, readMemory(cpu, instruction)));
}

/** Pushes what `load` makes, unless the stack is full. */
function pushing(load: (unit: X87Unit, cpu: Cpu, instruction: Instruction) => soft.Extended80): X87Body {
  return (unit, cpu, instruction) => {
    const value = load(unit, cpu, instruction);
    if (!unit.isEmpty(7)) {
      if (unit.stackFault('overflow')) unit.push(INDEFINITE);
      return;
    }
    const allowed = unit.allows(NO_LOAD);
    unit.report();
    if (allowed) unit.push(value);
  };
}

const loadMemory = pushing((unit, cpu, instruction) => {
  if (memorySize(instruction) === TEN_BYTES) {
    const bits = readTenBytes(cpu, instruction);
    return { significand: BigInt.asUintN(64, bits), signExponent: Number(bits >> 64n) };
  }
  return soft.convert(unit.env, soft.extended80, readReal(unit, cpu, instruction), 'raises-de');
});

/** FLD. */
export const load: X87Body = (unit, cpu, instruction) => {
  const [source] = instruction.operands;
  if (source.kind === 'memory') {
    loadMemory(unit, cpu, instruction);
    return;
  }
  const index = stackIndex(source);
  if (!unit.isEmpty(7) || unit.isEmpty(index)) {
    if (unit.stackFault(unit.isEmpty(index) ? 'underflow' : 'overflow')) unit.push(INDEFINITE);
    return;
  }
  unit.setStatus(Status.C1, 0);
  unit.push(unit.read(index));
};

/** FILD. */
export const loadInteger = pushing(integerOperand);

/** FBLD. */
export const loadPackedBcd = pushing((unit, cpu, instruction) =>
  soft.fromPackedBcd(unit.env, soft.extended80, readTenBytes(cpu, instruction)),
);

/** Stores what `convert` makes of ST(0), `indefinite` being its masked response to an empty register. */
function storing(
  convert: (unit: X87Unit, value: soft.Unpacked, size: number) => bigint,
  indefinite: (size: number) => bigint,
  pops: boolean,
): X87Body {
  return (unit, cpu, instruction) => {
    const size = memorySize(instruction);
    if (unit.isEmpty(0)) {
      // A fault of the store comes before any change of state.
      if (unit.env.masked(soft.FloatException.INVALID)) writeMemory(cpu, instruction, indefinite(size));
      else requireStorable(cpu, instruction);
      if (unit.stackFault('underflow') && pops) unit.pop();
      return;
    }
    const value = convert(unit, unit.operand(0), size);
    const allowed = unit.allows(NO_STORE);
    if (allowed) writeMemory(cpu, instruction, value);
    else requireStorable(cpu, instruction);
    unit.report();
    if (allowed && pops) unit.pop();
  };
}

const extendedBits = ({ significand, signExponent }: soft.Extended80): bigint =>
  (BigInt(signExponent) << 64n) | significand;

function storeMemory(pops: boolean): X87Body {
  const format = (size: number): soft.Format<bigint> => (size === 4 ? soft.binary32 : soft.binary64);
  return storing(
    (unit, value, size) => {
      if (size === TEN_BYTES) return extendedBits(unit.read(0));
      return soft.convert(unit.env, format(size), value, 'silent');
    },
    (size) => (size === TEN_BYTES ? extendedBits(INDEFINITE) : soft.indefinite(format(size))),
    pops,
  );
}

/** FST and FSTP. */
export function store(pops: boolean): X87Body {
  const toMemory = storeMemory(pops);
  return (unit, cpu, instruction) => {
    const [destination] = instruction.operands;
    if (destination.kind === 'memory') {
      toMemory(unit, cpu, instruction);
      return;
    }
    let value = unit.read(0);
    if (unit.isEmpty(0)) {
      if (!unit.stackFault('underflow')) return;
      value = INDEFINITE;
    } else {
      unit.setStatus(Status.C1, 0);
    }
    unit.write(stackIndex(destination), value);
    if (pops) unit.pop();
  };
}

/** FSTP of the alias D9 D8, which pops an empty ST(0) without a fault. */
export const storeUnchecked: X87Body = (unit, _cpu, instruction) => {
  unit.setStatus(Status.C1, 0);
  if (!unit.isEmpty(0)) unit.write(stackIndex(instruction.operands[0]), unit.read(0));
  unit.pop();
};

const bitsOf = (size: number): 16 | 32 | 64 => (size === 2 ? 16 : size === 4 ? 32 : 64);
const integerIndefinite = (size: number): bigint => 1n << BigInt(8 * size - 1);

/** FIST and FISTP; FISTTP cuts off the fraction whatever the rounding mode. */
export function storeInteger(pops: boolean, mode?: soft.RoundingMode): X87Body {
  return storing(
    ({ env }, value, size) => soft.toInteger(env, value, bitsOf(size), mode ?? env.rounding),
    integerIndefinite,
    pops,
  );
}

/** FBSTP. */
export const storePackedBcd = storing(
  ({ env }, value) => soft.toPackedBcd(env, value),
  () => soft.PACKED_BCD_INDEFINITE,
  true,
);

/** FXCH. */
export const exchange: X87Body = (unit, _cpu, instruction) => {
  const index = stackIndex(instruction.operands.at(1));
  const contents = (i: number): soft.Extended80 => (unit.isEmpty(i) ? INDEFINITE : unit.read(i));
  const [first, second] = [contents(0), contents(index)];
  if (unit.isEmpty(0) || unit.isEmpty(index)) {
    if (!unit.stackFault('underflow')) return;
  } else {
    unit.setStatus(Status.C1, 0);
  }
  unit.write(0, second);
  unit.write(index, first);
};

/** FCMOVcc: `flags` set (or, with `negated`, all clear) move ST(i) to ST(0). */
export function moveIf(flags: number, negated: boolean): X87Body {
  return (unit, cpu, instruction) => {
    const index = stackIndex(instruction.operands.at(1));
    if (unit.isEmpty(0) || unit.isEmpty(index)) {
      if (unit.stackFault('underflow')) unit.write(0, INDEFINITE);
      return;
    }
    if (cpu.state.flag(flags) !== negated) unit.write(0, unit.read(index));
  };
}

export const CONDITIONS = { B: Flag.CF, E: Flag.ZF, BE: Flag.CF | Flag.ZF, U: Flag.PF } as const;

/**
 * FLDPI and its kin: the constant rounded by RC, without exceptions. `significand` is that rounded down; `roundsUp` tells
 * whether it rounds up to nearest. C1 is not touched by the rounding.
 */
export function loadConstant(significand: bigint, signExponent: number, roundsUp: boolean): X87Body {
  return pushing(({ env }) => {
    const up = env.rounding === soft.RoundingMode.UP || (env.rounding === soft.RoundingMode.NEAREST_EVEN && roundsUp);
    return { significand: up ? significand + 1n : significand, signExponent };
  });
}

/** FLD1 and FLDZ. */
export function loadExact(significand: bigint, signExponent: number): X87Body {
  return pushing(() => ({ significand, signExponent }));
}
