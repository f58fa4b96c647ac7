/** Where results may differ from processor to processor though both are right, by name and with the reference. */
import type { Instruction } from '../../emulator';
import type { Case, Outcome } from './case';
import type { ExtendedState } from './extended-state';

/**
 * RCPPS and RSQRTPS: "relative error ... |Relative Error| <= 1.5 * 2^-12" (SDM vol. 2); which value within it is the
 * processor's choice.
 */
const RECIPROCALS = /^V?(RCP|RSQRT)[PS]S$/;
/** Two values that both keep the bound differ by twice as much at most. */
const RECIPROCAL_DIFFERENCE = 3 * 2 ** -12;

/** Transcendental x87 instructions are within 1 ulp of the true result (SDM vol. 1, section 8.3.10). */
const TRANSCENDENTAL = /^F(2XM1|YL2X|YL2XP1|PTAN|PATAN|SIN|COS|SINCOS)$/;
const TRANSCENDENTAL_ULPS = 2n;

/** Results that differ by vendor in their last bits: such an instruction stands alone in a case. */
export function isApproximate(mnemonic: string): boolean {
  return RECIPROCALS.test(mnemonic) || TRANSCENDENTAL.test(mnemonic);
}

export const isTranscendental = (mnemonic: string): boolean => TRANSCENDENTAL.test(mnemonic);
export const isReciprocal = (mnemonic: string): boolean => RECIPROCALS.test(mnemonic);

/** Whether all singles of two registers could be the reciprocal of the same number. */
export function reciprocalsAgree(a: Uint8Array, b: Uint8Array): boolean {
  const [x, y] = [a, b].map((bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  for (let at = 0; at < a.length; at += 4) {
    if (x.getUint32(at, true) === y.getUint32(at, true)) continue;
    const [p, q] = [x.getFloat32(at, true), y.getFloat32(at, true)];
    if (!Number.isFinite(p) || !Number.isFinite(q) || p === 0 || q === 0) return false;
    if (Math.abs(p - q) > RECIPROCAL_DIFFERENCE * Math.abs(p)) return false;
  }
  return true;
}

/** Whether two extended reals are the same or next to each other. */
export function nearlyEqual(a: Uint8Array, b: Uint8Array): boolean {
  const order = (bytes: Uint8Array): bigint => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, 10);
    const signAndExponent = view.getUint16(8, true);
    const magnitude = (BigInt(signAndExponent & 0x7fff) << 63n) + (view.getBigUint64(0, true) & (2n ** 63n - 1n));
    return signAndExponent & 0x8000 ? -magnitude : magnitude;
  };
  const difference = order(a) - order(b);
  return difference <= TRANSCENDENTAL_ULPS && difference >= -TRANSCENDENTAL_ULPS;
}

const [C0, C1, C2, C3] = [0x100, 0x200, 0x400, 0x4000] as const;
/** Instructions that define C0, C2 and C3, or leave them alone. */
const DEFINES_CONDITIONS =
  /^F(U?COM|ICOM|TST|XAM|PREM|NINIT|LDENV|RSTOR|NSAVE|XRSTOR|NOP|WAIT|NCLEX|NSTCW|NSTSW|NSTENV|LDCW)/;

/** Bits of the x87 status word that the instructions leave undefined ("FPU Flags Affected", SDM vol. 2). */
export function undefinedStatus(instructions: readonly Instruction[]): number {
  let bits = 0;
  for (const { mnemonic } of instructions) {
    if (!mnemonic.startsWith('F') || DEFINES_CONDITIONS.test(mnemonic)) continue;
    // FCOMI: "C0, C2, C3 not affected"; trigonometric instructions define C2: the argument is out of range.
    bits |= /^F(SIN|COS|PTAN)/.test(mnemonic) ? C0 | C3 : C0 | C2 | C3;
    // C1 tells whether the result was rounded up.
    if (TRANSCENDENTAL.test(mnemonic)) bits |= C1;
  }
  return bits;
}

/** ES of the x87 status word. */
const ERROR_SUMMARY = 0x80;
const SAVES = /^F?XSAVE/;
/** These store the error pointers behind FCW, FSW and FTW. */
const ENVIRONMENT = /^FN?(STENV|SAVE)$/;

/** Whether the processor keeps FOP, FIP and FDP: AMD's do so only while an exception is pending (APM vol. 2, 11.4.4). */
export function keepsErrorPointers(status: number): boolean {
  return (status & ERROR_SUMMARY) !== 0;
}

/** These leave the pointers to the last instruction alone (SDM vol. 1, section 8.1.8); FWAIT is one of them. */
const CONTROL = /^F(N?CLEX|N?INIT|LDCW|N?STCW|N?STSW|N?STENV|LDENV|N?SAVE|RSTOR|WAIT)$/;

/**
 * Whether the instruction that found an x87 exception had no operand in memory: FDP is undefined then (SDM vol. 1, section
 * 8.1.8). Mostly it stays what it was; if the system has interrupted the case before, it is 0, for with no exception
 * pending AMD's processors do not save it.
 */
export function leavesDataPointer({ instructions, extended }: Case): boolean {
  if (!extended || keepsErrorPointers(extended.status)) return false;
  return instructions.some(
    ({ mnemonic, operands }) =>
      mnemonic.startsWith('F') && !CONTROL.test(mnemonic) && operands.every(({ kind }) => kind !== 'memory'),
  );
}

/**
 * Whether the system has interrupted the case before control instructions made an exception pending: with none pending AMD's
 * processors do not save FOP, FIP and FDP, which are then 0.
 */
export function lostPointers(
  { instructions, extended }: Case,
  { opcode, instructionPointer, dataPointer }: ExtendedState,
): boolean {
  if (!extended || keepsErrorPointers(extended.status)) return false;
  const controls = instructions.every(({ mnemonic }) => !mnemonic.startsWith('F') || CONTROL.test(mnemonic));
  return controls && opcode === 0 && instructionPointer === 0n && dataPointer === 0n;
}

/** Bytes of the window in which some bits need not be the same. */
export interface IgnoredMemory {
  readonly from: number;
  readonly end: number;
  readonly bits: number;
}

/** Where the XSAVE area has XSTATE_BV, and the state components: x87, SSE, AVX. */
const XSTATE_BV_AT = 512;
const COMPONENTS = [
  [0, 160],
  [160, 416],
  [576, 832],
] as const;

/** What need not be the same of what FXSAVE and XSAVE save. */
export function ignoredMemory({ instructions, operandOffset, extended }: Case, silicon: Outcome): IgnoredMemory[] {
  const [{ mnemonic, operandSize }] = instructions;
  if (ENVIRONMENT.test(mnemonic) && operandOffset !== undefined && extended && !keepsErrorPointers(extended.status)) {
    const [from, end] = operandSize === 2 ? [6, 14] : [12, 28];
    return [{ from: operandOffset + from, end: operandOffset + end, bits: 0xff }];
  }
  if (!SAVES.test(mnemonic) || operandOffset === undefined || !extended || !silicon.extended) return [];
  const ignored: IgnoredMemory[] = [];
  const ignore = (from: number, end: number, bits = 0xff): void => {
    ignored.push({ from: operandOffset + from, end: operandOffset + end, bits });
  };
  // MXCSR_MASK: AMD's processors have a bit 17 (MM), which the emulator's do not model.
  ignore(28, 32);
  if (!keepsErrorPointers(silicon.extended.status)) ignore(6, 24);
  if (mnemonic === 'FXSAVE') return ignored;
  // "A processor may ... set XINUSE[i] to 1" for a component in its initial configuration (SDM vol. 1, section 13.6):
  // what is not in use need not be saved.
  initialComponents(extended).forEach((initial, i) => {
    if (!initial) return;
    ignore(XSTATE_BV_AT, XSTATE_BV_AT + 1, 1 << i);
    const [from, end] = COMPONENTS[i];
    ignore(from, end);
  });
  return ignored;
}

/** Which of x87, SSE and AVX state is as after INIT. */
function initialComponents({ control, status, tags, st, ymm }: ExtendedState): boolean[] {
  const zero = (half: number): boolean => ymm.every((byte, i) => ((i >> 4) & 1) !== half || byte === 0);
  const x87 = control === 0x37f && status === 0 && tags === 0 && st.every((byte) => byte === 0);
  return [x87, zero(0), zero(1)];
}
