/** What the variables view shows of XMM, YMM and x87 registers: every register read as lanes of each type, as gdb names them. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { AdapterError } from './errors';
import type { Target } from './target';
import type { Container } from './variables';

/** One way to read a register: lanes of one type. */
interface LaneType {
  readonly suffix: string;
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => string;
  /** Throws AdapterError if `text` is no value of the type. */
  readonly write: (view: DataView, at: number, text: string) => void;
}

function integers(bits: 8 | 16 | 32 | 64): LaneType {
  const bytes = bits / 8;
  return {
    suffix: `int${bits}`,
    bytes,
    read: (view, at) =>
      `0x${bitsAt(view, at, bytes)
        .toString(16)
        .padStart(2 * bytes, '0')}`,
    write(view, at, text) {
      const value = parseInteger(text);
      if (BigInt.asUintN(bits, value) !== value && BigInt.asIntN(bits, value) !== value) {
        throw new AdapterError(`${text} does not fit the ${bits} bits of a lane.`);
      }
      for (let i = 0; i < bytes; i++) view.setUint8(at + i, Number((value >> BigInt(8 * i)) & 0xffn));
    },
  };
}

function floats(bits: 32 | 64): LaneType {
  return {
    suffix: bits === 32 ? 'float' : 'double',
    bytes: bits / 8,
    read: (view, at) => floatText(bits === 32 ? view.getFloat32(at, true) : view.getFloat64(at, true), bits),
    write(view, at, text) {
      const value = parseFloatingPoint(text);
      if (bits === 32) view.setFloat32(at, value, true);
      else view.setFloat64(at, value, true);
    },
  };
}

const LANE_TYPES: readonly LaneType[] = [
  floats(32),
  floats(64),
  ...([8, 16, 32, 64] as const).map((bits) => integers(bits)),
];

function bitsAt(view: DataView, at: number, bytes: number): bigint {
  let value = 0n;
  for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(at + i));
  return value;
}

/** The shortest decimal number that reads back as the same float. */
function floatText(value: number, bits: 32 | 64): string {
  if (bits === 64 || !Number.isFinite(value)) return String(value);
  for (let digits = 6; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(value);
}

function parseInteger(text: string): bigint {
  const match = /^\s*(-?)\s*(0x[0-9a-f]+|0b[01]+|\d+)\s*$/i.exec(text);
  if (!match) throw new AdapterError(`"${text}" is no number. Write 42, -1, 0x2a or 0b1010.`);
  return match[1] ? -BigInt(match[2]) : BigInt(match[2]);
}

function parseFloatingPoint(text: string): number {
  const word = text.trim().toLowerCase();
  const special: Record<string, number | undefined> = { nan: NaN, infinity: Infinity, '-infinity': -Infinity };
  const value = special[word] ?? (word === '' ? NaN : Number(word));
  if (Number.isNaN(value) && word !== 'nan') {
    throw new AdapterError(`"${text}" is no number. Write 1.5, -2e10, Infinity or NaN.`);
  }
  return value;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** All lanes of one type: `{1, 2, 3, 4}` from the lowest on. */
function lanesText(bytes: Uint8Array, type: LaneType): string {
  const view = viewOf(bytes);
  const lanes = Array.from({ length: bytes.length / type.bytes }, (_, i) => type.read(view, i * type.bytes));
  return `{${lanes.join(', ')}}`;
}

/** Hands out a reference to a container, see `Variables`. */
type Add = (container: Container) => number;

function laneContainer(bytes: Uint8Array, type: LaneType): Container {
  const variable = (i: number): DebugProtocol.Variable => ({
    name: `[${i}]`,
    value: type.read(viewOf(bytes), i * type.bytes),
    type: type.suffix,
    variablesReference: 0,
  });
  return {
    children: () => Array.from({ length: bytes.length / type.bytes }, (_, i) => variable(i)),
    set(name, text) {
      const index = Number(/^\[(\d+)\]$/.exec(name)?.[1] ?? NaN);
      if (!(index < bytes.length / type.bytes)) throw new AdapterError(`There is no lane ${name} here.`);
      type.write(viewOf(bytes), index * type.bytes, text);
      return variable(index);
    },
  };
}

function registerContainer(bytes: Uint8Array, add: Add): Container {
  return {
    children: () =>
      LANE_TYPES.map((type) => ({
        name: `v${bytes.length / type.bytes}_${type.suffix}`,
        value: lanesText(bytes, type),
        variablesReference: add(laneContainer(bytes, type)),
        presentationHint: { attributes: ['readOnly'] },
      })),
    set: (name) => {
      throw new AdapterError(`Open ${name} and set a lane of it.`);
    },
  };
}

/** The whole of a register as one hexadecimal number. */
const wholeText = (bytes: Uint8Array): string =>
  `0x${bitsAt(viewOf(bytes), 0, bytes.length)
    .toString(16)
    .padStart(2 * bytes.length, '0')}`;

/** XMM0 to XMM15, or YMM0 to YMM15 where the CPU model has them. */
export function vectorRegisters({ machine, state }: Target, add: Add): DebugProtocol.Variable[] {
  const wide = machine.cpu.model.features.has('AVX');
  const width = wide ? 32 : 16;
  return Array.from({ length: 16 }, (_, i): DebugProtocol.Variable => {
    const bytes = state.extended.vectors.subarray(32 * i, 32 * i + width);
    return {
      name: `${wide ? 'ymm' : 'xmm'}${i}`,
      value: wholeText(bytes),
      type: `${8 * width} bits`,
      variablesReference: add(registerContainer(bytes, add)),
      presentationHint: { attributes: ['readOnly'] },
    };
  });
}

/** ST(0) to ST(7): the number, or that the register is empty. */
export function stackRegisters({ state: { extended } }: Target): DebugProtocol.Variable[] {
  return Array.from({ length: 8 }, (_, i) => {
    const empty = !((extended.tags >> ((extended.top + i) & 7)) & 1);
    const bytes = extended.stack(i);
    return {
      name: `st(${i})`,
      value: empty ? '(empty)' : `${extendedText(bytes)} (${wholeText(bytes)})`,
      type: '80 bits',
      variablesReference: 0,
      presentationHint: { attributes: ['readOnly'] },
    };
  });
}

/** An extended real as a decimal number, as near as 53 bits of significand allow. */
function extendedText(bytes: Uint8Array): string {
  const view = viewOf(bytes);
  const significand = view.getBigUint64(0, true);
  const exponent = view.getUint16(8, true);
  const sign = exponent & 0x8000 ? '-' : '';
  const power = exponent & 0x7fff;
  if (power === 0x7fff) return BigInt.asUintN(63, significand) === 0n ? `${sign}Infinity` : 'NaN';
  if (significand === 0n) return `${sign}0`;
  // 2^63 is the weight of the highest bit of the significand, 16383 the bias of the exponent.
  const scale = power - 16383 - 63;
  const scaled = Number(significand) * 2 ** scale;
  const representable = scale >= -1074 && Number.isFinite(scaled);
  return representable ? `${sign}${scaled}` : `${sign}${significand} * 2^${scale}`;
}
