/** The descriptions of all vector instructions. */
import type { Definition } from '../definition';
import { aes } from './aes';
import { blends } from './blend';
import { carryless } from './carryless';
import { vectorCompare } from './compare';
import { extensions } from './extend';
import { floatApproximations } from './float-approximation';
import { floatArithmetic } from './float-arithmetic';
import { floatCompare } from './float-compare';
import { floatConvert } from './float-convert';
import { floatFused } from './float-fused';
import { floatHalf } from './float-half';
import { floatInteger } from './float-integer';
import { galois } from './galois';
import { gathers } from './gather';
import { vectorHorizontal } from './horizontal';
import { insertions } from './insert-extract';
import { vectorInteger } from './integer';
import { masks } from './mask';
import { vectorMoves } from './moves';
import { vectorMultiply } from './multiply';
import { permutations } from './permute';
import { scalarMoves } from './scalar-moves';
import { shaInstructions } from './sha';
import { vectorShifts } from './shifts';
import { shuffles } from './shuffle';
import { vectorState } from './state';
import { stringCompares } from './string-compare';

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
  ...gathers,
  ...vectorState,
  ...floatArithmetic,
  ...floatCompare,
  ...floatConvert,
  ...floatInteger,
  ...floatFused,
  ...floatHalf,
  ...floatApproximations,
  ...aes,
  ...carryless,
  ...galois,
  ...shaInstructions,
  ...stringCompares,
];
