/** Moves of whole vectors (SDM vol. 1, sections 5.5.1, 5.6.1, 5.6.4 and 5.7.3). */
import type { Context, OperandRef } from '../context';
import type { Definition } from '../definition';
import { arrange } from './lanes';
import { sourceVector } from './merge';
import { defineVector, packedUnary, writeVex } from './shapes';

/** Whole vectors between registers, and to and from memory, which may have to be aligned. */
function move(mnemonic: string, aligned: boolean): Definition[] {
  return [
    defineVector(mnemonic, ['x xm', 'm16 x'], (c, [destination, source]) => {
      c.writeVector(destination, c.readVector(source, aligned), aligned);
    }),
    defineVector(`V${mnemonic}`, ['x xm', 'y ym', 'm16 x', 'm32 y'], (c, [destination, source]) => {
      const values = c.readVector(source, aligned);
      if (destination.kind === 'xmm' || destination.kind === 'ymm') writeVex(c, destination, values);
      else c.writeVector(destination, values, aligned);
    }),
  ];
}

/** Stores past the caches: there are none here. */
function storeNonTemporal(mnemonic: string): Definition[] {
  const store = (c: Context, [destination, source]: readonly OperandRef[]): void => {
    c.writeVector(destination, c.readVector(source), true);
  };
  return [defineVector(mnemonic, ['m16 x'], store), defineVector(`V${mnemonic}`, ['m16 x', 'm32 y'], store)];
}

/** Loads that exist with memory alone. */
function load(mnemonic: string, aligned: boolean): Definition[] {
  return [
    defineVector(mnemonic, ['x m16'], (c, [destination, source]) => {
      c.writeVector(destination, c.readVector(source, aligned));
    }),
    defineVector(`V${mnemonic}`, ['x m16', 'y m32'], (c, [destination, source]) => {
      writeVex(c, destination, c.readVector(source, aligned));
    }),
  ];
}

export const vectorMoves: readonly Definition[] = [
  ...['MOVAPS', 'MOVAPD', 'MOVDQA'].flatMap((name) => move(name, true)),
  ...['MOVUPS', 'MOVUPD', 'MOVDQU'].flatMap((name) => move(name, false)),
  ...['MOVNTPS', 'MOVNTPD', 'MOVNTDQ'].flatMap(storeNonTemporal),
  ...load('LDDQU', false),
  ...load('MOVNTDQA', true),
  ...packedUnary('MOVSLDUP', (a) => arrange(a, a, 4, [0, 0, 2, 2])),
  ...packedUnary('MOVSHDUP', (a) => arrange(a, a, 4, [1, 1, 3, 3])),
  defineVector('MOVDDUP', ['x xm8'], (c, [destination, source]) => {
    const value = sourceVector(c, source);
    c.writeVector(destination, [arrange(value, value, 8, [0, 0])]);
  }),
  defineVector('VMOVDDUP', ['x xm8'], (c, [destination, source]) => {
    const value = sourceVector(c, source);
    writeVex(c, destination, [arrange(value, value, 8, [0, 0])]);
  }),
  defineVector('VMOVDDUP', ['y ym'], (c, [destination, source]) => {
    writeVex(
      c,
      destination,
      c.readVector(source).map((half) => arrange(half, half, 8, [0, 0])),
    );
  }),
];
