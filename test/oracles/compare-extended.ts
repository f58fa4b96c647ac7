/** Compares x87, SSE and AVX state. */
import type { Case } from './case';
import type { ExtendedState } from './extended-state';
import { ST_BYTES, YMM_BYTES } from './extended-state';
import { isReciprocal, isTranscendental, nearlyEqual, reciprocalsAgree, undefinedStatus } from './freedoms';

/** ES of the x87 status word. */
const ERROR_SUMMARY = 0x80;

const reversedHex = (bytes: Uint8Array): string => Buffer.from(bytes).reverse().toString('hex');
const hex = (value: bigint | number): string => value.toString(16);

/** What differs, one line each. */
export function extendedDifferences(test: Case, silicon: ExtendedState, emulator: ExtendedState): string[] {
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
  registers('st', 10, ST_BYTES, [silicon.st, emulator.st], transcendental ? nearlyEqual : never);
  const status = ~undefinedStatus(instructions);
  check('mxcsr', silicon.mxcsr, emulator.mxcsr);
  check('x87 control', silicon.control, emulator.control);
  check('x87 status', silicon.status & status, emulator.status & status);
  check('x87 tags', silicon.tags, emulator.tags);
  // AMD's processors keep the error pointers only while an exception is pending (APM vol. 2, section 11.4.4.1, "FXSAVE").
  if ((silicon.status & ERROR_SUMMARY) === 0) return found;
  check('x87 opcode', silicon.opcode, emulator.opcode);
  check('x87 instruction', silicon.instructionPointer, emulator.instructionPointer);
  check('x87 data', silicon.dataPointer, emulator.dataPointer);
  return found;
}
