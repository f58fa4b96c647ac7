/** Single elements put into vectors and taken out of them (SDM vol. 1, sections 5.4.7, 5.10.6 and 5.13). */
import * as simd from '../../../wasm/simd';
import type { Definition } from '../definition';
import { arrange, elementsIn, extractElement, fromInteger, replaceElement, upTo, type Width } from './lanes';
import { merged } from './merge';
import { defineVector, writeVex } from './shapes';

/** Number of the element an immediate names. */
const elementOf = (immediate: number, width: Width): number => immediate & (elementsIn(width) - 1);

/** The low bytes of a general register, or memory, into one element. */
const insert = (mnemonic: string, width: Width, sources: readonly string[]): Definition[] =>
  merged(
    mnemonic,
    sources,
    (a, b, immediate) => replaceElement(a, width, elementOf(immediate, width), simd.i64x2.extract(b, 0)),
    { immediate: true },
  );

/** One element, zero-extended, to a general register, or to memory. */
const extract = (mnemonic: string, width: Width, destinations: readonly string[]): Definition[] =>
  [mnemonic, `V${mnemonic}`].map((name) =>
    defineVector(
      name,
      destinations.map((destination) => `${destination} x i`),
      (c, [destination, source], { immediate }) => {
        const [value] = c.readVector(source);
        c.write(destination, extractElement(value, width, elementOf(immediate, width)));
      },
      { immediate: true },
    ),
  );

export const insertions: readonly Definition[] = [
  ...insert('PINSRB', 1, ['r4', 'r8', 'm1']),
  ...insert('PINSRW', 2, ['r4', 'r8', 'm2']),
  ...insert('PINSRD', 4, ['rm4']),
  ...insert('PINSRQ', 8, ['rm8']),
  defineVector(
    'PINSRW',
    ['p r4 i', 'p r8 i', 'p m2 i'],
    (c, [destination, source], { immediate }) => {
      c.requireMmx();
      const value = c.read(source);
      const old = fromInteger(c.read(destination));
      c.useMmx();
      c.write(destination, extractElement(replaceElement(old, 2, immediate & 3, value), 8, 0));
    },
    { immediate: true },
  ),
  ...extract('PEXTRB', 1, ['r4', 'r8', 'm1']),
  ...extract('PEXTRW', 2, ['r4', 'r8', 'm2']),
  ...extract('PEXTRD', 4, ['rm4']),
  ...extract('PEXTRQ', 8, ['rm8']),
  ...extract('EXTRACTPS', 4, ['r4', 'r8', 'm4']),
  defineVector(
    'PEXTRW',
    ['r4 p i', 'r8 p i'],
    (c, [destination, source], { immediate }) => {
      c.requireMmx();
      const value = fromInteger(c.read(source));
      c.useMmx();
      c.write(destination, extractElement(value, 2, immediate & 3));
    },
    { immediate: true },
  ),
  // Bits 7:6 name an element of the source, unless that is in memory, 5:4 where it goes, 3:0 elements to be cleared.
  ...merged(
    'INSERTPS',
    ['xm4'],
    (a, b, immediate, fromMemory) => {
      const source = fromMemory ? 0 : immediate >> 6;
      const place = (immediate >> 4) & 3;
      const inserted = arrange(
        a,
        b,
        4,
        upTo(4).map((i) => (i === place ? 4 + source : i)),
      );
      const kept = upTo(16).map((i) => ((immediate >> (i >> 2)) & 1 ? 0 : 0xff));
      return simd.and(inserted, simd.bytes(kept));
    },
    { immediate: true },
  ),
  ...['VINSERTF128', 'VINSERTI128'].map((name) =>
    defineVector(
      name,
      ['y y xm i'],
      (c, [destination, first, second], { immediate }) => {
        const [inserted] = c.readVector(second);
        const halves = c.readVector(first);
        halves[immediate & 1] = inserted;
        writeVex(c, destination, halves);
      },
      { immediate: true },
    ),
  ),
  ...['VEXTRACTF128', 'VEXTRACTI128'].map((name) =>
    defineVector(
      name,
      ['x y i', 'm16 y i'],
      (c, [destination, source], { immediate }) => {
        const half = c.readVector(source)[immediate & 1];
        if (destination.kind === 'xmm') writeVex(c, destination, [half]);
        else c.writeVector(destination, [half]);
      },
      { immediate: true },
    ),
  ),
];
