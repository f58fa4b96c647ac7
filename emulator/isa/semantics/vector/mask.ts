/** Sign bits as a mask, and moves under a mask (SDM vol. 1, sections 5.4.7, 5.5.1, 5.6.4, 5.13 and 5.15). */
import * as w from '../../../wasm/expression';
import type { Value } from '../../../wasm/expression';
import * as simd from '../../../wasm/simd';
import { ValueType } from '../../../wasm/types';
import type { Context, OperandRef, SegmentKind } from '../context';
import type { Definition } from '../definition';
import { elementsIn, extractElement, replaceElement, upTo } from './lanes';
import { defineVector, fromMmx, writeVex } from './shapes';

type MaskWidth = 1 | 4 | 8;

const BITMASK = { 1: simd.i8x16.bitmask, 4: simd.i32x4.bitmask, 8: simd.i64x2.bitmask } as const;

/** i32: the sign bits of all elements, the first one lowest. */
export function signBits(c: Context, halves: readonly Value[], width: MaskWidth): Value {
  const parts = halves.map((half, i) => w.shl(BITMASK[width](half), w.i32(i * elementsIn(width))));
  return c.let(parts.reduce(w.or));
}

const moveMask = (mnemonic: string, width: MaskWidth): Definition[] => [
  defineVector(mnemonic, ['r4 x', 'r8 x'], (c, [destination, source]) => {
    c.write(destination, w.extendU(signBits(c, c.readVector(source), width)));
  }),
  defineVector(`V${mnemonic}`, ['r4 x', 'r8 x', 'r4 y', 'r8 y'], (c, [destination, source]) => {
    c.write(destination, w.extendU(signBits(c, c.readVector(source), width)));
  }),
];

/** Memory under a mask: the operand's address, in a 'checked' segment its offset, and what kind of address that is. */
interface MaskedMemory {
  readonly va: Value;
  readonly segmentation: SegmentKind;
}

function elementAddress(c: Context, memory: MaskedMemory, i: number, width: MaskWidth, write: boolean): Value {
  const address = w.add(memory.va, w.i64(i * width));
  if (memory.segmentation === 'flat64') return c.let(address);
  const wrapped = c.let(w.zeroExtend(address, 4));
  return memory.segmentation === 'flat32' ? wrapped : c.checkedAddress(c.sourceSegment(), wrapped, width, write);
}

/** i32: whether the mask has element `i`. */
const selected = (bits: Value, i: number): Value => w.and(bits, w.i32(1 << i));

/** Elements under the mask from memory, zeros elsewhere; memory of the others is not accessed. */
function loadMasked(c: Context, memory: MaskedMemory, width: 4 | 8, bits: Value, halves: number): Value[] {
  const count = elementsIn(width);
  return upTo(halves).map((half) => {
    const result = c.f.slot(ValueType.V128);
    c.f.set(result, simd.zero);
    for (const lane of upTo(count)) {
      const i = half * count + lane;
      c.if(selected(bits, i), () => {
        const value = c.load(elementAddress(c, memory, i, width, false), width);
        c.f.set(result, replaceElement(result, width, lane, value));
      });
    }
    return result;
  });
}

/** Stores the elements under the mask. All of them are translated before the first is written. */
function storeMasked(
  c: Context,
  memory: MaskedMemory,
  width: MaskWidth,
  bits: Value,
  elements: readonly Value[],
): void {
  const each = (action: (element: Value, address: Value) => void): void => {
    elements.forEach((element, i) => {
      c.if(selected(bits, i), () => {
        action(element, elementAddress(c, memory, i, width, true));
      });
    });
  };
  each((_, address) => c.prepareWrite(address, width));
  each((element, address) => {
    c.store(address, width, element);
  });
}

/** Stores the bytes under the mask. The operand must be writable as a whole, whatever the mask: processors have it so. */
function storeMaskedBytes(c: Context, memory: MaskedMemory, bytes: 8 | 16, bits: Value, source: Value): void {
  c.prepareWrite(memory.va, bytes);
  storeMasked(c, memory, 1, bits, elementsOf([source], 1).slice(0, bytes));
}

const elementsOf = (halves: readonly Value[], width: MaskWidth): Value[] =>
  halves.flatMap((half) => upTo(elementsIn(width)).map((lane) => extractElement(half, width, lane)));

/** Loads and stores under a mask of sign bits, the second operand. */
const moveMasked = (mnemonic: string, width: 4 | 8): Definition[] => [
  defineVector(
    mnemonic,
    ['x x m16', 'y y m32'],
    (c, [destination, mask, source], { segmentation }) => {
      const memory = { va: c.address(source), segmentation };
      const masks = c.readVector(mask);
      writeVex(c, destination, loadMasked(c, memory, width, signBits(c, masks, width), masks.length));
    },
    { segmentation: true },
  ),
  defineVector(
    mnemonic,
    ['m16 x x', 'm32 y y'],
    (c, [destination, mask, source], { segmentation }) => {
      const memory = { va: c.address(destination), segmentation };
      const bits = signBits(c, c.readVector(mask), width);
      storeMasked(c, memory, width, bits, elementsOf(c.readVector(source), width));
    },
    { segmentation: true },
  ),
];

/** MASKMOVDQU: bytes of the second operand, under the mask in the third, to DS:rDI. */
const maskedBytes = (mnemonic: string): Definition =>
  defineVector(
    mnemonic,
    ['m16 x x'],
    (c, [destination, source, mask], { segmentation }) => {
      const memory = { va: c.address(destination), segmentation };
      const bits = signBits(c, c.readVector(mask), 1);
      storeMaskedBytes(c, memory, 16, bits, c.readVector(source)[0]);
    },
    { segmentation: true },
  );

/** An MMX operand as the low half of a vector. */
const mmxVector = (c: Context, operand: OperandRef): Value => c.let(fromMmx(c.read(operand)));

export const masks: readonly Definition[] = [
  ...moveMask('MOVMSKPS', 4),
  ...moveMask('MOVMSKPD', 8),
  ...moveMask('PMOVMSKB', 1),
  defineVector('PMOVMSKB', ['r4 p', 'r8 p'], (c, [destination, source]) => {
    c.requireMmx();
    const bits = signBits(c, [mmxVector(c, source)], 1);
    c.useMmx();
    c.write(destination, w.extendU(w.and(bits, w.i32(0xff))));
  }),
  maskedBytes('MASKMOVDQU'),
  maskedBytes('VMASKMOVDQU'),
  defineVector(
    'MASKMOVQ',
    ['m8 p p'],
    (c, [destination, source, mask], { segmentation }) => {
      c.requireMmx();
      const memory = { va: c.address(destination), segmentation };
      const bits = c.let(w.and(signBits(c, [mmxVector(c, mask)], 1), w.i32(0xff)));
      const value = mmxVector(c, source);
      // Processors do this even if the store faults.
      c.useMmx();
      storeMaskedBytes(c, memory, 8, bits, value);
    },
    { segmentation: true },
  ),
  ...moveMasked('VMASKMOVPS', 4),
  ...moveMasked('VMASKMOVPD', 8),
  ...moveMasked('VPMASKMOVD', 4),
  ...moveMasked('VPMASKMOVQ', 8),
];
