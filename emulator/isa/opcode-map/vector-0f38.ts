/**
 * The vector instructions of the 0F 38 map: SSSE3, SSE4, AES, SHA, GFNI, AVX, AVX2, F16C and FMA (SDM vol. 2, table
 *
 */
import { byElement, prefixed, with66 } from './vector';
import type { VectorCell, VectorTable } from './vector';

/** SSSE3: on MMX registers and on vectors. */
const integer = (name: string): VectorCell => prefixed(`${name} Pq Qq`, `${name} Vx Hx Wx`);
const absolute = (name: string): VectorCell => prefixed(`${name} Pq Qq`, `${name} Vx Wx`);
/** SSE4: on vectors alone. */
const vector = (name: string): VectorCell => with66(`${name} Vx Hx Wx`);
const sha = (name: string): VectorCell => prefixed(`${name} Vdq Wdq legacy`);
/** AVX2: on doublewords with W0 and on quadwords with W1. */
const elements = (name: string, operands: string): VectorCell =>
  with66(byElement(`${name}D ${operands}`, `${name}Q ${operands}`));

/** Packed and scalar sign and zero extensions: 20 to 25, 30 to 35. */
const extensions = (first: number, name: string): VectorTable => ({
  [first]: with66(`${name}BW Vx Wh`),
  [first + 1]: with66(`${name}BD Vx Wf`),
  [first + 2]: with66(`${name}BQ Vx We`),
  [first + 3]: with66(`${name}WD Vx Wh`),
  [first + 4]: with66(`${name}WQ Vx Wf`),
  [first + 5]: with66(`${name}DQ Vx Wh`),
});

const packedFma = (name: string): VectorCell => with66(byElement(`${name}PS Vx Hx Wx`, `${name}PD Vx Hx Wx`));
const scalarFma = (name: string): VectorCell => with66(byElement(`${name}SS Vdq Hdq Wd`, `${name}SD Vdq Hdq Wq`));

/** The fused multiply-adds of one operand order: 96 to 9F, A6 to AF, B6 to BF. */
const fma = (first: number, order: string): VectorTable => ({
  [first]: packedFma(`VFMADDSUB${order}`),
  [first + 1]: packedFma(`VFMSUBADD${order}`),
  [first + 2]: packedFma(`VFMADD${order}`),
  [first + 3]: scalarFma(`VFMADD${order}`),
  [first + 4]: packedFma(`VFMSUB${order}`),
  [first + 5]: scalarFma(`VFMSUB${order}`),
  [first + 6]: packedFma(`VFNMADD${order}`),
  [first + 7]: scalarFma(`VFNMADD${order}`),
  [first + 8]: packedFma(`VFNMSUB${order}`),
  [first + 9]: scalarFma(`VFNMSUB${order}`),
});

export const vector0F38: VectorTable = {
  0x00: integer('PSHUFB'),
  0x01: integer('PHADDW'),
  0x02: integer('PHADDD'),
  0x03: integer('PHADDSW'),
  0x04: integer('PMADDUBSW'),
  0x05: integer('PHSUBW'),
  0x06: integer('PHSUBD'),
  0x07: integer('PHSUBSW'),
  0x08: integer('PSIGNB'),
  0x09: integer('PSIGNW'),
  0x0a: integer('PSIGND'),
  0x0b: integer('PMULHRSW'),
  0x0c: with66('VPERMILPS Vx Hx Wx W0'),
  0x0d: with66('VPERMILPD Vx Hx Wx W0'),
  0x0e: with66('VTESTPS Vx Wx W0'),
  0x0f: with66('VTESTPD Vx Wx W0'),
  0x10: with66('PBLENDVB Vdq Wdq legacy'),
  0x13: with66('VCVTPH2PS Vx Wh W0'),
  0x14: with66('BLENDVPS Vdq Wdq legacy'),
  0x15: with66('BLENDVPD Vdq Wdq legacy'),
  0x16: with66('VPERMPS Vqq Hqq Wqq W0 L1'),
  0x17: with66('PTEST Vx Wx'),
  0x18: with66('VBROADCASTSS Vx Wd W0'),
  0x19: with66('VBROADCASTSD Vqq Wq W0 L1'),
  0x1a: with66('VBROADCASTF128 Vqq Mdq W0 L1'),
  0x1c: absolute('PABSB'),
  0x1d: absolute('PABSW'),
  0x1e: absolute('PABSD'),
  ...extensions(0x20, 'PMOVSX'),
  0x28: vector('PMULDQ'),
  0x29: vector('PCMPEQQ'),
  0x2a: with66('MOVNTDQA Vx Mx'),
  0x2b: vector('PACKUSDW'),
  0x2c: with66('VMASKMOVPS Vx Hx Mx W0'),
  0x2d: with66('VMASKMOVPD Vx Hx Mx W0'),
  0x2e: with66('VMASKMOVPS Mx Hx Vx W0'),
  0x2f: with66('VMASKMOVPD Mx Hx Vx W0'),
  ...extensions(0x30, 'PMOVZX'),
  0x36: with66('VPERMD Vqq Hqq Wqq W0 L1'),
  0x37: vector('PCMPGTQ'),
  0x38: vector('PMINSB'),
  0x39: vector('PMINSD'),
  0x3a: vector('PMINUW'),
  0x3b: vector('PMINUD'),
  0x3c: vector('PMAXSB'),
  0x3d: vector('PMAXSD'),
  0x3e: vector('PMAXUW'),
  0x3f: vector('PMAXUD'),
  0x40: vector('PMULLD'),
  0x41: with66('PHMINPOSUW Vdq Wdq L0'),
  0x45: elements('VPSRLV', 'Vx Hx Wx'),
  0x46: with66('VPSRAVD Vx Hx Wx W0'),
  0x47: elements('VPSLLV', 'Vx Hx Wx'),
  0x58: with66('VPBROADCASTD Vx Wd W0'),
  0x59: with66('VPBROADCASTQ Vx Wq W0'),
  0x5a: with66('VBROADCASTI128 Vqq Mdq W0 L1'),
  0x78: with66('VPBROADCASTB Vx Wb W0'),
  0x79: with66('VPBROADCASTW Vx Ww W0'),
  0x8c: elements('VPMASKMOV', 'Vx Hx Mx'),
  0x8e: elements('VPMASKMOV', 'Mx Hx Vx'),
  // Doubleword indices of quadwords, and quadword indices of doublewords, are half as many or half as wide
  0x90: with66(byElement('VPGATHERDD Vx VMd Hx', 'VPGATHERDQ Vx VMXq Hx')),
  0x91: with66(byElement('VPGATHERQD Vdq VMd Hdq', 'VPGATHERQQ Vx VMq Hx')),
  0x92: with66(byElement('VGATHERDPS Vx VMd Hx', 'VGATHERDPD Vx VMXq Hx')),
  0x93: with66(byElement('VGATHERQPS Vdq VMd Hdq', 'VGATHERQPD Vx VMq Hx')),
  ...fma(0x96, '132'),
  ...fma(0xa6, '213'),
  ...fma(0xb6, '231'),
  0xc8: sha('SHA1NEXTE'),
  0xc9: sha('SHA1MSG1'),
  0xca: sha('SHA1MSG2'),
  0xcb: sha('SHA256RNDS2'),
  0xcc: sha('SHA256MSG1'),
  0xcd: sha('SHA256MSG2'),
  0xcf: with66('GF2P8MULB Vx Hx Wx W0'),
  0xdb: with66('AESIMC Vdq Wdq L0'),
  0xdc: with66('AESENC Vdq Hdq Wdq L0'),
  0xdd: with66('AESENCLAST Vdq Hdq Wdq L0'),
  0xde: with66('AESDEC Vdq Hdq Wdq L0'),
  0xdf: with66('AESDECLAST Vdq Hdq Wdq L0'),
};
