/** Conversions between half and single precision (SDM vol. 1, section 14.4). */
import { Element, FloatCode } from '../../../float-unit';
import * as simd from '../../../wasm/simd';
import type { Definition } from '../definition';
import { floatUnitAlone, lowLane, settle } from './float-shapes';
import { defineVector, writeVex } from './shapes';

export const floatHalf: readonly Definition[] = [
  defineVector('VCVTPH2PS', ['x xm8', 'y xm16'], (c, [destination, source]) => {
    const wide = destination.kind === 'ymm';
    const halves = wide ? c.readVector(source)[0] : lowLane(c, source);
    const operation = {
      ...{ code: FloatCode.CONVERT, source: Element.HALF, target: Element.SINGLE },
      ...{ count: wide ? 8 : 4, immediate: 0 },
    };
    const parts = wide ? [halves, halves] : [halves];
    const results = parts.map((part) => floatUnitAlone(c, [part]));
    writeVex(c, destination, settle(c, operation, [[halves]], results));
  }),
  defineVector(
    'VCVTPS2PH',
    ['xm8 x i', 'xm16 y i'],
    (c, [destination, source], { immediate }) => {
      const singles = c.readVector(source);
      const operation = {
        ...{ code: FloatCode.CONVERT, source: Element.SINGLE, target: Element.HALF },
        ...{ count: 4 * singles.length, immediate },
      };
      const convert = () => settle(c, operation, [singles], [floatUnitAlone(c, singles)])[0];
      if (destination.kind === 'xmm') {
        writeVex(c, destination, [convert()]);
        return;
      }
      // A page fault comes before what is noted in MXCSR.
      const wide = destination.kind === 'm128';
      const host = c.prepareWrite(c.address(destination), wide ? 16 : 8);
      const halves = convert();
      if (wide) c.f.storeVector(host, 0, halves);
      else c.f.store64(host, 0, 8, simd.i64x2.extract(halves, 0));
      c.commit(host);
    },
    { immediate: true },
  ),
];
