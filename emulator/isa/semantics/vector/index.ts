/** The descriptions of all vector instructions. */
import type { Definition } from '../definition';
import { vectorInteger } from './integer';
import { vectorMoves } from './moves';

export const vector: readonly Definition[] = [...vectorMoves, ...vectorInteger];
