/** One encoding of the opcode maps as the bytes of an instruction: prefixes, ModRM, displacement and immediate at random. */
import { decode, type Instruction } from '../../emulator';
import { type Encoding, type Extensions, shortVexBytes, vexBytes } from './encodings';
import type { Group } from './groups';
import type { Random } from './random';

/** An instruction as bytes: what may still change are displacement and immediate. */
export interface Draft {
  bytes: Uint8Array;
  instruction: Instruction;
  /** Where the displacement of the memory operand is, and its length. */
  readonly displacementAt: number;
  readonly displacementBytes: number;
  readonly group: Group;
}

export const STRINGS = new Set(['MOVS', 'CMPS', 'SCAS', 'LODS', 'STOS', 'INS', 'OUTS']);
export const BRANCHES = new Set(['JMP', 'CALL', 'RET', 'Jcc', 'JCXZ', 'LOOP', 'LOOPE', 'LOOPNE']);

/** Bytes that decode to an instruction; undefined if they do not, or to one that differs from vendor to vendor. */
export function draftOf(random: Random, encoding: Encoding): Draft | undefined {
  const { compatibility, group } = encoding;
  const bit = (percent: number): number => (!compatibility && random.chance(percent) ? 1 : 0);
  const vvvv = encoding.vvvv ? random.below(compatibility ? 8 : 16) : 0;
  const w = encoding.wide ? 1 : bit(15);
  const extensions: Extensions = { r: bit(40), x: bit(40), b: bit(40), w, vvvv };
  const bytes = prefixes(random, encoding);
  if (encoding.vexMap !== 0) {
    const short = encoding.vexMap === 1 && encoding.vexW === 0 && extensions.x === 0 && extensions.b === 0;
    bytes.push(...(short ? shortVexBytes(encoding, extensions) : vexBytes(encoding, extensions)));
  } else {
    const { r, x, b } = extensions;
    if (w + r + x + b > 0 || bit(15)) bytes.push(0x40 | (w << 3) | (r << 2) | (x << 1) | b);
    bytes.push(...encoding.escape);
  }
  bytes.push(encoding.opcode);
  let [displacementAt, displacementBytes] = [bytes.length, 0];
  if (encoding.modrm) {
    const address16 = compatibility && bytes.includes(0x67);
    [displacementAt, displacementBytes] = modrm(random, bytes, encoding, address16);
  }
  const immediate = random.bytes(8);
  if (random.chance(40)) immediate.fill(random.chance(50) ? 0 : 0xff, 1);
  const whole = Uint8Array.from([...bytes, ...immediate]);
  const instruction = decode(whole, 0, whole.length, compatibility ? 32 : 64);
  if (typeof instruction === 'string' || differsByVendor(instruction, encoding, bytes)) return undefined;
  return { bytes: whole.slice(0, instruction.length), instruction, displacementAt, displacementBytes, group };
}

/** Encodings of which Intel's manual and AMD's processors make different things. */
function differsByVendor(
  { mnemonic, operandSize }: Instruction,
  { compatibility, opcode, memory, vexW }: Encoding,
  bytes: readonly number[],
): boolean {
  // Reserved uses of F2 and F3 (SDM vol. 2, 2.1.1): AMD's LOOPE and LOOPNE take the sense of ZF from them.
  if (mnemonic.startsWith('LOOP') && (bytes.includes(0xf2) || bytes.includes(0xf3))) return true;
  // 0F 0D with a register is NOP for Intel, #UD for AMD.
  if (mnemonic === 'NOP' && opcode === 0x0d && !memory) return true;
  // MOVSXD with a 16-bit destination reads 16 bits on Intel, 32 on AMD.
  if (mnemonic === 'MOVSXD' && operandSize === 2) return true;
  // Outside 64-bit mode VEX.W of these is ignored by Intel's processors, #UD on AMD's.
  if (compatibility && vexW === 1 && /^VP(INSR|EXTR)D$/.test(mnemonic)) return true;
  // Near branches with 66 in 64-bit mode: Intel ignores the prefix, AMD cuts RIP to 16 bits (SDM vol. 2, JMP).
  return !compatibility && BRANCHES.has(mnemonic) && bytes.includes(0x66);
}

function prefixes(random: Random, { mandatory, vexMap, mnemonic, group }: Encoding): number[] {
  const bytes: number[] = [];
  if (vexMap === 0 && group !== 'integer') {
    if (mandatory) bytes.push(mandatory);
    // F3 and F2 take precedence over 66.
    if (mandatory >= 0xf2 && random.chance(5)) bytes.push(0x66);
  } else if (vexMap === 0) {
    if (random.chance(20)) bytes.push(0x66);
    if (mandatory) bytes.push(mandatory);
    else if (STRINGS.has(mnemonic) && random.chance(50)) bytes.push(random.pick([0xf2, 0xf3]));
    if (random.chance(15)) bytes.push(0xf0);
  }
  if (random.chance(12)) bytes.push(0x67);
  if (random.chance(12)) bytes.push(random.pick([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x64, 0x65, 0x65]));
  // Any order will do.
  for (let i = bytes.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [bytes[i], bytes[j]] = [bytes[j], bytes[i]];
  }
  return bytes;
}

/** Appends ModRM, SIB and displacement; tells where the displacement is. */
function modrm(random: Random, bytes: number[], encoding: Encoding, address16: boolean): [at: number, length: number] {
  const { reg, memory } = encoding;
  const rm = encoding.rm >= 0 ? encoding.rm : random.below(8);
  if (!memory) {
    bytes.push(0xc0 | (reg << 3) | rm);
    return [bytes.length, 0];
  }
  const mod = random.below(3);
  bytes.push((mod << 6) | (reg << 3) | rm);
  let length = mod === 1 ? 1 : mod === 2 ? 4 : 0;
  if (address16) {
    length = mod === 0 && rm === 6 ? 2 : Math.min(length, 2);
  } else if (rm === 4) {
    const sib = random.below(256);
    bytes.push(sib);
    if (mod === 0 && (sib & 7) === 5) length = 4;
  } else if (mod === 0 && rm === 5) {
    length = 4;
  }
  const at = bytes.length;
  bytes.push(...random.bytes(length));
  return [at, length];
}

/** Sets the displacement of the memory operand. */
export function displace(draft: Draft, value: bigint, compatibility: boolean): void {
  // A memory offset (moffs) has no ModRM byte: it takes the rest of the instruction.
  const length = draft.displacementBytes || draft.bytes.length - draft.displacementAt;
  for (let i = 0; i < length; i++) draft.bytes[draft.displacementAt + i] = Number((value >> BigInt(8 * i)) & 0xffn);
  decodeAgain(draft, compatibility);
}

/** Sets how far a relative branch goes, as far as its displacement can tell. */
export function setDistance(draft: Draft, distance: number, compatibility: boolean): void {
  const bytes = draft.bytes.length - draft.displacementAt;
  for (let i = 0; i < bytes; i++) draft.bytes[draft.displacementAt + i] = distance >> (8 * i);
  decodeAgain(draft, compatibility);
}

function decodeAgain(draft: Draft, compatibility: boolean): void {
  const instruction = decode(draft.bytes, 0, draft.bytes.length, compatibility ? 32 : 64);
  if (typeof instruction !== 'string') draft.instruction = instruction;
}
