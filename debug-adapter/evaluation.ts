/** What names mean in one stack frame: joins registers, MSRs, symbols and memory for expressions. */
import { AdapterError, closest } from './errors';
import type { EvaluationContext } from './expressions/evaluator';
import { msrRegister, msrRegisterNames } from './msrs';
import { REGISTERS, registerNamed, writeRegister, type Register } from './registers';
import type { UnwoundFrame } from './symbols/unwind';
import type { Target } from './target';

/** A name with a value that only a condition knows, such as `nr` of a system call. */
export type ExtraNames = ReadonlyMap<string, bigint>;

/** The context of `frame`, by default the current one. */
export function evaluationContext(target: Target, frame?: UnwoundFrame, extra?: ExtraNames): EvaluationContext {
  const outer = frame && frame.kind !== 'current' ? frame : undefined;
  return {
    register: (name) => extraRegister(name, extra) ?? registerNamed(name) ?? msrRegister(name),
    readRegister: (register) => readFrameRegister(target, outer, register),
    writeRegister: (register, value) => writeFrameRegister(target, outer, register, value),
    symbol: (name) => (target.symbols.named(name) ?? target.symbols.functionNamed(name))?.value,
    readMemory: (va, length) => target.readLinear(va, length),
    writeMemory: (va, data) => target.writeLinear(va, data),
    suggestion: (name) => closest(name, [...allRegisterNames(), ...target.symbols.names]),
  };
}

/** Names completions and suggestions offer. */
export function allRegisterNames(): string[] {
  return [...REGISTERS.map(({ name }) => name), ...msrRegisterNames()];
}

function extraRegister(name: string, extra: ExtraNames | undefined): Register | undefined {
  const value = extra?.get(name);
  if (value === undefined) return undefined;
  return { name, bits: 64, group: 'general', read: () => value, readOnlyReason: 'It describes the event.' };
}

/** The register's value in an outer frame; undefined if it was not saved. */
export function readFrameRegister(
  target: Target,
  outer: UnwoundFrame | undefined,
  register: Register,
): bigint | undefined {
  if (!outer) return register.read(target.machine);
  if (register.name === 'cpl') return BigInt(outer.ring);
  const whole = register.of?.name ?? register.name;
  const saved = outer.registers.get(whole);
  if (saved) return BigInt.asUintN(register.bits, saved.value >> BigInt(register.of?.shift ?? 0));
  const shared = register.group === 'control' || register.group === 'segments';
  return shared && whole !== 'cs' && whole !== 'ss' ? register.read(target.machine) : undefined;
}

function writeFrameRegister(target: Target, outer: UnwoundFrame | undefined, register: Register, value: bigint): void {
  if (!outer) {
    writeRegister(target.machine, register, value);
    return;
  }
  const saved = outer.registers.get(register.of?.name ?? register.name);
  if (!saved?.va) {
    throw new AdapterError(
      `${register.name} of this frame is not kept in memory now, so it cannot be set; select the innermost frame to set the processor's register.`,
    );
  }
  const shift = BigInt(register.of?.shift ?? 0);
  const mask = ((1n << BigInt(register.bits)) - 1n) << shift;
  const whole = (saved.value & ~mask) | ((BigInt.asUintN(register.bits, value) << shift) & mask);
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, whole, true);
  target.writeLinear(saved.va, data);
}
