/** Gives registers and memory contents that suit the instruction of a case, so that it mostly reaches memory it may access. */
import { Flag, Gpr, type Instruction, Seg } from '../../emulator';
import type { GatherOperand, MemoryOperand } from '../../emulator/isa/instruction';
import { codeTarget } from './branch-targets';
import { type Case, CODE, LOW_WINDOW, PATCH_BYTES, READ_ONLY_FROM, WINDOW, WINDOW_BYTES } from './case';
import { BRANCHES, displace, type Draft, STRINGS } from './drafts';
import { extend, gatherIndices } from './extended-generator';
import type { Group } from './groups';
import type { Random } from './random';

const POPS = new Set(['POP', 'RET', 'POPF', 'POPA', 'LEAVE', 'ENTER', 'PUSH', 'CALL', 'PUSHA', 'PUSHF', 'PUSH_SREG']);
const BIT_TESTS = new Set(['BT', 'BTS', 'BTR', 'BTC']);
const MASKED = /MASKMOV/;

/** Sets the registers and the memory that `draft` works on; may change its displacement. */
export function placeOperands(random: Random, test: Case, draft: Draft): void {
  const { gpr } = test;
  const { instruction } = draft;
  const { mnemonic, operandSize, addressSize } = instruction;
  const window = addressSize === 2 ? LOW_WINDOW : WINDOW;
  if (random.chance(70) || POPS.has(mnemonic)) gpr[Gpr.RSP] = BigInt(target(random, WINDOW));
  if (mnemonic === 'LEAVE' || mnemonic === 'ENTER') gpr[Gpr.RBP] = BigInt(target(random, WINDOW));
  if (mnemonic === 'DIV' || mnemonic === 'IDIV') placeDividend(random, test, operandSize);
  if (mnemonic === 'JCXZ' || mnemonic.startsWith('LOOP')) gpr[Gpr.RCX] = upper(random, addressSize, random.below(4));
  if (STRINGS.has(mnemonic)) {
    placeStrings(random, test, instruction, window);
    return;
  }
  const extended = draft.group !== 'integer';
  // Whether 16 bytes and more are checked for alignment depends on the processor (SDM vol. 3, 6.15, #AC).
  if (extended) test.rflags &= ~Flag.AC;
  const contents = extended
    ? extend(random, test, instruction, draft.group)
    : memoryContents(random, test, instruction);
  const memory = instruction.operands.find((operand) => operand.kind === 'memory');
  if (memory?.kind === 'memory') {
    const at = operandTarget(random, window, draft.group, instruction, memory.size);
    const reached = reach(random, test, draft, memory, at);
    patch(test, at - window, contents);
    test.operandOffset = windowOffset(reached);
  }
  const gather = instruction.operands.find((operand) => operand.kind === 'gather');
  if (gather?.kind === 'gather') reachElements(random, test, gather, instruction);
  patch(test, Number(BigInt.asIntN(48, gpr[Gpr.RSP])) - WINDOW, stackContents(random, test, instruction));
}

/** Bytes at which an operand of this size should begin: legacy SSE and FXSAVE want 16, XSAVE 64. */
function alignmentOf(group: Group, size: number): number {
  if (group === 'state') return 64;
  return size >= 16 ? Math.min(size, 32) : 1;
}

/** Where in the window an address lies, if it does. */
function windowOffset(va: bigint): number | undefined {
  const offsets = [WINDOW, LOW_WINDOW].map((window) => Number(BigInt.asUintN(32, va)) - window);
  return offsets.find((offset) => offset >= 0 && offset < WINDOW_BYTES);
}

/**
 * An address for an operand: mostly in the window, at times across its page boundary, or where it faults; mostly aligned,
 * if it should be.
 */
function target(random: Random, window: number, alignment = 1): number {
  const at = anyTarget(random, window);
  return alignment > 1 && random.chance(88) ? at - (at % alignment) : at;
}

function operandTarget(random: Random, window: number, group: Group, { mnemonic }: Instruction, size: number): number {
  if (group === 'integer') return target(random, window);
  // Elements that a mask leaves out may lie where nothing is, or nothing may be written.
  if (MASKED.test(mnemonic) && random.chance(30)) {
    return window + random.pick([READ_ONLY_FROM, WINDOW_BYTES, WINDOW_BYTES]) - random.below(32);
  }
  return target(random, window, alignmentOf(group, size));
}

function anyTarget(random: Random, window: number): number {
  const crossing = (page: number): number => window + page - random.below(16);
  switch (random.below(20)) {
    case 0:
    case 1:
      return crossing(0x1000);
    case 2:
      return crossing(READ_ONLY_FROM);
    case 3:
      return random.chance(50) ? crossing(WINDOW_BYTES) : crossing(0);
    case 4:
      return window + random.below(WINDOW_BYTES + 0x800);
    default:
      return (
        window + 0x100 + 8 * random.below((READ_ONLY_FROM - 0x200) / 8) + (random.chance(30) ? random.below(8) : 0)
      );
  }
}

/** `value` with random bits above the address size, which must not count. */
function upper(random: Random, addressSize: number, value: number): bigint {
  const bits = 8 * addressSize;
  const low = BigInt.asUintN(bits, BigInt(value));
  return bits === 64 || random.chance(50)
    ? low
    : low | BigInt.asUintN(64, (random.bits64() >> BigInt(bits)) << BigInt(bits));
}

/** A dividend whose high half seldom makes the quotient too large. */
function placeDividend(random: Random, { gpr }: Case, size: number): void {
  const high = random.pick([0n, 0n, BigInt.asUintN(64, -1n), BigInt(random.below(100)), random.operand()]);
  if (size === 1) gpr[Gpr.RAX] = (gpr[Gpr.RAX] & ~0xff00n) | ((high & 0xffn) << 8n);
  else gpr[Gpr.RDX] = high;
}

function placeStrings(random: Random, test: Case, { addressSize, repeat }: Instruction, window: number): void {
  const { gpr } = test;
  const places = [target(random, window), target(random, window)];
  if (random.chance(20)) places[1] = places[0] + random.below(40) - 20;
  // The EPYC at hand does not copy element by element when REP MOVS with 16-bit addresses overlaps closely.
  if (addressSize === 2 && Math.abs(places[1] - places[0]) < 128) places[1] = places[0];
  gpr[Gpr.RSI] = upper(random, addressSize, places[0]);
  gpr[Gpr.RDI] = upper(random, addressSize, places[1]);
  if (repeat !== 'none') gpr[Gpr.RCX] = upper(random, addressSize, random.below(random.chance(20) ? 3000 : 40));
  // Contents that repeat, so that comparisons go on for a while.
  const pattern = random.chance(50) ? new Uint8Array(PATCH_BYTES).fill(random.next()) : random.bytes(PATCH_BYTES);
  if (random.chance(50)) pattern[random.below(PATCH_BYTES)] ^= 1;
  for (const place of places) patch(test, place - window, pattern);
  if (random.chance(50)) gpr[Gpr.RAX] = new DataView(pattern.buffer).getBigUint64(8, true);
}

function patch(test: Case, offset: number, bytes: Uint8Array): void {
  if (test.patches.length < 2 && offset >= 0 && offset < WINDOW_BYTES) test.patches.push({ offset, bytes });
}

/** What the memory operand holds: edges of its size, or what makes a comparison succeed. */
function memoryContents(random: Random, { gpr, codeOffset }: Case, { mnemonic, operandSize }: Instruction): Uint8Array {
  const bytes = new Uint8Array(PATCH_BYTES);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < PATCH_BYTES; at += 8) view.setBigUint64(at, random.operand(), true);
  if (mnemonic === 'CMPXCHG' && random.chance(50)) view.setBigUint64(0, gpr[Gpr.RAX], true);
  if (mnemonic.startsWith('CMPXCHG') && random.chance(50)) {
    const half = operandSize === 8 || mnemonic === 'CMPXCHG16B' ? 8 : 4;
    view.setBigUint64(0, gpr[Gpr.RAX], true);
    view.setBigUint64(half, gpr[Gpr.RDX], true);
  }
  if (BRANCHES.has(mnemonic)) view.setBigUint64(0, codeTarget(random, codeOffset), true);
  return bytes;
}

function stackContents(random: Random, { codeOffset }: Case, { mnemonic }: Instruction): Uint8Array {
  const bytes = random.bytes(PATCH_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, mnemonic === 'RET' ? codeTarget(random, codeOffset) : random.operand(), true);
  // A trap after the next instruction would come before its exception on some processors and after it on others.
  if (mnemonic === 'POPF') bytes[1] &= ~(Flag.TF >> 8);
  return bytes;
}

/**
 * Makes the memory operand refer to `at` by a change of its base register, or of the displacement; at times to anywhere
 * else. Tells where.
 */
function reach(random: Random, test: Case, draft: Draft, memory: MemoryOperand, at: number): bigint {
  const { gpr } = test;
  const { instruction } = draft;
  const { base, index, scale, displacement } = memory;
  const bits = 8 * instruction.addressSize;
  let segmentBase = 0n;
  if (!test.compatibility && memory.segment === Seg.FS) segmentBase = test.fsBase;
  if (!test.compatibility && memory.segment === Seg.GS) segmentBase = test.gsBase;
  let offset = BigInt(at) - segmentBase;
  const operand = instruction.operands.at(1);
  if (BIT_TESTS.has(instruction.mnemonic) && operand?.kind === 'register') {
    // Where such an operand lies cannot be arranged; the EPYC at hand wants even its offset in FS or GS canonical.
    if (operand.register === base) {
      gpr[base] = upper(random, instruction.addressSize, WINDOW);
      return BigInt(WINDOW);
    }
    // Bit offsets of some thousands, or any, reckoned back to where the operand begins.
    if (random.chance(70)) gpr[operand.register] = upper(random, operand.size, random.below(20000) - 10000);
    const bit = BigInt.asIntN(8 * operand.size, gpr[operand.register]);
    offset -= (bit >> BigInt(Math.log2(8 * operand.size))) * BigInt(operand.size);
  }
  if (instruction.mnemonic === 'XLAT') offset -= gpr[Gpr.RAX] & 0xffn;
  const elsewhere = random.chance(2);
  if (elsewhere) offset = random.operand();
  const reached = elsewhere ? offset + segmentBase : BigInt(at);
  const set = (register: number, value: bigint): void => {
    const low = BigInt.asUintN(bits, value);
    const keep = bits < 64 && random.chance(50);
    gpr[register] = keep ? ((gpr[register] >> BigInt(bits)) << BigInt(bits)) | low : low;
  };
  if (memory.ripRelative) {
    const next = BigInt(CODE + test.codeOffset + instruction.length);
    displace(draft, offset - next, test.compatibility);
  } else if (base < 0) {
    if (index >= 0) set(index, BigInt(random.below(2000)));
    const scaled = index >= 0 ? gpr[index] << BigInt(scale) : 0n;
    displace(draft, BigInt.asUintN(bits, offset - scaled), test.compatibility);
  } else if (base === index) {
    // Only what a multiple of the register reaches.
    const multiple = 1n + (1n << BigInt(scale));
    const value = BigInt.asUintN(bits, offset - displacement) / multiple;
    set(base, value);
    return reached - (BigInt.asUintN(bits, offset - displacement) - value * multiple);
  } else {
    const scaled = index >= 0 ? gpr[index] << BigInt(scale) : 0n;
    set(base, offset - displacement - scaled);
  }
  return reached;
}

/** Makes a gather take its elements from around the middle of the window. */
function reachElements(
  random: Random,
  test: Case,
  gather: GatherOperand,
  { mnemonic, addressSize }: Instruction,
): void {
  const { base, index, scale, displacement, segment } = gather;
  const at = random.chance(90) ? WINDOW + 0xa00 + random.below(0xc00) : target(random, WINDOW);
  let value = BigInt(at) - displacement;
  if (!test.compatibility && segment === Seg.FS) value -= test.fsBase;
  if (!test.compatibility && segment === Seg.GS) value -= test.gsBase;
  if (base >= 0) test.gpr[base] = BigInt.asUintN(8 * addressSize, value);
  if (test.extended) gatherIndices(random, test.extended, index, /GATHERQ/.test(mnemonic) ? 8 : 4, scale);
}
