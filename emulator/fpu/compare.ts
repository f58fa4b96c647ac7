/** FCOM, FUCOM, FICOM, FTST, FCOMI and their kin, and FXAM. */
import { Flag, STATUS_FLAGS, type CpuState } from '../cpu/state';
import * as soft from '../softfloat';
import type { X87Body } from './routine';
import { readInteger, readReal, stackIndex } from './transfer';
import { NO_RESULT, Status, type X87Unit } from './unit';

const CODES = Status.C0 | Status.C2 | Status.C3;
const CODE_OF: Readonly<Record<soft.Relation, number>> = {
  greater: 0,
  less: Status.C0,
  equal: Status.C3,
  unordered: CODES,
};
const FLAGS_OF: Readonly<Record<soft.Relation, number>> = {
  greater: 0,
  less: Flag.CF,
  equal: Flag.ZF,
  unordered: Flag.CF | Flag.PF | Flag.ZF,
};

function popTimes(unit: X87Unit, count: number): void {
  for (let i = 0; i < count; i++) unit.pop();
}

interface Comparison {
  readonly relation: soft.Relation;
  /** No unmasked exception: registers may be popped. */
  readonly completes: boolean;
}

/** Compares ST(0) with `other`, undefined for an empty register. */
function relate(unit: X87Unit, other: soft.Unpacked | undefined, signalling: boolean): Comparison {
  if (unit.isEmpty(0) || !other) return { relation: 'unordered', completes: unit.stackFault('underflow') };
  const relation = soft.compare(unit.env, unit.operand(0), other, signalling);
  const completes = unit.allows(NO_RESULT);
  unit.report();
  return { relation, completes };
}

function register(unit: X87Unit, index: number): soft.Unpacked | undefined {
  return unit.isEmpty(index) ? undefined : unit.operand(index);
}

/** The condition codes tell the relation even if an unmasked exception is pending. */
function setCodes(unit: X87Unit, { relation, completes }: Comparison, pops: number): void {
  unit.setStatus(CODES, CODE_OF[relation]);
  if (completes) popTimes(unit, pops);
}

/** FCOM (`signalling`) and FUCOM with a register or a real in memory, popping `pops` registers. */
export function compare(signalling: boolean, pops: number): X87Body {
  return (unit, cpu, instruction) => {
    const [first, second] = instruction.operands;
    const other =
      first?.kind === 'memory' ? readReal(unit, cpu, instruction) : register(unit, second ? stackIndex(second) : 1);
    setCodes(unit, relate(unit, other, signalling), pops);
  };
}

/** FICOM and FICOMP. */
export function compareInteger(pops: number): X87Body {
  return (unit, cpu, instruction) => {
    setCodes(unit, relate(unit, readInteger(unit, cpu, instruction), true), pops);
  };
}

const ZERO = new soft.Unpacked(soft.Kind.ZERO, false);

/** FTST: against +0. */
export const test: X87Body = (unit) => {
  setCodes(unit, relate(unit, ZERO, true), 0);
};

/** FCOMI (`signalling`) and FUCOMI: the relation goes to ZF, PF and CF; OF, SF and AF are cleared, even if an exception is pending. */
export function compareToFlags(signalling: boolean, pops: number): X87Body {
  return (unit, cpu, instruction) => {
    const c1 = unit.state.status & Status.C1;
    const other = register(unit, stackIndex(instruction.operands.at(1)));
    const { relation, completes } = relate(unit, other, signalling);
    // C1 is cleared by a stack underflow only.
    if (other && !unit.isEmpty(0)) unit.setStatus(Status.C1, c1);
    setStatusFlags(cpu.state, FLAGS_OF[relation]);
    if (completes) popTimes(unit, pops);
  };
}

function setStatusFlags(state: CpuState, flags: number): void {
  state.rflags = (state.rflags & ~STATUS_FLAGS) | flags;
}

const CLASS_OF: Readonly<Record<soft.Kind, number>> = {
  [soft.Kind.UNSUPPORTED]: 0,
  [soft.Kind.QUIET_NAN]: Status.C0,
  [soft.Kind.SIGNALLING_NAN]: Status.C0,
  [soft.Kind.FINITE]: Status.C2,
  [soft.Kind.INFINITE]: Status.C2 | Status.C0,
  [soft.Kind.ZERO]: Status.C3,
};
const EMPTY_CLASS = Status.C3 | Status.C0;
const DENORMAL_CLASS = Status.C3 | Status.C2;

/** FXAM: the class of ST(0), which may be empty, and its sign in C1. */
export const examine: X87Body = (unit) => {
  const { sign, kind, denormal } = unit.operand(0);
  const code = unit.isEmpty(0) ? EMPTY_CLASS : denormal ? DENORMAL_CLASS : CLASS_OF[kind];
  unit.setStatus(CODES | Status.C1, code | (sign ? Status.C1 : 0));
};
