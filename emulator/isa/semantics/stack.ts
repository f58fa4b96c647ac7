/** Instructions that use the stack (SDM vol. 1, section 6.2): PUSH, POP and their kin; near CALL and RET use them too. */
import * as w from '../../wasm/expression';
import type { Value } from '../../wasm/expression';
import { Gpr, Seg } from '../instruction';
import type { Context, Size } from './context';
import { WORD_SIZES, define, forms, type Definition } from './definition';

/** The stack pointer as an offset in the stack segment. */
function stackPointer(c: Context): Value {
  if (c.segmentation === 'flat64') return c.let(c.register(Gpr.RSP, 8));
  if (c.segmentation === 'flat32') return c.let(c.register(Gpr.RSP, 4));
  return c.let(w.and(c.register(Gpr.RSP, 8), c.stackMask()));
}

/** `sp` moved by `delta` bytes, wrapped to the width of the stack pointer. */
function moved(c: Context, sp: Value, delta: number): Value {
  const sum = w.add(sp, w.i64(delta));
  if (c.segmentation === 'flat64') return c.let(sum);
  return c.let(c.segmentation === 'flat32' ? w.zeroExtend(sum, 4) : w.and(sum, c.stackMask()));
}

function setStackPointer(c: Context, sp: Value): void {
  if (c.segmentation === 'flat64') c.setRegister(Gpr.RSP, 8, sp);
  else if (c.segmentation === 'flat32') c.setRegister(Gpr.RSP, 4, sp);
  else c.setRegister(Gpr.RSP, 8, w.or(w.and(c.register(Gpr.RSP, 8), w.not(c.stackMask())), sp));
}

function stackAddress(c: Context, sp: Value, size: Size, write: boolean): Value {
  return c.segmentation === 'checked' ? c.checkedAddress(w.i32(Seg.SS), sp, size, write) : sp;
}

/** Pushes the low `size` bytes of `value`; RSP changes only once the store has not faulted. */
export function push(c: Context, size: Size, value: Value): void {
  const held = c.let(value);
  const sp = moved(c, stackPointer(c), -size);
  c.store(stackAddress(c, sp, size, true), size, held);
  setStackPointer(c, sp);
}

/** The value on top of the stack, and how to remove it, with `extra` bytes, once nothing can fault any more. */
export function pop(c: Context, size: Size, extra?: Value): { value: Value; release: () => void } {
  const sp = stackPointer(c);
  const value = c.load(stackAddress(c, sp, size, false), size);
  return {
    value,
    release: () => {
      const above = moved(c, sp, size);
      setStackPointer(c, extra ? wrapped(c, w.add(above, extra)) : above);
    },
  };
}

function wrapped(c: Context, sp: Value): Value {
  if (c.segmentation === 'flat64') return c.let(sp);
  return c.let(c.segmentation === 'flat32' ? w.zeroExtend(sp, 4) : w.and(sp, c.stackMask()));
}

/** RF and VM are not seen in a pushed image (SDM vol. 2, PUSHF). */
const PUSHED_FLAGS = 0x00fcffff;

const PUSH_ALL_ORDER = [Gpr.RAX, Gpr.RCX, Gpr.RDX, Gpr.RBX, Gpr.RSP, Gpr.RBP, Gpr.RSI, Gpr.RDI] as const;

export const stack: readonly Definition[] = [
  define(
    'PUSH',
    forms(['rm', 'i'], WORD_SIZES),
    (c, [source], { operandSize }) => {
      push(c, operandSize, c.read(source));
    },
    { traits: ['segmentation', 'operandSize'], operandSizes: WORD_SIZES },
  ),
  define(
    'POP',
    forms(['rm'], WORD_SIZES),
    (c, [destination]) => {
      const { value, release } = pop(c, destination.size);
      // A store may fault, so RSP moves after it; a register destination may be RSP itself, so it is written last.
      if (destination.kind === 'memory') c.write(destination, value);
      release();
      if (destination.kind === 'register') c.write(destination, value);
    },
    { traits: ['segmentation'] },
  ),
  define(
    'PUSH_SREG',
    forms(['r2']),
    (c, [selector], { operandSize }) => {
      push(c, operandSize, c.read(selector));
    },
    { traits: ['segmentation', 'operandSize'], operandSizes: WORD_SIZES },
  ),
  define(
    'PUSHF',
    forms(['']),
    (c, _operands, { operandSize }) => {
      const rest = w.extendU(w.and(c.otherFlags(), w.i32(PUSHED_FLAGS)));
      push(c, operandSize, w.or(c.flags.all(), rest));
    },
    { traits: ['segmentation', 'operandSize'], operandSizes: WORD_SIZES },
  ),
  define(
    'LEAVE',
    forms(['']),
    (c, _operands, { operandSize }) => {
      const frame = c.let(wrapped(c, c.register(Gpr.RBP, 8)));
      const value = c.load(stackAddress(c, frame, operandSize, false), operandSize);
      setStackPointer(c, moved(c, frame, operandSize));
      c.setRegister(Gpr.RBP, operandSize, value);
    },
    { traits: ['segmentation', 'operandSize'], operandSizes: WORD_SIZES },
  ),
  define(
    'PUSHA',
    forms(['']),
    (c, _operands, { operandSize }) => {
      const before = stackPointer(c);
      const places = PUSH_ALL_ORDER.map((_register, i) => moved(c, before, -(i + 1) * operandSize));
      // All eight places are found writable first, so that a fault leaves nothing half done.
      const addresses = places.map((place) => stackAddress(c, place, operandSize, true));
      for (const va of addresses) c.prepareWrite(va, operandSize);
      PUSH_ALL_ORDER.forEach((register, i) => c.store(addresses[i], operandSize, c.register(register, operandSize)));
      setStackPointer(c, places[7]);
    },
    { traits: ['segmentation', 'operandSize'], operandSizes: [2, 4] },
  ),
  define(
    'POPA',
    forms(['']),
    (c, _operands, { operandSize }) => {
      const sp = stackPointer(c);
      const order = [...PUSH_ALL_ORDER].reverse();
      const values = order.map((_register, i) =>
        c.load(stackAddress(c, moved(c, sp, i * operandSize), operandSize, false), operandSize),
      );
      order.forEach((register, i) => {
        if (register !== Gpr.RSP) c.setRegister(register, operandSize, values[i]);
      });
      setStackPointer(c, moved(c, sp, 8 * operandSize));
    },
    { traits: ['segmentation', 'operandSize'], operandSizes: [2, 4] },
  ),
];
