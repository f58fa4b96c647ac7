/** The descriptions of all vector instructions. */
import type { Definition } from '../definition';
import { blends } from './blend';
import { vectorCompare } from './compare';
import { extensions } from './extend';
import { vectorHorizontal } from './horizontal';
import { insertions } from './insert-extract';
import { vectorInteger } from './integer';
import { masks } from './mask';
import { vectorMoves } from './moves';
import { vectorMultiply } from './multiply';
import { permutations } from './permute';
import { scalarMoves } from './scalar-moves';
import { vectorShifts } from './shifts';
import { shuffles } from './shuffle';
import { vectorState } from './state';

export const vector: readonly Definition[] = [
  ...vectorMoves,
  ...scalarMoves,
  ...vectorInteger,
  ...vectorCompare,
  ...vectorMultiply,
  ...vectorShifts,
  ...vectorHorizontal,
  ...shuffles,
  ...permutations,
  ...blends,
  ...extensions,
  ...insertions,
  ...masks,
  ...vectorState,
];
