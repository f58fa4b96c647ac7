/** All descriptions: the meaning of every instruction that generated code carries out itself. */
import { bits } from './bits';
import { control } from './control';
import type { Definition } from './definition';
import { integer } from './integer';
import { moves } from './moves';
import { multiply } from './multiply';
import { shifts } from './shifts';
import { stack } from './stack';
import { strings } from './strings';
import { system } from './system';
import { vector } from './vector';

export const definitions: readonly Definition[] = [
  ...moves,
  ...integer,
  ...multiply,
  ...shifts,
  ...bits,
  ...stack,
  ...control,
  ...strings,
  ...system,
  ...vector,
];
