/** Control and status words of x87 FPU and SSE. */
import type { Random } from './random';

/** Exception flags of the x87 status word, and masks of the control word: IE DE ZE OE UE PE. */
const EXCEPTIONS = 0x3f;
const STACK_FAULT = 0x40;
const ERROR_SUMMARY = 0x80;
const BUSY = 0x8000;
const CONDITION_CODES = 0x4700;

/** MXCSR.MM, which AMD's processors alone have. */
export const MISALIGNED_MODE = 0x20000;

/** Default or with other rounding, denormals as zeros, flags already set; at times with unmasked exceptions. */
export function randomMxcsr(random: Random): number {
  if (random.chance(30)) return 0x1f80;
  let mxcsr = random.chance(80) ? 0x1f80 : (random.next() & 0x3f) << 7;
  mxcsr |= random.below(4) << 13;
  if (random.chance(15)) mxcsr |= 0x40;
  if (random.chance(15)) mxcsr |= 0x8000;
  if (random.chance(30)) mxcsr |= random.next() & 0x3f;
  return mxcsr;
}

export function randomControl(random: Random): number {
  if (random.chance(35)) return 0x37f;
  let control = 0x40 | (random.chance(80) ? EXCEPTIONS : random.next() & EXCEPTIONS);
  control |= random.below(4) << 10;
  control |= (random.chance(60) ? 3 : random.pick([0, 2, 2, 1])) << 8;
  if (random.chance(10)) control |= 0x1000;
  return control;
}

/** A status word that goes with the control word; at times with an unmasked exception pending. */
export function randomStatus(random: Random, control: number): number {
  let status = (random.next() & CONDITION_CODES) | (random.below(8) << 11);
  if (random.chance(30)) status |= random.next() & control & EXCEPTIONS;
  if (random.chance(5)) status |= STACK_FAULT | (control & 1);
  if (random.chance(4)) status |= random.next() & EXCEPTIONS;
  return withSummary(status, control);
}

/** ES and B as the exceptions and their masks have them. */
export function withSummary(status: number, control: number): number {
  const pending = status & ~control & EXCEPTIONS;
  return (status & ~(ERROR_SUMMARY | BUSY)) | (pending ? ERROR_SUMMARY | BUSY : 0);
}

/** Which physical registers are not empty. */
export function randomTags(random: Random): number {
  return random.pick([0xff, 0xff, 0, random.next() & 0xff, random.next() & 0xff]);
}
