/** Instructions on all registers at once (SDM vol. 1, sections 5.4.8 and 5.13). */
import * as simd from '../../../wasm/simd';
import type { Context, Half } from '../context';
import type { Definition, Variant } from '../definition';
import { upTo } from './lanes';
import { defineVector } from './shapes';

/** Clears these halves of the registers that can be named: outside 64-bit mode there are eight. */
const clear =
  (halves: readonly Half[]) =>
  (c: Context, _operands: unknown, { segmentation }: Variant): void => {
    for (const register of upTo(segmentation === 'flat64' ? 16 : 8)) {
      for (const half of halves) c.setVectorRegister(register, half, simd.zero);
    }
  };

export const vectorState: readonly Definition[] = [
  defineVector('VZEROUPPER', [''], clear([1]), { segmentation: true }),
  defineVector('VZEROALL', [''], clear([0, 1]), { segmentation: true }),
  defineVector('EMMS', [''], (c) => {
    c.requireMmx();
    c.releaseMmx();
  }),
];
