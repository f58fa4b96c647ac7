/** Moves of scalars and of halves of XMM registers (SDM vol. 1, sections 5.4.1, 5.5.1, 5.6.1 and 5.6.3). */
import * as simd from '../../../wasm/simd';
import type { Definition } from '../definition';
import { arrange, extractElement, fromInteger, pair, replaceLow } from './lanes';
import { merged } from './merge';
import { defineVector, readScalar, writeVex } from './shapes';

/** MOVSS and MOVSD: from memory with zeros above, between registers with the rest of the first source. */
function moveScalar(mnemonic: string, size: 4 | 8): Definition[] {
  const operand = `m${size}`;
  return [
    ...merged(mnemonic, ['x'], (a, b) => replaceLow(a, b, size)),
    defineVector(mnemonic, [`x ${operand}`], (c, [destination, source]) => {
      c.writeVector(destination, [fromInteger(c.read(source))]);
    }),
    defineVector(`V${mnemonic}`, [`x ${operand}`], (c, [destination, source]) => {
      writeVex(c, destination, [fromInteger(c.read(source))]);
    }),
    ...[mnemonic, `V${mnemonic}`].map((name) =>
      defineVector(name, [`${operand} x`], (c, [destination, source]) => {
        c.write(destination, readScalar(c, source, size));
      }),
    ),
  ];
}

/** Stores half an XMM register. */
function storeHalf(mnemonic: string, half: 0 | 1): Definition[] {
  return [mnemonic, `V${mnemonic}`].map((name) =>
    defineVector(name, ['m8 x'], (c, [destination, source]) => {
      const [value] = c.readVector(source);
      c.write(destination, extractElement(value, 8, half));
    }),
  );
}

/** MOVD and MOVQ between an XMM register and an integer operand: a register written has zeros above. */
function moveInteger(mnemonic: string, size: 4 | 8): Definition[] {
  const [load, store] = [[`x rm${size}`], [`rm${size} x`]];
  return [
    defineVector(mnemonic, load, (c, [destination, source]) => {
      c.writeVector(destination, [fromInteger(c.read(source))]);
    }),
    defineVector(`V${mnemonic}`, load, (c, [destination, source]) => {
      writeVex(c, destination, [fromInteger(c.read(source))]);
    }),
    ...[mnemonic, `V${mnemonic}`].map((name) =>
      defineVector(name, store, (c, [destination, source]) => {
        c.write(destination, readScalar(c, source, size));
      }),
    ),
  ];
}

/** MOVD and MOVQ between an MMX register and an integer operand. */
function moveMmx(mnemonic: string, size: 4 | 8): Definition[] {
  return [
    defineVector(mnemonic, [`p rm${size}`], (c, [destination, source]) => {
      c.requireMmx();
      const value = c.read(source);
      c.useMmx();
      c.write(destination, value);
    }),
    defineVector(mnemonic, [`rm${size} p`], (c, [destination, source]) => {
      c.requireMmx();
      // Of a register of 32 bits the upper half becomes zero as well.
      const value = size === 8 ? c.read(source) : extractElement(fromInteger(c.read(source)), 4, 0);
      c.write(destination, value);
      c.useMmx();
    }),
  ];
}

export const scalarMoves: readonly Definition[] = [
  ...moveScalar('MOVSS', 4),
  ...moveScalar('MOVSD', 8),
  ...['MOVLPS', 'MOVLPD'].flatMap((name) => [
    ...merged(name, ['m8'], (a, b) => replaceLow(a, b, 8)),
    ...storeHalf(name, 0),
  ]),
  ...['MOVHPS', 'MOVHPD'].flatMap((name) => [...merged(name, ['m8'], pair), ...storeHalf(name, 1)]),
  ...merged('MOVHLPS', ['x'], (a, b) => arrange(a, b, 8, [3, 1])),
  ...merged('MOVLHPS', ['x'], pair),
  ...moveInteger('MOVD', 4),
  ...moveInteger('MOVQ', 8),
  ...moveMmx('MOVD', 4),
  ...moveMmx('MOVQ', 8),
  defineVector('MOVQ', ['x x'], (c, [destination, source]) => {
    c.writeVector(destination, [fromInteger(readScalar(c, source, 8))]);
  }),
  defineVector('VMOVQ', ['x x'], (c, [destination, source]) => {
    writeVex(c, destination, [fromInteger(readScalar(c, source, 8))]);
  }),
  defineVector('MOVQ', ['p p'], (c, [destination, source]) => {
    c.requireMmx();
    const value = c.read(source);
    c.useMmx();
    c.write(destination, value);
  }),
  defineVector('MOVNTQ', ['m8 p'], (c, [destination, source]) => {
    c.requireMmx();
    c.write(destination, c.read(source));
    c.useMmx();
  }),
  defineVector('MOVQ2DQ', ['x p'], (c, [destination, source]) => {
    c.requireMmx();
    const value = c.read(source);
    c.useMmx();
    c.writeVector(destination, [fromInteger(value)]);
  }),
  defineVector('MOVDQ2Q', ['p x'], (c, [destination, source]) => {
    c.requireMmx();
    const [value] = c.readVector(source);
    c.useMmx();
    c.write(destination, simd.i64x2.extract(value, 0));
  }),
];
