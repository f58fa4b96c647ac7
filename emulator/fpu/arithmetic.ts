/** FADD to FDIVRP, and the instructions on ST(0) and ST(1) alone. */
import type { Cpu } from '../cpu/cpu';
import type { Instruction } from '../isa/instruction';
import * as soft from '../softfloat';
import type { X87Body } from './routine';
import { readInteger, readReal, stackIndex } from './transfer';
import { INDEFINITE, NO_RESULT, Status, type X87Unit } from './unit';

type Operation = (env: soft.FloatEnvironment, a: soft.Unpacked, b: soft.Unpacked) => soft.Extended80;

const of =
  (operation: typeof soft.add): Operation =>
  (env, a, b) =>
    operation(env, soft.extended80, a, b);
const reversed =
  (operation: typeof soft.add): Operation =>
  (env, a, b) =>
    operation(env, soft.extended80, b, a);

/** By the middle of the mnemonic; the destination is the first operand. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  ADD: of(soft.add),
  MUL: of(soft.multiply),
  SUB: of(soft.subtract),
  SUBR: reversed(soft.subtract),
  DIV: of(soft.divide),
  DIVR: reversed(soft.divide),
};

/** Writes `result` to ST(destination) if the exceptions it raised allow it, and pops. */
function deliver(unit: X87Unit, destination: number, result: soft.Extended80, pops: boolean): void {
  const allowed = unit.allows(NO_RESULT);
  unit.report();
  if (!allowed) return;
  unit.write(destination, result);
  if (pops) unit.pop();
}

/** The masked response to an empty register among the operands. */
function underflow(unit: X87Unit, destination: number, pops = false): void {
  if (!unit.stackFault('underflow')) return;
  unit.write(destination, INDEFINITE);
  if (pops) unit.pop();
}

/** FADD and its kin between registers or with a real in memory, FADDP and its kin. */
export function arithmetic(operation: Operation, pops: boolean): X87Body {
  return (unit, cpu, instruction) => {
    const [first, second] = instruction.operands;
    if (first.kind === 'memory') {
      withMemory(unit, operation, readReal(unit, cpu, instruction));
      return;
    }
    const destination = stackIndex(first);
    const source = stackIndex(second);
    if (unit.isEmpty(destination) || unit.isEmpty(source)) {
      underflow(unit, destination, pops);
      return;
    }
    deliver(unit, destination, operation(unit.env, unit.operand(destination), unit.operand(source)), pops);
  };
}

/** FIADD and its kin. */
export function integerArithmetic(operation: Operation): X87Body {
  return (unit, cpu, instruction) => {
    withMemory(unit, operation, readInteger(unit, cpu, instruction));
  };
}

function withMemory(unit: X87Unit, operation: Operation, operand: soft.Unpacked): void {
  if (unit.isEmpty(0)) underflow(unit, 0);
  else deliver(unit, 0, operation(unit.env, unit.operand(0), operand), false);
}

/** ST(0) replaced by a function of it. */
export function unary(operation: (env: soft.FloatEnvironment, a: soft.Unpacked) => soft.Extended80): X87Body {
  return (unit) => {
    if (unit.isEmpty(0)) underflow(unit, 0);
    else deliver(unit, 0, operation(unit.env, unit.operand(0)), false);
  };
}

/** ST(0) replaced by a function of it and ST(1): FSCALE. */
export function binary(operation: Operation): X87Body {
  return (unit) => {
    if (unit.isEmpty(0) || unit.isEmpty(1)) underflow(unit, 0);
    else deliver(unit, 0, operation(unit.env, unit.operand(0), unit.operand(1)), false);
  };
}

/** ST(1) replaced by a function of it and ST(0), which is popped: FYL2X, FYL2XP1, FPATAN. */
export function binaryPopping(operation: Operation): X87Body {
  return (unit) => {
    if (unit.isEmpty(0) || unit.isEmpty(1)) underflow(unit, 1, true);
    else deliver(unit, 1, operation(unit.env, unit.operand(1), unit.operand(0)), true);
  };
}

/** ST(0) replaced by the first of two values, the second pushed: FXTRACT, FPTAN, FSINCOS. */
function replaceAndPush(unit: X87Unit, compute: () => readonly [soft.Extended80, soft.Extended80] | undefined): void {
  if (unit.isEmpty(0) || !unit.isEmpty(7)) {
    if (!unit.stackFault(unit.isEmpty(0) ? 'underflow' : 'overflow')) return;
    unit.write(0, INDEFINITE);
    unit.push(INDEFINITE);
    return;
  }
  const values = compute();
  const allowed = unit.allows(NO_RESULT);
  unit.report();
  if (!values || !allowed) return;
  unit.write(0, values[0]);
  unit.push(values[1]);
}

/** FXTRACT. */
export const extract: X87Body = (unit) => {
  replaceAndPush(unit, () => {
    const { exponent, significand } = soft.extract(unit.env, unit.operand(0));
    return [exponent, significand];
  });
};

/** C2 tells that the operand was out of range and that nothing was done. */
function noteRange(unit: X87Unit, complete: boolean): void {
  if (!complete) unit.setStatus(0, Status.C2);
}

/** FSIN and FCOS. */
export function trigonometric(wanted: 'sine' | 'cosine'): X87Body {
  return (unit) => {
    unit.setStatus(Status.C2, 0);
    if (unit.isEmpty(0)) {
      underflow(unit, 0);
      return;
    }
    const result = soft.trigonometric(unit.env, unit.operand(0), [wanted])[wanted];
    noteRange(unit, result !== undefined);
    if (result) deliver(unit, 0, result, false);
    else unit.report();
  };
}

/** FSINCOS. */
export const sineAndCosine: X87Body = (unit) => {
  unit.setStatus(Status.C2, 0);
  replaceAndPush(unit, () => {
    const { sine, cosine } = soft.trigonometric(unit.env, unit.operand(0), ['sine', 'cosine']);
    noteRange(unit, sine !== undefined);
    return sine && cosine ? [sine, cosine] : undefined;
  });
};

const ONE: soft.Extended80 = { significand: 1n << 63n, signExponent: 0x3fff };
const EXPONENT = 0x7fff;

/** FPTAN: the tangent and 1, or a NaN twice. */
export const tangent: X87Body = (unit) => {
  unit.setStatus(Status.C2, 0);
  replaceAndPush(unit, () => {
    const { tangent: value } = soft.trigonometric(unit.env, unit.operand(0), ['tangent']);
    noteRange(unit, value !== undefined);
    return value && [value, (value.signExponent & EXPONENT) === EXPONENT ? value : ONE];
  });
};

/** FPREM and FPREM1; the low bits of the quotient go to C0, C3 and C1. */
export function remainder(mode: soft.RoundingMode.ZERO | soft.RoundingMode.NEAREST_EVEN): X87Body {
  return (unit) => {
    unit.setStatus(Status.C2, 0);
    if (unit.isEmpty(0) || unit.isEmpty(1)) {
      underflow(unit, 0);
      return;
    }
    const {
      remainder: left,
      incomplete,
      quotient,
    } = soft.partialRemainder(unit.env, unit.operand(0), unit.operand(1), mode);
    deliver(unit, 0, left, false);
    if (quotient === undefined || !unit.allows(NO_RESULT)) return;
    unit.setStatus(
      Status.C0 | Status.C1 | Status.C3,
      (incomplete ? Status.C2 : 0) |
        (quotient & 4 ? Status.C0 : 0) |
        (quotient & 2 ? Status.C3 : 0) |
        (quotient & 1 ? Status.C1 : 0),
    );
  };
}

/** FCHS and FABS: the sign bit of whatever ST(0) holds. */
export function changeSign(change: (signExponent: number) => number): X87Body {
  return (unit: X87Unit, _cpu: Cpu, _instruction: Instruction) => {
    if (unit.isEmpty(0)) {
      underflow(unit, 0);
      return;
    }
    const { significand, signExponent } = unit.read(0);
    unit.setStatus(Status.C1, 0);
    unit.write(0, { significand, signExponent: change(signExponent) });
  };
}
