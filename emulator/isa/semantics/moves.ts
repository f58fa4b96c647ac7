/** Data movement (SDM vol. 1, section 5.1.1). */
import * as w from '../../wasm/expression';
import { Gpr } from '../instruction';
import type { Size } from './context';
import { WORD_SIZES, define, forms, type Definition } from './definition';

export const moves: readonly Definition[] = [
  define('MOV', forms(['r rm', 'm r', 'r i', 'm i']), (c, [destination, source]) => {
    c.write(destination, c.read(source));
  }),
  define('MOVNTI', forms(['m r'], [4, 8]), (c, [destination, source]) => {
    c.write(destination, c.read(source));
  }),
  define('LEA', forms(['r m'], WORD_SIZES), (c, [destination, source]) => {
    c.write(destination, w.zeroExtend(c.effectiveAddress(source), destination.size));
  }),
  define('MOVZX', forms(['r rm1', 'r rm2'], WORD_SIZES), (c, [destination, source]) => {
    c.write(destination, c.read(source));
  }),
  ...['MOVSX', 'MOVSXD'].map((mnemonic) =>
    define(
      mnemonic,
      mnemonic === 'MOVSX' ? forms(['r rm1', 'r rm2'], WORD_SIZES) : forms(['r rm4', 'r2 rm2'], WORD_SIZES),
      (c, [destination, source]) => {
        c.write(destination, w.zeroExtend(w.signExtend(c.read(source), source.size), destination.size));
      },
    ),
  ),
  define('XCHG', forms(['rm r', 'r m']), (c, [first, second]) => {
    const [place, register] = first.kind === 'register' ? [second, first] : [first, second];
    const value = c.read(register);
    if (place.kind === 'register') {
      const other = c.read(place);
      c.write(place, value);
      c.write(register, other);
      return;
    }
    c.modify(place, (old) => {
      // The register is written after the store can no longer fault: `modify` has translated the address.
      c.write(register, old);
      return value;
    });
  }),
  define('BSWAP', forms(['r'], WORD_SIZES), (c, [operand]) => {
    // With 16 bits the result is undefined; processors write 0.
    const value = operand.size === 2 ? w.i64(0) : c.read(operand);
    c.write(
      operand,
      swapBytes((v) => c.let(v), value, operand.size),
    );
  }),
  define('MOVBE', forms(['r m', 'm r'], WORD_SIZES), (c, [destination, source]) => {
    c.write(
      destination,
      swapBytes((v) => c.let(v), c.read(source), source.size),
    );
  }),
  define(
    'CMOVcc',
    forms(['r rm'], WORD_SIZES),
    (c, [destination, source], { condition }) => {
      // The source is read, and may fault, whatever the condition; a 32-bit destination is always zero-extended.
      const value = c.read(source);
      c.write(destination, w.select(c.flags.condition(condition), value, c.read(destination)));
    },
    { traits: ['condition'] },
  ),
  define(
    'SETcc',
    forms(['rm1']),
    (c, [destination], { condition }) => {
      c.write(destination, w.extendU(c.flags.condition(condition)));
    },
    { traits: ['condition'] },
  ),
  define(
    'CBW',
    forms(['']),
    (c, _operands, { operandSize }) => {
      const half = (operandSize / 2) as Size;
      const value = w.signExtend(c.register(Gpr.RAX, half), half);
      c.setRegister(Gpr.RAX, operandSize, w.zeroExtend(value, operandSize));
    },
    { traits: ['operandSize'], operandSizes: WORD_SIZES },
  ),
  define(
    'CWD',
    forms(['']),
    (c, _operands, { operandSize }) => {
      const sign = w.shrS(w.signExtend(c.register(Gpr.RAX, operandSize), operandSize), w.i64(63));
      c.setRegister(Gpr.RDX, operandSize, w.zeroExtend(sign, operandSize));
    },
    { traits: ['operandSize'], operandSizes: WORD_SIZES },
  ),
  define('MOV_SREG_STORE', forms(['r r2', 'm2 r2'], WORD_SIZES), (c, [destination, selector]) => {
    c.write(destination, c.read(selector));
  }),
  define(
    'XLAT',
    forms(['m1']),
    (c, [table], variant) => {
      const va = c.displacedAddress(c.address(table), c.register(Gpr.RAX, 1), variant, 1, false);
      c.setRegister(Gpr.RAX, 1, c.load(va, 1));
    },
    { traits: ['segmentation', 'addressSize'] },
  ),
  ...['NOP', 'PAUSE', 'LFENCE', 'MFENCE', 'SFENCE', 'ENDBR64', 'ENDBR32'].map((mnemonic) =>
    // NOP is also prefetches and hint NOPs: their operand is not touched. One processor that executes in order has
    // nothing to wait for. Where indirect branches are tracked, ENDBR64 and ENDBR32 are left to cpu/cet.ts.
    define(mnemonic, forms(['']), () => {}),
  ),
  ...['CLFLUSH', 'CLFLUSHOPT', 'CLWB'].map((mnemonic) =>
    // No cache to flush, but the address must be readable.
    define(mnemonic, forms(['m1']), (c, [line]) => {
      c.read(line);
    }),
  ),
];

function swapBytes(hold: (value: w.Value) => w.Value, value: w.Value, size: Size): w.Value {
  if (size === 1) return value;
  if (size === 2) return w.or(w.shrU(value, w.i64(8)), w.and(w.shl(value, w.i64(8)), w.i64(0xff00)));
  // Exchange neighbouring bytes, then words, then doublewords, within 64 bits.
  const exchange = (v: w.Value, mask: bigint, distance: number): w.Value => {
    const held = hold(v);
    const low = w.shl(w.and(held, w.i64(mask)), w.i64(distance));
    return w.or(low, w.and(w.shrU(held, w.i64(distance)), w.i64(mask)));
  };
  const words = exchange(exchange(value, 0x00ff00ff00ff00ffn, 8), 0x0000ffff0000ffffn, 16);
  const swapped = w.rotl(words, w.i64(32));
  return size === 8 ? swapped : w.shrU(swapped, w.i64(32));
}
