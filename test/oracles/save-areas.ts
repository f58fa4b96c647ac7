/** Memory images for the instructions that load state: FLDENV, FRSTOR, FXRSTOR, XRSTOR; valid ones and broken ones. */
import { MISALIGNED_MODE, randomControl, randomMxcsr, randomStatus, randomTags } from './control-words';
import { fillStack } from './extended-reals';
import { emptyExtendedState, EXTENDED_STATE_BYTES, ST_BYTES, writeExtendedState } from './extended-state';
import { fillBits } from './lanes';
import type { Random } from './random';

/** The standard form of the XSAVE area with x87, SSE and AVX components (SDM vol. 1, section 13.4). */
const LEGACY_BYTES = 512;
const HEADER_BYTES = 64;
const AVX_BYTES = 256;
export const XSAVE_BYTES = LEGACY_BYTES + HEADER_BYTES + AVX_BYTES;
const MXCSR_AT = 24;
const XMM_END = 416;
const XSTATE_BV_AT = 512;
const XCOMP_BV_AT = 520;
const COMPACTED = 0x80;

function fpuWords(random: Random): { control: number; status: number } {
  const control = random.chance(85) ? randomControl(random) : random.next() & 0xffff;
  return { control, status: random.chance(85) ? randomStatus(random, control) : random.next() & 0xffff };
}

/** For FLDENV, with 14 or 28 bytes, and for FRSTOR, with 94 or 108: the words are 16 or 32 bits apart (SDM vol. 1, 8.1.10). */
export function environment(random: Random, bytes: number): Uint8Array {
  const area = new Uint8Array(bytes);
  fillBits(random, area);
  const view = new DataView(area.buffer);
  const step = bytes === 14 || bytes === 94 ? 2 : 4;
  const { control, status } = fpuWords(random);
  view.setUint16(0, control, true);
  view.setUint16(step, status, true);
  view.setUint16(2 * step, random.pick([0, 0xffff, random.next() & 0xffff]), true);
  const registersAt = 7 * step;
  if (bytes > registersAt) {
    const st = new Uint8Array(8 * ST_BYTES);
    fillStack(random, st);
    for (let i = 0; i < 8; i++) area.set(st.subarray(ST_BYTES * i, ST_BYTES * i + 10), registersAt + 10 * i);
  }
  return area;
}

/** For FXRSTOR; some have reserved bits of MXCSR set. */
export function fxsaveArea(random: Random): Uint8Array {
  return xsaveArea(random).slice(0, LEGACY_BYTES);
}

/** For XRSTOR: in the standard or the compacted form, some with a header that is not valid. */
export function xsaveArea(random: Random): Uint8Array {
  const area = new Uint8Array(XSAVE_BYTES);
  fillBits(random, area);
  const state = emptyExtendedState();
  Object.assign(state, fpuWords(random), { tags: randomTags(random), mxcsr: randomMxcsr(random) });
  fillStack(random, state.st);
  fillBits(random, state.ymm);
  const parts = new Uint8Array(EXTENDED_STATE_BYTES);
  writeExtendedState(state, parts);
  area.set(parts.subarray(0, XMM_END));
  const view = new DataView(area.buffer);
  if (random.chance(8))
    view.setUint32(
      MXCSR_AT,
      random.chance(50) ? 1 << random.pick([16, 18, 19, 24, 31]) : random.next() & ~MISALIGNED_MODE,
      true,
    );
  area.fill(0, XSTATE_BV_AT, XSTATE_BV_AT + HEADER_BYTES);
  area[XSTATE_BV_AT] = random.chance(40) ? 7 : random.below(8);
  if (random.chance(25)) {
    area[XCOMP_BV_AT] = random.chance(80) ? 7 : random.below(8);
    area[XCOMP_BV_AT + 7] = COMPACTED;
  }
  if (random.chance(12)) {
    // A state component that does not exist, or bytes that must be zero.
    if (random.chance(50)) area[XSTATE_BV_AT + random.pick([0, 1, 7])] |= random.pick([0x08, 0x10]);
    else area[XSTATE_BV_AT + random.below(HEADER_BYTES)] |= 1 << random.below(8);
  }
  // What the emulator lacks but the processor may have: the components of AVX-512.
  for (const at of [XSTATE_BV_AT, XCOMP_BV_AT]) area[at] &= ~0xe0;
  return area;
}
