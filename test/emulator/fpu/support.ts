/** Executes x87 instructions one by one on a processor without an engine. */
import assert from 'node:assert/strict';
import { GuestException } from '../../../emulator/cpu/exceptions';
import { x87Routines } from '../../../emulator/fpu';
import { decode, type CodeSize } from '../../../emulator/isa/decoder';
import type { TestCpu } from '../cpu/support';

/** Where the code and the memory operand are, in mapped memory. */
export const CODE = 0x10000;
export const OPERAND = 0x11000;

/** Executes the bytes as one instruction whose memory operand, if any, is at `operandAddress` as the test has set it. */
export function execute(cpu: TestCpu, bytes: readonly number[]): void {
  const { state, memory } = cpu;
  const size: CodeSize = state.mode64 ? 64 : state.segments[1].big ? 32 : 16;
  const code = Uint8Array.from(bytes);
  memory.load(CODE, code);
  const instruction = decode(code, 0, code.length, size);
  assert.ok(typeof instruction !== 'string', `undecodable: ${bytes.join(' ')}`);
  const base = state.mode64 ? 0n : state.segments[1].base;
  cpu.instructionAddress = BigInt(CODE) - base;
  x87Routines[instruction.mnemonic](cpu, instruction);
}

/** The exception that executing the bytes raises, if any. */
export function exceptionOf(cpu: TestCpu, bytes: readonly number[]): number | undefined {
  try {
    execute(cpu, bytes);
    return undefined;
  } catch (error) {
    if (error instanceof GuestException) return error.vector;
    throw error;
  }
}
