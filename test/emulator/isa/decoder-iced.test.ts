/**
 * The decoder against iced-x86: length, validity, mnemonic, condition, sizes, prefixes and operands. More of each with
 * RINGSIDE_DECODER_CASES=<factor>.
 */
import assert from 'node:assert/strict';
import type { CodeSize } from '../../../emulator/isa/decoder';
import { kernelText, realText, vectorTexts } from './elf-text';
import { Oracle } from './iced-oracle';

const FACTOR = Number(process.env.RINGSIDE_DECODER_CASES ?? 1);
const MODES: readonly CodeSize[] = [16, 32, 64];

/** Follows the opcode: SIB, displacement and immediates with no zero bytes. */
const TAIL = [0x24, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0];
const BYTES = [...Array(256).keys()];
/** One memory form per /reg, each addressing form once, one register form per /reg and each rm of two groups. */
const MODRM_SAMPLE = [0x04, 0x45, 0x8d, 0x16, 0x1c, 0x25, 0x2d, 0x35, 0x3f, 0xc1, 0xe4, 0xf5];
const REGISTERS = BYTES.slice(0xc0);
const LEGACY_PREFIXES = [[0x66], [0xf3], [0xf2], [0x66, 0xf3], [0x67], [0xf0], [0x64]];
const REX_PREFIXES = [[0x48], [0x41], [0x44], [0x40], [0x66, 0x4d], [0xf3, 0x48], [0xf2, 0x49], [0xf0, 0x48], [0x2e]];

/** Deterministic pseudo-random numbers (xorshift32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function assertSame(oracle: Oracle, leastValid: number): void {
  oracle.flush();
  const defects = [...oracle.defects].map(([words, bytes]) => `${bytes}: ${words}`);
  assert.equal(defects.length, 0, defects.slice(0, 20).join('\n'));
  assert.ok(oracle.valid > leastValid, `only ${oracle.valid} of ${oracle.compared} were instructions`);
}

/** All four legacy maps at one ModRM. */
function addOpcode(oracle: Oracle, prefix: readonly number[], opcode: number, modrm: number): void {
  oracle.add([...prefix, opcode, modrm, ...TAIL]);
  oracle.add([...prefix, 0x0f, opcode, modrm, ...TAIL]);
  oracle.add([...prefix, 0x0f, 0x38, opcode, modrm, ...TAIL]);
  oracle.add([...prefix, 0x0f, 0x3a, opcode, modrm, ...TAIL]);
}

/** The last byte of a VEX prefix but for pp: W, two values of vvvv besides "none", L. */
const VEX_FIELDS = [0x78, 0x7c, 0xf8, 0xfc, 0x50, 0x54, 0xd0, 0x04];
const VEX_MODRMS = [0x04, 0x4d, 0x8c, 0x15, 0x1c, 0x24, 0x2d, 0x34, 0x3c, 0xc1, 0xd3, 0xe4, 0xfa];

/** VEX maps 1 to 3 and one that is reserved, and the two-byte form, at one ModRM. */
function addVex(oracle: Oracle, opcode: number, modrm: number, rxb: number, field: number): void {
  if (!(field & 0x80)) oracle.add([0xc5, (rxb & 0x80) | field, opcode, modrm, ...TAIL]);
  for (const map of [1, 2, 3, 5]) oracle.add([0xc4, rxb | map, field, opcode, modrm, ...TAIL]);
}

/** A random VEX prefix, mostly one that exists. */
function randomVex(next: (below: number) => number, mode: CodeSize): number[] {
  const rxb = mode === 64 ? next(8) << 5 : 0xc0 | (next(2) << 5);
  const field = next(2) ? next(256) : 0x78 | (next(256) & 0x87);
  return next(3)
    ? [0xc4, rxb | (next(8) === 0 ? next(32) : 1 + next(3)), field]
    : [0xc5, field | (~rxb & 0x40 ? 0 : 0x80)];
}

/** Real code from each of its bytes on, or from some of them, as it is and with one byte changed. */
function addText(oracle: Oracle, text: Uint8Array, count: number, stride: number, seed: number): void {
  const next = random(seed);
  for (let at = 0; at + 16 <= text.length && count > 0; at += stride, count--) {
    const bytes = [...text.subarray(at, at + 16)];
    oracle.add(bytes);
    bytes[next(8)] = next(256);
    oracle.add(bytes);
  }
}

describe('decoder and iced-x86 agree', () => {
  for (const mode of MODES) {
    describe(`${mode}-bit code`, () => {
      it('on every opcode and ModRM byte', () => {
        const oracle = new Oracle(mode);
        for (const opcode of BYTES) for (const modrm of BYTES) addOpcode(oracle, [], opcode, modrm);
        assertSame(oracle, 60_000);
      });

      it('on every opcode with prefixes', () => {
        const oracle = new Oracle(mode);
        const modrms = FACTOR > 1 ? BYTES : MODRM_SAMPLE;
        for (const prefix of [...LEGACY_PREFIXES, ...(mode === 64 ? REX_PREFIXES : [])])
          for (const opcode of BYTES) for (const modrm of modrms) addOpcode(oracle, prefix, opcode, modrm);
        assertSame(oracle, 20_000);
      });

      it('on groups whose register forms are instructions of their own', () => {
        const oracle = new Oracle(mode);
        for (const prefix of [[], [0x66], [0xf3], [0xf2], [0xf0]])
          for (const opcode of [0x00, 0x01, 0x0d, 0x18, 0x1e, 0x20, 0x22, 0x23, 0xae, 0xb9, 0xba, 0xc7])
            for (const modrm of REGISTERS) oracle.add([...prefix, 0x0f, opcode, modrm, ...TAIL]);
        assertSame(oracle, 500);
      });

      it('on general-register instructions under VEX', () => {
        const oracle = new Oracle(mode);
        for (const opcode of [0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7])
          for (let payload = 0; payload < 256; payload += 1)
            for (const second of [0x00, 0x42, 0x79, 0x7b, 0xba, 0xf8, 0xfb, 0xfd])
              for (const modrm of [0x04, 0x0c, 0x5d, 0xc1, 0xcb, 0xd9])
                oracle.add([0xc4, payload, second, opcode, modrm, ...TAIL]);
        for (const prefix of [0x66, 0xf2, 0xf3, 0xf0, 0x48, 0x2e, 0x67])
          oracle.add([prefix, 0xc4, 0xe2, 0x78, 0xf2, 0xc1]);
        assertSame(oracle, 500);
      });

      it('on vector instructions under VEX', () => {
        const oracle = new Oracle(mode);
        const all = FACTOR > 1;
        const extensions = mode !== 64 ? [0xe0] : all ? [0xe0, 0x60, 0xa0, 0xc0, 0x00] : [0xe0, 0x00];
        for (const opcode of BYTES)
          for (const modrm of all ? BYTES : VEX_MODRMS)
            for (const rxb of extensions)
              for (const field of VEX_FIELDS)
                for (let pp = 0; pp < 4; pp++)
                  // Without 66 there are few instructions
                  if (all || pp === 1 || (modrm + field) & 8) addVex(oracle, opcode, modrm, rxb, field | pp);
        assertSame(oracle, 10_000);
      });

      it('on random VEX prefixes', () => {
        const oracle = new Oracle(mode);
        const next = random(mode + 2);
        for (let count = 0; count < 60_000 * FACTOR; count++) {
          const bytes = next(8) === 0 ? [[0x67, 0x2e, 0x65, 0x66, 0xf0, 0xf3, 0x41][next(7)]] : [];
          bytes.push(...randomVex(next, mode));
          while (bytes.length < 16) bytes.push(next(256));
          oracle.add(bytes);
        }
        assertSame(oracle, 5000 * FACTOR);
      });

      it('on random bytes behind random prefixes', () => {
        const oracle = new Oracle(mode);
        const next = random(mode);
        const prefixes = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x3e, 0x26, 0x36, 0x64, 0x65, 0x40, 0x48, 0x4f, 0x41];
        for (let count = 0; count < 60_000 * FACTOR; count++) {
          const bytes: number[] = [];
          // Mostly few, now and then enough to run into the length limit
          for (let left = next(8) === 0 ? next(15) : next(4); left > 0; left--)
            bytes.push(prefixes[next(prefixes.length)]);
          if (next(2)) bytes.push(0x0f);
          if (next(6) === 0) bytes.push(next(2) ? 0x38 : 0x3a);
          while (bytes.length < 16) bytes.push(next(256));
          oracle.add(bytes);
        }
        assertSame(oracle, 20_000 * FACTOR);
      });

      it('on the code of a C library, as it is and mutated', function () {
        const text = realText();
        if (!text) return this.skip();
        const oracle = new Oracle(mode);
        addText(oracle, text, 40_000 * FACTOR, FACTOR > 1 ? 1 : 23, mode + 1);
        assertSame(oracle, 40_000);
      });

      it('on all the code of a kernel named by RINGSIDE_VMLINUX, as it is and mutated', function () {
        const text = kernelText();
        if (!text) return this.skip();
        this.timeout(0);
        const oracle = new Oracle(mode);
        addText(oracle, text, text.length, 1, mode + 2);
        assertSame(oracle, text.length);
      });

      it('on the code of mathematical and media libraries, as it is and mutated', function () {
        const texts = vectorTexts();
        if (texts.length === 0) return this.skip();
        const oracle = new Oracle(mode);
        for (const text of texts) addText(oracle, text, 15_000 * FACTOR, FACTOR > 1 ? 1 : 19, mode + 3);
        assertSame(oracle, 10_000 * texts.length);
      });
    });
  }
});
