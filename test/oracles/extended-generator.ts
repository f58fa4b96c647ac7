/** Gives a case x87, SSE and AVX state, and memory contents, that suit its instruction. */
import { Gpr, type Instruction } from '../../emulator';
import type { MemoryOperand } from '../../emulator/isa/instruction';
import { type Case, PATCH_BYTES } from './case';
import { randomControl, randomMxcsr, randomStatus, randomTags } from './control-words';
import type { Group } from './groups';
import { fillStack, putDecimal, putExtended } from './extended-reals';
import { emptyExtendedState, type ExtendedState, ST_BYTES, topOf, YMM_BYTES } from './extended-state';
import { cancelProduct, fillBits, fillLanes, type Lane, putLane, relate, sourceLane } from './lanes';
import type { Random } from './random';
import { environment, fxsaveArea, xsaveArea } from './save-areas';

/** Instructions that push: they need an empty register, and leave nothing to do if there is none. */
const PUSHES = /^(FLD(?!CW|ENV)|FILD|FBLD|FPTAN|FSINCOS|FXTRACT)/;
/** Instructions whose argument is of interest near 1 rather than anywhere. */
const TRANSCENDENTAL = /^F(2XM1|YL2X|PTAN|PATAN|SIN|COS)/;
const SHIFT_BY_REGISTER = /^V?PS[LR][LA][WDQ]$/;
const VARIABLE_SHIFT = /^VPS[LR][LA]V/;
const CONTROL_LOAD = /^V?LDMXCSR$/;
const STRING_COMPARE = /^V?PCMP[EI]STR/;

/** Gives the case its state; tells what memory operand `memory` holds, if there is one. */
export function extend(random: Random, test: Case, instruction: Instruction, group: Group): Uint8Array {
  const state = newState(random, instruction, group);
  test.extended = state;
  const memory = instruction.operands.find((operand) => operand.kind === 'memory');
  // State components that the emulator does not model are left alone.
  if (group === 'state' && random.chance(90)) test.gpr[Gpr.RAX] = random.bits64() & ~0xe0n;
  const contents = memory ? contentsOf(random, memory, instruction, group) : new Uint8Array(PATCH_BYTES);
  fillBits(random, state.ymm);
  if (group === 'state') initializeParts(random, state);
  const sources = sourcesOf(state, instruction, contents);
  const lane = sourceLane(instruction.mnemonic);
  if (group !== 'x87' && group !== 'state' && !CONTROL_LOAD.test(instruction.mnemonic)) {
    for (const source of sources) fillLanes(random, lane, source);
    arrange(random, test, instruction, sources, lane);
  }
  return contents;
}

function newState(random: Random, instruction: Instruction, group: Group): ExtendedState {
  const state = emptyExtendedState();
  state.mxcsr = randomMxcsr(random);
  state.control = randomControl(random);
  state.status = randomStatus(random, state.control);
  state.tags = randomTags(random);
  state.opcode = random.below(0x800);
  state.instructionPointer = random.bits64() >> 17n;
  state.dataPointer = random.bits64() >> 17n;
  fillStack(random, state.st);
  if (group === 'mmx' && random.chance(90)) state.status = randomStatus(random, (state.control |= 0x3f)) & ~0x8080;
  if (group === 'x87') arrangeStack(random, state, instruction);
  return state;
}

/** State components in their initial configuration, which XSAVE need not save (SDM vol. 1, section 13.6). */
function initializeParts(random: Random, state: ExtendedState): void {
  const initial = emptyExtendedState();
  if (random.chance(15)) for (let i = 0; i < 16; i++) ymm(state, i).fill(0, 16);
  if (random.chance(10)) for (let i = 0; i < 16; i++) ymm(state, i).fill(0, 0, 16);
  if (random.chance(10)) Object.assign(state, initial, { ymm: state.ymm, mxcsr: state.mxcsr });
}

/** Mostly the registers that an x87 instruction works on are not empty, and one that it pushes to is. */
function arrangeStack(random: Random, state: ExtendedState, { mnemonic, operands }: Instruction): void {
  const { st, status } = state;
  const physical = (register: number): number => 1 << ((register + topOf(status)) & 7);
  if (random.chance(88)) {
    const push = PUSHES.test(mnemonic);
    if (push) state.tags &= ~physical(7);
    if (!push || operands.length === 0) state.tags |= physical(0);
    if (operands.length === 0) state.tags |= push ? 0 : physical(1);
    for (const operand of operands) if (operand.kind === 'st') state.tags |= physical(operand.register);
  }
  const view = new DataView(st.buffer);
  if (TRANSCENDENTAL.test(mnemonic) && random.chance(60)) {
    for (const at of [0, ST_BYTES])
      view.setUint16(at + 8, (random.next() & 0x8000) | (16383 + random.below(12) - 9), true);
    for (const at of [0, ST_BYTES]) view.setUint8(at + 7, 0x80 | random.below(0x80));
    if (mnemonic.startsWith('FYL2X') && random.chance(80)) st[9] &= 0x7f;
  }
  if (mnemonic === 'FSCALE' && random.chance(60)) {
    view.setUint16(ST_BYTES + 8, (random.next() & 0x8000) | (16383 + random.below(15)), true);
  }
}

function contentsOf(random: Random, memory: MemoryOperand, instruction: Instruction, group: Group): Uint8Array {
  const { mnemonic } = instruction;
  if (group === 'state') return mnemonic.startsWith('FX') ? fxsaveArea(random) : xsaveArea(random);
  if (mnemonic === 'FLDENV' || mnemonic === 'FRSTOR') return environment(random, memory.size);
  const contents = new Uint8Array(PATCH_BYTES);
  const view = new DataView(contents.buffer);
  if (mnemonic === 'FLDCW') {
    view.setUint16(0, random.chance(80) ? randomControl(random) : random.next() & 0xffff, true);
  } else if (CONTROL_LOAD.test(mnemonic)) {
    view.setUint32(0, random.chance(85) ? randomMxcsr(random) : random.next() & 0x1ffff, true);
  } else if (group === 'x87') {
    fillOperand(random, mnemonic, memory.size, view);
  }
  return contents;
}

/** The number in memory that an x87 instruction takes. */
function fillOperand(random: Random, mnemonic: string, size: number, view: DataView): void {
  if (mnemonic === 'FBLD') putDecimal(random, view, 0);
  else if (size === 10) putExtended(random, view, 0);
  else putLane(random, mnemonic.startsWith('FI') ? INTEGER_OF[size] : size === 4 ? 'f32' : 'f64', view, 0);
}

const INTEGER_OF: Readonly<Record<number, Lane>> = { 2: 'i16', 4: 'i32', 8: 'i64' };

/** The bytes of the vector and MMX operands, in the order of the operands; memory among them. */
function sourcesOf(state: ExtendedState, { operands }: Instruction, contents: Uint8Array): Uint8Array[] {
  const sources: Uint8Array[] = [];
  for (const operand of operands) {
    if (operand.kind === 'xmm') sources.push(ymm(state, operand.register).subarray(0, operand.size));
    else if (operand.kind === 'mmx') sources.push(mm(state, operand.register));
    else if (operand.kind === 'memory') sources.push(contents);
  }
  return sources;
}

const ymm = ({ ymm: all }: ExtendedState, register: number): Uint8Array =>
  all.subarray(register * YMM_BYTES, (register + 1) * YMM_BYTES);

/** MMn is the significand of the physical register n. */
function mm({ st, status }: ExtendedState, register: number): Uint8Array {
  const at = ST_BYTES * ((register - topOf(status)) & 7);
  return st.subarray(at, at + 8);
}

/** Operands that have to do with each other. */
function arrange(
  random: Random,
  test: Case,
  { mnemonic, operands }: Instruction,
  sources: readonly Uint8Array[],
  lane: Lane | undefined,
): void {
  const last = sources.at(-1);
  if (!last) return;
  const order = /^VFN?M(?:ADDSUB|SUBADD|ADD|SUB)(\d)(\d)(\d)/.exec(mnemonic);
  if (order && (lane === 'f32' || lane === 'f64')) {
    const [a, b, c] = order.slice(1).map((digit) => sources[Number(digit) - 1]);
    if (random.chance(30)) cancelProduct(random, lane, a, b, c);
  } else if (SHIFT_BY_REGISTER.test(mnemonic) && operands.every(({ kind }) => kind !== 'immediate')) {
    if (random.chance(70)) last.fill(0, 1, 8);
    if (random.chance(70)) last[0] &= 0x3f;
  } else if (VARIABLE_SHIFT.test(mnemonic)) {
    const step = mnemonic.endsWith('Q') ? 8 : 4;
    for (let at = 0; at < last.length; at += step) if (random.chance(70)) last.fill(0, at + 1, at + step);
    for (let at = 0; at < last.length; at += step) last[at] &= 0x7f;
  } else if (STRING_COMPARE.test(mnemonic)) {
    arrangeStrings(random, test, sources);
  } else if (sources.length > 1 && random.chance(25)) {
    relate(random, lane ?? 'i64', sources[0], last);
    if (sources.length > 2 && random.chance(50)) relate(random, lane ?? 'i64', sources[1], last);
  }
}

/** Strings of few letters, of which one is a piece of the other; lengths in EAX and EDX. */
function arrangeStrings(random: Random, { gpr }: Case, sources: readonly Uint8Array[]): void {
  const step = 1 + random.below(2);
  for (const source of sources) {
    source.fill(0);
    for (let at = 0; at < source.length; at += step) source[at] = random.chance(15) ? 0 : 0x61 + random.below(4);
    if (random.chance(10)) fillBits(random, source);
  }
  if (random.chance(40)) {
    const from = step * random.below(8);
    sources[0].set(sources[1].subarray(from, 16), 0);
    if (random.chance(70)) sources[0].fill(0, step * random.below(8), 16);
  }
  for (const register of [Gpr.RAX, Gpr.RDX]) {
    if (random.chance(80)) gpr[register] = BigInt.asUintN(random.chance(50) ? 64 : 32, BigInt(random.below(40) - 20));
  }
}

/** Indices of a gather that lead to elements around its base, and at times far away. */
export function gatherIndices(random: Random, state: ExtendedState, index: number, bytes: number, scale: number): void {
  const register = ymm(state, index);
  const view = new DataView(register.buffer, register.byteOffset, register.length);
  for (let at = 0; at < YMM_BYTES; at += bytes) {
    const value = (random.below(0x800) - 0x400) >> scale;
    view.setInt32(at, random.chance(1) ? random.next() : value, true);
    if (bytes === 8) view.setInt32(at + 4, random.chance(1) ? random.next() : value >> 31, true);
  }
}
