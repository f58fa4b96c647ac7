/** Moves of whole vectors (SDM vol. 1, sections 5.5.1, 5.6.1 and 5.6.4). */
import type { Definition } from '../definition';
import { defineVector, writeVex } from './shapes';

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

export const vectorMoves: readonly Definition[] = [
  ...['MOVAPS', 'MOVAPD', 'MOVDQA'].flatMap((name) => move(name, true)),
  ...['MOVUPS', 'MOVUPD', 'MOVDQU'].flatMap((name) => move(name, false)),
];
