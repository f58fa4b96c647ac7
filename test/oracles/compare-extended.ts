/** Compares x87, SSE and AVX state. */
import type { Case, Outcome } from './case';
import { AT, EXTENDED_STATE_BYTES, type ExtendedState, ST_BYTES, type StoredState, YMM_BYTES } from './extended-state';
import {
  isReciprocal,
  isTranscendental,
  keepsErrorPointers,
  leavesDataPointer,
  lostPointers,
  nearlyEqual,
  reciprocalsAgree,
  undefinedStatus,
} from './freedoms';

/**
 * A conversion between MMX and XMM registers that raises #XM: AMD's processors have made the transition from x87 to MMX
 * state by then; the SDM (vol. 2, CVTPS2PI) does not say.
 */
const MMX_CONVERSION = /^CVTT?(P[SD]2PI|PI2P[SD])$/;
const SIMD_EXCEPTION = 19;

const canonical = (va: bigint): bigint => BigInt.asUintN(48, va);
const reversedHex = (bytes: Uint8Array): string => Buffer.from(bytes).reverse().toString('hex');
const hex = (value: bigint | number): string => value.toString(16);

/** Whether nothing at all differs, but for pointers that the processor does not keep. */
export function sameExtendedState(silicon: StoredState, emulator: StoredState): boolean {
  const same = (from: number, end: number): boolean =>
    Buffer.compare(silicon.bytes.subarray(from, end), emulator.bytes.subarray(from, end)) === 0;
  const pointers = !keepsErrorPointers(silicon.status) || same(AT.opcode, AT.mxcsr);
  return pointers && same(0, AT.opcode) && same(AT.mxcsr, EXTENDED_STATE_BYTES);
}

/** What differs, one line each. */
export function extendedDifferences(
  test: Case,
  { vector }: Outcome,
  silicon: ExtendedState,
  emulator: ExtendedState,
): string[] {
  const found: string[] = [];
  const { instructions } = test;
  const check = (what: string, expected: bigint | number, actual: bigint | number): void => {
    if (expected !== actual) found.push(`${what}: silicon ${hex(expected)}, emulator ${hex(actual)}`);
  };
  const registers = (
    name: string,
    bytes: number,
    whole: number,
    [expected, actual]: readonly [Uint8Array, Uint8Array],
    agree: (a: Uint8Array, b: Uint8Array) => boolean,
  ): void => {
    if (Buffer.compare(expected, actual) === 0) return;
    for (let at = 0, i = 0; at < expected.length; at += whole, i++) {
      const [a, b] = [expected.subarray(at, at + bytes), actual.subarray(at, at + bytes)];
      if (Buffer.compare(a, b) !== 0 && !agree(a, b)) {
        found.push(`${name}${i}: silicon ${reversedHex(a)}, emulator ${reversedHex(b)}`);
      }
    }
  };
  const never = (): boolean => false;
  const reciprocal = instructions.some(({ mnemonic }) => isReciprocal(mnemonic));
  const transcendental = instructions.some(({ mnemonic }) => isTranscendental(mnemonic));
  registers('ymm', YMM_BYTES, YMM_BYTES, [silicon.ymm, emulator.ymm], reciprocal ? reciprocalsAgree : never);
  check('mxcsr', silicon.mxcsr, emulator.mxcsr);
  if (vector === SIMD_EXCEPTION && instructions.some(({ mnemonic }) => MMX_CONVERSION.test(mnemonic))) return found;
  registers('st', 10, ST_BYTES, [silicon.st, emulator.st], transcendental ? nearlyEqual : never);
  const status = ~undefinedStatus(instructions);
  check('x87 control', silicon.control, emulator.control);
  check('x87 status', silicon.status & status, emulator.status & status);
  check('x87 tags', silicon.tags, emulator.tags);
  if (!keepsErrorPointers(silicon.status) || lostPointers(test, silicon)) return found;
  check('x87 opcode', silicon.opcode, emulator.opcode);
  // Addresses that are not canonical are made so on loading, to as many bits as the processor has.
  check('x87 instruction', canonical(silicon.instructionPointer), canonical(emulator.instructionPointer));
  if (silicon.dataPointer === 0n && leavesDataPointer(test)) return found;
  check('x87 data', canonical(silicon.dataPointer), canonical(emulator.dataPointer));
  return found;
}
