/** Scopes and variables (DAP `scopes`, `variables`, `setVariable`): what the variables view shows of one frame. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { AdapterError } from './errors';
import { evaluationContext, readFrameRegister } from './evaluation';
import { assign, evaluate } from './expressions/evaluator';
import { describeNumber } from './expressions/format';
import { U64 } from './expressions/types';
import { fieldValue, setFieldNames, withField, type BitField } from './fields';
import { hex } from './memory';
import { holdsAddress, msrRegisters } from './msrs';
import { ptRegsResponse } from './pt-regs';
import { REGISTERS, registerNamed, type Register } from './registers';
import type { UnwoundFrame } from './symbols/unwind';
import type { Target } from './target';
import { VECTOR_CONTROL, X87_CONTROL } from './vector-control';
import { stackRegisters, vectorRegisters } from './vector-registers';

/** A node of the variables tree. */
export interface Container {
  children(): DebugProtocol.Variable[];
  /** Sets the child `name` to the value of an expression; returns it as shown. */
  set(name: string, text: string): DebugProtocol.Variable;
  /** Memory of the child, for data breakpoints. */
  place?(name: string): { va: bigint; length: number } | undefined;
}

const SELECTORS = ['cs', 'ss', 'ds', 'es', 'fs', 'gs', 'tr', 'ldtr'];
/** Access rights in the hidden part, by bit (SDM vol. 3, figure 5-8). */
const CODE_OR_DATA = 1 << 4;

/** Hands out variable references; they are valid until the guest runs on. */
export class Variables {
  private containers: Container[] = [];
  /** References given out at earlier stops: numbers are not used twice, so that a stale one is recognised. */
  private stale = 0;

  constructor(private readonly target: Target) {}

  clear(): void {
    this.stale += this.containers.length;
    this.containers = [];
  }

  scopes(frame: UnwoundFrame): DebugProtocol.Scope[] {
    const scope = (
      name: string,
      container: Container,
      options: { hint?: string; expensive?: boolean } = {},
    ): DebugProtocol.Scope => ({
      name,
      variablesReference: this.add(container),
      expensive: options.expensive ?? false,
      ...(options.hint ? { presentationHint: options.hint } : {}),
    });
    const registers = (group: readonly Register[]): Container => this.registerContainer(frame, () => group);
    const general = REGISTERS.filter(({ group, of }) => group === 'general' && !of);
    const control = REGISTERS.filter(({ group, of }) => group === 'control' && !of);
    return [
      scope('General', registers([...general, ...named('rflags')]), { hint: 'registers' }),
      scope(
        'Flags',
        registers(REGISTERS.filter(({ name, group, of }) => group === 'flags' && of && name !== 'eflags')),
      ),
      scope('Segments', this.segments(frame)),
      scope('Control registers', registers(control)),
      scope(
        'MSRs',
        this.registerContainer(frame, () => msrRegisters(this.target.machine)),
        { expensive: true },
      ),
      scope('pt_regs', this.ptRegs()),
      ...this.extendedScopes(frame).map(([name, container]) => scope(name, container, { expensive: true })),
    ];
  }

  /** Vector and x87 registers, as far as the CPU model has them. */
  private extendedScopes(frame: UnwoundFrame): [string, Container][] {
    const { features } = this.target.machine.cpu.model;
    const add = (container: Container): number => this.add(container);
    const behind = (
      registers: readonly Register[],
      rest: () => DebugProtocol.Variable[],
      advice: string,
    ): Container => {
      const named = this.registerContainer(frame, () => registers);
      return {
        children: () => [...named.children(), ...rest()],
        set: (name, text) => {
          if (!registers.some((register) => register.name === name)) throw new AdapterError(`${name}: ${advice}`);
          return named.set(name, text);
        },
      };
    };
    const vectors = behind(
      VECTOR_CONTROL,
      () => vectorRegisters(this.target, add),
      'open the register and set a lane of it.',
    );
    const stack = behind(X87_CONTROL, () => stackRegisters(this.target), 'x87 registers are set by instructions only.');
    const scopes: [string, Container][] = [];
    if (features.has('SSE')) scopes.push([features.has('AVX') ? 'AVX' : 'SSE', vectors]);
    if (features.has('FPU')) scopes.push(['x87', stack]);
    return scopes;
  }

  children(reference: number): DebugProtocol.Variable[] {
    return this.container(reference).children();
  }

  set(reference: number, name: string, text: string): DebugProtocol.Variable {
    return this.container(reference).set(name, text);
  }

  place(reference: number, name: string): { va: bigint; length: number } | undefined {
    return this.container(reference).place?.(name);
  }

  /** A reference to a register's named bits, or 0; for results of `evaluate`. */
  fieldsOf(frame: UnwoundFrame | undefined, register: Register): number {
    return register.fields && register.fields.length > 0
      ? this.add(this.fieldContainer(frame, register, register.fields))
      : 0;
  }

  private add(container: Container): number {
    this.containers.push(container);
    return this.stale + this.containers.length;
  }

  private container(reference: number): Container {
    const container = this.containers[reference - this.stale - 1];
    if (!container) throw new AdapterError('These variables are of an earlier stop; ask for the scopes again.', false);
    return container;
  }

  private registerContainer(frame: UnwoundFrame, registers: () => readonly Register[]): Container {
    const variable = (register: Register): DebugProtocol.Variable => this.registerVariable(frame, register);
    return {
      children: () => registers().map(variable),
      set: (name, text) => {
        const register = registers().find((each) => each.name === name);
        if (!register) throw new AdapterError(`There is no register ${name} here.`);
        this.assignRegister(frame, register, text);
        return variable(register);
      },
    };
  }

  private assignRegister(frame: UnwoundFrame | undefined, register: Register, text: string): void {
    const context = evaluationContext(this.target, frame);
    assign({ register }, U64, valueFor(register.name, text, this.target, frame), context);
  }

  private registerVariable(frame: UnwoundFrame, register: Register): DebugProtocol.Variable {
    const outer = frame.kind === 'current' ? undefined : frame;
    const value = readFrameRegister(this.target, outer, register);
    const evaluateName = `$${register.name}`;
    if (value === undefined) {
      return {
        name: register.name,
        value: '(not saved)',
        evaluateName,
        variablesReference: 0,
        presentationHint: { attributes: ['readOnly'] },
      };
    }
    const isAddress = register.bits === 64 && (register.group !== 'msr' || holdsAddress(register.name));
    return {
      name: register.name,
      value: registerText(this.target, register, value),
      type: `u${register.bits}`,
      evaluateName,
      variablesReference: this.fieldsOf(frame, register),
      ...(isAddress && value !== 0n && register.name !== 'rflags' ? { memoryReference: hex(value) } : {}),
      ...(register.write ? {} : { presentationHint: { attributes: ['readOnly'] } }),
    };
  }

  private fieldContainer(frame: UnwoundFrame | undefined, register: Register, fields: readonly BitField[]): Container {
    const whole = (): bigint =>
      readFrameRegister(this.target, frame?.kind === 'current' ? undefined : frame, register) ?? 0n;
    const variable = (field: BitField): DebugProtocol.Variable => ({
      name: field.name,
      value: hex(fieldValue(whole(), field)),
      type: field.description,
      variablesReference: 0,
      presentationHint: { kind: 'property' },
    });
    return {
      children: () => [...fields].sort((a, b) => b.low - a.low).map(variable),
      set: (name, text) => {
        const field = fields.find((each) => each.name === name);
        if (!field) throw new AdapterError(`${register.name} has no field ${name}.`);
        const part = valueFor(name, text, this.target, frame);
        if (part < 0n || part >> BigInt(field.width) !== 0n) {
          throw new AdapterError(
            `${text} does not fit the ${field.width} bit${field.width === 1 ? '' : 's'} of ${name}.`,
          );
        }
        const context = evaluationContext(this.target, frame);
        context.writeRegister(register, withField(whole(), field, part));
        return variable(field);
      },
    };
  }

  private segments(frame: UnwoundFrame): Container {
    const { state } = this.target;
    const hidden = [state.segments[1], state.segments[2], state.segments[3], state.segments[0], state.segments[4]];
    const of = [...hidden, state.segments[5], state.tr, state.ldtr];
    const tables = named('gdtr_base', 'gdtr_limit', 'idtr_base', 'idtr_limit');
    const tableContainer = this.registerContainer(frame, () => tables);
    return {
      children: () => [
        ...SELECTORS.map((name, index): DebugProtocol.Variable => {
          const [register] = named(name);
          const outer = frame.kind === 'current' ? undefined : frame;
          const selector = readFrameRegister(this.target, outer, register) ?? 0n;
          return {
            name,
            value: `${hex(selector)} ${segmentText(of[index], selector)}`,
            type: 'selector',
            evaluateName: `$${name}`,
            variablesReference: this.add(this.registerContainer(frame, () => named(`${name}_base`, `${name}_limit`))),
            presentationHint: { attributes: ['readOnly'] },
          };
        }),
        ...tableContainer.children(),
      ],
      set: (name, text) => {
        if (!SELECTORS.includes(name)) return tableContainer.set(name, text);
        const [register] = named(name);
        throw new AdapterError(`${name} cannot be set. ${register.readOnlyReason ?? ''}`);
      },
    };
  }

  private ptRegs(): Container {
    const slotAddress = (name: string): bigint | undefined => {
      const response = ptRegsResponse(this.target, undefined);
      const slot = response.available ? response.slots.find((each) => each.name === name) : undefined;
      return slot && BigInt(slot.address);
    };
    const children = (): DebugProtocol.Variable[] => {
      const response = ptRegsResponse(this.target, undefined);
      if (!response.available) {
        return [
          {
            name: 'pt_regs',
            value: response.reason,
            variablesReference: 0,
            presentationHint: { attributes: ['readOnly'] },
          },
        ];
      }
      return response.slots.map((slot) => ({
        name: slot.name,
        value: slot.filled
          ? `${describeNumber(BigInt(slot.value), 64, this.target)}${slot.note ? ` ${slot.note}` : ''}`
          : '(not pushed)',
        type: `+0x${slot.offset.toString(16)}`,
        evaluateName: `*(u64*)${slot.address}`,
        memoryReference: slot.address,
        variablesReference: 0,
      }));
    };
    return {
      children,
      set: (name, text) => {
        const va = slotAddress(name);
        if (va === undefined) throw new AdapterError(`There is no slot ${name} of pt_regs now.`);
        assign({ va }, U64, valueFor(name, text, this.target, undefined), evaluationContext(this.target));
        const variable = children().find((each) => each.name === name);
        if (!variable) throw new AdapterError(`There is no slot ${name} of pt_regs now.`);
        return variable;
      },
      place: (name) => {
        const va = slotAddress(name);
        return va === undefined ? undefined : { va, length: 8 };
      },
    };
  }
}

function named(...names: string[]): Register[] {
  return names.flatMap((name) => registerNamed(name) ?? []);
}

/** What the user typed as a new value; an error names the accepted forms. */
export function valueFor(name: string, text: string, target: Target, frame: UnwoundFrame | undefined): bigint {
  try {
    // A value copied from the view: the number in front of its explanation.
    const plain = /^(0x[0-9a-f]+)\s+[<("].*$/i.exec(text.trim())?.[1] ?? text;
    return evaluate(plain, evaluationContext(target, frame)).value;
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    throw new AdapterError(
      `"${text}" is no value for ${name}: ${error.message}. Write a number (42, -1, 0x2a, 0b1010, 'a'), a register ($rax), a symbol, or an expression of them.`,
    );
  }
}

/** A register's value as the view shows it: numbers with symbols, registers of bits with the names of those set. */
export function registerText(target: Target, register: Register, value: bigint): string {
  if (register.fields && register.fields.length > 0 && register.group !== 'msr') {
    return `${hex(value)} [${setFieldNames(value, register.fields)}]`;
  }
  if (register.bits < 8) return `${value}`;
  return describeNumber(value, register.bits, target);
}

function segmentText(segment: Target['state']['ldtr'], selector: bigint): string {
  if (segment.unusable) return '(unusable)';
  const rights = segment.rights;
  const isSystem = (rights & CODE_OR_DATA) === 0;
  const isCode = !isSystem && (segment.type & 8) !== 0;
  const size = isCode ? (segment.long ? '64-bit ' : segment.big ? '32-bit ' : '16-bit ') : '';
  const kind = isSystem ? 'system' : `${size}${isCode ? 'code' : 'data'}`;
  return `ring ${selector & 3n}, ${kind}, DPL ${segment.dpl}, base ${hex(segment.base)}, limit 0x${segment.limit.toString(16)}`;
}
