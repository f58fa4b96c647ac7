/** Compares emulator/softfloat with the processor at hand: results, exception flags, condition codes. */
import * as soft from '../../emulator/softfloat';
import type { FloatCheck, Place, Result } from './float-checks';
import { FORMAT_BITS, randomOperand } from './float-operands';
import * as record from './float-silicon';
import { Random } from './random';

export interface FloatMismatch {
  readonly check: string;
  readonly seed: number;
  readonly operands: readonly bigint[];
  readonly control: number;
  readonly differences: readonly string[];
}

export interface FloatTally {
  readonly mismatches: FloatMismatch[];
  /** Cases of each check with a tolerance that differed by one unit in the last place. */
  readonly lastPlace: Map<string, number>;
  cases: number;
}

interface FloatCase {
  readonly check: FloatCheck;
  readonly seed: number;
  readonly operands: readonly bigint[];
  /** MXCSR or FCW. */
  readonly control: number;
}

const PLACE_AT: Readonly<Record<Place, number>> = {
  st0: record.ST_AT,
  st1: record.ST_AT + 16,
  xmm0: record.XMM_AT,
  xmm1: record.XMM_AT + 16,
  xmm2: record.XMM_AT + 32,
  memory: record.MEMORY_AT,
  rax: record.RAX_AT,
};

const DEFAULT_MXCSR = 0x1f80;
const DEFAULT_FCW = 0x37f;
const C1 = 0x200;
const PENDING = 0x8080;
/** TOP of an x87 stack with two registers in use. */
const START_TOP = 6;
const BATCH = 20_000;

/** `count` cases of each check from `seed` on. */
export function compareFloats(
  silicon: record.FloatSilicon,
  checks: readonly FloatCheck[],
  { count, seed }: { count: number; seed: number },
): FloatTally {
  const tally: FloatTally = { mismatches: [], lastPlace: new Map(), cases: 0 };
  for (const check of checks) {
    for (let done = 0; done < count; done += BATCH) {
      const cases = Array.from({ length: Math.min(BATCH, count - done) }, (_, i) => makeCase(check, seed + done + i));
      const input = Buffer.alloc(cases.length * record.RECORD_BYTES);
      cases.forEach((test, i) => encode(test, input.subarray(i * record.RECORD_BYTES, (i + 1) * record.RECORD_BYTES)));
      const output = silicon.run(input);
      if (output.length !== input.length) throw new Error(`The harness broke down at a case of ${check.name}.`);
      cases.forEach((test, i) => {
        const at = i * record.RECORD_BYTES;
        judge(test, input.subarray(at), output.subarray(at, at + record.RECORD_BYTES), tally);
      });
      tally.cases += cases.length;
    }
  }
  return tally;
}

function makeCase(check: FloatCheck, seed: number): FloatCase {
  const random = new Random(Math.imul(seed, 0x9e3779b1) >>> 0);
  const operands: bigint[] = [];
  for (const { format } of check.operands) {
    const former = check.operands.findIndex((other) => other.format === format);
    operands.push(randomOperand(random, format, operands.at(former)));
  }
  const rounding = random.below(4);
  const masks = random.chance(75) ? 0x3f : random.next() & 0x3f;
  if (check.unit === 'x87') {
    const precision = random.pick([3, 3, 3, 0, 2, 1]);
    return { check, seed, operands, control: 0x40 | masks | (precision << 8) | (rounding << 10) };
  }
  const zeroing = (random.chance(20) ? 0x40 : 0) | (random.chance(20) ? 0x8000 : 0);
  return { check, seed, operands, control: (masks << 7) | (rounding << 13) | zeroing };
}

function encode({ check, operands, control }: FloatCase, to: Buffer): void {
  to.set(check.code, record.CODE_AT);
  to.writeUInt8(check.code.length, record.CODE_LENGTH_AT);
  to.writeUInt16LE(check.unit === 'x87' ? control : DEFAULT_FCW, record.CONTROL_AT);
  to.writeUInt32LE(check.unit === 'sse' ? control : DEFAULT_MXCSR, record.MXCSR_AT);
  to.writeUInt16LE(START_TOP << 11, record.STATUS_AT);
  to.writeUInt16LE(check.unit === 'x87' ? 0xc0 : 0, record.TAGS_AT);
  check.operands.forEach(({ format, at }, i) => {
    writeBits(to, PLACE_AT[at], FORMAT_BITS[format], operands[i]);
  });
}

function writeBits(to: Buffer, at: number, bits: number, value: bigint): void {
  for (let byte = 0; 8 * byte < bits; byte++) to[at + byte] = Number((value >> BigInt(8 * byte)) & 0xffn);
}

function readBits(from: Buffer, at: number, bits: number): bigint {
  let value = 0n;
  for (let byte = bits / 8 - 1; byte >= 0; byte--) value = (value << 8n) | BigInt(from[at + byte]);
  return value;
}

function environment({ check, control }: FloatCase): soft.FloatEnvironment {
  const env = new soft.FloatEnvironment(check.unit);
  return check.unit === 'x87' ? env.loadControlWord(control) : env.loadMxcsr(control);
}

function judge(test: FloatCase, input: Buffer, output: Buffer, tally: FloatTally): void {
  const { check } = test;
  const env = environment(test);
  const result = check.model(env, test.operands);
  const differences = check.unit === 'sse' ? judgeSse(env, output) : judgeX87(test, env, result, output);
  const stopped = (env.unmasked & check.stops) !== 0;
  for (const { at, bits, value } of result.values) {
    const expected = stopped ? readBits(input, PLACE_AT[at], bits) : value;
    const actual = readBits(output, PLACE_AT[at], bits);
    if (actual === expected) continue;
    const distance = unitsApart(expected, actual);
    if (!stopped && distance <= BigInt(check.tolerance)) {
      tally.lastPlace.set(check.name, (tally.lastPlace.get(check.name) ?? 0) + 1);
    } else {
      differences.push(`${at} ${hex(expected, bits)} but here ${hex(actual, bits)}`);
    }
  }
  if (result.eflags !== undefined && !stopped) {
    const eflags = output.readUInt32LE(record.FLAGS_AT) & 0x8d5;
    if (eflags !== result.eflags)
      differences.push(`EFLAGS ${result.eflags.toString(16)} but here ${eflags.toString(16)}`);
  }
  if (differences.length > 0) {
    const { operands, control, seed } = test;
    tally.mismatches.push({ check: check.name, seed, operands, control, differences });
  }
}

/** How many extended80 numbers of one sign lie between two; their integer bits follow from the exponents. */
function unitsApart(a: bigint, b: bigint): bigint {
  const ordinal = (value: bigint): bigint => ((value >> 64n) << 63n) | BigInt.asUintN(63, value);
  const distance = ordinal(a) - ordinal(b);
  return distance < 0n ? -distance : distance;
}

function judgeSse(env: soft.FloatEnvironment, output: Buffer): string[] {
  const differences: string[] = [];
  const flags = output.readUInt32LE(record.MXCSR_AT) & 0x3f;
  if (flags !== env.reported) differences.push(`flags ${hex(env.reported, 8)} but here ${hex(flags, 8)}`);
  const vector = env.unmasked ? 19 : 0;
  if (output[record.VECTOR_AT] !== vector) differences.push(`vector ${vector} but here ${output[record.VECTOR_AT]}`);
  return differences;
}

function judgeX87({ check }: FloatCase, env: soft.FloatEnvironment, result: Result, output: Buffer): string[] {
  const differences: string[] = [];
  const status = output.readUInt16LE(record.STATUS_AT);
  const flags = status & 0x3f;
  if (flags !== env.reported) differences.push(`flags ${hex(env.reported, 8)} but here ${hex(flags, 8)}`);
  const pending = env.unmasked ? PENDING : 0;
  if ((status & PENDING) !== pending) differences.push(`summary bits ${hex(BigInt(status), 16)}`);
  const inexact = (env.reported & soft.FloatException.PRECISION) !== 0;
  const up = inexact && env.roundedUp;
  if (check.c1 && ((status & C1) !== 0) !== up) differences.push(`C1 ${up} but here ${!up}`);
  const { conditions } = result;
  if (conditions && !env.unmasked && (status & conditions.mask) !== conditions.value) {
    differences.push(`conditions ${hex(conditions.value, 16)} but here ${hex(status & conditions.mask, 16)}`);
  }
  return differences;
}

function hex(value: number | bigint, bits: number): string {
  return value.toString(16).padStart(bits / 4, '0');
}

/** One mismatch in a line or two. */
export function describeMismatch({ check, seed, operands, control, differences }: FloatMismatch): string {
  const shown = operands.map((operand) => operand.toString(16)).join(', ');
  return `${check} (--only "${check}" --count 1 --seed ${seed}) of ${shown}, control ${hex(control, 16)}: ${differences.join('; ')}`;
}
